//! The optimization of a whole module: an optimizer, and what happens before and after its steps.
//!
//! ```text
//! module, gradients
//!   -> slots.rs, loss_scale.rs, skip,    if anything is done to the gradients
//!      accumulation.rs, gradients.rs
//!   -> mechanic.rs, measures.rs          what is needed of all of them together
//!   -> stepping.rs                       each parameter in turn:
//!        rules                           that of its group, at the settings of the step
//!        mask, averages.rs               what is done with the new weights
//!   -> module
//! ```

mod accumulation;
mod averages;
mod carried;
mod check;
mod config;
mod description;
mod devices;
mod error;
mod first_step;
mod gradients;
mod group;
mod hessian;
mod kept;
mod loss_scale;
mod measures;
mod mechanic;
mod members;
mod order;
mod record;
mod renamed;
mod schedule_free_average;
mod select;
mod settings;
mod slots;
mod state;
mod stepping;
#[cfg(all(test, feature = "flex"))]
mod tests;
#[cfg(feature = "_cubecl")]
mod together;
mod visit;
mod walk;

use burn::module::Module;
use burn::optim::{GradientsParams, StateSource};
use burn::tensor::{DType, Shape, Tensor};

pub use averages::{Ema, EmaStart, Lookahead, Swa, WeightStage};
pub use config::{Accumulate, AccumulateForm, DescentConfig, Group, NonFinite, StepMask};
pub use description::{Description, ParameterDescription};
pub(crate) use error::are_tied;
pub use error::{DescentRecordError, FailedStep, InvalidDescent, Misfit, StepError};
pub use gradients::{AdaptiveClip, GlobalNorm, GlobalNormForm, GradientStage, Mars, Units};
pub use loss_scale::LossScale;
use loss_scale::Scale;
pub use mechanic::Mechanic;
pub use schedule_free_average::ScheduleFreeAverage;
pub use select::Parameters;

pub(crate) use carried::Counts;
pub(crate) use check::tied;
pub(crate) use devices::gather;
pub(crate) use gradients::global_norm;
use group::GroupState;
use order::Order;
use settings::{ChangedSetting, unknown};
use slots::add_pending;
pub(crate) use slots::{Slot, collect, is_trained, map_values, type_of_a_slot};
use state::ModelState;
pub(crate) use state::ParameterState;
pub(crate) use visit::{ParamMapper, ParamVisitor, map_params, visit_params};
use walk::Gradients;

use crate::OptimizerConfig;

/// Optimizes a whole module: one or several optimizers for groups of its parameters, with
/// schedules, accumulation, clipping by the norm of all gradients, and averages of the weights.
///
/// Burn's `ModuleOptimizer` sees one parameter at a time; a descent sees all of them. It stores its
/// state by parameter path.
///
/// ```
/// use burn::nn::{Initializer, Linear, LinearConfig};
/// use burn::optim::GradientsParams;
/// use burn::tensor::{Device, Tensor};
/// use downhill::{AdamConfig, DescentConfig};
///
/// let mut descent = DescentConfig::new(AdamConfig::torch())
///     .with_max_global_norm(1.0)
///     .with_ema(0.9)
///     .build()?;
///
/// let device = Device::flex().autodiff();
/// let start = Initializer::Ones;
/// let mut model = LinearConfig::new(3, 1).with_initializer(start).init(&device);
/// let input = Tensor::<2>::ones([4, 3], &device);
/// for _ in 0..3 {
///     let loss = model.forward(input.clone()).square().mean();
///     let gradients = GradientsParams::from_grads(loss.backward(), &model);
///     (model, _) = descent.step(model, gradients)?;
/// }
/// let averaged = descent.averaged(model.clone());
/// let weight = |model: Linear| model.weight.val().into_data();
/// assert_ne!(weight(averaged), weight(model));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Descent {
    config: DescentConfig,
    /// The parameters of no group, then the groups of the config.
    groups: Vec<GroupState>,
    /// Number of steps.
    steps: u64,
    /// Number of calls since the last step.
    accumulated: u64,
    /// Number of calls skipped.
    skipped: u64,
    /// The loss that the next step is told.
    loss: Option<f64>,
    /// The scale of the loss that gradients are of.
    scale: Scale,
    state: ModelState,
    order: Order,
    /// The settings changed since the descent was built, in order.
    changed: Vec<ChangedSetting>,
    /// Whether the state was loaded, and has not been compared with a module.
    is_unchecked: bool,
    /// The shapes and types of the last module, which fits the config and the state.
    checked: Option<Vec<(Shape, DType)>>,
}

