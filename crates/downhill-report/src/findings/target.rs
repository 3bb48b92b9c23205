//! How soon the methods reach the target.

use crate::statistics::{CostStatistics, describe_costs};
use crate::summary::Summary;
use crate::text::numbers::{cost, count, fixed, quoted};

/// How soon the methods reach the target, the quickest by its median first.
pub(crate) fn sentence(summary: &Summary<'_>) -> Option<String> {
    let target = summary.target.as_ref()?;
    let methods = summary.methods.iter().zip(&target.updates);
    let mut described: Vec<_> = methods
        .filter_map(|(method, costs)| Some((describe_costs(costs)?, quoted(&method.name))))
        .collect();
    described.sort_by(|left, right| left.0.median.total_cmp(&right.0.median));
    let clause = |(costs, name): &(CostStatistics, String)| {
        let missed = costs.runs - costs.reached;
        let median = if costs.median.is_finite() {
            format!("{name} after a median of {} updates", cost(costs.median))
        } else {
            format!("{name} in at most half of its runs")
        };
        match missed {
            0 => median,
            _ if costs.reached == 0 => format!("{name} in no run"),
            _ => format!(
                "{median} ({} of {} runs do not)",
                count(missed),
                count(costs.runs)
            ),
        }
    };
    let clauses: Vec<String> = described.iter().map(clause).collect();
    (!clauses.is_empty()).then(|| {
        format!(
            "{} % {} accuracy is reached by {}.",
            fixed(100.0 * target.accuracy, 1),
            target.on.name(),
            clauses.join("; by ")
        )
    })
}
