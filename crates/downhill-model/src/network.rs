//! A multilayer perceptron or a convolutional network.

use burn::module::{Devices, Module, ModuleMapper, ModuleVisitor};
use burn::tensor::{Device, Tensor};

use crate::{ConvolutionalNetwork, InvalidModel, KeepMask, Mlp, MlpConfig};

/// A network for classification, made from an [`MlpConfig`]: convolutional if the config has
/// convolutions, otherwise a multilayer perceptron. Its parameters have the paths of the network
/// inside.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Network {
    /// A multilayer perceptron.
    Mlp(Mlp),
    /// A convolutional network.
    Convolutional(ConvolutionalNetwork),
}

/// Evaluates an expression for the network inside.
macro_rules! of_each {
    ($network:expr, $one:ident => $value:expr) => {
        match $network {
            Network::Mlp($one) => $value,
            Network::Convolutional($one) => $value,
        }
    };
}

/// Maps the network inside.
macro_rules! map_each {
    ($network:expr, $one:ident => $value:expr) => {
        match $network {
            Network::Mlp($one) => Network::Mlp($value),
            Network::Convolutional($one) => Network::Convolutional($value),
        }
    };
}

impl Network {
    /// Makes a network for images of `[channels, height, width]` and `outputs` classes with
    /// [`Mlp::new`] or [`ConvolutionalNetwork::new`].
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
        if config.convolutions.is_empty() {
            let inputs = image.iter().product();
            return Mlp::new(config, inputs, outputs, device, normal).map(Self::Mlp);
        }
        ConvolutionalNetwork::new(config, image, outputs, device, normal).map(Self::Convolutional)
    }

    /// Returns the logits, `[batch, outputs]`, of `images`, `[batch, pixels]`, in training. See
    /// [`Mlp::forward`] and [`ConvolutionalNetwork::forward`].
    ///
    /// # Panics
    ///
    /// As these methods.
    pub fn forward(&mut self, images: Tensor<2>, keep_mask: &mut KeepMask<'_>) -> Tensor<2> {
        of_each!(self, network => network.forward(images, keep_mask))
    }

    /// Returns the logits, `[batch, outputs]`, of `images`, `[batch, pixels]`, in evaluation.
    ///
    /// # Panics
    ///
    /// If the images have the wrong size.
    pub fn evaluate(&self, images: Tensor<2>) -> Tensor<2> {
        of_each!(self, network => network.evaluate(images))
    }

    /// Returns the activations of each layer but the last, `[batch, units]`, from input to output,
    /// for `images`, `[batch, pixels]`, in evaluation. See [`Mlp::activations`] and
    /// [`ConvolutionalNetwork::activations`].
    ///
    /// # Panics
    ///
    /// If the images have the wrong size.
    pub fn activations(&self, images: Tensor<2>) -> Vec<Tensor<2>> {
        of_each!(self, network => network.activations(images))
    }

    /// Returns the penalty on the weights of all layers, `[1]`, to be added to the loss. `None` if
    /// the network has none.
    pub fn penalty(&self) -> Option<Tensor<1>> {
        of_each!(self, network => network.penalty())
    }

    /// Bounds the weights as [`Mlp::bounded`] does. The weights of convolutions have no bound.
    #[must_use]
    pub fn bounded(self) -> Self {
        match self {
            Self::Mlp(mlp) => Self::Mlp(mlp.bounded()),
            network => network,
        }
    }

    /// Returns the multilayer perceptron. `None` if the network is convolutional.
    pub fn as_mlp(&self) -> Option<&Mlp> {
        match self {
            Self::Mlp(mlp) => Some(mlp),
            Self::Convolutional(_) => None,
        }
    }

    /// Returns the multilayer perceptron, mutably. `None` if the network is convolutional.
    pub fn as_mlp_mut(&mut self) -> Option<&mut Mlp> {
        match self {
            Self::Mlp(mlp) => Some(mlp),
            Self::Convolutional(_) => None,
        }
    }
}

// Not derived: the derived implementation would put the name of the variant before all paths.
impl Module for Network {
    fn collect_devices(&self, devices: Devices) -> Devices {
        of_each!(self, network => network.collect_devices(devices))
    }

    fn fork(self, device: &Device) -> Self {
        map_each!(self, network => network.fork(device))
    }

    fn to_device(self, device: &Device) -> Self {
        map_each!(self, network => network.to_device(device))
    }

    fn train(self) -> Self {
        map_each!(self, network => network.train())
    }

    fn valid(&self) -> Self {
        map_each!(self, network => network.valid())
    }

    fn materialize(self) -> Self {
        map_each!(self, network => network.materialize())
    }

    fn visit<Visitor: ModuleVisitor>(&self, visitor: &mut Visitor) {
        of_each!(self, network => network.visit(visitor));
    }

    fn map<Mapper: ModuleMapper>(self, mapper: &mut Mapper) -> Self {
        map_each!(self, network => network.map(mapper))
    }
}
