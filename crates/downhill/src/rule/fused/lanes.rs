//! The values of a fused step: blocks of numbers that fill vector registers.

use core::ops::{Add, Div, Mul, Neg, Sub};

use burn::backend::flex::FlexTensor;

use crate::rule::real::Sealed;
use crate::rule::{Real, cube_root};

/// Number of values in a block: one cache line or two. With it, both types fill whole registers of
/// every instruction set. Larger blocks were not faster.
pub(super) const LANES: usize = 16;

/// The type of a parameter's elements. Each function but `cube_root` does what
/// burn-flex 0.22.1 does to an element.
pub(super) trait Number:
    Copy
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Send
    + Sync
    + 'static
{
    const ZERO: Self;

    /// Returns all numbers in the memory of a tensor.
    fn all(tensor: &FlexTensor) -> &[Self];
    /// Returns the same numbers for writing, after copying them if another tensor shares them.
    fn all_mut(tensor: &mut FlexTensor) -> &mut [Self];

    fn rounded(number: f64) -> Self;
    fn sqrt(self) -> Self;
    fn abs(self) -> Self;
    fn sign(self) -> Self;
    fn exp(self) -> Self;
    fn log(self) -> Self;
    fn power(self, exponent: Self) -> Self;
    /// The cube root of a number that is at least 0.
    fn cube_root(self) -> Self;
}

macro_rules! number {
    ($number:ident, $cube_root:path) => {
        impl Number for $number {
            const ZERO: Self = 0.0;

            fn all(tensor: &FlexTensor) -> &[Self] {
                tensor.storage()
            }

            fn all_mut(tensor: &mut FlexTensor) -> &mut [Self] {
                tensor.storage_mut()
            }

            #[inline(always)]
            #[allow(clippy::unnecessary_cast, reason = "necessary for f32")]
            fn rounded(number: f64) -> Self {
                number as Self
            }

            #[inline(always)]
            fn sqrt(self) -> Self {
                Self::sqrt(self)
            }

            #[inline(always)]
            fn abs(self) -> Self {
                Self::abs(self)
            }

            #[inline(always)]
            fn sign(self) -> Self {
                if self.is_nan() || self == 0.0 {
                    0.0
                } else {
                    Self::copysign(1.0, self)
                }
            }

            #[inline(always)]
            fn exp(self) -> Self {
                Self::exp(self)
            }

            #[inline(always)]
            fn log(self) -> Self {
                Self::ln(self)
            }

            #[inline(always)]
            fn power(self, exponent: Self) -> Self {
                Self::powf(self, exponent)
            }

            #[inline(always)]
            fn cube_root(self) -> Self {
                $cube_root(self)
            }
        }
    };
}

number!(f32, cube_root::of_f32);
number!(f64, cube_root::of_f64);

/// A block of numbers. The loops over it have a fixed length, so that the compiler turns them into
/// vector instructions, and a setting of the rule is checked once per block.
#[derive(Clone, Copy)]
pub(super) struct Lanes<T>(pub(super) [T; LANES]);

impl<T: Number> Lanes<T> {
    #[inline(always)]
    fn each(mut self, change: impl Fn(T) -> T) -> Self {
        for lane in &mut self.0 {
            *lane = change(*lane);
        }
        self
    }

    #[inline(always)]
    fn with(mut self, other: Self, combine: impl Fn(T, T) -> T) -> Self {
        for (lane, other) in self.0.iter_mut().zip(other.0) {
            *lane = combine(*lane, other);
        }
        self
    }
}

impl<T: Number> Add for Lanes<T> {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }
}

impl<T: Number> Sub for Lanes<T> {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.with(other, |a, b| a - b)
    }
}

impl<T: Number> Mul for Lanes<T> {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.with(other, |a, b| a * b)
    }
}

impl<T: Number> Div for Lanes<T> {
    type Output = Self;

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.with(other, |a, b| a / b)
    }
}

impl<T: Number> Neg for Lanes<T> {
    type Output = Self;

    #[inline(always)]
    fn neg(self) -> Self {
        self.each(|a| -a)
    }
}

impl<T: Number> Sealed for Lanes<T> {}

// Each of these is, to the bit, what the same function of `Tensor<1>` does on flex.
impl<T: Number> Real for Lanes<T> {
    // Unlike a tensor, which is returned as it is where the factor is 1: a product with 1 is the
    // same, and cheaper than to ask at every block.
    #[inline(always)]
    fn scale(self, factor: f64) -> Self {
        let factor = T::rounded(factor);
        self.each(|a| a * factor)
    }

    #[inline(always)]
    fn shift(self, term: f64) -> Self {
        let term = T::rounded(term);
        self.each(|a| a + term)
    }

    #[inline(always)]
    fn fill(&self, number: f64) -> Self {
        Self([T::rounded(number); LANES])
    }

    #[inline(always)]
    fn square(self) -> Self {
        self * self
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        self.each(T::sqrt)
    }

    #[inline(always)]
    fn abs(self) -> Self {
        self.each(T::abs)
    }

    #[inline(always)]
    fn sign(self) -> Self {
        self.each(T::sign)
    }

    #[inline(always)]
    fn exp(self) -> Self {
        self.each(T::exp)
    }

    #[inline(always)]
    fn log(self) -> Self {
        self.each(T::log)
    }

    // An exponent that the compiler knew would let it compute something else than `pow`.
    #[inline(always)]
    fn power(self, exponent: f64) -> Self {
        let exponent = core::hint::black_box(T::rounded(exponent));
        self.each(|a| a.power(exponent))
    }

    #[inline(always)]
    fn cube_root(self) -> Self {
        self.each(T::cube_root)
    }

    // Of two numbers that do not compare, which is when one is NaN, the first is taken.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.with(other, |a, b| if a < b { b } else { a })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.with(other, |a, b| if b < a { b } else { a })
    }

    #[inline(always)]
    fn clamp(self, least: f64, most: f64) -> Self {
        let (least, most) = (T::rounded(least), T::rounded(most));
        if least.partial_cmp(&most).is_none() {
            // One of them is NaN, and so is their sum.
            return Self([least + most; LANES]);
        }
        assert!(least <= most, "the bounds are in order");
        self.each(|a| {
            let a = if a < least { least } else { a };
            if a > most { most } else { a }
        })
    }

    #[inline(always)]
    fn positive_or(self, yes: Self, no: Self) -> Self {
        let mut chosen = no;
        for (lane, (test, yes)) in chosen.0.iter_mut().zip(self.0.into_iter().zip(yes.0)) {
            if test > T::ZERO {
                *lane = yes;
            }
        }
        chosen
    }
}
