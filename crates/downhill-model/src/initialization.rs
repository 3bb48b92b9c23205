//! Initial weights.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// The standard deviation of a layer's initial weights, which are normally distributed with mean 0.
/// Biases start at 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Initialization {
    /// `sqrt(2 / inputs)`, for ReLU (He et al. 2015, arXiv:1502.01852).
    He,
    /// `sqrt(1 / inputs)`, for sigmoid and tanh, as in "Deep Learning from Scratch". Glorot and
    /// Bengio (2010) propose `sqrt(2 / (inputs + outputs))`.
    Xavier,
    /// The given value, for every layer.
    Std(f64),
}

impl Initialization {
    /// Returns the standard deviation for a layer with `inputs` inputs.
    pub fn standard_deviation(self, inputs: usize) -> f64 {
        match self {
            Self::He => libm::sqrt(2.0 / inputs as f64),
            Self::Xavier => libm::sqrt(1.0 / inputs as f64),
            Self::Std(std) => std,
        }
    }

    /// Makes a layer whose weights, `[inputs, outputs]`, come from `normal` row by row; `normal`
    /// supplies numbers of mean 0 and variance 1.
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
