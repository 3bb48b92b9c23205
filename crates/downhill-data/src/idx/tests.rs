//! Every way in which an IDX file can be invalid.

use super::*;
use crate::small_set::idx;

fn images() -> Vec<u8> {
    idx(
        &[2, 3, 2],
        &[0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255],
    )
}

fn fault(bytes: &[u8], kind: Kind) -> DataError {
    read(Path::new("f"), bytes, kind).unwrap_err()
}

fn with(position: usize, value: u8) -> Vec<u8> {
    let mut bytes = images();
    bytes[position] = value;
    bytes
}

const AGAIN: &str = "; copy or download the file again";

#[test]
fn images_and_labels_are_read() {
    let bytes = images();
    let read_images = read(Path::new("f"), &bytes, Kind::Images).unwrap();
    assert_eq!(read_images.dimensions, [2, 3, 2]);
    assert_eq!(read_images.elements, &bytes[16..]);
    let bytes = idx(&[3], &[0, 9, 5]);
    let labels = read(Path::new("f"), &bytes, Kind::Labels).unwrap();
    assert_eq!(
        (labels.dimensions, labels.elements),
        (vec![3], &[0, 9, 5][..])
    );
}

#[test]
fn every_length_but_the_right_one_is_refused() {
    let whole = images();
    for length in 0..whole.len() {
        let error = fault(&whole[..length], Kind::Images);
        let expected = match length {
            0..4 => {
                format!("f: the file ends at byte {length}, within its header of 4 bytes{AGAIN}")
            }
            4..16 => {
                format!("f: the file ends at byte {length}, within its header of 16 bytes{AGAIN}")
            }
            _ => {
                format!(
                    "f: the file ends at byte {length}, but the dimensions [2, 3, 2] need 28 \
                     bytes{AGAIN}"
                )
            }
        };
        assert_eq!(error.to_string(), expected);
        assert_eq!(
            matches!(error, DataError::HeaderShort { .. }),
            length < 16,
            "{error:?}"
        );
    }
    let mut long = whole;
    long.extend([7; 3]);
    let error = fault(&long, Kind::Images);
    assert!(matches!(error, DataError::Trailing { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!("f: byte 28: expected the end of the file, found 3 more bytes{AGAIN}")
    );
}

#[test]
fn no_single_wrong_byte_in_a_header_passes_or_panics() {
    for position in 0..16 {
        for value in 0..=255 {
            let bytes = with(position, value);
            for kind in [Kind::Images, Kind::Labels] {
                let unchanged = value == images()[position] && kind == Kind::Images;
                assert_eq!(read(Path::new("f"), &bytes, kind).is_ok(), unchanged);
            }
        }
    }
}

#[test]
fn a_wrong_header_is_named() {
    type Case = (Vec<u8>, Kind, fn(&DataError) -> bool, &'static str);
    let cases: [Case; 13] = [
        (
            with(0, 0x1f),
            Kind::Images,
            |error| {
                matches!(
                    error,
                    DataError::Magic {
                        found: [0x1f, 0],
                        ..
                    }
                )
            },
            "byte 0: expected 0x00 0x00, found 0x1f 0x00; this is not an IDX file, replace it",
        ),
        (
            with(1, 0x50),
            Kind::Images,
            |error| {
                matches!(
                    error,
                    DataError::Magic {
                        found: [0, 0x50],
                        ..
                    }
                )
            },
            "byte 0: expected 0x00 0x00, found 0x00 0x50; this is not an IDX file, replace it",
        ),
        (
            with(2, 0x0d),
            Kind::Images,
            |error| matches!(error, DataError::ElementType { found: 0x0d, .. }),
            "byte 2: expected element type 0x08 (unsigned byte), found 0x0d; \
             convert the file to unsigned bytes",
        ),
        (
            with(2, 0x00),
            Kind::Images,
            |error| matches!(error, DataError::ElementType { found: 0, .. }),
            "byte 2: expected element type 0x08 (unsigned byte), found 0x00; \
             convert the file to unsigned bytes",
        ),
        (
            with(3, 0),
            Kind::Images,
            |error| matches!(error, DataError::Dimensions { found: 0, .. }),
            "byte 3: expected 3 or 4 for images (3 or 4 dimensions), found 0; \
             check that the content matches the file name",
        ),
        (
            with(3, 5),
            Kind::Labels,
            |error| matches!(error, DataError::Dimensions { found: 5, .. }),
            "byte 3: expected 1 or 2 for labels (1 or 2 dimensions), found 5; \
             check that the content matches the file name",
        ),
        (
            with(3, 1),
            Kind::Images,
            |error| {
                matches!(
                    error,
                    DataError::Swapped {
                        found: Kind::Labels,
                        ..
                    }
                )
            },
            "byte 3: expected images (3 or 4 dimensions), found labels (1 or 2 dimensions); \
             swap the two files",
        ),
        (
            images(),
            Kind::Labels,
            |error| {
                matches!(
                    error,
                    DataError::Swapped {
                        found: Kind::Images,
                        ..
                    }
                )
            },
            "byte 3: expected labels (1 or 2 dimensions), found images (3 or 4 dimensions); \
             swap the two files",
        ),
        (
            idx(&[0, 3, 2], &[]),
            Kind::Images,
            |error| matches!(error, DataError::ZeroDimension { offset: 4, .. }),
            "byte 4: expected a dimension of at least 1, found 0; \
             a set needs at least one image with at least one pixel",
        ),
        (
            idx(&[2, 3, 0], &[]),
            Kind::Images,
            |error| matches!(error, DataError::ZeroDimension { offset: 12, .. }),
            "byte 12: expected a dimension of at least 1, found 0; \
             a set needs at least one image with at least one pixel",
        ),
        (
            idx(&[u32::MAX; 3], &[1; 64]),
            Kind::Images,
            |error| matches!(error, DataError::DimensionsOverflow { .. }),
            "byte 4: expected dimensions whose product fits into 64 bits, \
             found [4294967295, 4294967295, 4294967295]; copy or download the file again",
        ),
        (
            idx(&[u32::MAX], &[1; 64]),
            Kind::Labels,
            |error| {
                matches!(
                    error,
                    DataError::Short {
                        expected: 4_294_967_303,
                        ..
                    }
                )
            },
            "the file ends at byte 72, but the dimensions [4294967295] need 4294967303 bytes; \
             copy or download the file again",
        ),
        (
            idx(&[u32::MAX, u32::MAX, 1], &[1; 64]),
            Kind::Images,
            |error| matches!(error, DataError::Short { found: 80, .. }),
            "the file ends at byte 80, but the dimensions [4294967295, 4294967295, 1] need \
             18446744065119617041 bytes; copy or download the file again",
        ),
    ];
    for (bytes, kind, is_expected, message) in cases {
        let error = fault(&bytes, kind);
        assert!(is_expected(&error), "{error:?}");
        let text = error.to_string();
        assert!(text == format!("f: {message}"), "{text}\nis not\n{message}");
    }
}

#[test]
fn a_label_out_of_bounds_is_refused() {
    for label in [1000, -1] {
        let mut bytes = idx(&[2], &[0, 1]);
        bytes[2] = 0x0b;
        bytes.extend(i16::to_be_bytes(label));
        let error = fault(&bytes, Kind::Labels);
        assert_eq!(
            error.to_string(),
            format!(
                "f: byte 10: expected a label from 0 to 999, found {label}; number the classes from \
                 0 on"
            )
        );
    }
}
