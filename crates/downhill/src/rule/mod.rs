//! What an optimizer does to one parameter.
//!
//! ```text
//! Elementwise   a rule for one number, written over Real; most optimizers
//!                 (over tensors in elementwise.rs, over a CPU's memory in fused/)
//!   -> Rule     a rule for one parameter, flattened, its shape beside it
//!     -> burn::optim::Optimizer   what Burn takes          (optimizer! in burn_optimizer.rs)
//!     -> DynRule                  what a whole module takes
//! ```

mod burn_optimizer;
mod elementwise;
#[cfg(feature = "flex")]
mod fused;
mod memory;
mod norm;
mod real;

use alloc::vec::Vec;

use burn::tensor::Tensor;

use crate::WeightDecay;

pub(crate) use burn_optimizer::optimizer;
#[cfg(test)]
pub(crate) use elementwise::tests::assert_steps;
pub(crate) use elementwise::{Elementwise, Remembered, memory, step as step_elementwise};
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
pub(crate) fn step_alone<R: Rule>(
    rule: &R,
    learning_rate: f64,
    parameter: Parameter<'_>,
    memory: Option<Memory>,
) -> (Tensor<1>, Memory) {
    let mut memory = memory.unwrap_or_default();
    memory.time += 1;
    if parameter.value.dims() == [0] {
        return (parameter.value, memory);
    }
    let sums = rule.measure(learning_rate, &parameter, &mut memory);
    let sums: Vec<f64> = sums.into_iter().map(Tensor::into_scalar).collect();
    rule.step(learning_rate, parameter, memory, &sums)
}

/// `1 - beta^t`: what a running mean that began at 0 has taken in of `t` values, in all.
pub(crate) fn bias_correction(beta: f64, time: u64) -> f64 {
    1.0 - libm::pow(beta, time as f64)
}

/// A [`Rule`] of any kind.
pub(crate) trait DynRule: Send + Sync {
    fn tensors(&self) -> &'static [&'static str];
    fn numbers(&self) -> &'static [&'static str];
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
    fn weight_decay_of(&self, shape: &[usize], learning_rate: f64) -> (WeightDecay, f64);
}

impl<R: Rule> DynRule for R {
    fn tensors(&self) -> &'static [&'static str] {
        R::TENSORS
    }

    fn numbers(&self) -> &'static [&'static str] {
        R::NUMBERS
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

    fn weight_decay_of(&self, shape: &[usize], learning_rate: f64) -> (WeightDecay, f64) {
        Rule::weight_decay_of(self, shape, learning_rate)
    }
}
