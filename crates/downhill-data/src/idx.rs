//! The IDX format: two zero bytes, the element type, the number of dimensions, each dimension as a
//! big-endian `u32`, then the elements, the last dimension varying fastest.
//!
//! The format has no published standard; the [MNIST page] describes it. The reader is strict: it
//! accepts unsigned bytes only, the expected number of dimensions, and exactly the length that the
//! header announces. It allocates no memory based on the header.
//!
//! [MNIST page]: http://yann.lecun.com/exdb/mnist/

use std::path::Path;

use crate::DataError;
pub use crate::kind::Kind;

/// A validated IDX file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx<'a> {
    /// Dimensions, `[images, rows, columns]` or `[labels]`, each at least 1.
    pub dimensions: Vec<usize>,
    /// Elements; their number is the product of the dimensions.
    pub elements: &'a [u8],
}

/// Length of the header, in bytes.
pub fn header_length(kind: Kind) -> usize {
    4 + 4 * usize::from(kind.dimensions())
}

/// Reads a decompressed IDX file. `file` is only used in errors.
///
/// # Errors
///
/// If the bytes are not a valid IDX file of this `kind`; the error names the first difference.
pub fn read<'a>(file: &Path, bytes: &'a [u8], kind: Kind) -> Result<Idx<'a>, DataError> {
    let dimensions = read_header(file, bytes, kind)?;
    let header = header_length(kind) as u64;
    let found = bytes.len() as u64;
    let expected = length_of(file, &dimensions, kind)?;
    if found < expected {
        return Err(DataError::Short {
            file: file.into(),
            expected,
            found,
            dimensions,
        });
    }
    if found > expected {
        return Err(DataError::Trailing {
            file: file.into(),
            expected,
            found,
        });
    }
    let elements = &bytes[header_length(kind)..];
    if kind == Kind::Labels
        && let Some(index) = elements.iter().position(|&label| label > 9)
    {
        return Err(DataError::Label {
            file: file.into(),
            offset: header + index as u64,
            found: elements[index],
        });
    }
    // No dimension exceeds the number of elements, which is the length of a slice.
    let dimensions = dimensions.iter().map(|&size| size as usize).collect();
    Ok(Idx {
        dimensions,
        elements,
    })
}

/// The length of a file, in bytes, by its header alone.
///
/// # Errors
///
/// If the header is not that of an IDX file of this `kind`.
pub(crate) fn announced(file: &Path, bytes: &[u8], kind: Kind) -> Result<u64, DataError> {
    length_of(file, &read_header(file, bytes, kind)?, kind)
}

fn length_of(file: &Path, dimensions: &[u32], kind: Kind) -> Result<u64, DataError> {
    let elements = dimensions
        .iter()
        .try_fold(1_u64, |product, &size| product.checked_mul(size.into()));
    let length = elements.and_then(|elements| elements.checked_add(header_length(kind) as u64));
    length.ok_or_else(|| DataError::DimensionsOverflow {
        file: file.into(),
        dimensions: dimensions.to_vec(),
    })
}

fn read_header(file: &Path, bytes: &[u8], kind: Kind) -> Result<Vec<u32>, DataError> {
    let short = |expected| DataError::HeaderShort {
        file: file.into(),
        expected,
        found: bytes.len() as u64,
    };
    let &[zero, also_zero, element_type, count] = bytes.first_chunk().ok_or_else(|| short(4))?;
    if (zero, also_zero) != (0, 0) {
        return Err(DataError::Magic {
            file: file.into(),
            found: [zero, also_zero],
        });
    }
    if element_type != 0x08 {
        return Err(DataError::ElementType {
            file: file.into(),
            found: element_type,
        });
    }
    if count != kind.dimensions() {
        return Err(wrong_dimensions(file, kind, count));
    }
    let header = header_length(kind);
    let sizes = bytes.get(4..header).ok_or_else(|| short(header as u64))?;
    let dimensions: Vec<u32> = sizes
        .as_chunks()
        .0
        .iter()
        .map(|&size| u32::from_be_bytes(size))
        .collect();
    match dimensions.iter().position(|&size| size == 0) {
        Some(index) => Err(DataError::ZeroDimension {
            file: file.into(),
            offset: 4 + 4 * index as u64,
        }),
        None => Ok(dimensions),
    }
}

fn wrong_dimensions(file: &Path, expected: Kind, found: u8) -> DataError {
    let other = match expected {
        Kind::Images => Kind::Labels,
        Kind::Labels => Kind::Images,
    };
    if found == other.dimensions() {
        DataError::Swapped {
            file: file.into(),
            expected,
            found: other,
        }
    } else {
        DataError::Dimensions {
            file: file.into(),
            kind: expected,
            found,
        }
    }
}

#[cfg(test)]
mod tests;
