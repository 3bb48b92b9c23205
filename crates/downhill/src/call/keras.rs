//! The optimizers of Keras.

use serde_json::json;

use super::bound::Bound;
use super::error::CallError;
use super::grammar::Call;
use super::signature::Meaning::{
    self, Count, Flag, If, Ignored, Negative, Number, Only, Other, Scheduled, Unless,
};
use super::signature::{Argument, Reading, Signature, argument, optional, sgd};
use crate::schedule::WarmUp;
use crate::{Accumulate, DescentConfig, Ema, GlobalNorm, GradientStage, LossScale, WeightStage};

const RATE: Argument = argument("learning_rate", Scheduled);
const BETA_1: Argument = argument("beta_1", Number("beta_1"));
const BETA_2: Argument = argument("beta_2", Number("beta_2"));
const EPSILON: Argument = argument("epsilon", Number("epsilon"));
const MOMENTUM: Argument = argument("momentum", Number("momentum"));
const RHO: Argument = argument("rho", Number("rho"));
const AMSGRAD: Argument = argument("amsgrad", If("amsgrad", "raw"));
const DECAY: Argument = optional("weight_decay", Meaning::Kind("weight_decay", "decoupled"));
const ACCUMULATOR: Argument = argument("initial_accumulator_value", Number("initial_accumulator"));

/// The arguments of every optimizer after its own and the weight decay.
const COMMON: &[Argument] = &[
    optional("clipnorm", Other(&[])),
    optional("clipvalue", Other(&[])),
    optional("global_clipnorm", Other(&[])),
    argument("use_ema", Other(&[])),
    argument("ema_momentum", Other(&[])),
    optional("ema_overwrite_frequency", Other(&[])),
    argument("loss_scale_factor", Only(&["None"])),
    optional("gradient_accumulation_steps", Other(&[])),
    argument("name", Ignored),
];

/// Arguments of earlier versions.
const FORMER: &[Argument] = &[
    argument("jit_compile", Ignored),
    argument("decay", Only(&["None", "0"])),
];

/// An optimizer with its own arguments, then the weight decay and those of every optimizer.
const fn optimizer(
    name: &'static str,
    optimizers: &'static [&'static str],
    positional: &'static [&'static [Argument]],
) -> Signature {
    Signature::new(name, optimizers, positional).named(&[FORMER])
}

