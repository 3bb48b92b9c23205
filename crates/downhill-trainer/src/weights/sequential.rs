//! The names of parameters in PyTorch's `nn.Sequential`.

use burn::nn::Linear;
use downhill_model::{BatchNorm, ConvolutionLayer, Mlp, MlpConfig, Network};

use super::places::{Place, Transposed};

/// The modules of a sequence, numbered from 0 as they are added.
#[derive(Default)]
pub(super) struct Sequential<'a> {
    /// The parameters by name.
    pub(super) places: Vec<(String, Box<dyn Place + 'a>)>,
    /// Names of batch counts, which have no parameter here.
    pub(super) batch_counts: Vec<String>,
    modules: usize,
}

impl<'a> Sequential<'a> {
    /// Names the parameters of the network made from this config. A new kind of layer needs a
    /// method below and a call here.
    pub(super) fn of(config: &MlpConfig, network: &'a mut Network) -> Self {
        let mut sequence = Self::default();
        match network {
            Network::Mlp(mlp) => sequence.mlp(config, mlp),
            Network::Convolutional(network) => {
                // Unflatten.
                sequence.without_parameters();
                let settings = config.convolutions.iter();
                for (layer, settings) in network.convolutions.iter_mut().zip(settings) {
                    sequence.convolution(layer);
                    // The activation.
                    sequence.without_parameters();
                    if settings.pool > 1 {
                        sequence.without_parameters();
                    }
                }
                // Flatten.
                sequence.without_parameters();
                sequence.mlp(config, &mut network.head);
            }
        }
        sequence
    }

    fn mlp(&mut self, config: &MlpConfig, network: &'a mut Mlp) {
        for layer in &mut network.hidden {
            self.linear(&mut layer.linear);
            if let Some(norm) = &mut layer.norm {
                self.batch_norm(norm);
            }
            // The activation.
            self.without_parameters();
            if config.dropout.probability > 0.0 {
                self.without_parameters();
            }
        }
        self.linear(&mut network.output);
    }

    /// `nn.Conv2d`.
    fn convolution(&mut self, layer: &'a mut ConvolutionLayer) {
        self.place("weight", &mut layer.weight);
        self.place("bias", &mut layer.bias);
        self.modules += 1;
    }

    /// `nn.Linear`.
    fn linear(&mut self, layer: &'a mut Linear) {
        self.place("weight", Transposed(&mut layer.weight));
        if let Some(bias) = &mut layer.bias {
            self.place("bias", bias);
        }
        self.modules += 1;
    }

    /// `nn.BatchNorm1d`.
    fn batch_norm(&mut self, norm: &'a mut BatchNorm) {
        self.place("weight", &mut norm.scale);
        self.place("bias", &mut norm.shift);
        self.place("running_mean", &mut norm.running_mean);
        self.place("running_var", &mut norm.running_variance);
        self.batch_counts.push(self.name("num_batches_tracked"));
        self.modules += 1;
    }

    /// A module without parameters.
    fn without_parameters(&mut self) {
        self.modules += 1;
    }

    fn place(&mut self, parameter: &str, place: impl Place + 'a) {
        self.places.push((self.name(parameter), Box::new(place)));
    }

    fn name(&self, parameter: &str) -> String {
        format!("{}.{parameter}", self.modules)
    }
}
