//! The scratch memory of a thread.

use std::cell::RefCell;

use super::buffer::Buffer;
use super::first_layer::ByPlace;

/// Everything that a step writes but gives to nobody.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    /// The weights of the first layer, packed.
    pub(super) first_weights: Buffer,
    /// The sums of the first layer, image by image.
    pub(super) by_image: Buffer,
    pub(super) layers: Vec<LayerMemory>,
    pub(super) by_place: ByPlace,
    /// The gradient of a layer's sums.
    pub(super) gradient: Buffer,
    /// That of the layer below.
    pub(super) gradient_below: Buffer,
    /// The gradient of a layer's sums, image by image.
    pub(super) gradient_by_image: Buffer,
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
    }
    let result = work(&mut workspace);
    MEMORY.set(workspace);
    result
}
