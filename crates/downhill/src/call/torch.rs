//! The optimizers of PyTorch.

use serde_json::json;

use super::bound::number_of;
use super::error::CallError;
use super::grammar::Kind;
use super::signature::Meaning::{
    self, Count, Flag, If, Ignored, Negative, Number, Numbers, Other, Rate, Unless,
};
use super::signature::{Argument, Reading, Signature, argument};
use crate::GradientStage;

const LR: Argument = argument("lr", Rate);
const BETAS: Argument = argument("betas", Numbers(&["beta_1", "beta_2"]));
const EPS: Argument = argument("eps", Number("epsilon"));
const L2: Argument = argument("weight_decay", Meaning::Kind("weight_decay", "l2"));
const DECOUPLED: Argument = argument("weight_decay", Meaning::Kind("weight_decay", "decoupled"));
const IS_DECOUPLED: Argument = argument("decoupled_weight_decay", Other(&["weight_decay"]));
const MOMENTUM: Argument = argument("momentum", Number("momentum"));
const AMSGRAD: Argument = argument("amsgrad", If("amsgrad", "raw"));
const MAXIMIZE: Argument = argument("maximize", Other(&[]));
const FOREACH: Argument = argument("foreach", Ignored);
const FUSED: Argument = argument("fused", Ignored);
const CAPTURABLE: Argument = argument("capturable", Ignored);
const DIFFERENTIABLE: Argument = argument("differentiable", Ignored);

/// The optimizers, with the signatures of PyTorch 2.15.0.
pub(super) const SIGNATURES: &[Signature] = &[
    Signature::new(
        "SGD",
        &["sgd", "momentum", "nesterov"],
        &[&[
            LR,
            MOMENTUM,
            argument("dampening", Number("dampening")),
            L2,
            argument("nesterov", Other(&[])),
        ]],
    )
    .named(&[&[MAXIMIZE, FOREACH, DIFFERENTIABLE, FUSED]])
    .finish(sgd),
    Signature::new(
        "Adagrad",
        &["adagrad"],
        &[&[
            LR,
            argument("lr_decay", Number("rate_decay")),
            L2,
            argument("initial_accumulator_value", Number("initial_accumulator")),
            EPS,
            FOREACH,
        ]],
    )
    .named(&[&[MAXIMIZE, DIFFERENTIABLE, FUSED]]),
    Signature::new(
        "Adadelta",
        &["adadelta"],
        &[&[LR, argument("rho", Number("rho")), EPS, L2, FOREACH]],
    )
    .named(&[&[CAPTURABLE, MAXIMIZE, DIFFERENTIABLE]]),
    Signature::new(
        "RMSprop",
        &["rmsprop"],
        &[&[
            LR,
            argument("alpha", Number("rho")),
            EPS,
            L2,
            MOMENTUM,
            argument("centered", Flag("centered")),
            CAPTURABLE,
            FOREACH,
            MAXIMIZE,
            DIFFERENTIABLE,
        ]],
    ),
    Signature::new("Adam", &["adam"], &[&[LR, BETAS, EPS, L2, AMSGRAD]])
        .named(&[&[
            FOREACH,
            MAXIMIZE,
            CAPTURABLE,
            DIFFERENTIABLE,
            FUSED,
            IS_DECOUPLED,
        ]])
        .finish(decay),
    Signature::new(
        "AdamW",
        &["adamw"],
        &[&[LR, BETAS, EPS, DECOUPLED, AMSGRAD]],
    )
    .named(&[&[MAXIMIZE, FOREACH, CAPTURABLE, DIFFERENTIABLE, FUSED]]),
    Signature::new("Adamax", &["adamax"], &[&[LR, BETAS, EPS, L2, FOREACH]]).named(&[&[
        MAXIMIZE,
        DIFFERENTIABLE,
        CAPTURABLE,
    ]]),
    Signature::new(
        "NAdam",
        &["nadam"],
        &[&[
            LR,
            BETAS,
            EPS,
            L2,
            argument(
                "momentum_decay",
                Meaning::Kind("momentum_schedule", "rising"),
            ),
            IS_DECOUPLED,
        ]],
    )
    .named(&[&[FOREACH, MAXIMIZE, CAPTURABLE, DIFFERENTIABLE]])
    .finish(decay),
    Signature::new("RAdam", &["radam"], &[&[LR, BETAS, EPS, L2, IS_DECOUPLED]])
        .named(&[&[FOREACH, MAXIMIZE, CAPTURABLE, DIFFERENTIABLE]])
        .finish(decay),
    Signature::new(
        "ASGD",
        &["asgd"],
        &[&[
            LR,
            argument("lambd", Number("lambda")),
            argument("alpha", Number("alpha")),
            argument("t0", Number("t0")),
            L2,
            FOREACH,
            MAXIMIZE,
            DIFFERENTIABLE,
            CAPTURABLE,
        ]],
    ),
    Signature::new(
        "Rprop",
        &["rprop"],
        &[&[
            LR,
            argument("etas", Numbers(&["eta_minus", "eta_plus"])),
            argument("step_sizes", Numbers(&["min_step_size", "max_step_size"])),
        ]],
    )
    .named(&[&[CAPTURABLE, FOREACH, MAXIMIZE, DIFFERENTIABLE]]),
    Signature::new(
        "Adafactor",
        &["adafactor"],
        &[&[
            LR,
            argument("beta2_decay", Negative("decay_power")),
            argument("eps", Other(&["epsilon", "min_scale"])),
            argument("d", Number("clipping_threshold")),
            DECOUPLED,
        ]],
    )
    .named(&[&[FOREACH, MAXIMIZE]])
    .finish(adafactor),
    Signature::new(
        "SparseAdam",
        &["sparse-adam"],
        &[&[LR, BETAS, EPS, MAXIMIZE]],
    ),
    Signature::new(
        "Muon",
        &["muon"],
        &[&[
            LR,
            DECOUPLED,
            MOMENTUM,
            argument("nesterov", Unless("momentum_kind", "heavy-ball")),
            argument("ns_coefficients", Other(&["ns_coefficients"])),
            EPS,
            argument("ns_steps", Count("ns_steps")),
            argument("adjust_lr_fn", Other(&["scale"])),
        ]],
    )
    .finish(muon),
];

