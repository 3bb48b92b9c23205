//! Weights before the first update.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// The standard deviation of a layer's weights before the first update. They are normally
/// distributed around 0; biases start at 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Initialization {
    /// `sqrt(2 / inputs)`, made for ReLU (He et al. 2015, arXiv:1502.01852).
    He,
    /// `sqrt(1 / inputs)`, made for sigmoid and tanh: the book's simplified form of Glorot and
    /// Bengio 2010, which has `sqrt(2 / (inputs + outputs))`.
    Xavier,
    /// The same for every layer.
    Std(f64),
}

impl Initialization {
    /// The standard deviation for a layer of so many inputs.
    pub fn standard_deviation(self, inputs: usize) -> f64 {
        match self {
            Self::He => libm::sqrt(2.0 / inputs as f64),
            Self::Xavier => libm::sqrt(1.0 / inputs as f64),
            Self::Std(std) => std,
        }
    }

    /// A layer whose weights, `[inputs, outputs]`, take their numbers row by row from `normal`,
    /// a source of mean 0 and variance 1.
    pub(crate) fn linear(
        self,
        inputs: usize,
        outputs: usize,
        device: &Device,
        normal: &mut dyn FnMut() -> f64,
    ) -> Linear {
        let std = self.standard_deviation(inputs);
        let weights: Vec<f32> = (0..inputs * outputs)
            .map(|_| (std * normal()) as f32)
            .collect();
        Linear {
            weight: Param::from_data(TensorData::new(weights, [inputs, outputs]), device),
            bias: Some(Param::from_tensor(Tensor::zeros([outputs], device))),
        }
    }
}
