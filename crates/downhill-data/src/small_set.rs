//! A small image set for tests.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Makes an IDX file of unsigned bytes.
pub(crate) fn idx(dimensions: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
    for size in dimensions {
        bytes.extend(size.to_be_bytes());
    }
    bytes.extend(elements);
    bytes
}

/// Three training and two test images of 2x3, in the order of [`Role::ALL`](crate::Role::ALL).
pub(crate) fn files() -> [Vec<u8>; 4] {
    let pixels: Vec<u8> = (0..18).collect();
    [
        idx(&[3, 2, 3], &pixels),
        idx(&[3], &[3, 0, 9]),
        idx(&[2, 2, 3], &pixels[6..]),
        idx(&[2], &[1, 4]),
    ]
}

/// Compresses the bytes to a gzip file with one member.
pub(crate) fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