/// What a call of [`Descent::step`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepOutcome {
    /// It stepped the parameters.
    Stepped,
    /// It added the gradients to those of a later step.
    Accumulated,
    /// Nothing: no trained parameter of the module has a gradient. The gradients may have been
    /// taken from `module.valid()`, or belong to another module.
    NoGradients,
    /// Nothing: the gradients of the parameters at these paths are infinite or not numbers. The
    /// list is empty if only the loss is, and an optimizer needs it. See [`NonFinite::Skip`] and
    /// [`LossScale`].
    Skipped(Vec<String>),
}

/// A call that may step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    /// With gradients of its own, which may be added to those of a later step.
    Gradients,
    /// With the gradients that were added up.
    Rest,
}

impl Descent {
    fn new(config: DescentConfig) -> Result<Self, InvalidDescent> {
        error::at_least_one("accumulate.steps", config.accumulate.steps)?;
        for stage in &config.gradients {
            stage.check()?;
        }
        let is_mars = |stage: &&GradientStage| matches!(stage, GradientStage::Mars(_));
        if config.gradients.iter().filter(is_mars).count() > 1 {
            return Err(InvalidDescent::RepeatedStage { name: "mars" });
        }
        for (index, stage) in config.weights.iter().enumerate() {
            stage.check()?;
            let name = stage.name();
            let mut others = config.weights[..index].iter();
            if !stage.may_repeat() && others.any(|other| other.name() == name) {
                return Err(InvalidDescent::RepeatedStage { name });
            }
        }
        for schedule in config.schedules.values() {
            schedule.check()?;
        }
        if let Some(scale) = &config.loss_scale {
            scale.check()?;
        }
        let base_rate = config.optimizer.learning_rate();
        let mut groups = Vec::with_capacity(config.groups.len() + 1);
        groups.push(GroupState::new(config.optimizer.clone(), false, base_rate)?);
        for group in &config.groups {
            let base = group.optimizer.as_ref().unwrap_or(&config.optimizer);
            let mut base = base.clone();
            for (setting, value) in &group.set {
                if !base.set(setting, *value) {
                    return Err(unknown(&base, setting));
                }
            }
            groups.push(GroupState::new(base, group.frozen, base_rate)?);
        }
        for setting in config.schedules.keys() {
            // A weight decay of `None` is the number 0 and takes no other.
            if (groups.iter()).all(|group| !group.base.clone().set(setting, 1.0)) {
                return Err(unknown(&config.optimizer, setting));
            }
        }
        members::check(&config, &groups)?;
        if config.accumulate.steps > 1
            && let Some(optimizer) = told_loss(&groups)
        {
            return Err(InvalidDescent::AccumulatedLoss { optimizer });
        }
        let scale = Scale::first(config.loss_scale.as_ref());
        Ok(Self {
            config,
            groups,
            steps: 0,
            accumulated: 0,
            skipped: 0,
            loss: None,
            scale,
            state: ModelState::default(),
            order: Order::default(),
            changed: Vec::new(),
            is_unchecked: false,
            checked: None,
        })
    }

    /// Steps all parameters that have a gradient, or adds the gradients to those of a later step.
    ///
    /// The arguments are those of Burn's `ModuleOptimizer::step` without the learning rate, which
    /// is a setting here; [`step_at`](Self::step_at) takes it as well.
    ///
    /// A parameter on autodiff's tape that requires no gradient stays unchanged. Off the tape,
    /// where gradients come from elsewhere, every parameter with a gradient is stepped.
    ///
    /// # Errors
    ///
    /// If a schedule moves a setting out of bounds, if an optimizer needs the loss and was not told
    /// it, or if the module does not fit the members of the config or a state that was loaded. The
    /// error holds the module; neither it nor the descent has changed.
    pub fn step<M: Module>(
        &mut self,
        module: M,
        gradients: GradientsParams,
    ) -> Result<(M, StepOutcome), FailedStep<M>> {
        self.step_with(module, gradients, None, Call::Gradients)
    }

    /// Steps with the gradients that were added up since the last step, although fewer calls than
    /// those of the config were made; for the end of an epoch. A mean is that of the calls made.
    /// Returns [`StepOutcome::NoGradients`] if there were none.
    ///
    /// # Errors
    ///
    /// As for [`step`](Self::step).
    pub fn step_accumulated<M: Module>(
        &mut self,
        module: M,
    ) -> Result<(M, StepOutcome), FailedStep<M>> {
        if self.accumulated == 0 {
            return Ok((module, StepOutcome::NoGradients));
        }
        self.step_with(module, GradientsParams::new(), None, Call::Rest)
    }

