//! Several experiments on one page: the same methods on other backends, versions or settings.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::drawing::axis::{Axis, ends};
use crate::drawing::chart::WIDE;
use crate::drawing::figure::{Figure, Layout, Picture};
use crate::drawing::labels::fitted;
use crate::drawing::marks::{Look, coordinate, line};
use crate::drawing::panel::Panel;
use crate::experiment::Experiment;
use crate::pages::about::About;
use crate::pages::page::{Page, Section, code, table};
use crate::pages::training::Report;
use crate::statistics::{ROUNDING, Statistics, describe};
use crate::summary::MethodSummary;
use crate::text::columns::NONE;
use crate::text::numbers::{Precision, count, counted, listed, quoted, seed_ranges};

/// The comparison of several experiments: their test accuracies side by side, and the differences
/// of runs that share method and seed.
pub struct ComparisonReport<'a> {
    reports: Vec<&'a Report<'a>>,
    /// The names that distinguish the experiments.
    names: Vec<String>,
    /// The methods of all experiments, in order of first appearance.
    methods: Vec<&'a str>,
    /// The finest precision of the experiments.
    precision: Precision,
}

/// How the runs of two experiments with the same method and seed differ.
struct Pairs {
    /// Difference in test accuracy by seed, of runs that finished in both.
    differences: Vec<f64>,
    /// Runs that finished in one and diverged in the other.
    one_sided: usize,
}

