//! Denoising autoencoders, which pre-train the hidden layers of a multilayer perceptron.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Tensor, activation};

use crate::{Activation, DropoutConfig, DropoutKind, InvalidModel, KeepMask, Mlp, loss};

/// A denoising autoencoder around one hidden layer of an [`Mlp`], after Vincent et al. (2010, JMLR
/// 11), who train the layers one after the other, from the input to the output.
///
/// ```text
/// corrupted       c = input * mask                 masking noise
/// code            y = activation(c W + b)          weights and biases of the layer
/// reconstruction  z = out(y W^T + visible)         the same weights, transposed
/// ```
///
/// The weights are tied, so only the biases `visible` are discarded after pre-training. Inputs in
/// [0, 1], which are pixels and the outputs of sigmoid units, are reconstructed through a sigmoid
/// with the cross-entropy as loss; all others are reconstructed linearly with the squared error.
/// The dropout of the layer itself is not applied.
#[derive(Module, Debug)]
pub struct Autoencoder {
    /// Weights, `[inputs, units]`, and biases, `[units]`, of the layer.
    pub encoder: Linear,
    /// Biases of the reconstruction, `[inputs]`, initially 0.
    pub visible: Param<Tensor<1>>,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    reconstruction: Reconstruction,
    #[module(skip)]
    layer: usize,
}

/// How an [`Autoencoder`] reconstructs its input, and the loss of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconstruction {
    /// Through a sigmoid, with the loss `-sum(x ln z + (1 - x) ln(1 - z))`.
    CrossEntropy,
    /// Linearly, with the loss `sum((x - z)^2) / 2`.
    SquaredError,
}

impl Autoencoder {
    /// Makes an autoencoder around hidden layer `layer` of `mlp`, counted from 0, with the current
    /// values, the ids and the device of its parameters. Its inputs are those of
    /// [`Mlp::input_of`]: pixels for the first layer.
    ///
    /// # Errors
    ///
    /// If the network has batch normalization, which the autoencoder does not apply.
    ///
    /// # Panics
    ///
    /// If the network has no such layer.
    pub fn of(mlp: &Mlp, layer: usize) -> Result<Self, InvalidModel> {
        let hidden = &mlp.hidden[layer];
        if let Some(norm) = &hidden.norm {
            let must = "be \"none\" for pre-training as autoencoders";
            let value = format!("{:?}", norm.convention);
            return Err(InvalidModel::new("batch_norm", must, &value));
        }
        let is_in_unit_interval = layer == 0 || mlp.activation == Activation::Sigmoid;
        let weight = hidden.linear.weight.val();
        let visible = Tensor::zeros([weight.dims()[0]], (&weight.device(), weight.dtype()));
        Ok(Self {
            encoder: hidden.linear.clone(),
            visible: Param::from_tensor(visible),
            activation: mlp.activation,
            reconstruction: match is_in_unit_interval {
                true => Reconstruction::CrossEntropy,
                false => Reconstruction::SquaredError,
            },
            layer,
        })
    }

    /// How the input is reconstructed.
    pub fn reconstruction(&self) -> Reconstruction {
        self.reconstruction
    }

    /// Returns the loss of reconstructing `inputs`, `[batch, inputs]`, from a corrupted copy:
    /// summed over the inputs and averaged over the batch, `[1]`. The copy has each input set to 0
    /// with probability `corruption`. If that is not 0, `keep_mask` is called for the mask,
    /// `[batch, inputs]`, row by row.
    ///
    /// # Panics
    ///
    /// If the inputs have the wrong width, or the mask has the wrong length.
    pub fn loss(
        &self,
        inputs: Tensor<2>,
        corruption: f64,
        keep_mask: &mut KeepMask<'_>,
    ) -> Tensor<1> {
        let batch = inputs.dims()[0];
        let masking = DropoutConfig {
            probability: corruption,
            kind: DropoutKind::Classic,
            ..DropoutConfig::default()
        };
        let corrupted = masking.train(inputs.clone(), keep_mask);
        let sums = self.decode(self.code(corrupted));
        let sum = match self.reconstruction {
            Reconstruction::CrossEntropy => {
                let ln = activation::log_sigmoid;
                let without = inputs.clone().neg().add_scalar(1.0);
                // 1 - sigmoid(s) is sigmoid(-s).
                (inputs * ln(sums.clone()) + without * ln(sums.neg()))
                    .sum()
                    .neg()
            }
            Reconstruction::SquaredError => (inputs - sums).square().sum().mul_scalar(0.5),
        };
        loss::mean(sum, batch)
    }

    /// Returns the reconstruction, `[batch, inputs]`, of uncorrupted `inputs`.
    ///
    /// # Panics
    ///
    /// If the inputs have the wrong width.
    pub fn reconstruct(&self, inputs: Tensor<2>) -> Tensor<2> {
        let sums = self.decode(self.code(inputs));
        match self.reconstruction {
            Reconstruction::CrossEntropy => activation::sigmoid(sums),
            Reconstruction::SquaredError => sums,
        }
    }

    /// Puts the trained weights and biases back into their layer of `mlp`.
    ///
    /// # Panics
    ///
    /// If the network has no such layer, or the layer has a different shape.
    pub fn into_layer(self, mlp: &mut Mlp) {
        let linear = &mut mlp.hidden[self.layer].linear;
        let (own, expected) = (self.encoder.weight.dims(), linear.weight.dims());
        assert_eq!(own, expected, "weights {own:?} for a layer of {expected:?}");
        *linear = self.encoder;
    }

    fn code(&self, inputs: Tensor<2>) -> Tensor<2> {
        self.activation.apply(self.encoder.forward(inputs))
    }

    /// Returns the reconstruction before its sigmoid.
    fn decode(&self, code: Tensor<2>) -> Tensor<2> {
        let transposed = self.encoder.weight.val().transpose();
        code.matmul(transposed) + self.visible.val().unsqueeze()
    }
}
