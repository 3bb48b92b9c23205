//! The limited-memory BFGS method.
//!
//! ```text
//! config.rs       the settings
//! vector.rs       a tensor per parameter: dot products, sums
//! history.rs      steps and turns of the gradient -> direction
//! line_search.rs  direction -> length of the step
//! objective.rs    the module along a line, and its loss
//! record.rs       saved and loaded
//! ```

mod config;
mod history;
mod line_search;
mod objective;
mod record;
mod vector;

use burn::module::Module;
use burn::optim::GradientsParams;

pub use config::{LbfgsConfig, LineSearch};
use history::History;
use line_search::{Line, Trial};
use objective::{Objective, Point, is_trained};
pub use record::LbfgsRecordError;
use vector::Vector;

/// L-BFGS: the inverse Hessian is approximated from the last steps and changes of the gradient.
///
/// ```text
/// s_i = x_{i+1} - x_i,  y_i = g_{i+1} - g_i,  kept if y_i . s_i > 1e-10
/// d_t = -H_t g_t,  where H_t = BFGS's updates by the kept pairs, oldest first, of
///       (y . s) / (y . y) of the newest pair, times the identity;  H_0 = 1
/// x_{t+1} = x_t + step_size * d_t
///
/// without a line search:  step_size = learning_rate
/// strong Wolfe:           step_size starts from learning_rate and is changed until
///                         loss <= loss_t + 1e-4 * step_size * (g_t . d_t)
///                         |g . d_t| <= 0.9 * |g_t . d_t|
/// the very first step:    min(1, 1 / (sum of |g|)) * learning_rate in place of learning_rate
/// ```
///
/// Products are over all parameters together. A [`step`](Self::step) makes several such iterations,
/// each with at least one loss and gradient. The loss must be the same function in all of them: a
/// full batch, or one batch per call, and no new dropout masks. Batch normalization takes each
/// evaluation into its running statistics; [`BatchStatistics`](crate::BatchStatistics) restores or
/// recomputes them.
///
/// Scheme and defaults are those of PyTorch 2.15 (`torch/optim/lbfgs.py`). The tests compare in
/// `f64` for up to 48 iterations, on Rosenbrock's function, a quadratic one with condition number
/// 1e4 and two that mislead a line search. Losses and parameters stay within 1e-10 of PyTorch's
/// without a line search and within 1e-9 with one, with the same numbers of iterations and
/// evaluations. What remains is rounding, at most 2.3e-11. There are two differences in behavior:
/// this one stops when something is not finite (see [`LbfgsStop::NotFinite`]), where PyTorch goes
/// on, and in types narrower than `f64` it combines the sums over the parameters in `f64`.
///
/// Any rank and shape. Only trained parameters with a gradient take part; a gradient that is
/// missing later counts as 0. State: two tensors per parameter, and two more for each pair of the
/// history. Each iteration fetches two numbers from the device for each pair.
///
/// ```
/// # use burn::nn::{Initializer, LinearConfig};
/// # use burn::optim::GradientsParams;
/// # use burn::tensor::{Device, Distribution, Tensor};
/// use downhill::{LbfgsConfig, LineSearch};
///
/// # let device = Device::flex().autodiff();
/// # let start = Initializer::Ones;
/// # let mut model = LinearConfig::new(3, 1).with_initializer(start).init(&device);
/// # let input = Tensor::<2>::from_data([[1., 2., 0.], [0., 1., 3.], [2., 0., 1.], [1., 1., 1.]], &device);
/// # let target = Tensor::<2>::from_data([[1.], [0.], [2.], [1.]], &device);
/// let config = LbfgsConfig::default().with_line_search(LineSearch::StrongWolfe);
/// let mut optimizer = config.build()?;
/// let (model, outcome) = optimizer.step(model, |model: &burn::nn::Linear| {
///     let loss = (model.forward(input.clone()) - target.clone()).square().mean();
///     let gradients = GradientsParams::from_grads(loss.backward(), model);
///     (loss.into_scalar(), gradients)
/// });
/// assert!(outcome.loss < 1e-6 * outcome.initial_loss);
/// # let _ = model;
/// # Ok::<(), downhill::InvalidHyperparameter>(())
/// ```
#[derive(Clone, Debug)]
pub struct Lbfgs {
    config: LbfgsConfig,
    memory: LbfgsMemory,
    iterations: u64,
    evaluations: u64,
}

/// What a call of [`Lbfgs::step`] did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[must_use = "the loss may have become infinite"]
pub struct LbfgsOutcome {
    /// Loss of the module that was given.
    pub initial_loss: f64,
    /// Loss of the module returned. Without a line search and at the maximum of iterations, the
    /// loss before the last of them: PyTorch does not evaluate again.
    pub loss: f64,
    /// Number of iterations.
    pub iterations: usize,
    /// Number of evaluations of loss and gradient.
    pub evaluations: usize,
    /// Reason for the end.
    pub stop: LbfgsStop,
}

/// Why a call of [`Lbfgs::step`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LbfgsStop {
    /// The maximum number of iterations was reached.
    MaxIterations,
    /// The maximum number of evaluations was reached.
    MaxEvaluations,
    /// No element of the gradient is larger than `tolerance_gradient`.
    SmallGradient,
    /// The loss falls by no more than `tolerance_change` per direction.
    SmallSlope,
    /// No parameter moved by more than `tolerance_change`.
    SmallStep,
    /// The loss changed by less than `tolerance_change`.
    SmallChange,
    /// A loss, gradient or product of them is infinite or not a number. The module returned is that
    /// from before the iteration that led there, and the iteration is forgotten. Changes made by
    /// the evaluation itself, such as running statistics of batch normalization, remain.
    NotFinite,
    /// Nothing was done, because two places of the module have the same parameter, see
    /// [`StepError::TiedParameters`](crate::StepError::TiedParameters).
    TiedParameters,
}

