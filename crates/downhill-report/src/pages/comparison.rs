//! Several experiments on one page: the same methods on other backends, versions or settings.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::drawing::axis::{Axis, ends};
use crate::drawing::chart::WIDE;
use crate::drawing::figure::{Figure, Layout, Panel, Picture};
use crate::drawing::labels::fitted;
use crate::drawing::marks::{Look, coordinate, line};
use crate::experiment::Experiment;
use crate::pages::page::{Page, Section, code, seeds, table};
use crate::pages::training::about;
use crate::statistics::{ROUNDING, Statistics};
use crate::summary::{MethodSummary, Summary};
use crate::tables::NONE;
use crate::text::numbers::{Precision, count, counted, listed, quoted};

/// Test accuracies of several experiments side by side, and their differences where runs share
/// method and seed; the first experiment is what the others are compared with.
#[must_use]
pub fn render_comparison(experiments: &[Experiment]) -> String {
    let compared = Compared::of(experiments);
    let (Some(first), Some(precision)) = (experiments.first(), compared.precision()) else {
        return String::new();
    };
    let mut about = about(first);
    about.name = "Comparison".into();
    about.question = format!("What differs between {}?", listed(&compared.names));
    about.command = format!("cargo xtask report {}", compared.names.join(" "));
    let page = Page {
        about: &about,
        kind: "comparison of experiments",
        found: compared.found(precision),
        sections: vec![
            Section::of_figures(
                "accuracy",
                "Test accuracy side by side",
                &compared.figures(precision),
            ),
            Section::new("results", "Results", compared.tables(precision)),
            Section::new("experiments", "The experiments", compared.experiments()),
        ],
        made: Vec::new(),
        made_details: html! {},
        limits: compared.limits(),
        source: "the run records",
    };
    page.html_without_provenance()
}

/// The figures of [`render_comparison`] as pictures of their own.
#[must_use]
pub fn comparison_pictures(experiments: &[Experiment]) -> Vec<Picture> {
    let compared = Compared::of(experiments);
    let Some(precision) = compared.precision() else {
        return Vec::new();
    };
    compared
        .figures(precision)
        .iter()
        .map(Figure::picture)
        .collect()
}

struct Compared<'a> {
    experiments: &'a [Experiment],
    summaries: Vec<Summary>,
    /// What tells the experiments apart.
    names: Vec<String>,
    /// The methods of all, in the order in which they first come.
    methods: Vec<&'a str>,
}

/// How the runs of two experiments with the same method and seed differ.
struct Pairs {
    /// Difference in test accuracy by seed, of runs that finished in both.
    differences: Vec<f64>,
    /// Runs that finished in one and diverged in the other.
    one_sided: usize,
}

impl<'a> Compared<'a> {
    fn of(experiments: &'a [Experiment]) -> Self {
        let mut methods: Vec<&str> = Vec::new();
        for method in experiments
            .iter()
            .flat_map(|experiment| &experiment.methods)
        {
            if !methods.contains(&method.name.as_str()) {
                methods.push(&method.name);
            }
        }
        Self {
            experiments,
            summaries: experiments.iter().map(Summary::of).collect(),
            names: names(experiments),
            methods,
        }
    }

    /// The finest precision of the experiments; `None` without any.
    fn precision(&self) -> Option<Precision> {
        let precisions = self.summaries.iter().map(Precision::of);
        precisions.max_by_key(|precision| precision.percent(0.5).len())
    }

    fn method(&self, experiment: usize, name: &str) -> Option<&MethodSummary> {
        self.summaries[experiment]
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
        1..self.experiments.len()
    }

