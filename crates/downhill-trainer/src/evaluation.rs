//! How good a network is on a set of images.

use burn::tensor::Tensor;
use downhill_model::{Mlp, loss};
use downhill_report::record::Score;

use crate::device_data::DeviceSet;

/// Images evaluated at a time.
const PART: usize = 2_500;

/// Mean loss and share of correct answers over a set, of a network without autodiff.
pub(crate) fn score(model: &Mlp, set: &DeviceSet) -> Score {
    let images = set.len() as f64;
    if let Some((loss, hits)) = set.score(model) {
        return Score {
            loss: loss / images,
            accuracy: hits as f64 / images,
        };
    }
    let mut losses = Vec::new();
    let mut hits = Vec::new();
    for start in (0..set.len()).step_by(PART) {
        let (images, targets, labels) = set.part(start..set.len().min(start + PART));
        let logits = model.evaluate(images);
        let answers = logits.clone().argmax(1).squeeze_dim::<1>(1);
        hits.push(answers.equal(labels).int().sum());
        losses.push(loss::sum_of_cross_entropy(logits, targets));
    }
    let losses = Tensor::cat(losses, 0).into_data().convert::<f64>();
    let hits = Tensor::cat(hits, 0).into_data().convert::<i64>();
    Score {
        loss: losses.iter::<f64>().sum::<f64>() / images,
        accuracy: hits.iter::<i64>().sum::<i64>() as f64 / images,
    }
}
