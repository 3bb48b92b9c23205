//! Folders of PNG files, a folder for each class.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use png::{ColorType, Decoder, Transformations};

use crate::DataError;
use crate::kind::Element;

/// The folders of training and test images.
const PARTS: [&str; 2] = ["train", "test"];

/// Whether a directory has the folders of a set.
pub(crate) fn is_set(directory: &Path) -> bool {
    PARTS.iter().all(|part| directory.join(part).is_dir())
}

/// Reads a set as four IDX files, in the order of [`Role::ALL`](crate::Role::ALL). Files are in the
/// order of their classes and names. Classes whose names are all numbers have these as labels;
/// others are numbered from 0 in the order of their names.
///
/// # Errors
///
/// A folder without images, a file that is not a PNG of bytes, and images of different sizes.
pub(crate) fn read(directory: &Path, limit: u64) -> Result<[(PathBuf, Vec<u8>); 4], DataError> {
    let [train, test] = PARTS.map(|part| directory.join(part));
    let names: BTreeSet<String> = names(&train)?.into_iter().chain(names(&test)?).collect();
    let numbers: Option<Vec<u16>> = names.iter().map(|name| name.parse().ok()).collect();
    let numbers = numbers.unwrap_or_else(|| (0..names.len() as u16).collect());
    let classes: Vec<(String, u16)> = names.into_iter().zip(numbers).collect();
    let [images, labels] = part(&train, &classes, limit)?;
    let [test_images, test_labels] = part(&test, &classes, limit)?;
    Ok([
        (train.clone(), images),
        (train, labels),
        (test.clone(), test_images),
        (test, test_labels),
    ])
}

/// The entries of a folder, in the order of their names; hidden ones are left out.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let found = fs::read_dir(folder).map_err(|source| DataError::Unreadable {
        path: folder.into(),
        source,
    })?;
    let is_hidden = |path: &PathBuf| name(path).starts_with('.');
    let paths = found.flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| !is_hidden(path)).collect();
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn names(part: &Path) -> Result<Vec<String>, DataError> {
    let folders = entries(part)?.into_iter().filter(|path| path.is_dir());
    Ok(folders.map(|path| name(&path)).collect())
}

/// The images and labels of a part as IDX files.
fn part(folder: &Path, classes: &[(String, u16)], limit: u64) -> Result<[Vec<u8>; 2], DataError> {
    let mut pixels = Vec::new();
    let mut labels = Vec::new();
    let mut shape = None;
    for (class, label) in classes {
        let folder = folder.join(class);
        if !folder.is_dir() {
            continue;
        }
        for file in entries(&folder)? {
            let image = decode(&file)?;
            let expected = *shape.get_or_insert(image.shape);
            if image.shape != expected {
                return Err(fault(
                    &file,
                    format!(
                        "expected rows, columns and channels {expected:?} as of the images before, \
                         got {:?}; make all images alike",
                        image.shape
                    ),
                ));
            }
            pixels.extend(image.pixels);
            labels.extend(label.to_be_bytes());
            if pixels.len() as u64 > limit {
                return Err(DataError::TooLarge {
                    file: folder,
                    limit,
                });
            }
        }
    }
    let Some([rows, columns, channels]) = shape else {
        return Err(fault(
            folder,
            "no images; put PNG files into a folder for each class, such as train/3/0001.png"
                .into(),
        ));
    };
    let number = labels.len() / Element::I16.size();
    let mut images = match channels {
        1 => header(Element::U8, &[number, rows, columns]),
        _ => header(Element::U8, &[number, channels, rows, columns]),
    };
    images.extend(pixels);
    let mut of_labels = header(Element::I16, &[number]);
    of_labels.extend(labels);
    Ok([images, of_labels])
}

/// The header of an IDX file.
fn header(element: Element, dimensions: &[usize]) -> Vec<u8> {
    let mut bytes = vec![0, 0, element.code(), dimensions.len() as u8];
    for &size in dimensions {
        bytes.extend((size as u32).to_be_bytes());
    }
    bytes
}

struct Image {
    /// Rows, columns and channels.
    shape: [usize; 3],
    /// Channel by channel, row by row.
    pixels: Vec<u8>,
}

