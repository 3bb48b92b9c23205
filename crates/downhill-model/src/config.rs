//! Settings of a network.

use serde::{Deserialize, Serialize};

use crate::{
    Activation, BatchNormConvention, ConvolutionConfig, DropoutConfig, Initialization,
    InvalidModel, convolution,
};

/// Settings of a [`Network`](crate::Network). Without convolutions it is an [`Mlp`](crate::Mlp).
/// The numbers of inputs and outputs follow from the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct MlpConfig {
    /// Convolutions with pooling before the hidden layers, from input to output. They exclude batch
    /// normalization.
    pub convolutions: Vec<ConvolutionConfig>,
    /// Number of units of each hidden layer, from input to output. An empty list gives a softmax
    /// regression.
    pub hidden: Vec<usize>,
    /// Activation of the hidden units.
    pub activation: Activation,
    /// Standard deviation of the initial weights.
    pub initialization: Initialization,
    /// Batch normalization of each hidden layer, before its activation.
    pub batch_norm: BatchNormConvention,
    /// Dropout after the activation of each hidden layer.
    pub dropout: DropoutConfig,
    /// Coefficient `lambda` of the penalty `lambda / 2 * sum(w^2)`, which is added to the loss. The
    /// sum is over the weights of all layers, without biases and batch normalization. At least 0.
    pub weight_decay: f64,
    /// Coefficient `lambda` of the penalty `lambda * sum(|w|)` over the same weights. At least 0.
    pub l1_decay: f64,
    /// Largest norm of the incoming weights of a hidden unit. Longer weight vectors are scaled down
    /// to it after each update. 0 sets no limit. Excludes convolutions.
    pub max_norm: f64,
}

impl Default for MlpConfig {
    /// One hidden layer of 50 ReLU units, He initialization, no regularization.
    fn default() -> Self {
        Self {
            convolutions: Vec::new(),
            hidden: vec![50],
            activation: Activation::Relu,
            initialization: Initialization::He,
            batch_norm: BatchNormConvention::None,
            dropout: DropoutConfig::default(),
            weight_decay: 0.0,
            l1_decay: 0.0,
            max_norm: 0.0,
        }
    }
}

impl MlpConfig {
    /// Checks every setting against its bounds.
    ///
    /// # Errors
    ///
    /// If a setting is out of bounds. The error names the setting, its bound and its value.
    pub fn check(&self) -> Result<(), InvalidModel> {
        for (number, convolution) in self.convolutions.iter().enumerate() {
            convolution.check(number)?;
        }
        if !self.convolutions.is_empty() && self.batch_norm != BatchNormConvention::None {
            let must = "be \"none\" in a network with convolutions";
            let value = match self.batch_norm {
                BatchNormConvention::Torch => "\"torch\"",
                BatchNormConvention::Book | BatchNormConvention::None => "\"book\"",
            };
            return Err(InvalidModel::new("batch_norm", must, &value));
        }
        if self.hidden.contains(&0) {
            return Err(InvalidModel::new(
                "hidden",
                "contain only widths of at least 1",
                &0,
            ));
        }
        if let Initialization::Std(std) = self.initialization
            && !(std.is_finite() && std >= 0.0)
        {
            let must = "be finite and at least 0";
            return Err(InvalidModel::new("initialization.std", must, &std));
        }
        for (key, value) in [
            ("weight_decay", self.weight_decay),
            ("l1_decay", self.l1_decay),
            ("max_norm", self.max_norm),
        ] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(InvalidModel::new(key, "be finite and at least 0", &value));
            }
        }
        for (key, value) in [
            ("max_norm", self.max_norm),
            ("dropout.input_probability", self.dropout.input_probability),
        ] {
            if !self.convolutions.is_empty() && value != 0.0 {
                return Err(InvalidModel::new(
                    key,
                    "be 0 in a network with convolutions",
                    &value,
                ));
            }
        }
        self.dropout.check()
    }

    /// Like [`check`](Self::check), for images of `[channels, height, width]`, into which the
    /// convolutions must fit.
    ///
    /// # Errors
    ///
    /// If a setting is out of bounds. The error names the setting, its bound and its value.
    pub fn check_for(&self, image: [usize; 3]) -> Result<(), InvalidModel> {
        self.check()?;
        let [_, height, width] = image;
        convolution::sizes(&self.convolutions, [height, width]).map(|_| ())
    }

    /// Number of weights and biases of the network for images of `[channels, height, width]`.
    /// `None` if it overflows or the convolutions do not fit into the image.
    pub fn parameters(&self, image: [usize; 3], outputs: usize) -> Option<usize> {
        let [mut channels, height, width] = image;
        let sizes = convolution::sizes(&self.convolutions, [height, width]).ok()?;
        let mut sum = 0_usize;
        for convolution in &self.convolutions {
            let kernel = convolution.kernel.checked_pow(2)?.checked_mul(channels)?;
            let layer = kernel.checked_add(1)?.checked_mul(convolution.channels)?;
            sum = sum.checked_add(layer)?;
            channels = convolution.channels;
        }
        let [height, width] = sizes.last().copied().unwrap_or([height, width]);
        let mut inputs = channels.checked_mul(height.checked_mul(width)?)?;
        for &units in self.hidden.iter().chain([&outputs]) {
            let layer = inputs.checked_add(1)?.checked_mul(units)?;
            sum = sum.checked_add(layer)?;
            inputs = units;
        }
        Some(sum)
    }
}
