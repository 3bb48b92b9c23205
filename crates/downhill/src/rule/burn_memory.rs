//! The state of any optimizer of Burn.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use burn::optim::{DynOptimizer, DynState, StateSink};
use burn::tensor::{DType, Device};

/// The state of an optimizer of Burn for one parameter, with the optimizer, which moves and saves
/// it.
#[derive(Clone)]
pub(crate) struct BurnMemory {
    optimizer: Arc<dyn DynOptimizer>,
    state: DynState,
    device: Device,
    /// The type of the parameter, if the state has a tensor.
    dtype: Option<DType>,
}

impl BurnMemory {
    pub(crate) fn new(
        optimizer: Arc<dyn DynOptimizer>,
        state: DynState,
        device: Device,
        dtype: Option<DType>,
    ) -> Self {
        Self {
            optimizer,
            state,
            device,
            dtype,
        }
    }

    /// Takes a state that was read.
    pub(crate) fn read(optimizer: Arc<dyn DynOptimizer>, state: DynState, device: Device) -> Self {
        let mut read = Self::new(optimizer, state, device, None);
        read.dtype = read.types().first().copied();
        read
    }

    pub(crate) fn dtype(&self) -> Option<DType> {
        self.dtype
    }

    fn types(&self) -> Vec<DType> {
        let mut out = StateSink::default();
        self.flatten("", &mut out);
        let types = out.tensors.iter().map(|(_, data)| data.dtype());
        types.collect()
    }

    /// Returns the size of an element, summed over the tensors. Burn 0.22.1 reads a tensor in the
    /// default type of the device, whatever the type in which it was saved.
    pub(super) fn width(&self) -> u64 {
        self.types().iter().map(|dtype| dtype.size() as u64).sum()
    }

    pub(crate) fn into_state(self) -> DynState {
        self.state
    }

    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    pub(super) fn moved_to(self, device: &Device) -> Self {
        let state = self.optimizer.to_device_dyn(self.state, device);
        Self::new(self.optimizer, state, device.clone(), self.dtype)
    }

    /// Writes the state under `prefix`.
    pub(super) fn flatten(&self, prefix: &str, out: &mut StateSink) {
        self.optimizer.state_flatten(prefix, &self.state, out);
    }

    /// Returns the size of its tensors.
    pub(crate) fn bytes(&self) -> usize {
        let mut out = StateSink::default();
        self.flatten("", &mut out);
        let sizes = out.tensors.iter().map(|(_, data)| data.bytes().len());
        sizes.sum()
    }
}

impl fmt::Debug for BurnMemory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = formatter.debug_struct("BurnMemory");
        text.field("device", &self.device).finish_non_exhaustive()
    }
}
