//! What the runs of an experiment do not show, as far as their own numbers tell.

mod changes;
mod seeds;
#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::experiment::{Experiment, TargetImages};
use crate::record::{DataIdentity, Duplicates};
use crate::statistics::FEWEST_RESAMPLED;
use crate::summary::training_data::{counts, headers, image_counts, is_mixed};
use crate::summary::{MethodSummary, Summary};
use crate::text::numbers::listed;

/// Fewer images than this are too few to speak of the data set's usual size.
const FEW_IMAGES: usize = 10_000;

/// What the runs of an experiment do not show: one or two sentences for each limit that applies.
pub(crate) fn limits(summary: &Summary<'_>) -> Vec<String> {
    let experiment = summary.experiment;
    let limits = [
        data(experiment),
        duplicates(&experiment.data),
        other_code(experiment),
        mixed_sources(experiment),
        architecture(experiment),
        seeds::seeds(summary),
        interval(summary),
        comparisons(summary),
        tests(summary),
        tuning(experiment),
        changes::several_changes(experiment),
        updates(summary),
        target(summary),
        divergence(summary),
        selection(summary),
    ];
    limits.into_iter().flatten().collect()
}

fn data(experiment: &Experiment) -> Option<String> {
    let counts = counts(experiment, |data| data.train_images);
    let (least, most) = (*counts.first()?, *counts.last()?);
    let few = if most < FEW_IMAGES {
        " The training images are few: with more of them, the methods may rank differently."
    } else if least < FEW_IMAGES {
        " Where the training images are few, the methods may rank differently with more."
    } else {
        ""
    };
    let mut identities: Vec<&DataIdentity> = vec![&experiment.data];
    for header in headers(experiment) {
        if identities
            .iter()
            .all(|known| known.sha256 != header.data.sha256)
        {
            identities.push(&header.data);
        }
    }
    let (number, other) = match identities.len() {
        1 => ("One data set".to_owned(), "other data"),
        several => (format!("{several} data sets"), "yet other data"),
    };
    let mut names: Vec<String> = identities.iter().map(|data| data.name.clone()).collect();
    names.dedup();
    Some(format!(
        "{number} ({}), {}: nothing here says how the methods compare on {other}.{few}",
        listed(&names),
        image_counts(experiment),
    ))
}

fn architecture(experiment: &Experiment) -> Option<String> {
    let mut known: Vec<[&Value; 3]> = Vec::new();
    for header in headers(experiment) {
        let setting = |path| header.config.pointer(path).unwrap_or(&Value::Null);
        let architecture = [
            setting("/model/hidden"),
            setting("/model/activation"),
            setting("/model/convolutions"),
        ];
        if architecture != [&Value::Null; 3] && !known.contains(&architecture) {
            known.push(architecture);
        }
    }
    let is_convolutional = |[.., convolutions]: &[&Value; 3]| {
        let convolutions = convolutions.as_array();
        convolutions.is_some_and(|layers| !layers.is_empty())
    };
    let convolutional = known.iter().filter(|one| is_convolutional(one)).count();
    Some(match (known.len(), convolutional) {
        (0 | 1, 0) => "One network architecture, the one in the resolved config: deeper, wider or \
                       convolutional networks may behave differently."
            .into(),
        (0 | 1, _) => "One network architecture, the one in the resolved config: deeper or wider \
                       ones, or those without convolutions, may behave differently."
            .into(),
        (several, 0) => format!(
            "{several} network architectures (hidden layers and activation), those in the resolved \
             config: others, convolutional ones among them, may behave differently."
        ),
        (several, _) => format!(
            "{several} network architectures (convolutions, hidden layers and activation), those in \
             the resolved config: others may behave differently."
        ),
    })
}

/// Images that occur more than once.
fn duplicates(data: &DataIdentity) -> Option<String> {
    data.duplicates.map(|Duplicates { train, test, across }| {
        format!(
            "Of the images of {}, {across} test images equal a training image pixel by pixel, so \
             they were seen in training; {train} training images and {test} test images equal an \
             earlier one.",
            data.name
        )
    })
}

/// Runs of other code than that of the program that writes the report.
fn other_code(experiment: &Experiment) -> Option<String> {
    experiment.is_by_other_code.then(|| {
        format!(
            "The runs were made by other code ({}) than that of the program that wrote this \
             report; `train` trains them again.",
            experiment.versions
        )
    })
}

