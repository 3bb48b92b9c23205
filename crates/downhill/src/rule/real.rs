//! What a rule computes with: tensors or single numbers.

use core::ops::{Add, Div, Mul, Neg, Sub};

use burn::tensor::Tensor;

/// Keeps others from implementing [`Real`].
pub trait Sealed {}

impl Sealed for Tensor<1> {}

impl Sealed for f64 {}

/// A value that an elementwise rule computes with. A rule is written once, for this trait; a
/// parameter is then stepped as a whole with [`Tensor`], or number by number.
///
/// The trait is sealed: it may get more operations. All operations are elementwise. Scalars are
/// `f64` and rounded to the element's type when they meet it.
pub trait Real:
    Sealed
    + Clone
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// `factor * self`
    fn scale(self, factor: f64) -> Self;
    /// `self + term`
    fn shift(self, term: f64) -> Self;
    /// Returns this number for every element.
    fn fill(&self, number: f64) -> Self;
    /// `self^2`
    fn square(self) -> Self;
    /// The square root; NaN below 0.
    fn sqrt(self) -> Self;
    /// The absolute value.
    fn abs(self) -> Self;
    /// -1, 0 or 1.
    fn sign(self) -> Self;
    /// e raised to this power.
    fn exp(self) -> Self;
    /// The natural logarithm; NaN below 0.
    fn log(self) -> Self;
    /// `self` raised to a power.
    fn power(self, exponent: f64) -> Self;
    /// The cube root of a number that is at least 0; below 0 it is not defined. On flex it is made
    /// of products, elsewhere it is a power.
    fn cube_root(self) -> Self;
    /// The elementwise maximum.
    fn max(self, other: Self) -> Self;
    /// The elementwise minimum.
    fn min(self, other: Self) -> Self;
    /// The value, limited to these bounds.
    fn clamp(self, least: f64, most: f64) -> Self;
    /// Returns `yes` if `self > 0`, else `no`.
    fn positive_or(self, yes: Self, no: Self) -> Self;

    /// Returns 0 for every element.
    #[inline(always)]
    fn zero(&self) -> Self {
        self.fill(0.0)
    }

    /// Returns `share * self + (1 - share) * new`, the running mean after `new`.
    #[inline(always)]
    fn mix(self, share: f64, new: Self) -> Self {
        self.scale(share) + new.scale(1.0 - share)
    }
}

impl Real for Tensor<1> {
    fn scale(self, factor: f64) -> Self {
        if factor == 1.0 {
            return self;
        }
        self.mul_scalar(factor)
    }

    fn shift(self, term: f64) -> Self {
        self.add_scalar(term)
    }

    fn fill(&self, number: f64) -> Self {
        self.full_like(number)
    }

    fn square(self) -> Self {
        self.clone() * self
    }

    fn sqrt(self) -> Self {
        Tensor::sqrt(self)
    }

    fn abs(self) -> Self {
        Tensor::abs(self)
    }

    fn sign(self) -> Self {
        Tensor::sign(self)
    }

    fn exp(self) -> Self {
        Tensor::exp(self)
    }

    fn log(self) -> Self {
        Tensor::log(self)
    }

    // By a tensor, for burn-ndarray 0.22.1 rounds a scalar exponent to `f32` whatever the type
    // (`powf_elem`, called in its src/ops/tensor.rs:607).
    fn power(self, exponent: f64) -> Self {
        let exponent = self.full_like(exponent);
        self.powf(exponent)
    }

    fn cube_root(self) -> Self {
        #[cfg(feature = "flex")]
        let x = match super::cube_root::of_tensor(self) {
            Ok(root) => return root,
            Err(x) => x,
        };
        #[cfg(not(feature = "flex"))]
        let x = self;
        x.power(1.0 / 3.0)
    }

    fn max(self, other: Self) -> Self {
        self.max_pair(other)
    }

    fn min(self, other: Self) -> Self {
        self.min_pair(other)
    }

    fn clamp(self, least: f64, most: f64) -> Self {
        Tensor::clamp(self, least, most)
    }

    fn positive_or(self, yes: Self, no: Self) -> Self {
        no.mask_where(self.greater_scalar(0.0), yes)
    }
}

impl Real for f64 {
    fn scale(self, factor: f64) -> Self {
        self * factor
    }

    fn shift(self, term: f64) -> Self {
        self + term
    }

    fn fill(&self, number: f64) -> Self {
        number
    }

    fn square(self) -> Self {
        self * self
    }

    fn sqrt(self) -> Self {
        libm::sqrt(self)
    }

    fn abs(self) -> Self {
        libm::fabs(self)
    }

    fn sign(self) -> Self {
        if self > 0.0 {
            1.0
        } else if self < 0.0 {
            -1.0
        } else {
            self
        }
    }

    fn exp(self) -> Self {
        libm::exp(self)
    }

    fn log(self) -> Self {
        libm::log(self)
    }

    fn power(self, exponent: f64) -> Self {
        libm::pow(self, exponent)
    }

    fn cube_root(self) -> Self {
        libm::pow(self, 1.0 / 3.0)
    }

    fn max(self, other: Self) -> Self {
        f64::max(self, other)
    }

    fn min(self, other: Self) -> Self {
        f64::min(self, other)
    }

    fn clamp(self, least: f64, most: f64) -> Self {
        f64::clamp(self, least, most)
    }

    fn positive_or(self, yes: Self, no: Self) -> Self {
        if self > 0.0 { yes } else { no }
    }
}
