//! Functions of single values, written so that the compiler vectorizes them.

/// `e^x` to within 2 units in the last place; 0 below -87.3, infinite above 88.7. As in `expf` of
/// Cephes (Moshier 1989): `x = n ln 2 + r`, a polynomial in `r`, and `n` in the exponent.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Adding and subtracting a number this large rounds to an integer.
    const ROUND: f32 = 12_582_912.0;
    let within = x.clamp(-87.3, 88.8);
    let n = within * core::f32::consts::LOG2_E + ROUND - ROUND;
    let r = within - n * LN_2_HIGH - n * LN_2_LOW;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let fraction = p * r * r + r + 1.0;
    // In two factors, because 2^128 overflows although the result may not.
    let half = (n as i32) >> 1;
    let power = |n: i32| f32::from_bits(((n + 127) << 23) as u32);
    let result = fraction * power(half) * power(n as i32 - half);
    if x < -87.3 { 0.0 } else { result }
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The hyperbolic tangent: a polynomial near 0 (`tanhf` of Cephes), `e^2x` elsewhere.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let z = x * x;
    let mut p = -5.704_988_7e-3;
    p = p * z + 2.063_909e-2;
    p = p * z - 5.373_971_6e-2;
    p = p * z + 1.333_144_2e-1;
    p = p * z - 3.333_328e-1;
    let near = p * z * x + x;
    let far = (1.0 - 2.0 / (exp(2.0 * x.abs()) + 1.0)).copysign(x);
    if x.abs() < 0.625 { near } else { far }
}

/// `max(x, 0)`; NaN stays NaN.
#[inline(always)]
pub(super) fn relu(x: f32) -> f32 {
    if x <= 0.0 { 0.0 } else { x }
}

/// The sum of a row, by sixteen partial sums.
#[inline(always)]
pub(super) fn sum(row: &[f32]) -> f32 {
    let (lines, rest) = row.as_chunks::<16>();
    let mut parts = [0.0_f32; 16];
    for line in lines {
        for (part, number) in parts.iter_mut().zip(line) {
            *part += number;
        }
    }
    let rest: f32 = rest.iter().sum();
    fold(parts) + rest
}

/// The dot product of two rows, by sixteen partial sums.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a_lines, a_rest), (b_lines, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut parts = [0.0_f32; 16];
    for (a, b) in a_lines.iter().zip(b_lines) {
        for ((part, a), b) in parts.iter_mut().zip(a).zip(b) {
            *part += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    fold(parts) + rest
}

/// The sum of the absolute values of a row, by sixteen partial sums.
#[inline(always)]
pub(super) fn sum_of_absolutes(row: &[f32]) -> f32 {
    let (lines, rest) = row.as_chunks::<16>();
    let mut parts = [0.0_f32; 16];
    for line in lines {
        for (part, number) in parts.iter_mut().zip(line) {
            *part += number.abs();
        }
    }
    let rest: f32 = rest.iter().map(|number| number.abs()).sum();
    fold(parts) + rest
}

#[inline(always)]
fn fold(parts: [f32; 16]) -> f32 {
    let mut width = 8;
    let mut parts = parts;
    while width > 0 {
        for lane in 0..width {
            parts[lane] += parts[lane + width];
        }
        width /= 2;
    }
    parts[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = f32> {
        (-100_000..100_000).map(|n| n as f32 * 1e-3)
    }

    #[test]
    fn exponentials_are_within_two_units_in_the_last_place() {
        for x in all().filter(|x| (-87.0..88.7).contains(x)) {
            let (ours, exact) = (f64::from(exp(x)), libm::exp(f64::from(x)));
            assert!((ours / exact - 1.0).abs() < 2.4e-7, "{x}: {ours} {exact}");
        }
        assert_eq!(exp(-88.0), 0.0);
        assert_eq!(exp(-f32::INFINITY), 0.0);
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(89.0), f32::INFINITY);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn activations_are_exact_near_0_and_far_from_it() {
        for x in all().chain([1e-10, -1e-10]) {
            let exact = libm::tanh(f64::from(x));
            assert!(
                (f64::from(tanh(x)) - exact).abs() <= 3e-7 * exact.abs(),
                "tanh {x}"
            );
            let exact = 1.0 / (1.0 + libm::exp(-f64::from(x)));
            assert!(
                (f64::from(sigmoid(x)) - exact).abs() <= 4e-7 * exact + 1e-38,
                "sigmoid {x}"
            );
            assert_eq!(relu(x), x.max(0.0));
        }
        for function in [tanh, sigmoid, relu] {
            assert!(function(f32::NAN).is_nan());
        }
        assert_eq!((tanh(f32::INFINITY), sigmoid(f32::INFINITY)), (1.0, 1.0));
        assert_eq!((tanh(-f32::INFINITY), sigmoid(-f32::INFINITY)), (-1.0, 0.0));
    }

    #[test]
    fn sums_include_every_value() {
        let row: Vec<f32> = (0..53).map(|n| n as f32).collect();
        assert_eq!(sum(&row), 1378.0);
        assert_eq!(dot(&row, &row), 48_230.0);
        assert_eq!(sum(&[]), 0.0);
    }
}
