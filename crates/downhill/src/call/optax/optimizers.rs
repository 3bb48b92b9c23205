//! The optimizers of optax.

use alloc::vec::Vec;

use serde_json::json;

use crate::MuonConfig;
use crate::call::bound::{Bound, number_of, triple};
use crate::call::error::CallError;
use crate::call::grammar::Kind;
use crate::call::signature::Meaning::{
    self, Count, Flag, If, Ignored, Number, Numbers, Only, Other, Rate, Refused, Scheduled, Unless,
};
use crate::call::signature::{Argument, Reading, Signature, argument, optional, sgd};

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
const NESTEROV_UNLESS: Argument = argument("nesterov", Unless("momentum_kind", "heavy-ball"));
const OPTIMISM: [Argument; 2] = [
    argument("alpha", Number("alpha")),
    argument("beta", Number("beta")),
];
const LOWER_BOUND: [Argument; 2] = [
    argument("lower_bound", Number("lower_bound")),
    argument("adapt_lower_bound", Flag("adapt_lower_bound")),
];
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
const WARMUP: Argument = optional("warmup_steps", Count("warmup_steps"));
const RATE_POWER: Argument = argument("weight_lr_power", Number("rate_power"));

/// Types of 32 bits and more.
pub(super) const FLOATS: &[&str] = &[
    "None",
    "jnp.float32",
    "jnp.float64",
    "\"float32\"",
    "\"float64\"",
];

