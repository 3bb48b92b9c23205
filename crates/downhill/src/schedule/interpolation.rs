//! Curves from one value to another.

use core::f64::consts::PI;

/// Returns the fraction of the steps that are done, in \[0, 1\].
pub(super) fn share_done(step: u64, steps: u64) -> f64 {
    step.min(steps) as f64 / steps.max(1) as f64
}

/// Interpolates linearly; exact at both ends.
pub(super) fn line(from: f64, to: f64, share: f64) -> f64 {
    (1.0 - share) * from + share * to
}

/// Interpolates by half a period of a cosine; exact at both ends.
pub(super) fn half_cosine(from: f64, to: f64, share: f64) -> f64 {
    line(to, from, 0.5 * (1.0 + libm::cos(PI * share)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_exact() {
        for (from, to) in [(0.1, 0.001), (1.0 / 3.0, 1.0), (0.0, 0.7)] {
            for way in [line, half_cosine] {
                assert_eq!(way(from, to, 0.0), from);
                assert_eq!(way(from, to, 1.0), to);
            }
        }
    }

    #[test]
    fn halfway_is_in_the_middle_and_a_third_is_not() {
        for way in [line, half_cosine] {
            assert!((way(1.0, 3.0, 0.5) - 2.0).abs() < 1e-15);
        }
        assert!((half_cosine(0.0, 4.0, 1.0 / 3.0) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn the_share_stays_between_0_and_1() {
        assert_eq!(
            [0, 1, 4, 9].map(|step| share_done(step, 4)),
            [0.0, 0.25, 1.0, 1.0]
        );
    }
}
