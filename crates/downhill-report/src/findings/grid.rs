//! What a grid shows in words: a sentence for each method of the file, not for each of its values.

use crate::experiment::Experiment;
use crate::figures::grid::value_text;
use crate::summary::{MethodSummary, Summary};
use crate::text::numbers::{Precision, count, listed, quoted};

/// A method forgives a value whose mean test accuracy is at most so far below its best.
const FORGIVEN: f64 = 0.05;

/// A method of the file at all its values, rising.
struct Family<'a> {
    name: &'a str,
    cells: Vec<(f64, &'a MethodSummary)>,
}

/// The answer, then a sentence for each method; nothing without a grid.
pub(crate) fn grid_findings(
    experiment: &Experiment,
    summary: &Summary,
    precision: Precision,
) -> Option<Vec<String>> {
    let grid = experiment.grid.as_ref()?;
    let mut families: Vec<Family<'_>> = Vec::new();
    for (method, found) in experiment.methods.iter().zip(&summary.methods) {
        let cell = method.cell.as_ref()?;
        let at = families
            .iter()
            .position(|family| family.name == cell.family);
        let at = at.unwrap_or_else(|| {
            families.push(Family {
                name: &cell.family,
                cells: Vec::new(),
            });
            families.len() - 1
        });
        families[at].cells.push((cell.value, found));
    }
    for family in &mut families {
        family
            .cells
            .sort_by(|left, right| left.0.total_cmp(&right.0));
    }
    let mut found: Vec<String> = families
        .iter()
        .map(|family| family.sentence(&grid.name, precision))
        .collect();
    if let Some(answer) = answer(&families, precision) {
        found.insert(0, answer);
    }
    Some(found)
}

/// Which method forgives most.
fn answer(families: &[Family<'_>], precision: Precision) -> Option<String> {
    let forgiven = |family: &Family<'_>| {
        let (values, of) = (family.forgiven().len(), family.cells.len());
        format!("{} at {values} of {of}", quoted(family.name))
    };
    let mut ranked: Vec<&Family<'_>> = families
        .iter()
        .filter(|family| family.best().is_some())
        .collect();
    ranked.sort_by_key(|family| std::cmp::Reverse(family.forgiven().len()));
    let (first, rest) = ranked.split_first()?;
    let rest: Vec<String> = rest.iter().map(|family| forgiven(family)).collect();
    let others = match rest.is_empty() {
        true => String::new(),
        false => format!(", {}", listed(&rest)),
    };
    Some(format!(
        "Mean test accuracy is within {} points of a method's own best {} values{others}.",
        precision.percent(FORGIVEN),
        forgiven(first),
    ))
}

impl Family<'_> {
    /// Values at which no run diverged, with their mean test accuracy.
    fn means(&self) -> impl Iterator<Item = (f64, f64)> {
        let cells = self.cells.iter();
        cells.filter_map(|(value, method)| {
            let mean = method.test_accuracy?.mean;
            method.diverged.is_empty().then_some((*value, mean))
        })
    }

    fn best(&self) -> Option<(f64, f64)> {
        self.means()
            .max_by(|left, right| left.1.total_cmp(&right.1))
    }

    fn forgiven(&self) -> Vec<f64> {
        let best = self.best().map_or(f64::INFINITY, |(_, mean)| mean);
        let near = self.means().filter(|(_, mean)| *mean >= best - FORGIVEN);
        near.map(|(value, _)| value).collect()
    }

    fn sentence(&self, setting: &str, precision: Precision) -> String {
        let name = quoted(self.name);
        let diverged: Vec<String> = (self.cells.iter())
            .filter(|(_, method)| !method.diverged.is_empty())
            .map(|(value, method)| {
                let (runs, of) = (method.diverged.len(), method.runs());
                format!("{} of {} at {}", count(runs), count(of), value_text(*value))
            })
            .collect();
        let diverged = match diverged.is_empty() {
            true => String::new(),
            false => format!(" Runs diverged: {}.", listed(&diverged)),
        };
        let (Some((at, best)), Some((worst_at, worst))) = (
            self.best(),
            self.means()
                .min_by(|left, right| left.1.total_cmp(&right.1)),
        ) else {
            return format!("{name} has no value at which no run diverged.{diverged}");
        };
        format!(
            "{name} reaches {} % mean test accuracy at the {setting} {}, and {} % at {}.{diverged}",
            precision.percent(best),
            value_text(at),
            precision.percent(worst),
            value_text(worst_at),
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::findings::findings;
    use crate::sample;

    #[test]
    fn a_grid_has_a_sentence_for_each_method_and_an_answer() {
        let experiment = sample::grid(2, 5, 3);
        let found = findings(&experiment);
        assert!(
            found[0].contains("of a method's own best “"),
            "{}",
            found[0]
        );
        assert!(found[0].contains("of 5 values"), "{}", found[0]);
        let about = |name: &str| found.iter().filter(|text| text.starts_with(name)).count();
        assert_eq!(
            (about("“without”"), about("“batch-norm”")),
            (1, 1),
            "{found:?}"
        );
    }
}
