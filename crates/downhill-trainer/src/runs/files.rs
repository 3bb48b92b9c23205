//! Files that appear under their names only when they are complete.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use downhill_report::{Picture, png};

use crate::error::TrainError;

/// Pixels of a PNG for each unit of its SVG.
const PNG_SCALE: f32 = 2.0;

/// Writes a page and its pictures as SVG and PNG: `NAME-PICTURE.svg` next to `NAME.html`.
pub(crate) fn write_page(page: &Path, html: &str, pictures: &[Picture]) -> Result<(), TrainError> {
    let stem = page.file_stem().unwrap_or_default().to_string_lossy();
    for picture in pictures {
        let beside =
            |ending: &str| page.with_file_name(format!("{stem}-{}.{ending}", picture.name));
        let (svg, pixels) = (beside("svg"), beside("png"));
        if has(&svg, picture.svg.as_bytes()) && pixels.is_file() {
            continue;
        }
        write_if_changed(&svg, picture.svg.as_bytes())?;
        let drawn = png(&picture.svg, PNG_SCALE).map_err(TrainError::picture(&pixels))?;
        write_whole(&pixels, &drawn)?;
    }
    write_if_changed(page, html.as_bytes())
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
