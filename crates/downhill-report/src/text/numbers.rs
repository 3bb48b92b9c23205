//! Numbers as text, with as many digits as their interval supports.

use std::collections::BTreeSet;

use crate::statistics::{Interval, SIGNIFICANCE_LEVEL, Statistics};

/// The typographic minus sign, as wide as a plus sign.
const MINUS: char = '\u{2212}';

/// Digits after the decimal point of accuracies in percent, the same in a whole report so that its
/// numbers can be compared and aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Precision {
    digits: usize,
}

impl Precision {
    /// Returns this number of digits.
    pub(crate) fn new(digits: usize) -> Self {
        Self { digits }
    }

    /// A share as percent without the sign for it: 0.759 is `75.9`.
    pub(crate) fn percent(self, share: f64) -> String {
        fixed(100.0 * share, self.digits)
    }

    /// A difference of shares in points with its sign: -0.036 is `−3.6`.
    pub(crate) fn signed_points(self, difference: f64) -> String {
        signed(100.0 * difference, self.digits)
    }

    /// Mean and half the width of the 95 % interval in percent: `75.9 ± 1.8`.
    pub(crate) fn mean_and_half_width(self, statistics: &Statistics) -> String {
        let mean = self.percent(statistics.mean);
        mean + &self.plus_minus(statistics)
    }

    /// What follows a mean: ` ± 1.8`, or nothing without an interval to show.
    pub(crate) fn plus_minus(self, statistics: &Statistics) -> String {
        let half_width = statistics
            .half_width()
            .filter(|_| !statistics.is_too_uniform());
        half_width.map_or_else(String::new, |half_width| {
            format!(" ± {}", self.percent(half_width))
        })
    }

    /// Median and its 95 % interval in percent, if it has one: `75.9 [74.1, 77.0]`.
    pub(crate) fn median_and_interval(self, statistics: &Statistics) -> String {
        let median = self.percent(statistics.median);
        let interval = statistics.median_interval;
        interval.map_or(median.clone(), |Interval { lower, upper }| {
            format!(
                "{median} [{}, {}]",
                self.percent(lower),
                self.percent(upper)
            )
        })
    }

    /// Both ends in points with their signs: `[−5.0, −2.4]`.
    pub(crate) fn signed_interval(self, interval: Interval) -> String {
        let lower = self.signed_points(interval.lower);
        let upper = self.signed_points(interval.upper);
        format!("[{lower}, {upper}]")
    }
}

/// A number with a fixed count of digits after the point; never `−0.0`.
pub(crate) fn fixed(value: f64, digits: usize) -> String {
    let text = format!("{:.digits$}", value.abs());
    let is_zero = text.chars().all(|digit| "0.".contains(digit));
    if value < 0.0 && !is_zero {
        format!("{MINUS}{text}")
    } else {
        text
    }
}

/// A loss with three significant digits: `0.0123`, `2.30`, `1.0e−6`, `3.55e5`.
pub(crate) fn loss(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-4 {
        return format!("{value:.1e}").replace('-', &MINUS.to_string());
    }
    if value.abs() >= 1e5 {
        return format!("{value:.2e}").replace('-', &MINUS.to_string());
    }
    let magnitude = if value == 0.0 {
        0
    } else {
        value.abs().log10().floor() as i32
    };
    fixed(value, usize::try_from(2 - magnitude).unwrap_or(0))
}

/// A p value: `0.031`, `< 0.001`. One above the level of significance never reads as the level.
pub(crate) fn p_value(p: f64) -> String {
    if p < 0.001 {
        return "< 0.001".into();
    }
    let is_rounded_to_level = p > SIGNIFICANCE_LEVEL && p < SIGNIFICANCE_LEVEL + 0.0005;
    if is_rounded_to_level {
        return "> 0.050".into();
    }
    fixed(p, 3)
}

/// A number with its sign and a fixed count of digits after the point: `+0.78`, `−1.00`. A number
/// that rounds to 0 has no sign.
pub(crate) fn signed(value: f64, digits: usize) -> String {
    let text = fixed(value, digits);
    let is_zero = text.chars().all(|digit| "0.".contains(digit));
    if text.starts_with(MINUS) || is_zero {
        text
    } else {
        format!("+{text}")
    }
}

