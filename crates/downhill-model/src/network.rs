//! Either kind of network.

use burn::module::{Devices, Module, ModuleMapper, ModuleVisitor};
use burn::tensor::{Device, Tensor};

use crate::{ConvolutionalNetwork, InvalidModel, KeepMask, Mlp, MlpConfig};

/// A network for classification, made from an [`MlpConfig`]: convolutional where that names
/// convolutions, a multilayer perceptron otherwise. As a module it has the paths of the one that it
/// is.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Network {
    /// Hidden layers alone.
    Mlp(Mlp),
    /// Convolutions before them.
    Convolutional(ConvolutionalNetwork),
}

/// The same of whichever network it is.
macro_rules! of_each {
    ($network:expr, $one:ident => $value:expr) => {
        match $network {
            Network::Mlp($one) => $value,
            Network::Convolutional($one) => $value,
        }
    };
}

/// The network that this makes of whichever it is.
macro_rules! map_each {
    ($network:expr, $one:ident => $value:expr) => {
        match $network {
            Network::Mlp($one) => Network::Mlp($value),
            Network::Convolutional($one) => Network::Convolutional($value),
        }
    };
}

impl Network {
    /// A network for images of `[height, width]` pixels and so many classes, by [`Mlp::new`] or
    /// [`ConvolutionalNetwork::new`].
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
        if config.convolutions.is_empty() {
            let inputs = image[0] * image[1];
            return Mlp::new(config, inputs, outputs, device, normal).map(Self::Mlp);
        }
        ConvolutionalNetwork::new(config, image, outputs, device, normal).map(Self::Convolutional)
    }

    /// Training: the logits, `[batch, outputs]`, of `images`, `[batch, pixels]`; see
    /// [`Mlp::forward`] and [`ConvolutionalNetwork::forward`].
    ///
    /// # Panics
    ///
    /// As those do.
    pub fn forward(&mut self, images: Tensor<2>, keep_mask: &mut KeepMask<'_>) -> Tensor<2> {
        of_each!(self, network => network.forward(images, keep_mask))
    }

    /// Evaluation: the logits, `[batch, outputs]`, of `images`, `[batch, pixels]`.
    ///
    /// # Panics
    ///
    /// Images of another size than the network's.
    pub fn evaluate(&self, images: Tensor<2>) -> Tensor<2> {
        of_each!(self, network => network.evaluate(images))
    }

    /// Evaluation: what each layer but the last gives for `images`, `[batch, pixels]`, from the
    /// input on, `[batch, units]` each; see [`Mlp::activations`] and
    /// [`ConvolutionalNetwork::activations`].
    ///
    /// # Panics
    ///
    /// Images of another size than the network's.
    pub fn activations(&self, images: Tensor<2>) -> Vec<Tensor<2>> {
        of_each!(self, network => network.activations(images))
    }

    /// The penalty on the weights of all layers, `[1]`, to be added to the loss; nothing where
    /// there is no weight decay.
    pub fn penalty(&self) -> Option<Tensor<1>> {
        of_each!(self, network => network.penalty())
    }

    /// The network with its weights bounded, as [`Mlp::bounded`]; those of convolutions never are.
    #[must_use]
    pub fn bounded(self) -> Self {
        match self {
            Self::Mlp(mlp) => Self::Mlp(mlp.bounded()),
            network => network,
        }
    }

    /// The perceptron, where it is nothing else: for what is faster on that.
    pub fn as_mlp(&self) -> Option<&Mlp> {
        match self {
            Self::Mlp(mlp) => Some(mlp),
            Self::Convolutional(_) => None,
        }
    }

    /// The same, to be changed.
    pub fn as_mlp_mut(&mut self) -> Option<&mut Mlp> {
        match self {
            Self::Mlp(mlp) => Some(mlp),
            Self::Convolutional(_) => None,
        }
    }
}

// Not derived, for the derived one puts the variant's name before all paths.
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
