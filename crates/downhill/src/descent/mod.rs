//! The optimization of a whole module: an optimizer, and what stands around it.
//!
//! ```text
//! module, gradients
//!   -> slots.rs, accumulate, skip, gradients.rs   where something is done to the gradients
//!   -> stepping.rs                                each parameter in turn:
//!        rules                                    its group's, at its settings of the step
//!        mask, averages.rs                        what is done with the new weights
//!   -> module
//! ```

mod averages;
#[cfg(feature = "std")]
mod carried;
mod config;
mod gradients;
mod kept;
mod members;
mod order;
mod record;
mod select;
mod slots;
mod stepping;
#[cfg(feature = "_cubecl")]
mod together;

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use burn::module::Module;
use burn::optim::{GradientsParams, StateSource};
use burn::tensor::{Device, Tensor};

pub use averages::{Ema, EmaStart, Lookahead, Swa, WeightStage};
pub use config::{Accumulate, AccumulateForm, DescentConfig, Group, NonFinite, StepMask};
pub use gradients::{AdaptiveClip, GlobalNorm, GlobalNormForm, GradientStage, Units};
pub use record::DescentRecordError;
pub use select::Parameters;

pub(crate) use gradients::global_norm;
pub(crate) use kept::{Kept, KeptOfAll};
use order::Order;
pub(crate) use slots::{Slot, collect, map_values};
use slots::{add_pending, sum};
use stepping::Gradients;

use crate::rule::{DynRule, Parameter};
use crate::{InvalidHyperparameter, OptimizerConfig, ScheduleFree};

/// Optimizes a whole module: one or several optimizers over groups of its parameters, with
/// schedules, accumulation, clipping over all gradients together, averages of the weights.
///
/// What Burn's `ModuleOptimizer` cannot do, since it sees one parameter at a time. Its memory is
/// kept by the parameters' paths.
///
/// ```
/// use burn::module::Module;
/// use burn::nn::{Initializer, LinearConfig};
/// use burn::optim::GradientsParams;
/// use burn::tensor::{Device, Tensor};
/// use downhill::{AdamConfig, DescentConfig, Preset};
///
/// let adamw = AdamConfig::adamw(Preset::Torch)?;
/// let mut descent = DescentConfig::new(adamw)
///     .without_decay_of_vectors()
///     .clipping_global_norm(1.0)
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
///     (model, _) = descent.step(model, gradients);
/// }
/// let averaged = descent.evaluation(model.clone());
/// let weight = |model: burn::nn::Linear| model.weight.val().into_data();
/// assert_ne!(weight(averaged), weight(model));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Descent {
    config: DescentConfig,
    groups: Vec<Member>,
    /// Steps taken.
    steps: u64,
    /// Calls since the last step.
    accumulated: u64,
    /// Calls skipped so far.
    skipped: u64,
    kept: KeptOfAll,
    order: Order,
}

/// A group with what it is stepped by.
#[derive(Clone)]
struct Member {
    /// Its own settings, before schedules.
    base: OptimizerConfig,
    frozen: bool,
    rule: Arc<dyn DynRule>,
}

/// What a call of [`Descent::step`] did.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a call may have done nothing"]
pub enum Outcome {
    /// The parameters were stepped.
    Stepped,
    /// The gradients were taken in, for a later step.
    Accumulated,
    /// Nothing: the gradients of the parameters at these paths were infinite or not numbers.
    Skipped(Vec<String>),
    /// Nothing: a schedule led this setting out of its bounds, or the module has not the members
    /// that the config names.
    Refused(InvalidHyperparameter),
}

/// A [`DescentConfig`] that cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDescent {
    /// A number is out of bounds.
    #[error(transparent)]
    Hyperparameter(#[from] InvalidHyperparameter),
    /// A schedule or group names a setting that its optimizer has not.
    #[error("{optimizer} has no setting `{setting}` that is a number")]
    UnknownSetting {
        /// The optimizer.
        optimizer: &'static str,
        /// The setting named.
        setting: String,
    },
    /// A part of the step would look at several members of an ensemble at once.
    #[error(
        "members must have no part in each other's steps, but {part} looks at several at once; \
         leave it out, or train them one by one"
    )]
    MixedMembers {
        /// The optimizer, or what stands around it.
        part: &'static str,
    },
    /// Members are to have rates of their own, and the steps are not proportional to the rate.
    #[error(
        "members cannot have learning rates of their own with {optimizer} as it is set, whose steps \
         are not proportional to the rate; give all the factor 1, or train them one by one"
    )]
    RatesOfMembers {
        /// The optimizer.
        optimizer: &'static str,
    },
}

