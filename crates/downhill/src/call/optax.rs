//! The optimizers of optax, and what may stand around them.

use alloc::vec::Vec;

use serde_json::json;

use super::bound::{Bound, list, number_of};
use super::error::CallError;
use super::grammar::{Call, Kind};
use super::schedules::Curve;
use super::signature::Meaning::{
    self, Count, Flag, If, Number, Numbers, Only, Other, Rate, Refused, Scheduled, Unless,
};
use super::signature::{Argument, Reading, Rules, Signature, argument, optional};
use super::similar::similar;
use crate::{
    Accumulate, AccumulateForm, AdaptiveClip, DescentConfig, GlobalNorm, GradientStage, Lookahead,
    OptimizerConfig, Preset, Schedule, Units, WeightDecay,
};

const RATE: Argument = argument("learning_rate", Scheduled);
/// A rate that may not be a schedule.
const NUMBER: Argument = argument("learning_rate", Rate);
const B1: Argument = argument("b1", Number("beta_1"));
const B2: Argument = argument("b2", Number("beta_2"));
const BETAS: Argument = argument("betas", Numbers(&["beta_1", "beta_2"]));
const EPS: Argument = argument("eps", Number("epsilon"));
const EPS_ROOT: Argument = argument("eps_root", Number("epsilon_root"));
const MOMENTUM: Argument = argument("momentum", Number("momentum"));
const MAYBE_MOMENTUM: Argument = optional("momentum", Number("momentum"));
const NESTEROV: Argument = argument("nesterov", If("momentum_kind", "nesterov"));
const L2: Argument = optional("weight_decay", Meaning::Kind("weight_decay", "l2"));
const DECOUPLED: Argument = argument("weight_decay", Meaning::Kind("weight_decay", "decoupled"));
const INNER_DECAY: Argument = argument("weight_decay", Number("inner_decay"));
const MAYBE_INNER_DECAY: Argument = optional("weight_decay", Number("inner_decay"));
const MU_DTYPE: Argument = argument("mu_dtype", Only(&["None"]));
const STATE_DTYPE: Argument = argument("state_dtype", Only(&["None"]));
const ACCUMULATOR_DTYPE: Argument = argument("accumulator_dtype", Only(&["None"]));
const MASK: Argument = argument("mask", Only(&["None"]));
const DECAY_MASK: Argument = argument("weight_decay_mask", Only(&["None"]));
const ESTIMATE: Argument = argument("estim_lr0", Number("initial_d"));
const WARMUP: Argument = optional(
    "warmup_steps",
    Refused(
        "optax's warm-up of the step is one step behind that of the average; leave it out and \
         write a `warm-up` schedule",
    ),
);
const RATE_POWER: Argument = argument("weight_lr_power", Number("rate_power"));

/// Types of 32 bits and more.
const FLOATS: &[&str] = &[
    "None",
    "jnp.float32",
    "jnp.float64",
    "\"float32\"",
    "\"float64\"",
];

