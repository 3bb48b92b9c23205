//! Optimizers for the [Burn](https://burn.dev) deep-learning framework that exactly reproduce those
//! of PyTorch, Keras, optax, pytorch_optimizer and others.
//!
//! The "same" optimizer gives different numbers in two libraries, because they add epsilon in
//! different places, correct different moments, or start from different accumulators. Here each
//! such choice is a setting, and a [`Preset`] fills in the settings of a library: `book` ("Deep
//! Learning from Scratch"), `theano` (its version for Theano), `torch` (PyTorch 2), `keras` (Keras
//! 3.15), `optax` (optax 0.2.8), `pytorch-optimizer` (pytorch_optimizer 4.1.0) and `burn` (Burn's
//! own). Presets are constructors, such as [`AdamConfig::keras`], and names in a config file.
//! `OPTIMIZERS.md` lists all optimizers with their state, presets and sources; `COVERAGE.md` lists
//! the optimizers of those libraries, and what corresponds to each here; `COMBINATIONS.md` lists
//! what cannot be combined.
//!
//! # One parameter at a time
//!
//! Every optimizer implements Burn's [`Optimizer`](burn::optim::Optimizer), and all but three work
//! wherever Burn takes one: in your own loop, in `burn-train`'s `Learner`, with parameter groups,
//! learning-rate schedulers, gradient clipping and records. The exceptions are [`Momo`],
//! [`MomoAdam`] and [`PolyakSgd`]: they need the loss of each step, which only a [`Descent`] is
//! told.
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
//! [`FormulaConfig`] makes an optimizer of a formula, such as `x = x - learning_rate * sign(g)`,
//! and [`custom`] has the ways to write one in Rust. [`FormulaFunction`] is a function of some
//! numbers as a formula, with its gradient, to try optimizers on.
//!
//! # A whole module at once
//!
//! A [`Descent`], made from a [`DescentConfig`], sees all parameters at once. It adds clipping by
//! the norm of all gradients, optimizers that estimate their rate from all parameters ([`Prodigy`],
//! [`DAdaptAdam`], [`Dog`], [`Dowg`]), groups with their own settings, [schedules](schedule) for
//! the rate and any other number, accumulation, skipping of gradients that are not finite, averages
//! of the weights, lookahead and cautious steps; around any optimizer [`ScheduleFreeAverage`],
//! [`Mechanic`], [`Mars`] and [`LossScale`]. Optimizers that need the loss ([`Momo`], [`MomoAdam`],
//! [`PolyakSgd`]) are [told it](Descent::tell_loss), and [`Sophia`] is told [the diagonal of the
//! Hessian](Descent::tell_hessian_diagonal). Its state is saved and loaded bit for bit.
//! [`Checkpoints`] saves it together with the module, so that a training that is killed goes on
//! where it was. It can be combined with [`SamConfig`].
//!
//! Use [`learner`] to run a descent in a `Learner`, and [`module_optimizer`] to pass it to code
//! that takes a `ModuleOptimizer`. [`coming_from_burn`] maps Burn's names to ours and has recipes.
//!
//! A line of Python such as `optax.adamw(1e-3, b2=0.95)` is read by [`DescentConfig::from_call`].
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
//!   becomes NaN.
//! - Parameters of type `f16` and `bf16` are stepped in `f32`: gradients, norms and all memory are
//!   `f32`, and only the new value is rounded. A step that is smaller than half the resolution of
//!   the type is lost, unless a [`Descent`] keeps an `f32` copy
//!   ([`DescentConfig::with_master_weights`]). `PRECISION.md` says for each optimizer how far it
//!   departs from `f64`, with and without the copy.
//! - A state saved by Burn's `ModuleOptimizer` is loaded in the float type in which it was saved,
//!   onto Burn's default device; the first step moves it to the device of the parameter. If several
//!   backends are built in, the default device is that of the first in Burn's order, even if it
//!   does not start; the environment variable `BURN_DEVICE` selects another. [`Descent::load`]
//!   takes the device as an argument.
//! - The crate never prints and never draws random numbers. It reads and writes files only in
//!   `load`, `save` and [`Checkpoints`].
//!
//! # Features
//!
//! - `flex` (default): on the flex backend the elementwise optimizers step a parameter in one pass,
//!   in place. The results are bit for bit those of tensor operations. The feature adds Burn's flex
//!   backend as a dependency. Turn it off if you compute on other backends only; every optimizer
//!   runs on every backend without it.
//! - `wgpu`, `cuda`: on these backends of CubeCL a [`Descent`] steps the parameters of an
//!   elementwise optimizer together: up to 32 per launch, fewer if the device has too few bindings.
//!   The results differ from those of tensor operations only by rounding. Each feature turns on
//!   Burn's feature of the same name. `cuda` compiles the same code and has never been run.
//! - `fusion`, next to one of these: required if Burn is built with its feature `fusion`, which is
//!   on by default. If Burn has it and this crate does not, the build fails with an error that says
//!   so.
//! - `schema`: all configs have a JSON schema, by the crate `schemars`.

extern crate alloc;

#[doc = include_str!("coming_from_burn.md")]
pub mod coming_from_burn {}
mod batch_statistics;
mod burn_optimizer;
pub mod call;
mod checkpoint;
mod config;
pub mod custom;
mod descent;
mod epsilon;
mod file;
mod formula;
mod hyperparameter;
mod lbfgs;
pub mod learner;
mod message;
pub mod module_optimizer;
mod optimizers;
mod preset;
pub mod rule;
mod sam;
pub mod schedule;
mod setters;
mod settings;
mod similar;
mod weight_decay;

pub use batch_statistics::BatchStatistics;
pub use call::CallError;
pub use checkpoint::{Checkpoint, CheckpointError, Checkpoints, Newest};
pub use descent::{
    Accumulate, AccumulateForm, AdaptiveClip, Descent, DescentConfig, DescentRecordError,
    Description, Ema, EmaStart, FailedStep, GlobalNorm, GlobalNormForm, GradientStage, Group,
    InvalidDescent, Lookahead, LossScale, Mars, Mechanic, Misfit, NonFinite, ParameterDescription,
    Parameters, ScheduleFreeAverage, StepError, StepMask, StepOutcome, Swa, Units, WeightStage,
};
pub use epsilon::EpsilonPlace;
pub use file::FileError;
pub use hyperparameter::InvalidHyperparameter;
pub use lbfgs::{Lbfgs, LbfgsConfig, LbfgsOutcome, LbfgsRecordError, LbfgsStop, LineSearch};
pub use optimizers::*;
pub use preset::{Preset, UnknownPreset};
pub use sam::{SamConfig, SamError};
pub use schedule::{Plateau, PlateauConfig, Schedule};
pub use weight_decay::WeightDecay;

/// The README's code must compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