impl Descent {
    fn new(config: DescentConfig) -> Result<Self, InvalidDescent> {
        crate::hyperparameter::positive("accumulate.calls", config.accumulate.calls as f64)?;
        for stage in &config.gradients {
            stage.check()?;
        }
        for stage in &config.weights {
            stage.check()?;
        }
        for schedule in config.schedules.values() {
            schedule.check()?;
        }
        let mut groups = Vec::with_capacity(config.groups.len() + 1);
        groups.push(Member::new(config.optimizer.clone(), false)?);
        for group in &config.groups {
            let base = group.optimizer.as_ref().unwrap_or(&config.optimizer);
            let mut base = base.clone();
            for (setting, value) in &group.set {
                if !base.set(setting, *value) {
                    return Err(unknown(&base, setting));
                }
            }
            groups.push(Member::new(base, group.frozen)?);
        }
        for setting in config.schedules.keys() {
            // A decay of no kind has a number, 0, but takes no other.
            if (groups.iter()).all(|group| !group.base.clone().set(setting, 1.0)) {
                return Err(unknown(&config.optimizer, setting));
            }
        }
        members::check(&config, &groups)?;
        Ok(Self {
            config,
            groups,
            steps: 0,
            accumulated: 0,
            skipped: 0,
            kept: KeptOfAll::default(),
            order: Order::default(),
        })
    }

    /// A step of all parameters that have a gradient, or a part of one where gradients are
    /// accumulated. The module comes back in any case.
    ///
    /// On the tape of autodiff a parameter that requires no gradient stays. Off it, where gradients
    /// come from elsewhere, whatever has one is stepped.
    pub fn step<M: Module>(&mut self, module: M, gradients: GradientsParams) -> (M, Outcome) {
        self.step_at(module, gradients, None)
    }

