//! A noisy line made smooth, as in "Deep Learning from Scratch", chapter 6.

/// Points under the window.
pub(crate) const WINDOW: usize = 11;
/// Its shape.
pub(crate) const BETA: f64 = 2.0;

/// The smoothed values, as many as there are; fewer than [`WINDOW`] are left as they are.
///
/// The book's `smooth_curve`: the values are continued by their mirror image at both ends and
/// convolved with a Kaiser window of 11 points with beta 2, whose weights add up to 1. As in the
/// book the first value is not repeated in its mirror image, and the last one is.
pub(crate) fn smooth(values: &[f64]) -> Vec<f64> {
    let n = values.len();
    if n < WINDOW {
        return values.to_vec();
    }
    let before = values[1..WINDOW].iter().rev();
    let after = values[n - WINDOW + 1..].iter().rev();
    let continued: Vec<f64> = before.chain(values).chain(after).copied().collect();
    let window = kaiser();
    let total: f64 = window.iter().sum();
    let smoothed = continued.windows(WINDOW).map(|part| {
        let products = part
            .iter()
            .zip(&window)
            .map(|(value, weight)| value * weight);
        products.sum::<f64>() / total
    });
    // What the mirror images add is left out again.
    smoothed.skip(WINDOW / 2).take(n).collect()
}

/// The Kaiser window; it is symmetric, so that a convolution need not turn it around.
fn kaiser() -> [f64; WINDOW] {
    let half = (WINDOW - 1) as f64 / 2.0;
    std::array::from_fn(|at| {
        let share = (at as f64 - half) / half;
        bessel_i0(BETA * (1.0 - share * share).sqrt()) / bessel_i0(BETA)
    })
}

/// The modified Bessel function of the first kind and order 0, by its series.
fn bessel_i0(x: f64) -> f64 {
    let square = x * x / 4.0;
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..100 {
        term *= square / f64::from(k * k);
        sum += term;
        if term < 1e-17 * sum {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expected values: the book's `smooth_curve` in NumPy 2.4.6.
    #[test]
    fn smoothing_agrees_with_the_books() {
        let noisy = [
            2.3, 2.1, 2.4, 1.9, 1.7, 1.8, 1.2, 1.3, 0.9, 1.1, 0.7, 0.8, 0.4,
        ];
        let expected = [
            2.061253463133075,
            2.0228868130030864,
            1.9674496837414024,
            1.862545964382026,
            1.7310978441132947,
            1.5877258629961575,
            1.4351591261552004,
            1.2733184913475348,
            1.1019864634440255,
            0.9802535377353788,
            0.8765361245590876,
            0.8063384254879746,
            0.7740749314682942,
        ];
        let found = smooth(&noisy);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn the_window_agrees_with_numpys() {
        let expected = [0.4386762798370488, 0.6113943543616491, 0.7676749968275236];
        for (found, expected) in kaiser().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-13, "{found} {expected}");
        }
        assert!((bessel_i0(2.0) - 2.279585302336067).abs() < 1e-14);
    }

    #[test]
    fn a_level_line_stays_and_a_short_one_is_left_alone() {
        assert!(
            smooth(&[0.5; 40])
                .iter()
                .all(|value| (value - 0.5).abs() < 1e-14)
        );
        assert_eq!(smooth(&[1.0, 2.0, 4.0]), [1.0, 2.0, 4.0]);
    }
}
