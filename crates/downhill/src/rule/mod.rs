//! What an optimizer does to one parameter.
//!
//! ```text
//! Elementwise   a rule for one number, written over Real; most optimizers
//!                 (over tensors in elementwise.rs, over a CPU's memory in fused/, as one kernel of a
//!                 GPU in cube/)
//!   -> Rule     a rule for one parameter, flattened, its shape beside it
//!     -> burn::optim::Optimizer   what Burn takes          (optimizer! in burn_optimizer.rs)
//!     -> DynRule                  what a whole module takes
//! ```

mod burn_optimizer;
#[cfg(feature = "_cubecl")]
mod cube;
mod elementwise;
#[cfg(feature = "flex")]
mod fused;
mod memory;
mod norm;
mod real;

use alloc::vec::Vec;

#[cfg(feature = "flex")]
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;

use crate::WeightDecay;

pub(crate) use burn_optimizer::optimizer;
#[cfg(feature = "_cubecl")]
#[doc(hidden)]
pub use cube::Recorded;
#[cfg(feature = "_cubecl")]
pub(crate) use cube::{
    Done as CubeDone, Step as CubeStep, can_step as can_step_on_cube, launch as launch_on_cube,
    prepare as prepare_for_cube, record,
};
#[cfg(test)]
pub(crate) use elementwise::tests::assert_steps;
pub(crate) use elementwise::{Elementwise, Remembered, memory, step as step_elementwise};
#[cfg(feature = "flex")]
pub(crate) use fused::{on_flex, step as step_fused};
pub(crate) use memory::take_tensor;
pub use memory::{Memory, State};
pub(crate) use norm::{norm, root_mean_square, trust_ratio};
pub use real::Real;

/// A parameter at the moment of a step.
#[derive(Debug)]
pub struct Parameter<'a> {
    /// Its elements, row by row.
    pub value: Tensor<1>,
    /// The loss's gradient, in the same order.
    pub gradient: Tensor<1>,
    /// The parameter's true shape.
    pub shape: &'a [usize],
}

/// How one parameter is stepped. What it remembers is named, so that it can be saved.
pub trait Rule: Clone + Send + Sync + 'static {
    /// Every tensor that the memory may hold.
    const TENSORS: &'static [&'static str];
    /// Every number that the memory may hold, beside the count of steps.
    const NUMBERS: &'static [&'static str];
    /// Whether it has something to [`measure`](Self::measure).
    const MEASURES: bool = false;

    /// What must be summed over all parameters before any of them is stepped, `[1]` each; most rules
    /// need nothing of the kind. `memory` is empty before the first step, and its time is that of
    /// the step to come.
    fn measure(
        &self,
        _learning_rate: f64,
        _parameter: &Parameter<'_>,
        _memory: &mut Memory,
    ) -> Vec<Tensor<1>> {
        Vec::new()
    }

    /// The parameter's new elements, and what is remembered. `memory` is as
    /// [`measure`](Self::measure) left it, `sums` is what it measured, over all parameters.
    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        memory: Memory,
        sums: &[f64],
    ) -> (Tensor<1>, Memory);

    /// The same step of a parameter and a gradient of any shape, as many numbers each, done where
    /// they lie. Whether it was done: where the rule or the kind of numbers does not allow it,
    /// nothing is changed.
    #[cfg(feature = "flex")]
    #[doc(hidden)]
    fn step_in_place(
        &self,
        _learning_rate: f64,
        _value: &mut FlexTensor,
        _gradient: &FlexTensor,
        _memory: &mut Memory,
    ) -> bool {
        false
    }

    /// The same step written down, for a kernel of its own. `memory` is at the time of the step, and
    /// afterwards holds the numbers remembered of it. None, and nothing changed, where the rule does
    /// more than one kernel can.
    #[cfg(feature = "_cubecl")]
    #[doc(hidden)]
    fn record(&self, _learning_rate: f64, _memory: &mut Memory) -> Option<Recorded> {
        None
    }

    /// The decay that acts beside the step.
    fn weight_decay(&self) -> WeightDecay {
        WeightDecay::None
    }

    /// The decay that acts on a parameter of this shape, and at which learning rate, where that is
    /// not the same for all.
    fn weight_decay_of(&self, _shape: &[usize], learning_rate: f64) -> (WeightDecay, f64) {
        (self.weight_decay(), learning_rate)
    }
}

