//! Convolutions, activations and pooling as one fused operation, on the flex backend in `f32`.
//!
//! ```text
//! geometry.rs     memory layout: blocks of 16 images, one image per lane of a vector
//! stack.rs        forward pass
//!   product.rs    each row of a convolution, as a matrix product with scattered rows
//! backward.rs     all gradients
//!   correlation.rs    gradients of the kernels
//! node.rs         the operation as a node of autodiff
//! ```
//!
//! Burn's convolution copies the windows of each image before it multiplies, and its backward pass
//! uses convolutions of other shapes. Here nothing is copied, and pooling and activation process a
//! row while it is in the caches. The activation is applied after pooling, to a quarter of the
//! values: it is monotonic, so the largest value stays the largest.

mod backward;
mod correlation;
mod geometry;
mod node;
mod product;
mod stack;

#[cfg(test)]
mod tests;

use burn::backend::autodiff::ops::NodeGuard;
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{DType, Tensor, TensorData};
use pulp::Arch;

use super::parameters::{Parameter, Tape};
use crate::{Activation, ConvolutionLayer, ConvolutionalNetwork};
use backward::{Backward, Gradients, Wanted};
use geometry::{Frame, Geometry, IMAGES};
use node::State;
use stack::{Block, Forward, Layer, Stack};

/// The convolutions of a network, with the values of their parameters.
#[derive(Debug)]
struct Convolutions {
    layers: Vec<ConvolutionValues>,
    activation: Activation,
    batch: usize,
}

#[derive(Debug)]
struct ConvolutionValues {
    geometry: Geometry,
    weight: FlexTensor,
    bias: FlexTensor,
}

impl ConvolutionalNetwork {
    /// Returns the flattened output of the convolutions for `images`, `[batch, channels * height *
    /// width]`.
    ///
    /// Returns `None` unless network and images are on the flex backend, in `f32`, and both with or
    /// both without autodiff.
    pub(crate) fn fused_features(&self, images: &Tensor<2>) -> Option<Tensor<2>> {
        let [batch, _] = images.dims();
        let layers = self.convolutions.len();
        if batch == 0 || layers == 0 || layers > node::MAX_CONVOLUTIONS {
            return None;
        }
        if images.is_autodiff() {
            let images = images.clone().try_into_primitive::<Autodiff<Flex>>().ok()?;
            let (images, guard) = images.into_parts();
            let (convolutions, mut guards) = self.numbers(batch, true)?;
            guards.insert(0, guard);
            let mut blocks = Vec::new();
            blocks.resize_with(batch.div_ceil(IMAGES), Block::default);
            let features = convolutions.forward(&images, &mut blocks)?;
            let state = State {
                convolutions,
                blocks,
            };
            return Some(node::features(features, guards, state));
        }
        let images = images.clone().try_into_primitive::<Flex>().ok()?;
        let (convolutions, _) = self.numbers(batch, false)?;
        let features = convolutions.forward(&images, &mut [Block::default()])?;
        Some(Tensor::from_primitive::<Flex>(features))
    }

    /// Returns the parameters and their nodes in autodiff.
    fn numbers(&self, batch: usize, tracked: bool) -> Option<(Convolutions, Vec<NodeGuard>)> {
        let frame = |channels, [height, width]: [usize; 2], padding| Frame {
            channels,
            height,
            width,
            padding,
        };
        let [channels, height, width] = self.image;
        let mut input = frame(channels, [height, width], self.convolutions[0].padding);
        let mut layers = Vec::with_capacity(self.convolutions.len());
        let mut guards = Vec::with_capacity(1 + 2 * self.convolutions.len());
        for (number, layer) in self.convolutions.iter().enumerate() {
            if tracked != layer.weight.val().is_autodiff() {
                return None;
            }
            let [channels, _, kernel, _] = layer.weight.val().dims();
            let next = self.convolutions.get(number + 1);
            let side = |side: usize| (side + 2 * layer.padding + 1 - kernel) / layer.pool;
            let size = [side(input.height), side(input.width)];
            let output = frame(channels, size, next.map_or(0, |next| next.padding));
            layers.push(ConvolutionValues::of(
                layer,
                input,
                output,
                kernel,
                tracked,
                &mut guards,
            )?);
            input = output;
        }
        let convolutions = Convolutions {
            layers,
            activation: self.head.activation,
            batch,
        };
        Some((convolutions, guards))
    }
}

impl ConvolutionValues {
    fn of(
        layer: &ConvolutionLayer,
        input: Frame,
        output: Frame,
        kernel: usize,
        tracked: bool,
        guards: &mut Vec<NodeGuard>,
    ) -> Option<Self> {
        let tape = if tracked {
            Tape::Required
        } else {
            Tape::Ignored
        };
        let weight = Parameter::of(&layer.weight, tape)?;
        let bias = Parameter::of(&layer.bias, tape)?;
        guards.extend(weight.guard);
        guards.extend(bias.guard);
        Some(Self {
            geometry: Geometry {
                input,
                output,
                kernel,
                pool: layer.pool,
            },
            weight: weight.numbers,
            bias: bias.numbers,
        })
    }
}

fn values(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("contiguous f32 values")
}

impl Convolutions {
    fn stack(&self) -> Stack<'_> {
        let layers = self.layers.iter().map(|layer| Layer {
            geometry: layer.geometry,
            weight: values(&layer.weight),
            bias: values(&layer.bias),
        });
        Stack {
            layers: layers.collect(),
            activation: self.activation,
        }
    }

    /// Returns the features, `[batch, features]`, of images, `[batch, pixels]`.
    fn forward(&self, images: &FlexTensor, blocks: &mut [Block]) -> Option<FlexTensor> {
        if images.dtype() != DType::F32 {
            return None;
        }
        let stack = self.stack();
        let size = stack.features().len() / IMAGES;
        let images = images.to_contiguous();
        let mut features = vec![0.0; self.batch * size];
        Arch::new().dispatch(Forward {
            stack: &stack,
            images: values(&images),
            blocks,
            features: &mut features,
        });
        let features = TensorData::new(features, [self.batch, size]);
        Some(FlexTensor::from_data(features))
    }

    fn backward(
        &self,
        features: &[f32],
        wanted: &[Wanted],
        images_wanted: bool,
        blocks: &[Block],
    ) -> Gradients {
        Arch::new().dispatch(Backward {
            stack: &self.stack(),
            wanted,
            images_wanted,
            blocks,
            features,
        })
    }

    /// Returns the shapes of the images, and of each layer's weight and bias.
    fn shapes(&self) -> Vec<Vec<usize>> {
        let image = self.layers[0].geometry.input;
        let mut shapes = vec![vec![self.batch, image.pixels()]];
        for layer in &self.layers {
            let Geometry {
                input,
                output,
                kernel,
                ..
            } = layer.geometry;
            shapes.push(vec![output.channels, input.channels, kernel, kernel]);
            shapes.push(vec![output.channels]);
        }
        shapes
    }
}
