//! Runs, trials, paths and differences as comma-separated values, by RFC 4180.

use crate::experiment::{Experiment, Method};
use crate::export::outcome_word;
use crate::record::lines::RunRecord;
use crate::record::{Evaluation, Score};
use crate::{GradientReport, SearchReport, ValleyReport};

/// The names of the columns, in their order.
const HEAD: &str = "method,seed,run,epoch,updates,train_loss,train_accuracy,test_loss,\
                    test_accuracy,validation_loss,validation_accuracy,outcome";

/// Each evaluation of each run as a row, by RFC 4180: a header, CRLF after every row, quotes around
/// a field that holds a comma, a quote or a line break.
///
/// Losses are in nats, accuracies from 0 to 1, both with the digits that give the same `f64` when
/// read; a loss that is not finite is an empty field, and so are the epoch before the first update
/// and the scores on held-out images where there are none.
/// The outcome, `finished` or `diverged`, is that of the whole run. A diverged run is never left
/// out: it has a last row at the update at which its loss stopped being finite, without scores.
#[must_use]
pub fn runs_csv(experiment: &Experiment) -> String {
    let mut text = format!("{HEAD}\r\n");
    for method in &experiment.methods {
        for run in &method.runs {
            for evaluation in &run.evaluations {
                text.push_str(&row(method, run, Some(evaluation)));
            }
            if outcome_word(&run.end.outcome) == "diverged" {
                text.push_str(&row(method, run, None));
            }
        }
    }
    text
}

/// A row with its line break; without an evaluation that of the run's end.
fn row(method: &Method, run: &RunRecord, evaluation: Option<&Evaluation>) -> String {
    let epoch = evaluation.and_then(|evaluation| evaluation.epoch);
    let updates = evaluation.map_or(run.end.updates, |evaluation| evaluation.updates);
    let of = |score: fn(&Evaluation) -> Option<Score>, number: fn(Score) -> f64| {
        let score = evaluation.and_then(score);
        score.map_or_else(String::new, |score| finite(number(score)))
    };
    let fields = [
        quoted(&method.name),
        run.header.seed.to_string(),
        quoted(&run.header.run),
        epoch.map_or_else(String::new, |epoch| epoch.to_string()),
        updates.to_string(),
        of(|evaluation| Some(evaluation.train), |score| score.loss),
        of(|evaluation| Some(evaluation.train), |score| score.accuracy),
        of(|evaluation| Some(evaluation.test), |score| score.loss),
        of(|evaluation| Some(evaluation.test), |score| score.accuracy),
        of(|evaluation| evaluation.validation, |score| score.loss),
        of(|evaluation| evaluation.validation, |score| score.accuracy),
        outcome_word(&run.end.outcome).to_owned(),
    ];
    fields.join(",") + "\r\n"
}

/// Each trial of each search as a row: where it stands, rounds and trials counted from 1, the
/// values that were drawn, and what it reached, which is empty where it diverged.
#[must_use]
pub fn trials_csv(report: &SearchReport) -> String {
    let settings = report.settings.iter();
    let settings: Vec<String> = settings.map(|it| quoted(&it.path)).collect();
    let mut text = format!(
        "seed,round,trial,{},validation_accuracy,test_accuracy\r\n",
        settings.join(",")
    );
    for search in &report.searches {
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

/// Each place of each path as a row, from the start on.
#[must_use]
pub fn paths_csv(report: &ValleyReport<'_>) -> String {
    let mut text = "method,update,x,y,f\r\n".to_owned();
    for path in &report.paths {
        for (update, &(x, y)) in path.points.iter().enumerate() {
            let f = finite((report.function)(x, y));
            let name = quoted(&path.name);
            text.push_str(&format!(
                "{name},{update},{},{},{f}\r\n",
                finite(x),
                finite(y)
            ));
        }
    }
    text
}

/// Each parameter as a row; a difference that is not finite is an empty field.
#[must_use]
pub fn differences_csv(report: &GradientReport) -> String {
    let mut text = "layer,parameter,numbers,largest_difference,limit\r\n".to_owned();
    for row in &report.rows {
        let fields = [
            quoted(&row.layer),
            quoted(&row.parameter),
            row.numbers.to_string(),
            finite(row.largest_difference),
            finite(row.limit),
        ];
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text
}

fn finite(number: f64) -> String {
    match number.is_finite() {
        true => number.to_string(),
        false => String::new(),
    }
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n']) {
        return format!("\"{}\"", field.replace('"', "\"\""));
    }
    field.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Outcome;
    use crate::sample;

    #[test]
    fn an_evaluation_is_a_row() {
        let evaluations = [(1, 0.1, 0.25), (16, 0.5, 1.0 / 3.0)];
        let mut runs = vec![sample::run("none", 7, &evaluations, Outcome::Finished)];
        runs[0].evaluations[1].validation = Some(Score {
            loss: 1.25,
            accuracy: 0.5,
        });
        let method = Method {
            name: "none".into(),
            changes: Vec::new(),
            cell: None,
            runs,
        };
        let text = runs_csv(&sample::experiment(None, vec![method]));
        assert_eq!(
            text,
            "method,seed,run,epoch,updates,train_loss,train_accuracy,test_loss,test_accuracy,\
             validation_loss,validation_accuracy,outcome\r\n\
             none,7,0000000000000007,0,1,2.26,0.1,1.9,0.25,,,finished\r\n\
             none,7,0000000000000007,5,16,1.3,0.5,1.7000000000000002,0.3333333333333333,1.25,0.5,finished\r\n"
        );
    }

    #[test]
    fn a_diverged_run_is_there_without_a_score() {
        let outcome = Outcome::Diverged { update: 3 };
        let mut run = sample::run("a", 0, &[(1, 0.1, 0.1)], outcome);
        run.evaluations[0].train.loss = f64::INFINITY;
        run.evaluations[0].epoch = None;
        let method = Method {
            name: "a".into(),
            changes: Vec::new(),
            cell: None,
            runs: vec![run],
        };
        let text = runs_csv(&sample::experiment(None, vec![method]));
        let rows: Vec<_> = text.lines().skip(1).collect();
        assert_eq!(
            rows,
            [
                "a,0,0000000000000000,,1,,0.1,2.26,0.1,,,diverged",
                "a,0,0000000000000000,,3,,,,,,,diverged"
            ]
        );
    }

    #[test]
    fn trials_paths_and_differences_are_rows() {
        let report = sample::search(2);
        let text = trials_csv(&report);
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

        let report = sample::valley();
        let text = paths_csv(&report);
        let points: usize = report.paths.iter().map(|path| path.points.len()).sum();
        assert_eq!(text.lines().count(), 1 + points);

        let mut report = sample::gradient_check();
        report.rows[0].largest_difference = f64::NAN;
        let text = differences_csv(&report);
        assert_eq!(text.lines().count(), 1 + report.rows.len());
        let first = text.lines().nth(1).unwrap();
        assert!(first.split(',').nth(3).unwrap().is_empty(), "{text}");
    }

    #[test]
    fn fields_that_would_end_early_are_quoted() {
        assert_eq!(quoted("plain words"), "plain words");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"so\""), "\"say \"\"so\"\"\"");
        assert_eq!(quoted("two\nlines"), "\"two\nlines\"");
    }
}
