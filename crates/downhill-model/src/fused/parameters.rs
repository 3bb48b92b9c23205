//! The parameters of a network as flex tensors.

use burn::backend::autodiff::ops::NodeGuard;
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::module::Param;
use burn::nn::Linear;
use burn::optim::GradientsParams;
use burn::tensor::{DType, Tensor, TensorData};

use super::network::{Batch, Layer, Network, Norm};
use super::node::{Gradient, Input, wants_gradient};
use super::training::{Gradients, Wanted};
use crate::{BatchNorm, KnownGradients, Mlp};

/// All parameters, layer by layer from input to output.
pub(super) struct Parameters(Vec<LayerParameters>);

/// How parameters are read from autodiff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tape {
    /// Parameters must be on the tape, and keep their nodes.
    Required,
    /// Parameters may be on the tape, which is ignored.
    Ignored,
    /// Parameters must not be on the tape, and all count as trained.
    Absent,
}

struct LayerParameters {
    weight: Parameter,
    bias: Parameter,
    norm: Option<NormParameters>,
}

struct NormParameters {
    scale: Parameter,
    shift: Parameter,
    running_mean: Parameter,
    running_variance: Parameter,
    epsilon: f32,
}

/// The contiguous `f32` values of a parameter.
pub(super) struct Parameter {
    pub(super) numbers: FlexTensor,
    /// The node in autodiff, if the tape is required.
    pub(super) guard: Option<NodeGuard>,
    is_trained: bool,
}

impl Parameters {
    /// Reads the parameters of a network with autodiff.
    pub(super) fn tracked(mlp: &Mlp) -> Option<Self> {
        Self::of(mlp, Tape::Required)
    }

    /// Reads the parameters of a network with or without autodiff.
    pub(super) fn untracked(mlp: &Mlp) -> Option<Self> {
        Self::of(mlp, Tape::Ignored)
    }

    /// Reads the parameters of a network without autodiff; all count as trained.
    pub(super) fn all_trained(mlp: &Mlp) -> Option<Self> {
        Self::of(mlp, Tape::Absent)
    }

    fn of(mlp: &Mlp, tape: Tape) -> Option<Self> {
        let hidden = mlp.hidden.iter();
        let hidden =
            hidden.map(|layer| LayerParameters::of(&layer.linear, layer.norm.as_ref(), tape));
        let output = LayerParameters::of(&mlp.output, None, tape);
        hidden.chain([output]).collect::<Option<_>>().map(Self)
    }

    /// Returns the network with these parameters.
    pub(super) fn network(&self, mlp: &Mlp) -> Network<'_> {
        Network {
            layers: self.0.iter().map(LayerParameters::layer).collect(),
            activation: mlp.activation,
            dropout: mlp.dropout,
            weight_decay: mlp.weight_decay,
            l1_decay: mlp.l1_decay,
        }
    }

    /// Returns which gradients of each layer are needed.
    pub(super) fn wanted(&self) -> Vec<Wanted> {
        let wanted = |layer: &LayerParameters| Wanted {
            weight: layer.weight.is_trained,
            bias: layer.bias.is_trained,
            scale: layer
                .norm
                .as_ref()
                .is_some_and(|norm| norm.scale.is_trained),
            shift: layer
                .norm
                .as_ref()
                .is_some_and(|norm| norm.shift.is_trained),
        };
        self.0.iter().map(wanted).collect()
    }

    /// Pairs the trained parameters with their gradients.
    pub(super) fn inputs(self, gradients: Vec<Gradients>) -> Vec<Input> {
        let mut inputs = Vec::with_capacity(4 * self.0.len());
        for (layer, gradients) in self.0.into_iter().zip(gradients) {
            inputs.extend(layer.weight.tensor_input(gradients.weight));
            inputs.extend(layer.bias.input(gradients.bias));
            if let Some(norm) = layer.norm {
                inputs.extend(norm.scale.input(gradients.scale));
                inputs.extend(norm.shift.input(gradients.shift));
            }
        }
        inputs
    }
}

impl LayerParameters {
    fn of(linear: &Linear, norm: Option<&BatchNorm>, tape: Tape) -> Option<Self> {
        let norm = match norm {
            None => None,
            Some(norm) => Some(NormParameters {
                scale: Parameter::of(&norm.scale, tape)?,
                shift: Parameter::of(&norm.shift, tape)?,
                running_mean: Parameter::of(&norm.running_mean, tape)?,
                running_variance: Parameter::of(&norm.running_variance, tape)?,
                epsilon: norm.convention.epsilon() as f32,
            }),
        };
        Some(Self {
            weight: Parameter::of(&linear.weight, tape)?,
            bias: Parameter::of(linear.bias.as_ref()?, tape)?,
            norm,
        })
    }

