//! Any optimizer of Burn as a rule.

use alloc::sync::Arc;

use burn::optim::{DynOptimizer, DynState, Optimizer, StateSource};
use burn::tensor::{Device, Shape, Tensor};

use crate::rule::{BurnMemory, Decays, Memory, Names, Parameter, Rule};
use crate::weight_decay::WeightDecay;

/// A rule that steps as an optimizer of Burn does.
pub(super) struct BurnRule<O> {
    optimizer: O,
    /// The same, for what saves and moves its states.
    keeper: Arc<dyn DynOptimizer>,
}

impl<O: Optimizer> BurnRule<O> {
    pub(super) fn new(optimizer: O) -> Self {
        let keeper = Arc::new(optimizer.clone());
        Self { optimizer, keeper }
    }

    fn step_of_rank<const D: usize>(
        &self,
        learning_rate: f64,
        shape: &[usize],
        (value, gradient): (Tensor<1>, Tensor<1>),
        state: Option<DynState>,
    ) -> (Tensor<1>, Option<DynState>) {
        let elements = value.dims();
        let shape = Shape::from(shape.to_vec());
        let value: Tensor<D> = value.reshape(shape.clone());
        let state = state.map(DynState::downcast::<O::State<D>>);
        let stepped = (self.optimizer).step(learning_rate, value, gradient.reshape(shape), state);
        let state = stepped.1.map(|state| DynState::create(state, D));
        (stepped.0.reshape(elements), state)
    }
}

impl<O: Optimizer> Names for BurnRule<O> {
    fn tensors(&self) -> &'static [&'static str] {
        &[]
    }

    fn always(&self) -> usize {
        0
    }

    fn numbers(&self) -> &'static [&'static str] {
        &[]
    }
}

impl<O: Optimizer> Decays for BurnRule<O> {
    fn weight_decay(&self) -> WeightDecay {
        WeightDecay::None
    }
}

impl<O: Optimizer> Rule for BurnRule<O> {
    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        mut memory: Memory,
        _sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        let Parameter {
            value,
            gradient,
            shape,
        } = parameter;
        let (device, dtype) = (value.device(), value.dtype());
        let state = memory.burn.take().map(BurnMemory::into_state);
        let both = (value, gradient);
        let (value, state) = match shape.len() {
            1 => self.step_of_rank::<1>(learning_rate, shape, both, state),
            2 => self.step_of_rank::<2>(learning_rate, shape, both, state),
            3 => self.step_of_rank::<3>(learning_rate, shape, both, state),
            4 => self.step_of_rank::<4>(learning_rate, shape, both, state),
            5 => self.step_of_rank::<5>(learning_rate, shape, both, state),
            6 => self.step_of_rank::<6>(learning_rate, shape, both, state),
            7 => self.step_of_rank::<7>(learning_rate, shape, both, state),
            8 => self.step_of_rank::<8>(learning_rate, shape, both, state),
            rank => panic!("Burn 0.22 has no parameters of rank {rank}"),
        };
        let keeper = || Arc::clone(&self.keeper);
        memory.burn = state.map(|state| BurnMemory::new(keeper(), state, device, Some(dtype)));
        (value, memory)
    }

    fn read_burn_memory(
        &self,
        rank: usize,
        prefix: &str,
        source: &mut StateSource,
        device: &Device,
    ) -> Option<BurnMemory> {
        let state = (self.keeper).state_unflatten(rank, prefix, source, device)?;
        let keeper = Arc::clone(&self.keeper);
        Some(BurnMemory::read(keeper, state, device.clone()))
    }
}
