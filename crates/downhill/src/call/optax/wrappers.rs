//! What may stand around an optimizer of optax.

use serde_json::json;

use crate::call::bound::Bound;
use crate::call::error::CallError;
use crate::call::grammar::Call;
use crate::call::optax::chain::chain;
use crate::call::optax::optimizers::FLOATS;
use crate::{
    Accumulate, AccumulateForm, DescentConfig, Lookahead, Mechanic, OptimizerConfig, Preset,
    ScheduleFreeAverage, WeightStage,
};

/// What may stand around an optimizer.
pub(in crate::call) const WRAPPERS: [&str; 5] = [
    "chain",
    "MultiSteps",
    "lookahead",
    "mechanize",
    "schedule_free",
];

/// Reads what stands around an optimizer. `inner` reads the optimizer.
pub(in crate::call) fn wrapped(
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
        "mechanize" => {
            let names = [
                "base_optimizer",
                "weight_decay",
                "eps",
                "s_init",
                "num_betas",
            ];
            let bound = Bound::new(call, &names, &[])?;
            let base = bound.nested("base_optimizer")?;
            let config = inner_of(call, base, inner)?;
            if !config.gradients.is_empty() {
                // Optax's measures what the inner chain has not changed yet.
                let message = alloc::format!(
                    "a change of the gradients inside {0} is not covered; write \
                     optax.chain(.., {0}(..))",
                    call.name
                );
                return Err(base.error(message));
            }
            let mut mechanic = Mechanic::new();
            for (theirs, ours) in [
                ("weight_decay", &mut mechanic.weight_decay),
                ("eps", &mut mechanic.epsilon),
                ("s_init", &mut mechanic.initial_scale),
            ] {
                *ours = bound.number(theirs)?.unwrap_or(*ours);
            }
            mechanic.num_betas = bound.count("num_betas")?.unwrap_or(mechanic.num_betas);
            Ok(config.with_weights(mechanic))
        }
        _ => schedule_free(call, inner),
    }
}

/// Reads the optimizer inside a call that acts at each of its updates.
fn inner_of(
    call: &Call<'_>,
    base: &Call<'_>,
    inner: fn(&Call<'_>) -> Result<DescentConfig, CallError>,
) -> Result<DescentConfig, CallError> {
    let config = inner(base)?;
    let is_slow = |stage: &WeightStage| matches!(stage, WeightStage::Lookahead(_));
    if config.accumulate != Accumulate::default() || config.weights.iter().any(is_slow) {
        let message = alloc::format!("{} must stand around {}, not in it", base.name, call.name);
        return Err(base.error(message));
    }
    Ok(config)
}

/// Schedule-free learning. Around gradient descent it is an optimizer of its own.
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
    let base = inner_of(call, bound.nested("base_optimizer")?, inner)?;
    let rate = bound.needed("learning_rate")?;
    if rate <= 0.0 {
        return Err(bound.must_be("learning_rate", "above 0"));
    }
    let mut sgd = OptimizerConfig::preset("sgd", Preset::Optax).and_then(Result::ok);
    if let Some(sgd) = &mut sgd {
        sgd.set("learning_rate", rate);
    }
    if sgd.map(DescentConfig::new).as_ref() != Some(&base) {
        if base.schedules.contains_key("learning_rate") {
            let message = "the rate is a number here, and a schedule in base_optimizer; give both \
                           the same number, and the schedule by `with_schedule`";
            return Err(bound.error("learning_rate", message));
        }
        // The weights of the average depend on changes of the rate alone.
        let mut average = ScheduleFreeAverage::new();
        average.beta = bound.number("b1")?.unwrap_or(average.beta);
        average.rate_power = bound
            .number("weight_lr_power")?
            .unwrap_or(average.rate_power);
        return Ok(base.with_weights(average));
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
