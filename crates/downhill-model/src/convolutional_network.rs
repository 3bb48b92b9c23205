//! Convolutions before a multilayer perceptron.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::convolution::sizes;
use crate::mlp::penalty;
use crate::{ConvolutionLayer, InvalidModel, KeepMask, Mlp, MlpConfig};

/// A convolutional network: convolutions with max pooling, and a multilayer perceptron on what they
/// make of the image.
///
/// ```text
/// image -> [convolution -> activation -> max pooling] x convolutions -> rows -> Mlp -> logits
/// ```
///
/// An image has one channel. Units are dropped in the hidden layers of the perceptron only. What
/// the last convolution gives is flattened channel by channel, row by row.
#[derive(Module, Debug)]
pub struct ConvolutionalNetwork {
    /// From the image on.
    pub convolutions: Vec<ConvolutionLayer>,
    /// The hidden layers and the output.
    pub head: Mlp,
    #[module(skip)]
    pub(crate) image: [usize; 2],
}

impl ConvolutionalNetwork {
    /// A network for images of `[height, width]` pixels and so many classes.
    ///
    /// `normal` gives numbers of mean 0 and variance 1: one for each weight of the convolutions,
    /// from the image on, in the order of `[channels, channels of the input, row, column]`; then
    /// those of the head, as in [`Mlp::new`]. Biases start at 0. The deviation of a convolution's
    /// weights is that of a layer with as many inputs as its kernel has numbers, all channels of
    /// the input together.
    ///
    /// # Errors
    ///
    /// Names the setting that is out of its bounds.
    pub fn new(
        config: &MlpConfig,
        image: [usize; 2],
        outputs: usize,
        device: &Device,
        normal: &mut dyn FnMut() -> f64,
    ) -> Result<Self, InvalidModel> {
        config.check()?;
        let sizes = sizes(&config.convolutions, image)?;
        let mut channels = 1;
        let mut convolutions = Vec::with_capacity(sizes.len());
        for convolution in &config.convolutions {
            let initialization = config.initialization;
            let layer =
                ConvolutionLayer::new(convolution, channels, initialization, device, normal);
            convolutions.push(layer);
            channels = convolution.channels;
        }
        let [height, width] = sizes.last().copied().unwrap_or(image);
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

    /// Training: the logits, `[batch, outputs]`, of `images`, `[batch, height * width]`. Units of
    /// the head are dropped as `keep_mask` says, as in [`Mlp::forward`].
    ///
    /// # Panics
    ///
    /// Images of another size than the network's or a mask of another length than asked for.
    pub fn forward(&mut self, images: Tensor<2>, keep_mask: &mut KeepMask<'_>) -> Tensor<2> {
        let features = self.features(images);
        self.head.forward(features, keep_mask)
    }

    /// Evaluation: the logits, `[batch, outputs]`, of `images`, `[batch, height * width]`. Nothing
    /// is dropped and nothing changes.
    ///
    /// # Panics
    ///
    /// Images of another size than the network's.
    pub fn evaluate(&self, images: Tensor<2>) -> Tensor<2> {
        self.head.evaluate(self.features(images))
    }

    /// Evaluation: what each layer but the last gives, from the image on: of a convolution after
    /// its pooling, `[batch, channels * height * width]`, of a hidden layer after its activation,
    /// `[batch, units]`.
    ///
    /// # Panics
    ///
    /// Images of another size than the network's.
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

    /// The penalty over the weights of all layers, `[1]`, to be added to the loss, as
    /// [`Mlp::penalty`]; nothing where there is no decay.
    pub fn penalty(&self) -> Option<Tensor<1>> {
        let weights = self.convolutions.iter();
        let weights = weights.map(|layer| layer.weight.val());
        let own = penalty(weights, self.head.weight_decay, self.head.l1_decay);
        match (self.head.penalty(), own) {
            (Some(head), Some(own)) => Some(head + own),
            (head, own) => head.or(own),
        }
    }

    /// What the convolutions make of `[batch, height * width]`, flattened.
    fn features(&self, images: Tensor<2>) -> Tensor<2> {
        let ([_, found], [height, width]) = (images.dims(), self.image);
        let pixels = height * width;
        assert_eq!(
            found, pixels,
            "images of {found} pixels for a network of {pixels}"
        );
        #[cfg(feature = "flex")]
        if let Some(features) = self.fused_features(&images) {
            return features;
        }
        self.features_by_tensors(images)
    }

    /// The same by Burn's tensors: any backend, any type.
    pub(crate) fn features_by_tensors(&self, images: Tensor<2>) -> Tensor<2> {
        let mut x = self.as_pixels(images);
        for layer in &self.convolutions {
            x = layer.forward(x, self.head.activation);
        }
        x.flatten(1, 3)
    }

    /// `[batch, height * width]` to `[batch, 1, height, width]`.
    fn as_pixels(&self, images: Tensor<2>) -> Tensor<4> {
        let [height, width] = self.image;
        let batch = images.dims()[0];
        images.reshape([batch, 1, height, width])
    }
}