/// What is not covered, and what to do.
pub(super) const NOT_COVERED: &[(&str, &str)] = &[(
    "LBFGS",
    "it computes the loss several times a step; build it in code, with `LbfgsConfig`, or write \
         `lbfgs = {}` in an experiment",
)];

/// Takes over what every optimizer has.
pub(super) fn last(reading: &mut Reading<'_>) -> Result<(), CallError> {
    if reading.bound.some("maximize").is_some() && reading.bound.flag("maximize")? {
        reading.around.gradients.push(GradientStage::Maximize);
    }
    if let Some(value) = reading.bound.get("params")
        && !matches!(value.kind, Kind::Name | Kind::Call(_))
    {
        let message = match value.kind {
            Kind::List(_) => "groups of parameters are not read; write `params` and add the groups",
            _ => "the first value by position is the parameters; name it, as in `lr=0.001`",
        };
        return Err(reading.bound.error("params", message));
    }
    Ok(())
}

fn sgd(reading: &mut Reading<'_>) -> Result<(), CallError> {
    let is_nesterov = reading.bound.flag("nesterov")?;
    let dampening = reading.value("dampening");
    if reading.value("momentum") == 0.0 {
        reading.drop("momentum");
        reading.drop("dampening");
    } else {
        reading.optimizer = "momentum";
    }
    if is_nesterov {
        if reading.optimizer == "sgd" || dampening != 0.0 {
            let message = "`nesterov` requires a momentum and a dampening of 0, as in PyTorch";
            return Err(reading.bound.error("nesterov", message));
        }
        reading.optimizer = "nesterov";
        reading.drop("dampening");
    }
    Ok(())
}

fn decay(reading: &mut Reading<'_>) -> Result<(), CallError> {
    if reading.bound.flag("decoupled_weight_decay")?
        && let Some(lambda) = reading.bound.number("weight_decay")?
    {
        reading.set_kind("weight_decay", "decoupled", lambda);
    }
    Ok(())
}

fn adafactor(reading: &mut Reading<'_>) -> Result<(), CallError> {
    let Some(value) = reading.bound.get("eps") else {
        return Ok(());
    };
    let parts = match &value.kind {
        Kind::List(values) => values.as_slice(),
        _ => &[],
    };
    let [epsilon, scale] = parts else {
        return Err(reading
            .bound
            .must_be("eps", "a tuple of a number or None and a number"));
    };
    match (&epsilon.kind, number_of(epsilon), number_of(scale)) {
        (Kind::None, _, Some(scale)) => reading.set("min_scale", scale),
        (_, Some(epsilon), Some(scale)) => {
            reading.set("epsilon", epsilon);
            reading.set("min_scale", scale);
        }
        _ => {
            return Err(reading
                .bound
                .must_be("eps", "a tuple of a number or None and a number"));
        }
    }
    Ok(())
}

fn muon(reading: &mut Reading<'_>) -> Result<(), CallError> {
    if let Some(coefficients) = reading.bound.numbers("ns_coefficients")? {
        let [a, b, c] = coefficients[..] else {
            return Err((reading.bound).must_be("ns_coefficients", "a tuple of three numbers"));
        };
        reading.set("ns_coefficients", json!([[a, b, c]]));
    }
    match reading.bound.some("adjust_lr_fn").map(|value| &value.kind) {
        None | Some(Kind::Text("original")) => {}
        Some(Kind::Text("match_rms_adamw")) => reading.set("scale", json!({ "rms": 0.2 })),
        Some(Kind::Text("spectral_unclamped")) => reading.set("scale", "aspect-unclamped"),
        Some(_) => {
            let expected = "\"original\", \"match_rms_adamw\", \"spectral_unclamped\" or None";
            return Err(reading.bound.must_be("adjust_lr_fn", expected));
        }
    }
    Ok(())
}
