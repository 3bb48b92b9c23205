//! What the target costs each method.

use crate::statistics::{CostStatistics, Costs, describe_costs};
use crate::summary::Summary;
use crate::summary::target::TargetSummary;
use crate::text::columns::NONE;
use crate::text::numbers::{cost, count, counted, fixed};

/// The factors of the least cost at which shares are shown.
const FACTORS: [f64; 4] = [1.0, 1.5, 2.0, 4.0];

/// The heads of the columns.
pub(crate) fn heads(target: &TargetSummary) -> Vec<String> {
    let mut heads = vec!["method".to_owned(), "not reached".into(), "updates".into()];
    if target.seconds.is_some() {
        heads.push("seconds".into());
    }
    heads.extend(FACTORS.iter().map(|factor| format!("{factor}×")));
    heads
}

/// The cells of every method.
pub(crate) fn rows(summary: &Summary<'_>, target: &TargetSummary) -> Vec<Vec<String>> {
    let methods = summary.methods.iter().enumerate();
    methods
        .map(|(at, method)| {
            let mut cells = vec![method.name.clone()];
            cells.push(
                describe_costs(&target.updates[at]).map_or_else(none, |costs| missed(&costs)),
            );
            cells.push(cost_cell(&target.updates[at]));
            if let Some(seconds) = &target.seconds {
                cells.push(cost_cell(&seconds[at]));
            }
            cells.extend(FACTORS.iter().map(|factor| {
                let share = target.profile.share(at, *factor);
                share.map_or_else(none, |share| fixed(share, 2))
            }));
            cells
        })
        .collect()
}

/// What the columns mean.
pub(crate) fn legend(target: &TargetSummary) -> String {
    let seconds = if target.seconds.is_some() {
        " Seconds are spread evenly over a run's updates, evaluations included."
    } else {
        ""
    };
    format!(
        "Updates to {} % {} accuracy, at the first evaluation that reaches it: the median over all \
         runs and its 95 % interval. A run that diverges or does not reach it counts as ∞ and is \
         not left out.{seconds} 1× to 4×: the share of {} for which a method takes at most that \
         many times the updates of the fastest method.",
        fixed(100.0 * target.accuracy, 1),
        target.on.name(),
        counted(target.profile.seeds(), "seed"),
    )
}

fn none() -> String {
    NONE.to_owned()
}

fn missed(costs: &CostStatistics) -> String {
    format!(
        "{} of {}",
        count(costs.runs - costs.reached),
        count(costs.runs)
    )
}

/// Median and its interval: `1,300 [1,170, ∞]`.
pub(crate) fn cost_cell(costs: &Costs) -> String {
    let Some(costs) = describe_costs(costs) else {
        return none();
    };
    let median = if costs.median.is_finite() {
        cost(costs.median)
    } else {
        "not reached".into()
    };
    match costs
        .median_interval
        .filter(|interval| interval.lower.is_finite())
    {
        Some(interval) => format!(
            "{median} [{}, {}]",
            cost(interval.lower),
            cost(interval.upper)
        ),
        None => median,
    }
}
