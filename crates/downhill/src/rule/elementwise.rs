//! Rules that treat each number alike.

#[cfg(feature = "flex")]
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;

#[cfg(feature = "_cubecl")]
use super::cube;
#[cfg(feature = "flex")]
use super::fused;
use super::{Decays, Layout, Memory, Parameter, Reach, Real, Rule};

/// A rule for a single element of a parameter.
pub(crate) trait Elementwise: Decays + Clone + Send + Sync + 'static {
    /// What is remembered of each element.
    type Remembers<R: Real>: Remembered<R>;
    /// What all elements share at a step, computed in `f64`.
    type Scalars: Copy + Sync;
    /// Every number that [`scalars`](Self::scalars) remembers from step to step.
    const NUMBERS: &'static [&'static str] = &[];
    /// Whether the step is proportional to the learning rate.
    const PROPORTIONAL: bool = true;

    /// The scalars of a step. `memory` holds the number of this step, from 1, and the numbers
    /// remembered.
    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> Self::Scalars;

    /// What is remembered before the first step at `x`, not yet decayed, with gradient `g`.
    fn start<R: Real>(&self, scalars: &Self::Scalars, x: &R, g: &R) -> Self::Remembers<R>;

    /// The step itself. It remembers the same things as before.
    ///
    /// Like all that it calls, it is to be inlined always, so that it is compiled for whatever
    /// instructions its caller is compiled for.
    fn update<R: Real>(
        &self,
        scalars: &Self::Scalars,
        x: R,
        g: R,
        memory: Self::Remembers<R>,
    ) -> (R, Self::Remembers<R>);
}

impl<E: Elementwise> Layout for E {
    const TENSORS: &'static [&'static str] = <E::Remembers<f64> as Remembered<f64>>::NAMES;
    const NUMBERS: &'static [&'static str] = <E as Elementwise>::NUMBERS;
}

impl<E: Elementwise> Rule for E {
    fn reach(&self) -> Reach {
        match E::PROPORTIONAL {
            true => Reach::Proportional,
            false => Reach::Itself,
        }
    }

    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        memory: Memory,
        _sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        step(self, learning_rate, parameter, memory)
    }

    #[cfg(feature = "flex")]
    fn step_in_place(
        &self,
        learning_rate: f64,
        value: &mut FlexTensor,
        gradient: &FlexTensor,
        memory: &mut Memory,
    ) -> bool {
        fused::step(self, learning_rate, value, gradient, memory)
    }

    #[cfg(feature = "_cubecl")]
    fn record(&self, learning_rate: f64, memory: &mut Memory) -> Option<cube::Recorded> {
        Some(cube::record(self, learning_rate, memory))
    }

    #[cfg(all(test, feature = "flex"))]
    fn as_elementwise(&self) -> Option<&dyn fused::tests::ByTensorsAndInPlace> {
        Some(self)
    }
}

/// The numbers that a rule remembers; made by [`memory!`].
pub(crate) trait Remembered<R>: Sized {
    /// Their names.
    const NAMES: &'static [&'static str];
    /// How many of them are always there; they come first.
    #[cfg_attr(
        not(feature = "flex"),
        allow(dead_code, reason = "what steps in one pass asks")
    )]
    const ALWAYS: usize;

    /// Fills itself, each by its place among the names, unless one that must be there is absent.
    fn gather(take: impl FnMut(usize) -> Option<R>) -> Option<Self>;

    /// Gives all away, each by its place among the names.
    fn scatter(self, put: impl FnMut(usize, R));
}

/// A struct of what a rule remembers of each number: those always there, then those that only some
/// settings need.
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

/// Steps a whole parameter by an elementwise rule.
fn step<E: Elementwise>(
    rule: &E,
    learning_rate: f64,
    parameter: Parameter<'_>,
    mut memory: Memory,
) -> (Tensor<1>, Memory) {
    let Parameter {
        value: x,
        gradient: g,
        ..
    } = parameter;
    #[cfg(feature = "flex")]
    let (x, g) = match fused::on_flex(x, g, |x, g| {
        fused::step(rule, learning_rate, x, g, &mut memory)
    }) {
        Ok(x) => return (x, memory),
        Err(both) => both,
    };
    #[cfg(feature = "_cubecl")]
    if cube::can_step(&x, &g, E::Remembers::<f64>::NAMES.len(), &memory) {
        let recorded = cube::record(rule, learning_rate, &mut memory);
        let step = cube::prepare(recorded, x, g, &mut memory);
        let x = cube::launch_one(step, &mut memory);
        return (x, memory);
    }
    let x = step_tensors(rule, learning_rate, x, g, &mut memory);
    (x, memory)
}

/// The same by operations on whole tensors.
pub(super) fn step_tensors<E: Elementwise>(
    rule: &E,
    learning_rate: f64,
    x: Tensor<1>,
    g: Tensor<1>,
    memory: &mut Memory,
) -> Tensor<1> {
    let scalars = rule.scalars(learning_rate, memory);
    let names = E::Remembers::<Tensor<1>>::NAMES;
    let remembered = match memory.time {
        1 => None,
        _ => E::Remembers::gather(|field| memory.take(names[field])),
    };
    let remembered = remembered.unwrap_or_else(|| rule.start(&scalars, &x, &g));
    let (x, g) = rule.weight_decay().before_step(learning_rate, x, g);
    let (x, remembered) = rule.update(&scalars, x, g, remembered);
    remembered.scatter(|field, tensor| memory.put(names[field], tensor));
    rule.weight_decay().after_step(learning_rate, x)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Two steps of a single number from 1 with these gradients at a learning rate of 0.1 are
    /// these.
    #[track_caller]
    pub(crate) fn assert_steps<E: Elementwise>(rule: &E, gradients: [f64; 2], expected: [f64; 2]) {
        let (mut x, mut memory, mut remembered) = (1.0, Memory::default(), None);
        for (gradient, expected) in gradients.into_iter().zip(expected) {
            memory.time += 1;
            let scalars = rule.scalars(0.1, &mut memory);
            let past = remembered.unwrap_or_else(|| rule.start(&scalars, &x, &gradient));
            let (at, g) = rule.weight_decay().before_step(0.1, x, gradient);
            let (stepped, next) = rule.update(&scalars, at, g, past);
            assert!(
                (stepped - expected).abs() < 1e-9,
                "{stepped} instead of {expected}"
            );
            x = rule.weight_decay().after_step(0.1, stepped);
            remembered = Some(next);
        }
    }
}
