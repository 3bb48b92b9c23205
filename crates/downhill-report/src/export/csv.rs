//! One row per evaluation, as comma-separated values.

use crate::experiment::{Experiment, Method};
use crate::export::outcome_word;
use crate::record::{Evaluation, Score};
use crate::record_lines::RunRecord;

/// The names of the columns, in their order.
const HEAD: &str = "method,seed,run,epoch,updates,train_loss,train_accuracy,test_loss,\
                    test_accuracy,outcome";

/// Each evaluation of each run as a row, by RFC 4180: a header, CRLF after every row, quotes around
/// a field that holds a comma, a quote or a line break.
///
/// Losses are in nats, accuracies from 0 to 1, both with the digits that give the same `f64` when
/// read; a loss that is not finite is an empty field, and so is the epoch before the first update.
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
    let of = |score: fn(&Evaluation) -> Score, number: fn(Score) -> f64| {
        evaluation.map_or_else(String::new, |evaluation| finite(number(score(evaluation))))
    };
    let fields = [
        quoted(&method.name),
        run.header.seed.to_string(),
        quoted(&run.header.run),
        epoch.map_or_else(String::new, |epoch| epoch.to_string()),
        updates.to_string(),
        of(|evaluation| evaluation.train, |score| score.loss),
        of(|evaluation| evaluation.train, |score| score.accuracy),
        of(|evaluation| evaluation.test, |score| score.loss),
        of(|evaluation| evaluation.test, |score| score.accuracy),
        outcome_word(&run.end.outcome).to_owned(),
    ];
    fields.join(",") + "\r\n"
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
        let runs = vec![sample::run(
            "none",
            7,
            &[(1, 0.1, 0.25), (16, 0.5, 1.0 / 3.0)],
            Outcome::Finished,
        )];
        let method = Method {
            name: "none".into(),
            changes: Vec::new(),
            cell: None,
            runs,
        };
        let text = runs_csv(&sample::experiment(None, vec![method]));
        assert_eq!(
            text,
            "method,seed,run,epoch,updates,train_loss,train_accuracy,test_loss,test_accuracy,outcome\r\n\
             none,7,0000000000000007,0,1,2.26,0.1,1.9,0.25,finished\r\n\
             none,7,0000000000000007,5,16,1.3,0.5,1.7000000000000002,0.3333333333333333,finished\r\n"
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
                "a,0,0000000000000000,,1,,0.1,2.26,0.1,diverged",
                "a,0,0000000000000000,,3,,,,,diverged"
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
