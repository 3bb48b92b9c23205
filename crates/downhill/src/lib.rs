//! Optimizers for the [Burn](https://burn.dev) deep-learning framework that reproduce PyTorch,
//! Keras, optax and others exactly, whichever a config asks for.
//!
//! The "same" optimizer gives different numbers in two libraries: epsilon is added in another
//! place, another moment is corrected, or the accumulator starts at another value. Here each such
//! choice is a setting, and a [`Preset`] fills in the settings of a library: `book` ("Deep
//! Learning from Scratch"), `theano` (its version for Theano), `torch` (PyTorch 2), `keras` (Keras
//! 3.15), `optax` (optax 0.2.8) and `burn` (Burn's own). Presets are constructors, such as
//! [`AdamConfig::keras`], and names in a config file. `OPTIMIZERS.md` lists all optimizers with
//! their state, presets and sources.
//!
//! # One parameter at a time
//!
//! Every optimizer implements Burn's [`Optimizer`](burn::optim::Optimizer), so it works wherever
//! Burn takes one: in your own loop, in `burn-train`'s `Learner`, with parameter groups,
//! learning-rate schedulers, gradient clipping and records.
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
//! let config = AdamConfig::torch().with_learning_rate(0.1);
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
//! # A whole module at once
//!
//! A [`Descent`], made from a [`DescentConfig`], sees all parameters at once. It adds clipping by
//! the norm of all gradients, optimizers that estimate their rate from all parameters
//! ([`Prodigy`], [`DAdaptAdam`], [`Dog`], [`Dowg`]), groups with their own settings,
//! [schedules](schedule) for the rate and any other number, accumulation, skipping of gradients
//! that are not finite, averages of the weights, lookahead and cautious steps. Its state is saved
//! and loaded to the bit. It can be combined with [`SamConfig`].
//!
//! [`learner`] puts a descent into a `Learner`, [`module_optimizer`] wherever code asks for a
//! `ModuleOptimizer`. [`coming_from_burn`] has the names side by side, and recipes.
//!
//! # Conventions
//!
//! - Rules are written with `x` for the parameter, `g` for its gradient and `t` for the number of
//!   the step, counted from 1. Most are elementwise, for any rank and shape.
//! - Scalars (powers of beta, `1 - beta`, bias corrections) are computed in `f64` whatever the
//!   tensors hold.
//! - Configs have public fields and a setter for each, and are checked once: by `build`, which
//!   returns the bare rule for a parameter group, or by `init`, which returns a
//!   [`ModuleOptimizer`](burn::optim::ModuleOptimizer) for a module. As in Burn, the learning rate
//!   is then an argument of each step; a config contains it so that one value describes a training
//!   completely.
//! - Configs in TOML or JSON reject unknown keys. Missing keys have the value of the preset, which
//!   by default is the first in the optimizer's row of `OPTIMIZERS.md`.
//! - [`WeightDecay`] is a setting, off by default unless the library has a default. An L2 penalty
//!   in the loss, as in the book, is the same with every library.
//! - Epsilon may be 0 if the formula allows it. A coordinate whose gradients were all 0 then
//!   becomes NaN. So it does in `f16` with an epsilon below 6e-8, which rounds to 0.
//! - A state saved by Burn's `ModuleOptimizer` is loaded in the float type in which it was saved,
//!   onto Burn's default device, from where the first step moves it. With several backends built
//!   in, that is the first of them by Burn's order, whether it starts or not; the variable
//!   `BURN_DEVICE` names another. A [`Descent`] is told the device.
//! - The crate never prints or draws a random number, and reads and writes a file only in `load`
//!   and `save`.
//!
//! # Features
//!
//! - `flex` (default): on the flex backend the elementwise optimizers step a parameter in one pass,
//!   in place, to the same bits as by tensors. It brings in Burn's flex backend; who computes
//!   elsewhere can do without, and every optimizer still runs on every backend.
//! - `wgpu`, `cuda`: on these backends of CubeCL a [`Descent`] steps the parameters of an
//!   elementwise optimizer together, up to 32 in a launch, as many as the device has bindings for;
//!   numbers differ from those by tensors in rounding alone. Each turns Burn's feature of that name
//!   on. `cuda` compiles the same code and has never run.
//! - `fusion`, next to one of these: the same if Burn is built with its fusion, as it is by
//!   default. If Burn has it and this crate does not, the build fails and says so.
//! - `schema`: all configs have a JSON schema, by the crate `schemars`.

extern crate alloc;

#[doc = include_str!("coming_from_burn.md")]
pub mod coming_from_burn {}
mod burn_optimizer;
mod config;
mod descent;
mod epsilon;
mod file;
mod hyperparameter;
mod lbfgs;
pub mod learner;
pub mod module_optimizer;
mod optimizers;
mod preset;
pub mod rule;
mod sam;
pub mod schedule;
mod setters;
mod settings;
mod weight_decay;

pub use descent::{
    Accumulate, AccumulateForm, AdaptiveClip, Descent, DescentConfig, DescentRecordError, Ema,
    EmaStart, FailedStep, GlobalNorm, GlobalNormForm, GradientStage, Group, InvalidDescent,
    Lookahead, NonFinite, Parameters, StepError, StepMask, StepOutcome, Swa, Units, WeightStage,
};
pub use epsilon::EpsilonPlace;
pub use file::FileError;
pub use hyperparameter::InvalidHyperparameter;
pub use lbfgs::{Lbfgs, LbfgsConfig, LbfgsOutcome, LbfgsRecordError, LbfgsStop, LineSearch};
pub use optimizers::*;
pub use preset::{Preset, UnknownPreset};
pub use sam::SamConfig;
pub use schedule::{Plateau, PlateauConfig, Schedule};
pub use weight_decay::WeightDecay;

/// The README's code must compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
