//! What seeds decide.

use crate::experiment::Method;
use crate::record::RunHeader;
use crate::summary::Summary;
use crate::summary::training_data::{draws_images, headers, holds_images_out, is_mixed};
use crate::text::numbers::{count, counted, listed, quoted};

pub(super) fn seeds(summary: &Summary<'_>) -> Option<String> {
    let sizes = summary.methods.iter().map(|method| method.runs());
    let (least, most) = (sizes.clone().min()?, sizes.max()?);
    let runs = if least == most {
        counted(least, "seed")
    } else {
        format!("{} to {} seeds", count(least), count(most))
    };
    let few = match least {
        0..=1 => "Without a second seed, a difference cannot be told from chance.",
        2..=9 => "With so few seeds, small differences go undetected.",
        _ => "Differences much smaller than the intervals go undetected.",
    };
    let decided = decided_by_seed(summary).unwrap_or_default();
    Some(format!("{runs} per method. {few}{decided}"))
}

/// What a seed decides, and so which spread the intervals include; `None` without runs or if they
/// saw several data sets.
fn decided_by_seed(summary: &Summary<'_>) -> Option<String> {
    let experiment = summary.experiment;
    if is_mixed(experiment) || headers(experiment).next().is_none() {
        return None;
    }
    let some = |method: &Method, is_so: fn(&RunHeader) -> bool| {
        let mut runs = method.runs.iter();
        runs.any(|run| is_so(&run.header))
    };
    let named = |is_so: fn(&RunHeader) -> bool| {
        let methods = experiment.methods.iter();
        let methods = methods.filter(|method| some(method, is_so));
        methods
            .map(|method| quoted(&method.name))
            .collect::<Vec<_>>()
    };
    let drawing = named(|header| draws_images(header) == Some(true));
    let holding_out = named(holds_images_out);
    let with_runs = experiment.methods.iter();
    let with_runs = with_runs.filter(|method| !method.runs.is_empty()).count();
    let is_known = headers(experiment).all(|header| draws_images(header).is_some());
    let (images, consequence) = if drawing.len() == with_runs {
        (
            "and draws the training images".to_owned(),
            "so the intervals include the spread between training sets, within this data set",
        )
    } else if !drawing.is_empty() {
        (
            format!("and, for {}, draws the training images", listed(&drawing)),
            "so only their intervals include the spread between training sets, within this data \
             set",
        )
    } else if holding_out.len() == with_runs {
        (
            "and draws which images are held out".to_owned(),
            "so the intervals include a part of the spread between training sets, within this data \
             set",
        )
    } else if !holding_out.is_empty() {
        (
            format!(
                "and, for {}, draws which images are held out",
                listed(&holding_out)
            ),
            "so only their intervals include a part of the spread between training sets, within \
             this data set",
        )
    } else if is_known {
        (
            "; all seeds of a method train on the same images".to_owned(),
            "so the intervals leave out the spread between training sets",
        )
    } else {
        (
            "; all runs took their training images from the same files".to_owned(),
            "so the intervals leave out the spread between data sets",
        )
    };
    let join = if images.starts_with(';') { "" } else { " " };
    let decided = "A seed determines initial weights, batches and dropout masks";
    let decided = format!(" {decided}{join}{images}");
    Some(if summary.has_intervals() {
        format!("{decided}, {consequence}.")
    } else {
        decided + "."
    })
}