    /// The same at a learning rate that another schedule has found for the optimizer of all
    /// parameters; groups with another rate keep their proportion to it.
    pub(crate) fn step_at<M: Module>(
        &mut self,
        module: M,
        mut gradients: GradientsParams,
        rate: Option<f64>,
    ) -> (M, Outcome) {
        if self.takes_gradients_one_by_one() {
            return match self.follow_schedules() {
                Ok(()) => {
                    let rates = self.rates(rate);
                    let gradients = Gradients::AsGiven(gradients);
                    (
                        self.update(module, gradients, &rates, &[]),
                        Outcome::Stepped,
                    )
                }
                Err(error) => (module, Outcome::Refused(error)),
            };
        }
        if self.is_due() {
            add_pending(&module, &mut gradients, |path| {
                (self.kept.get(path)).is_some_and(|kept| kept.gradient.is_some())
            });
        }
        let mut slots = collect(&module, &mut gradients);
        slots.retain(|slot| !self.groups[self.group_of(slot)].frozen);
        if let Err(error) = members::check_slots(&self.config.members, &slots) {
            return (module, Outcome::Refused(error));
        }
        if self.config.non_finite == NonFinite::Skip {
            let bad = not_finite(&slots);
            if !bad.is_empty() {
                self.skipped += 1;
                return (module, Outcome::Skipped(bad));
            }
        }
        if let Err(error) = self.follow_schedules() {
            return (module, Outcome::Refused(error));
        }
        if !self.accumulate(&mut slots) {
            return (module, Outcome::Accumulated);
        }
        for stage in &self.config.gradients {
            stage.apply(&mut slots);
        }
        let rates = self.rates(rate);
        let sums = self.measure(&slots, &rates);
        // The values go, so that the module alone holds them.
        let gradients = slots.into_iter().map(|slot| (slot.id, slot.gradient));
        let gradients = Gradients::prepared(gradients);
        let module = self.update(module, gradients, &rates, &sums);
        (module, Outcome::Stepped)
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Calls that were skipped for gradients that are not finite.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The learning rate of the next step, for parameters that are in no group.
    pub fn learning_rate(&self) -> f64 {
        self.rate_of(&self.groups[0].base)
    }

    /// A setting of the next step, for parameters that are in no group: `learning_rate` or another
    /// number of the optimizer.
    pub fn get(&self, setting: &str) -> Option<f64> {
        self.scheduled(&self.groups[0].base, setting)
    }

    /// Gives a setting another value from the next step on, or, where it has a schedule, the
    /// schedule another base; for all parameters but those whose group has a value of its own.
    ///
    /// # Errors
    ///
    /// Names the setting that is out of bounds or not there; then nothing is changed.
    pub fn set(&mut self, setting: &str, value: f64) -> Result<(), InvalidDescent> {
        let mut config = self.config.clone();
        if !config.optimizer.set(setting, value) {
            return Err(unknown(&config.optimizer, setting));
        }
        let fresh = Self::new(config)?;
        self.config = fresh.config;
        self.groups = fresh.groups;
        Ok(())
    }

    /// The module as it is to be evaluated: with the last of the averages that the config asks for,
    /// or with the mean of a schedule-free optimizer or of averaged gradient descent. Parameters without one stay as they are.
    pub fn evaluation<M: Module>(&self, module: M) -> M {
        map_values(module, |path, value| {
            let Some(kept) = self.kept.get(path) else {
                return value;
            };
            let averages = self.config.weights.iter().zip(&kept.weights).rev();
            let mut averages = averages.filter_map(|(stage, memory)| stage.read(memory));
            if let Some(average) = averages.next() {
                return average;
            }
            match (
                &self.groups[kept.group].base,
                kept.rule.tensor("descending"),
            ) {
                (OptimizerConfig::ScheduleFree(config), Some(descending)) => {
                    ScheduleFree::evaluation(config.beta_1, value, descending.clone())
                }
                (OptimizerConfig::Asgd(_), _) => {
                    kept.rule.tensor("average").cloned().unwrap_or(value)
                }
                _ => value,
            }
        })
    }

    /// What was written down under a prefix, if it is complete.
    pub(crate) fn read_kept(
        &self,
        prefix: &str,
        source: &mut StateSource,
        device: &Device,
    ) -> Option<Kept> {
        let rule = |group: usize| self.groups.get(group).map(|group| &*group.rule);
        Kept::unflatten(prefix, rule, self.config.weights.len(), source, device)
    }

    fn group_of(&self, slot: &Slot) -> usize {
        self.config.group_of(&slot.path, slot.shape.len())
    }

    /// A setting at the next step.
    fn scheduled(&self, base: &OptimizerConfig, setting: &str) -> Option<f64> {
        let value = base.get(setting)?;
        Some(match self.config.schedules.get(setting) {
            Some(schedule) => schedule.value(value, self.steps),
            None => value,
        })
    }

    fn rate_of(&self, base: &OptimizerConfig) -> f64 {
        let rate = self.scheduled(base, "learning_rate");
        rate.unwrap_or_else(|| base.learning_rate())
    }

    /// Builds each group's rule at its settings of the next step. The learning rate is none of
    /// them: it is an argument of the step and may be 0.
    fn follow_schedules(&mut self) -> Result<(), InvalidHyperparameter> {
        for group in &self.groups {
            if let Some(rate) = self.scheduled(&group.base, "learning_rate") {
                crate::hyperparameter::not_negative("learning_rate", rate)?;
            }
        }
        let settings: Vec<&String> = (self.config.schedules.keys())
            .filter(|setting| *setting != "learning_rate")
            .collect();
        if settings.is_empty() {
            return Ok(());
        }
        let mut rules = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let mut now = group.base.clone();
            for setting in &settings {
                if let Some(value) = self.scheduled(&group.base, setting) {
                    now.set(setting, value);
                }
            }
            rules.push(now.rule()?);
        }
        for (group, rule) in self.groups.iter_mut().zip(rules) {
            group.rule = rule;
        }
        Ok(())
    }

    /// Whether a parameter is stepped without a look at the gradients of the others.
    fn takes_gradients_one_by_one(&self) -> bool {
        let config = &self.config;
        let nothing_waits =
            || self.accumulated == 0 && self.kept.iter().all(|(_, kept)| kept.gradient.is_none());
        config.non_finite == NonFinite::Spread
            && config.gradients.is_empty()
            && config.accumulate.calls == 1
            && config.members.is_empty()
            && self.groups.iter().all(|group| !group.rule.measures())
            && nothing_waits()
    }

