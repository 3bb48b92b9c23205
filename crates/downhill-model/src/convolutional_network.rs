//! Convolutional networks.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::convolution::sizes;
use crate::mlp::penalty;
use crate::{ConvolutionLayer, InvalidModel, KeepMask, Mlp, MlpConfig};

/// A convolutional network: convolutions with max pooling, followed by a multilayer perceptron.
///
/// ```text
/// image -> [convolution -> activation -> max pooling] x convolutions -> flatten -> Mlp -> logits
/// ```
///
/// Images and the output of the last convolution are flattened channel by channel, row by row.
/// Dropout applies only to the hidden layers of the perceptron.
#[derive(Module, Debug)]
pub struct ConvolutionalNetwork {
    /// Convolutions, from input to output.
    pub convolutions: Vec<ConvolutionLayer>,
    /// The multilayer perceptron after the convolutions.
    pub head: Mlp,
    #[module(skip)]
    pub(crate) image: [usize; 3],
}

impl ConvolutionalNetwork {
    /// Makes a network for images of `[channels, height, width]` and `outputs` classes.
    ///
    /// `normal` supplies a number of mean 0 and variance 1 for each weight: first of the
    /// convolutions, from input to output, in the order of `[channels, channels of the input, row,
    /// column]`, then of the head, as in [`Mlp::new`]. Biases start at 0. For its initialization, a
    /// convolution has as many inputs as its kernel has weights over all input channels.
    ///
    /// # Errors
    ///
    /// If a setting is out of bounds.
    pub fn new(
        config: &MlpConfig,
        image: [usize; 3],
        outputs: usize,
        device: &Device,
        normal: &mut dyn FnMut() -> f64,
    ) -> Result<Self, InvalidModel> {
        config.check()?;
        let [mut channels, height, width] = image;
        let sizes = sizes(&config.convolutions, [height, width])?;
        let mut convolutions = Vec::with_capacity(sizes.len());
        for convolution in &config.convolutions {
            let initialization = config.initialization;
            let layer =
                ConvolutionLayer::new(convolution, channels, initialization, device, normal);
            convolutions.push(layer);
            channels = convolution.channels;
        }
        let [height, width] = sizes.last().copied().unwrap_or([height, width]);
        let config = MlpConfig {
            convolutions: Vec::new(),
            ..config.clone()
        };
        let inputs = channels * height * width;
        Ok(Self {
            convolutions,
            head: Mlp::new(&config, inputs, outputs, device, normal)?,
            image,
        })
    }

    /// Returns the logits, `[batch, outputs]`, of `images`, `[batch, pixels]`, in training.
    /// `keep_mask` supplies the dropout masks of the head, as in [`Mlp::forward`].
    ///
    /// # Panics
    ///
    /// If the images have the wrong size, or a mask has the wrong length.
    pub fn forward(&mut self, images: Tensor<2>, keep_mask: &mut KeepMask<'_>) -> Tensor<2> {
        let features = self.features(images);
        self.head.forward(features, keep_mask)
    }

    /// Returns the logits, `[batch, outputs]`, of `images`, `[batch, pixels]`, in
    /// evaluation.
    ///
    /// # Panics
    ///
    /// If the images have the wrong size.
    pub fn evaluate(&self, images: Tensor<2>) -> Tensor<2> {
        self.head.evaluate(self.features(images))
    }

    /// Returns the output of each layer but the last, from input to output, in evaluation: of a
    /// convolution after its pooling, `[batch, channels * height * width]`; of a hidden layer after
    /// its activation, `[batch, units]`.
    ///
    /// # Panics
    ///
    /// If the images have the wrong size.
    pub fn activations(&self, images: Tensor<2>) -> Vec<Tensor<2>> {
        let mut all = Vec::with_capacity(self.convolutions.len() + self.head.hidden.len());
        let mut x = self.as_pixels(images);
        for layer in &self.convolutions {
            x = layer.forward(x, self.head.activation);
            all.push(x.clone().flatten(1, 3));
        }
        all.extend(self.head.activations(x.flatten(1, 3)));
        all
    }

    /// Returns the penalty over the weights of all layers, `[1]`, to be added to the loss, as
    /// [`Mlp::penalty`]. `None` if both coefficients are 0.
    pub fn penalty(&self) -> Option<Tensor<1>> {
        let weights = self.convolutions.iter();
        let weights = weights.map(|layer| layer.weight.val());
        let own = penalty(weights, self.head.weight_decay, self.head.l1_decay);
        match (self.head.penalty(), own) {
            (Some(head), Some(own)) => Some(head + own),
            (head, own) => head.or(own),
        }
    }

    /// Returns the flattened output of the convolutions for `[batch, pixels]`.
    fn features(&self, images: Tensor<2>) -> Tensor<2> {
        let [_, found] = images.dims();
        let pixels: usize = self.image.iter().product();
        assert_eq!(
            found, pixels,
            "images of {found} pixels for a network of {pixels} inputs"
        );
        #[cfg(feature = "flex")]
        if let Some(features) = self.fused_features(&images) {
            return features;
        }
        self.features_by_tensors(images)
    }

    /// Like [`features`](Self::features), with Burn's tensor operations, on any backend and in any
    /// type.
    pub(crate) fn features_by_tensors(&self, images: Tensor<2>) -> Tensor<2> {
        let mut x = self.as_pixels(images);
        for layer in &self.convolutions {
            x = layer.forward(x, self.head.activation);
        }
        x.flatten(1, 3)
    }

    /// Reshapes `[batch, channels * height * width]` to `[batch, channels, height, width]`.
    fn as_pixels(&self, images: Tensor<2>) -> Tensor<4> {
        let [channels, height, width] = self.image;
        let batch = images.dims()[0];
        images.reshape([batch, channels, height, width])
    }
}