    fn layer(&self) -> Layer<'_> {
        let shape = self.weight.numbers.layout().shape();
        Layer {
            weight: self.weight.numbers(),
            bias: self.bias.numbers(),
            inputs: shape[0],
            units: shape[1],
            norm: self.norm.as_ref().map(|norm| Norm {
                scale: norm.scale.numbers(),
                shift: norm.shift.numbers(),
                epsilon: norm.epsilon,
                running_mean: norm.running_mean.numbers(),
                running_variance: norm.running_variance.numbers(),
            }),
        }
    }
}

impl Parameter {
    pub(super) fn of<const D: usize>(param: &Param<Tensor<D>>, tape: Tape) -> Option<Self> {
        let tensor = param.val();
        let mut is_trained = tensor.is_require_grad();
        let (numbers, guard) = match tape {
            Tape::Required => {
                let tensor = tensor.try_into_primitive::<Autodiff<Flex>>().ok()?;
                // It may be computed from trained parameters.
                is_trained = is_trained || wants_gradient(tensor.node());
                let (numbers, guard) = tensor.into_parts();
                (numbers, Some(guard))
            }
            Tape::Ignored => {
                let tensor = match tensor.is_autodiff() {
                    true => tensor.inner(),
                    false => tensor,
                };
                (tensor.try_into_primitive::<Flex>().ok()?, None)
            }
            Tape::Absent => {
                is_trained = true;
                let base = param.base().try_into_primitive::<Flex>().ok()?;
                let numbers = tensor.try_into_primitive::<Flex>().ok()?;
                if base.bytes().as_ptr() != numbers.bytes().as_ptr() {
                    // Computed from another parameter, which has another gradient.
                    return None;
                }
                (numbers, None)
            }
        };
        let fits = numbers.dtype() == DType::F32 && numbers.is_contiguous();
        fits.then_some(Self {
            numbers,
            guard,
            is_trained,
        })
    }

    fn numbers(&self) -> &[f32] {
        let numbers = self.numbers.as_slice();
        numbers.expect("contiguous f32 values")
    }

    fn input(self, gradient: Option<Vec<f32>>) -> Option<Input> {
        self.tensor_input(gradient.map(vector))
    }

    fn tensor_input(self, gradient: Option<FlexTensor>) -> Option<Input> {
        Some(Input {
            guard: self.guard?,
            gradient: Gradient::Known(gradient?),
        })
    }
}

/// Assigns the gradients to the parameter ids of the network.
pub(super) fn by_parameter(mlp: &Mlp, loss: f32, gradients: Vec<Gradients>) -> KnownGradients {
    let mut known = GradientsParams::new();
    let hidden = mlp.hidden.iter();
    let hidden = hidden.map(|layer| (&layer.linear, layer.norm.as_ref()));
    for ((linear, norm), gradients) in hidden.chain([(&mlp.output, None)]).zip(gradients) {
        if let Some(matrix) = gradients.weight {
            known.register(
                linear.weight.id,
                Tensor::<2>::from_primitive::<Flex>(matrix),
            );
        }
        let vectors = [
            (linear.bias.as_ref(), gradients.bias),
            (norm.map(|norm| &norm.scale), gradients.scale),
            (norm.map(|norm| &norm.shift), gradients.shift),
        ];
        for (parameter, numbers) in vectors {
            if let (Some(parameter), Some(numbers)) = (parameter, numbers) {
                let gradient = Tensor::<1>::from_primitive::<Flex>(vector(numbers));
                known.register(parameter.id, gradient);
            }
        }
    }
    KnownGradients {
        loss,
        gradients: known,
    }
}

fn vector(numbers: Vec<f32>) -> FlexTensor {
    let length = numbers.len();
    FlexTensor::from_data(TensorData::new(numbers, [length]))
}

impl Network<'_> {
    /// Checks that the layers fit together, and that a batch fits the network.
    ///
    /// # Panics
    ///
    /// If they do not.
    pub(super) fn check(&self, batch: Batch<'_>) {
        let (size, images) = (batch.size, batch.images.len());
        let inputs = self.layers[0].inputs;
        assert_eq!(
            size, inputs,
            "images of {size} pixels for a network of {inputs} inputs"
        );
        assert!(images > 0, "a batch needs at least one image");
        let classes = self.layers[self.layers.len() - 1].units;
        let greatest = batch.labels.iter().max().copied().unwrap_or(0);
        assert!(
            usize::from(greatest) < classes,
            "label {greatest} for a network of {classes} classes"
        );
        let mut inputs = inputs;
        for layer in &self.layers {
            let (expected, units) = (layer.inputs, layer.units);
            assert_eq!(
                inputs, expected,
                "{inputs} inputs for a layer of {expected} inputs"
            );
            assert_eq!(
                layer.bias.len(),
                units,
                "number of biases of a layer of {units} units"
            );
            if let Some(norm) = &layer.norm {
                let lengths = [
                    norm.scale.len(),
                    norm.shift.len(),
                    norm.running_mean.len(),
                    norm.running_variance.len(),
                ];
                assert_eq!(
                    lengths, [units; 4],
                    "parameters of the normalization of {units} units"
                );
            }
            inputs = units;
        }
    }
}
