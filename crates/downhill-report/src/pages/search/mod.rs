//! The report of a random search: its trials, how the ranges narrow, and the best of them.

mod pictures;

use maud::{Markup, html};

use crate::drawing::axis::ends;
use crate::drawing::figure::{Figure, Picture};
use crate::figures::boxes::quantile;
use crate::figures::grid::value_text;
use crate::pages::page::{About, Page, Section, code, table};
use crate::tables::NONE;
use crate::text::numbers::{count, counted, fixed, listed, quoted};

/// A random search, once for each seed.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchReport {
    /// Where the numbers come from.
    pub about: About,
    /// What is searched.
    pub settings: Vec<SearchedSetting>,
    /// One search for each seed.
    pub searches: Vec<Search>,
    /// What others found.
    pub published: Option<PublishedTrials>,
}

/// A setting that is searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchedSetting {
    /// Its path, such as `optimizer.sgd.learning_rate`.
    pub path: String,
    /// What it is, in words, such as `learning rate`.
    pub name: String,
    /// Whether its logarithm is drawn evenly.
    pub is_log: bool,
}

/// The rounds of one seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// The seed.
    pub seed: u64,
    /// Its rounds, each with the ranges that the one before led to.
    pub rounds: Vec<Round>,
}

/// One round of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// The least and the greatest value of each setting.
    pub ranges: Vec<(f64, f64)>,
    /// The trials in the order in which they were drawn.
    pub trials: Vec<Trial>,
}

/// A training at drawn settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Its number within the round, counted from 0.
    pub index: usize,
    /// A value for each setting.
    pub values: Vec<f64>,
    /// Final validation accuracy, 0 to 1; `None` if it diverged.
    pub validation: Option<f64>,
    /// Test accuracy of the same network, 0 to 1.
    pub test: Option<f64>,
    /// Validation accuracy by epoch, where it was kept.
    pub curve: Vec<(f64, f64)>,
}

/// Trials of others.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedTrials {
    /// Who, where.
    pub source: String,
    /// A value for each setting, and the validation accuracy, 0 to 1.
    pub trials: Vec<(Vec<f64>, f64)>,
}

/// A trial and where it stands.
#[derive(Clone, Copy)]
struct Placed<'a> {
    seed: u64,
    /// Counted from 0.
    round: usize,
    trial: &'a Trial,
    validation: f64,
}

/// Rows of the table of the best trials.
const SHOWN: usize = 10;

impl SearchReport {
    /// The report as one HTML file.
    #[must_use]
    pub fn render_html(&self) -> String {
        let figures = self.figures();
        let (first, rest) = figures.split_at(figures.len().min(1));
        let mut sections = vec![Section::of_figures("trials", "Trials", first)];
        sections.push(Section::new("results", "Best trials", self.tables()));
        for (id, title, name) in [
            ("parallel", "All settings of a trial", "parallel"),
            ("ranges", "Ranges round by round", "ranges"),
            ("best-so-far", "Best trial so far", "best-so-far"),
            (
                "curves",
                "Validation accuracy of the best trials while training",
                "curves",
            ),
        ] {
            if let Some(at) = rest.iter().position(|figure| figure.name == name) {
                sections.push(Section::of_figures(id, title, &rest[at..=at]));
            }
        }
        if figures.is_empty() {
            sections.remove(0);
        }
        let page = Page {
            about: &self.about,
            kind: "random search",
            found: self.findings(),
            sections,
            made: vec![("Searched", self.searched())],
            made_details: html! {},
            limits: self.limits(),
            source: "the trials",
        };
        page.html()
    }

    /// The figures as pictures of their own.
    #[must_use]
    pub fn pictures(&self) -> Vec<Picture> {
        self.figures().iter().map(Figure::picture).collect()
    }

