//! Describes a set that is known by name, or that of a directory: the files with their checksums,
//! the images that occur more than once, the number of images per label, and the mean and standard
//! deviation of the pixels.
//!
//! Usage: `describe [NAME|DIRECTORY]`. The default is `DOWNHILL_DATA_DIR` if it is set, otherwise
//! the embedded MNIST. Exit codes: 0 success, 2 wrong usage, 3 invalid data, 5 failure to write the
//! output.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use downhill_data::{DEFAULT_SOURCE, Duplicates, ImagePair, ImageSet, load};

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
    let source = directory.map_or_else(
        || DEFAULT_SOURCE.into(),
        |it| it.to_string_lossy().into_owned(),
    );
    let set = match load(&source) {
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
    let [channels, rows, columns] = set.train.shape();
    writeln!(
        out,
        "{}: {} training and {} test images of {}{rows}x{columns} pixels, {} classes",
        identity.name,
        set.train.len(),
        set.test.len(),
        match channels {
            1 => String::new(),
            _ => format!("{channels} channels and "),
        },
        set.classes()
    )?;
    let verdict = match identity.is_canonical_mnist() {
        true => "the files equal those of MNIST, byte for byte",
        false => "the files are not those of MNIST",
    };
    writeln!(out, "{verdict}")?;
    let Duplicates {
        train,
        test,
        across,
    } = set.duplicates();
    writeln!(
        out,
        "equal pixel by pixel: {train} training images and an earlier one, {test} test images and \
         an earlier one, {across} test images and a training image"
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
        let (name, bytes, sha256) = (&file.name, file.bytes, &file.sha256);
        writeln!(out, "{name:<27} {bytes:>12}  {canonical:<9}  {sha256}")?;
    }

    let sets = [&set.train, &set.test];
    let [train, test] = sets.map(|it| images_per_label(it, set.classes()));
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

fn images_per_label(set: &ImageSet, classes: usize) -> Vec<usize> {
    let mut counts = vec![0; classes];
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
