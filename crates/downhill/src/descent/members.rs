//! Ensembles: several networks in one module, each with a learning rate of its own.

use burn::tensor::{Tensor, TensorData};

use super::config::{DescentConfig, NonFinite, StepMask};
use super::error::{InvalidDescent, StepError};
use super::gradients::GradientStage;
use super::group::GroupState;
use super::slots::Slot;
use crate::rule::Reach;
use crate::weight_decay::WeightDecay;

/// Refuses what would mix the networks of an ensemble, and rates of their own if the steps are not
/// proportional to the rate.
pub(super) fn check(config: &DescentConfig, groups: &[GroupState]) -> Result<(), InvalidDescent> {
    if config.members.is_empty() {
        return Ok(());
    }
    for factor in &config.members {
        crate::hyperparameter::positive("members", *factor)?;
    }
    if let Some(part) = mixing_part(config) {
        return Err(InvalidDescent::MixedMembers { part });
    }
    for group in groups.iter().filter(|group| !group.frozen) {
        let optimizer = group.base.name();
        let proportional = match group.rule.reach() {
            Reach::Others => return Err(InvalidDescent::MixedMembers { part: optimizer }),
            Reach::Itself => false,
            Reach::Proportional => decays_in_proportion(config, group),
        };
        if !proportional && !are_alike(&config.members) {
            return Err(InvalidDescent::RatesOfMembers { optimizer });
        }
    }
    Ok(())
}

/// Returns the part around the optimizers that would mix the networks.
fn mixing_part(config: &DescentConfig) -> Option<&'static str> {
    let stages = config.gradients.iter().find_map(|stage| match stage {
        GradientStage::Maximize | GradientStage::ClipValue(_) => None,
        GradientStage::ClipNorm(_) => Some("clip-norm"),
        GradientStage::ClipRms(_) => Some("clip-rms"),
        GradientStage::ClipGlobalNorm(_) => Some("clip-global-norm"),
        GradientStage::ClipAdaptive(_) => Some("clip-adaptive"),
        GradientStage::Normalize => Some("normalize"),
        GradientStage::Centralize(_) => Some("centralize"),
        GradientStage::Mars(_) => Some("mars"),
    });
    let skips = (config.non_finite == NonFinite::Skip).then_some("non_finite = skip");
    let skips = skips.or(config.loss_scale.map(|_| "loss_scale"));
    let masks = (config.mask == StepMask::Cautious).then_some("mask = cautious");
    let scales = config.mechanic().map(|_| "mechanic");
    stages.or(skips).or(masks).or(scales)
}

fn decays_in_proportion(config: &DescentConfig, group: &GroupState) -> bool {
    let (decay, _) = group.rule.weight_decay_of(&[], 1.0);
    match decay {
        WeightDecay::None
        | WeightDecay::L2(_)
        | WeightDecay::Decoupled(_)
        | WeightDecay::Cautious(_) => true,
        WeightDecay::Independent(lambda) | WeightDecay::Proximal(lambda) => {
            lambda == 0.0 && !config.schedules.contains_key("weight_decay")
        }
    }
}

pub(super) fn are_alike(factors: &[f64]) -> bool {
    factors.iter().all(|factor| *factor == 1.0)
}

/// Checks that the first axis of every parameter holds the networks.
pub(super) fn check_slots(members: &[f64], slots: &[Slot]) -> Result<(), StepError> {
    let fits = |slot: &&Slot| slot.shape.first() == Some(&members.len());
    match slots.iter().find(|slot| !fits(slot)) {
        Some(slot) if !members.is_empty() => Err(StepError::Members {
            members: members.len(),
            path: slot.path.clone(),
            shape: slot.shape.clone(),
        }),
        _ => Ok(()),
    }
}

/// The factors of the networks as a tensor, made once per step.
pub(super) struct OwnRates {
    members: Vec<f64>,
    factors: Option<Tensor<2>>,
}

impl OwnRates {
    pub(super) fn new(members: &[f64]) -> Self {
        Self {
            members: members.to_vec(),
            factors: None,
        }
    }

    /// Returns where each network's own learning rate leads: `before + factor * (x - before)`.
    pub(super) fn apply(&mut self, before: &Tensor<1>, x: Tensor<1>) -> Tensor<1> {
        if are_alike(&self.members) {
            return x;
        }
        let elements = x.dims();
        let rows = [self.members.len(), elements[0] / self.members.len()];
        let factors = self.on_the_device_of(&x);
        let step = (x - before.clone()).reshape(rows) * factors;
        before.clone() + step.reshape(elements)
    }

    fn on_the_device_of(&mut self, x: &Tensor<1>) -> Tensor<2> {
        let fits = |there: &Tensor<2>| there.device() == x.device() && there.dtype() == x.dtype();
        let there = self.factors.take().filter(fits);
        let factors = there.unwrap_or_else(|| {
            let factors = TensorData::new(self.members.clone(), [self.members.len(), 1]);
            Tensor::from_data(factors, (&x.device(), x.dtype()))
        });
        self.factors.insert(factors).clone()
    }
}
