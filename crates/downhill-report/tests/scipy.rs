//! The signed-rank test beside SciPy's, on 1,000 samples; `reference/scipy_statistics.py` made
//! them.

use downhill_report::statistics::{NullDistribution, wilcoxon};
use serde::Deserialize;

/// Where SciPy counts combinations of signs, and where it approximates.
const EXACT_TOLERANCE: f64 = 1e-9;
const APPROXIMATE_TOLERANCE: f64 = 1e-6;

/// More differences than this are approximated by SciPy's `method="auto"`.
const MOST_EXACT: usize = 50;

#[derive(Deserialize)]
struct Reference {
    scipy: String,
    cases: Vec<Case>,
}

/// Kind, number, seed, shift, levels, statistic, p.
#[derive(Deserialize)]
struct Case(String, usize, u64, f64, u32, f64, f64);

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/scipy_statistics.json")).expect("the cases")
}

/// Uniform numbers from 0 to 1, as the script's.
fn uniforms(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    })
}

fn differences(n: usize, seed: u64, shift: f64, levels: u32) -> Vec<f64> {
    let difference = |uniform: f64| match levels {
        0 => uniform - 0.5 + shift,
        _ => (f64::from(levels) * uniform).floor() - (f64::from(levels / 2) - shift),
    };
    uniforms(seed).take(n).map(difference).collect()
}

#[test]
fn a_thousand_samples_have_the_statistic_and_the_p_of_scipy() {
    let reference = reference();
    assert_eq!(reference.scipy, "1.17.1");
    assert_eq!(reference.cases.len(), 1_000);
    for Case(kind, n, seed, shift, levels, statistic, p) in reference.cases {
        let (null, tolerance) = match kind.as_str() {
            "exact" | "permutation" => (NullDistribution::Exact, EXACT_TOLERANCE),
            "auto" if n <= MOST_EXACT => (NullDistribution::Auto, EXACT_TOLERANCE),
            "auto" => (NullDistribution::Auto, APPROXIMATE_TOLERANCE),
            "asymptotic" => (NullDistribution::Approximate, APPROXIMATE_TOLERANCE),
            other => panic!("an unknown kind: {other}"),
        };
        let sample = differences(n, seed, shift, levels);
        let found = wilcoxon(&sample, null).expect("there are differences");
        let smaller = found.positive_ranks.min(found.negative_ranks);
        assert_eq!(smaller, statistic, "{kind}, n {n}, seed {seed}");
        assert!(
            (found.p - p).abs() < tolerance,
            "{kind}, n {n}, seed {seed}: {} is not {p}",
            found.p
        );
    }
}

#[test]
fn samples_of_every_kind_reach_from_nothing_to_certainty() {
    for kind in ["exact", "auto", "asymptotic", "permutation"] {
        let cases = reference().cases.into_iter();
        let p: Vec<f64> = cases
            .filter(|case| case.0 == kind)
            .map(|case| case.6)
            .collect();
        assert!(p.len() >= 200, "{kind}");
        assert!(p.iter().any(|p| *p < 0.01), "{kind}");
        assert!(p.iter().any(|p| *p > 0.9), "{kind}");
    }
}

/// What SciPy's `method="auto"` approximates from 14 differences on, here stays exact.
#[test]
fn ties_leave_the_test_exact_up_to_fifty_differences() {
    let ties = differences(30, 5, 1.0, 8);
    let p = |null| wilcoxon(&ties, null).expect("there are differences").p;
    assert_eq!(p(NullDistribution::Auto), p(NullDistribution::Exact));
    assert_ne!(p(NullDistribution::Auto), p(NullDistribution::Approximate));
}
