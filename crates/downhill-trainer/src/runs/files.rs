//! Files that appear under their names only when they are complete.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use downhill_report::Picture;

use crate::error::TrainError;

/// Writes a page and its pictures: `NAME-PICTURE.svg` next to `NAME.html`, and with `png` the same
/// as `NAME-PICTURE.png`.
pub(crate) fn write_page(
    page: &Path,
    html: &str,
    pictures: &[Picture],
    png: bool,
) -> Result<(), TrainError> {
    let stem = page.file_stem().unwrap_or_default().to_string_lossy();
    for picture in pictures {
        let beside =
            |ending: &str| page.with_file_name(format!("{stem}-{}.{ending}", picture.name));
        let (svg, pixels) = (beside("svg"), beside("png"));
        let unchanged = has(&svg, picture.svg.as_bytes());
        write_if_changed(&svg, picture.svg.as_bytes())?;
        if png && !(unchanged && pixels.is_file()) {
            write_png(&pixels, &picture.svg)?;
        }
    }
    write_if_changed(page, html.as_bytes())
}

/// Refuses `--png` where PNG files cannot be drawn.
///
/// # Errors
///
/// `png` in a program built without the feature `png`.
pub(crate) fn check_png(png: bool) -> Result<(), TrainError> {
    if png && cfg!(not(feature = "png")) {
        let text = "--png: this program was built without the feature `png`; build it with \
                    `--features png`, or run it as `cargo xtask train --png` or `cargo xtask report \
                    --png`, which build it with the feature";
        return Err(TrainError::Config(text.to_owned()));
    }
    Ok(())
}

#[cfg(feature = "png")]
fn write_png(path: &Path, svg: &str) -> Result<(), TrainError> {
    /// Pixels of a PNG for each unit of its SVG.
    const SCALE: f32 = 2.0;
    let failed = |error| TrainError::File {
        action: "cannot draw",
        path: path.to_path_buf(),
        source: std::io::Error::other(error),
    };
    write_whole(path, &downhill_report::png(svg, SCALE).map_err(failed)?)
}

#[cfg(not(feature = "png"))]
fn write_png(_path: &Path, _svg: &str) -> Result<(), TrainError> {
    check_png(true)
}

/// Writes a file and creates its directory, unless the file has these bytes already.
pub(crate) fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    if has(path, bytes) {
        return Ok(());
    }
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(TrainError::file("cannot create", directory))?;
    }
    write_whole(path, bytes)
}

fn has(path: &Path, bytes: &[u8]) -> bool {
    fs::read(path).is_ok_and(|found| found == bytes)
}

/// Writes a file under another name and renames it, so that nobody sees a part of it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let failed = |error| TrainError::file("cannot write", path)(error);
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.partial", std::process::id()));
    let beside = PathBuf::from(beside);
    let write = || {
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write()
        .inspect_err(|_| drop(fs::remove_file(&beside)))
        .map_err(failed)
}