/// The state of an [`Lbfgs`].
#[derive(Clone, Debug, Default)]
struct LbfgsMemory {
    /// `None` before the first iteration.
    last: Option<Last>,
    history: History,
}

/// The last iteration.
#[derive(Clone, Debug)]
struct Last {
    direction: Vector,
    step_size: f64,
    /// The gradient before it.
    gradient: Vector,
}

impl Lbfgs {
    fn new(config: LbfgsConfig) -> Self {
        Self {
            config,
            memory: LbfgsMemory::default(),
            iterations: 0,
            evaluations: 0,
        }
    }

    /// Makes up to `max_iterations` iterations. `evaluate` returns the loss of a module and its
    /// gradients.
    ///
    /// The history is forgotten if a parameter stepped before is now frozen or missing, or has
    /// another size or float type. Off the tape, where gradients come from elsewhere, a parameter
    /// is frozen if the first evaluation of the call has no gradient of it.
    pub fn step<M: Module>(
        &mut self,
        module: M,
        evaluate: impl FnMut(&M) -> (f64, GradientsParams),
    ) -> (M, LbfgsOutcome) {
        let mut objective = Objective::new(module, evaluate);
        let mut here = objective.evaluate();
        if let Some(last) = &self.memory.last
            && here.is_finite()
            && !is_trained(&last.direction, objective.module(), &here.gradient)
        {
            self.memory = LbfgsMemory::default();
        }
        let initial_loss = here.loss;
        let mut iterations = 0;
        let stop = if objective.has_tied_parameters() {
            LbfgsStop::TiedParameters
        } else if !here.is_finite() {
            LbfgsStop::NotFinite
        } else if here.gradient.max_abs() <= self.config.tolerance_gradient {
            LbfgsStop::SmallGradient
        } else {
            loop {
                let stop = self.iterate(&mut objective, &mut here, iterations + 1);
                iterations += usize::from(stop != Some(LbfgsStop::NotFinite));
                if let Some(stop) = stop {
                    break stop;
                }
            }
        };
        self.iterations += iterations as u64;
        self.evaluations += objective.evaluations as u64;
        let outcome = LbfgsOutcome {
            initial_loss,
            loss: here.loss,
            iterations,
            evaluations: objective.evaluations,
            stop,
        };
        (objective.into_module(), outcome)
    }

    /// Returns the number of iterations of all calls.
    pub fn iterations(&self) -> u64 {
        self.iterations
    }

    /// Returns the number of evaluations of all calls.
    pub fn evaluations(&self) -> u64 {
        self.evaluations
    }

    /// Makes one step from `here`, the `number`th of this call. Returns why it is the last; `None`
    /// if it is not.
    fn iterate<M: Module, F: FnMut(&M) -> (f64, GradientsParams)>(
        &mut self,
        objective: &mut Objective<M, F>,
        here: &mut Point,
        number: usize,
    ) -> Option<LbfgsStop> {
        let config = &self.config;
        let most_evaluations = config.most_evaluations();
        // Kept only if everything is finite.
        let mut history = self.memory.history.clone();
        let mut first = config.learning_rate;
        match &self.memory.last {
            Some(last) => {
                let step = last.direction.clone().scaled(last.step_size);
                let turn = here.gradient.clone().add_scaled(-1.0, &last.gradient);
                history.learn(step, turn, config.history);
            }
            None => first *= (1.0 / here.gradient.norm_1()).min(1.0),
        }
        let direction = history.direction(&here.gradient);
        let slope = here.gradient.dot(&direction);
        if !slope.is_finite() {
            return Some(LbfgsStop::NotFinite);
        }
        let remember = |step_size: f64| LbfgsMemory {
            last: Some(Last {
                direction: direction.clone(),
                step_size,
                gradient: here.gradient.clone(),
            }),
            history,
        };
        if slope > -config.tolerance_change {
            self.memory = remember(first);
            return Some(LbfgsStop::SmallSlope);
        }

        let longest = direction.max_abs();
        objective.start_line();
        let found = match config.line_search {
            LineSearch::None => {
                objective.go(first, &direction);
                let next = match number == config.max_iterations {
                    true => here.clone(),
                    false => objective.evaluate(),
                };
                next.is_finite().then_some((first, next))
            }
            LineSearch::StrongWolfe => {
                let line = Line {
                    start: here,
                    slope,
                    direction: &direction,
                    longest,
                    tolerance_change: config.tolerance_change,
                    most: most_evaluations - objective.evaluations,
                };
                let found = line.search(first, |step_size| {
                    objective.go(step_size, &direction);
                    objective.evaluate()
                });
                found.map(
                    |Trial {
                         step_size, point, ..
                     }| {
                        objective.go(step_size, &direction);
                        (step_size, point)
                    },
                )
            }
        };
        let Some((step_size, next)) = found else {
            objective.go_back();
            return Some(LbfgsStop::NotFinite);
        };
        self.memory = remember(step_size);
        let before = core::mem::replace(here, next);

        if number == config.max_iterations {
            Some(LbfgsStop::MaxIterations)
        } else if objective.evaluations >= most_evaluations {
            Some(LbfgsStop::MaxEvaluations)
        } else if here.gradient.max_abs() <= config.tolerance_gradient {
            Some(LbfgsStop::SmallGradient)
        } else if longest * step_size <= config.tolerance_change {
            Some(LbfgsStop::SmallStep)
        } else if (here.loss - before.loss).abs() < config.tolerance_change {
            Some(LbfgsStop::SmallChange)
        } else {
            None
        }
    }
}