/// The optimizers, with the signatures of optax 0.2.8.
pub(in crate::call) const SIGNATURES: &[Signature] = &[
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
            argument("bias_correction_nu", Unless("amsgrad", "uncorrected")),
        ]],
    )
    .finish(|reading| {
        reading.default("amsgrad", "corrected");
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
        "contrib.sophia",
        &["sophia"],
        &[&[
            RATE,
            B1,
            B2,
            EPS,
            DECOUPLED,
            DECAY_MASK,
            argument("gamma", Number("gamma")),
            argument("clip_threshold", Number("clip_threshold")),
            // The caller decides when a diagonal is told, and by what it is estimated.
            argument("update_interval", Ignored),
            argument("hessian_diagonal_fn", Ignored),
            MU_DTYPE,
            argument("verbose", Ignored),
            argument("print_win_rate_every_n_steps", Ignored),
        ]],
    ),
    Signature::new(
        "fromage",
        &["fromage"],
        &[&[RATE, argument("min_norm", Number("min_norm"))]],
    ),
    Signature::new(
        "polyak_sgd",
        &["polyak-sgd"],
        &[&[
            argument("max_learning_rate", Number("max_step")),
            argument("scaling", Scheduled),
            argument("f_min", Number("f_min")),
            EPS,
            argument("variant", Other(&["gap"])),
        ]],
    )
    .finish(polyak_sgd),
    Signature::new(
        "contrib.momo",
        &["momo"],
        &[&[
            RATE,
            argument("beta", Number("beta")),
            LOWER_BOUND[0],
            INNER_DECAY,
            LOWER_BOUND[1],
        ]],
    ),
    Signature::new(
        "contrib.momo_adam",
        &["momo-adam"],
        &[&[
            RATE,
            B1,
            B2,
            EPS,
            LOWER_BOUND[0],
            INNER_DECAY,
            LOWER_BOUND[1],
        ]],
    ),
    Signature::new(
        "optimistic_gradient_descent",
        &["optimistic-sgd"],
        &[&[RATE, OPTIMISM[0], OPTIMISM[1]]],
    ),
    Signature::new("optimistic_adam_v2", &["optimistic-adam"], &[&[RATE]]).named(&[
        &OPTIMISM,
        &[B1, B2, EPS, EPS_ROOT, MU_DTYPE, NESTEROV_UNLESS],
    ]),
    Signature::new(
        "optimistic_adam",
        &["optimistic-adam"],
        &[&[
            NUMBER,
            optional("optimism", Other(&["beta"])),
            B1,
            B2,
            EPS,
            EPS_ROOT,
            MU_DTYPE,
        ]],
    )
    .named(&[&[NESTEROV_UNLESS]])
    .finish(|reading| {
        // It is the rate of the change, whose own rate is the other's unless it is given.
        if reading.bound.some("optimism").is_some()
            && let Some(optimism) = reading.bound.number("optimism")?
        {
            let rate = reading.value("learning_rate");
            reading.set("beta", optimism / rate);
        }
        Ok(())
    }),
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
        "contrib.simplified_ademamix",
        &["simplified-ademamix"],
        &[&[
            RATE,
            B1,
            B2,
            argument("alpha", Number("alpha")),
            EPS,
            EPS_ROOT,
            DECOUPLED,
            MASK,
        ]],
    ),
    Signature::new(
        "contrib.acprop",
        &["acprop"],
        &[&[RATE, B1, B2, EPS, EPS_ROOT, DECOUPLED, MASK]],
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
            argument("ns_coeffs", Other(&["ns_coefficients", "ns_steps"])),
            argument("ns_steps", Count("ns_steps")),
            argument("beta", Number("momentum")),
            EPS,
            DECOUPLED,
            DECAY_MASK,
            MU_DTYPE,
        ]],
    )
    .named(&[&[
        NESTEROV_UNLESS,
        argument("adaptive", Flag("adaptive")),
        argument("preconditioning", Other(&["preconditioning"])),
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
        "contrib.galore",
        &["galore"],
        &[&[
            RATE,
            argument("rank", Count("rank")),
            argument("update_proj_gap", Count("projection_frequency")),
            argument("scale", Number("scale")),
            argument("base_optimizer", Other(&["beta_1", "beta_2", "epsilon"])),
            DECOUPLED,
            MASK,
            argument("weight_dimension_numbers", Only(&["None"])),
        ]],
    )
    .finish(galore),
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
        warmed_up(reading)
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
    )
    .finish(warmed_up),
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
const WITH_RATE: [&str; 10] = [
    "polyak_sgd",
    "momo",
    "momo_adam",
    "schedule_free_sgd",
    "schedule_free_adamw",
    "prodigy",
    "dadapt_adamw",
    "dog",
    "dowg",
    "cocob",
];

/// What is not covered, and what to do.
pub(in crate::call) const NOT_COVERED: &[(&str, &str)] = &[
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
        "it computes the loss several times a step; build it in code, with `LbfgsConfig`, or write \
         `lbfgs = {}` in an experiment",
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
pub(in crate::call) fn last(reading: &mut Reading<'_>) -> Result<(), CallError> {
    let call = reading.bound.call;
    if !WITH_RATE.contains(&call.function()) && reading.bound.get("learning_rate").is_none() {
        return Err(call.error(alloc::format!("{} needs `learning_rate`", call.name)));
    }
    Ok(())
}

/// Sets Adam's settings within the projection.
fn galore(reading: &mut Reading<'_>) -> Result<(), CallError> {
    if reading.bound.some("base_optimizer").is_none() {
        return Ok(());
    }
    let call = reading.bound.nested("base_optimizer")?;
    if call.name != "optax.scale_by_adam" {
        let message = "base_optimizer is optax.scale_by_adam here, with b1, b2 and eps";
        return Err(reading.bound.error("base_optimizer", message));
    }
    let bound = Bound::new(call, &["b1", "b2", "eps"], &[])?;
    for (theirs, ours) in [("b1", "beta_1"), ("b2", "beta_2"), ("eps", "epsilon")] {
        if let Some(number) = bound.number(theirs)? {
            reading.set(ours, number);
        }
    }
    Ok(())
}

fn muon(reading: &mut Reading<'_>) -> Result<(), CallError> {
    muon_iterations(reading)?;
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
        "epsilon": bound.number("eps")?.unwrap_or(reading.value("epsilon")),
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

/// The coefficients, and what stands before the first iteration.
fn muon_iterations(reading: &mut Reading<'_>) -> Result<(), CallError> {
    let name = "ns_coeffs";
    let expected = "\"standard\", \"dion\", a tuple of three numbers or a tuple of such tuples";
    if let Some(value) = reading.bound.get(name) {
        // Of several, the number of iterations is theirs.
        let several = match &value.kind {
            Kind::Text("standard") => None,
            Kind::Text("dion") => Some(MuonConfig::DION.to_vec()),
            Kind::List(values) => match triple(value) {
                Some(one) => {
                    reading.set("ns_coefficients", json!([one]));
                    None
                }
                None => {
                    let triples = values.iter().map(triple).collect::<Option<Vec<_>>>();
                    let triples = triples.filter(|triples| !triples.is_empty());
                    Some(triples.ok_or_else(|| reading.bound.must_be(name, expected))?)
                }
            },
            _ => return Err(reading.bound.must_be(name, expected)),
        };
        if let Some(triples) = several {
            let most = reading.bound.count("ns_steps")?.unwrap_or(5) as usize;
            if triples.len() > most {
                let message = alloc::format!(
                    "{} triples are more than the {most} of `ns_steps`, which optax refuses",
                    triples.len()
                );
                return Err(reading.bound.error(name, message));
            }
            reading.set("ns_steps", triples.len());
            reading.set("ns_coefficients", json!(triples));
        }
    }
    let Some(value) = reading.bound.get("preconditioning") else {
        return Ok(());
    };
    match value.kind {
        Kind::Text(kind @ ("frobenius" | "spectral")) => reading.set("preconditioning", kind),
        Kind::Text(kind @ ("aol" | "schatten")) => {
            reading.set("preconditioning", kind);
            // Whatever `eps` is.
            reading.set("epsilon", 1e-8);
            reading.set("epsilon_form", "floor");
        }
        _ => {
            let expected = "\"frobenius\", \"spectral\", \"aol\" or \"schatten\"";
            return Err(reading.bound.must_be("preconditioning", expected));
        }
    }
    Ok(())
}

/// The rate of optax's warm-up of 0 steps is 0 for ever.
fn warmed_up(reading: &mut Reading<'_>) -> Result<(), CallError> {
    match reading.bound.some("warmup_steps").and_then(number_of) {
        Some(0.0) => Err(reading.bound.must_be("warmup_steps", "None or at least 1")),
        _ => Ok(()),
    }
}

fn polyak_sgd(reading: &mut Reading<'_>) -> Result<(), CallError> {
    match reading.bound.get("variant").map(|value| &value.kind) {
        None | Some(Kind::Text("sps")) => {}
        Some(Kind::Text("sps+")) => reading.set("gap", "clipped"),
        Some(_) => return Err(reading.bound.must_be("variant", "\"sps\" or \"sps+\"")),
    }
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
