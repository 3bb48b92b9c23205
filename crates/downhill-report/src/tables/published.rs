//! Published figures next to those of the runs.

use crate::experiment::{Experiment, Method};
use crate::statistics::{Statistics, describe};
use crate::summary::{MethodSummary, Summary};
use crate::text::columns::NONE;
use crate::text::numbers::{count, fixed, loss, quoted, signed};

/// What the columns of [`published_rows`] are.
pub(crate) const PUBLISHED_HEADS: [&str; 6] = [
    "method",
    "figure",
    "published",
    "ours",
    "runs",
    "difference",
];

/// One row for each published figure of a method in the experiment.
pub(crate) fn published_rows(summary: &Summary<'_>) -> Vec<Vec<String>> {
    let (experiment, precision) = (summary.experiment, summary.precision);
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
            let difference = ours.map(|ours| signed(ours.mean - theirs, 3));
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
        .filter(|run| run.final_evaluation().is_some());
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
        "Published by {}. Ours are means over the seeds with half the width of their 95 % \
         interval; the difference is ours minus theirs. A figure from a single run or from other \
         software also differs by chance and rounding.",
        quoted(source.unwrap_or_default())
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{Published, PublishedFigure};
    use crate::sample;

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
        let rows = published_rows(&Summary::of(&experiment));
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
        let rows = published_rows(&Summary::of(&experiment));
        // Student t of four: 3.182 standard deviations of 0.204, by the square root of 4.
        assert_eq!(rows[1][3], "1.50 ± 0.32");
    }
}
