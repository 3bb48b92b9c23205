//! MNIST and other IDX image sets, with seeded splits and batches.
//!
//! [`load_mnist`] returns the MNIST that ships inside the crate. [`load_directory`] reads any other
//! set of four IDX files, raw or gzip, or of PNG files in a folder for each class: training and
//! test images of 1 to 4 channels with labels from 0 to 999. [`load`] knows several sets by name.
//! Pixels stay bytes; the crate knows no tensors. Every file is checked to its last byte, and a bad
//! one gives a [`DataError`] that names the file and the byte.
//!
//! Every random number of an experiment comes from a [`Stream`], keyed by a seed, a [`Purpose`] and
//! a counter, so any part of a run can be reproduced without replaying the rest.
//!
//! ```
//! use downhill_data::{BatchOrder, Batches, load_mnist, split};
//!
//! let mnist = load_mnist()?;
//! assert_eq!((mnist.train.len(), mnist.test.len()), (60_000, 10_000));
//!
//! let small = mnist.train.select(&split::first(300, mnist.train.len())?)?;
//! let mut batches = Batches::new(BatchOrder::ShuffledEpochs, 7, 100, small.len())?;
//! assert_eq!(batches.updates_per_epoch(), 3);
//! assert_eq!(batches.indices(2).len(), 100);
//! # Ok::<(), downhill_data::DataError>(())
//! ```

mod error;
mod folder;
mod gzip;
mod identity;
pub mod idx;
mod image_set;
mod kind;
mod named;
mod order;
mod pair;
#[cfg(test)]
mod small_set;
mod source;
pub mod split;
mod stream;

pub use error::DataError;
pub use identity::{FileIdentity, PairIdentity, Role, hex};
pub use image_set::ImageSet;
#[cfg(feature = "dataset")]
pub use image_set::LabelledImage;
#[cfg(feature = "embedded")]
pub use named::load;
pub use named::{DEFAULT_SOURCE, source_names};
pub use order::{BatchOrder, Batches};
#[cfg(feature = "embedded")]
pub use pair::load_mnist;
pub use pair::{DEFAULT_LIMIT, Duplicates, ImagePair, load_directory, load_directory_within};
pub use source::decompress;
pub use stream::{Purpose, Stream};