    /// All trials that did not diverge, from the highest validation accuracy to the lowest; of
    /// equal ones the earlier comes first.
    fn ranked(&self) -> Vec<Placed<'_>> {
        let mut ranked: Vec<Placed<'_>> = self.searches.iter().flat_map(Search::placed).collect();
        ranked.sort_by(|left, right| right.validation.total_cmp(&left.validation));
        ranked
    }

    /// The best trial of each seed.
    fn best_of_each(&self) -> Vec<Placed<'_>> {
        self.searches.iter().filter_map(Search::best).collect()
    }

    fn all_trials(&self) -> impl Iterator<Item = &Trial> {
        let rounds = self.searches.iter().flat_map(|search| &search.rounds);
        rounds.flat_map(|round| &round.trials)
    }

    /// What was found, in words, the answer first.
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        let ranked = self.ranked();
        let Some(best) = ranked.first() else {
            return vec!["No trial finished.".into()];
        };
        let test = best.trial.test.map_or_else(String::new, |test| {
            format!(" (test accuracy {} %)", percent(test))
        });
        let mut found = vec![format!(
            "The best of {} reaches {} % validation accuracy{test}, with {}.",
            counted(self.all_trials().count(), "trial"),
            percent(best.validation),
            self.at(&best.trial.values)
        )];
        let best = self.best_of_each();
        if best.len() > 1 {
            for (index, setting) in self.settings.iter().enumerate() {
                found.extend(spread(setting, &best, index));
            }
            let accuracies: Vec<f64> = best.iter().map(|placed| placed.validation).collect();
            if let Some((least, most)) = ends(accuracies.iter().copied()) {
                found.push(format!(
                    "The best trials of the {} seeds reach from {} to {} % validation accuracy, median {} %.",
                    count(best.len()),
                    percent(least),
                    percent(most),
                    percent(quantile(&accuracies, 0.5))
                ));
            }
        }
        found.extend(self.compared());
        let diverged = self
            .all_trials()
            .filter(|trial| trial.validation.is_none())
            .count();
        if diverged > 0 {
            found.push(format!("{} diverged.", counted(diverged, "trial")));
        }
        found
    }

    fn compared(&self) -> Option<String> {
        let published = self.published.as_ref()?;
        let accuracies = published.trials.iter().map(|(_, accuracy)| *accuracy);
        let (_, highest) = ends(accuracies)?;
        let ranges: Vec<String> = (self.settings.iter().enumerate())
            .filter_map(|(index, setting)| {
                let values = published
                    .trials
                    .iter()
                    .filter_map(|(values, _)| values.get(index).copied());
                let (least, most) = ends(values)?;
                Some(format!(
                    "{} from {} to {}",
                    setting.name,
                    short(least),
                    short(most)
                ))
            })
            .collect();
        Some(format!(
            "Published ({}): the best trial reaches {} %; the {} published have {}.",
            published.source,
            percent(highest),
            counted(published.trials.len(), "trial"),
            listed(&ranges)
        ))
    }

    fn limits(&self) -> Vec<String> {
        let mut limits = vec![
            "The validation accuracy of the best of many trials is too good on average: it was chosen for \
             being high. Test accuracies were not used to choose, and are the ones to go by."
                .to_owned(),
            "Trials differ in their settings and in nothing else that was searched: other settings, more \
             epochs or more images may have another best."
                .to_owned(),
            "A random search says where good settings lie, not where the best one is: a value that no trial \
             came near was not looked at, and later rounds look only where earlier ones found something."
                .to_owned(),
        ];
        if self.searches.len() < 2 {
            limits.push(
                "One seed: another one draws other trials and may end at other ranges.".to_owned(),
            );
        }
        limits
    }

    fn searched(&self) -> Markup {
        let first = self
            .searches
            .first()
            .and_then(|search| search.rounds.first());
        html! {
            @for (index, setting) in self.settings.iter().enumerate() {
                @if index > 0 { "; " }
                (setting.name) " (" (code(&setting.path)) ")"
                @if let Some((from, to)) = first.and_then(|round| round.ranges.get(index)) {
                    " from " (short(*from)) " to " (short(*to))
                    @if setting.is_log { ", its logarithm drawn evenly" }
                }
            }
        }
    }

    fn tables(&self) -> Markup {
        let mut heads = vec!["rank", "seed", "round", "trial"];
        heads.extend(self.settings.iter().map(|setting| setting.name.as_str()));
        heads.extend(["validation accuracy, %", "test accuracy, %"]);
        let row = |(rank, placed): (usize, &Placed<'_>)| {
            let mut cells = vec![
                count(rank),
                placed.seed.to_string(),
                count(placed.round + 1),
                count(placed.trial.index + 1),
            ];
            cells.extend(self.cells(&placed.trial.values));
            cells.push(percent(placed.validation));
            cells.push(placed.trial.test.map_or_else(|| NONE.into(), percent));
            cells
        };
        let ranked = self.ranked();
        let best: Vec<_> = (1..).zip(ranked.iter().take(SHOWN)).map(row).collect();
        let mut of_seeds = heads.clone();
        of_seeds.remove(0);
        let each: Vec<Vec<String>> = self
            .best_of_each()
            .iter()
            .map(|placed| row((0, placed))[1..].to_vec())
            .collect();
        let mut theirs = vec!["rank"];
        theirs.extend(self.settings.iter().map(|setting| setting.name.as_str()));
        theirs.push("validation accuracy, %");
        html! {
            (table("Of all seeds and rounds, by validation accuracy.", &heads, &best))
            @if each.len() > 1 {
                h3 { "The best trial of each seed" }
                (table("", &of_seeds, &each))
            }
            @if let Some(published) = &self.published {
                h3 { "Published" }
                (table(&format!("By {}.", quoted(&published.source)), &theirs, &self.published_rows(published)))
            }
        }
    }

    fn published_rows(&self, published: &PublishedTrials) -> Vec<Vec<String>> {
        let row = |(rank, (values, accuracy)): (usize, &(Vec<f64>, f64))| {
            let mut cells = vec![count(rank)];
            cells.extend(self.cells(values));
            cells.push(percent(*accuracy));
            cells
        };
        (1..).zip(&published.trials).map(row).collect()
    }

    /// A cell for each setting.
    fn cells(&self, values: &[f64]) -> impl Iterator<Item = String> {
        let values = (0..self.settings.len()).map(|index| values.get(index));
        values.map(|value| value.map_or_else(|| NONE.to_owned(), |value| short(*value)))
    }

    /// The settings of a trial in words.
    fn at(&self, values: &[f64]) -> String {
        let settings = self.settings.iter().zip(values);
        let settings =
            settings.map(|(setting, value)| format!("{} {}", setting.name, short(*value)));
        listed(&settings.collect::<Vec<_>>())
    }
}

