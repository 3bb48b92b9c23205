//! Gzip (RFC 1952) with a limit on the decompressed size.
//!
//! A gzip file is a series of members whose contents are concatenated. The number of members is
//! limited, far above what block-wise writers produce. Checksums are verified, and bytes after the
//! last member are an error.

use std::io::{self, BufRead, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;

use crate::DataError;

/// Largest number of members. `bgzip` writes one per 64 kB; empty members cost time but yield
/// nothing.
const MAX_MEMBERS: usize = 4096;

/// Capacity reserved before decompression, in bytes. The system provides pages only when they are
/// written, so reserving is free, while growing would copy.
const INITIAL_CAPACITY: u64 = 64 << 20;

/// Whether the bytes begin like gzip.
pub(crate) fn is_gzip(first_bytes: &[u8]) -> bool {
    first_bytes.starts_with(&[0x1f, 0x8b])
}

/// Decompresses `reader` to its end. Returns `None` if the result exceeds `limit` bytes.
pub(crate) fn decompress(
    file: &Path,
    mut reader: impl BufRead,
    limit: u64,
) -> Result<Option<Vec<u8>>, DataError> {
    let room = limit.saturating_add(1);
    let mut bytes = Vec::with_capacity(room.min(INITIAL_CAPACITY) as usize);
    for _ in 0..MAX_MEMBERS {
        let before = bytes.len() as u64;
        let member = GzDecoder::new(&mut reader);
        let read = member.take(room - before).read_to_end(&mut bytes);
        let decoded = bytes.len() as u64;
        if let Err(error) = read {
            return Err(fault(file, decoded, error));
        }
        if decoded > limit {
            return Ok(None);
        }
        let rest = reader.fill_buf();
        if rest
            .map_err(|error| fault(file, decoded, error))?
            .is_empty()
        {
            bytes.shrink_to_fit();
            return Ok(Some(bytes));
        }
    }
    Err(DataError::GzipMembers {
        file: file.into(),
        limit: MAX_MEMBERS,
    })
}

fn fault(file: &Path, decoded: u64, source: io::Error) -> DataError {
    let file = file.to_owned();
    match source.kind() {
        io::ErrorKind::UnexpectedEof => DataError::GzipTruncated { file, decoded },
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => DataError::GzipCorrupt {
            file,
            decoded,
            source,
        },
        _ => DataError::Unreadable { path: file, source },
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::small_set::compress;

    fn expand(bytes: &[u8]) -> Result<Option<Vec<u8>>, DataError> {
        decompress(Path::new("f.gz"), bytes, 1 << 20)
    }

    #[test]
    fn members_are_read_one_after_the_other() {
        let mut bytes = compress(b"down");
        bytes.extend(compress(b""));
        bytes.extend(compress(b"hill"));
        assert_eq!(expand(&bytes).unwrap().unwrap(), b"downhill");
    }

    #[test]
    fn a_cut_file_is_truncated_at_every_byte() {
        let bytes = compress(b"downhill, downhill, all the way downhill");
        for length in 0..bytes.len() {
            let error = expand(&bytes[..length]).unwrap_err();
            assert!(
                matches!(error, DataError::GzipTruncated { .. }),
                "{length}: {error:?}"
            );
        }
        let error = expand(&bytes[..bytes.len() - 3]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "f.gz: the gzip data end early, after 40 decompressed bytes; copy or download the file \
             again"
        );
    }

    #[test]
    fn no_flipped_bit_changes_the_bytes_or_panics() {
        let text = b"downhill, downhill, all the way downhill";
        let whole = compress(text);
        for bit in 0..8 * whole.len() {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // Some header bits (time, system) carry no content; the text must never change.
            if let Ok(read) = expand(&bytes) {
                assert_eq!(read.unwrap(), text);
            }
        }
    }

    #[test]
    fn a_wrong_checksum_is_corrupt() {
        let mut bytes = compress(b"downhill");
        let checksum = bytes.len() - 8;
        bytes[checksum] ^= 1;
        let error = expand(&bytes).unwrap_err();
        assert!(
            matches!(error, DataError::GzipCorrupt { decoded: 8, .. }),
            "{error:?}"
        );
        assert_eq!(
            error.to_string(),
            "f.gz: invalid gzip data after 8 decompressed bytes: \
             corrupt gzip stream does not have a matching checksum; \
             copy or download the file again"
        );
    }

    #[test]
    fn bytes_after_the_last_member_are_corrupt() {
        let mut bytes = compress(b"downhill");
        bytes.extend([0; 16]);
        let error = expand(&bytes).unwrap_err();
        assert!(
            matches!(error, DataError::GzipCorrupt { decoded: 8, .. }),
            "{error:?}"
        );
        assert_eq!(
            error.to_string(),
            "f.gz: invalid gzip data after 8 decompressed bytes: invalid gzip header; \
             copy or download the file again"
        );
    }

    #[test]
    fn the_limit_is_the_last_length_that_passes() {
        let bytes = compress(&[7; 1000]);
        let read = |limit| decompress(Path::new("f.gz"), &bytes[..], limit).unwrap();
        assert_eq!(read(1000), Some(vec![7; 1000]));
        assert_eq!(read(999), None);
        assert_eq!(read(0), None);
        assert_eq!(read(u64::MAX), Some(vec![7; 1000]));
    }

    #[test]
    fn too_many_members_are_refused_soon() {
        let bytes = compress(b"").repeat(1 << 20);
        let start = Instant::now();
        let error = expand(&bytes).unwrap_err();
        assert!(
            start.elapsed() < Duration::from_secs(1),
            "{:?}",
            start.elapsed()
        );
        assert!(matches!(error, DataError::GzipMembers { limit: 4096, .. }));
        assert_eq!(
            error.to_string(),
            "f.gz: expected at most 4096 gzip members, found more; recompress the file as a single \
             member"
        );
    }
}
