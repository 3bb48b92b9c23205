//! The confidence interval of a proportion.

use super::interval::Interval;

/// The quantile of the normal distribution that leaves 2.5 % above.
const QUANTILE: f64 = 1.959_963_984_540_054;

/// The 95 % interval of a proportion, observed as `count` of `of`, by Wilson's score (E. B. Wilson
/// 1927, "Probable inference, the law of succession, and statistical inference"); `None` if `of` is
/// 0 or less than `count`.
///
/// ```text
/// (p + z^2 / 2n ± z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)
/// ```
#[must_use]
pub fn share_interval(count: usize, of: usize) -> Option<Interval> {
    if of == 0 || count > of {
        return None;
    }
    let n = of as f64;
    let share = count as f64 / n;
    let square = QUANTILE * QUANTILE;
    let middle = (share + square / (2.0 * n)) / (1.0 + square / n);
    let variance = share * (1.0 - share) / n + square / (4.0 * n * n);
    let half_width = QUANTILE * variance.sqrt() / (1.0 + square / n);
    let Interval { lower, upper } = Interval::around(middle, half_width);
    // With none or all, an end is exact but for rounding.
    Some(Interval {
        lower: if count == 0 { 0.0 } else { lower },
        upper: if count == of { 1.0 } else { upper },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R. G. Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I,
    /// method 3.
    #[test]
    fn intervals_agree_with_published_ones() {
        for (count, of, lower, upper) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let found = share_interval(count, of).unwrap();
            assert!((found.lower - lower).abs() < 5e-5, "{count}: {found:?}");
            assert!((found.upper - upper).abs() < 5e-5, "{count}: {found:?}");
            let others = share_interval(of - count, of).unwrap();
            assert!((others.upper - (1.0 - found.lower)).abs() < 1e-12);
        }
        assert_eq!(share_interval(3, 2), None);
        assert_eq!(share_interval(0, 0), None);
    }
}