    /// Like [`step`](Self::step), at this learning rate, for example that of one of Burn's
    /// schedulers. It replaces the config's rate and its schedule. Groups with a rate of their own
    /// keep their ratio to it. 0 is allowed.
    ///
    /// ```
    /// use burn::lr_scheduler::linear::LinearLrSchedulerConfig;
    /// # use burn::nn::{Initializer, LinearConfig};
    /// # use burn::optim::GradientsParams;
    /// # use burn::tensor::{Device, Tensor};
    /// use downhill::{AdamConfig, DescentConfig};
    ///
    /// let mut scheduler = LinearLrSchedulerConfig::new(1e-2, 1e-3, 10).init()?;
    /// let mut descent = DescentConfig::new(AdamConfig::torch()).build()?;
    /// # let device = Device::flex().autodiff();
    /// # let start = Initializer::Ones;
    /// # let mut model = LinearConfig::new(3, 1).with_initializer(start).init(&device);
    /// # let input = Tensor::<2>::ones([4, 3], &device);
    /// for _ in 0..10 {
    ///     let loss = model.forward(input.clone()).square().mean();
    ///     let gradients = GradientsParams::from_grads(loss.backward(), &model);
    ///     let rate = scheduler.step().base();
    ///     (model, _) = descent.step_at(rate, model, gradients)?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`step`](Self::step), and if the rate is negative or not finite.
    pub fn step_at<M: Module>(
        &mut self,
        learning_rate: f64,
        module: M,
        gradients: GradientsParams,
    ) -> Result<(M, StepOutcome), FailedStep<M>> {
        self.step_with(module, gradients, Some(learning_rate), Call::Gradients)
    }

