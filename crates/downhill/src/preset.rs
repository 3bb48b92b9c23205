//! Presets: the library whose defaults a config starts from.

use core::fmt;

use serde::{Deserialize, Serialize};

/// A library whose defaults a config starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Preset {
    /// "Deep Learning from Scratch" (Koki Saitoh), `common/optimizer.py`.
    Book,
    /// The version of the book's code for Theano, `dnn/optimizers.py` of deep-learning-theano.
    Theano,
    /// PyTorch 2.
    Torch,
    /// Keras 3.15.
    Keras,
    /// optax 0.2.8.
    Optax,
    /// Burn 0.22.1.
    Burn,
    /// pytorch_optimizer 4.1.0.
    #[serde(rename = "pytorch-optimizer")]
    PytorchOptimizer,
}

impl Preset {
    /// All presets.
    pub const ALL: &'static [Self] = &[
        Self::Book,
        Self::Theano,
        Self::Torch,
        Self::Keras,
        Self::Optax,
        Self::Burn,
        Self::PytorchOptimizer,
    ];

    /// Returns the name in a config file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Book => "book",
            Self::Theano => "theano",
            Self::Torch => "torch",
            Self::Keras => "keras",
            Self::Optax => "optax",
            Self::Burn => "burn",
            Self::PytorchOptimizer => "pytorch-optimizer",
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A preset that an optimizer does not have, because its library does not have the optimizer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{optimizer} has no preset `{preset}`; {}", Names(.presets))]
#[non_exhaustive]
pub struct UnknownPreset {
    /// The optimizer's name in a config.
    pub optimizer: &'static str,
    /// The preset asked for.
    pub preset: Preset,
    /// The presets that the optimizer has.
    pub presets: &'static [Preset],
}

struct Names<'a>(&'a [Preset]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return formatter.write_str("it has none: write its settings");
        }
        formatter.write_str("choose one of ")?;
        for (index, preset) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(formatter, "{comma}{preset}")?;
        }
        Ok(())
    }
}
