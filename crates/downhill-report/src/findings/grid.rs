//! The findings of a grid: a sentence for each method of the config file, not for each of its
//! values.

use crate::summary::families::Families;
use crate::summary::{MethodSummary, Summary};
use crate::text::numbers::{Precision, count, listed, quoted, setting_value};

/// Largest distance from a method's best mean test accuracy at which a value counts as good.
const FORGIVEN: f64 = 0.05;

/// A method of the config file at all its values, rising.
struct Family<'a> {
    name: &'a str,
    cells: Vec<(f64, &'a MethodSummary)>,
}

/// The answer, then a sentence for each method of the config file.
pub(crate) fn grid_findings(summary: &Summary<'_>, families: &Families) -> Vec<String> {
    let precision = summary.precision;
    let cells = |family| {
        families
            .row(family)
            .map(|(value, at)| (value, &summary.methods[at]))
    };
    let all: Vec<Family<'_>> = (families.names.iter().enumerate())
        .map(|(at, name)| Family {
            name,
            cells: cells(at).collect(),
        })
        .collect();
    let sentences = all.iter();
    let sentences = sentences.map(|family| family.sentence(&families.grid.name, precision));
    answer(&all, precision)
        .into_iter()
        .chain(sentences)
        .collect()
}

/// Which method has the most good values.
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
        "Mean test accuracy is within {} points of the method's own best for {} values{others}.",
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
                format!(
                    "{} of {} at {}",
                    count(runs),
                    count(of),
                    setting_value(*value)
                )
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
            return format!("{name} has diverged runs at every value.{diverged}");
        };
        format!(
            "{name} has its highest mean test accuracy, {} %, at the {setting} {}, and its lowest, \
             {} %, at {}.{diverged}",
            precision.percent(best),
            setting_value(at),
            precision.percent(worst),
            setting_value(worst_at),
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::findings::findings;
    use crate::sample;
    use crate::summary::Summary;

    #[test]
    fn a_grid_has_a_sentence_for_each_method_and_an_answer() {
        let experiment = sample::grid(2, 5, 3);
        let found = findings(&Summary::of(&experiment));
        assert!(
            found[0].contains("of the method's own best for “"),
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
