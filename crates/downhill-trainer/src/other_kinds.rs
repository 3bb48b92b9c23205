//! What is told of experiments that compare no trainings.

use crate::TrainError;
use crate::arguments::TrainArguments;
use crate::device;
use crate::gradient_check::GradientCheckConfig;
use crate::output::Output;
use crate::plan::Plan;
use crate::search::SearchConfig;
use crate::searching::Round;
use crate::store::Store;
use crate::train::Done;
use crate::valley::ValleyConfig;

/// Lets each method's optimizer descend a valley.
pub(crate) fn descend(
    _arguments: &TrainArguments,
    plan: &Plan,
    valley: &ValleyConfig,
    _store: &Store,
    out: &mut Output<'_>,
) -> Result<Done, TrainError> {
    let device = device::open(plan.backend)?;
    for method in &plan.methods {
        let places = valley.descend(&method.config.optimizer, plan.backend, &device)?;
        let end = places.last().copied().unwrap_or(valley.start);
        out.say(&format!("{} {end:?} {}\n", method.name, valley.value(end)));
    }
    Ok(Done::Finished)
}

pub(crate) fn check_gradients(
    _arguments: &TrainArguments,
    _plan: &Plan,
    _check: &GradientCheckConfig,
    _store: &Store,
    _out: &mut Output<'_>,
) -> Result<Done, TrainError> {
    Ok(Done::Finished)
}

pub(crate) fn report_search(
    _arguments: &TrainArguments,
    _plan: &Plan,
    search: &SearchConfig,
    _store: &Store,
    found: &[Vec<Round>],
    out: &mut Output<'_>,
) -> Result<Done, TrainError> {
    for rounds in found {
        for round in rounds {
            let ranked = crate::search::ranked(&round.accuracies());
            out.say(&format!("{:?} {:?}\n", search.ranges.keys(), round.ranges));
            for &at in ranked.iter().take(5) {
                let trial = &round.trials[at];
                out.say(&format!(
                    "  {at} {:?} {:?}\n",
                    trial.values,
                    trial.validation()
                ));
            }
        }
    }
    Ok(Done::Finished)
}