impl Search {
    fn placed(&self) -> impl Iterator<Item = Placed<'_>> {
        let rounds = self.rounds.iter().enumerate();
        rounds.flat_map(move |(round, of_round)| {
            of_round.trials.iter().filter_map(move |trial| {
                Some(Placed {
                    seed: self.seed,
                    round,
                    trial,
                    validation: trial.validation?,
                })
            })
        })
    }

    fn best(&self) -> Option<Placed<'_>> {
        let mut best: Option<Placed<'_>> = None;
        for placed in self.placed() {
            if best.is_none_or(|known| placed.validation > known.validation) {
                best = Some(placed);
            }
        }
        best
    }
}

/// Where the best values of a setting lie, one for each seed.
fn spread(setting: &SearchedSetting, best: &[Placed<'_>], index: usize) -> Option<String> {
    let values: Vec<f64> = best
        .iter()
        .filter_map(|placed| placed.trial.values.get(index).copied())
        .collect();
    let (least, most) = ends(values.iter().copied())?;
    Some(format!(
        "The {} of the best trials lies between {} and {} over {}, median {}.",
        setting.name,
        short(least),
        short(most),
        counted(best.len(), "seed"),
        short(quantile(&values, 0.5))
    ))
}

/// A value with three digits.
fn short(value: f64) -> String {
    let rounded = format!("{value:.2e}").parse().unwrap_or(value);
    value_text(rounded)
}

fn percent(share: f64) -> String {
    fixed(100.0 * share, 1)
}

#[cfg(test)]
mod tests {
    use crate::sample;

    #[test]
    fn the_answer_names_the_best_trial_and_where_the_best_lie() {
        let report = sample::search(3);
        let found = report.findings();
        let ranked = report.ranked();
        let best = ranked.first().unwrap();
        assert!(
            ranked
                .iter()
                .all(|placed| placed.validation <= best.validation)
        );
        assert!(
            found[0].starts_with("The best of 600 trials reaches "),
            "{}",
            found[0]
        );
        assert!(found[1].contains("over 3 seeds, median"), "{}", found[1]);
        assert!(
            found
                .iter()
                .any(|sentence| sentence.starts_with("Published ("))
        );
        assert!(found.iter().any(|sentence| sentence.ends_with("diverged.")));
    }

    #[test]
    fn a_search_in_which_all_diverged_says_so() {
        let mut report = sample::search(1);
        for round in &mut report.searches[0].rounds {
            for trial in &mut round.trials {
                trial.validation = None;
            }
        }
        assert_eq!(report.findings(), ["No trial finished."]);
        report.searches.clear();
        assert!(report.render_html().contains("No trial finished."));
        assert!(report.pictures().is_empty());
    }
}