fn decode(file: &Path) -> Result<Image, DataError> {
    let opened = File::open(file).map_err(|source| DataError::Unreadable {
        path: file.into(),
        source,
    })?;
    let unusable = |error: png::DecodingError| {
        fault(
            file,
            format!("{error}; replace it by a PNG file, or remove it"),
        )
    };
    let mut decoder = Decoder::new(BufReader::new(opened));
    // Palettes become colours, and 16 bits become 8.
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(unusable)?;
    let size = reader.output_buffer_size().unwrap_or(usize::MAX);
    if size as u64 > MAX_IMAGE {
        return Err(fault(
            file,
            format!("the image has more than {MAX_IMAGE} bytes"),
        ));
    }
    let mut pixels = vec![0; size];
    let info = reader.next_frame(&mut pixels).map_err(unusable)?;
    pixels.truncate(info.buffer_size());
    let channels = match info.color_type {
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        _ => 4,
    };
    let planes = (0..channels).flat_map(|channel| pixels.iter().skip(channel).step_by(channels));
    Ok(Image {
        shape: [info.height as usize, info.width as usize, channels],
        pixels: planes.copied().collect(),
    })
}

/// The largest image, in bytes.
const MAX_IMAGE: u64 = 1 << 26;

fn fault(file: &Path, reason: String) -> DataError {
    DataError::Png {
        file: file.into(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load_directory;

    fn write(path: &Path, size: [u32; 2], color: ColorType, pixels: &[u8]) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut encoder = png::Encoder::new(File::create(path).unwrap(), size[0], size[1]);
        encoder.set_color(color);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(pixels).unwrap();
    }

    fn grey(path: &Path, pixels: &[u8]) {
        write(path, [3, 2], ColorType::Grayscale, pixels);
    }

    #[test]
    fn folders_are_classes() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        grey(&at("train/3/b.png"), &[1, 2, 3, 4, 5, 6]);
        grey(&at("train/3/a.png"), &[7; 6]);
        grey(&at("train/12/a.png"), &[8; 6]);
        grey(&at("test/12/a.png"), &[7; 6]);
        let pair = load_directory(root.path()).unwrap();
        assert_eq!(pair.train.labels(), [12, 3, 3]);
        assert_eq!(pair.train.shape(), [1, 2, 3]);
        assert_eq!(pair.train.image(2), [1, 2, 3, 4, 5, 6]);
        assert_eq!((pair.test.labels(), pair.classes()), (&[12][..], 13));
        assert_eq!(pair.duplicates().across, 1);
        fs::rename(at("train/3"), at("train/cat")).unwrap();
        let pair = load_directory(root.path()).unwrap();
        assert_eq!(pair.train.labels(), [0, 1, 1]);
    }

    #[test]
    fn colours_are_channels() {
        let root = tempfile::tempdir().unwrap();
        let pixels: Vec<u8> = (0..12).collect();
        for part in PARTS {
            for class in ["0", "1"] {
                let path = root.path().join(part).join(class).join("a.png");
                write(&path, [2, 2], ColorType::Rgb, &pixels);
            }
        }
        let pair = load_directory(root.path()).unwrap();
        assert_eq!(pair.train.shape(), [3, 2, 2]);
        assert_eq!(pair.train.image(1), [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]);
    }

    #[test]
    fn what_is_no_image_of_the_set_is_named() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        grey(&at("train/0/a.png"), &[1; 6]);
        fs::create_dir_all(at("test")).unwrap();
        let message = || load_directory(root.path()).unwrap_err().to_string();
        assert!(
            message().contains("test: no images; put PNG files"),
            "{}",
            message()
        );
        grey(&at("test/1/a.png"), &[1; 6]);
        write(&at("train/0/b.png"), [2, 2], ColorType::Grayscale, &[0; 4]);
        let expected = "b.png: expected rows, columns and channels [2, 3, 1] as of the images \
                        before, got [2, 2, 1]";
        assert!(message().contains(expected), "{}", message());
        fs::write(at("train/0/b.png"), "no").unwrap();
        assert!(message().contains("b.png: "), "{}", message());
        assert!(
            message().contains("replace it by a PNG file"),
            "{}",
            message()
        );
    }
}
