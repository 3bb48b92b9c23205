//! What a device can do at most, measured by Burn on it, and what a step asks of it.

use std::time::Instant;

use burn::tensor::{Device, Distribution, Tensor};

use super::BATCH;
use crate::failure::Failure;

/// Seconds that a measurement takes at least.
const LONG_ENOUGH: f64 = 0.1;
const WIDTHS: [usize; 6] = [784, 100, 100, 100, 100, 10];

/// Products and bytes per second.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) flops: f64,
    pub(crate) bytes: f64,
}

impl Limit {
    /// The best of several products of square matrices and of several sums of long vectors.
    pub(crate) fn of(device: &Device) -> Result<Self, Failure> {
        let mut size = 512;
        let flops = loop {
            let of = |_| Tensor::<2>::random([size, size], Distribution::Default, device);
            let [a, b] = [0, 1].map(of);
            let seconds = best(device, || a.clone().matmul(b.clone()))?;
            if seconds > LONG_ENOUGH || size == 16_384 {
                break 2.0 * (size as f64).powi(3) / seconds;
            }
            size *= 2;
        };
        // 96 MB each: past all caches, and within what a buffer may hold.
        let length = 24 << 20;
        let of = |_| Tensor::<1>::random([length], Distribution::Default, device);
        let [a, b] = [0, 1].map(of);
        let seconds = best(device, || a.clone() + b.clone())?;
        let bytes = 3.0 * (4 * length) as f64 / seconds;
        Ok(Self { flops, bytes })
    }

    /// Returns the least time of a step of `members` networks, in milliseconds: for its products,
    /// and for the memory that an update of Adam reads and writes.
    pub(crate) fn of_step(self, members: usize) -> [f64; 2] {
        let layers = WIDTHS.windows(2).map(|layer| layer[0] * layer[1]);
        let weights: usize = layers.sum();
        let biases: usize = WIDTHS[1..].iter().sum();
        // Forward, by the weights and by the inputs; the images have no gradient.
        let products = 3 * weights - WIDTHS[0] * WIDTHS[1];
        let flops = (2 * BATCH * products * members) as f64;
        // Value, gradient and two moments are read, all but the gradient written.
        let bytes = (7 * 4 * (weights + biases) * members) as f64;
        [1e3 * flops / self.flops, 1e3 * bytes / self.bytes]
    }
}

/// Returns the least seconds of a call. Its result is kept until it is computed, because fusion
/// skips results that nothing holds.
fn best<T>(device: &Device, mut call: impl FnMut() -> T) -> Result<f64, Failure> {
    let mut least = f64::INFINITY;
    // The first one compiles.
    for turn in 0..6 {
        device.sync()?;
        let start = Instant::now();
        let result = call();
        device.sync()?;
        if turn > 0 {
            least = least.min(start.elapsed().as_secs_f64());
        }
        drop(result);
    }
    Ok(least)
}
