//! Denoising autoencoders, which train the layers of a perceptron before it is trained itself.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Tensor, activation};

use crate::{Activation, DropoutConfig, DropoutKind, InvalidModel, KeepMask, Mlp, loss};

/// A denoising autoencoder around one hidden layer of an [`Mlp`] (the idea is that of Vincent et al.
/// 2010, JMLR 11, whose layers are trained one after the other, from the input on).
///
/// ```text
/// corrupted       c = input * mask                 masking noise: what is dropped is 0
/// code            y = activation(c W + b)          the layer's own weights and biases
/// reconstruction  z = out(y W^T + visible)         the same weights, turned
/// ```
///
/// Chosen here: the weights are tied, so that nothing is thrown away afterwards but the biases
/// `visible`. Inputs from 0 to 1, which are pixels and what sigmoid units give, are reconstructed by
/// a sigmoid and measured by the cross-entropy; others as they come, by the squared error. Dropout
/// of the layer itself is not applied.
#[derive(Module, Debug)]
pub struct Autoencoder {
    /// Weights `[inputs, units]` and biases `[units]` of the layer.
    pub encoder: Linear,
    /// Biases of the reconstruction, `[inputs]`, 0 at first.
    pub visible: Param<Tensor<1>>,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    reconstruction: Reconstruction,
    #[module(skip)]
    layer: usize,
}

/// How an [`Autoencoder`] gives its input again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconstruction {
    /// By a sigmoid, with the loss `-sum(x ln z + (1 - x) ln(1 - z))`.
    CrossEntropy,
    /// As it is, with the loss `sum((x - z)^2) / 2`.
    SquaredError,
}

impl Autoencoder {
    /// Around the hidden layer of this number, counted from 0, as it stands in `mlp`: on its device,
    /// under the ids of its parameters. Its inputs are what [`Mlp::input_of`] gives: pixels for the
    /// first layer.
    ///
    /// # Errors
    ///
    /// A network with batch normalization: the layer's units would not be those that are trained.
    ///
    /// # Panics
    ///
    /// A layer that is not there.
    pub fn of(mlp: &Mlp, layer: usize) -> Result<Self, InvalidModel> {
        let hidden = &mlp.hidden[layer];
        if let Some(norm) = &hidden.norm {
            let must = "be \"none\" where layers are trained as autoencoders";
            let value = format!("{:?}", norm.convention);
            return Err(InvalidModel::new("batch_norm", must, &value));
        }
        let from_0_to_1 = layer == 0 || mlp.activation == Activation::Sigmoid;
        let weight = hidden.linear.weight.val();
        let visible = Tensor::zeros([weight.dims()[0]], (&weight.device(), weight.dtype()));
        Ok(Self {
            encoder: hidden.linear.clone(),
            visible: Param::from_tensor(visible),
            activation: mlp.activation,
            reconstruction: match from_0_to_1 {
                true => Reconstruction::CrossEntropy,
                false => Reconstruction::SquaredError,
            },
            layer,
        })
    }

    /// How it gives its input again.
    pub fn reconstruction(&self) -> Reconstruction {
        self.reconstruction
    }

    /// The loss of the reconstruction of `inputs`, `[batch, inputs]`: summed over an image's inputs,
    /// the mean over the batch, `[1]`. Each input is set to 0 with the probability `corruption`, as
    /// `keep_mask` says, which is asked for `[batch, inputs]`, row by row, where `corruption` is not
    /// 0. What is to be reconstructed is the input before.
    ///
    /// # Panics
    ///
    /// Inputs of another width than the layer's, or a mask of another length than asked for.
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

    /// The reconstruction, `[batch, inputs]`, of `inputs` as they are.
    ///
    /// # Panics
    ///
    /// Inputs of another width than the layer's.
    pub fn reconstruct(&self, inputs: Tensor<2>) -> Tensor<2> {
        let sums = self.decode(self.code(inputs));
        match self.reconstruction {
            Reconstruction::CrossEntropy => activation::sigmoid(sums),
            Reconstruction::SquaredError => sums,
        }
    }

    /// Puts the trained weights and biases back into the layer that they are from.
    ///
    /// # Panics
    ///
    /// A network that has no such layer, or one of other widths.
    pub fn into_layer(self, mlp: &mut Mlp) {
        let linear = &mut mlp.hidden[self.layer].linear;
        let (own, there) = (self.encoder.weight.dims(), linear.weight.dims());
        assert_eq!(own, there, "a layer {own:?} for one of {there:?}");
        *linear = self.encoder;
    }

    fn code(&self, inputs: Tensor<2>) -> Tensor<2> {
        self.activation.apply(self.encoder.forward(inputs))
    }

    /// Before the sigmoid.
    fn decode(&self, code: Tensor<2>) -> Tensor<2> {
        let turned = self.encoder.weight.val().transpose();
        code.matmul(turned) + self.visible.val().unsqueeze()
    }
}