    fn found(&self, precision: Precision) -> Vec<String> {
        if self.experiments.len() < 2 {
            return vec!["There is one experiment, and nothing to compare it with.".into()];
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
                    precision.signed_points(difference),
                    quoted(method)
                ));
            }
            if one_sided > 0 {
                sentence.push_str(&format!(
                    "; {} diverged in one of the two only",
                    counted(one_sided, "run")
                ));
            }
            sentence + "."
        };
        self.others().map(sentence).collect()
    }

    fn limits(&self) -> Vec<String> {
        let mut limits = vec![
            "Runs that share method and seed share initial weights, batches and masks only if their settings \
             do: the resolved config of each experiment is below its name."
                .to_owned(),
            "Small differences of single runs come from rounding, which training amplifies; whether a method \
             is better is for the mean over seeds to say."
                .to_owned(),
        ];
        let hashes = self
            .experiments
            .iter()
            .map(|experiment| &experiment.data.sha256);
        if hashes
            .clone()
            .any(|hash| Some(hash) != hashes.clone().next())
        {
            limits.push("The experiments saw different data.".to_owned());
        }
        limits
    }

    fn tables(&self, precision: Precision) -> Markup {
        let mut heads = vec!["method"];
        heads.extend(self.names.iter().map(String::as_str));
        let accuracies: Vec<Vec<String>> = (self.methods.iter())
            .map(|name| {
                let cells = (0..self.experiments.len()).map(|at| match self.method(at, name) {
                    Some(method) => cell(method, precision),
                    None => NONE.into(),
                });
                std::iter::once((*name).to_owned()).chain(cells).collect()
            })
            .collect();
        let rows: Vec<Vec<String>> = self
            .others()
            .flat_map(|at| self.rows(at, precision))
            .collect();
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
            (table("Means over the runs with half the width of their 95 % interval; in parentheses how many runs, \
                    and × before how many diverged, which count as 0 %.", &heads, &accuracies))
            @if !rows.is_empty() {
                h3 { "Differences to “" (self.names[0]) "”, run by run" }
                (table("Over the runs that share method and seed and finished in both.", &heads_of_pairs, &rows))
            }
        }
    }

    fn rows(&self, at: usize, precision: Precision) -> Vec<Vec<String>> {
        let row = |name: &&str| {
            let Pairs {
                differences,
                one_sided,
            } = self.pairs(at, name)?;
            let equal = differences
                .iter()
                .filter(|value| value.abs() < ROUNDING)
                .count();
            let mean = crate::statistics::describe(&differences).map(|values| {
                precision.signed_points(values.mean) + &precision.plus_minus(&values)
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
                largest.map_or_else(|| NONE.into(), |largest| precision.signed_points(largest)),
                count(one_sided),
            ])
        };
        self.methods.iter().filter_map(row).collect()
    }

    fn figures(&self, precision: Precision) -> Vec<Figure> {
        const MOST_METHODS: usize = 20;
        let panels: Vec<Panel> = (self.methods.chunks(MOST_METHODS))
            .map(|methods| self.panel(methods, precision))
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

    fn panel(&self, methods: &[&str], precision: Precision) -> Panel {
        const TOP: f64 = 34.0;
        let row = 26.0 + 13.0 * self.experiments.len() as f64;
        let bottom = TOP + row * methods.len() as f64;
        let statistics = |at: usize, name: &str| {
            self.method(at, name)
                .and_then(|method| method.test_accuracy)
        };
        let all = || {
            let cells = self
                .methods
                .iter()
                .flat_map(|name| (0..self.experiments.len()).map(move |at| (at, *name)));
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
                @for at in 0..self.experiments.len() {
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
            let cells = (0..self.experiments.len()).filter_map(|at| {
                let text = precision.mean_and_half_width(&statistics(at, name)?);
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
        let rows: Vec<Vec<String>> = (self.experiments.iter().zip(&self.names))
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
                    seeds(&about(experiment).seeds),
                ]
            })
            .collect();
        html! {
            (table("Versions are those of downhill and Burn; of the data's SHA-256 the start.", &heads, &rows))
            @for (experiment, name) in self.experiments.iter().zip(&self.names) {
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

/// The experiments' names, with what tells them apart where names alone do not: backend, then
/// versions, then a number.
fn names(experiments: &[Experiment]) -> Vec<String> {
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
        let names: Vec<String> = experiments.iter().map(way).collect();
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
    use crate::record::Outcome;
    use crate::sample;

    #[test]
    fn runs_that_share_method_and_seed_are_compared() {
        let first = sample::decay();
        let mut second = sample::decay();
        second.backend = "ndarray".into();
        second.methods[0].runs[1].evaluations[1].test.accuracy += 0.02;
        second.methods[1].runs[0].end.outcome = Outcome::Diverged { update: 9 };
        let experiments = [first, second];
        let compared = Compared::of(&experiments);
        assert_eq!(compared.names, ["sample on flex", "sample on ndarray"]);
        let found = compared.found(compared.precision().unwrap());
        assert_eq!(
            found,
            [
                "Of 8 runs that “sample on ndarray” shares with “sample on flex”, 6 end at the same test \
              accuracy; the largest difference is +2.0 points, of “none”; 1 run diverged in one of the two only."
            ]
        );
    }

    #[test]
    fn one_experiment_and_none_are_said_to_be_so() {
        assert_eq!(render_comparison(&[]), "");
        assert!(render_comparison(&[sample::decay()]).contains("nothing to compare it with"));
        let same = [sample::decay(), sample::decay()];
        assert_eq!(names(&same), ["sample 1", "sample 2"]);
    }
}
