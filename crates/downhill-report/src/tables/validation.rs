//! Test accuracy where validation accuracy was best, and figures of others beside ours.

use crate::experiment::{Experiment, Method};
use crate::record::Evaluation;
use crate::record::lines::RunRecord;
use crate::statistics::{Statistics, describe};
use crate::summary::{MethodSummary, Summary, final_evaluation};
use crate::tables::NONE;
use crate::text::numbers::{Precision, count, fixed, loss, quoted};

/// The evaluation with the highest validation accuracy, of equal ones the first; `None` without
/// held-out images and for a run that diverged.
pub(crate) fn best_validation(run: &RunRecord) -> Option<(&Evaluation, f64)> {
    final_evaluation(run)?;
    let mut best: Option<(&Evaluation, f64)> = None;
    for evaluation in &run.evaluations {
        let accuracy = evaluation.validation.map(|score| score.accuracy);
        let Some(accuracy) = accuracy.filter(|accuracy| accuracy.is_finite()) else {
            continue;
        };
        if best.is_none_or(|(_, known)| accuracy > known) {
            best = Some((evaluation, accuracy));
        }
    }
    best
}

/// What the columns of [`validation_rows`] are.
pub(crate) const VALIDATION_HEADS: [&str; 6] = [
    "method",
    "runs",
    "best validation, %",
    "at update (median)",
    "test there, %",
    "test at the end, %",
];

/// What they mean.
pub(crate) const VALIDATION_NOTE: &str = "Means over the runs that finished, with half the width of their 95 % \
    interval. Of each run the evaluation with the highest accuracy on the held-out images counts, of \
    equal ones the first: the test images have no say in the choice.";

/// One row per method; none where no run has held-out images.
pub(crate) fn validation_rows(experiment: &Experiment, precision: Precision) -> Vec<Vec<String>> {
    let row = |method: &Method| {
        let best: Vec<(&Evaluation, f64)> =
            method.runs.iter().filter_map(best_validation).collect();
        let text = |values: Vec<f64>| {
            let statistics = describe(&values);
            statistics.map_or_else(
                || NONE.to_owned(),
                |values| precision.mean_and_half_width(&values),
            )
        };
        let updates: Vec<f64> = best.iter().map(|(at, _)| at.updates as f64).collect();
        let last = method.runs.iter().filter_map(final_evaluation);
        (!best.is_empty()).then(|| {
            vec![
                method.name.clone(),
                count(best.len()),
                text(best.iter().map(|(_, accuracy)| *accuracy).collect()),
                describe(&updates)
                    .map_or_else(|| NONE.into(), |updates| count(updates.median as u64)),
                text(best.iter().map(|(at, _)| at.test.accuracy).collect()),
                text(last.map(|last| last.test.accuracy).collect()),
            ]
        })
    };
    experiment.methods.iter().filter_map(row).collect()
}

/// What the columns of [`published_rows`] are.
pub(crate) const PUBLISHED_HEADS: [&str; 6] = [
    "method",
    "figure",
    "published",
    "ours",
    "runs",
    "difference",
];

/// One row for each published figure of a method that is here.
pub(crate) fn published_rows(
    experiment: &Experiment,
    summary: &Summary,
    precision: Precision,
) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let figures = experiment
        .published
        .iter()
        .flat_map(|published| &published.figures);
    for figure in figures {
        let methods = experiment.methods.iter().zip(&summary.methods);
        let Some((method, numbers)) = methods
            .clone()
            .find(|(method, _)| method.name == figure.method)
        else {
            continue;
        };
        let accuracies = [
            (
                "train accuracy, %",
                figure.train_accuracy,
                numbers.train_accuracy,
            ),
            (
                "test accuracy, %",
                figure.test_accuracy,
                numbers.test_accuracy,
            ),
        ];
        for (name, theirs, ours) in accuracies {
            let Some(theirs) = theirs else { continue };
            let ours_text = ours.map(|ours| precision.mean_and_half_width(&ours));
            let difference = ours.map(|ours| precision.signed_points(ours.mean - theirs));
            rows.push(published_row(
                numbers,
                name.to_owned(),
                precision.percent(theirs),
                ours_text,
                difference,
            ));
        }
        for (update, theirs) in &figure.losses {
            let ours = losses_at(method, *update);
            let name = format!("loss of the batch at update {}", count(*update));
            let difference = ours.map(|ours| signed(ours.mean - theirs));
            rows.push(published_row(
                numbers,
                name,
                loss(*theirs),
                ours.map(|ours| loss_and_half_width(&ours)),
                difference,
            ));
        }
    }
    rows
}

