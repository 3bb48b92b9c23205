//! `optax.chain`: changes to the gradients, then an optimizer, or a direction and a rate.

use alloc::vec::Vec;

use crate::call::bound::{Bound, list};
use crate::call::error::CallError;
use crate::call::grammar::{Call, Kind};
use crate::call::optax::optimizers::SIGNATURES;
use crate::call::schedules::Curve;
use crate::call::signature::Rules;
use crate::similar::similar;
use crate::{
    Accumulate, AdaptiveClip, DescentConfig, GlobalNorm, GradientStage, Preset, Schedule, Units,
    WeightDecay, WeightStage,
};

/// What makes a direction of the gradients, with the optimizer that follows it at a rate.
const DIRECTIONS: [(&str, &str); 7] = [
    ("scale_by_adam", "adam"),
    ("scale_by_amsgrad", "amsgrad"),
    ("scale_by_adamax", "adamax"),
    ("scale_by_belief", "adabelief"),
    ("scale_by_radam", "radam"),
    ("scale_by_yogi", "yogi"),
    ("scale_by_lion", "lion"),
];

/// How a direction is read: as its optimizer, without rate and decay.
const DIRECTION: Rules = Rules {
    preset: Preset::Optax,
    before: &[],
    without: &["learning_rate", "weight_decay", "mask"],
    last: |_| Ok(()),
};

/// What may stand before an optimizer in `optax.chain`.
const BEFORE: [&str; 7] = [
    "clip",
    "clip_by_global_norm",
    "clip_by_block_rms",
    "adaptive_grad_clip",
    "centralize",
    "normalize",
    "add_decayed_weights",
];

/// Changes to the gradients, then an optimizer, or a direction and a rate.
pub(super) fn chain(
    call: &Call<'_>,
    inner: fn(&Call<'_>) -> Result<DescentConfig, CallError>,
) -> Result<DescentConfig, CallError> {
    let parts = call
        .arguments
        .iter()
        .map(|argument| part(call, argument))
        .collect::<Result<Vec<_>, _>>()?;
    let is_direction = |part: &&Call<'_>| DIRECTIONS.iter().any(|(it, _)| *it == part.function());
    let last = parts.len().checked_sub(1);
    let Some(at) = parts.iter().position(is_direction).or(last) else {
        return Err(call.error(alloc::format!("{} needs an optimizer", call.name)));
    };
    let (before, after) = (&parts[..at], &parts[at + 1..]);
    let optimizer = parts[at];
    if BEFORE.contains(&optimizer.function()) {
        let message = alloc::format!(
            "{} must come before the optimizer; the last part of {} is the optimizer",
            optimizer.name,
            call.name
        );
        return Err(optimizer.error(message));
    }
    let mut stages = Vec::new();
    let mut decay = None;
    for one in before {
        if decay.is_some() {
            let message = "after `add_decayed_weights` only the optimizer may follow";
            return Err(one.error(message));
        }
        match stage(one)? {
            Before::Stage(stage) => stages.push(stage),
            Before::Decay(lambda) => decay = Some((one, lambda)),
        }
    }
    let mut config = match is_direction(&optimizer) {
        true => directed(optimizer, after)?,
        false => inner(optimizer)?,
    };
    // A decay becomes one of the optimizer, where Mechanic would not see it.
    let may_follow = |stage: &WeightStage| {
        let is_around = matches!(
            stage,
            WeightStage::Mechanic(_) | WeightStage::ScheduleFree(_)
        );
        is_around && decay.is_none()
    };
    let is_wrapped =
        config.accumulate != Accumulate::default() || !config.weights.iter().all(may_follow);
    if at > 0 && is_wrapped {
        let name = optimizer.name;
        let message = alloc::format!("{name} must stand around {}, not in it", call.name);
        return Err(optimizer.error(message));
    }
    if let Some((one, lambda)) = decay {
        let has_none = config.optimizer.get("weight_decay") == Some(0.0);
        if !has_none || !config.gradients.is_empty() {
            return Err(one.error(alloc::format!(
                "{} before {} is not covered: the optimizer has a weight decay of its own, or none",
                one.name,
                optimizer.name
            )));
        }
        set_decay(&mut config, WeightDecay::L2(lambda), one)?;
    }
    stages.append(&mut config.gradients);
    config.gradients = stages;
    Ok(config)
}

/// A part of a chain.
fn part<'c>(
    chain: &Call<'c>,
    argument: &'c crate::call::grammar::Argument<'c>,
) -> Result<&'c Call<'c>, CallError> {
    match (argument.name, &argument.value.kind) {
        (None, Kind::Call(part)) => Ok(part),
        _ => {
            let message = alloc::format!("a part of {} must be a call", chain.name);
            Err(CallError::at(chain.text, argument.at, message))
        }
    }
}

