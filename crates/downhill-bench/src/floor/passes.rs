//! The passes between products, vectorized by the compiler for the instructions found.

use pulp::Arch;

/// Returns the given rows, one below the other.
pub(crate) fn gather(batch: &mut [f32], images: &[f32], rows: &[usize], size: usize) {
    for (image, &row) in batch.chunks_exact_mut(size).zip(rows) {
        image.copy_from_slice(&images[row * size..][..size]);
    }
}

/// `x = max(x + bias, 0)` for each row of `x`, or without the maximum.
pub(crate) fn add_bias(x: &mut [f32], bias: &[f32], relu: bool) {
    let least = if relu { 0.0 } else { f32::NEG_INFINITY };
    Arch::new().dispatch(|| {
        for row in x.chunks_exact_mut(bias.len()) {
            for (x, bias) in row.iter_mut().zip(bias) {
                *x = (*x + bias).max(least);
            }
        }
    });
}

/// Where the unit was not active, nothing goes back.
pub(crate) fn mask(gradient: &mut [f32], activations: &[f32]) {
    Arch::new().dispatch(|| {
        for (gradient, &x) in gradient.iter_mut().zip(activations) {
            *gradient = if x > 0.0 { *gradient } else { 0.0 };
        }
    });
}

/// The sum of all rows.
pub(crate) fn sum_of_rows(sum: &mut [f32], rows: &[f32]) {
    sum.fill(0.0);
    Arch::new().dispatch(|| {
        for row in rows.chunks_exact(sum.len()) {
            for (sum, x) in sum.iter_mut().zip(row) {
                *sum += x;
            }
        }
    });
}

/// The mean softmax cross-entropy of logits, which become its gradient.
pub(crate) fn cross_entropy(logits: &mut [f32], labels: &[u16], rows: &[usize]) -> f32 {
    let classes = logits.len() / rows.len();
    let share = 1.0 / rows.len() as f32;
    let mut loss = 0.0;
    for (logits, &row) in logits.chunks_exact_mut(classes).zip(rows) {
        let label = usize::from(labels[row]);
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let of_label = logits[label] - most;
        let mut sum = 0.0;
        for x in logits.iter_mut() {
            *x = (*x - most).exp();
            sum += *x;
        }
        loss += sum.ln() - of_label;
        for x in logits.iter_mut() {
            *x *= share / sum;
        }
        logits[label] -= share;
    }
    loss * share
}