    /// Sets the loss whose gradients the next step gets, before it is multiplied by a
    /// [scale](Self::loss_scale), for an optimizer that
    /// [needs it](Self::needs_loss). Other optimizers ignore it. Each call of `step` uses it up,
    /// except one that returns an error.
    ///
    /// ```
    /// use burn::nn::{Initializer, LinearConfig};
    /// use burn::optim::GradientsParams;
    /// use burn::tensor::{Device, Tensor};
    /// use downhill::{DescentConfig, MomoConfig};
    ///
    /// let mut descent = DescentConfig::new(MomoConfig::optax()).build()?;
    /// # let device = Device::flex().autodiff();
    /// # let start = Initializer::Ones;
    /// # let mut model = LinearConfig::new(3, 1).with_initializer(start).init(&device);
    /// # let input = Tensor::<2>::ones([4, 3], &device);
    /// for _ in 0..3 {
    ///     let loss = model.forward(input.clone()).square().mean();
    ///     let gradients = GradientsParams::from_grads(loss.backward(), &model);
    ///     descent.tell_loss(loss.into_scalar());
    ///     (model, _) = descent.step(model, gradients)?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tell_loss(&mut self, loss: f64) {
        self.loss = Some(loss);
    }

    /// Whether an optimizer of the config needs the loss of each step, as
    /// [`Momo`](crate::Momo), [`MomoAdam`](crate::MomoAdam) and [`PolyakSgd`](crate::PolyakSgd) do.
    pub fn needs_loss(&self) -> bool {
        told_loss(&self.groups).is_some()
    }

    fn step_with<M: Module>(
        &mut self,
        module: M,
        gradients: GradientsParams,
        rate: Option<f64>,
        call: Call,
    ) -> Result<(M, StepOutcome), FailedStep<M>> {
        let loss = self.loss.take();
        if let (None, Some(optimizer)) = (loss, told_loss(&self.groups)) {
            let error = StepError::LossNotTold { optimizer };
            return Err(FailedStep::new(module, error));
        }
        let stepped = self.step_told(module, gradients, rate, call, loss);
        if stepped.is_err() {
            self.loss = loss;
        }
        stepped
    }

    fn step_told<M: Module>(
        &mut self,
        module: M,
        mut gradients: GradientsParams,
        rate: Option<f64>,
        call: Call,
        loss: Option<f64>,
    ) -> Result<(M, StepOutcome), FailedStep<M>> {
        if let Err(error) = self.check_module(&module, &gradients) {
            return Err(FailedStep::new(module, error));
        }
        // A first step that is looked at can still be refused.
        let before = self.looks_at_next_step().then(|| self.clone());
        if self.takes_gradients_one_by_one() {
            if let Err(error) = self.follow_schedules(rate) {
                return Err(FailedStep::new(module, error));
            }
            let rates = self.rates(rate);
            let gradients = Gradients::AsGiven(gradients);
            return self.update_from(before, module, gradients, &rates, &[]);
        }
        if self.is_due(call) {
            add_pending(&module, &mut gradients, |path| {
                (self.state.get(path)).is_some_and(|state| state.gradient.is_some())
            });
        }
        let mut slots = collect(&module, &mut gradients);
        slots.retain(|slot| !self.groups[self.group_of(slot)].frozen);
        if slots.is_empty() && self.accumulated == 0 {
            return Ok((module, StepOutcome::NoGradients));
        }
        if let Err(error) = members::check_slots(&self.config.members, &slots) {
            return Err(FailedStep::new(module, error));
        }
        self.unscale(&mut slots);
        if self.skips() {
            let bad = not_finite(&slots);
            let is_loss_bad = self.needs_loss() && loss.is_some_and(|loss| !loss.is_finite());
            if !bad.is_empty() || is_loss_bad {
                self.skipped += 1;
                if self.config.loss_scale.is_some() {
                    self.scale.shrink();
                }
                return Ok((module, StepOutcome::Skipped(bad)));
            }
        }
        if let Err(error) = self.follow_schedules(rate) {
            return Err(FailedStep::new(module, error));
        }
        if let (Some(config), Call::Gradients) = (&self.config.loss_scale, call) {
            self.scale.grow(config);
        }
        if !self.accumulate(&mut slots, call) {
            return Ok((module, StepOutcome::Accumulated));
        }
        for stage in self.config.gradients.clone() {
            stage.apply(&mut slots, |slot| {
                let last = &mut self.state_mut(slot).last_gradient;
                last.replace(slot.gradient.clone())
            });
        }
        self.estimate_scale(&slots);
        let rates = self.rates(rate);
        let mut sums = self.measure(&slots, &rates);
        let stepped = self.first_places(&slots);
        if let Some(loss) = loss {
            let groups = self.groups.iter().zip(&mut sums);
            let told = groups.filter(|(group, _)| group.rule.needs_loss());
            told.for_each(|(_, sums)| sums.push(loss));
        }
        // Drops the values, so that the module alone holds them.
        let gradients = slots.into_iter().map(|slot| (slot.id, slot.gradient));
        let gradients = Gradients::prepared(gradients);
        let stepped_module = self.update_from(before, module, gradients, &rates, &sums)?;
        self.share_numbers(&stepped);
        Ok(stepped_module)
    }

    /// Updates the module, or returns to `before` if the step is refused.
    fn update_from<M: Module>(
        &mut self,
        before: Option<Self>,
        module: M,
        gradients: Gradients,
        rates: &[f64],
        sums: &[Vec<f64>],
    ) -> Result<(M, StepOutcome), FailedStep<M>> {
        if let Some(before) = before
            && let Err(error) = self.check_first_step(&module, &gradients, rates)
        {
            *self = before;
            return Err(FailedStep::new(module, error));
        }
        Ok(self.update(module, gradients, rates, sums))
    }

    /// Returns the number of steps.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Returns the number of calls skipped because gradients, or a loss that an optimizer needs,
    /// were not finite.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Returns the module to evaluate: with the last of the averages in the config, or with the
    /// mean of a schedule-free optimizer or of averaged gradient descent. Parameters without an
    /// average stay unchanged.
    ///
    /// Running statistics of batch normalization are those of the trained weights;
    /// [`BatchStatistics::recompute`](crate::BatchStatistics::recompute) returns those of the
    /// averages.
    pub fn averaged<M: Module>(&self, module: M) -> M {
        map_values(module, |path, value| {
            let Some(state) = self.state.get(path) else {
                return value;
            };
            let value = state.master.clone().unwrap_or(value);
            let averages = self.config.weights.iter().zip(&state.weights).rev();
            let mut averages = averages.filter_map(|(stage, memory)| stage.read(&value, memory));
            if let Some(average) = averages.next() {
                return average;
            }
            match &self.groups[state.group].base {
                OptimizerConfig::ScheduleFree(config) => config.averaged(value, &state.rule),
                OptimizerConfig::Asgd(_) => state.rule.tensor("average").cloned().unwrap_or(value),
                _ => value,
            }
        })
    }

    /// Returns the module with one of several averages: that of the last stage with this name,
    /// `ema`, `swa`, `lookahead` or `schedule-free`. Parameters without it stay unchanged.
    ///
    /// ```
    /// use burn::nn::LinearConfig;
    /// use burn::tensor::Device;
    /// use downhill::{DescentConfig, Lookahead, SgdConfig};
    ///
    /// let config = DescentConfig::new(SgdConfig::torch()).with_ema(0.9);
    /// let descent = config.with_weights(Lookahead::new(5, 0.5)).build()?;
    /// let model = LinearConfig::new(3, 1).init(&Device::flex());
    /// // `averaged` returns the slow weights of lookahead, which comes last.
    /// assert!(descent.averaged_by("ema", model.clone()).is_ok());
    /// let error = descent.averaged_by("swa", model).unwrap_err();
    /// assert_eq!(error.to_string(), "there is no average `swa`: the config has `ema, lookahead`");
    /// # Ok::<(), downhill::InvalidDescent>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the config has no such stage.
    pub fn averaged_by<M: Module>(&self, name: &str, module: M) -> Result<M, InvalidDescent> {
        let stages = &self.config.weights;
        let is_it = |stage: &WeightStage| stage.is_average() && stage.name() == name;
        let Some(last) = stages.iter().rposition(is_it) else {
            let averages = stages.iter().filter(|stage| stage.is_average());
            return Err(InvalidDescent::UnknownAverage {
                name: name.to_string(),
                averages: averages::names(averages),
            });
        };
        Ok(map_values(module, |path, value| {
            let Some(state) = self.state.get(path) else {
                return value;
            };
            let value = state.master.clone().unwrap_or(value);
            let average = stages[last].read(&value, &state.weights[last]);
            average.unwrap_or(value)
        }))
    }

    /// Reads the state written under a prefix; `None` if it is not complete.
    pub(crate) fn read_state(
        &self,
        prefix: &str,
        source: &mut StateSource,
        slot: &Slot,
    ) -> Option<ParameterState> {
        let (_, shape) = ParameterState::saved_for(prefix, source)?;
        let group = self.group_of(slot);
        let rule = &*self.groups[group].rule;
        let stages = &self.config.weights;
        let device = slot.value.device();
        ParameterState::unflatten(prefix, (group, shape), rule, stages, source, &device)
    }

    fn group_of(&self, slot: &Slot) -> usize {
        self.config.group_of(&slot.path, slot.shape.len())
    }

    /// Whether a call does nothing if gradients are not finite.
    fn skips(&self) -> bool {
        self.config.non_finite == NonFinite::Skip || self.config.loss_scale.is_some()
    }

    /// Whether each parameter is stepped without looking at the gradients of the others.
    fn takes_gradients_one_by_one(&self) -> bool {
        let config = &self.config;
        let nothing_waits = || {
            let mut states = self.state.iter();
            self.accumulated == 0 && states.all(|(_, state)| state.gradient.is_none())
        };
        !self.skips()
            && config.gradients.is_empty()
            && config.accumulate.steps == 1
            && config.members.is_empty()
            && config.mechanic().is_none()
            && self.groups.iter().all(|group| !group.rule.measures())
            && nothing_waits()
    }

    fn state_mut(&mut self, slot: &Slot) -> &mut ParameterState {
        let group = self.group_of(slot);
        let stages = self.config.weights.len();
        let new = || ParameterState::new(group, stages);
        let place = self.state.place_of(&slot.path, new);
        let state = &mut self.state[place];
        // A state loaded before the first step has no group yet.
        state.group = group;
        if state.shape.is_none() {
            state.shape = Some(slot.shape.clone());
        }
        state.move_to(&slot.value.device());
        state
    }
}

/// Returns the first optimizer that needs the loss of each step.
fn told_loss(groups: &[GroupState]) -> Option<&'static str> {
    let told = |group: &&GroupState| !group.frozen && group.rule.needs_loss();
    groups.iter().find(told).map(|group| group.base.name())
}

impl core::fmt::Debug for Descent {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter
            .debug_struct("Descent")
            .field("config", &self.config)
            .field("learning_rate", &self.learning_rate())
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

/// Returns the paths of the gradients that are infinite or not numbers in some element.
fn not_finite(slots: &[Slot]) -> Vec<String> {
    let all_finite = |gradient: Tensor<1>| gradient.is_finite().all().into_scalar::<bool>();
    let is_finite = |slot: &Slot| slot.is_empty() || all_finite(slot.gradient.clone());
    (slots.iter())
        .filter(|slot| !is_finite(slot))
        .map(|slot| slot.path.clone())
        .collect()
}
