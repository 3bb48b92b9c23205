//! Gzip (RFC 1952) with a limit on what comes out.
//!
//! A gzip file is a series of members, whose contents follow each other; so it is read here, up to
//! a number of members that block-wise writers stay far below. Bytes after the last member are an
//! error, checksums are checked.

use std::io::{self, BufRead, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;

use crate::DataError;

/// `bgzip` writes a member per 64 kB; empty members cost time but yield nothing.
const MEMBER_LIMIT: usize = 4096;

/// How much room is set aside before anything is decompressed, in bytes. The system gives pages
/// only when they are written, so this costs nothing, while growing would copy.
const FIRST_ROOM: u64 = 64 << 20;

/// Whether a file begins like gzip.
pub(crate) fn is_gzip(first_bytes: &[u8]) -> bool {
    first_bytes.starts_with(&[0x1f, 0x8b])
}

/// Decompresses `reader` to its end. `None` where more than `limit` bytes come out.
pub(crate) fn decompress(
    file: &Path,
    mut reader: impl BufRead,
    limit: u64,
) -> Result<Option<Vec<u8>>, DataError> {
    let room = limit.saturating_add(1);
    let mut bytes = Vec::with_capacity(room.min(FIRST_ROOM) as usize);
    for _ in 0..MEMBER_LIMIT {
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
        limit: MEMBER_LIMIT,
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
            "\"f.gz\": gzip data ends early, after 40 decompressed bytes; copy or download it again"
        );
    }

    #[test]
    fn no_flipped_bit_changes_the_bytes_or_panics() {
        let text = b"downhill, downhill, all the way downhill";
        let whole = compress(text);
        for bit in 0..8 * whole.len() {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // Some header bits (time, system) are free; the text never changes unnoticed.
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
            "\"f.gz\": bad gzip data after 8 decompressed bytes: \
             corrupt gzip stream does not have a matching checksum; \
             copy or download it again"
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
            "\"f.gz\": bad gzip data after 8 decompressed bytes: invalid gzip header; \
             copy or download it again"
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
            "\"f.gz\": expected at most 4096 gzip members, found more; compress it anew in one piece"
        );
    }
}
