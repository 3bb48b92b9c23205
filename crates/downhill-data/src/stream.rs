//! Random numbers: streams keyed by what they are for.

use std::f64::consts::TAU;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// What a stream's numbers are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// Which images go to which part of a set.
    Split,
    /// The weights before the first update.
    InitialWeights,
    /// Which images make up a batch.
    BatchOrder,
    /// Which units a dropout layer keeps.
    DropoutMask,
    /// Which images are held out to choose by.
    Validation,
    /// Which settings a random search tries.
    Search,
    /// Which inputs of a layer are corrupted in its pre-training.
    Corruption,
}

impl Purpose {
    /// The name in a stream's key: it never changes.
    fn name(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::InitialWeights => "initial weights",
            Self::BatchOrder => "batch order",
            Self::DropoutMask => "dropout mask",
            Self::Validation => "validation",
            Self::Search => "search",
            Self::Corruption => "corruption",
        }
    }
}

/// A stream of random numbers that depends on nothing but its key, on every platform.
///
/// ```text
/// key    = SHA-256("downhill stream 1" || purpose || seed || counter)
/// stream = ChaCha8(key)
/// ```
///
/// Seed and counter are little-endian `u64`. The counter is whatever a purpose counts: updates,
/// epochs, layers. So the numbers of update 1,000 can be had without those of the 999 before it.
///
/// ```
/// use downhill_data::{Purpose, Stream};
///
/// let mask = Stream::new(7, Purpose::DropoutMask, 1_000).keep_mask(100, 0.8);
/// assert_eq!(mask, Stream::new(7, Purpose::DropoutMask, 1_000).keep_mask(100, 0.8));
/// assert_ne!(mask, Stream::new(7, Purpose::DropoutMask, 1_001).keep_mask(100, 0.8));
/// ```
#[derive(Clone, Debug)]
pub struct Stream {
    generator: ChaCha8Rng,
    spare_normal: Option<f64>,
}

impl Stream {
    /// The stream of a seed, a purpose and a counter.
    pub fn new(seed: u64, purpose: Purpose, counter: u64) -> Self {
        // Seed and counter have a fixed length, so no two keys hash the same bytes.
        let key = Sha256::new()
            .chain_update("downhill stream 1")
            .chain_update(purpose.name())
            .chain_update(seed.to_le_bytes())
            .chain_update(counter.to_le_bytes())
            .finalize();
        Self {
            generator: ChaCha8Rng::from_seed(key.into()),
            spare_normal: None,
        }
    }

    /// 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        self.generator.next_u32()
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// A number in [0, `bound`), each exactly as likely (Lemire 2019, arXiv:1805.10941).
    ///
    /// # Panics
    ///
    /// Where `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "bound must be at least 1, got 0");
        loop {
            if let Some(value) = scale(self.next_u64(), bound) {
                return value;
            }
        }
    }

    /// A number in [0, 1): a multiple of 2^-53, each as likely.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * 2_f64.powi(-53)
    }

    /// A number from the normal distribution of mean 0 and variance 1, by the transform of Box and
    /// Muller (1958). Its functions are those of the `libm` crate, the same on every platform.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare_normal.take() {
            return spare;
        }
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.uniform()));
        let angle = TAU * self.uniform();
        self.spare_normal = Some(radius * libm::sin(angle));
        radius * libm::cos(angle)
    }

    /// `length` numbers, each 1 with `keep_probability` and 0 otherwise. The probability is
    /// rounded to a multiple of 2^-32; 0 and 1 are exact.
    ///
    /// # Panics
    ///
    /// Where `keep_probability` does not lie in [0, 1].
    pub fn keep_mask(&mut self, length: usize, keep_probability: f64) -> Vec<f32> {
        assert!(
            (0.0..=1.0).contains(&keep_probability),
            "keep_probability must lie in [0, 1], got {keep_probability}"
        );
        let threshold = (keep_probability * 2_f64.powi(32)).round() as u64;
        // None of 32 bits is above the last: what is always kept is not a matter of drawing, but the
        // numbers are drawn all the same.
        let (threshold, all) = match u32::try_from(threshold) {
            Ok(threshold) => (threshold, false),
            Err(_) => (u32::MAX, true),
        };
        let mut mask = vec![0.0; length];
        let mut bytes = [0; 1024];
        for entries in mask.chunks_mut(bytes.len() / 4) {
            let words = &mut bytes[..4 * entries.len()];
            self.generator.fill_bytes(words);
            for (entry, &word) in entries.iter_mut().zip(words.as_chunks().0) {
                let keeps = (u32::from_le_bytes(word) < threshold) | all;
                *entry = if keeps { 1.0 } else { 0.0 };
            }
        }
        mask
    }

    /// The numbers from 0 to `length` - 1 in random order (Fisher and Yates). Its beginning is a
    /// sample without replacement.
    pub fn permutation(&mut self, length: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..length).collect();
        for index in 0..length {
            let rest = (length - index) as u64;
            order.swap(index, index + self.below(rest) as usize);
        }
        order
    }
}

/// A word scaled to [0, `bound`), or `None` for the 2^64 mod `bound` words that are too many:
/// each value then comes from floor(2^64 / `bound`) words.
fn scale(word: u64, bound: u64) -> Option<u64> {
    let product = u128::from(word) * u128::from(bound);
    let low_half = product as u64;
    // The remainder is 2^64 mod bound, and below bound: most words are spared the division.
    let accepted = low_half >= bound || low_half >= bound.wrapping_neg() % bound;
    accepted.then_some((product >> 64) as u64)
}

#[cfg(test)]
mod tests;
