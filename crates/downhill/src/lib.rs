//! Optimizers for the [Burn](https://burn.dev) deep-learning framework, each exact to the variant
//! that its config names.
//!
//! The "same" optimizer gives different numbers in two libraries because they put epsilon in
//! another place, correct another moment or start from another accumulator. Here each such choice
//! is a setting with a name, and constructors such as [`AdamConfig::book`], [`AdamConfig::theano`]
//! and [`AdamConfig::torch`] fill the settings in:
//!
//! | constructor | settings of |
//! | --- | --- |
//! | `book()` | "Deep Learning from Scratch" (Koki Saitoh), `common/optimizer.py`, which has no AdaDelta |
//! | `theano()` | its Theano cousin, `dnn/optimizers.py` of deep-learning-theano, which has no Nesterov |
//! | `torch()` | PyTorch; also what `Default` gives |
//!
//! | optimizer | state, in tensors per parameter |
//! | --- | --- |
//! | [`Sgd`] | 0 |
//! | [`Momentum`] | 1 |
//! | [`Nesterov`] | 1 |
//! | [`AdaGrad`] | 1 |
//! | [`RmsProp`] | 1 |
//! | [`AdaDelta`] | 2 |
//! | [`Adam`] | 2 |
//!
//! Every optimizer implements Burn's [`Optimizer`](burn::optim::Optimizer), so it serves wherever
//! Burn takes one: a loop of your own, `burn-train`'s `Learner`, parameter groups, learning-rate
//! schedules, gradient clipping, records.
//!
//! ```
//! use burn::nn::{Initializer, LinearConfig};
//! use burn::optim::GradientsParams;
//! use burn::tensor::{Device, Tensor};
//! use downhill::AdamConfig;
//!
//! let device = Device::flex().autodiff();
//! let start = Initializer::Ones;
//! let mut model = LinearConfig::new(3, 1).with_initializer(start).init(&device);
//! let input = Tensor::<2>::ones([4, 3], &device);
//! let config = AdamConfig { learning_rate: 0.1, ..AdamConfig::torch() };
//! let mut optimizer = config.init()?;
//!
//! let loss = |model: &burn::nn::Linear| model.forward(input.clone()).square().mean();
//! let before: f32 = loss(&model).into_scalar();
//! for _ in 0..50 {
//!     let gradients = GradientsParams::from_grads(loss(&model).backward(), &model);
//!     model = optimizer.step(config.learning_rate, model, gradients);
//! }
//! let after: f32 = loss(&model).into_scalar();
//! assert!(after < 0.1 * before);
//! # Ok::<(), downhill::InvalidHyperparameter>(())
//! ```
//!
//! # Conventions
//!
//! - Rules are written with `x` for the parameter, `g` for its gradient and `t` for the number of
//!   the step, counted from 1. All operations are elementwise, for any rank and shape.
//! - Scalars (powers of beta, `1 - beta`, bias corrections) are computed in `f64` whatever the
//!   tensors hold.
//! - Configs have public fields and are checked once, by `build` (the bare rule, for one parameter
//!   group) or `init` (a [`ModuleOptimizer`](burn::optim::ModuleOptimizer) for a whole module). As
//!   in Burn, the learning rate is an argument of each step; a config carries it so that one value
//!   says exactly which training is meant.
//! - Configs read from TOML or JSON refuse unknown keys; missing keys take the `torch()` value.
//! - No weight decay is built in. An L2 penalty belongs into the loss, where it does the same in
//!   every library.
//! - An epsilon of 0 is allowed where the formula allows it; then a coordinate whose gradients were
//!   all 0 becomes NaN. So it does in `f16`, where an epsilon below 6e-8 rounds to 0.
//! - A saved state is loaded in the float type in which it was saved, onto Burn's default device,
//!   from where the first step moves it. With several backends built in, that is the first of them
//!   by Burn's order, whether it starts or not; the variable `BURN_DEVICE` names another.
//! - The crate never reads a file, prints, or draws a random number.
//!
//! # Features
//!
//! - `std` (default): the standard library.

#![cfg_attr(not(feature = "std"), no_std)]

mod adadelta;
mod adagrad;
mod adam;
mod config;
mod epsilon;
mod hyperparameter;
mod momentum;
mod nesterov;
mod rmsprop;
mod sgd;
mod state_record;
#[cfg(test)]
mod two_steps;

pub use adadelta::{AdaDelta, AdaDeltaConfig, AdaDeltaState};
pub use adagrad::{AdaGrad, AdaGradConfig, AdaGradState};
pub use adam::{Adam, AdamConfig, AdamEpsilon, AdamState};
pub use config::OptimizerConfig;
pub use epsilon::EpsilonPlace;
pub use hyperparameter::InvalidHyperparameter;
pub use momentum::{Momentum, MomentumConfig, MomentumForm, MomentumState};
pub use nesterov::{Nesterov, NesterovConfig};
pub use rmsprop::{RmsProp, RmsPropConfig, RmsPropState};
pub use sgd::{Sgd, SgdConfig};

/// The README's code must compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