impl<'a> ComparisonReport<'a> {
    /// Compares experiments with the first.
    #[must_use]
    pub fn of(first: &'a Report<'a>, others: &'a [Report<'a>]) -> Self {
        let reports: Vec<&Report<'_>> = std::iter::once(first).chain(others).collect();
        let experiments: Vec<&Experiment> =
            reports.iter().map(|report| report.experiment()).collect();
        let mut methods: Vec<&str> = Vec::new();
        for method in experiments.iter().flat_map(|one| &one.methods) {
            if !methods.contains(&method.name.as_str()) {
                methods.push(&method.name);
            }
        }
        let precisions = reports.iter().map(|report| report.summary().precision);
        Self {
            names: names(&experiments),
            methods,
            precision: precisions.fold(first.summary().precision, Ord::max),
            reports,
        }
    }

    /// Returns the page as one HTML file.
    #[must_use]
    pub fn html(&self) -> String {
        let about = About {
            name: "Comparison".into(),
            question: format!("What differs between {}?", listed(&self.names)),
            command: format!("cargo xtask report {}", self.names.join(" ")),
            ..About::of(self.reports[0].experiment())
        };
        let page = Page {
            about: &about,
            kind: "comparison of experiments",
            found: self.findings(),
            sections: vec![
                Section::of_figures("accuracy", "Test accuracy side by side", &self.figures()),
                Section::new("results", "Results", self.tables()),
                Section::new("experiments", "The experiments", self.experiments()),
            ],
            made: Vec::new(),
            made_details: html! {},
            limits: self.limits(),
            source: "the run records",
        };
        page.html_without_provenance()
    }

    /// Returns the figures as pictures of their own.
    #[must_use]
    pub fn pictures(&self) -> Vec<Picture> {
        self.figures().iter().map(Figure::picture).collect()
    }

    /// The experiments with their names.
    fn named(&self) -> impl Iterator<Item = (&'a Experiment, &String)> {
        let experiments = self.reports.iter().map(|report| report.experiment());
        experiments.zip(&self.names)
    }

    fn method(&self, experiment: usize, name: &str) -> Option<&MethodSummary> {
        self.reports[experiment]
            .summary()
            .methods
            .iter()
            .find(|method| method.name == name)
    }

    /// The pairs of a method between the first experiment and another; `None` without a shared
    /// seed.
    fn pairs(&self, experiment: usize, name: &str) -> Option<Pairs> {
        let (first, other) = (self.method(0, name)?, self.method(experiment, name)?);
        let accuracies = |method: &MethodSummary| -> BTreeMap<u64, Option<f64>> {
            let finished = method.finished.iter();
            let finished = finished.map(|(seed, last)| (*seed, Some(last.test.accuracy)));
            finished
                .chain(method.diverged.keys().map(|seed| (*seed, None)))
                .collect()
        };
        let (first, other) = (accuracies(first), accuracies(other));
        let mut pairs = Pairs {
            differences: Vec::new(),
            one_sided: 0,
        };
        let mut is_shared = false;
        for (seed, left) in &first {
            let Some(right) = other.get(seed) else {
                continue;
            };
            is_shared = true;
            match (left, right) {
                (Some(left), Some(right)) => pairs.differences.push(right - left),
                (None, None) => {}
                _ => pairs.one_sided += 1,
            }
        }
        is_shared.then_some(pairs)
    }

    fn others(&self) -> impl Iterator<Item = usize> {
        1..self.reports.len()
    }

    /// Returns what was found, one sentence for each experiment but the first.
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        if self.reports.len() < 2 {
            return vec!["There is only one experiment, and nothing to compare it with.".into()];
        }
        let sentence = |at: usize| {
            let pairs: Vec<(&str, Pairs)> = (self.methods.iter())
                .filter_map(|name| Some((*name, self.pairs(at, name)?)))
                .collect();
            let (name, first) = (quoted(&self.names[at]), quoted(&self.names[0]));
            if pairs.is_empty() {
                return format!("{name} shares no method and seed with {first}.");
            }
            let all: usize = pairs
                .iter()
                .map(|(_, pairs)| pairs.differences.len() + pairs.one_sided)
                .sum();
            let equal = |pairs: &Pairs| {
                pairs
                    .differences
                    .iter()
                    .filter(|value| value.abs() < ROUNDING)
                    .count()
            };
            let same: usize = pairs.iter().map(|(_, pairs)| equal(pairs)).sum();
            let one_sided: usize = pairs.iter().map(|(_, pairs)| pairs.one_sided).sum();
            let largest = pairs.iter().flat_map(|(method, pairs)| {
                pairs
                    .differences
                    .iter()
                    .map(move |difference| (*method, *difference))
            });
            let largest = largest.max_by(|left, right| left.1.abs().total_cmp(&right.1.abs()));
            let mut sentence = format!(
                "Of {} that {name} shares with {first}, {} end at the same test accuracy",
                counted(all, "run"),
                count(same)
            );
            if let Some((method, difference)) = largest
                && difference.abs() >= ROUNDING
            {
                sentence.push_str(&format!(
                    "; the largest difference is {} points, of {}",
                    self.precision.signed_points(difference),
                    quoted(method)
                ));
            }
            if one_sided > 0 {
                sentence.push_str(&format!(
                    "; {} diverged in only one of the two",
                    counted(one_sided, "run")
                ));
            }
            sentence + "."
        };
        self.others().map(sentence).collect()
    }

    fn limits(&self) -> Vec<String> {
        let mut limits = vec![
            "Runs with the same method and seed share initial weights, batches and masks only if \
             their settings agree: the resolved config of each experiment is below its name."
                .to_owned(),
            "Small differences between single runs come from rounding, which training amplifies; \
             judge a method by its mean over the seeds."
                .to_owned(),
        ];
        let first = &self.reports[0].experiment().data.sha256;
        if self.named().any(|(other, _)| other.data.sha256 != *first) {
            limits.push("The experiments used different data.".to_owned());
        }
        limits
    }

    fn tables(&self) -> Markup {
        let mut heads = vec!["method"];
        heads.extend(self.names.iter().map(String::as_str));
        let accuracies: Vec<Vec<String>> = (self.methods.iter())
            .map(|name| {
                let cells = (0..self.reports.len()).map(|at| match self.method(at, name) {
                    Some(method) => cell(method, self.precision),
                    None => NONE.into(),
                });
                std::iter::once((*name).to_owned()).chain(cells).collect()
            })
            .collect();
        let rows: Vec<Vec<String>> = self.others().flat_map(|at| self.rows(at)).collect();
        let heads_of_pairs = [
            "method",
            "experiment",
            "pairs",
            "equal",
            "mean difference, points",
            "largest, points",
            "diverged in one only",
        ];
        html! {
            h3 { "Test accuracy, %" }
            (table("Means over the runs with half the width of their 95 % interval. In parentheses \
                    are the number of runs and, after ×, that of diverged runs, which count as 0 \
                    %.", &heads, &accuracies))
            @if !rows.is_empty() {
                h3 { "Differences to “" (self.names[0]) "”, run by run" }
                (table("Over the pairs of runs with the same method and seed that both finished.", &heads_of_pairs, &rows))
            }
        }
    }

    fn rows(&self, at: usize) -> Vec<Vec<String>> {
        let row = |name: &&str| {
            let Pairs {
                differences,
                one_sided,
            } = self.pairs(at, name)?;
            let equal = differences
                .iter()
                .filter(|value| value.abs() < ROUNDING)
                .count();
            let mean = describe(&differences).map(|values| {
                self.precision.signed_points(values.mean) + &self.precision.plus_minus(&values)
            });
            let largest = differences
                .iter()
                .copied()
                .max_by(|left, right| left.abs().total_cmp(&right.abs()));
            Some(vec![
                (*name).to_owned(),
                self.names[at].clone(),
                count(differences.len()),
                count(equal),
                mean.unwrap_or_else(|| NONE.into()),
                largest.map_or_else(
                    || NONE.into(),
                    |largest| self.precision.signed_points(largest),
                ),
                count(one_sided),
            ])
        };
        self.methods.iter().filter_map(row).collect()
    }

    fn figures(&self) -> Vec<Figure> {
        const MOST_METHODS: usize = 20;
        let panels: Vec<Panel> = (self.methods.chunks(MOST_METHODS))
            .map(|methods| self.panel(methods))
            .collect();
        if panels.is_empty() {
            return Vec::new();
        }
        let names = self.names.iter().enumerate();
        let looks: Vec<(String, Look)> = names
            .map(|(at, name)| (name.clone(), Look::of(at, None)))
            .collect();
        vec![Figure {
            name: "comparison".into(),
            title: format!("Test accuracy of {}", listed(&self.names)),
            layout: Layout::Wide,
            key: looks,
            panels,
            caption: "Mean final test accuracy over the runs of each method, one marker for each experiment; \
                      the line through it is its 95 % interval. Diverged runs count as 0 %."
                .into(),
        }]
    }

    fn panel(&self, methods: &[&str]) -> Panel {
        const TOP: f64 = 34.0;
        let row = 26.0 + 13.0 * self.reports.len() as f64;
        let bottom = TOP + row * methods.len() as f64;
        let statistics = |at: usize, name: &str| {
            self.method(at, name)
                .and_then(|method| method.test_accuracy)
        };
        let all = || {
            let cells = self
                .methods
                .iter()
                .flat_map(|name| (0..self.reports.len()).map(move |at| (at, *name)));
            cells.filter_map(|(at, name)| statistics(at, name))
        };
        let reach = |values: Statistics| {
            let interval = values.accuracy_interval();
            interval.map_or([values.mean; 2], |interval| {
                [interval.lower, interval.upper]
            })
        };
        let (lower, upper) = ends(all().flat_map(reach)).unwrap_or((0.0, 1.0));
        let margin = (0.06 * (upper - lower)).max(0.002);
        let (lower, upper) = ((lower - margin).max(0.0), (upper + margin).min(1.0));
        let axis = Axis::shares_exactly("test accuracy, %", (lower, upper));
        let scale = axis.scale((16.0, WIDE.0 - 20.0));
        let cut = if lower > 0.0 {
            " (axis does not start at 0)"
        } else {
            ""
        };
        let drawing = html! {
            rect class="back" width=(WIDE.0) height=(coordinate(bottom + 42.0)) rx="4" {}
            text class="name" x="10" y="19" { "Final test accuracy" }
            @for tick in axis.horizontal_ticks(&scale) {
                @let x = scale.at(tick);
                @for index in 0..methods.len() {
                    @let top = TOP + row * index as f64;
                    path class="grid" d=(line([(x, top + 18.0), (x, top + row)])) {}
                }
                text class="small middle" x=(coordinate(x)) y=(coordinate(bottom + 16.0)) { (axis.tick(tick)) }
            }
            path class="axis" d=(line([(16.0, bottom), (WIDE.0 - 20.0, bottom)])) {}
            text class="small middle" x=(WIDE.0 / 2.0) y=(coordinate(bottom + 33.0)) { (axis.label) (cut) }
            @for (index, name) in methods.iter().enumerate() {
                @let top = TOP + row * index as f64;
                text paint-order="stroke" class="halo" x="10" y=(coordinate(top + 13.0)) { (fitted(name, WIDE.0 - 20.0, 12.0)) }
                @for at in 0..self.reports.len() {
                    @let y = top + 26.0 + 13.0 * at as f64;
                    @let look = Look::of(at, None);
                    @if let Some(values) = statistics(at, name) {
                        g class=(look.class()) {
                            @if let Some(interval) = values.accuracy_interval() {
                                path class="interval" d=(line([(scale.at(interval.lower), y), (scale.at(interval.upper), y)])) {}
                            }
                            (look.marker((scale.at(values.mean), y), 4.2))
                        }
                    }
                }
            }
        };
        let sentence = |name: &&str| {
            let cells = (0..self.reports.len()).filter_map(|at| {
                let text = self.precision.mean_and_half_width(&statistics(at, name)?);
                Some(format!("{} {text}", self.names[at]))
            });
            format!("{name}: {}.", cells.collect::<Vec<_>>().join(", "))
        };
        Panel {
            title: "Final test accuracy".into(),
            description: methods.iter().map(sentence).collect::<Vec<_>>().join(" "),
            size: (WIDE.0, bottom + 42.0),
            drawing,
        }
    }

    fn experiments(&self) -> Markup {
        let heads = [
            "experiment",
            "backend",
            "device",
            "versions",
            "data",
            "seeds",
        ];
        let rows: Vec<Vec<String>> = (self.named())
            .map(|(experiment, name)| {
                vec![
                    name.clone(),
                    experiment.backend.clone(),
                    experiment.device.clone(),
                    format!(
                        "{}, Burn {}",
                        experiment.versions.downhill, experiment.versions.burn
                    ),
                    format!(
                        "{}, {}…",
                        experiment.data.name,
                        experiment.data.sha256.get(..12).unwrap_or_default()
                    ),
                    seed_ranges(About::of(experiment).seeds),
                ]
            })
            .collect();
        html! {
            (table("Versions are those of downhill and Burn; the data are named with the start of \
                    their SHA-256.", &heads, &rows))
            @for (experiment, name) in self.named() {
                h3 { (name) }
                p { (experiment.question) }
                p { (code(&experiment.command)) }
                details { summary { "Resolved config" } pre tabindex="0" { (experiment.config_toml) } }
            }
        }
    }
}

