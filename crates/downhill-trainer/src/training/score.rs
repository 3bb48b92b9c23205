//! Loss and accuracy of a network on a set of images.

use burn::tensor::Tensor;
use downhill_model::{Ensemble, Network, loss};
use downhill_report::record::Score;

use crate::device::set::DeviceSet;

/// Number of images evaluated at a time.
const PART: usize = 2_500;

/// Returns mean loss and accuracy of a network without autodiff; `None` if it does not go on, which
/// is asked for each part of the images.
pub(crate) fn score(
    model: &Network,
    set: &DeviceSet,
    goes_on: &mut dyn FnMut() -> bool,
) -> Option<Score> {
    let images = set.len() as f64;
    #[cfg(feature = "flex")]
    if let Some(sparse) = set.sparse()
        && let Some(mlp) = model.as_mlp()
        && let Some((loss, hits)) = mlp.sparse_score(sparse, 0..set.len())
    {
        return Some(Score {
            loss: loss / images,
            accuracy: hits as f64 / images,
        });
    }
    let mut losses = Vec::new();
    let mut hits = Vec::new();
    for start in (0..set.len()).step_by(PART) {
        if !goes_on() {
            return None;
        }
        let (images, targets, labels) = set.part(start..set.len().min(start + PART));
        let logits = model.evaluate(images);
        let answers = logits.clone().argmax(1).squeeze_dim::<1>(1);
        hits.push(answers.equal(labels).int().sum());
        losses.push(loss::sum_of_cross_entropy(logits, targets));
    }
    let losses = Tensor::cat(losses, 0).into_data().convert::<f64>();
    let hits = Tensor::cat(hits, 0).into_data().convert::<i64>();
    Some(Score {
        loss: losses.iter::<f64>().sum::<f64>() / images,
        accuracy: hits.iter::<i64>().sum::<i64>() as f64 / images,
    })
}

/// The largest number of values in a layer of an ensemble during evaluation: 64 MiB.
const MAX_NUMBERS: usize = 1 << 24;

/// Returns mean loss and accuracy of each network of an ensemble; `None` if `goes_on` returns
/// `false`. It is called before each part of the images.
pub(crate) fn scores(
    ensemble: &Ensemble,
    set: &DeviceSet,
    goes_on: &mut dyn FnMut() -> bool,
) -> Option<Vec<Score>> {
    let layers = ensemble.hidden.iter().map(|layer| &layer.linear);
    let widths = layers.chain([&ensemble.output]);
    let widest = widths.map(|layer| layer.weight.dims()[2]).max();
    let of_one_image = ensemble.len() * widest.unwrap_or(1);
    let part = (MAX_NUMBERS / of_one_image.max(1)).clamp(1, PART);
    let mut losses = Vec::new();
    let mut hits = Vec::new();
    for start in (0..set.len()).step_by(part) {
        if !goes_on() {
            return None;
        }
        let (images, targets, labels) = set.part(start..set.len().min(start + part));
        let logits = ensemble.evaluate(images.unsqueeze_dim(0));
        let answers = logits.clone().argmax(2).squeeze_dim::<2>(2);
        let right = answers.equal(labels.unsqueeze_dim(0));
        hits.push(right.int().sum_dim(1));
        let targets = targets.unsqueeze_dim(0);
        losses.push(loss::sum_of_cross_entropy_of_members(logits, targets).unsqueeze_dim::<2>(1));
    }
    // `[networks, parts]`.
    let losses = Tensor::cat(losses, 1).into_data().convert::<f64>();
    let hits = Tensor::cat(hits, 1).into_data().convert::<i64>();
    let losses: Vec<f64> = losses.iter().collect();
    let hits: Vec<i64> = hits.iter().collect();
    let parts = losses.len() / ensemble.len();
    let images = set.len() as f64;
    let score = |(losses, hits): (&[f64], &[i64])| Score {
        loss: losses.iter().sum::<f64>() / images,
        accuracy: hits.iter().sum::<i64>() as f64 / images,
    };
    let scores = losses.chunks(parts).zip(hits.chunks(parts)).map(score);
    Some(scores.collect())
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use downhill_cli::backend::Backend;
    use downhill_data::ImageSet;
    use downhill_model::{ConvolutionConfig, Mlp, MlpConfig, PixelScale};

    use super::*;
    use burn::tensor::Device;

    fn set(images: usize, device: &Device) -> DeviceSet {
        let images = ImageSet::new(vec![1; 4 * images], vec![1; images], [1, 2, 2])
            .expect("as many labels as images")
            .with_classes(10);
        let scale = PixelScale {
            mean: 0.0,
            deviation: 1.0,
        };
        DeviceSet::scaled(&images, scale, Backend::Flex, device)
    }

    /// Answers no at the given call. Returns whether the evaluation was completed, and the number
    /// of calls.
    fn ask(no: usize, evaluate: impl FnOnce(&mut dyn FnMut() -> bool) -> bool) -> (bool, usize) {
        let mut asked = 0;
        let found = evaluate(&mut || {
            asked += 1;
            asked < no
        });
        (found, asked)
    }

    #[test]
    fn the_evaluation_of_a_convolutional_network_stops_between_parts() {
        let model = MlpConfig {
            convolutions: vec![ConvolutionConfig {
                channels: 1,
                kernel: 1,
                padding: 0,
                pool: 1,
            }],
            ..MlpConfig::default()
        };
        let device = Device::flex();
        let network = Network::new(&model, [1, 2, 2], 10, &device, &mut || 0.1).unwrap();
        let set = set(2 * PART + 1, &device);
        let ask = |no| ask(no, |goes_on| score(&network, &set, goes_on).is_some());
        assert_eq!(ask(2), (false, 2));
        assert_eq!(ask(4), (true, 3));
    }

    #[test]
    fn the_evaluation_of_an_ensemble_stops_between_parts() {
        let device = Device::flex();
        let mlp = Mlp::new(&MlpConfig::default(), 4, 10, &device, &mut || 0.1).unwrap();
        let ensemble = Ensemble::of(&[mlp.clone(), mlp]).unwrap();
        let set = set(2 * PART + 1, &device);
        let ask = |no| ask(no, |goes_on| scores(&ensemble, &set, goes_on).is_some());
        assert_eq!(ask(2), (false, 2));
        assert_eq!(ask(4), (true, 3));
    }
}
