//! A network as PyTorch's `nn.Sequential`: which parameter has which name.

use burn::nn::Linear;
use downhill_model::{BatchNorm, Mlp, MlpConfig};

use super::places::{Place, Transposed};

/// The modules of a sequence, numbered from 0 as they are added.
#[derive(Default)]
pub(super) struct Sequential<'a> {
    /// By name.
    pub(super) places: Vec<(String, Box<dyn Place + 'a>)>,
    /// Names of counts of batches, which nothing here has a place for.
    pub(super) batch_counts: Vec<String>,
    modules: usize,
}

impl<'a> Sequential<'a> {
    /// The network made from this config. Another kind of layer is a function below and its call
    /// here.
    pub(super) fn of(config: &MlpConfig, network: &'a mut Mlp) -> Self {
        let mut sequence = Self::default();
        for layer in &mut network.hidden {
            sequence.linear(&mut layer.linear);
            if let Some(norm) = &mut layer.norm {
                sequence.batch_norm(norm);
            }
            // The activation.
            sequence.without_parameters();
            if config.dropout.probability > 0.0 {
                sequence.without_parameters();
            }
        }
        sequence.linear(&mut network.output);
        sequence
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

    /// A module that only takes a number.
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