/// A direction, then perhaps a weight decay, then a rate.
fn directed(direction: &Call<'_>, after: &[&Call<'_>]) -> Result<DescentConfig, CallError> {
    let name = direction.function();
    let optimizer = DIRECTIONS.iter().find(|(it, _)| *it == name);
    let signature = SIGNATURES.iter();
    let signature = signature
        .clone()
        .find(|it| Some(it.name) == optimizer.map(|(_, it)| *it));
    let wrong = || {
        direction.error(alloc::format!(
            "{} must be followed by optax.scale_by_learning_rate(..) or optax.scale(..) with a \
             number below 0; between them there may be an optax.add_decayed_weights(..)",
            direction.name
        ))
    };
    let mut config = signature.ok_or_else(wrong)?.read(direction, &DIRECTION)?;
    let (decay, rate) = match after {
        [rate] => (WeightDecay::None, rate),
        [decay, rate] if decay.function() == "add_decayed_weights" => match stage(decay)? {
            Before::Decay(lambda) => (WeightDecay::Decoupled(lambda), rate),
            Before::Stage(_) => return Err(wrong()),
        },
        _ => return Err(wrong()),
    };
    let Curve { base, schedule } = match rate.function() {
        "scale_by_learning_rate" => {
            let bound = Bound::new(rate, &["learning_rate"], &["flip_sign"])?;
            bound.only("flip_sign", &["True"])?;
            Curve::of_rate(&bound, "learning_rate")?
        }
        "scale" => {
            let step = Bound::new(rate, &["step_size"], &[])?.needed("step_size")?;
            match step < 0.0 {
                true => Curve::constant(-step),
                false => return Err(wrong()),
            }
        }
        _ => return Err(wrong()),
    };
    set_decay(&mut config, decay, direction)?;
    config.optimizer.set("learning_rate", base);
    match schedule {
        Schedule::Constant => Ok(config),
        schedule => Ok(config.with_schedule("learning_rate", schedule)),
    }
}

/// Gives an optimizer a weight decay.
fn set_decay(
    config: &mut DescentConfig,
    decay: WeightDecay,
    call: &Call<'_>,
) -> Result<(), CallError> {
    let error = |error: serde_json::Error| call.error(alloc::format!("{error}"));
    let mut written = serde_json::to_value(&config.optimizer).map_err(error)?;
    for settings in written
        .as_object_mut()
        .into_iter()
        .flat_map(|it| it.values_mut())
    {
        settings["weight_decay"] = serde_json::to_value(decay).map_err(error)?;
    }
    config.optimizer = serde_json::from_value(written).map_err(error)?;
    Ok(())
}

/// What stands before an optimizer.
enum Before {
    Stage(GradientStage),
    /// A weight decay in the gradient, with this lambda.
    Decay(f64),
}

fn stage(call: &Call<'_>) -> Result<Before, CallError> {
    let bound = |names: &[&'static str]| Bound::new(call, names, &[]);
    Ok(Before::Stage(match call.function() {
        "clip" => GradientStage::ClipValue(bound(&["max_delta"])?.needed("max_delta")?),
        "clip_by_global_norm" => GlobalNorm::new(bound(&["max_norm"])?.needed("max_norm")?).into(),
        "clip_by_block_rms" => GradientStage::ClipRms(bound(&["threshold"])?.needed("threshold")?),
        "adaptive_grad_clip" => {
            let bound = bound(&["clipping", "eps", "axis"])?;
            bound.only("axis", &["None"])?;
            let clip = AdaptiveClip::new(bound.needed("clipping")?);
            let least = bound.number("eps")?.unwrap_or(clip.min_norm);
            clip.with_min_norm(least).into()
        }
        "centralize" => {
            bound(&[])?;
            GradientStage::Centralize(Units::First)
        }
        "normalize" => {
            bound(&[])?;
            GradientStage::Normalize
        }
        "add_decayed_weights" => {
            let bound = bound(&["weight_decay", "mask"])?;
            bound.only("mask", &["None"])?;
            return Ok(Before::Decay(bound.number("weight_decay")?.unwrap_or(0.0)));
        }
        other => {
            let remedy = match similar(other, BEFORE) {
                Some(meant) => alloc::format!("did you mean `{meant}`?"),
                None => alloc::format!("those that are read are {}", list(&BEFORE)),
            };
            let message =
                alloc::format!("{} before an optimizer is not covered; {remedy}", call.name);
            return Err(call.error(message));
        }
    }))
}
