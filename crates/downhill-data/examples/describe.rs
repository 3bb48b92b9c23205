//! Describes the embedded MNIST or the image set of a directory: the files with their checksums,
//! the number of images per label, and the mean and standard deviation of the pixels.
//!
//! Usage: `describe [DIRECTORY]`. The default is `DOWNHILL_DATA_DIR` if it is set, otherwise the
//! embedded MNIST. Exit codes: 0 success, 2 wrong usage, 3 invalid data, 5 failure to write the
//! output.

use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use downhill_data::{FileIdentity, ImagePair, ImageSet, load};

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let directory = arguments
        .next()
        .or_else(|| env::var_os("DOWNHILL_DATA_DIR").filter(|value| !value.is_empty()));
    if let Some(surplus) = arguments.next() {
        return fail(
            2,
            &format!(
                "expected at most one directory, found also {}",
                surplus.display()
            ),
        );
    }
    let set = match load(directory.as_deref().map(Path::new)) {
        Ok(set) => set,
        Err(error) => return fail(3, &error.to_string()),
    };
    match describe(&set, &mut io::stdout().lock()) {
        // Ignore a closed pipe.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            fail(5, &format!("cannot write: {error}"))
        }
        _ => ExitCode::SUCCESS,
    }
}

fn fail(code: u8, message: &str) -> ExitCode {
    // If the error cannot be written, the exit code remains.
    let _ = writeln!(io::stderr(), "error: {message}");
    ExitCode::from(code)
}

fn describe(set: &ImagePair, out: &mut impl Write) -> io::Result<()> {
    let identity = &set.identity;
    writeln!(
        out,
        "{}: {} training and {} test images of {}x{} pixels",
        identity.name,
        set.train.len(),
        set.test.len(),
        set.train.rows(),
        set.train.columns()
    )?;
    let verdict = match identity.is_canonical_mnist() {
        true => "the files equal those of MNIST, byte for byte",
        false => "the files are not those of MNIST",
    };
    writeln!(out, "{verdict}")?;
    writeln!(
        out,
        "{} test images are training images, pixel by pixel",
        set.test_images_in_training()
    )?;
    writeln!(
        out,
        "sha256 of the four decompressed files, concatenated: {}",
        identity.sha256
    )?;

    writeln!(
        out,
        "\n{:<27} {:>12}  canonical  sha256 (decompressed)",
        "file", "bytes"
    )?;
    for file in &identity.files {
        let canonical = if file.is_canonical_mnist() {
            "yes"
        } else {
            "no"
        };
        let (name, bytes, sha256) = (&file.name, decompressed_bytes(file), &file.sha256);
        writeln!(out, "{name:<27} {bytes:>12}  {canonical:<9}  {sha256}")?;
    }

    let sets = [&set.train, &set.test];
    let [train, test] = sets.map(images_per_label);
    writeln!(out, "\n{:<18} {:>8} {:>8}", "label", "training", "test")?;
    for (label, (train, test)) in train.iter().zip(&test).enumerate() {
        writeln!(out, "{label:<18} {train:>8} {test:>8}")?;
    }
    writeln!(
        out,
        "{:<18} {:>8} {:>8}",
        "all",
        set.train.len(),
        set.test.len()
    )?;

    let [train, test] = sets.map(pixel_moments);
    writeln!(
        out,
        "\n{:<18} {:>8} {:>8}",
        "pixels, 0 to 1", "training", "test"
    )?;
    writeln!(out, "{:<18} {:>8.4} {:>8.4}", "mean", train.0, test.0)?;
    writeln!(
        out,
        "{:<18} {:>8.4} {:>8.4}",
        "standard deviation", train.1, test.1
    )?;
    out.flush()
}

/// The length of the decompressed file with its header.
fn decompressed_bytes(file: &FileIdentity) -> usize {
    4 + 4 * file.dimensions.len() + file.dimensions.iter().product::<usize>()
}

fn images_per_label(set: &ImageSet) -> [usize; 10] {
    let mut counts = [0; 10];
    for &label in set.labels() {
        counts[usize::from(label)] += 1;
    }
    counts
}

/// Mean and standard deviation of the pixels, scaled to [0, 1].
fn pixel_moments(set: &ImageSet) -> (f64, f64) {
    let mut histogram = [0_u64; 256];
    for &pixel in set.pixels() {
        histogram[usize::from(pixel)] += 1;
    }
    let count = set.pixels().len() as f64;
    let moment = |power: i32| {
        let terms = histogram.iter().enumerate();
        let sum: f64 = terms
            .map(|(pixel, &times)| times as f64 * (pixel as f64 / 255.0).powi(power))
            .sum();
        sum / count
    };
    let mean = moment(1);
    (mean, (moment(2) - mean * mean).max(0.0).sqrt())
}