/// The optimizers, with the signatures of optax 0.2.8.
pub(super) const SIGNATURES: &[Signature] = &[
    Signature::new(
        "sgd",
        &["sgd", "momentum", "nesterov"],
        &[&[
            RATE,
            MAYBE_MOMENTUM,
            argument("nesterov", Other(&[])),
            ACCUMULATOR_DTYPE,
        ]],
    )
    .finish(sgd),
    Signature::new(
        "adagrad",
        &["adagrad"],
        &[&[
            RATE,
            argument("initial_accumulator_value", Number("initial_accumulator")),
            EPS,
        ]],
    ),
    Signature::new(
        "rmsprop",
        &["rmsprop"],
        &[&[
            RATE,
            argument("decay", Number("rho")),
            EPS,
            argument("initial_scale", Number("initial_mean_square")),
            argument("eps_in_sqrt", Unless("epsilon_place", "outside")),
            argument("centered", Flag("centered")),
            MAYBE_MOMENTUM,
            NESTEROV,
            argument("bias_correction", Flag("bias_correction")),
        ]],
    ),
    Signature::new(
        "adadelta",
        &["adadelta"],
        &[&[RATE, argument("rho", Number("rho")), EPS, L2, DECAY_MASK]],
    ),
    Signature::new(
        "adam",
        &["adam"],
        &[&[RATE, B1, B2, EPS, EPS_ROOT, MU_DTYPE]],
    )
    .named(&[&[NESTEROV]]),
    Signature::new(
        "adamw",
        &["adamw"],
        &[&[RATE, B1, B2, EPS, EPS_ROOT, MU_DTYPE, DECOUPLED, MASK]],
    )
    .named(&[&[NESTEROV]]),
    Signature::new(
        "nadam",
        &["adam"],
        &[&[RATE, B1, B2, EPS, EPS_ROOT, MU_DTYPE]],
    )
    .named(&[&[argument("nesterov", Only(&["True"]))]])
    .finish(|reading| {
        reading.set("momentum_kind", "nesterov");
        Ok(())
    }),
    Signature::new(
        "nadamw",
        &["adamw"],
        &[&[RATE, B1, B2, EPS, EPS_ROOT, MU_DTYPE, DECOUPLED, MASK]],
    )
    .named(&[&[argument("nesterov", Only(&["True"]))]])
    .finish(|reading| {
        reading.set("momentum_kind", "nesterov");
        Ok(())
    }),
    Signature::new(
        "amsgrad",
        &["adam"],
        &[&[
            RATE,
            B1,
            B2,
            EPS,
            EPS_ROOT,
            MU_DTYPE,
            argument("bias_correction_mu", Only(&["True"])),
            argument("bias_correction_nu", Only(&["True"])),
        ]],
    )
    .finish(|reading| {
        reading.set("amsgrad", "corrected");
        Ok(())
    }),
    Signature::new("adamax", &["adamax"], &[&[RATE, B1, B2, EPS]]),
    Signature::new(
        "adamaxw",
        &["adamax"],
        &[&[RATE, B1, B2, EPS, DECOUPLED, MASK]],
    )
    .finish(|reading| {
        reading.default("weight_decay", json!({ "decoupled": 1e-4 }));
        Ok(())
    }),
    Signature::new(
        "radam",
        &["radam"],
        &[&[
            RATE,
            B1,
            B2,
            EPS,
            EPS_ROOT,
            argument("threshold", Number("threshold")),
        ]],
    )
    .named(&[&[NESTEROV]]),
    Signature::new("yogi", &["yogi"], &[&[RATE, B1, B2, EPS]]),
    Signature::new(
        "adabelief",
        &["adabelief"],
        &[&[RATE, B1, B2, EPS, EPS_ROOT]],
    )
    .named(&[&[NESTEROV]]),
    Signature::new(
        "lion",
        &["lion"],
        &[&[RATE, B1, B2, MU_DTYPE, DECOUPLED, MASK]],
    ),
    Signature::new("sign_sgd", &["sign-sgd"], &[&[RATE]]),
    Signature::new(
        "signum",
        &["sign-sgd"],
        &[&[
            RATE,
            argument("beta", Number("momentum")),
            ACCUMULATOR_DTYPE,
        ]],
    )
    .finish(|reading| {
        reading.default("momentum", 0.9);
        Ok(())
    }),
    Signature::new(
        "lars",
        &["lars"],
        &[&[
            RATE,
            L2,
            argument("weight_decay_mask", Only(&["True"])),
            argument("trust_coefficient", Number("trust_coefficient")),
            EPS,
            argument("trust_ratio_mask", Only(&["True"])),
            MOMENTUM,
            NESTEROV,
        ]],
    ),
    Signature::new(
        "lamb",
        &["lamb"],
        &[&[RATE, B1, B2, EPS, EPS_ROOT, INNER_DECAY, MASK]],
    ),
    Signature::new(
        "novograd",
        &["novograd"],
        &[&[RATE, B1, B2, EPS, EPS_ROOT, INNER_DECAY]],
    ),
    Signature::new(
        "rprop",
        &["rprop"],
        &[&[
            NUMBER,
            argument("eta_minus", Number("eta_minus")),
            argument("eta_plus", Number("eta_plus")),
            argument("min_step_size", Number("min_step_size")),
            argument("max_step_size", Number("max_step_size")),
        ]],
    ),
    Signature::new("sm3", &["sm3"], &[&[NUMBER, MOMENTUM]]),
    Signature::new(
        "adafactor",
        &["adafactor"],
        &[&[
            RATE,
            argument("min_dim_size_to_factor", Number("min_dim_size_to_factor")),
            argument("decay_rate", Number("decay_power")),
            argument("decay_offset", Only(&["0"])),
            argument(
                "multiply_by_parameter_scale",
                Flag("multiply_by_parameter_scale"),
            ),
            optional("clipping_threshold", Number("clipping_threshold")),
            MAYBE_MOMENTUM,
            argument("dtype_momentum", Only(FLOATS)),
            optional(
                "weight_decay_rate",
                Meaning::Kind("weight_decay", "independent"),
            ),
            EPS,
            argument("factored", Only(&["True"])),
            DECAY_MASK,
        ]],
    )
    .finish(|reading| {
        let threshold = "clipping_threshold";
        if reading.bound.get(threshold).is_some() && reading.bound.some(threshold).is_none() {
            reading.set(threshold, 0.0);
        }
        Ok(())
    }),
    Signature::new(
        "adan",
        &["adan"],
        &[&[
            RATE,
            B1,
            B2,
            argument("b3", Number("beta_3")),
            EPS,
            EPS_ROOT,
            DECOUPLED,
            MASK,
        ]],
    ),
    Signature::new(
        "contrib.ademamix",
        &["ademamix"],
        &[&[
            RATE,
            B1,
            B2,
            argument("b3", Number("beta_3")),
            argument("alpha", Number("alpha")),
            EPS,
            EPS_ROOT,
            MU_DTYPE,
            DECOUPLED,
            MASK,
        ]],
    ),
    Signature::new(
        "contrib.adopt",
        &["adopt"],
        &[&[RATE, B1, B2, EPS, MU_DTYPE]],
    )
    .named(&[&[
        NESTEROV,
        argument("use_clipping", Flag("use_clipping")),
        argument(
            "clip_value_fn",
            Refused("leave it out, or set `clip_power` in the config"),
        ),
    ]]),
    Signature::new(
        "contrib.madgrad",
        &["madgrad"],
        &[&[RATE, MOMENTUM, L2, EPS]],
    ),
    Signature::new(
        "contrib.muon",
        &["muon"],
        &[&[
            RATE,
            argument(
                "ns_coeffs",
                Only(&["(3.4445, -4.775, 2.0315)", "\"standard\""]),
            ),
            argument("ns_steps", Count("ns_steps")),
            argument("beta", Number("momentum")),
            EPS,
            DECOUPLED,
            DECAY_MASK,
            MU_DTYPE,
        ]],
    )
    .named(&[&[
        argument("nesterov", Unless("momentum_kind", "heavy-ball")),
        argument("adaptive", Only(&["False"])),
        argument("preconditioning", Only(&["\"frobenius\""])),
        argument("adam_b1", Other(&["others"])),
        argument("adam_b2", Other(&["others"])),
        argument("adam_eps_root", Other(&["others"])),
        argument("adam_weight_decay", Other(&["others"])),
        optional("adam_learning_rate", Other(&["others"])),
        argument("muon_weight_dimension_numbers", Only(&["None"])),
        optional("consistent_rms", Meaning::Kind("scale", "rms")),
    ]])
    .finish(muon),
    Signature::new(
        "contrib.schedule_free_sgd",
        &["schedule-free"],
        &[&[
            NUMBER,
            WARMUP,
            B1,
            MAYBE_INNER_DECAY,
            RATE_POWER,
            STATE_DTYPE,
        ]],
    )
    .finish(|reading| {
        reading.default("learning_rate", 1.0);
        reading.set("step", "sgd");
        Ok(())
    }),
    Signature::new(
        "contrib.schedule_free_adamw",
        &["schedule-free"],
        &[&[
            NUMBER,
            WARMUP,
            B1,
            B2,
            EPS,
            INNER_DECAY,
            RATE_POWER,
            STATE_DTYPE,
        ]],
    ),
    Signature::new(
        "contrib.prodigy",
        &["prodigy"],
        &[&[
            RATE,
            BETAS,
            optional("beta3", Number("beta_3")),
            EPS,
            ESTIMATE,
            argument("estim_lr_coef", Number("d_coef")),
            INNER_DECAY,
            argument("safeguard_warmup", If("warmup", "safeguarded")),
        ]],
    )
    .finish(|reading| {
        if reading.bound.get("betas").is_some() {
            let root = libm::sqrt(reading.value("beta_2"));
            reading.default("beta_3", root);
        }
        Ok(())
    }),
    Signature::new(
        "contrib.dadapt_adamw",
        &["d-adapt-adam"],
        &[&[RATE, BETAS, EPS, ESTIMATE, INNER_DECAY]],
    ),
    Signature::new(
        "contrib.dog",
        &["dog"],
        &[&[
            RATE,
            argument("init_step", Other(&["initial_step"])),
            EPS,
            L2,
            MASK,
        ]],
    )
    .finish(dog),
    Signature::new(
        "contrib.dowg",
        &["dowg"],
        &[&[
            RATE,
            optional("init_estim_sq_dist", Number("initial_square_distance")),
            EPS,
            L2,
            MASK,
        ]],
    )
    .finish(|reading| {
        if let Some(epsilon) = reading.bound.number("eps")? {
            reading.default("initial_square_distance", epsilon);
        }
        Ok(())
    }),
    Signature::new(
        "contrib.cocob",
        &["cocob"],
        &[&[RATE, argument("alpha", Number("alpha")), EPS, L2, MASK]],
    ),
];