/// The optimizers, with the signatures of Keras 3.15.1.
pub(super) const SIGNATURES: &[Signature] = &[
    optimizer(
        "SGD",
        &["sgd", "momentum", "nesterov"],
        &[
            &[RATE, MOMENTUM, argument("nesterov", Other(&[])), DECAY],
            COMMON,
        ],
    )
    .finish(sgd),
    optimizer(
        "RMSprop",
        &["rmsprop"],
        &[
            &[
                RATE,
                RHO,
                MOMENTUM,
                EPSILON,
                argument("centered", Flag("centered")),
                DECAY,
            ],
            COMMON,
        ],
    ),
    optimizer(
        "Adagrad",
        &["adagrad"],
        &[&[RATE, ACCUMULATOR, EPSILON, DECAY], COMMON],
    ),
    optimizer(
        "Adadelta",
        &["adadelta"],
        &[&[RATE, RHO, EPSILON, DECAY], COMMON],
    ),
    optimizer(
        "Adam",
        &["adam"],
        &[&[RATE, BETA_1, BETA_2, EPSILON, AMSGRAD, DECAY], COMMON],
    ),
    optimizer(
        "AdamW",
        &["adamw"],
        &[
            &[
                RATE,
                argument("weight_decay", Meaning::Kind("weight_decay", "decoupled")),
                BETA_1,
                BETA_2,
                EPSILON,
                AMSGRAD,
            ],
            COMMON,
        ],
    ),
    optimizer(
        "Adamax",
        &["adamax"],
        &[&[RATE, BETA_1, BETA_2, EPSILON, DECAY], COMMON],
    ),
    optimizer(
        "Nadam",
        &["nadam"],
        &[&[RATE, BETA_1, BETA_2, EPSILON, DECAY], COMMON],
    ),
    optimizer("Lion", &["lion"], &[&[RATE, BETA_1, BETA_2, DECAY], COMMON]),
    optimizer(
        "Ftrl",
        &["ftrl"],
        &[
            &[
                RATE,
                argument("learning_rate_power", Number("learning_rate_power")),
                ACCUMULATOR,
                argument("l1_regularization_strength", Number("l1")),
                argument("l2_regularization_strength", Number("l2")),
                argument(
                    "l2_shrinkage_regularization_strength",
                    Number("l2_shrinkage"),
                ),
                argument("beta", Number("beta")),
                DECAY,
            ],
            COMMON,
        ],
    ),
    optimizer(
        "Adafactor",
        &["adafactor"],
        &[
            &[
                RATE,
                argument("beta_2_decay", Negative("decay_power")),
                argument("epsilon_1", Number("epsilon")),
                argument("epsilon_2", Number("min_scale")),
                argument("clip_threshold", Number("clipping_threshold")),
                // Keras caps the rate whatever this says.
                argument("relative_step", Ignored),
                DECAY,
            ],
            COMMON,
        ],
    ),
    optimizer(
        "Lamb",
        &["lamb"],
        &[&[RATE, BETA_1, BETA_2, EPSILON, DECAY], COMMON],
    ),
    optimizer(
        "Muon",
        &["muon"],
        &[
            &[
                RATE,
                argument("adam_beta_1", Other(&["others"])),
                argument("adam_beta_2", Other(&["others"])),
                optional("adam_weight_decay", Other(&["others"])),
                argument("epsilon", Number("epsilon")),
                DECAY,
            ],
            COMMON,
            &[
                argument("exclude_layers", Only(&["None"])),
                argument("exclude_embeddings", Ignored),
                argument("muon_a", Other(&["ns_coefficients"])),
                argument("muon_b", Other(&["ns_coefficients"])),
                argument("muon_c", Other(&["ns_coefficients"])),
                argument("adam_lr_ratio", Other(&["others"])),
                MOMENTUM,
                argument("ns_steps", Count("ns_steps")),
                argument("nesterov", Unless("momentum_kind", "heavy-ball")),
                optional("rms_rate", Meaning::Kind("scale", "rms")),
            ],
        ],
    )
    .finish(muon),
    optimizer(
        "ScheduleFreeAdamW",
        &["schedule-free"],
        &[
            &[
                RATE,
                BETA_1,
                BETA_2,
                EPSILON,
                argument("warmup_steps", Other(&[])),
                DECAY,
            ],
            COMMON,
        ],
    )
    .finish(schedule_free),
];

/// What may stand around an optimizer.
pub(super) const WRAPPERS: [&str; 1] = ["LossScaleOptimizer"];

