//! The state of any optimizer of Burn.

use alloc::sync::Arc;
use core::fmt;

use burn::optim::{DynOptimizer, DynState, StateSink};
use burn::tensor::Device;

/// The state of an optimizer of Burn for one parameter, with the optimizer, which moves and saves
/// it.
#[derive(Clone)]
pub(crate) struct BurnMemory {
    optimizer: Arc<dyn DynOptimizer>,
    state: DynState,
    device: Device,
}

impl BurnMemory {
    pub(crate) fn new(optimizer: Arc<dyn DynOptimizer>, state: DynState, device: Device) -> Self {
        Self {
            optimizer,
            state,
            device,
        }
    }

    pub(crate) fn into_state(self) -> DynState {
        self.state
    }

    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    pub(super) fn moved_to(self, device: &Device) -> Self {
        let state = self.optimizer.to_device_dyn(self.state, device);
        Self::new(self.optimizer, state, device.clone())
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
