//! Errors in data sets and in the use of them.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::kind::Kind;

/// An error in a data set or in a request for part of it.
///
/// The message of a bad file names the file, the byte, what was expected, what was found and what
/// to do. Byte offsets count decompressed bytes.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file of the set does not exist under any of its names.
    #[error(
        "{directory}: no file named {}; put the four IDX files, raw or gzip, into this directory, or \
         choose another directory",
        names.join(", ")
    )]
    Missing {
        /// The directory searched.
        directory: PathBuf,
        /// Every name tried.
        names: Vec<String>,
    },

    /// A path of the wrong type, such as a directory in place of a file, a pipe or a device.
    #[error(
        "{path}: expected {expected}, found {found}; choose a directory that contains the four IDX \
         files"
    )]
    WrongFileType {
        /// The path.
        path: PathBuf,
        /// The expected type, with its article.
        expected: &'static str,
        /// The type found, with its article.
        found: &'static str,
    },

    /// A file or directory that the operating system refused to open or read.
    #[error("{path}: cannot read: {source}; check the path and its permissions")]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },

    /// More bytes, raw or decompressed, than allowed.
    #[error(
        "{file}: the file exceeds the limit of {limit} bytes; check that this is the right file"
    )]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The limit, in bytes.
        limit: u64,
    },

    /// A gzip file that ends early.
    #[error(
        "{file}: the gzip data end early, after {decoded} decompressed bytes; copy or download the \
         file again"
    )]
    GzipTruncated {
        /// The file.
        file: PathBuf,
        /// The number of bytes decompressed before the end.
        decoded: u64,
    },

    /// Bytes after gzip data that are no gzip data.
    #[error(
        "{file}: bytes that are not gzip follow the gzip data, which hold {decoded} bytes; copy or \
         download the file again"
    )]
    GzipTrailing {
        /// The file.
        file: PathBuf,
        /// The number of bytes decompressed before them.
        decoded: u64,
    },

    /// Gzip data that cannot be decompressed, or whose checksum is wrong.
    #[error(
        "{file}: invalid gzip data after {decoded} decompressed bytes: {source}; copy or download \
         the file again"
    )]
    GzipCorrupt {
        /// The file.
        file: PathBuf,
        /// The number of bytes decompressed before the error.
        decoded: u64,
        /// The decompressor's error.
        source: io::Error,
    },

    /// A gzip file with too many members.
    #[error(
        "{file}: expected at most {limit} gzip members, found more; recompress the file as a single \
         member"
    )]
    GzipMembers {
        /// The file.
        file: PathBuf,
        /// The largest number of members accepted.
        limit: usize,
    },

    /// An IDX file that ends within its header.
    #[error(
        "{file}: the file ends at byte {found}, within its header of {expected} bytes; copy or \
         download the file again"
    )]
    HeaderShort {
        /// The file.
        file: PathBuf,
        /// The length of the header as far as it is known, in bytes.
        expected: u64,
        /// The length of the file, in bytes.
        found: u64,
    },

    /// A file that is not an IDX file.
    #[error(
        "{file}: byte 0: expected 0x00 0x00, found {:#04x} {:#04x}; {}",
        found[0], found[1], not_idx(*found)
    )]
    Magic {
        /// The file.
        file: PathBuf,
        /// The first two bytes of the file.
        found: [u8; 2],
    },

    /// An IDX file whose elements are not unsigned bytes or, for labels, integers.
    #[error(
        "{file}: byte 2: expected {}, found {found:#04x}; convert the file to unsigned bytes",
        match kind {
            Kind::Images => "element type 0x08 (unsigned byte)",
            Kind::Labels => "an integer type (0x08, 0x09, 0x0b or 0x0c)",
        }
    )]
    ElementType {
        /// The file.
        file: PathBuf,
        /// The expected content.
        kind: Kind,
        /// The element type found.
        found: u8,
    },

    /// An IDX file with the wrong number of dimensions.
    #[error(
        "{file}: byte 3: expected {} or {} for {kind}, found {found}; check that the content matches \
         the file name",
        kind.dimensions().start(), kind.dimensions().end()
    )]
    Dimensions {
        /// The file.
        file: PathBuf,
        /// The expected content.
        kind: Kind,
        /// The number of dimensions found.
        found: u8,
    },

    /// A file of labels in place of a file of images, or the reverse.
    #[error("{file}: byte 3: expected {expected}, found {found}; swap the two files")]
    Swapped {
        /// The file.
        file: PathBuf,
        /// The expected content.
        expected: Kind,
        /// The content found.
        found: Kind,
    },

    /// A dimension of zero.
    #[error(
        "{file}: byte {offset}: expected a dimension of at least 1, found 0; a set needs at least \
         one image with at least one pixel"
    )]
    ZeroDimension {
        /// The file.
        file: PathBuf,
        /// The offset of the dimension, in bytes.
        offset: u64,
    },

    /// Dimensions whose product is not a possible length.
    #[error(
        "{file}: byte 4: expected dimensions whose product fits into 64 bits, found {dimensions:?}; \
         copy or download the file again"
    )]
    DimensionsOverflow {
        /// The file.
        file: PathBuf,
        /// The dimensions found.
        dimensions: Vec<u32>,
    },

    /// An IDX file that ends before its last element.
    #[error(
        "{file}: the file ends at byte {found}, but the dimensions {dimensions:?} need {expected} \
         bytes; copy or download the file again"
    )]
    Short {
        /// The file.
        file: PathBuf,
        /// The length that the header announces, in bytes.
        expected: u64,
        /// The length of the file, in bytes.
        found: u64,
        /// The dimensions in the header.
        dimensions: Vec<u32>,
    },

    /// Bytes after the last element of an IDX file.
    #[error(
        "{file}: byte {expected}: expected the end of the file, found {}{} more bytes; copy or \
         download the file again",
        if found - expected == PROBE { "at least " } else { "" },
        found - expected
    )]
    Trailing {
        /// The file.
        file: PathBuf,
        /// The length that the header announces, in bytes.
        expected: u64,
        /// The length of the file, in bytes; of a gzip file, as far as it was read.
        found: u64,
    },

    /// Two files of the same role with different contents.
    #[error("{file} and {other} are different, and only one of them can be used; remove the other")]
    Different {
        /// The file that comes first.
        file: PathBuf,
        /// The other file.
        other: PathBuf,
    },

    /// A label below 0 or above 999 in a file.
    #[error(
        "{file}: byte {offset}: expected a label from 0 to 999, found {found}; number the classes \
         from 0 on"
    )]
    Label {
        /// The file.
        file: PathBuf,
        /// The offset of the label, in bytes.
        offset: u64,
        /// The label found.
        found: i64,
    },

    /// Labels that are all 0.
    #[error("{name}: all labels are 0; a set needs at least two classes")]
    OneClass {
        /// The name of the set.
        name: String,
    },

    /// Files of several sets in one directory.
    #[error(
        "{directory}: it has the files of several sets ({}); choose one of them, such as {}",
        prefixes.join(", "), directory.join(&prefixes[0]).display()
    )]
    SeveralSets {
        /// The directory.
        directory: PathBuf,
        /// What the names of the files of each set begin with.
        prefixes: Vec<String>,
    },

    /// A set that is known by name and is not here.
    #[error("{name}: not found in {}; {remedy}", places.join(", "))]
    SourceNotFound {
        /// The name of the set.
        name: String,
        /// Where it was looked for.
        places: Vec<String>,
        /// How to get it.
        remedy: String,
    },

    /// A name that is neither that of a set nor a directory.
    #[error("{name}: no such set or directory; the sets are {}", known.join(", "))]
    UnknownSource {
        /// The name.
        name: String,
        /// The names of all sets.
        known: Vec<String>,
    },

    /// A PNG file that cannot be read, or does not fit to the others.
    #[error("{file}: {reason}")]
    Png {
        /// The file.
        file: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },

    /// Different numbers of labels and images.
    #[error(
        "{labels_file}: byte 4: expected {images} labels for the images of {images_file}, found \
         {labels}; take both files from the same set"
    )]
    CountMismatch {
        /// The file of images.
        images_file: PathBuf,
        /// The file of labels.
        labels_file: PathBuf,
        /// The number of images.
        images: usize,
        /// The number of labels.
        labels: usize,
    },

    /// Training and test images of different sizes.
    #[error(
        "{test_file}: byte 8: expected {} as in {train_file}, found {}; take all files from the same \
         set",
        image_size(*train), image_size(*test)
    )]
    SizeMismatch {
        /// The file of training images.
        train_file: PathBuf,
        /// The file of test images.
        test_file: PathBuf,
        /// Channels, rows and columns of a training image.
        train: [usize; 3],
        /// Channels, rows and columns of a test image.
        test: [usize; 3],
    },

    /// Pixels in memory that do not make whole labelled images.
    #[error(
        "expected {labels} x {} x {} x {} pixels, one image per label and at least one, got {pixels} \
         pixels",
        shape[0], shape[1], shape[2]
    )]
    PixelCount {
        /// The number of pixels given.
        pixels: usize,
        /// The number of labels given.
        labels: usize,
        /// Channels, rows and columns of an image.
        shape: [usize; 3],
    },

    /// A label above 999 in a set made in memory.
    #[error("label {index} must lie in [0, 999], got {found}")]
    LabelValue {
        /// The index of the label.
        index: usize,
        /// The label.
        found: u16,
    },

    /// An index beyond the last image.
    #[error("image index must lie in [0, {available}), got {index}")]
    Index {
        /// The index requested.
        index: usize,
        /// The number of images.
        available: usize,
    },

    /// A request for more images than the set has.
    #[error("the sizes of a split must sum to at most {available}, got {requested}")]
    SplitSize {
        /// The number of images requested.
        requested: usize,
        /// The number of images in the set.
        available: usize,
    },

    /// A batch that is empty or larger than the set.
    #[error("batch must lie in [1, {available}], got {batch}")]
    BatchSize {
        /// The batch size requested.
        batch: usize,
        /// The number of images in the set.
        available: usize,
    },
}

/// Bytes beyond the announced end of a gzip file that are looked at.
pub(crate) const PROBE: u64 = 1 << 16;

/// The size of an image in words.
fn image_size([channels, rows, columns]: [usize; 3]) -> String {
    match channels {
        1 => format!("{rows}x{columns} pixels"),
        _ => format!("{channels} channels of {rows}x{columns} pixels"),
    }
}

/// What a file is that does not begin like IDX, and what to do.
fn not_idx(found: [u8; 2]) -> &'static str {
    match &found {
        [0x1f, 0x8b] => "this is gzip within gzip, decompress it once",
        [0x01 | 0x03, 0x08] => {
            "the header is little-endian, write its numbers with the high byte first"
        }
        b"PK" => "this is a zip archive, extract it",
        b"<!" | b"<h" | b"<H" => "this is a web page, download the file itself",
        b"ve" => "this may be a pointer of Git LFS, get the file with `git lfs pull`",
        _ => "this is not an IDX file, replace it",
    }
}
