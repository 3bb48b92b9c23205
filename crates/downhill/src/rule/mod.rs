//! What an optimizer does to one parameter.
//!
//! ```text
//! Elementwise   a rule for one element, written over Real; most optimizers
//!                 (by tensors in elementwise_step.rs, over a CPU's memory in fused/, as one kernel
//!                 of a GPU in cube/)
//!   -> Rule     a rule for one parameter, flattened, its shape beside it; what a Descent holds
//!     -> burn::optim::Optimizer   what Burn takes          (optimizer! in ../burn_optimizer.rs)
//! ```

mod burn_layout;
mod burn_memory;
pub(crate) mod burn_state;
#[cfg(feature = "_cubecl")]
mod cube;
#[cfg(feature = "flex")]
mod cube_root;
mod decomposition;
mod elementwise;
mod elementwise_step;
#[cfg(feature = "flex")]
mod flex_tensor;
#[cfg(feature = "flex")]
mod fused;
mod memory;
mod norm;
mod precision;
#[cfg_attr(
    not(any(feature = "flex", feature = "_cubecl")),
    allow(dead_code, reason = "what steps by a program is left out")
)]
mod program;
pub(crate) mod real;

use alloc::string::String;
use alloc::vec::Vec;

#[cfg(feature = "flex")]
use burn::backend::flex::FlexTensor;
use burn::optim::StateSource;
use burn::tensor::{DType, Device, Tensor};

use crate::weight_decay::WeightDecay;

pub(crate) use burn_layout::{BurnLayout, BurnState};
pub(crate) use burn_memory::BurnMemory;
#[cfg(feature = "_cubecl")]
pub(crate) use cube::{
    Done as CubeDone, Step as CubeStep, can_step as can_step_on_cube, launch as launch_on_cube,
    launch_one as launch_one_on_cube, prepare as prepare_for_cube,
};
pub(crate) use decomposition::{
    eigenvectors, falling_order, left_singular_vectors, orthogonal_factor, power,
};
#[cfg(test)]
pub(crate) use elementwise::tests::assert_steps;
pub(crate) use elementwise::{Elementwise, MOST_FIELDS, Remembered, memory};
#[cfg(all(test, feature = "flex"))]
pub(crate) use fused::{Instructions, step_by_program_with, tests::ByTensorsAndInPlace};
#[cfg(feature = "flex")]
pub(crate) use fused::{on_flex, step_by_program};
pub use memory::{Memory, State};
pub(crate) use memory::{push_shape, read_state, take_shape, take_tensor, write_state};
pub(crate) use norm::{
    SMALLEST_SQUARED, norm, root_mean_square, square_norm, trust_ratio, unit_of,
};
pub(crate) use precision::{in_type, is_narrow, widened};
#[cfg(feature = "flex")]
pub(crate) use program::Node;
pub(crate) use program::{Operation, Program, Recorded};
pub(crate) use real::Real;

/// A parameter at the moment of a step.
#[derive(Debug)]
pub(crate) struct Parameter<'a> {
    /// Its elements, row by row.
    pub(crate) value: Tensor<1>,
    /// The gradient of the loss, in the same order.
    pub(crate) gradient: Tensor<1>,
    /// The parameter's shape.
    pub(crate) shape: &'a [usize],
}

/// The names under which a rule's memory is saved.
pub(crate) trait Layout: Send + Sync + 'static {
    /// Every tensor that the memory may hold.
    const TENSORS: &'static [&'static str];
    /// How many of them are always there after a step; they come first.
    const ALWAYS: usize = 0;
    /// Every number that the memory may hold, except the count of steps.
    const NUMBERS: &'static [&'static str] = &[];
}

/// The same names, of a rule whose type is not known.
pub(crate) trait Names: Send + Sync + 'static {
    fn tensors(&self) -> &'static [&'static str];
    /// How many of these are always there after a step.
    fn always(&self) -> usize;
    fn numbers(&self) -> &'static [&'static str];

    /// Reads the state of Burn's own optimizer under a prefix. `None` if it is that of another
    /// rule, or not complete, or if Burn does not have the rule.
    fn read_burns(
        &self,
        _prefix: &str,
        _source: &mut StateSource,
        _device: &Device,
    ) -> Option<Memory> {
        None
    }

    /// Whether these settings give that state the meaning that it has in Burn.
    fn has_burns_meaning(&self) -> bool {
        false
    }
}

impl<L: Layout + BurnState> Names for L {
    fn read_burns(
        &self,
        prefix: &str,
        source: &mut StateSource,
        device: &Device,
    ) -> Option<Memory> {
        read_burns::<L>(prefix, source, device)
    }

    fn has_burns_meaning(&self) -> bool {
        BurnState::has_burns_meaning(self)
    }

    fn tensors(&self) -> &'static [&'static str] {
        L::TENSORS
    }

    fn always(&self) -> usize {
        L::ALWAYS
    }

    fn numbers(&self) -> &'static [&'static str] {
        L::NUMBERS
    }
}

/// Reads the state of Burn's own optimizer of this rule.
fn read_burns<L: Layout + BurnState>(
    prefix: &str,
    source: &mut StateSource,
    device: &Device,
) -> Option<Memory> {
    let layout = L::LAYOUT?;
    layout.read(&L::TENSORS[..L::ALWAYS], prefix, source, device)
}

/// The weight decay of the config; implemented by `optimizer!`.
pub(crate) trait Decays {
    fn weight_decay(&self) -> WeightDecay;
}