/// Optimizers whose rate has a default.
const WITH_RATE: [&str; 7] = [
    "schedule_free_sgd",
    "schedule_free_adamw",
    "prodigy",
    "dadapt_adamw",
    "dog",
    "dowg",
    "cocob",
];

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
const BEFORE: [&str; 6] = [
    "clip",
    "clip_by_global_norm",
    "clip_by_block_rms",
    "adaptive_grad_clip",
    "centralize",
    "add_decayed_weights",
];

/// What may stand around an optimizer.
pub(super) const WRAPPERS: [&str; 4] = ["chain", "MultiSteps", "lookahead", "schedule_free"];

/// What is not covered, and what to do.
pub(super) const NOT_COVERED: &[(&str, &str)] = &[
    (
        "apply_if_finite",
        "it gives up after some steps; write the optimizer, and `non_finite = \"skip\"`",
    ),
    (
        "ema",
        "it averages steps, not weights; write the optimizer, and an `ema` in `weights`",
    ),
    (
        "lbfgs",
        "it computes the loss several times a step; build it in code, with `LbfgsConfig`",
    ),
    (
        "multi_transform",
        "write one optimizer, and the others as `groups`",
    ),
    (
        "partition",
        "write one optimizer, and the others as `groups`",
    ),
    (
        "masked",
        "write the optimizer, and a group for the parameters that differ",
    ),
    (
        "inject_hyperparams",
        "write the optimizer inside it; every number can have a schedule",
    ),
];