fn cell(method: &MethodSummary, precision: Precision) -> String {
    let Some(accuracy) = method.test_accuracy else {
        return NONE.into();
    };
    let diverged = match method.diverged.len() {
        0 => String::new(),
        diverged => format!(", × {}", count(diverged)),
    };
    format!(
        "{} ({}{diverged})",
        precision.mean_and_half_width(&accuracy),
        count(method.runs())
    )
}

/// The experiments' names. If names are equal, the backend, then the versions, then a number is
/// added to distinguish them.
fn names(experiments: &[&Experiment]) -> Vec<String> {
    let are_distinct = |names: &[String]| {
        let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
        distinct.len() == names.len()
    };
    let version = |experiment: &Experiment| {
        let versions = &experiment.versions;
        format!(
            "{} with downhill {}, Burn {}",
            experiment.name, versions.downhill, versions.burn
        )
    };
    let ways: [&dyn Fn(&Experiment) -> String; 4] = [
        &|experiment| experiment.name.clone(),
        &|experiment| format!("{} on {}", experiment.name, experiment.backend),
        &version,
        &|experiment| format!("{} on {}", version(experiment), experiment.backend),
    ];
    for way in ways {
        let names: Vec<String> = experiments.iter().map(|one| way(one)).collect();
        if are_distinct(&names) {
            return names;
        }
    }
    let numbered = (1..).zip(experiments);
    numbered
        .map(|(number, experiment)| format!("{} {number}", experiment.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RunOutcome;
    use crate::sample;

    #[test]
    fn runs_that_share_method_and_seed_are_compared() {
        let first = sample::decay();
        let mut second = sample::decay();
        second.backend = "ndarray".into();
        second.methods[0].runs[1].evaluations[1].test.accuracy += 0.02;
        second.methods[1].runs[0].end.outcome = RunOutcome::Diverged { update: 9 };
        let others = [Report::of(&second).unwrap()];
        let first = Report::of(&first).unwrap();
        let compared = ComparisonReport::of(&first, &others);
        assert_eq!(compared.names, ["sample on flex", "sample on ndarray"]);
        let found = compared.findings();
        assert_eq!(
            found,
            [
                "Of 8 runs that “sample on ndarray” shares with “sample on flex”, 6 end at the \
                 same test accuracy; the largest difference is +2.0 points, of “none”; 1 run \
                 diverged in only one of the two."
            ]
        );
    }

    #[test]
    fn one_experiment_is_said_to_be_the_only_one() {
        let experiment = sample::decay();
        let report = Report::of(&experiment).unwrap();
        let page = ComparisonReport::of(&report, &[]).html();
        assert!(page.contains("nothing to compare it with"));
        assert_eq!(names(&[&experiment; 2]), ["sample 1", "sample 2"]);
    }
}
