//! Scratch memory of a thread.

use std::cell::RefCell;

use burn::backend::flex::FlexTensor;
use burn::tensor::{DType, Shape};

use super::buffer::Buffer;

/// Everything that a step computes but does not return.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    /// Sums of the first layer, image by image.
    pub(super) by_image: Buffer,
    pub(super) layers: Vec<LayerMemory>,
    /// Gradient of a layer's sums.
    pub(super) gradient: Buffer,
    /// Gradient of the sums of the layer below.
    pub(super) gradient_below: Buffer,
    /// Gradient of a layer's sums, image by image.
    pub(super) gradient_by_image: Buffer,
    pub(super) weight_gradients: Vec<ReusedTensor>,
}

/// A tensor that each step returns, and whose memory the next step reuses if the tensor is no
/// longer in use elsewhere. New memory would have to be loaded into the caches first.
#[derive(Debug, Default)]
pub(super) struct ReusedTensor(Option<FlexTensor>);

impl ReusedTensor {
    /// Returns a tensor with arbitrary values and no other owner.
    pub(super) fn take(&mut self, shape: [usize; 2]) -> FlexTensor {
        let shape = Shape::new(shape);
        let old = self.0.take();
        let old = old.filter(|tensor| tensor.is_unique() && *tensor.layout().shape() == shape);
        old.unwrap_or_else(|| FlexTensor::zeros(shape, DType::F32))
    }

    /// Remembers a tensor that is returned.
    pub(super) fn remember(&mut self, tensor: &FlexTensor) {
        self.0 = Some(tensor.clone());
    }
}

/// Values of one layer, `[units, images]`.
#[derive(Debug, Default)]
pub(super) struct LayerMemory {
    /// Weights times input plus biases, to which the activation is applied in place.
    pub(super) sums: Buffer,
    /// Normalized sums.
    pub(super) normalized: Buffer,
    /// `1 / sqrt(variance + epsilon)` of each unit.
    pub(super) inverse_deviation: Vec<f32>,
    /// Factors of dropout.
    pub(super) mask: Buffer,
    /// Activations after dropout.
    pub(super) dropped: Buffer,
}

impl LayerMemory {
    /// Input of the layer above.
    pub(super) fn output(&self, drops: bool) -> &Buffer {
        if drops { &self.dropped } else { &self.sums }
    }
}

thread_local! {
    static MEMORY: RefCell<Workspace> = RefCell::default();
}

/// Calls `work` with the thread's workspace. A nested call gets a new workspace.
pub(super) fn with_workspace<T>(layers: usize, work: impl FnOnce(&mut Workspace) -> T) -> T {
    let mut workspace = MEMORY.take();
    if workspace.layers.len() < layers {
        workspace.layers.resize_with(layers, LayerMemory::default);
        workspace
            .weight_gradients
            .resize_with(layers, ReusedTensor::default);
    }
    let result = work(&mut workspace);
    MEMORY.set(workspace);
    result
}
