//! Optimizers for the [Burn](https://burn.dev) deep-learning framework, each exact to the variant
//! that its config names.
//!
//! The "same" optimizer gives different numbers in two libraries because they put epsilon in
//! another place, correct another moment or start from another accumulator. Here each such choice
//! is a setting with a name, and a [`Preset`] fills the settings in: `book` ("Deep Learning from
//! Scratch"), `theano` (its Theano cousin), `torch` (PyTorch 2), `keras` (Keras 3.15), `optax`
//! (optax 0.2.8) and `burn` (Burn's own), as constructors such as [`AdamConfig::keras`] or by name
//! in a config file. `OPTIMIZERS.md` in this crate has a table of all optimizers, what they
//! remember, the presets they have and where they come from.
//!
//! # One parameter at a time
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
//! What must see all parameters is a [`Descent`], made from a [`DescentConfig`]: clipping by the
//! norm of all gradients, optimizers that estimate their rate from all parameters of a group
//! ([`Prodigy`],
//! [`DAdaptAdam`], [`Dog`], [`Dowg`]), groups with settings of their own, [schedules](schedule) for
//! the rate and any other number, accumulation, skipping of gradients that are not finite, averages
//! of the weights, lookahead, cautious steps; saved and loaded bit for bit. [`SamConfig`] goes with
//! it.
//! [`learner`] puts a descent into a `Learner`, [`module_optimizer`] wherever code asks for a
//! `ModuleOptimizer`. [`coming_from_burn`] has the names side by side, and recipes.
//!
//! # Conventions
//!
//! - Rules are written with `x` for the parameter, `g` for its gradient and `t` for the number of
//!   the step, counted from 1. Most are elementwise, for any rank and shape.
//! - Scalars (powers of beta, `1 - beta`, bias corrections) are computed in `f64` whatever the
//!   tensors hold.
//! - Configs have public fields and are checked once, by `build` (the bare rule, for one parameter
//!   group) or `init` (a [`ModuleOptimizer`](burn::optim::ModuleOptimizer) for a whole module). As
//!   in Burn, the learning rate is an argument of each step there; a config carries it so that one
//!   value says exactly which training is meant.
//! - Configs read from TOML or JSON refuse unknown keys; missing keys take the value of the preset,
//!   which is the first in the optimizer's row of the table where none is named.
//! - Weight decay is a setting, [`WeightDecay`], none unless the library has one by default. An L2
//!   penalty in the loss, as in the book, does the same in every library.
//! - An epsilon of 0 is allowed where the formula allows it; then a coordinate whose gradients were
//!   all 0 becomes NaN. So it does in `f16`, where an epsilon below 6e-8 rounds to 0.
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
