//! Softmax cross-entropy of logits `[classes, images]`.

use super::buffer::LINE;
use super::math;
use super::network::Batch;

/// Returns the sum of the cross-entropy over the images, and writes the gradient of its mean to
/// `gradient`, `[classes, images]`.
#[inline(always)]
pub(super) fn cross_entropy(
    logits: &[f32],
    gradient: &mut [f32],
    classes: usize,
    batch: Batch<'_>,
) -> f64 {
    let (row, images) = (batch.row(), batch.images.len());
    let share = 1.0 / images as f32;
    let mut loss = 0.0;
    for (chunk, labels) in batch.labels.chunks(LINE).enumerate() {
        let first = chunk * LINE;
        let (largest, sums) = sums(logits, classes, row, first, |class, exponentials| {
            line_mut(gradient, class * row + first).copy_from_slice(exponentials);
        });
        let factor = sums.map(|sum| share / sum);
        for class in 0..classes {
            let line = line_mut(gradient, class * row + first);
            line.iter_mut()
                .zip(factor)
                .for_each(|(g, factor)| *g *= factor);
        }
        for (image, &label) in labels.iter().enumerate() {
            let place = usize::from(label) * row + first + image;
            gradient[place] -= share;
            loss += f64::from(sums[image].ln() + (largest[image] - logits[place]));
        }
    }
    loss
}

/// Returns the sum of the cross-entropy over the images, and the number of images whose largest
/// logit is that of their label.
#[inline(always)]
pub(super) fn score(logits: &[f32], classes: usize, batch: Batch<'_>) -> (f64, usize) {
    let row = batch.row();
    let (mut loss, mut hits) = (0.0, 0);
    for (chunk, labels) in batch.labels.chunks(LINE).enumerate() {
        let first = chunk * LINE;
        let (largest, sums) = sums(logits, classes, row, first, |_, _| ());
        for (image, &label) in labels.iter().enumerate() {
            let logit = |class: usize| logits[class * row + first + image];
            let chosen = logit(usize::from(label));
            loss += f64::from(sums[image].ln() + (largest[image] - chosen));
            // NaN counts as the largest; of equal logits, the first.
            let first_largest = (0..classes).find(|class| {
                let logit = logit(*class);
                logit == largest[image] || logit.is_nan()
            });
            hits += usize::from(first_largest == Some(usize::from(label)));
        }
    }
    (loss, hits)
}

/// Returns, for sixteen images, the largest logit and the sum of `e^(logit - largest)`. Calls
/// `each` with the exponentials of every class.
#[inline(always)]
fn sums(
    logits: &[f32],
    classes: usize,
    row: usize,
    first: usize,
    mut each: impl FnMut(usize, &[f32; LINE]),
) -> ([f32; LINE], [f32; LINE]) {
    let mut largest = *line(logits, first);
    for class in 1..classes {
        for (largest, logit) in largest.iter_mut().zip(line(logits, class * row + first)) {
            // NaN stays NaN.
            let is_larger = *logit > *largest || logit.is_nan();
            *largest = if is_larger { *logit } else { *largest };
        }
    }
    let mut sums = [0.0; LINE];
    for class in 0..classes {
        let logits = line(logits, class * row + first);
        let mut exponentials = [0.0; LINE];
        for lane in 0..LINE {
            exponentials[lane] = math::exp(logits[lane] - largest[lane]);
            sums[lane] += exponentials[lane];
        }
        each(class, &exponentials);
    }
    (largest, sums)
}

fn line(numbers: &[f32], place: usize) -> &[f32; LINE] {
    numbers[place..][..LINE]
        .try_into()
        .expect("a slice of 16 values")
}

fn line_mut(numbers: &mut [f32], place: usize) -> &mut [f32; LINE] {
    (&mut numbers[place..][..LINE])
        .try_into()
        .expect("a slice of 16 values")
}
