//! Streams compared with their reference, their key and their distributions.

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

/// The values come from `reference/stream.py`. Changing them changes every experiment.
#[test]
fn streams_are_those_of_the_reference() {
    let firsts = [
        (Purpose::Split, 0xb231_3acf_22fd_2125),
        (Purpose::InitialWeights, 0xf63c_b295_9f98_ae76),
        (Purpose::BatchOrder, 0xc8d3_79a5_9b3b_bfbd),
        (Purpose::DropoutMask, 0xb761_bd33_49e4_0f65),
        (Purpose::Validation, 0xe8a5_2fb3_976c_fd45),
        (Purpose::Search, 0xd4d5_4c23_08a5_bd4a),
        (Purpose::Corruption, 0x344c_c63b_3035_e5a3),
        (Purpose::Starts, 0xeda8_0423_25f1_59c8),
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
    for value in [
        0.066_299_412_523_159_85,
        0.652_082_983_396_692,
        0.224_064_126_306_108_84,
    ] {
        assert_eq!(reals.uniform(), value);
    }
    assert_eq!(stream(0).permutation(10), [0, 6, 3, 7, 5, 1, 9, 8, 2, 4]);
    let mask = Stream::new(7, Purpose::DropoutMask, 0).keep_mask(16, 0.8);
    let dropped: Vec<_> = (0..16).filter(|&entry| mask[entry] == 0.0).collect();
    assert_eq!(dropped, [7, 8]);
}

/// The last bit of logarithm, sine and cosine depends on the library, so the comparison with the
/// reference allows 1e-14, and the bits are pinned separately.
#[test]
fn normal_is_that_of_the_reference() {
    let mut weights = Stream::new(7, Purpose::InitialWeights, 0);
    let values = [
        (-1.459_899_562_296_314_5, 0xbff7_5bbf_a4b8_1e40),
        (0.452_308_600_850_179_7, 0x3fdc_f29f_c616_776f),
        (-0.300_888_912_605_861_37, 0xbfd3_41c3_91d7_c15c),
        (-0.361_397_311_597_096_7, 0xbfd7_2122_308a_ff9f),
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
fn below_rejects_surplus_words() {
    // With this bound a third of all words is rejected; otherwise some values would be twice as
    // likely.
    let bound = 3 << 62;
    let mut stream = stream(2);
    let low = (0..30_000)
        .filter(|_| stream.below(bound) < 1 << 62)
        .count();
    assert!((9_600..10_400).contains(&low), "{low}");
}

/// A product grows with its word, so the accepted words of a value are consecutive, and checking
/// both ends suffices.
#[test]
fn every_value_below_a_bound_comes_from_equally_many_words() {
    let bounds = (1..50).chain([10_000, 60_000, (1 << 32) - 1, (1 << 32) + 1, 3 << 62]);
    for bound in bounds.chain([
        u64::MAX / 3,
        (1 << 63) - 1,
        1 << 63,
        (1 << 63) + 1,
        u64::MAX,
    ]) {
        let words = (1_u128 << 64) / u128::from(bound);
        let surplus = (1_u128 << 64) % u128::from(bound);
        let values = (0..bound.min(50)).chain([bound / 2, bound - 1]);
        for value in values.filter(|&value| value < bound) {
            let low_end = (u128::from(value) << 64) + surplus;
            let first = low_end.div_ceil(bound.into());
            let last = first + words - 1;
            for (word, belongs) in [(first, true), (last, true), (last + 1, false)] {
                let scaled = u64::try_from(word).ok().map(|word| scale(word, bound));
                assert_eq!(
                    scaled == Some(Some(value)),
                    belongs,
                    "{value} below {bound}"
                );
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
fn a_nan_probability_is_refused() {
    stream(0).keep_mask(1, f64::NAN);
}

#[test]
fn every_permutation_is_equally_likely() {
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
