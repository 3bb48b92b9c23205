//! A rule for one element, in the form in which others write it.

use core::marker::PhantomData;
use core::mem::MaybeUninit;

use burn::optim::{LearningRate, Optimizer};
use burn::tensor::{Device, Tensor};

use crate::rule::real::Real;
use crate::rule::{
    BurnLayout, BurnState, Decays, Elementwise, MOST_FIELDS, Memory, Remembered, State, step_alone,
};
use crate::weight_decay::WeightDecay;

/// A rule for one element of a parameter, which remembers `N` numbers of it, at most 5.
///
/// It is written once, for any [`Real`], and runs over tensors, over blocks of numbers on flex, and
/// as a kernel on CubeCL's backends. So `update` may branch on settings and on the scalars, but not
/// on the numbers: [`Real::positive_or`] and [`Real::max`] choose for each element.
///
/// [`custom`](crate::custom) has an example.
pub trait ElementRule<const N: usize>: Clone + Send + Sync + 'static {
    /// Names of the remembered numbers, under which they are saved. They must differ, and not be
    /// `time`, `format`, `shape` or `burn`.
    const NAMES: [&'static str; N];

    /// What all elements share at a step.
    type Scalars: Copy + Send + Sync;

    /// Returns the scalars of a step. Steps are counted from 1.
    fn scalars(&self, learning_rate: f64, step: u64) -> Self::Scalars;

    /// Returns what is remembered before the first step at `x` with gradient `g`. By default 0.
    #[inline(always)]
    fn start<R: Real>(&self, _scalars: &Self::Scalars, _x: &R, g: &R) -> [R; N] {
        core::array::from_fn(|_| g.zero())
    }

    /// Returns the new value and what is remembered next.
    ///
    /// Mark it `#[inline(always)]`, and all functions that it calls, so that it is compiled for the
    /// vector instructions of the processor.
    fn update<R: Real>(&self, scalars: &Self::Scalars, x: R, g: R, past: [R; N]) -> (R, [R; N]);

    /// Returns the weight decay, which is applied around `update`. By default there is none.
    fn weight_decay(&self) -> WeightDecay {
        WeightDecay::None
    }
}

/// An [`ElementRule`] as an optimizer of Burn.
#[derive(Clone, Debug)]
pub struct ElementOptimizer<E, const N: usize>(pub E);

/// What an [`ElementRule`] remembers.
pub(crate) struct Past<E, R, const N: usize> {
    past: [R; N],
    rule: PhantomData<E>,
}

impl<E, R, const N: usize> From<[R; N]> for Past<E, R, N> {
    #[inline(always)]
    fn from(past: [R; N]) -> Self {
        let rule = PhantomData;
        Self { past, rule }
    }
}

impl<E: ElementRule<N>, R, const N: usize> Remembered<R> for Past<E, R, N> {
    const NAMES: &'static [&'static str] = {
        assert!(N <= MOST_FIELDS, "a rule remembers at most 5 numbers");
        assert!(
            are_names(&E::NAMES),
            "names must differ, and not be time, format, shape or burn"
        );
        &E::NAMES
    };
    const ALWAYS: usize = N;

    // `array::from_fn` and `array::map` are not always inlined: a step then takes four times as
    // long.
    #[inline(always)]
    fn gather(mut take: impl FnMut(usize) -> Option<R>) -> Option<Self> {
        let mut past = [const { MaybeUninit::<R>::uninit() }; N];
        let mut there = 0;
        while there < N {
            let Some(value) = take(there) else {
                break;
            };
            past[there].write(value);
            there += 1;
        }
        if there < N {
            for value in &mut past[..there] {
                #[expect(unsafe_code, reason = "arrays cannot be filled in part")]
                // SAFETY: these were written above.
                unsafe {
                    value.assume_init_drop();
                }
            }
            return None;
        }
        #[expect(unsafe_code, reason = "arrays cannot be filled one by one")]
        // SAFETY: all values were written, `MaybeUninit<R>` has the layout of `R`, and `past` is
        // not used, nor its values dropped, afterwards.
        let past = unsafe { core::mem::transmute_copy::<[MaybeUninit<R>; N], [R; N]>(&past) };
        Some(past.into())
    }

    #[inline(always)]
    fn scatter(self, mut put: impl FnMut(usize, R)) {
        for (place, value) in self.past.into_iter().enumerate() {
            put(place, value);
        }
    }
}

/// Whether the names differ from each other and from those that every state has.
const fn are_names(names: &[&str]) -> bool {
    let reserved = ["time", "format", "shape", "burn"];
    let mut at = 0;
    while at < names.len() {
        let mut other = 0;
        while other < at {
            if is_same(names[at], names[other]) {
                return false;
            }
            other += 1;
        }
        let mut word = 0;
        while word < reserved.len() {
            if is_same(names[at], reserved[word]) {
                return false;
            }
            word += 1;
        }
        at += 1;
    }
    true
}

const fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

impl<E: ElementRule<N>, const N: usize> Decays for ElementOptimizer<E, N> {
    #[inline(always)]
    fn weight_decay(&self) -> WeightDecay {
        self.0.weight_decay()
    }
}

impl<E: ElementRule<N>, const N: usize> BurnState for ElementOptimizer<E, N> {
    const LAYOUT: Option<BurnLayout> = None;

    fn has_burns_meaning(&self) -> bool {
        false
    }
}

impl<E: ElementRule<N>, const N: usize> Elementwise for ElementOptimizer<E, N> {
    type Remembers<R: Real> = Past<E, R, N>;
    type Scalars = E::Scalars;
    // Nothing is known of the rule.
    const PROPORTIONAL: bool = false;
    const SUBTRACTS: bool = false;

    fn scalars(&self, learning_rate: f64, memory: &mut Memory) -> E::Scalars {
        self.0.scalars(learning_rate, memory.time)
    }

    #[inline(always)]
    fn start<R: Real>(&self, scalars: &E::Scalars, x: &R, g: &R) -> Past<E, R, N> {
        self.0.start(scalars, x, g).into()
    }

    #[inline(always)]
    fn update<R: Real>(
        &self,
        scalars: &E::Scalars,
        x: R,
        g: R,
        memory: Past<E, R, N>,
    ) -> (R, Past<E, R, N>) {
        let (x, past) = self.0.update(scalars, x, g, memory.past);
        (x, past.into())
    }
}

impl<E: ElementRule<N>, const N: usize> Optimizer for ElementOptimizer<E, N> {
    type State<const D: usize> = State<Self>;

    fn step<const D: usize>(
        &self,
        learning_rate: LearningRate,
        x: Tensor<D>,
        g: Tensor<D>,
        state: Option<State<Self>>,
    ) -> (Tensor<D>, Option<State<Self>>) {
        let memory = state.map(|state| state.memory);
        let (x, memory) = step_alone(self, learning_rate, x, g, memory);
        (x, Some(memory.into()))
    }

    fn to_device<const D: usize>(state: State<Self>, device: &Device) -> State<Self> {
        state.memory.moved_to(device).into()
    }
}

#[cfg(test)]
mod tests {
    use super::are_names;

    #[test]
    fn names_differ_and_are_not_reserved() {
        assert!(are_names(&[]) && are_names(&["m", "mm", "v"]));
        assert!(!are_names(&["m", "v", "m"]));
        assert!(!are_names(&["m", "shape"]) && !are_names(&["time"]));
    }
}
