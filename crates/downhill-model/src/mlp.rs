//! The multilayer perceptron.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};

use crate::max_norm::bounded;
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
    #[module(skip)]
    pub(crate) l1_decay: f64,
    #[module(skip)]
    pub(crate) max_norm: f64,
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
        if !config.convolutions.is_empty() {
            let must = "be empty in a multilayer perceptron";
            let number = config.convolutions.len();
            let value = format!("{number} of them");
            return Err(InvalidModel::new("convolutions", must, &value));
        }
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
            l1_decay: config.l1_decay,
            max_norm: config.max_norm,
        })
    }

    /// Training: the logits, `[batch, outputs]`, of `images`, `[batch, inputs]`. Units are dropped
    /// as `keep_mask` says, asked once per hidden layer from the input on for a mask of `[batch,
    /// units]`, row by row, and before that for one of the pixels if they are dropped; running statistics take the batch in.
    ///
    /// # Panics
    ///
    /// Images of another width than the network's, a mask of another length than asked for, or a
    /// single image where there is batch normalization.
    pub fn forward(&mut self, images: Tensor<2>, keep_mask: &mut KeepMask<'_>) -> Tensor<2> {
        let mut x = self.dropout.of_input().train(images, keep_mask);
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
        self.output
            .forward(self.below(self.hidden.len(), images, |_| ()))
    }

    /// Evaluation: what each hidden layer gives for `images`, `[batch, inputs]`, from the input on,
    /// `[batch, units]` each, after its activation. (Classic dropout scales it before the next
    /// layer; that is not in it.)
    ///
    /// # Panics
    ///
    /// Images of another width than the network's.
    pub fn activations(&self, images: Tensor<2>) -> Vec<Tensor<2>> {
        let mut all = Vec::with_capacity(self.hidden.len());
        let _ = self.below(self.hidden.len(), images, |x| all.push(x.clone()));
        all
    }

    /// Evaluation: what reaches the hidden layer of this number, counted from 0, of `images`,
    /// `[batch, inputs]`; of the number of all hidden layers, what reaches the output.
    ///
    /// # Panics
    ///
    /// Images of another width than the network's, or a layer that is not there.
    pub fn input_of(&self, layer: usize, images: Tensor<2>) -> Tensor<2> {
        self.below(layer, images, |_| ())
    }

    /// The same; `see` is shown what each layer below gives after its activation.
    fn below(&self, layer: usize, images: Tensor<2>, mut see: impl FnMut(&Tensor<2>)) -> Tensor<2> {
        let mut x = self.dropout.of_input().evaluate(images);
        for layer in &self.hidden[..layer] {
            x = layer.linear.forward(x);
            if let Some(norm) = &layer.norm {
                x = norm.evaluate(x);
            }
            x = self.activation.apply(x);
            see(&x);
            x = self.dropout.evaluate(x);
        }
        x
    }

    /// The network with the weights that reach each hidden unit no longer than `max_norm`, if that is
    /// not 0: what is to be done after each update.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        if self.max_norm > 0.0 {
            let bound = |layer: HiddenLayer| HiddenLayer {
                linear: bounded(layer.linear, self.max_norm),
                norm: layer.norm,
            };
            self.hidden = self.hidden.into_iter().map(bound).collect();
        }
        self
    }

    /// The penalty `weight_decay / 2 * sum(w^2) + l1_decay * sum(|w|)` over the weights of all layers,
    /// `[1]`, to be added to the loss; nothing where there is no decay.
    pub fn penalty(&self) -> Option<Tensor<1>> {
        let layers = self.hidden.iter().map(|layer| &layer.linear);
        let weights = layers.chain([&self.output]);
        penalty(
            weights.map(|layer| layer.weight.val()),
            self.weight_decay,
            self.l1_decay,
        )
    }
}

/// `weight_decay / 2 * sum(w^2) + l1_decay * sum(|w|)`, `[1]`; nothing where both are 0.
pub(crate) fn penalty<const D: usize>(
    weights: impl Iterator<Item = Tensor<D>>,
    weight_decay: f64,
    l1_decay: f64,
) -> Option<Tensor<1>> {
    let of = |weight: Tensor<D>| {
        let squares = || weight.clone().square().sum().mul_scalar(0.5 * weight_decay);
        let sizes = || weight.clone().abs().sum().mul_scalar(l1_decay);
        match (weight_decay > 0.0, l1_decay > 0.0) {
            (true, true) => Some(squares() + sizes()),
            (true, false) => Some(squares()),
            (false, true) => Some(sizes()),
            (false, false) => None,
        }
    };
    weights.filter_map(of).reduce(|sum, next| sum + next)
}