/// Takes over what every optimizer has.
pub(super) fn last(reading: &mut Reading<'_>) -> Result<(), CallError> {
    let call = reading.bound.call;
    if !WITH_RATE.contains(&call.function()) && reading.bound.get("learning_rate").is_none() {
        return Err(call.error(alloc::format!("{} needs `learning_rate`", call.name)));
    }
    Ok(())
}

/// Reads what stands around an optimizer. `inner` reads the optimizer.
pub(super) fn wrapped(
    call: &Call<'_>,
    inner: fn(&Call<'_>) -> Result<DescentConfig, CallError>,
) -> Result<DescentConfig, CallError> {
    match call.function() {
        "chain" => chain(call, inner),
        "MultiSteps" => {
            let names = [
                "opt",
                "every_k_schedule",
                "use_grad_mean",
                "should_skip_update_fn",
                "accumulator_dtype",
            ];
            let bound = Bound::new(call, &names, &[])?;
            bound.only("should_skip_update_fn", &["None"])?;
            bound.only("accumulator_dtype", FLOATS)?;
            let mut config = inner(bound.nested("opt")?)?;
            let form = match bound.maybe_flag("use_grad_mean")? {
                Some(false) => AccumulateForm::Sum,
                _ => AccumulateForm::Mean,
            };
            let steps = bound.needed_count("every_k_schedule")?;
            config.accumulate = Accumulate::new(steps).with_form(form);
            Ok(config)
        }
        "lookahead" => {
            let names = [
                "fast_optimizer",
                "sync_period",
                "slow_step_size",
                "reset_state",
            ];
            let bound = Bound::new(call, &names, &[])?;
            bound.only("reset_state", &["False"])?;
            let config = inner(bound.nested("fast_optimizer")?)?;
            let slow = Lookahead::new(
                bound.needed_count("sync_period")?,
                bound.needed("slow_step_size")?,
            );
            Ok(config.with_weights(slow))
        }
        _ => schedule_free(call, inner),
    }
}

/// Schedule-free steps of gradient descent.
fn schedule_free(
    call: &Call<'_>,
    inner: fn(&Call<'_>) -> Result<DescentConfig, CallError>,
) -> Result<DescentConfig, CallError> {
    let names = [
        "base_optimizer",
        "learning_rate",
        "b1",
        "weight_lr_power",
        "state_dtype",
    ];
    let bound = Bound::new(call, &names, &[])?;
    bound.only("state_dtype", &["None"])?;
    let base = inner(bound.nested("base_optimizer")?)?;
    let rate = bound.needed("learning_rate")?;
    let mut sgd = OptimizerConfig::preset("sgd", Preset::Optax).and_then(Result::ok);
    if let Some(sgd) = &mut sgd {
        sgd.set("learning_rate", rate);
    }
    if sgd.map(DescentConfig::new) != Some(base) {
        let message = alloc::format!(
            "{} is read around optax.sgd with the same learning rate and nothing else; for Adam \
             write optax.contrib.schedule_free_adamw",
            call.name
        );
        return Err(bound.error("base_optimizer", message));
    }
    let mut settings = json!({ "preset": "optax", "step": "sgd", "learning_rate": rate });
    for (theirs, ours) in [("b1", "beta_1"), ("weight_lr_power", "rate_power")] {
        if let Some(number) = bound.number(theirs)? {
            settings[ours] = json!(number);
        }
    }
    let optimizer = serde_json::from_value(json!({ "schedule-free": settings }));
    let optimizer: OptimizerConfig = optimizer.map_err(|it| call.error(alloc::format!("{it}")))?;
    Ok(DescentConfig::new(optimizer))
}

/// Changes to the gradients, then an optimizer, or a direction and a rate.
fn chain(
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
    let is_wrapped = config.accumulate != Accumulate::default() || !config.weights.is_empty();
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
    argument: &'c super::grammar::Argument<'c>,
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

fn sgd(reading: &mut Reading<'_>) -> Result<(), CallError> {
    let is_nesterov = reading.bound.flag("nesterov")?;
    reading.optimizer = match reading.value("momentum") {
        0.0 => "sgd",
        _ if is_nesterov => "nesterov",
        _ => "momentum",
    };
    if reading.optimizer == "sgd" {
        reading.drop("momentum");
    }
    Ok(())
}

fn muon(reading: &mut Reading<'_>) -> Result<(), CallError> {
    let bound = &reading.bound;
    let kind = match bound.maybe_flag("nesterov")? {
        Some(false) => "heavy-ball",
        _ => "nesterov",
    };
    let own_rate = match bound.some("adam_learning_rate") {
        Some(_) => bound.number("adam_learning_rate")?,
        None => None,
    };
    if own_rate.is_some() && reading.is_scheduled() {
        let message = "`adam_learning_rate` beside a schedule is not covered; leave it out";
        return Err(bound.error("adam_learning_rate", message));
    }
    let mut others = json!({
        "preset": "optax",
        "learning_rate": own_rate.unwrap_or(reading.value("learning_rate")),
        "momentum_kind": kind,
        "epsilon": reading.value("epsilon"),
    });
    let names = [
        ("adam_b1", "beta_1"),
        ("adam_b2", "beta_2"),
        ("adam_eps_root", "epsilon_root"),
    ];
    for (theirs, ours) in names {
        if let Some(number) = bound.number(theirs)? {
            others[ours] = json!(number);
        }
    }
    if let Some(lambda) = bound.number("adam_weight_decay")?
        && lambda != 0.0
    {
        others["weight_decay"] = json!({ "decoupled": lambda });
    }
    reading.set("others", others);
    Ok(())
}

fn dog(reading: &mut Reading<'_>) -> Result<(), CallError> {
    let Some(value) = reading.bound.get("init_step") else {
        return Ok(());
    };
    let parts = match &value.kind {
        Kind::List(values) => values.as_slice(),
        _ => &[],
    };
    let step = match parts {
        [kind, number] => match (&kind.kind, number_of(number)) {
            (Kind::Text("learning_rate"), Some(number)) => Some(json!({ "rate": number })),
            (Kind::Text(kind @ ("distance" | "heuristic")), Some(number)) => {
                Some(json!({ *kind: number }))
            }
            _ => None,
        },
        _ => None,
    };
    let expected = "a tuple of \"distance\", \"learning_rate\" or \"heuristic\" and a number";
    let step = step.ok_or_else(|| reading.bound.must_be("init_step", expected))?;
    reading.set("initial_step", step);
    Ok(())
}
