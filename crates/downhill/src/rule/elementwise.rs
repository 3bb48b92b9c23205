//! Rules that treat each number alike.

use super::{BurnState, Decays, Memory, Real};
use crate::weight_decay::WeightDecay;

/// A rule for a single element of a parameter.
pub(crate) trait Elementwise: BurnState + Decays + Clone + Send + Sync + 'static {
    /// What is remembered of each element.
    type Remembers<R: Real>: Remembered<R>;
    /// What all elements share at a step, computed in `f64`.
    type Scalars: Copy + Sync;
    /// Every number that [`scalars`](Self::scalars) remembers from step to step.
    const NUMBERS: &'static [&'static str] = &[];
    /// Whether the step is proportional to the learning rate.
    const PROPORTIONAL: bool = true;
    /// Whether `update` only subtracts from the value a step that does not depend on it.
    const SUBTRACTS: bool = true;

    /// The scalars of a step. `memory` holds the number of this step, from 1, and the numbers
    /// remembered.
    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> Self::Scalars;

    /// As [`Rule::hessian_decay`](super::Rule::hessian_decay).
    fn hessian_decay(&self) -> Option<f64> {
        None
    }

    /// What is remembered before the first step at `x`, not yet decayed, with gradient `g`.
    fn start<R: Real>(&self, scalars: &Self::Scalars, x: &R, g: &R) -> Self::Remembers<R>;

    /// Returns the new value and the new state, which has the same fields as before.
    ///
    /// It and everything that it calls must always be inlined, so that it is compiled for the
    /// instructions of its caller.
    fn update<R: Real>(
        &self,
        scalars: &Self::Scalars,
        x: R,
        g: R,
        memory: Self::Remembers<R>,
    ) -> (R, Self::Remembers<R>);
}

/// Whether the weight decay of a step is added to it before either meets the value, as in
/// [`WeightDecay::around_step`].
pub(super) fn adds_decay<E: Elementwise>(rule: &E, learning_rate: f64) -> bool {
    E::SUBTRACTS && rule.weight_decay().share(learning_rate) != 0.0
}

/// Returns the new value and the new state after a step with weight decay.
#[inline(always)]
pub(super) fn step<E: Elementwise, R: Real, const ADDS_DECAY: bool>(
    rule: &E,
    scalars: &E::Scalars,
    (decay, learning_rate): (WeightDecay, f64),
    x: R,
    g: R,
    past: E::Remembers<R>,
) -> (R, E::Remembers<R>) {
    if ADDS_DECAY {
        let (step, next) = rule.update(scalars, x.zero(), g, past);
        let decayed = decay.beside(&step, x.clone().scale(decay.share(learning_rate)));
        return (x + (step - decayed), next);
    }
    // Known when it is compiled of a rule that subtracts, whose decay is added to the step.
    let before = (!E::SUBTRACTS && decay.looks_back()).then(|| x.clone());
    let (x, g) = decay.before_step(learning_rate, x, g);
    let (x, next) = rule.update(scalars, x, g, past);
    (decay.after_step(learning_rate, before, x), next)
}

/// The same, where a branch costs nothing.
pub(super) fn step_either_way<E: Elementwise, R: Real>(
    rule: &E,
    scalars: &E::Scalars,
    learning_rate: f64,
    x: R,
    g: R,
    past: E::Remembers<R>,
) -> (R, E::Remembers<R>) {
    let decay = (rule.weight_decay(), learning_rate);
    match adds_decay(rule, learning_rate) {
        true => step::<E, R, true>(rule, scalars, decay, x, g, past),
        false => step::<E, R, false>(rule, scalars, decay, x, g, past),
    }
}

/// The numbers that a rule remembers; made by [`memory!`].
pub(crate) trait Remembered<R>: Sized {
    /// Their names.
    const NAMES: &'static [&'static str];
    /// How many of them are always present; they come first.
    #[cfg_attr(
        not(feature = "flex"),
        allow(dead_code, reason = "what steps in one pass asks")
    )]
    const ALWAYS: usize;

    /// Takes each value by its place among the names. Returns `None` if a required one is absent.
    fn gather(take: impl FnMut(usize) -> Option<R>) -> Option<Self>;

    /// Passes each value to `put`, by its place among the names.
    fn scatter(self, put: impl FnMut(usize, R));
}

/// The fields of the memory that the rule needs with its settings.
pub(super) fn fields<E: Elementwise>(
    rule: &E,
    scalars: &E::Scalars,
) -> impl Iterator<Item = usize> + use<E> {
    let mut needed = [false; MOST_FIELDS];
    // A number tells it as well as a tensor.
    let remembered = rule.start(scalars, &0.0, &0.0);
    remembered.scatter(|field, _: f64| needed[field] = true);
    (0..MOST_FIELDS).filter(move |field| needed[*field])
}

/// The largest number of fields of a rule.
pub(crate) const MOST_FIELDS: usize = 5;

/// A struct of what a rule remembers of each element: fields that are always present, then those
/// that only some settings need.
macro_rules! memory {
    ($name:ident { $($always:ident),* $(; $($sometimes:ident),+)? }) => {
        pub(crate) struct $name<R> {
            $($always: R,)*
            $($($sometimes: Option<R>,)+)?
            _kind: core::marker::PhantomData<R>,
        }

        /// The places of the names.
        #[allow(non_camel_case_types, reason = "as the fields are called")]
        #[allow(dead_code, reason = "a rule may remember nothing")]
        enum Field {
            $($always,)*
            $($($sometimes,)+)?
        }

        impl<R> $name<R> {
            #[allow(clippy::too_many_arguments, reason = "one for each field")]
            #[inline(always)]
            fn new($($always: R,)* $($($sometimes: Option<R>,)+)?) -> Self {
                Self { $($always,)* $($($sometimes,)+)? _kind: core::marker::PhantomData }
            }
        }

        impl<R> $crate::rule::Remembered<R> for $name<R> {
            const NAMES: &'static [&'static str] =
                &[$(stringify!($always),)* $($(stringify!($sometimes),)+)?];
            const ALWAYS: usize = <[&str]>::len(&[$(stringify!($always)),*]);

            #[inline(always)]
            #[allow(unused_mut, unused_variables)]
            fn gather(mut take: impl FnMut(usize) -> Option<R>) -> Option<Self> {
                Some(Self::new(
                    $(take(Field::$always as usize)?,)*
                    $($(take(Field::$sometimes as usize),)+)?
                ))
            }

            #[inline(always)]
            #[allow(unused_mut, unused_variables)]
            fn scatter(self, mut put: impl FnMut(usize, R)) {
                $(put(Field::$always as usize, self.$always);)*
                $($(if let Some(value) = self.$sometimes {
                    put(Field::$sometimes as usize, value);
                })+)?
            }
        }
    };
}

pub(crate) use memory;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Checks two steps of a single number from 1 with these gradients at a learning rate of 0.1.
    #[track_caller]
    pub(crate) fn assert_steps<E: Elementwise>(rule: &E, gradients: [f64; 2], expected: [f64; 2]) {
        let (mut x, mut memory, mut remembered) = (1.0, Memory::default(), None);
        for (gradient, expected) in gradients.into_iter().zip(expected) {
            memory.time += 1;
            let scalars = rule.scalars(0.1, &mut memory);
            let past = remembered.unwrap_or_else(|| rule.start(&scalars, &x, &gradient));
            let (stepped, next) = step_either_way(rule, &scalars, 0.1, x, gradient, past);
            assert!(
                (stepped - expected).abs() < 1e-9,
                "{stepped} instead of {expected}"
            );
            x = stepped;
            remembered = Some(next);
        }
    }
}
