//! The multilayer perceptron.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};

use crate::{Activation, BatchNorm, DropoutConfig, InvalidModel, KeepMask, MlpConfig};

/// A multilayer perceptron: hidden layers and a linear output, whose softmax the loss takes.
///
/// ```text
/// input -> [linear -> batch norm -> activation -> dropout] x hidden -> linear -> logits
/// ```
///
/// That is the order of the book's `MultiLayerNetExtend`.
#[derive(Module, Debug)]
pub struct Mlp {
    /// From the input on.
    pub hidden: Vec<HiddenLayer>,
    /// The last layer, to the logits.
    pub output: Linear,
    #[module(skip)]
    pub(crate) activation: Activation,
    #[module(skip)]
    pub(crate) dropout: DropoutConfig,
    #[module(skip)]
    pub(crate) weight_decay: f64,
}

/// One hidden layer, without what has no parameters.
#[derive(Module, Debug)]
pub struct HiddenLayer {
    /// Weights `[inputs, units]` and biases `[units]`.
    pub linear: Linear,
    /// Normalization, where the network has it.
    pub norm: Option<BatchNorm>,
}

impl Mlp {
    /// A network of `inputs` pixels and `outputs` classes.
    ///
    /// `normal` gives numbers of mean 0 and variance 1: one for each weight, layer by layer from
    /// the input on, row by row of `[inputs, outputs]`. They are rounded to `f32`, so that a
    /// network starts the same whatever the device computes in.
    ///
    /// # Errors
    ///
    /// Names the setting that is out of its bounds.
    pub fn new(
        config: &MlpConfig,
        inputs: usize,
        outputs: usize,
        device: &Device,
        normal: &mut dyn FnMut() -> f64,
    ) -> Result<Self, InvalidModel> {
        config.check()?;
        let mut width = inputs;
        let mut hidden = Vec::with_capacity(config.hidden.len());
        for &units in &config.hidden {
            hidden.push(HiddenLayer {
                linear: (config.initialization).linear(width, units, device, normal),
                norm: BatchNorm::new(config.batch_norm, units, device),
            });
            width = units;
        }
        Ok(Self {
            hidden,
            output: (config.initialization).linear(width, outputs, device, normal),
            activation: config.activation,
            dropout: config.dropout,
            weight_decay: config.weight_decay,
        })
    }

    /// Training: the logits, `[batch, outputs]`, of `images`, `[batch, inputs]`. Units are dropped
    /// as `keep_mask` says, asked once per hidden layer from the input on for a mask of `[batch,
    /// units]`, row by row; running statistics take the batch in.
    ///
    /// # Panics
    ///
    /// Images of another width than the network's, a mask of another length than asked for, or a
    /// single image where there is batch normalization.
    pub fn forward(&mut self, images: Tensor<2>, keep_mask: &mut KeepMask<'_>) -> Tensor<2> {
        let mut x = images;
        for layer in &mut self.hidden {
            x = layer.linear.forward(x);
            if let Some(norm) = &mut layer.norm {
                x = norm.train(x);
            }
            x = self.dropout.train(self.activation.apply(x), keep_mask);
        }
        self.output.forward(x)
    }

    /// Evaluation: the logits, `[batch, outputs]`, of `images`, `[batch, inputs]`. Nothing is
    /// dropped and nothing changes.
    ///
    /// # Panics
    ///
    /// Images of another width than the network's.
    pub fn evaluate(&self, images: Tensor<2>) -> Tensor<2> {
        let mut x = images;
        for layer in &self.hidden {
            x = layer.linear.forward(x);
            if let Some(norm) = &layer.norm {
                x = norm.evaluate(x);
            }
            x = self.dropout.evaluate(self.activation.apply(x));
        }
        self.output.forward(x)
    }

    /// What is not in its parameters: activation, dropout, weight decay.
    #[cfg(feature = "flex")]
    pub(crate) fn settings(&self) -> (Activation, DropoutConfig, f64) {
        (self.activation, self.dropout, self.weight_decay)
    }

    /// The penalty `weight_decay / 2 * sum(w^2)` over the weights of all layers, `[1]`, to be added
    /// to the loss; nothing where there is no weight decay.
    pub fn penalty(&self) -> Option<Tensor<1>> {
        if self.weight_decay == 0.0 {
            return None;
        }
        let layers = self.hidden.iter().map(|layer| &layer.linear);
        layers
            .chain([&self.output])
            .map(|layer| layer.weight.val().square().sum())
            .reduce(|sum, next| sum + next)
            .map(|sum| sum.mul_scalar(0.5 * self.weight_decay))
    }
}
