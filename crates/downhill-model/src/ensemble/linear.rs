//! Linear layers of an ensemble.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::Tensor;

use super::stacked::{stacked, unstacked};

/// One linear layer of every member.
#[derive(Module, Debug)]
pub struct EnsembleLinear {
    /// Weights, `[members, inputs, units]`.
    pub weight: Param<Tensor<3>>,
    /// Biases, `[members, units]`.
    pub bias: Option<Param<Tensor<2>>>,
}

impl EnsembleLinear {
    /// Stacks at least one layer; all have the same shape.
    pub(super) fn of<'a>(layers: impl Iterator<Item = &'a Linear> + Clone) -> Self {
        let biases: Option<Vec<_>> = layers.clone().map(|layer| layer.bias.as_ref()).collect();
        Self {
            weight: stacked(layers.map(|layer| &layer.weight)),
            bias: biases.map(|biases| stacked(biases.into_iter())),
        }
    }

    pub(super) fn member(&self, member: usize) -> Linear {
        Linear {
            weight: unstacked(&self.weight, member),
            bias: self.bias.as_ref().map(|bias| unstacked(bias, member)),
        }
    }

    /// Maps `[members, batch, inputs]`, or `[1, batch, inputs]` shared by all members, to
    /// `[members, batch, units]`.
    pub(super) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = x.matmul(self.weight.val());
        match &self.bias {
            Some(bias) => x + bias.val().unsqueeze_dim(1),
            None => x,
        }
    }

    /// Returns the sum of the squared weights of each member, `[members]`.
    pub(super) fn squares(&self) -> Tensor<1> {
        let [members, inputs, units] = self.weight.dims();
        let squares = self.weight.val().square();
        let sums = squares.reshape([members, inputs * units]).sum_dim(1);
        sums.squeeze_dim(1)
    }
}
