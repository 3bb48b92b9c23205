//! Trained networks as files for PyTorch, written and read.
//!
//! Files are in the [safetensors] format: names, shapes and little-endian numbers, no code. The
//! names are those of the `state_dict` of this `torch.nn.Sequential`, whose modules are numbered
//! from 0:
//!
//! ```text
//! with convolutions:
//!     Unflatten(1, (1, height, width))
//!     for each:
//!         Conv2d(inputs, channels, kernel, padding=padding)
//!         ReLU(), Sigmoid() or Tanh()
//!         MaxPool2d(pool)             unless pool is 1
//!     Flatten()
//! for each hidden layer:
//!     Linear(inputs, units)
//!     BatchNorm1d(units, eps)         with batch normalization; eps is 1e-5, or 1e-6 by the
//!                                     book's convention
//!     ReLU(), Sigmoid() or Tanh()
//!     Dropout(p)                      unless the probability is 0
//! Linear(units, 10)
//! ```
//!
//! | name | shape | here |
//! | --- | --- | --- |
//! | `N.weight` of a `Linear` | `[outputs, inputs]` | transposed: Burn stores `[inputs, outputs]` |
//! | `N.bias` | `[outputs]` | |
//! | `N.weight`, `N.bias` of a `Conv2d` | `[channels, inputs, kernel, kernel]`, `[channels]` | |
//! | `N.weight`, `N.bias` of a `BatchNorm1d` | `[units]` | scale and shift |
//! | `N.running_mean`, `N.running_var` | `[units]` | running mean and variance |
//! | `N.num_batches_tracked` | `[]`, `i64` | the number of updates; not read |
//!
//! If all names begin with `_orig_mod.`, `module.`, `model.` or `net.`, that is left out.
//!
//! All others are `f32`. Images are rows of pixels in \[0, 1\], 784 for MNIST.
//!
//! Classic dropout, as in the book, scales by `1 - p` in evaluation. PyTorch's `Dropout` does not,
//! so use a module with that forward pass in its place. The saved weights are not scaled.
//!
//! The metadata have a single key, `downhill`: JSON of the run, its config and the widths of input
//! and output. (A single one, because the format does not order keys and files should be equal byte
//! for byte.)
//!
//! [safetensors]: https://github.com/huggingface/safetensors

mod decode;
mod encode;
mod metadata;
mod places;
mod sequential;
#[cfg(all(test, feature = "flex"))]
mod tests;

pub use decode::decode;
pub use encode::encode;
pub use metadata::{Metadata, metadata};
