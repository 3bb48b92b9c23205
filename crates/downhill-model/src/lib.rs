//! The networks of the downhill laboratory.
//!
//! [`Mlp`] is a multilayer perceptron for classification, made from an [`MlpConfig`]: widths,
//! [`Activation`], [`Initialization`], [`BatchNormConvention`], [`DropoutConfig`] and an L2 penalty
//! on the weights. [`loss`] holds the softmax cross-entropy, [`DecaySplit`] the two groups of
//! parameters that a decay tells apart. An [`Ensemble`] is several of these networks as one.
//!
//! A [`ConvolutionalNetwork`] has convolutions with max pooling before an `Mlp`; a [`Network`] is
//! whichever the config asks for. An [`Autoencoder`] trains a hidden layer before the whole is
//! trained. [`gradient_check`] compares every gradient here with a numerical one.
//!
//! The crate knows Burn and nothing else. It draws no random number: who makes a network hands in
//! the source of its initial weights, who trains it the source of its dropout masks. With the same
//! numbers a network is the same on every backend.
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
pub mod loss;
mod max_norm;
mod mlp;
mod network;
mod pixel_scale;

pub use activation::Activation;
pub use autoencoder::{Autoencoder, Reconstruction};
pub use batch_norm::{BatchNorm, BatchNormConvention};
pub use config::{InvalidModel, MlpConfig};
pub use convolution::{ConvolutionConfig, ConvolutionLayer};
pub use convolutional_network::ConvolutionalNetwork;
pub use decay::DecaySplit;
pub use dropout::{DropoutConfig, DropoutKind, KeepMask};
pub use ensemble::{Ensemble, EnsembleLayer, EnsembleLinear, EnsembleNorm, MemberMask, NoEnsemble};
#[cfg(feature = "flex")]
pub use fused::{KnownGradients, SparseImages};
pub use gradient_check::{GradientRow, gradient_check};
pub use initialization::Initialization;
pub use mlp::{HiddenLayer, Mlp};
pub use network::Network;
pub use pixel_scale::PixelScale;
