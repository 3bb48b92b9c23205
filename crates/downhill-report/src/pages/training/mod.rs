//! The report of an experiment of trainings.

mod figures;
mod html;

use crate::drawing::figure::Picture;
use crate::experiment::{Experiment, InvalidExperiment};
use crate::export::csv::runs_csv;
use crate::export::json_lines::runs_json_lines;
use crate::export::json_summary::summary_json;
use crate::findings::findings;
use crate::findings::limits::limits;
use crate::summary::Summary;
use crate::tables;

/// The report of an experiment. Its numbers are computed once, by [`Report::of`].
///
/// All output depends only on the experiment: the same experiment gives the same bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Report<'a> {
    summary: Summary<'a>,
}

impl<'a> Report<'a> {
    /// Computes the numbers of an experiment.
    ///
    /// # Errors
    ///
    /// If the baseline is not one of the methods, a method's name or a seed within a method comes
    /// twice, or a run names another method than the one that holds it.
    pub fn of(experiment: &'a Experiment) -> Result<Self, InvalidExperiment> {
        experiment.check()?;
        let summary = Summary::of(experiment);
        Ok(Self { summary })
    }

    /// Returns the experiment.
    #[must_use]
    pub fn experiment(&self) -> &'a Experiment {
        self.summary.experiment
    }

    /// Returns the numbers of the experiment.
    pub(crate) fn summary(&self) -> &Summary<'a> {
        &self.summary
    }

    /// Returns the tables as text for a terminal, no line wider than
    /// [`TABLE_WIDTH`](crate::TABLE_WIDTH) columns.
    ///
    /// They are the final values with a row per method, the paired differences to the baseline,
    /// the cost of the target, test accuracy at the best validation accuracy, and published
    /// figures; those without a row are left out. Accuracies are means in percent with half the
    /// width of their 95 % interval; gaps and differences are in points.
    #[must_use]
    pub fn text(&self) -> String {
        tables::text(&self.summary)
    }

    /// Returns what the runs show, one or more sentences per entry, the short answer first.
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        findings(&self.summary)
    }

    /// Returns what the runs do not show, one or two sentences per entry.
    #[must_use]
    pub fn limits(&self) -> Vec<String> {
        limits(&self.summary)
    }

    /// Returns the page as one HTML file, which loads nothing and runs no script.
    ///
    /// It can be read without color, on a phone, in a dark color scheme and on paper. With a grid,
    /// tables and figures are arranged by its values.
    #[must_use]
    pub fn html(&self) -> String {
        html::html(&self.summary, self.findings(), self.limits())
    }

    /// Returns the figures of the page as pictures of their own; none without a run.
    #[must_use]
    pub fn pictures(&self) -> Vec<Picture> {
        figures::pictures(&self.summary)
    }

    /// Returns the summary as one JSON object without line breaks: `page`, the path of the HTML
    /// file, the findings, and for each method the means with their 95 % intervals. They are over
    /// all runs; a diverged run counts as an accuracy of 0.
    #[must_use]
    pub fn json(&self, page: &str) -> String {
        summary_json(&self.summary, self.findings(), page)
    }

    /// Returns the runs as JSON lines: [`run_json`](crate::run_json) of each, method by method.
    #[must_use]
    pub fn json_lines(&self) -> String {
        runs_json_lines(self.summary.experiment)
    }

    /// Returns the evaluations of all runs as comma-separated values by RFC 4180, a row each.
    ///
    /// Losses are in nats, accuracies from 0 to 1, both with the digits that give the same `f64`
    /// when read. A field is empty for a loss that is not finite, for the epoch before the first
    /// update, and for scores on held-out images if there are none. The outcome, `finished` or
    /// `diverged`, is that of the whole run. A diverged run has one more row, without scores, at
    /// the update at which its loss was not finite.
    #[must_use]
    pub fn csv(&self) -> String {
        runs_csv(self.summary.experiment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn contradictions_are_refused() {
        let mut experiment = sample::decay();
        experiment.baseline = Some("nothing".into());
        let error = Report::of(&experiment).unwrap_err();
        assert_eq!(
            error.to_string(),
            "baseline must be one of the methods, got nothing"
        );
    }

    #[test]
    fn means_intervals_and_differences_are_those_of_the_table() {
        let text = Report::of(&sample::decay())
            .unwrap()
            .json("runs/reports/x.html");
        assert!(!text.contains('\n'));
        let object: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(object["report"], "runs/reports/x.html");
        assert_eq!(object["runs"], 8);
        assert_eq!(object["diverged"], 0);
        let decay = &object["methods"][1];
        assert_eq!(decay["method"], "weight-decay");
        let mean = decay["test_accuracy"]["mean"].as_f64().unwrap();
        assert!((mean - 0.72).abs() < 1e-12, "{mean}");
        let difference = &decay["test_accuracy_difference"];
        let mean = difference["mean"].as_f64().unwrap();
        assert!((mean + 0.04).abs() < 1e-12, "{mean}");
        assert_eq!(difference["n"], 4);
        assert!(object["methods"][0]["test_accuracy_difference"].is_null());
        assert!(!object["findings"].as_array().unwrap().is_empty());
    }
}