/// Which elements of a parameter affect the step of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Only the element itself, and its step is proportional to the learning rate.
    Proportional,
    /// Only the element itself.
    Itself,
    /// Other elements.
    Others,
}

/// How one parameter is stepped.
pub(crate) trait Rule: Names + Decays {
    /// Which elements affect the step of one of them.
    fn reach(&self) -> Reach {
        Reach::Others
    }

    /// Whether [`measure`](Self::measure) returns anything.
    fn measures(&self) -> bool {
        false
    }

    /// Whether what [`step`](Self::step) is given as sums ends with the loss.
    fn needs_loss(&self) -> bool {
        false
    }

    /// The decay rate of the mean of the Hessian's diagonal, which the memory has as
    /// `hessian_diagonal`; `None` without it.
    fn hessian_decay(&self) -> Option<f64> {
        None
    }

    /// The numbers of the memory that all parameters of a group have in common.
    fn shared_numbers(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether the parameter stays where it is in its step of this number, without a decay, too.
    fn waits(&self, _time: u64) -> bool {
        false
    }

    /// Whether the memory has this tensor with these settings.
    fn needs(&self, _tensor: &str) -> bool {
        true
    }

    /// Whether a memory that Burn's own optimizer left means here what it means there.
    fn takes_from_burn(&self, memory: &Memory) -> bool {
        self.has_burns_meaning() && memory.tensors().all(|(name, _)| self.needs(name))
    }

    /// Returns what must be summed over all parameters before any of them is stepped, `[1]` each.
    /// Before the first step `memory` is empty; its time is that of the step to come.
    fn measure(
        &self,
        _learning_rate: f64,
        _parameter: &Parameter<'_>,
        _memory: &mut Memory,
    ) -> Vec<Tensor<1>> {
        Vec::new()
    }

    /// Returns the parameter's new elements and the new memory. `memory` is as
    /// [`measure`](Self::measure) left it; `sums` is what it returned, summed over all parameters,
    /// with the loss if the rule [needs it](Self::needs_loss).
    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        memory: Memory,
        sums: &[f64],
    ) -> (Tensor<1>, Memory);

    /// Does the same step in place, for a parameter and a gradient of any shape with as many
    /// elements each. Returns `false`, with everything unchanged, if the rule or the element type
    /// does not allow it.
    #[cfg(feature = "flex")]
    fn step_in_place(
        &self,
        _learning_rate: f64,
        _value: &mut FlexTensor,
        _gradient: &FlexTensor,
        _memory: &mut Memory,
    ) -> bool {
        false
    }

    /// Records the same step as a program for a fused kernel. The time of `memory` is that of the
    /// step; the numbers that the step remembers are put into it. Returns `None`, with `memory`
    /// unchanged, if the step needs more than one kernel.
    #[cfg(feature = "_cubecl")]
    fn record(&self, _learning_rate: f64, _memory: &mut Memory) -> Option<Recorded> {
        None
    }

    /// Reads the state of an optimizer of Burn that steps a parameter of this rank.
    fn read_burn_memory(
        &self,
        _rank: usize,
        _prefix: &str,
        _source: &mut StateSource,
        _device: &Device,
    ) -> Option<BurnMemory> {
        None
    }

    /// Returns the decay of a parameter of this shape and the learning rate that it is scaled by.
    fn weight_decay_of(&self, _shape: &[usize], learning_rate: f64) -> (WeightDecay, f64) {
        (self.weight_decay(), learning_rate)
    }

    /// Whether [`not_finite`](Self::not_finite) returns anything.
    fn may_not_be_finite(&self) -> bool {
        false
    }

    /// Returns what is infinite or not a number in the first step of a parameter although the
    /// parameter and its gradient are finite.
    fn not_finite(&self, _learning_rate: f64, _parameter: Parameter<'_>) -> Option<String> {
        None
    }

    /// Returns the rule if it is elementwise.
    #[cfg(all(test, feature = "flex"))]
    fn as_elementwise(&self) -> Option<&dyn fused::tests::ByTensorsAndInPlace> {
        None
    }
}

/// Steps a parameter whose sums are its own.
pub(crate) fn step_alone<R: Rule, const D: usize>(
    rule: &R,
    learning_rate: f64,
    x: Tensor<D>,
    g: Tensor<D>,
    memory: Option<Memory>,
) -> (Tensor<D>, Memory) {
    let dtype = x.dtype();
    if is_narrow(dtype) {
        let memory = memory.map(Memory::widened);
        let g = in_type(g, DType::F32);
        let (x, memory) = step_alone(rule, learning_rate, widened(x), g, memory);
        return (x.cast(dtype), memory);
    }
    let mut memory = memory.unwrap_or_default();
    memory = memory.if_it_fits(&x.shape(), dtype);
    if memory.is_from_burn() && !rule.takes_from_burn(&memory) {
        memory = Memory::default();
    }
    if memory.shape.is_none() {
        memory.shape = Some(x.shape().to_vec());
    }
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
    assert!(
        !rule.needs_loss(),
        "this optimizer needs the loss of each step: step it by a `Descent`, which is told it"
    );
    let sums = rule.measure(learning_rate, &parameter, &mut memory);
    let sums: Vec<f64> = sums.into_iter().map(Tensor::into_scalar).collect();
    let (x, memory) = rule.step(learning_rate, parameter, memory, &sums);
    (x.reshape(shape), memory)
}

/// Returns `1 - beta^t`, the total weight of `t` values in a running mean that started at 0.
pub(crate) fn bias_correction(beta: f64, time: u64) -> f64 {
    1.0 - libm::pow(beta, time as f64)
}
