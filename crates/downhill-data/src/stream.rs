//! Random numbers, from streams keyed by their purpose.

use std::f64::consts::TAU;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// The purpose of a stream's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// The assignment of images to the parts of a split.
    Split,
    /// Initial weights.
    InitialWeights,
    /// The images of a batch.
    BatchOrder,
    /// The units that dropout keeps.
    DropoutMask,
    /// The images held out for validation.
    Validation,
    /// The settings that a random search tries.
    Search,
    /// The inputs that pre-training corrupts.
    Corruption,
    /// The points from which functions are descended.
    Starts,
}

impl Purpose {
    /// The name in a stream's key, which must never change.
    fn name(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::InitialWeights => "initial weights",
            Self::BatchOrder => "batch order",
            Self::DropoutMask => "dropout mask",
            Self::Validation => "validation",
            Self::Search => "search",
            Self::Corruption => "corruption",
            Self::Starts => "starts",
        }
    }
}

/// A stream of random numbers that depends only on its key, on every platform.
///
/// ```text
/// key    = SHA-256("downhill stream 1" || purpose || seed || counter)
/// stream = ChaCha8(key)
/// ```
///
/// Seed and counter are little-endian `u64`. What the counter counts depends on the purpose:
/// updates, epochs or layers. The numbers of update 1,000 therefore need none of the 999 updates
/// before it.
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
    /// Returns the stream of a seed, a purpose and a counter.
    pub fn new(seed: u64, purpose: Purpose, counter: u64) -> Self {
        // Seed and counter have a fixed length, so different keys hash different bytes.
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

    /// Returns 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        self.generator.next_u32()
    }

    /// Returns 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// Returns an exactly uniform integer in [0, `bound`) (Lemire 2019, arXiv:1805.10941).
    ///
    /// # Panics
    ///
    /// If `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "bound must be at least 1, got 0");
        loop {
            if let Some(value) = scale(self.next_u64(), bound) {
                return value;
            }
        }
    }

    /// Returns a number in [0, 1): a uniformly distributed multiple of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * 2_f64.powi(-53)
    }

    /// Returns a number from the normal distribution with mean 0 and variance 1, by the Box-Muller
    /// transform (1958). It uses the functions of the `libm` crate, which are the same on every
    /// platform.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare_normal.take() {
            return spare;
        }
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.uniform()));
        let angle = TAU * self.uniform();
        self.spare_normal = Some(radius * libm::sin(angle));
        radius * libm::cos(angle)
    }

    /// Returns `length` numbers, each 1 with probability `keep_probability` and 0 otherwise. The
    /// probability is rounded to a multiple of 2^-32; 0 and 1 are exact.
    ///
    /// # Panics
    ///
    /// If `keep_probability` does not lie in [0, 1].
    pub fn keep_mask(&mut self, length: usize, keep_probability: f64) -> Vec<f32> {
        assert!(
            (0.0..=1.0).contains(&keep_probability),
            "keep_probability must lie in [0, 1], got {keep_probability}"
        );
        let threshold = (keep_probability * 2_f64.powi(32)).round() as u64;
        // Probability 1 needs the threshold 2^32, which does not fit into 32 bits. The numbers are
        // drawn all the same, so that the stream advances alike.
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

    /// Returns the numbers from 0 to `length` - 1 in random order (Fisher-Yates shuffle). Any
    /// prefix is a sample without replacement.
    pub fn permutation(&mut self, length: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..length).collect();
        for index in 0..length {
            let rest = (length - index) as u64;
            order.swap(index, index + self.below(rest) as usize);
        }
        order
    }
}

/// Scales a word to [0, `bound`). Returns `None` for the 2^64 mod `bound` surplus words, so that
/// each value comes from exactly floor(2^64 / `bound`) words.
fn scale(word: u64, bound: u64) -> Option<u64> {
    let product = u128::from(word) * u128::from(bound);
    let low_half = product as u64;
    // The remainder is 2^64 mod bound, which is less than bound, so most words need no division.
    let accepted = low_half >= bound || low_half >= bound.wrapping_neg() % bound;
    accepted.then_some((product >> 64) as u64)
}

#[cfg(test)]
mod tests;
