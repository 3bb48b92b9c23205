//! The band around a mean line: a Student t interval at each point.
//!
//! A line has hundreds of points, so that the interval is one that takes no resampling; captions
//! name it.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::drawing::chart::Point;

/// Mean of the values at `x` and its 95 % Student t interval; without one for a single value, and
/// `None` without values.
///
/// ```text
/// mean -+ t(0.975, n - 1) * standard_deviation / sqrt(n)
/// ```
pub(crate) fn mean_point(x: f64, values: &[f64]) -> Option<Point> {
    let n = values.len() as f64;
    if values.is_empty() {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let mut point = Point::alone(x, mean);
    if values.len() > 1 {
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let half = quantile(n - 1.0) * (squares / (n - 1.0) / n).sqrt();
        (point.lower, point.upper) = (mean - half, mean + half);
    }
    Some(point)
}

/// The value that a Student t variable exceeds in absolute terms with probability 5 %.
fn quantile(degrees_of_freedom: f64) -> f64 {
    let distribution = StudentsT::new(0.0, 1.0, degrees_of_freedom);
    let distribution = distribution.expect("two values leave one degree of freedom");
    distribution.inverse_cdf(0.975)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expected values: SciPy 1.17.1, stats.t.interval(0.95, 7, loc=mean, scale=stats.sem(values)).
    #[test]
    fn the_band_is_scipys_interval() {
        let values = [0.759, 0.741, 0.772, 0.764, 0.733, 0.781, 0.748, 0.766];
        let point = mean_point(3.0, &values).unwrap();
        assert!((point.y - 0.758).abs() < 1e-12);
        assert!((point.lower - 0.744_445_701_758_267_9).abs() < 1e-10);
        assert!((point.upper - 0.771_554_298_241_732).abs() < 1e-10);
    }

    #[test]
    fn one_value_has_no_band() {
        assert_eq!(mean_point(1.0, &[0.5]), Some(Point::alone(1.0, 0.5)));
        assert_eq!(mean_point(1.0, &[]), None);
    }
}
