//! Files that appear under their names only when they are complete.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use downhill_report::Picture;

use crate::error::TrainError;

/// Writes the pictures of a page: `NAME-PICTURE.svg` next to `NAME.html`, and with `png` the same
/// as `NAME-PICTURE.png`. Returns a sentence for each PNG that was left out because it is too
/// large. A picture that cannot be written does not keep the others from being written.
///
/// # Errors
///
/// The first picture that cannot be written, after all others.
pub(crate) fn write_pictures(
    page: &Path,
    pictures: &[Picture],
    png: bool,
) -> Result<Vec<String>, TrainError> {
    let stem = page.file_stem().unwrap_or_default().to_string_lossy();
    let write = |picture: &Picture| {
        let beside =
            |ending: &str| page.with_file_name(format!("{stem}-{}.{ending}", picture.name));
        let (svg, pixels) = (beside("svg"), beside("png"));
        let unchanged = has(&svg, picture.svg.as_bytes());
        write_if_changed(&svg, picture.svg.as_bytes())?;
        match png && !(unchanged && pixels.is_file()) {
            true => write_png(&pixels, &picture.svg),
            false => Ok(None),
        }
    };
    let mut left_out = Vec::new();
    let mut failed = None;
    for written in pictures.iter().map(write) {
        match written {
            Ok(sentence) => left_out.extend(sentence),
            Err(error) => drop(failed.get_or_insert(error)),
        }
    }
    failed.map_or(Ok(left_out), Err)
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

/// Draws a PNG, smaller where it would be too large. Returns a sentence if it is left out because
/// it would be too small to be read.
#[cfg(feature = "png")]
fn write_png(path: &Path, svg: &str) -> Result<Option<String>, TrainError> {
    use downhill_report::{MAX_PIXELS, PngError, png};

    /// Pixels of a PNG for each unit of its SVG.
    const SCALE: f32 = 2.0;
    /// The same, at least: smaller letters cannot be read.
    const MIN_SCALE: f32 = 1.0;
    let failed = |error| TrainError::File {
        action: "cannot draw",
        path: path.to_path_buf(),
        source: std::io::Error::other(error),
    };
    let mut drawn = png(svg, SCALE);
    if let Err(PngError::WrongSize { width, height }) = drawn {
        let scale = SCALE * (MAX_PIXELS - 1) as f32 / width.max(height);
        if scale < MIN_SCALE {
            // One of an earlier report would be taken for this one.
            let _ = fs::remove_file(path);
            return Ok(Some(format!(
                "{} is left out: more than {MAX_PIXELS} pixels wide or high; the figure is in the \
                 page and in the SVG file",
                path.display()
            )));
        }
        drawn = png(svg, scale);
    }
    write_whole(path, &drawn.map_err(failed)?)?;
    Ok(None)
}

#[cfg(not(feature = "png"))]
fn write_png(_path: &Path, _svg: &str) -> Result<Option<String>, TrainError> {
    check_png(true).map(|()| None)
}

/// Writes a file and creates its directory, unless the file has these bytes already.
pub(crate) fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    if has(path, bytes) {
        remove_stale(path);
        return Ok(());
    }
    if let Some(directory) = path.parent() {
        create_directory(directory)?;
    }
    write_whole(path, bytes)
}

/// Creates a directory and those above it, and waits until their names are on the disk.
pub(crate) fn create_directory(path: &Path) -> Result<(), TrainError> {
    fn create(path: &Path) -> io::Result<()> {
        if path.as_os_str().is_empty() || path.is_dir() {
            return Ok(());
        }
        path.parent().map_or(Ok(()), create)?;
        match fs::create_dir(path) {
            // Another process was quicker.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let text = format!("{} is not a directory", path.display());
                return Err(io::Error::new(io::ErrorKind::NotADirectory, text));
            }
            created => created?,
        }
        sync_directory(path)
    }
    create(path).map_err(TrainError::file("cannot create", path))
}

fn has(path: &Path, bytes: &[u8]) -> bool {
    fs::read(path).is_ok_and(|found| found == bytes)
}

/// Writes a file under another name and renames it, so that nobody sees a part of it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let failed = |error: io::Error| {
        let error = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                let text = format!("{error}; the file needs {} bytes", bytes.len());
                io::Error::new(error.kind(), text)
            }
            _ => error,
        };
        TrainError::file("cannot write", path)(error)
    };
    remove_stale(path);
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.partial", Writer::this().name()));
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

