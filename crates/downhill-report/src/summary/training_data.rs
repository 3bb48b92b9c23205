//! Which data the runs of an experiment saw, as their own headers tell.

use std::collections::BTreeSet;

use crate::experiment::Experiment;
use crate::record::{DataIdentity, RunHeader};
use crate::text::numbers::range;

/// The headers of all runs, method by method.
pub(crate) fn headers(experiment: &Experiment) -> impl Iterator<Item = &RunHeader> {
    let runs = experiment.methods.iter().flat_map(|method| &method.runs);
    runs.map(|run| &run.header)
}

/// The numbers of images in the headers; those of the experiment where there is no run.
pub(crate) fn counts(
    experiment: &Experiment,
    count: fn(&DataIdentity) -> usize,
) -> BTreeSet<usize> {
    let mut counts: BTreeSet<usize> = headers(experiment)
        .map(|header| count(&header.data))
        .collect();
    if counts.is_empty() {
        counts.insert(count(&experiment.data));
    }
    counts
}

/// How many images the runs saw: `50 to 300 training and 10,000 test images`.
pub(crate) fn image_counts(experiment: &Experiment) -> String {
    let number = |count| range(&counts(experiment, count)).unwrap_or_default();
    format!(
        "{} training and {} test images",
        number(|data| data.train_images),
        number(|data| data.test_images)
    )
}

/// Whether a run read other bytes than the experiment names; the name of the data does not matter.
pub(crate) fn is_mixed(experiment: &Experiment) -> bool {
    headers(experiment).any(|header| header.data.sha256 != experiment.data.sha256)
}

/// Whether the seed of a run drew its training images; `None` if its config does not say.
pub(crate) fn draws_images(header: &RunHeader) -> Option<bool> {
    let data = header.config.get("data")?;
    let is_part = data
        .get("train_images")
        .is_none_or(|images| images != "all");
    Some(data.get("subset")?.as_str()? == "random" && is_part)
}

/// Whether a run held out images that its seed drew.
pub(crate) fn holds_images_out(header: &RunHeader) -> bool {
    let held_out = header.config.pointer("/data/validation_images");
    held_out
        .and_then(serde_json::Value::as_u64)
        .is_some_and(|images| images > 0)
}
