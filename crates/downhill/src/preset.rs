//! Whose settings a config begins with.

use core::fmt;

use serde::{Deserialize, Serialize};

/// A library whose settings fill a config in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// "Deep Learning from Scratch" (Koki Saitoh), `common/optimizer.py`.
    Book,
    /// The book's Theano cousin, `dnn/optimizers.py` of deep-learning-theano.
    Theano,
    /// PyTorch 2.
    Torch,
    /// Keras 3.15.
    Keras,
    /// optax 0.2.8.
    Optax,
    /// Burn 0.22.1.
    Burn,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Book,
        Self::Theano,
        Self::Torch,
        Self::Keras,
        Self::Optax,
        Self::Burn,
    ];

    /// As a config file names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Book => "book",
            Self::Theano => "theano",
            Self::Torch => "torch",
            Self::Keras => "keras",
            Self::Optax => "optax",
            Self::Burn => "burn",
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A library that does not have the optimizer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("preset must be one of {}, got {preset}: {optimizer} is not in it", Names(.presets))]
#[non_exhaustive]
pub struct UnknownPreset {
    /// The optimizer's name in a config.
    pub optimizer: &'static str,
    /// The preset asked for.
    pub preset: Preset,
    /// The presets that there are.
    pub presets: &'static [Preset],
}

struct Names<'a>(&'a [Preset]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, preset) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(formatter, "{comma}{preset}")?;
        }
        Ok(())
    }
}
