//! A cube root of operations that the compiler turns into vector instructions.

use burn::tensor::{DType, Tensor};

use super::flex_tensor::{flex, is_laid_out, tensor};

/// Defines the cube root of a number that is not negative.
///
/// The first guess of `r`, the reciprocal of the root, has the bits `guess` less a third of the
/// number's bits; it is off by up to 4 %. A polynomial of `a * r^3` with these coefficients brings
/// that to 5e-5. An iteration of Newton's method, which `again` adds, turns an error `e` into
/// `2 * e^2`. A number below `tiny`, which may be subnormal, is multiplied by `scale`, the cube of
/// `1 / back`, before.
macro_rules! cube_root {
    ($name:ident: $number:ident, $word:ident $bits:literal, $coefficients:expr,
        again $again:literal, below $tiny:literal by $scale:literal and $back:literal) => {
        #[inline(always)]
        pub(super) fn $name(number: $number) -> $number {
            let is_tiny = number < $tiny;
            let a = if is_tiny { number * $scale } else { number };
            let third = 1.0 / 3.0;
            let guess = $word::wrapping_sub($bits, a.to_bits() / 3);
            let mut reciprocal = $number::from_bits(guess);
            // Nothing overflows or underflows, and the operations wait for few others.
            let cube = |reciprocal| (a * reciprocal) * (reciprocal * reciprocal);
            let [p, q, s]: [$number; 3] = $coefficients;
            let one = cube(reciprocal);
            reciprocal *= (p + q * one) + s * (one * one);
            if $again {
                reciprocal *= 4.0 * third - cube(reciprocal) * third;
            }
            let square = reciprocal * reciprocal;
            let root = a * square;
            let root = root + (a - root * (root * root)) * (square * third);
            let root = if is_tiny { root * $back } else { root };
            // Infinity and NaN are their own roots.
            if a < $number::INFINITY { root } else { a }
        }
    };
}

// 2^-100, 2^72, 2^-24.
cube_root!(of_f32: f32, u32 0x54a2_fa8c, [1.550_821_8, -0.766_967_4, 0.216_163_58], again false,
    below 7.888_609e-31 by 4.722_366_5e21 and 5.960_464_5e-8);
// 2^-900, 2^216, 2^-72.
cube_root!(of_f64: f64, u64 0x553e_f0ff_289d_d796, [1.556_707_8, -0.778_710_02, 0.222_004_59],
    again true,
    below 1.183_052_186_166_774_7e-271 by 1.053_122_916_685_571_9e65
    and 2.117_582_368_135_751e-22);

/// Returns the cube root of each element. Returns the tensor itself if it is not on flex or has
/// another type.
pub(super) fn of_tensor(x: Tensor<1>) -> Result<Tensor<1>, Tensor<1>> {
    let mut x = flex(x)?;
    if !is_laid_out(&x) {
        x = x.to_contiguous();
    }
    match x.dtype() {
        DType::F32 => x.storage_mut().iter_mut().for_each(|x| *x = of_f32(*x)),
        DType::F64 => x.storage_mut().iter_mut().for_each(|x| *x = of_f64(*x)),
        _ => return Err(tensor(x)),
    }
    Ok(tensor(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Within two units of the last place in `f32`, and eight in `f64`.
    #[test]
    fn it_is_that_of_libm() {
        for exponent in -1074..1024 {
            for mantissa in [1.0, 1.1, 1.5, 1.999] {
                let x: f64 = mantissa * libm::exp2(f64::from(exponent));
                let root = libm::cbrt(x);
                let apart = (of_f64(x) / root - 1.0).abs();
                assert!(apart < 4.0 * f64::EPSILON, "{x:e}: {apart:e}");
                let x = x as f32;
                if x > 0.0 && x < f32::INFINITY {
                    let root = libm::cbrt(f64::from(x));
                    let apart = (f64::from(of_f32(x)) / root - 1.0).abs();
                    assert!(apart < f64::from(f32::EPSILON), "{x:e}: {apart:e}");
                }
            }
        }
    }

    #[test]
    fn of_what_is_not_a_positive_number() {
        assert_eq!(of_f32(0.0), 0.0);
        assert_eq!(of_f64(0.0), 0.0);
        assert_eq!(of_f32(f32::INFINITY), f32::INFINITY);
        assert_eq!(of_f64(f64::INFINITY), f64::INFINITY);
        assert!(of_f32(f32::NAN).is_nan() && of_f64(f64::NAN).is_nan());
    }
}