    /// Whether this call's gradients are the last before a step. More calls than are wanted may have
    /// been loaded.
    fn is_due(&self) -> bool {
        self.accumulated + 1 >= self.config.accumulate.calls
    }

    /// Takes the gradients in. Whether it is time to step, and then they are the mean or sum of all.
    fn accumulate(&mut self, slots: &mut [Slot]) -> bool {
        let due = self.is_due();
        if due && self.accumulated == 0 {
            return true;
        }
        self.accumulated += 1;
        let share = match self.config.accumulate.form {
            AccumulateForm::Mean => 1.0 / self.accumulated as f64,
            AccumulateForm::Sum => 1.0,
        };
        for slot in slots {
            let group = self.group_of(slot);
            let kept = self.kept_of(slot, group);
            let gradient = slot.gradient.clone();
            let sum = match kept.gradient.take() {
                Some(sum) => sum + gradient,
                None => gradient,
            };
            match due {
                true => slot.gradient = sum.mul_scalar(share),
                false => self.kept_of(slot, group).gradient = Some(sum),
            }
        }
        if due {
            self.accumulated = 0;
        }
        due
    }

    fn kept_of(&mut self, slot: &Slot, group: usize) -> &mut Kept {
        let stages = self.config.weights.len();
        let place = (self.kept).place_of(&slot.path, || Kept::new(group, stages));
        let kept = &mut self.kept[place];
        // A checkpoint may have brought it before its first step, without its group.
        kept.group = group;
        kept
    }

    /// The learning rate of each group.
    fn rates(&self, rate: Option<f64>) -> Vec<f64> {
        let rate_of = |group: &Member| match rate {
            Some(rate) => rate * group.base.learning_rate() / self.groups[0].base.learning_rate(),
            None => self.rate_of(&group.base),
        };
        self.groups.iter().map(rate_of).collect()
    }

    /// What each group's rule needs to know of all its parameters.
    fn measure(&mut self, slots: &[Slot], rates: &[f64]) -> Vec<Vec<f64>> {
        let mut measured: Vec<Vec<Vec<Tensor<1>>>> = alloc::vec![Vec::new(); rates.len()];
        for slot in slots {
            let group = self.group_of(slot);
            let rule = Arc::clone(&self.groups[group].rule);
            if !rule.measures() {
                continue;
            }
            let kept = self.kept_of(slot, group);
            kept.rule.time += 1;
            if slot.is_empty() {
                continue;
            }
            let parameter = Parameter {
                value: slot.value.clone(),
                gradient: slot.gradient.clone(),
                shape: &slot.shape,
            };
            let sums = rule.measure(rates[group], &parameter, &mut kept.rule);
            measured[group].resize_with(sums.len(), Vec::new);
            for (all, one) in measured[group].iter_mut().zip(sums) {
                all.push(one);
            }
        }
        let sum_all = |sums: Vec<Vec<Tensor<1>>>| sums.into_iter().map(sum).collect();
        measured.into_iter().map(sum_all).collect()
    }
}

impl Member {
    fn new(base: OptimizerConfig, frozen: bool) -> Result<Self, InvalidHyperparameter> {
        let rule = base.rule()?;
        Ok(Self { base, frozen, rule })
    }
}

impl core::fmt::Debug for Descent {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter
            .debug_struct("Descent")
            .field("config", &self.config)
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

fn unknown(optimizer: &OptimizerConfig, setting: &str) -> InvalidDescent {
    InvalidDescent::UnknownSetting {
        optimizer: optimizer.name(),
        setting: setting.to_string(),
    }
}

/// The paths of the gradients that hold something infinite or not a number.
fn not_finite(slots: &[Slot]) -> Vec<String> {
    let bad = |slot: &&Slot| {
        !slot.is_empty()
            && !slot
                .gradient
                .clone()
                .is_finite()
                .all()
                .into_scalar::<bool>()
    };
    slots
        .iter()
        .filter(bad)
        .map(|slot| slot.path.clone())
        .collect()
}
