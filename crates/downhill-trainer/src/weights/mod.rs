//! Trained networks as files that PyTorch reads, and back.
//!
//! A file is in the [safetensors] format: names, shapes and little-endian numbers, nothing that
//! could be run. The names are those of the `state_dict` of this `torch.nn.Sequential`, whose
//! modules are numbered from 0:
//!
//! ```text
//! where there are convolutions:
//!     Unflatten(1, (1, height, width))
//!     for each:
//!         Conv2d(inputs, channels, kernel, padding=padding)
//!         ReLU(), Sigmoid() or Tanh()
//!         MaxPool2d(pool)             unless pool is 1
//!     Flatten()
//! for each hidden layer:
//!     Linear(inputs, units)
//!     BatchNorm1d(units, eps)         where the network has batch normalization:
//!                                     eps is 1e-5, or 1e-6 by the book's convention
//!     ReLU(), Sigmoid() or Tanh()
//!     Dropout(p)                      where the probability is not 0
//! Linear(units, 10)
//! ```
//!
//! | name | shape | here |
//! | --- | --- | --- |
//! | `N.weight` of a `Linear` | `[outputs, inputs]` | transposed: Burn keeps `[inputs, outputs]` |
//! | `N.bias` | `[outputs]` | |
//! | `N.weight`, `N.bias` of a `Conv2d` | `[channels, inputs, kernel, kernel]`, `[channels]` | |
//! | `N.weight`, `N.bias` of a `BatchNorm1d` | `[units]` | scale and shift |
//! | `N.running_mean`, `N.running_var` | `[units]` | running mean and variance |
//! | `N.num_batches_tracked` | `[]`, `i64` | the number of updates; not read |
//!
//! All others are `f32`. Images are rows of pixels from 0 to 1, 784 of them for MNIST.
//!
//! Classic dropout, the book's kind, scales by `1 - p` in evaluation, which PyTorch's `Dropout` does
//! not: there a module with that forward pass takes its place. The weights are not changed for it.
//!
//! The file's metadata have one key, `downhill`: JSON of the run, its config and the widths of
//! input and output. (One, because the format has them in no order and files are to repeat.)
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
