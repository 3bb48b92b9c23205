//! The report of a random search: its trials, how the ranges narrow, and the best of them.

mod pictures;
mod trials;

use maud::{Markup, html};

use crate::drawing::axis::ends;
use crate::drawing::figure::{Figure, Picture};
use crate::export::csv::{finite, quoted as field};
use crate::figures::boxes::quantile;
use crate::pages::page::{Page, Section, code, table};
use crate::pages::search::trials::{Placed, percent, short};
use crate::text::columns::NONE;
use crate::text::numbers::{count, counted, listed, quoted};

pub use crate::pages::search::trials::{
    PublishedTrials, Round, Search, SearchReport, SearchedSetting, Trial,
};

/// Rows of the table of the best trials.
const SHOWN: usize = 10;

impl SearchReport {
    /// The report as one HTML file.
    #[must_use]
    pub fn html(&self) -> String {
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
                    "The best trials of the {} seeds reach {} to {} % validation accuracy, median \
                     {} %.",
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

    /// Returns the trials as comma-separated values by RFC 4180, a row each: seed, round and trial
    /// (both counted from 1), the values drawn, and the accuracies, which are empty for a trial
    /// that diverged.
    #[must_use]
    pub fn csv(&self) -> String {
        let settings = self.settings.iter();
        let settings: Vec<String> = settings.map(|it| field(&it.path)).collect();
        let mut text = format!(
            "seed,round,trial,{},validation_accuracy,test_accuracy\r\n",
            settings.join(",")
        );
        for search in &self.searches {
            for (round, trials) in search.rounds.iter().enumerate() {
                for trial in &trials.trials {
                    let place = [search.seed, round as u64 + 1, trial.index as u64 + 1];
                    let reached = [trial.validation, trial.test];
                    let fields = (place.iter().map(ToString::to_string))
                        .chain(trial.values.iter().map(|value| finite(*value)))
                        .chain(reached.map(|share| share.map_or_else(String::new, finite)));
                    text.push_str(&fields.collect::<Vec<_>>().join(","));
                    text.push_str("\r\n");
                }
            }
        }
        text
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
            "The validation accuracy of the best of many trials is optimistic, for the trial was \
             chosen by it. Test accuracies were not used to choose: rely on them."
                .to_owned(),
            "Trials differ only in the settings that were searched: with other settings, more \
             epochs or more images, another trial may be best."
                .to_owned(),
            "A random search shows where good settings lie, not which one is best: values far from \
             every trial were not tried, and later rounds search only where earlier ones did well."
                .to_owned(),
        ];
        if self.searches.len() < 2 {
            limits.push(
                "There is one seed: another one draws other trials and may end with other ranges."
                    .to_owned(),
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
        assert!(report.html().contains("No trial finished."));
        assert!(report.pictures().is_empty());
    }

    #[test]
    fn a_trial_is_a_row() {
        let report = sample::search(2);
        let text = report.csv();
        let rows: Vec<&str> = text.lines().collect();
        let rounds = report.searches.iter().flat_map(|search| &search.rounds);
        let trials: usize = rounds.map(|round| round.trials.len()).sum();
        assert_eq!(rows.len(), 1 + trials);
        let columns = 5 + report.settings.len();
        assert!(
            rows.iter().all(|row| row.split(',').count() == columns),
            "{text}"
        );
        let second = 1 + report.searches[0].rounds[0].trials.len();
        assert!(
            rows[1].starts_with("0,1,1,") && rows[second].starts_with("0,2,1,"),
            "{text}"
        );
    }
}
