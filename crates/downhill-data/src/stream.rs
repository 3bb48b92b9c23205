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
}

impl Purpose {
    /// The name in a stream's key: it never changes.
    fn name(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::InitialWeights => "initial weights",
            Self::BatchOrder => "batch order",
            Self::DropoutMask => "dropout mask",
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
        let mut mask = vec![0.0; length];
        let mut bytes = [0; 1024];
        for entries in mask.chunks_mut(bytes.len() / 4) {
            let words = &mut bytes[..4 * entries.len()];
            self.generator.fill_bytes(words);
            for (entry, &word) in entries.iter_mut().zip(words.as_chunks().0) {
                *entry = f32::from(u64::from(u32::from_le_bytes(word)) < threshold);
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
mod tests {
    use super::*;

    fn stream(counter: u64) -> Stream {
        Stream::new(7, Purpose::Split, counter)
    }

    /// Mean and variance.
    fn moments(values: &[f64]) -> (f64, f64) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares = values.iter().map(|value| (value - mean).powi(2));
        (mean, squares.sum::<f64>() / values.len() as f64)
    }

    #[test]
    fn the_key_is_as_documented() {
        let mut text = b"downhill stream 1batch order".to_vec();
        text.extend([0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01]);
        text.extend([5, 0, 0, 0, 0, 0, 0, 0]);
        let mut generator = ChaCha8Rng::from_seed(Sha256::digest(&text).into());
        let mut stream = Stream::new(0x0123_4567_89ab_cdef, Purpose::BatchOrder, 5);
        for _ in 0..100 {
            assert_eq!(stream.next_u32(), generator.next_u32());
        }
    }

    /// The numbers of `reference/stream.py`. To change them is to change every experiment.
    #[test]
    fn streams_are_those_of_the_reference() {
        let firsts = [
            (Purpose::Split, 0xb231_3acf_22fd_2125),
            (Purpose::InitialWeights, 0xf63c_b295_9f98_ae76),
            (Purpose::BatchOrder, 0xc8d3_79a5_9b3b_bfbd),
            (Purpose::DropoutMask, 0xb761_bd33_49e4_0f65),
        ];
        for (purpose, first) in firsts {
            assert_eq!(Stream::new(7, purpose, 3).next_u64(), first);
        }
        let mut words = stream(0);
        for word in [0x87ee_9c85, 0x10f8_ff90, 0xf786_fd0f, 0xa6ee_e90f] {
            assert_eq!(words.next_u32(), word);
        }
        let mut small = stream(0);
        let below_1000: Vec<u64> = (0..8).map(|_| small.below(1000)).collect();
        assert_eq!(below_1000, [66, 652, 224, 639, 296, 215, 755, 664]);
        let mut large = stream(0);
        let below_large: Vec<u64> = (0..4).map(|_| large.below(3 << 62)).collect();
        let expected: [u64; 4] = [
            917_256_221_289_018_723,
            9_021_605_932_154_830_283,
            3_099_940_195_551_092_381,
            8_842_290_253_491_003_726,
        ];
        assert_eq!(below_large, expected);
        let mut reals = stream(0);
        for value in [0.066_299_412_523_159_85, 0.652_082_983_396_692, 0.224_064_126_306_108_84] {
            assert_eq!(reals.uniform(), value);
        }
        assert_eq!(stream(0).permutation(10), [0, 6, 3, 7, 5, 1, 9, 8, 2, 4]);
        let mask = Stream::new(7, Purpose::DropoutMask, 0).keep_mask(16, 0.8);
        let dropped: Vec<_> = (0..16).filter(|&entry| mask[entry] == 0.0).collect();
        assert_eq!(dropped, [7, 8]);
    }

    /// Logarithm, sine and cosine may differ between libraries in their last bit, so the reference
    /// holds to 1e-14 and the bits are pinned apart.
    #[test]
    fn normal_is_that_of_the_reference() {
        let mut weights = Stream::new(7, Purpose::InitialWeights, 0);
        let values = [
            (-1.459_899_562_296_314_5, 0),
            (0.452_308_600_850_179_7, 0),
            (-0.300_888_912_605_861_37, 0),
            (-0.361_397_311_597_096_7, 0),
        ];
        for (reference, bits) in values {
            let value = weights.normal();
            assert!((value - reference).abs() < 1e-14, "{value} {reference}");
            assert_eq!(value.to_bits(), bits, "{:#x}", value.to_bits());
        }
    }

    #[test]
    fn other_keys_are_other_streams() {
        let mut firsts: Vec<u64> = [0, 1, u64::MAX]
            .into_iter()
            .flat_map(|seed| [0, 1, u64::MAX].map(|counter| (seed, counter)))
            .flat_map(|(seed, counter)| {
                [
                    Purpose::Split,
                    Purpose::InitialWeights,
                    Purpose::BatchOrder,
                    Purpose::DropoutMask,
                ]
                .map(|purpose| Stream::new(seed, purpose, counter).next_u64())
            })
            .collect();
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), 36);
    }

    #[test]
    fn below_is_uniform_and_stays_below() {
        let mut stream = stream(1);
        let mut counts = [0_u32; 10];
        for _ in 0..100_000 {
            counts[stream.below(10) as usize] += 1;
        }
        // Chi-squared of 9 degrees of freedom: below 27.9 with probability 0.999.
        let chi_squared: f64 = counts
            .iter()
            .map(|&count| (f64::from(count) - 1e4).powi(2) / 1e4)
            .sum();
        assert!(chi_squared < 27.9, "{chi_squared}: {counts:?}");
        assert!((0..100).all(|_| stream.below(1) == 0));
    }

    #[test]
    fn below_rejects_what_would_be_one_too_many() {
        // With this bound a third of all words is rejected; without, some values come twice.
        let bound = 3 << 62;
        let mut stream = stream(2);
        let low = (0..30_000).filter(|_| stream.below(bound) < 1 << 62).count();
        assert!((9_600..10_400).contains(&low), "{low}");
    }

    /// The accepted words of a value are consecutive, since a product grows with its word: so it is
    /// enough to look at both ends.
    #[test]
    fn every_value_below_a_bound_comes_from_as_many_words() {
        let bounds = (1..50).chain([10_000, 60_000, (1 << 32) - 1, (1 << 32) + 1, 3 << 62]);
        for bound in bounds.chain([u64::MAX / 3, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, u64::MAX]) {
            let words = (1_u128 << 64) / u128::from(bound);
            let surplus = (1_u128 << 64) % u128::from(bound);
            let values = (0..bound.min(50)).chain([bound / 2, bound - 1]);
            for value in values.filter(|&value| value < bound) {
                let low_end = (u128::from(value) << 64) + surplus;
                let first = low_end.div_ceil(bound.into());
                let last = first + words - 1;
                for (word, belongs) in [(first, true), (last, true), (last + 1, false)] {
                    let scaled = u64::try_from(word).ok().map(|word| scale(word, bound));
                    assert_eq!(scaled == Some(Some(value)), belongs, "{value} below {bound}");
                }
                if let Some(before) = first.checked_sub(1) {
                    let scaled = scale(before as u64, bound);
                    assert_ne!(scaled, Some(value), "{value} below {bound}");
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "bound must be at least 1, got 0")]
    fn nothing_is_below_zero() {
        stream(0).below(0);
    }

    #[test]
    fn uniform_fills_its_interval() {
        let mut stream = stream(3);
        let values: Vec<f64> = (0..100_000).map(|_| stream.uniform()).collect();
        assert!(values.iter().all(|value| (0.0..1.0).contains(value)));
        let (mean, variance) = moments(&values);
        assert!((mean - 0.5).abs() < 0.004, "{mean}");
        assert!((variance - 1.0 / 12.0).abs() < 0.001, "{variance}");
    }

    #[test]
    fn normal_has_the_right_moments() {
        let mut stream = stream(4);
        let values: Vec<f64> = (0..200_000).map(|_| stream.normal()).collect();
        let (mean, variance) = moments(&values);
        assert!(mean.abs() < 0.01, "{mean}");
        assert!((variance - 1.0).abs() < 0.015, "{variance}");
        let within = values.iter().filter(|value| value.abs() < 1.0).count() as f64 / 2e5;
        assert!((within - 0.682_689_5).abs() < 0.005, "{within}");
        let pairs = values.chunks(2).map(|pair| pair[0] * pair[1]);
        let correlation = pairs.sum::<f64>() / 1e5;
        assert!(correlation.abs() < 0.015, "{correlation}");
    }

    #[test]
    fn a_mask_keeps_what_was_asked() {
        for (counter, keep) in [0.5, 0.85, 0.999].into_iter().enumerate() {
            let mask = stream(counter as u64).keep_mask(200_000, keep);
            assert!(mask.iter().all(|&entry| entry == 0.0 || entry == 1.0));
            let kept = mask.iter().filter(|&&entry| entry == 1.0).count() as f64 / 2e5;
            assert!((kept - keep).abs() < 0.005, "{kept} for {keep}");
        }
        assert_eq!(stream(0).keep_mask(1000, 1.0), [1.0; 1000]);
        assert_eq!(stream(0).keep_mask(1000, 0.0), [0.0; 1000]);
        assert!(stream(0).keep_mask(0, 0.5).is_empty());
    }

    #[test]
    fn a_mask_takes_one_word_per_entry() {
        let mut bulk = stream(5);
        let mut single = stream(5);
        let mask = bulk.keep_mask(777, 0.3);
        let threshold = (0.3 * 2_f64.powi(32)).round() as u32;
        for entry in mask {
            assert_eq!(entry == 1.0, single.next_u32() < threshold);
        }
        assert_eq!(bulk.next_u64(), single.next_u64());
    }

    #[test]
    #[should_panic(expected = "keep_probability must lie in [0, 1], got NaN")]
    fn a_probability_that_is_no_number_is_refused() {
        stream(0).keep_mask(1, f64::NAN);
    }

    #[test]
    fn every_permutation_is_as_likely() {
        let mut counts = std::collections::BTreeMap::new();
        let mut stream = stream(6);
        for _ in 0..24_000 {
            *counts.entry(stream.permutation(4)).or_insert(0_u32) += 1;
        }
        assert_eq!(counts.len(), 24);
        // Chi-squared of 23 degrees of freedom: below 49.7 with probability 0.999.
        let chi_squared: f64 = counts
            .values()
            .map(|&count| (f64::from(count) - 1e3).powi(2) / 1e3)
            .sum();
        assert!(chi_squared < 49.7, "{chi_squared}: {counts:?}");
    }
}