/// A step of a parameter that shares its sums with no other.
pub(crate) fn step_alone<R: Rule, const D: usize>(
    rule: &R,
    learning_rate: f64,
    x: Tensor<D>,
    g: Tensor<D>,
    memory: Option<Memory>,
) -> (Tensor<D>, Memory) {
    let mut memory = memory.unwrap_or_default();
    memory.time += 1;
    #[cfg(feature = "flex")]
    let (x, g) = match on_flex(x, g, |x, g| {
        rule.step_in_place(learning_rate, x, g, &mut memory)
    }) {
        Ok(x) => return (x, memory),
        Err(both) => both,
    };
    let shape = x.shape();
    let elements = shape.num_elements();
    if elements == 0 {
        return (x, memory);
    }
    let parameter = Parameter {
        value: x.reshape([elements]),
        gradient: g.reshape([elements]),
        shape: &shape,
    };
    let sums = rule.measure(learning_rate, &parameter, &mut memory);
    let sums: Vec<f64> = sums.into_iter().map(Tensor::into_scalar).collect();
    let (x, memory) = rule.step(learning_rate, parameter, memory, &sums);
    (x.reshape(shape), memory)
}

/// `1 - beta^t`: what a running mean that began at 0 has taken in of `t` values, in all.
pub(crate) fn bias_correction(beta: f64, time: u64) -> f64 {
    1.0 - libm::pow(beta, time as f64)
}

/// A [`Rule`] of any kind.
pub(crate) trait DynRule: Send + Sync {
    fn tensors(&self) -> &'static [&'static str];
    fn numbers(&self) -> &'static [&'static str];
    fn measures(&self) -> bool;
    fn measure(
        &self,
        learning_rate: f64,
        parameter: &Parameter<'_>,
        memory: &mut Memory,
    ) -> Vec<Tensor<1>>;
    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        memory: Memory,
        sums: &[f64],
    ) -> (Tensor<1>, Memory);
    #[cfg(feature = "flex")]
    fn step_in_place(
        &self,
        learning_rate: f64,
        value: &mut FlexTensor,
        gradient: &FlexTensor,
        memory: &mut Memory,
    ) -> bool;
    #[cfg(feature = "_cubecl")]
    fn record(&self, learning_rate: f64, memory: &mut Memory) -> Option<Recorded>;
    fn weight_decay_of(&self, shape: &[usize], learning_rate: f64) -> (WeightDecay, f64);
}

impl<R: Rule> DynRule for R {
    fn tensors(&self) -> &'static [&'static str] {
        R::TENSORS
    }

    fn numbers(&self) -> &'static [&'static str] {
        R::NUMBERS
    }

    fn measures(&self) -> bool {
        R::MEASURES
    }

    fn measure(
        &self,
        learning_rate: f64,
        parameter: &Parameter<'_>,
        memory: &mut Memory,
    ) -> Vec<Tensor<1>> {
        Rule::measure(self, learning_rate, parameter, memory)
    }

    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        memory: Memory,
        sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        Rule::step(self, learning_rate, parameter, memory, sums)
    }

    #[cfg(feature = "flex")]
    fn step_in_place(
        &self,
        learning_rate: f64,
        value: &mut FlexTensor,
        gradient: &FlexTensor,
        memory: &mut Memory,
    ) -> bool {
        Rule::step_in_place(self, learning_rate, value, gradient, memory)
    }

    #[cfg(feature = "_cubecl")]
    fn record(&self, learning_rate: f64, memory: &mut Memory) -> Option<Recorded> {
        Rule::record(self, learning_rate, memory)
    }

    fn weight_decay_of(&self, shape: &[usize], learning_rate: f64) -> (WeightDecay, f64) {
        Rule::weight_decay_of(self, shape, learning_rate)
    }
}
