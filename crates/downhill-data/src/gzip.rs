//! Gzip (RFC 1952) with a limit on the decompressed size.
//!
//! A gzip file is a series of members whose contents are concatenated. The number of members is
//! limited, far above what block-wise writers produce. Checksums are verified, and bytes after the
//! last member are an error.

use std::io::{self, BufRead, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;

use crate::DataError;
use crate::error::PROBE;

/// Largest number of members. `bgzip` writes one per 64 kB; empty members cost time but yield
/// nothing.
const MAX_MEMBERS: usize = 4096;

/// Whether the bytes begin like gzip.
pub(crate) fn is_gzip(first_bytes: &[u8]) -> bool {
    first_bytes.starts_with(&[0x1f, 0x8b])
}

/// The header of the decompressed data, which announces their length.
pub(crate) struct Header<'a> {
    /// Length of the header, in bytes.
    pub(crate) length: usize,
    /// Reads the length of all data, or refuses them.
    pub(crate) announced: &'a dyn Fn(&[u8]) -> Result<u64, DataError>,
}

/// Decompresses `reader` to its end. Returns `None` if the result exceeds `limit` bytes. Takes no
/// more memory than the header announces, and looks at few bytes beyond.
pub(crate) fn decompress(
    file: &Path,
    mut reader: impl BufRead,
    limit: u64,
    header: Option<&Header<'_>>,
) -> Result<Option<Vec<u8>>, DataError> {
    let mut bytes = Vec::new();
    let mut header = header;
    let mut announced = None;
    let mut beyond = 0;
    for _ in 0..MAX_MEMBERS {
        let mut member = GzDecoder::new(&mut reader);
        let mut read = |most: u64, bytes: &mut Vec<u8>| {
            let read = Read::by_ref(&mut member).take(most).read_to_end(bytes);
            read.map_err(|error| fault(file, bytes.len() as u64, error))
        };
        if let Some(Header {
            length,
            announced: of,
        }) = header
        {
            read(length.saturating_sub(bytes.len()) as u64, &mut bytes)?;
            if bytes.len() >= *length {
                let length = of(&bytes)?;
                if length > limit {
                    return Ok(None);
                }
                bytes.reserve_exact((length as usize).saturating_sub(bytes.len()));
                announced = Some(length);
                header = None;
            }
        }
        let room = announced.unwrap_or(limit.saturating_add(1));
        read(room.saturating_sub(bytes.len() as u64), &mut bytes)?;
        let decoded = bytes.len() as u64;
        match announced {
            Some(expected) => {
                let mut more = Read::by_ref(&mut member).take(PROBE - beyond);
                beyond += io::copy(&mut more, &mut io::sink())
                    .map_err(|error| fault(file, decoded + beyond, error))?;
                if beyond == PROBE {
                    return Err(trailing(file, expected, beyond));
                }
            }
            None if decoded > limit => return Ok(None),
            None => {}
        }
        let rest = reader.fill_buf();
        let rest = rest.map_err(|error| fault(file, decoded, error))?;
        if rest.is_empty() {
            return match (announced, beyond) {
                (Some(expected), 1..) => Err(trailing(file, expected, beyond)),
                _ => Ok(Some(bytes)),
            };
        }
        // One byte may be all that the reader has for now.
        if rest[0] != 0x1f || rest.get(1).is_some_and(|second| *second != 0x8b) {
            return Err(DataError::GzipTrailing {
                file: file.into(),
                decoded: decoded + beyond,
            });
        }
    }
    Err(DataError::GzipMembers {
        file: file.into(),
        limit: MAX_MEMBERS,
    })
}

fn trailing(file: &Path, expected: u64, beyond: u64) -> DataError {
    DataError::Trailing {
        file: file.into(),
        expected,
        found: expected + beyond,
    }
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
        decompress(Path::new("f.gz"), bytes, 1 << 20, None)
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
    fn bytes_after_the_last_member_are_told_from_a_file_that_ends_early() {
        for more in [&[0; 16][..], &[7; 7], b"x", &[0x1f, 0x00]] {
            let mut bytes = compress(b"downhill");
            bytes.extend(more);
            assert_eq!(
                expand(&bytes).unwrap_err().to_string(),
                "f.gz: bytes that are not gzip follow the gzip data, which hold 8 bytes; copy or \
                 download the file again"
            );
        }
        let mut bytes = compress(b"downhill");
        bytes.extend([0x1f, 0x8b, 8, 0]);
        let error = expand(&bytes).unwrap_err();
        assert!(matches!(error, DataError::GzipTruncated { decoded: 8, .. }));
    }

    #[test]
    fn no_more_memory_is_taken_than_the_header_announces() {
        let whole = compress(&vec![0; 100_000_000]);
        let announced = |header: &[u8]| {
            assert_eq!(header.len(), 4);
            Ok(1000)
        };
        let header = Header {
            length: 4,
            announced: &announced,
        };
        let read = |limit| decompress(Path::new("f.gz"), &whole[..], limit, Some(&header));
        let start = Instant::now();
        let error = read(1 << 30).unwrap_err();
        assert!(start.elapsed() < Duration::from_millis(100));
        assert_eq!(
            error.to_string(),
            "f.gz: byte 1000: expected the end of the file, found at least 65536 more bytes; copy \
             or download the file again"
        );
        assert_eq!(read(999).unwrap(), None);
        let exact = [&compress(&[1; 3])[..], &compress(&[1; 997])].concat();
        let read = decompress(Path::new("f.gz"), &exact[..], 1000, Some(&header));
        let bytes = read.unwrap().unwrap();
        assert_eq!((bytes.len(), bytes.capacity()), (1000, 1000));
    }

    #[test]
    fn the_limit_is_the_last_length_that_passes() {
        let bytes = compress(&[7; 1000]);
        let read = |limit| decompress(Path::new("f.gz"), &bytes[..], limit, None).unwrap();
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
