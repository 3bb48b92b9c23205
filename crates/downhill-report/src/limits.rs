//! What the runs of an experiment do not show, as far as their own numbers tell.

use crate::experiment::Experiment;
use crate::number_text::{count, counted, listed, quoted};
use crate::summary::Summary;

/// Fewer images than this are too few to speak of the data set's usual size.
const FEW_IMAGES: usize = 10_000;

/// What the runs of an experiment do not show: one or two sentences for each limit that applies.
#[must_use]
pub fn limits(experiment: &Experiment) -> Vec<String> {
    let summary = Summary::of(experiment);
    let limits = [
        data(experiment),
        mixed_sources(experiment),
        architecture(),
        seeds(experiment, &summary),
        interval(&summary),
        comparisons(&summary),
        tuning(experiment),
        several_changes(experiment),
        updates(&summary),
        divergence(&summary),
        selection(),
    ];
    limits.into_iter().flatten().collect()
}

fn data(experiment: &Experiment) -> Option<String> {
    let data = &experiment.data;
    let few = if data.train_images < FEW_IMAGES {
        " The training images are few: with more, the same settings may rank differently."
    } else {
        ""
    };
    Some(format!(
        "One data set ({}), {} training and {} test images: nothing here says how the methods \
         compare on other data.{few}",
        data.name,
        count(data.train_images),
        count(data.test_images),
    ))
}

fn architecture() -> Option<String> {
    Some(
        "One network architecture, the one in the resolved config: deeper, wider or convolutional \
         networks may behave differently."
            .into(),
    )
}

/// Runs whose header names other data, versions or another backend than the experiment.
fn mixed_sources(experiment: &Experiment) -> Option<String> {
    let headers = || {
        let runs = experiment.methods.iter().flat_map(|method| &method.runs);
        runs.map(|run| &run.header)
    };
    let mut differing = Vec::new();
    if headers().any(|header| header.data != experiment.data) {
        differing.push("data".to_owned());
    }
    if headers().any(|header| header.versions != experiment.versions) {
        differing.push("versions".to_owned());
    }
    if headers().any(|header| header.backend != experiment.backend) {
        differing.push("backends".to_owned());
    }
    (!differing.is_empty()).then(|| {
        format!(
            "Some runs were made with other {} than this report names, so what separates them need \
             not be the method.",
            listed(&differing)
        )
    })
}

fn seeds(experiment: &Experiment, summary: &Summary) -> Option<String> {
    let sizes = summary.methods.iter().map(|method| method.runs());
    let (least, most) = (sizes.clone().min()?, sizes.max()?);
    let runs = if least == most {
        counted(least, "seed")
    } else {
        format!("{} to {} seeds", count(least), count(most))
    };
    let few = match least {
        0..=1 => "Without a second seed a difference cannot be told from chance.",
        2..=9 => "With so few, small differences stay hidden.",
        _ => "Differences much smaller than the intervals stay hidden.",
    };
    let runs_of_all = experiment.methods.iter().flat_map(|method| &method.runs);
    let mut data = runs_of_all.map(|run| &run.header.data);
    let same_images = if data.all(|data| *data == experiment.data) {
        " A seed decides initial weights, batches and masks; all of them were trained on images \
         from the same files, so the spread between other training sets is not in the intervals."
    } else {
        ""
    };
    Some(format!("{runs} per method. {few}{same_images}"))
}

fn interval(summary: &Summary) -> Option<String> {
    summary.has_intervals().then(|| {
        "The intervals are Student t intervals: they assume nearly normally distributed values, \
         which accuracies close to 100 % and a few seeds cannot confirm."
            .into()
    })
}

fn comparisons(summary: &Summary) -> Option<String> {
    let compared = summary
        .others()
        .filter_map(|method| method.versus_baseline.as_ref());
    let differences = compared.flat_map(|comparison| {
        let gap = comparison.gap.as_ref().map(|gap| gap.difference);
        [Some(comparison.test_accuracy.difference), gap]
    });
    let with_interval = differences
        .flatten()
        .filter(|difference| difference.interval.is_some());
    let intervals = with_interval.count();
    (intervals > 1).then(|| {
        format!(
            "The {intervals} intervals for differences are not corrected for multiple comparisons: \
             each alone misses the true difference in 5 % of such experiments, and that one of \
             them does is more likely."
        )
    })
}

fn tuning(experiment: &Experiment) -> Option<String> {
    (experiment.methods.len() > 1).then(|| {
        "Each method ran at one setting, and no method was tuned here: the runs compare these \
         settings, not the methods at their best."
            .into()
    })
}

fn several_changes(experiment: &Experiment) -> Option<String> {
    let methods = experiment.methods.iter();
    let several = methods.filter(|method| method.changes.len() > 1);
    let named: Vec<String> = several
        .map(|method| format!("{} ({})", quoted(&method.name), method.changes.len()))
        .collect();
    (!named.is_empty()).then(|| {
        format!(
            "More than one setting differs at once in {}; which of them made the difference does \
             not show.",
            listed(&named)
        )
    })
}

fn updates(summary: &Summary) -> Option<String> {
    let mut updates = summary.methods.iter().flat_map(|method| &method.updates);
    let first = updates.next()?;
    updates.any(|other| other != first).then(|| {
        "The numbers of updates differ, so a difference between final values mixes the method \
         with the length of its training."
            .into()
    })
}

fn divergence(summary: &Summary) -> Option<String> {
    summary.has_diverged().then(|| {
        "A diverged run counts as 0 % accuracy, which widens the intervals and is a convention, \
         not a measurement; its loss and gap have no value and are left out of those columns."
            .into()
    })
}

fn selection() -> Option<String> {
    Some(
        "Final values are those of the last evaluation, not of the best. Choosing a setting, or \
         the moment to stop, by these test accuracies would be choosing on the test set."
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn text_of(experiment: &Experiment) -> String {
        limits(experiment).join("\n")
    }

    #[test]
    fn every_experiment_names_its_data_and_selection() {
        let text = text_of(&sample::decay());
        assert!(
            text.contains("(made-up), 300 training and 10,000 test images"),
            "{text}"
        );
        assert!(text.contains("4 seeds per method. With so few"));
        assert!(text.contains("The 2 intervals for differences are not corrected"));
        assert!(!text.contains("diverged") && !text.contains("numbers of updates"));
    }

    #[test]
    fn what_does_not_apply_is_not_said() {
        let mut experiment = sample::decay();
        experiment.data.train_images = 60_000;
        experiment.methods.truncate(1);
        experiment.methods[0].runs.truncate(1);
        experiment.methods[0].runs[0].header.data.train_images = 60_000;
        let text = text_of(&experiment);
        for absent in [
            "are few",
            "Student",
            "multiple comparisons",
            "tuned",
            "Some runs",
        ] {
            assert!(!text.contains(absent), "{absent} in {text}");
        }
        assert!(text.contains("1 seed per method. Without a second seed"));
    }

    #[test]
    fn mixed_sources_changes_updates_and_divergence_are_named() {
        let mut experiment = sample::curves(4, 3);
        experiment.methods[1].runs[0].header.versions.burn = "0.1".into();
        experiment.methods[1]
            .changes
            .push("learning_rate = 1.0".into());
        let text = text_of(&experiment);
        assert!(text.contains("made with other versions than"), "{text}");
        assert!(text.contains("in “weight-decay” (2);"));
        assert!(text.contains("The numbers of updates differ"));
        assert!(text.contains("A diverged run counts as 0 % accuracy"));
    }
}
