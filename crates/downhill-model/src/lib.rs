//! The networks of the downhill laboratory.
//!
//! - [`Mlp`] is a multilayer perceptron for classification.
//! - [`ConvolutionalNetwork`] puts convolutions with max pooling before an `Mlp`.
//! - [`Network`] is either of them, as its config says.
//! - [`Ensemble`] computes several `Mlp`s of the same shape at once, for GPUs.
//! - [`Autoencoder`] pre-trains a hidden layer of an `Mlp`.
//!
//! [`MlpConfig`] holds the settings of a network: widths, [`Activation`], [`Initialization`],
//! [`BatchNormConvention`], [`DropoutConfig`] and penalties on the weights. [`loss`] has the
//! softmax cross-entropy, [`DecaySplit`] separates weights from biases for weight decay, and
//! [`gradient_check`] compares every gradient with a numerical one.
//!
//! The crate depends on Burn and on none of the other crates of this project. It draws no random
//! numbers: the caller supplies the numbers of the initial weights and the dropout masks, so a
//! network is the same on every backend.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use downhill_model::{Mlp, MlpConfig, loss};
//!
//! let config = MlpConfig { hidden: vec![5], ..MlpConfig::default() };
//! let mut numbers = (0..).map(|n| f64::from(n % 7) - 3.0);
//! let mut normal = || numbers.next().unwrap_or(0.0);
//! let mut mlp = Mlp::new(&config, 4, 3, &Device::flex().autodiff(), &mut normal)?;
//!
//! let images = Tensor::<2>::ones([2, 4], &Device::flex().autodiff());
//! let targets = loss::one_hot(&[0, 2], 3, &images.device());
//! let mut keep_all = |length: usize, _keep_probability: f64| vec![1.0; length];
//! let logits = mlp.forward(images, &mut keep_all);
//! let loss = loss::cross_entropy(logits, targets);
//! assert!(loss.clone().into_scalar::<f32>() > 0.0);
//! assert!(mlp.output.weight.val().grad(&loss.backward()).is_some());
//! # Ok::<(), downhill_model::InvalidModel>(())
//! ```

mod activation;
mod autoencoder;
mod batch_norm;
mod config;
mod convolution;
mod convolutional_network;
mod decay;
mod dropout;
mod ensemble;
#[cfg(feature = "flex")]
mod fused;
mod gradient_check;
mod initialization;
mod invalid_model;
pub mod loss;
mod max_norm;
mod mlp;
mod network;
mod pixel_scale;

pub use activation::Activation;
pub use autoencoder::{Autoencoder, Reconstruction};
pub use batch_norm::{BatchNorm, BatchNormConvention};
pub use config::MlpConfig;
pub use convolution::{ConvolutionConfig, ConvolutionLayer};
pub use convolutional_network::ConvolutionalNetwork;
pub use decay::DecaySplit;
pub use dropout::{DropoutConfig, DropoutKind, KeepMask};
pub use ensemble::{
    Ensemble, EnsembleLayer, EnsembleLinear, EnsembleNorm, InvalidEnsemble, MemberMask,
};
#[cfg(feature = "flex")]
pub use fused::{KnownGradients, SparseImages};
pub use gradient_check::{CheckedGradient, gradient_check};
pub use initialization::Initialization;
pub use invalid_model::InvalidModel;
pub use mlp::{HiddenLayer, Mlp};
pub use network::Network;
pub use pixel_scale::PixelScale;
