//! The multilayer perceptron.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};

use crate::max_norm::bound_norms;
use crate::{Activation, BatchNorm, DropoutConfig, InvalidModel, KeepMask, MlpConfig};

/// A multilayer perceptron: hidden layers and a linear output. The softmax is part of the loss.
///
/// ```text
/// input -> [linear -> batch norm -> activation -> dropout] x hidden -> linear -> logits
/// ```
///
/// This is the order of `MultiLayerNetExtend` in "Deep Learning from Scratch".
#[derive(Module, Debug)]
pub struct Mlp {
    /// Hidden layers, from input to output.
    pub hidden: Vec<HiddenLayer>,
    /// Output layer, which gives the logits.
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

/// The parameters of a hidden layer.
#[derive(Module, Debug)]
pub struct HiddenLayer {
    /// Weights, `[inputs, units]`, and biases, `[units]`.
    pub linear: Linear,
    /// Batch normalization, if the network has it.
    pub norm: Option<BatchNorm>,
}

impl Mlp {
    /// Makes a network for `inputs` pixels and `outputs` classes.
    ///
    /// `normal` supplies a number of mean 0 and variance 1 for each weight, layer by layer from
    /// input to output, row by row of `[inputs, outputs]`. The weights are rounded to `f32`, so
    /// that the network starts the same in any type.
    ///
    /// # Errors
    ///
    /// If a setting is out of bounds.
    pub fn new(
        config: &MlpConfig,
        inputs: usize,
        outputs: usize,
        device: &Device,
        normal: &mut dyn FnMut() -> f64,
    ) -> Result<Self, InvalidModel> {
        config.check()?;
        if !config.convolutions.is_empty() {
            let must = "be empty for a multilayer perceptron";
            let number = config.convolutions.len();
            let value = format!("{number} entries");
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

    /// Returns the logits, `[batch, outputs]`, of `images`, `[batch, inputs]`, in training: with
    /// dropout, and updating the running statistics of batch normalization.
    ///
    /// With dropout, `keep_mask` is called once for each hidden layer, from input to output, for a
    /// mask of `[batch, units]`, row by row; with dropout of the input, it is first called for a
    /// mask of `[batch, inputs]`.
    ///
    /// # Panics
    ///
    /// If the images have the wrong width, a mask has the wrong length, or a network with batch
    /// normalization gets a single image.
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

    /// Returns the logits, `[batch, outputs]`, of `images`, `[batch, inputs]`, in evaluation:
    /// without dropping units, and with the running statistics of batch normalization.
    ///
    /// # Panics
    ///
    /// If the images have the wrong width.
    pub fn evaluate(&self, images: Tensor<2>) -> Tensor<2> {
        self.output
            .forward(self.below(self.hidden.len(), images, |_| ()))
    }

    /// Returns the activations of each hidden layer, `[batch, units]`, from input to output, for
    /// `images`, `[batch, inputs]`, in evaluation. The factor that classic dropout applies before
    /// the next layer is not included.
    ///
    /// # Panics
    ///
    /// If the images have the wrong width.
    pub fn activations(&self, images: Tensor<2>) -> Vec<Tensor<2>> {
        let mut all = Vec::with_capacity(self.hidden.len());
        let _ = self.below(self.hidden.len(), images, |x| all.push(x.clone()));
        all
    }

    /// Returns the input of hidden layer `layer`, counted from 0, for `images`, `[batch, inputs]`,
    /// in evaluation. With `layer` equal to the number of hidden layers, this is the input of the
    /// output layer.
    ///
    /// # Panics
    ///
    /// If the images have the wrong width, or `layer` exceeds the number of hidden layers.
    pub fn input_of(&self, layer: usize, images: Tensor<2>) -> Tensor<2> {
        self.below(layer, images, |_| ())
    }

    /// Like [`input_of`](Self::input_of); calls `see` with the activations of each layer below.
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

    /// Returns the network with running statistics that belong to its weights: the means of those
    /// of these batches, `[batch, inputs]` each, in training. Weights that are averages need it,
    /// because the running statistics are those of the trained weights. Without a batch nothing
    /// changes. To be called with a network without autodiff; `keep_mask` is that of
    /// [`forward`](Self::forward).
    ///
    /// # Panics
    ///
    /// As [`forward`](Self::forward).
    #[must_use]
    pub fn with_statistics_of(
        mut self,
        batches: impl IntoIterator<Item = Tensor<2>>,
        keep_mask: &mut KeepMask<'_>,
    ) -> Self {
        let mut number = 0.0;
        let mut sums: Vec<[Tensor<1>; 2]> = Vec::new();
        for batch in batches {
            self.norms().for_each(BatchNorm::clear);
            let _ = self.forward(batch, keep_mask);
            let seen = self.norms().map(|norm| norm.of_one_batch());
            sums = match number {
                0.0 => seen.collect(),
                _ => (seen.zip(sums))
                    .map(|([mean, variance], [means, variances])| {
                        [means + mean, variances + variance]
                    })
                    .collect(),
            };
            number += 1.0;
        }
        for (norm, sum) in self.norms().zip(sums) {
            norm.set(sum.map(|sum| sum.mul_scalar(1.0 / number)));
        }
        self
    }

    fn norms(&mut self) -> impl Iterator<Item = &mut BatchNorm> {
        self.hidden
            .iter_mut()
            .filter_map(|layer| layer.norm.as_mut())
    }

    /// Scales down the incoming weights of each hidden unit to a norm of at most `max_norm`, unless
    /// that is 0. To be called after each update.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        if self.max_norm > 0.0 {
            let bound = |layer: HiddenLayer| HiddenLayer {
                linear: bound_norms(layer.linear, self.max_norm),
                norm: layer.norm,
            };
            self.hidden = self.hidden.into_iter().map(bound).collect();
        }
        self
    }

    /// Returns the penalty `weight_decay / 2 * sum(w^2) + l1_decay * sum(|w|)` over the weights of
    /// all layers, `[1]`, to be added to the loss. `None` if both coefficients are 0.
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

/// Returns `weight_decay / 2 * sum(w^2) + l1_decay * sum(|w|)`, `[1]`. `None` if both coefficients
/// are 0.
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