/// Reads what stands around an optimizer. `inner` reads the optimizer.
pub(super) fn wrapped(
    call: &Call<'_>,
    inner: fn(&Call<'_>) -> Result<DescentConfig, CallError>,
) -> Result<DescentConfig, CallError> {
    let names = [
        "inner_optimizer",
        "initial_scale",
        "dynamic_growth_steps",
        "name",
    ];
    let bound = Bound::new(call, &names, &[])?;
    let mut scale = LossScale::new();
    scale.initial = bound.number("initial_scale")?.unwrap_or(scale.initial);
    scale.growth_steps = bound
        .count("dynamic_growth_steps")?
        .unwrap_or(scale.growth_steps);
    let nested = bound.nested("inner_optimizer")?;
    let config = inner(nested)?;
    if config.loss_scale.is_some() {
        return Err(nested.error("the gradients have one scale; write LossScaleOptimizer once"));
    }
    Ok(config.with_loss_scale(scale))
}

/// What is not covered, and what to do.
pub(super) const NOT_COVERED: &[(&str, &str)] = &[(
    "MultiOptimizer",
    "write one optimizer, and the others as `groups`",
)];

/// Takes over what every optimizer has.
pub(super) fn last(reading: &mut Reading<'_>) -> Result<(), CallError> {
    let clips = ["clipnorm", "clipvalue", "global_clipnorm"];
    let given = clips
        .into_iter()
        .filter(|clip| reading.bound.some(clip).is_some());
    for (index, clip) in given.enumerate() {
        if index > 0 {
            let message = "only one of `clipnorm`, `clipvalue` and `global_clipnorm` may be given";
            return Err(reading.bound.error(clip, message));
        }
        let most = reading.bound.needed(clip)?;
        reading.around.gradients.push(match clip {
            "clipnorm" => GradientStage::ClipNorm(most),
            "clipvalue" => GradientStage::ClipValue(most),
            _ => GlobalNorm::new(most).into(),
        });
    }
    let averages = reading.bound.flag("use_ema")?;
    let decay = reading.bound.number("ema_momentum")?.unwrap_or(0.99);
    let every = match reading.bound.some("ema_overwrite_frequency") {
        Some(_) => reading.bound.needed_count("ema_overwrite_frequency")?,
        None => 0,
    };
    if averages {
        let ema = Ema::new(decay).with_overwrite_every(every);
        reading.around.weights.push(WeightStage::Ema(ema));
    }
    let accumulate = "gradient_accumulation_steps";
    if reading.bound.some(accumulate).is_some() {
        let steps = reading.bound.needed_count(accumulate)?;
        let per_call = match (averages, reading.is_scheduled()) {
            (true, _) => Some("averages the weights"),
            (_, true) => Some("counts the steps of a schedule"),
            _ => None,
        };
        if let Some(what) = per_call {
            let message = alloc::format!(
                "`{accumulate}` is not covered here: Keras {what} at every call, stepped or not"
            );
            return Err(reading.bound.error(accumulate, message));
        }
        reading.around.accumulate = Accumulate::new(steps);
    }
    Ok(())
}

fn muon(reading: &mut Reading<'_>) -> Result<(), CallError> {
    let bound = &reading.bound;
    let is_none = |name: &str| bound.get(name).is_some() && bound.some(name).is_none();
    let no_decay = is_none("weight_decay");
    let no_scale = is_none("rms_rate");
    let ratio = bound.number("adam_lr_ratio")?.unwrap_or(1.0);
    if ratio <= 0.0 {
        return Err(bound.must_be("adam_lr_ratio", "greater than 0"));
    }
    let lambda = match is_none("adam_weight_decay") {
        true => None,
        false => Some(bound.number("adam_weight_decay")?.unwrap_or(0.004)),
    };
    // Keras decays at the rate of matrices; here the decay is at the rate of the others.
    let decay = lambda.map_or(
        json!("none"),
        |lambda| json!({ "decoupled": lambda / ratio }),
    );
    let mut others = json!({
        "preset": "keras",
        "learning_rate": reading.value("learning_rate") * ratio,
        "weight_decay": decay,
        "epsilon": reading.value("epsilon"),
    });
    for (theirs, ours) in [("adam_beta_1", "beta_1"), ("adam_beta_2", "beta_2")] {
        if let Some(beta) = reading.bound.number(theirs)? {
            others[ours] = json!(beta);
        }
    }
    reading.set("others", others);
    let coefficient = |name: &str, preset: f64| -> Result<f64, CallError> {
        Ok(reading.bound.number(name)?.unwrap_or(preset))
    };
    let coefficients = [
        coefficient("muon_a", 3.4445)?,
        coefficient("muon_b", -4.775)?,
        coefficient("muon_c", 2.0315)?,
    ];
    reading.set("ns_coefficients", json!([coefficients]));
    if no_decay {
        reading.set("weight_decay", "none");
    }
    if no_scale {
        reading.set("scale", "none");
    }
    Ok(())
}

fn schedule_free(reading: &mut Reading<'_>) -> Result<(), CallError> {
    let steps = reading.bound.count("warmup_steps")?.unwrap_or(0);
    if steps > 0 && reading.is_scheduled() {
        let message = "`warmup_steps` and a schedule together are not covered; write one of them";
        return Err(reading.bound.error("warmup_steps", message));
    }
    if steps > 1 {
        // The rate at step t, from 1, is min(t / steps, 1) of the whole.
        let warm_up = WarmUp::new(steps - 1).with_start_factor(1.0 / steps as f64);
        reading
            .around
            .schedules
            .insert("learning_rate".into(), warm_up.into());
    }
    Ok(())
}
