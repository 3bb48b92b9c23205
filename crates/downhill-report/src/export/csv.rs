//! Comma-separated values, by RFC 4180.

use crate::experiment::{Experiment, Method};
use crate::record::{Evaluation, RunRecord, Score};

/// The names of the columns, in their order.
const HEAD: &str = "method,seed,run,epoch,updates,train_loss,train_accuracy,test_loss,\
                    test_accuracy,validation_loss,validation_accuracy,not_averaged_train_loss,\
                    not_averaged_train_accuracy,not_averaged_test_loss,\
                    not_averaged_test_accuracy,outcome";

/// Each evaluation of each run as a row; see [`crate::Report::csv`].
pub(crate) fn runs_csv(experiment: &Experiment) -> String {
    let mut text = format!("{HEAD}\r\n");
    for method in &experiment.methods {
        for run in &method.runs {
            for evaluation in &run.evaluations {
                text.push_str(&row(method, run, Some(evaluation)));
            }
            if run.end.outcome.is_diverged() {
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
        of(
            |evaluation| Some(evaluation.not_averaged?.train),
            |score| score.loss,
        ),
        of(
            |evaluation| Some(evaluation.not_averaged?.train),
            |score| score.accuracy,
        ),
        of(
            |evaluation| Some(evaluation.not_averaged?.test),
            |score| score.loss,
        ),
        of(
            |evaluation| Some(evaluation.not_averaged?.test),
            |score| score.accuracy,
        ),
        run.end.outcome.word().to_owned(),
    ];
    fields.join(",") + "\r\n"
}

/// The number; an empty field if it is not finite.
pub(crate) fn finite(number: f64) -> String {
    match number.is_finite() {
        true => number.to_string(),
        false => String::new(),
    }
}

/// The field, in quotes if it holds a comma, a quote or a line break.
pub(crate) fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n']) {
        return format!("\"{}\"", field.replace('"', "\"\""));
    }
    field.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{RunOutcome, Scores};
    use crate::sample;

    #[test]
    fn an_evaluation_is_a_row() {
        let evaluations = [(1, 0.1, 0.25), (16, 0.5, 1.0 / 3.0)];
        let mut runs = vec![sample::run("none", 7, &evaluations, RunOutcome::Finished)];
        runs[0].evaluations[1].validation = Some(Score {
            loss: 1.25,
            accuracy: 0.5,
        });
        let score = |loss, accuracy| Score { loss, accuracy };
        runs[0].evaluations[1].not_averaged = Some(Scores {
            train: score(2.0, 0.375),
            test: score(3.0, 0.125),
            validation: None,
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
             validation_loss,validation_accuracy,not_averaged_train_loss,\
             not_averaged_train_accuracy,not_averaged_test_loss,not_averaged_test_accuracy,\
             outcome\r\n\
             none,7,0000000000000007,0,1,2.26,0.1,1.9,0.25,,,,,,,finished\r\n\
             none,7,0000000000000007,5,16,1.3,0.5,1.7000000000000002,0.3333333333333333,1.25,0.5,\
             2,0.375,3,0.125,finished\r\n"
        );
    }

    #[test]
    fn a_diverged_run_is_there_without_a_score() {
        let outcome = RunOutcome::Diverged { update: 3 };
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
                "a,0,0000000000000000,,1,,0.1,2.26,0.1,,,,,,,diverged",
                "a,0,0000000000000000,,3,,,,,,,,,,,diverged"
            ]
        );
    }

    #[test]
    fn fields_that_would_end_early_are_quoted() {
        assert_eq!(quoted("plain words"), "plain words");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"so\""), "\"say \"\"so\"\"\"");
        assert_eq!(quoted("two\nlines"), "\"two\nlines\"");
    }
}