/// A value of a setting with at most four significant digits: `0.01`, `6.31e−4`, `128`.
pub(crate) fn setting_value(value: f64) -> String {
    if value == 0.0 || (value.abs() >= 1e-3 && value.abs() < 1e5) {
        let digits = (3 - value.abs().max(1e-9).log10().floor() as i32).clamp(0, 9) as usize;
        let text = format!("{value:.digits$}");
        let is_decimal = text.contains('.');
        let short = if is_decimal {
            text.trim_end_matches('0').trim_end_matches('.')
        } else {
            &text
        };
        return short.replace('-', "−");
    }
    let text = format!("{value:.3e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    format!("{digits}e{power}").replace('-', "−")
}

/// A cost in updates or seconds: `1,300`, `4.2`; `∞` for a target that is not reached.
pub(crate) fn cost(value: f64) -> String {
    if value.is_infinite() {
        "∞".into()
    } else if value < 100.0 && value.fract() != 0.0 {
        fixed(value, 1)
    } else {
        count(value.round() as u64)
    }
}

/// A count with commas between thousands: `10,000`.
pub(crate) fn count(value: impl TryInto<u64>) -> String {
    let digits = value.try_into().unwrap_or(u64::MAX).to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// From the least to the most of some counts: `50 to 300`, or the only one; `None` without any.
pub(crate) fn range(counts: &BTreeSet<usize>) -> Option<String> {
    let (least, most) = (*counts.first()?, *counts.last()?);
    Some(if least == most {
        count(least)
    } else {
        format!("{} to {}", count(least), count(most))
    })
}

/// A count and its noun: `1 run`, `8 runs`.
pub(crate) fn counted(value: usize, noun: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(value))
}

/// A method's name in a sentence.
pub(crate) fn quoted(name: &str) -> String {
    format!("“{name}”")
}

/// Words as a list: `a`, `a and b`, `a, b and c`.
pub(crate) fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Returns seeds as text, with ranges: `0 to 7, 12`.
pub fn seed_ranges(seeds: impl IntoIterator<Item = u64>) -> String {
    let seeds: BTreeSet<u64> = seeds.into_iter().collect();
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for seed in seeds {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(seed) => *last = seed,
            _ => ranges.push((seed, seed)),
        }
    }
    let texts = ranges.iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first} to {last}"),
    });
    texts.collect::<Vec<_>>().join(", ")
}

/// A duration: `41 s`, `1 min 23 s`, `2 h 5 min`.
pub fn duration(seconds: f64) -> String {
    if seconds < 10.0 {
        return format!("{} s", fixed(seconds, 1));
    }
    let seconds = seconds.round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE_DIGIT: Precision = Precision { digits: 1 };

    #[test]
    fn signs_are_shown_except_at_zero() {
        assert_eq!(ONE_DIGIT.signed_points(-0.036), "−3.6");
        assert_eq!(ONE_DIGIT.signed_points(0.012), "+1.2");
        assert_eq!(ONE_DIGIT.signed_points(-0.0001), "0.0");
        assert_eq!(ONE_DIGIT.percent(1.0), "100.0");
    }

    #[test]
    fn losses_have_three_significant_digits() {
        assert_eq!(loss(2.2981), "2.30");
        assert_eq!(loss(0.012_34), "0.0123");
        assert_eq!(loss(12.34), "12.3");
        assert_eq!(loss(1234.5), "1234");
        assert_eq!(loss(0.000_001_2), "1.2e−6");
        assert_eq!(loss(0.0), "0.00");
    }

    #[test]
    fn p_values_never_round_across_the_level() {
        assert_eq!(p_value(0.0314), "0.031");
        assert_eq!(p_value(0.05), "0.050");
        assert_eq!(p_value(0.050_1), "> 0.050");
        assert_eq!(p_value(0.054_7), "0.055");
        assert_eq!(p_value(2e-9), "< 0.001");
        assert_eq!(p_value(1.0), "1.000");
    }

    #[test]
    fn effects_have_signs_and_costs_as_many_digits_as_they_need() {
        assert_eq!(
            (signed(0.777, 2), signed(-1.0, 2)),
            ("+0.78".into(), "−1.00".into())
        );
        assert_eq!([signed(-0.001, 2), signed(0.000_4, 3)], ["0.00", "0.000"]);
        assert_eq!((cost(1300.0), cost(4.25)), ("1,300".into(), "4.2".into()));
        assert_eq!(cost(f64::INFINITY), "∞");
    }

    #[test]
    fn values_of_settings_are_as_short_as_they_are_exact() {
        let values = [1.0, 0.541_17, 0.01, 1e-4, 6.31e-4, 0.0, 128.0, 2.5e6, -0.5];
        assert_eq!(
            values.map(setting_value),
            [
                "1",
                "0.5412",
                "0.01",
                "1e−4",
                "6.31e−4",
                "0",
                "128",
                "2.5e6",
                "−0.5"
            ]
        );
    }

    #[test]
    fn seeds_in_a_row_are_a_range() {
        assert_eq!(seed_ranges([7, 0, 1, 2, 5, 8]), "0 to 2, 5, 7, 8");
        assert_eq!(
            seed_ranges([u64::MAX, u64::MAX - 1, u64::MAX - 2, 3, 3]),
            "3, 18446744073709551613 to 18446744073709551615"
        );
        assert_eq!(seed_ranges([]), "");
    }

    #[test]
    fn counts_lists_and_durations_read_as_words() {
        assert_eq!(
            (count(999_usize), count(10_000_u64)),
            ("999".into(), "10,000".into())
        );
        assert_eq!(
            (counted(1, "run"), counted(0, "run")),
            ("1 run".into(), "0 runs".into())
        );
        let words = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        assert_eq!(listed(&words), "a, b and c");
        assert_eq!(
            (duration(9.96), duration(83.4)),
            ("10.0 s".into(), "1 min 23 s".into())
        );
        assert_eq!(duration(7_500.0), "2 h 5 min");
    }
}
