//! The scratch memory of a thread.

use std::cell::RefCell;

use burn::backend::flex::FlexTensor;
use burn::tensor::{DType, Shape};

use super::buffer::Buffer;

/// Everything that a step writes but gives to nobody.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    /// The sums of the first layer, image by image.
    pub(super) by_image: Buffer,
    pub(super) layers: Vec<LayerMemory>,
    /// The gradient of a layer's sums.
    pub(super) gradient: Buffer,
    /// That of the layer below.
    pub(super) gradient_below: Buffer,
    /// The gradient of a layer's sums, image by image.
    pub(super) gradient_by_image: Buffer,
    pub(super) weight_gradients: Vec<Lent>,
}

/// A tensor that is given away at each step, and its memory taken again when nobody else has it any
/// more: in new memory all would first have to be brought into the caches.
#[derive(Debug, Default)]
pub(super) struct Lent(Option<FlexTensor>);

impl Lent {
    /// A tensor of any numbers that is nobody else's.
    pub(super) fn take(&mut self, shape: [usize; 2]) -> FlexTensor {
        let shape = Shape::new(shape);
        let back = self.0.take();
        let back = back.filter(|tensor| tensor.is_unique() && *tensor.layout().shape() == shape);
        back.unwrap_or_else(|| FlexTensor::zeros(shape, DType::F32))
    }

    /// Remembers what is given away.
    pub(super) fn lend(&mut self, tensor: &FlexTensor) {
        self.0 = Some(tensor.clone());
    }
}

/// Numbers of one layer, `[units, images]`.
#[derive(Debug, Default)]
pub(super) struct LayerMemory {
    /// Weights times input plus biases; then, in place, what the activation makes of it.
    pub(super) sums: Buffer,
    /// The same, normalized.
    pub(super) normalized: Buffer,
    /// `1 / sqrt(variance + epsilon)` of each unit.
    pub(super) inverse_deviation: Vec<f32>,
    /// What dropout multiplies by.
    pub(super) mask: Buffer,
    /// What dropout leaves.
    pub(super) dropped: Buffer,
}

impl LayerMemory {
    /// What the layer above takes.
    pub(super) fn output(&self, drops: bool) -> &Buffer {
        if drops { &self.dropped } else { &self.sums }
    }
}

thread_local! {
    static MEMORY: RefCell<Workspace> = RefCell::default();
}

/// Lends the thread's memory for a while. Who asks again meanwhile gets other memory.
pub(super) fn with_workspace<T>(layers: usize, work: impl FnOnce(&mut Workspace) -> T) -> T {
    let mut workspace = MEMORY.take();
    if workspace.layers.len() < layers {
        workspace.layers.resize_with(layers, LayerMemory::default);
        workspace
            .weight_gradients
            .resize_with(layers, Lent::default);
    }
    let result = work(&mut workspace);
    MEMORY.set(workspace);
    result
}
