//! IDX files, raw or gzip. The first byte chooses the kind of file and how it is packed.
#![no_main]

use std::io::Write;
use std::path::Path;

use downhill_data::decompress;
use downhill_data::idx::{Kind, read};
use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;

/// Above this nothing is decompressed.
const LIMIT: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else {
        return;
    };
    let kind = match choice & 1 {
        0 => Kind::Images,
        _ => Kind::Labels,
    };
    let file = Path::new("some");
    let unpacked = match (choice >> 1) & 3 {
        0 | 1 => Some(bytes.to_vec()),
        // What is damaged is the gzip file, ...
        2 => decompress(file, bytes, kind, LIMIT).ok(),
        // ... or what a whole one contains.
        _ => {
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(bytes).expect("memory");
            let packed = packed.finish().expect("memory");
            decompress(file, &packed[..], kind, LIMIT).ok()
        }
    };
    let Some(unpacked) = unpacked else {
        return;
    };
    assert!(unpacked.len() as u64 <= LIMIT.max(bytes.len() as u64));
    if let Ok(idx) = read(file, &unpacked, kind) {
        let product: usize = idx.dimensions.iter().product();
        assert_eq!(idx.elements.len(), product * idx.element.size());
    }
});