/// Runs whose header names other data, versions or another backend than the experiment.
fn mixed_sources(experiment: &Experiment) -> Option<String> {
    let mut differing = Vec::new();
    if is_mixed(experiment) {
        differing.push("data".to_owned());
    }
    if headers(experiment).any(|header| !header.versions.is_same_code(&experiment.versions)) {
        differing.push("versions".to_owned());
    }
    if headers(experiment).any(|header| header.backend != experiment.backend) {
        differing.push("backends".to_owned());
    }
    (!differing.is_empty()).then(|| {
        format!(
            "Some runs were made with other {} than this report names, so their differences need \
             not come from the method.",
            listed(&differing)
        )
    })
}

fn interval(summary: &Summary<'_>) -> Option<String> {
    summary.has_intervals().then(|| {
        format!(
            "The intervals of means are 95 % studentized bootstrap intervals. In simulations with \
             normal, skewed and bounded values, they cover the true mean in 94 to 96 % of samples \
             of 30, in 92 to 97 % of samples of 8, and in as few as 91 % of samples of \
             {FEWEST_RESAMPLED}. Smaller samples have Student t intervals, which assume nearly \
             normal values."
        )
    })
}

fn comparisons(summary: &Summary<'_>) -> Option<String> {
    let differences = summary.differences();
    let intervals = differences
        .filter(|difference| difference.shown_interval().is_some())
        .count();
    (intervals > 1).then(|| {
        format!(
            "The {intervals} intervals for differences are not corrected for multiple comparisons: \
             each misses the true difference in 5 % of such experiments, so that at least one \
             misses is more likely. The tests are corrected for the number of methods, separately \
             for test accuracy and for the gap."
        )
    })
}

/// A note that a test without a significant result does not show equality, and what the tests can
/// show.
fn tests(summary: &Summary<'_>) -> Option<String> {
    let comparisons = summary
        .others()
        .filter_map(|method| method.versus_baseline.as_ref());
    let mut tested = comparisons.filter(|comparison| comparison.test_accuracy.difference.n > 1);
    tested.next().is_some().then(|| {
        "A difference that is not distinguishable from zero is no proof of equality. Wilcoxon's \
         test assumes that differences are symmetric around their median. A significant difference \
         need not be large: the interval shows its size."
            .into()
    })
}

fn target(summary: &Summary<'_>) -> Option<String> {
    let target = summary.experiment.target.as_ref()?;
    if summary.target.is_none() {
        return Some(format!(
            "The target is an accuracy on {} images, which no run recorded.",
            target.on.name()
        ));
    }
    let on_test = if target.on == TargetImages::Test {
        " Choosing when to stop by test accuracy uses the test set."
    } else {
        ""
    };
    Some(format!(
        "Updates to the target are counted at the first evaluation that reaches it: a run may have \
         reached it at any update since the previous evaluation, and may have lost it again \
         afterwards.{on_test}"
    ))
}

fn tuning(experiment: &Experiment) -> Option<String> {
    if experiment.grid.is_some() {
        return Some(
            "One setting was varied over the grid and no other was tuned: a method may do better \
             between two values of the grid, or with other values of the fixed settings."
                .into(),
        );
    }
    (experiment.methods.len() > 1).then(|| {
        "Each method ran with one set of hyperparameters, and none was tuned here: the runs \
         compare these settings, not the methods at their best."
            .into()
    })
}

fn updates(summary: &Summary<'_>) -> Option<String> {
    let mut updates = summary.methods.iter().flat_map(|method| &method.updates);
    let first = updates.next()?;
    updates.any(|other| other != first).then(|| {
        "The numbers of updates differ, so differences between final values also come from how \
         long each method trained."
            .into()
    })
}

fn divergence(summary: &Summary<'_>) -> Option<String> {
    summary.has_diverged().then(|| {
        "A diverged run counts as 0 % accuracy. That is a convention, not a measurement, and it \
         widens the intervals. The run has no loss and no gap, and is left out of those columns."
            .into()
    })
}

fn selection(summary: &Summary<'_>) -> Option<String> {
    let keeps_best = |method: &&MethodSummary| method.keeps_best;
    let of_best = summary.methods.iter().filter(keeps_best).count();
    let which = if of_best == 0 {
        "Final values are those of the last evaluation, not of the best."
    } else if of_best == summary.methods.len() {
        "Final values are those of the evaluation with the best score on the validation images, \
         not of the last."
    } else {
        "Methods with `keep_best` count with the evaluation that has the best score on the \
         validation images, the others with the last."
    };
    Some(format!(
        "{which} Choosing settings, or when to stop, by these test accuracies would use the test \
         set."
    ))
}