fn published_row(
    method: &MethodSummary,
    figure: String,
    theirs: String,
    ours: Option<String>,
    difference: Option<String>,
) -> Vec<String> {
    vec![
        method.name.clone(),
        figure,
        theirs,
        ours.unwrap_or_else(|| NONE.into()),
        count(method.runs()),
        difference.unwrap_or_else(|| NONE.into()),
    ]
}

fn signed(difference: f64) -> String {
    let text = fixed(difference, 3);
    if difference > 0.0 {
        format!("+{text}")
    } else {
        text
    }
}

/// `0.352 ± 0.021`, or the mean alone where there is no interval to show.
fn loss_and_half_width(losses: &Statistics) -> String {
    let mean = loss(losses.mean);
    let half_width = losses.half_width();
    let half_width = half_width.filter(|_| losses.shown_interval().is_some());
    match (half_width, mean.split_once('.')) {
        (Some(half_width), Some((_, decimals))) if !decimals.contains('e') => {
            let half_width = fixed(half_width, decimals.len());
            format!("{mean} ± {half_width}")
        }
        _ => mean,
    }
}

/// The batch's losses at an update over the finished runs, as they are, without smoothing.
fn losses_at(method: &Method, update: u64) -> Option<Statistics> {
    let at = usize::try_from(update.checked_sub(1)?).ok()?;
    let finished = method
        .runs
        .iter()
        .filter(|run| final_evaluation(run).is_some());
    let losses: Vec<f64> = finished
        .filter_map(|run| run.losses.get(at).map(|loss| f64::from(*loss)))
        .collect();
    describe(&losses)
}

/// The note below the table of published figures.
pub(crate) fn published_note(experiment: &Experiment) -> String {
    let source = experiment
        .published
        .as_ref()
        .map(|published| published.source.as_str());
    format!(
        "Published by {}. Ours are means over the seeds with half the width of their 95 % interval, the \
         difference is ours minus theirs. A figure of a single run, or of other software, differs by chance \
         and rounding as well.",
        quoted(source.unwrap_or_default())
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{Published, PublishedFigure};
    use crate::record::{Outcome, Score};
    use crate::sample;

    #[test]
    fn of_equally_good_evaluations_the_first_is_the_best() {
        let evaluations = [(1, 0.1, 0.1), (3, 0.5, 0.4), (6, 0.9, 0.6), (9, 1.0, 0.5)];
        let mut run = sample::run("none", 0, &evaluations, Outcome::Finished);
        assert_eq!(best_validation(&run), None);
        for (evaluation, accuracy) in run.evaluations.iter_mut().zip([0.2, 0.7, 0.7, 0.6]) {
            evaluation.validation = Some(Score {
                loss: 1.0,
                accuracy,
            });
        }
        let (best, accuracy) = best_validation(&run).unwrap();
        assert_eq!((best.updates, best.test.accuracy, accuracy), (3, 0.4, 0.7));
        run.end.outcome = Outcome::Diverged { update: 9 };
        assert_eq!(best_validation(&run), None);
    }

    #[test]
    fn published_figures_stand_beside_ours() {
        let mut experiment = sample::decay();
        for run in &mut experiment.methods[0].runs {
            run.losses = vec![2.0, 1.5];
        }
        experiment.published = Some(Published {
            source: "the book".into(),
            figures: vec![PublishedFigure {
                method: "none".into(),
                train_accuracy: None,
                test_accuracy: Some(0.75),
                losses: vec![(2, 1.25), (9, 1.0)],
            }],
        });
        let summary = Summary::of(&experiment);
        let rows = published_rows(&experiment, &summary, Precision::of(&summary));
        assert_eq!(
            rows[0],
            [
                "none",
                "test accuracy, %",
                "75.0",
                "76.0 ± 1.3",
                "4",
                "+1.0"
            ]
        );
        assert_eq!(
            rows[1][1..],
            [
                "loss of the batch at update 2",
                "1.25",
                "1.50",
                "4",
                "+0.250"
            ]
        );
        assert_eq!(rows[2][3..], ["—", "4", "—"]);
        for (run, loss) in experiment.methods[0]
            .runs
            .iter_mut()
            .zip([1.25, 1.5, 1.5, 1.75])
        {
            run.losses[1] = loss;
        }
        let rows = published_rows(&experiment, &summary, Precision::of(&summary));
        // Student t of four: 3.182 standard deviations of 0.204, by the square root of 4.
        assert_eq!(rows[1][3], "1.50 ± 0.32");
    }
}