/// Waits until the names in the directory of this file are on the disk.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        // Only Unix opens directories as files.
        Some(directory) if cfg!(unix) => {
            let here = directory.as_os_str().is_empty();
            File::open(if here { Path::new(".") } else { directory })?.sync_all()
        }
        _ => Ok(()),
    }
}

/// A process that writes files: its number, and the start of its machine, since machines may share
/// a directory.
struct Writer<'a> {
    process: &'a str,
    machine: &'a str,
}

impl Writer<'static> {
    fn this() -> Self {
        static THIS: LazyLock<(String, String)> = LazyLock::new(|| {
            let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
            let machine = boot.chars().take_while(|it| *it != '-').collect();
            (std::process::id().to_string(), machine)
        });
        let (process, machine) = &*THIS;
        Self { process, machine }
    }
}

impl<'a> Writer<'a> {
    fn name(&self) -> String {
        format!("{}-{}", self.process, self.machine)
    }

    fn named(name: &'a str) -> Option<Self> {
        let (process, machine) = name.split_once('-')?;
        Some(Self { process, machine })
    }

    /// Whether it is a process of this machine that has ended.
    fn has_ended(&self) -> bool {
        let processes = Path::new("/proc");
        self.machine == Writer::this().machine
            && self.process.parse::<u32>().is_ok()
            && processes.join("self").exists()
            && !processes.join(self.process).exists()
    }
}

/// Removes what processes that have ended left of this file.
fn remove_stale(path: &Path) {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return;
    };
    let name = format!("{}.", name.to_string_lossy());
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let found = entry.file_name();
        let found = found.to_string_lossy();
        let writer = (found.strip_prefix(&name)).and_then(|rest| rest.strip_suffix(".partial"));
        if writer
            .and_then(Writer::named)
            .is_some_and(|it| it.has_ended())
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod stale {
    use super::*;

    #[test]
    fn what_ended_processes_left_of_a_file_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let beside = |name: &str| directory.path().join(name);
        let this = Writer::this();
        let machine = this.machine;
        assert!(!machine.is_empty());
        // No process has a number this large.
        let ended = |file: &str, machine: &str| format!("{file}.4294967295-{machine}.partial");
        let goes = ended("a.json", machine);
        let stay = [
            ended("b.json", machine),
            ended("a.json", "elsewhere"),
            format!("a.json.{}.partial", this.name()),
            format!("a.json.1-{machine}.partial"),
            format!("a.json.x-{machine}.partial"),
            "a.json.1.partial".to_owned(),
        ];
        for name in stay.iter().chain([&goes]) {
            fs::write(beside(name), "old").unwrap();
        }
        remove_stale(&beside("a.json"));
        assert!(!beside(&goes).exists());
        for name in stay {
            assert!(beside(&name).exists(), "{name}");
        }
        // The file is complete, but not thanks to a process that ended.
        fs::write(beside("b.json"), "new").unwrap();
        write_if_changed(&beside("b.json"), b"new").unwrap();
        assert!(!beside(&ended("b.json", machine)).exists());
    }
}

#[cfg(all(test, feature = "png"))]
mod tests {
    use super::*;

    fn picture(name: &str, width: u32, height: u32) -> Picture {
        let size = format!("width='{width}' height='{height}'");
        Picture {
            name: name.to_owned(),
            svg: format!("<svg xmlns='http://www.w3.org/2000/svg' {size}><rect {size}/></svg>"),
            alt: String::new(),
        }
    }

    #[test]
    fn a_picture_too_large_for_png_is_reduced_or_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let page = directory.path().join("page.html");
        let pictures = [
            picture("huge", 10, 20_001),
            picture("tall", 10, 10_036),
            picture("small", 10, 10),
        ];
        let said = write_pictures(&page, &pictures, true).unwrap();
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("page-huge.png is left out"), "{said:?}");
        let height = |name: &str| {
            let bytes = fs::read(directory.path().join(name)).unwrap();
            u32::from_be_bytes(bytes[20..24].try_into().unwrap())
        };
        assert!((19_990..=20_000).contains(&height("page-tall.png")));
        assert_eq!(height("page-small.png"), 20);
        for name in ["huge", "tall", "small"] {
            assert!(directory.path().join(format!("page-{name}.svg")).is_file());
        }
        assert!(!directory.path().join("page-huge.png").exists());
    }
}
