//! What can be wrong with data.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::idx::Kind;

/// What is wrong with a data set or with what was asked of it: the file, the place in it, what was
/// expected, what was found and what to do. Byte offsets count decompressed bytes.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// None of the names under which a file may lie is there.
    #[error(
        "{directory:?}: found none of {}; put the four IDX files there, raw or gzip, or name another \
         directory",
        names.join(", ")
    )]
    Missing {
        /// Where was looked.
        directory: PathBuf,
        /// Every name that was looked for.
        names: Vec<String>,
    },

    /// A directory, a pipe or a device lies where something else is needed.
    #[error(
        "{path:?}: expected {expected}, found {found}; name a directory that holds the four files \
         themselves"
    )]
    WrongFileType {
        /// What was to be opened.
        path: PathBuf,
        /// What was needed, with its article.
        expected: &'static str,
        /// What is there, with its article.
        found: &'static str,
    },

    /// The operating system refused to open or to read a file.
    #[error("{path:?}: cannot be read: {source}; check its path and its permissions")]
    Unreadable {
        /// What was to be read.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },

    /// The files hold more bytes, raw or decompressed, than are allowed.
    #[error(
        "{file:?}: exceeds the limit of {limit} bytes for the four files together; check that this \
         is the file you meant"
    )]
    TooLarge {
        /// The file at which the limit was passed.
        file: PathBuf,
        /// The limit, in bytes.
        limit: u64,
    },

    /// A gzip file stops in the middle.
    #[error(
        "{file:?}: gzip data ends early, after {decoded} decompressed bytes; copy or download it again"
    )]
    GzipTruncated {
        /// The file.
        file: PathBuf,
        /// How many bytes could be decompressed.
        decoded: u64,
    },

    /// Gzip data that cannot be decompressed, or whose checksum is wrong.
    #[error(
        "{file:?}: bad gzip data after {decoded} decompressed bytes: {source}; copy or download it again"
    )]
    GzipCorrupt {
        /// The file.
        file: PathBuf,
        /// How many bytes were decompressed before.
        decoded: u64,
        /// The decompressor's answer.
        source: io::Error,
    },

    /// A gzip file of absurdly many members.
    #[error(
        "{file:?}: expected at most {limit} gzip members, found more; compress it anew in one piece"
    )]
    GzipMembers {
        /// The file.
        file: PathBuf,
        /// The largest number of members that is read.
        limit: usize,
    },

    /// An IDX file that ends within its header.
    #[error(
        "{file:?}: ends at byte {found}, expected a header of {expected} bytes; copy or download it again"
    )]
    HeaderShort {
        /// The file.
        file: PathBuf,
        /// The header's length in bytes, as far as it is known.
        expected: u64,
        /// The file's length in bytes.
        found: u64,
    },

    /// Not an IDX file.
    #[error(
        "{file:?}: byte 0: expected 0x00 0x00, found {:#04x} {:#04x}; this is no IDX file, replace it",
        found[0], found[1]
    )]
    Magic {
        /// The file.
        file: PathBuf,
        /// Its first two bytes.
        found: [u8; 2],
    },

    /// An IDX file of something other than unsigned bytes.
    #[error(
        "{file:?}: byte 2: expected element type 0x08 (unsigned byte), found {found:#04x}; write the \
         file anew with unsigned bytes"
    )]
    ElementType {
        /// The file.
        file: PathBuf,
        /// The element type found.
        found: u8,
    },

    /// An IDX file of another number of dimensions.
    #[error(
        "{file:?}: byte 3: expected {} for {kind}, found {found}; check that the file is what its \
         name says",
        kind.dimensions()
    )]
    Dimensions {
        /// The file.
        file: PathBuf,
        /// What the file should hold.
        kind: Kind,
        /// The number of dimensions found.
        found: u8,
    },

    /// Labels where images should be, or the reverse.
    #[error("{file:?}: byte 3: expected {expected}, found {found}; swap the two files back")]
    Swapped {
        /// The file.
        file: PathBuf,
        /// What the file should hold.
        expected: Kind,
        /// What it does hold.
        found: Kind,
    },

    /// A dimension of zero.
    #[error(
        "{file:?}: byte {offset}: expected a dimension of at least 1, found 0; a set needs at least \
         one image of at least one pixel"
    )]
    ZeroDimension {
        /// The file.
        file: PathBuf,
        /// Where the dimension stands.
        offset: u64,
    },

    /// Dimensions whose product is no possible length.
    #[error(
        "{file:?}: byte 4: expected dimensions whose product fits 64 bits, found {dimensions:?}; copy \
         or download it again"
    )]
    DimensionsOverflow {
        /// The file.
        file: PathBuf,
        /// The dimensions found.
        dimensions: Vec<u32>,
    },

    /// An IDX file that ends before its last element.
    #[error(
        "{file:?}: ends at byte {found}, expected {expected} bytes for {dimensions:?}; copy or download it again"
    )]
    Short {
        /// The file.
        file: PathBuf,
        /// The length that the header announces, in bytes.
        expected: u64,
        /// The file's length in bytes.
        found: u64,
        /// The dimensions in the header.
        dimensions: Vec<u32>,
    },

    /// Bytes after the last element of an IDX file.
    #[error(
        "{file:?}: byte {expected}: expected the end of the file, found {} more bytes; copy or \
         download it again",
        found - expected
    )]
    Trailing {
        /// The file.
        file: PathBuf,
        /// The length that the header announces, in bytes.
        expected: u64,
        /// The file's length in bytes.
        found: u64,
    },

    /// A label that is no digit.
    #[error(
        "{file:?}: byte {offset}: expected a label from 0 to 9, found {found}; sets of more than ten \
         classes are not supported"
    )]
    Label {
        /// The file.
        file: PathBuf,
        /// Where the label stands.
        offset: u64,
        /// The label found.
        found: u8,
    },

    /// Another number of labels than of images.
    #[error(
        "{labels_file:?}: byte 4: expected {images} labels for the images of {images_file:?}, found \
         {labels}; take both files from one set"
    )]
    CountMismatch {
        /// The file of images.
        images_file: PathBuf,
        /// The file of labels.
        labels_file: PathBuf,
        /// How many images there are.
        images: usize,
        /// How many labels there are.
        labels: usize,
    },

    /// Training and test images of different sizes.
    #[error(
        "{test_file:?}: byte 8: expected {}x{} pixels as in {train_file:?}, found {}x{}; take all \
         files from one set",
        train[0], train[1], test[0], test[1]
    )]
    SizeMismatch {
        /// The file of training images.
        train_file: PathBuf,
        /// The file of test images.
        test_file: PathBuf,
        /// Rows and columns of a training image.
        train: [usize; 2],
        /// Rows and columns of a test image.
        test: [usize; 2],
    },

    /// Pixels that do not make whole labelled images.
    #[error("{labels} images of {rows}x{columns} need as many pixels, at least one, got {pixels}")]
    PixelCount {
        /// How many bytes of pixels were given.
        pixels: usize,
        /// How many labels were given.
        labels: usize,
        /// Rows of an image.
        rows: usize,
        /// Columns of an image.
        columns: usize,
    },

    /// A label that is no digit, in a set made in memory.
    #[error("label {index} must lie in [0, 9], got {found}")]
    LabelValue {
        /// The label's place.
        index: usize,
        /// The label.
        found: u8,
    },

    /// An image that is not there.
    #[error("index must lie in [0, {available}), got {index}")]
    Index {
        /// The index asked for.
        index: usize,
        /// How many images there are.
        available: usize,
    },

    /// More images asked for than there are.
    #[error("the sizes of a split must sum to at most {available}, got {requested}")]
    SplitSize {
        /// How many images were asked for.
        requested: usize,
        /// How many there are.
        available: usize,
    },

    /// A batch that is empty or larger than the set it is drawn from.
    #[error("batch must lie in [1, {available}], got {batch}")]
    BatchSize {
        /// The batch size asked for.
        batch: usize,
        /// How many images there are.
        available: usize,
    },
}
