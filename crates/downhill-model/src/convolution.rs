//! Convolutions with max pooling.

use burn::module::{Module, Param};
use burn::tensor::module::{conv2d, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::{Activation, Initialization, InvalidModel};

/// Settings of a convolution with its max pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ConvolutionConfig {
    /// Number of output channels, at least 1.
    pub channels: usize,
    /// Height and width of the kernels, at least 1.
    pub kernel: usize,
    /// Zero padding on each side of the image, less than `kernel`.
    pub padding: usize,
    /// Height and width of the windows of max pooling, which do not overlap; 1 for no pooling. Rows
    /// and columns that do not fill a window are dropped, as in PyTorch.
    pub pool: usize,
}

impl Default for ConvolutionConfig {
    /// 20 channels, kernels of 5 x 5, no padding, pooling of 2 x 2: the first layer of
    /// `network3.py` in Nielsen's "Neural Networks and Deep Learning".
    fn default() -> Self {
        Self {
            channels: 20,
            kernel: 5,
            padding: 0,
            pool: 2,
        }
    }
}

impl ConvolutionConfig {
    /// Checks the settings of convolution `number`.
    pub(crate) fn check(&self, number: usize) -> Result<(), InvalidModel> {
        for (key, value) in [
            ("channels", self.channels),
            ("kernel", self.kernel),
            ("pool", self.pool),
        ] {
            if value == 0 {
                return Err(InvalidModel::new(path(number, key), "be at least 1", &0));
            }
        }
        if self.padding >= self.kernel {
            let must = format!("be less than the kernel, {}", self.kernel);
            let key = path(number, "padding");
            return Err(InvalidModel::new(key, must, &self.padding));
        }
        Ok(())
    }

    /// Returns the output size, `[height, width]`, for an image. `number` is the number of the
    /// convolution.
    fn size(&self, number: usize, image: [usize; 2]) -> Result<[usize; 2], InvalidModel> {
        let smaller = image[0].min(image[1]);
        let padded = smaller + 2 * self.padding;
        if self.kernel > padded {
            let must = format!("be at most {padded}, the shorter side of its padded input");
            let key = path(number, "kernel");
            return Err(InvalidModel::new(key, must, &self.kernel));
        }
        let convolved = image.map(|side| side + 2 * self.padding + 1 - self.kernel);
        let smaller = convolved[0].min(convolved[1]);
        if self.pool > smaller {
            let must = format!("be at most {smaller}, the shorter side of its input");
            let key = path(number, "pool");
            return Err(InvalidModel::new(key, must, &self.pool));
        }
        Ok(convolved.map(|side| side / self.pool))
    }
}

fn path(number: usize, key: &str) -> String {
    format!("convolutions[{number}].{key}")
}

/// Returns the output size, `[height, width]`, of each convolution for an image.
pub(crate) fn sizes(
    convolutions: &[ConvolutionConfig],
    image: [usize; 2],
) -> Result<Vec<[usize; 2]>, InvalidModel> {
    let mut size = image;
    let mut sizes = Vec::with_capacity(convolutions.len());
    for (number, convolution) in convolutions.iter().enumerate() {
        size = convolution.size(number, size)?;
        sizes.push(size);
    }
    Ok(sizes)
}

/// A convolution with its activation and max pooling.
///
/// ```text
/// sum[o, y, x]  = bias[o] + sum over i, v, u of weight[o, i, v, u] * input[i, y + v, x + u]
/// out[o, y, x]  = maximum of activation(sum) over window y, x
/// ```
///
/// As in PyTorch, this is a cross-correlation: the kernel is not flipped. If several values of a
/// window are the largest, the first of them, row by row, gets the gradient.
#[derive(Module, Debug)]
pub struct ConvolutionLayer {
    /// Kernels, `[channels, channels of the input, kernel, kernel]`.
    pub weight: Param<Tensor<4>>,
    /// Biases, `[channels]`.
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    pub(crate) padding: usize,
    #[module(skip)]
    pub(crate) pool: usize,
}

impl ConvolutionLayer {
    /// Makes a layer whose weights, in their order, come from `normal`, which supplies numbers of
    /// mean 0 and variance 1. For the initialization, a unit has `inputs * kernel^2` inputs.
    pub(crate) fn new(
        config: &ConvolutionConfig,
        inputs: usize,
        initialization: Initialization,
        device: &Device,
        normal: &mut dyn FnMut() -> f64,
    ) -> Self {
        let shape = [config.channels, inputs, config.kernel, config.kernel];
        let std = initialization.standard_deviation(inputs * config.kernel * config.kernel);
        let weights: Vec<f32> = (0..shape.iter().product())
            .map(|_| (std * normal()) as f32)
            .collect();
        Self {
            weight: Param::from_data(TensorData::new(weights, shape), device),
            bias: Param::from_tensor(Tensor::zeros([config.channels], device)),
            padding: config.padding,
            pool: config.pool,
        }
    }

    /// Returns the output, `[batch, channels, height, width]`, for `x`, `[batch, channels of the
    /// input, height, width]`.
    pub(crate) fn forward(&self, x: Tensor<4>, activation: Activation) -> Tensor<4> {
        max_pool(activation.apply(self.convolve(x)), self.pool)
    }

    /// Returns the convolution, without activation and pooling.
    pub(crate) fn convolve(&self, x: Tensor<4>) -> Tensor<4> {
        let options = ConvOptions::new([1, 1], [self.padding; 2], [1, 1], 1);
        let (weight, bias) = (self.weight.val(), self.bias.val());
        conv2d(x, weight, Some(bias), options)
    }
}

/// Max pooling of `[batch, channels, height, width]`.
pub(crate) fn max_pool(x: Tensor<4>, pool: usize) -> Tensor<4> {
    match pool {
        1 => x,
        _ => max_pool2d(x, MaxPoolOptions::new([pool; 2])),
    }
}
