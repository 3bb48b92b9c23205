//! Checkpoints of a training loop.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::descent::{Descent, DescentRecordError};
use crate::file::FileError;

/// The first line of a checkpoint, without its version.
const MAGIC: &str = "downhill-checkpoint ";
const VERSION: u32 = 1;
/// Length of the checksum, which is the end of the file.
const CHECKSUM: usize = 32;
/// Names of files: `checkpoint-` and the number.
const PREFIX: &str = "checkpoint-";
/// The end of the name of a file until it is complete.
const PARTIAL: &str = ".partial";

/// The state of a training loop between two steps: named parts, each a module, a [`Descent`], a
/// value or bytes.
///
/// [`Checkpoints`] writes it to a file and finds it again.
///
/// ```
/// use burn::nn::LinearConfig;
/// use burn::tensor::Device;
/// use downhill::{AdamConfig, Checkpoint, Checkpoints, DescentConfig};
///
/// # let directory = std::env::temp_dir().join(format!("downhill-some-{}", std::process::id()));
/// # fn train(_: &mut burn::nn::Linear, _: &mut downhill::Descent) {}
/// let device = Device::flex().autodiff();
/// let mut model = LinearConfig::new(3, 1).init(&device);
/// let mut descent = DescentConfig::new(AdamConfig::torch()).build()?;
/// let mut epoch = 0;
///
/// let checkpoints = Checkpoints::new(&directory);
/// if let Some(found) = checkpoints.newest()?.checkpoint {
///     model = found.module("model", model)?;
///     found.load_descent("descent", &mut descent, &device)?;
///     epoch = found.value("epoch")?;
/// }
/// while epoch < 10 {
///     train(&mut model, &mut descent);
///     epoch += 1;
///     let checkpoint = Checkpoint::new()
///         .with_module("model", &model)?
///         .with_descent("descent", &descent)?
///         .with_value("epoch", &epoch)?;
///     checkpoints.save(epoch, &checkpoint)?;
/// }
/// # std::fs::remove_dir_all(directory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    parts: Vec<(String, Vec<u8>)>,
}

/// The names and lengths of the parts, in their order.
#[derive(Serialize, Deserialize)]
struct Manifest {
    parts: Vec<(String, u64)>,
}

/// Why a checkpoint cannot be written, read or used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// The file cannot be written.
    #[error("cannot be written: {0}")]
    Unwritable(String),
    /// The file was written by something else.
    #[error("it is not a checkpoint")]
    Foreign,
    /// The file is of a later version of this crate.
    #[error(
        "it is of version {found}, and this program reads version {VERSION}; update `downhill`"
    )]
    LaterVersion {
        /// The version.
        found: u32,
    },
    /// The file is cut off or altered.
    #[error("it is damaged: its checksum is not that of its bytes")]
    Damaged,
    /// The checkpoint does not have this part.
    #[error("it has no part `{name}`; it has {found}")]
    Missing {
        /// The name asked for.
        name: String,
        /// The names of its parts.
        found: String,
    },
    /// A part is not what was asked for, or does not fit.
    #[error("its part `{name}` cannot be used: {reason}")]
    Part {
        /// The name.
        name: String,
        /// The reason.
        reason: String,
    },
}

impl Checkpoint {
    /// A checkpoint without parts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the parameters of a module, running statistics included, in their own float type. A
    /// part of the same name is replaced, here as in the other methods.
    ///
    /// # Errors
    ///
    /// If the parameters are too large for Burn's format.
    pub fn with_module<M: Module>(self, name: &str, module: &M) -> Result<Self, CheckpointError> {
        let bytes = module.clone().into_record().into_bytes();
        let bytes = bytes.map_err(|error| unusable(name, &error))?;
        Ok(self.with_bytes(name, bytes.to_vec()))
    }

    /// Adds the state of a descent, as [`Descent::to_bytes`] returns it.
    ///
    /// # Errors
    ///
    /// If the state is too large for Burn's format.
    pub fn with_descent(self, name: &str, descent: &Descent) -> Result<Self, CheckpointError> {
        let bytes = descent.to_bytes();
        let bytes = bytes.map_err(|error| unusable(name, &error))?;
        Ok(self.with_bytes(name, bytes.to_vec()))
    }

    /// Adds a value, such as the number of the epoch or the record of a scheduler. It is kept as
    /// JSON: a float that is not finite is lost.
    ///
    /// # Errors
    ///
    /// If JSON cannot express the value.
    pub fn with_value<T: Serialize + ?Sized>(
        self,
        name: &str,
        value: &T,
    ) -> Result<Self, CheckpointError> {
        let bytes = serde_json::to_vec(value).map_err(|error| unusable(name, &error))?;
        Ok(self.with_bytes(name, bytes))
    }

    /// Adds bytes, such as the state of an [`Lbfgs`](crate::Lbfgs).
    #[must_use]
    pub fn with_bytes(mut self, name: &str, bytes: Vec<u8>) -> Self {
        self.parts.retain(|(other, _)| other != name);
        self.parts.push((name.to_owned(), bytes));
        self
    }

    /// Returns the bytes of a part; `None` if there is no such part.
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        let part = self.parts.iter().find(|(other, _)| other == name);
        part.map(|(_, bytes)| bytes.as_slice())
    }

    /// Returns a module with the parameters of a part, on its own devices.
    ///
    /// # Errors
    ///
    /// If there is no such part, or if paths, shapes or ranks are not those of the module.
    pub fn module<M: Module>(&self, name: &str, module: M) -> Result<M, CheckpointError> {
        let record = ModuleRecord::from_bytes(self.part(name)?);
        let record = record.map_err(|error| unusable(name, &error))?;
        let loaded = module.try_load_record(record);
        loaded.map_err(|error| unusable(name, &error))
    }

    /// Continues a descent from the state of a part, as [`Descent::load_bytes`] does.
    ///
    /// # Errors
    ///
    /// If there is no such part, or if the state does not fit. Then the descent is unchanged.
    pub fn load_descent(
        &self,
        name: &str,
        descent: &mut Descent,
        device: &Device,
    ) -> Result<(), CheckpointError> {
        let loaded: Result<(), DescentRecordError> = descent.load_bytes(self.part(name)?, device);
        loaded.map_err(|error| unusable(name, &error))
    }

    /// Returns the value of a part.
    ///
    /// # Errors
    ///
    /// If there is no such part, or if it is no such value.
    pub fn value<T: DeserializeOwned>(&self, name: &str) -> Result<T, CheckpointError> {
        let bytes = self.bytes(name).ok_or_else(|| self.missing(name))?;
        serde_json::from_slice(bytes).map_err(|error| unusable(name, &error))
    }

    fn part(&self, name: &str) -> Result<Bytes, CheckpointError> {
        let bytes = self.bytes(name).ok_or_else(|| self.missing(name))?;
        Ok(Bytes::from_bytes_vec(bytes.to_vec()))
    }

    fn missing(&self, name: &str) -> CheckpointError {
        let names: Vec<&str> = self.parts.iter().map(|(name, _)| name.as_str()).collect();
        CheckpointError::Missing {
            name: name.to_owned(),
            found: match names.is_empty() {
                true => "none".to_owned(),
                false => names.join(", "),
            },
        }
    }

    /// Returns the checkpoint as a file.
    ///
    /// ```text
    /// downhill-checkpoint 1
    /// {"parts":[["model",1234],["descent",567]]}
    /// the parts, one after the other
    /// SHA-256 of all bytes before, 32 bytes
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        let parts = self.parts.iter();
        let parts = parts.map(|(name, bytes)| (name.clone(), bytes.len() as u64));
        let manifest = Manifest {
            parts: parts.collect(),
        };
        let manifest = serde_json::to_string(&manifest).expect("names and lengths");
        let mut bytes = format!("{MAGIC}{VERSION}\n{manifest}\n").into_bytes();
        for (_, part) in &self.parts {
            bytes.extend_from_slice(part);
        }
        let checksum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&checksum);
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) returned.
    ///
    /// # Errors
    ///
    /// If the bytes are not those of a checkpoint, or are damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let (first, _) = split_line(bytes).ok_or(CheckpointError::Foreign)?;
        let version = std::str::from_utf8(first).ok();
        let version = version.and_then(|first| first.strip_prefix(MAGIC)?.parse().ok());
        match version.ok_or(CheckpointError::Foreign)? {
            VERSION => {}
            found => return Err(CheckpointError::LaterVersion { found }),
        }
        let length = bytes.len().checked_sub(CHECKSUM);
        let (content, checksum) = bytes.split_at(length.ok_or(CheckpointError::Damaged)?);
        if Sha256::digest(content)[..] != *checksum {
            return Err(CheckpointError::Damaged);
        }
        let split = split_line(content).and_then(|(_, rest)| split_line(rest));
        let (manifest, mut rest) = split.ok_or(CheckpointError::Damaged)?;
        let manifest: Manifest =
            serde_json::from_slice(manifest).map_err(|_| CheckpointError::Damaged)?;
        let mut parts = Vec::with_capacity(manifest.parts.len());
        for (name, length) in manifest.parts {
            let length = usize::try_from(length).map_err(|_| CheckpointError::Damaged)?;
            let split = rest.split_at_checked(length);
            let (part, after) = split.ok_or(CheckpointError::Damaged)?;
            parts.push((name, part.to_vec()));
            rest = after;
        }
        match rest.is_empty() {
            true => Ok(Self { parts }),
            false => Err(CheckpointError::Damaged),
        }
    }
}

fn unusable(name: &str, reason: &impl ToString) -> CheckpointError {
    CheckpointError::Part {
        name: name.to_owned(),
        reason: reason.to_string(),
    }
}

/// The bytes before the first line feed, and those after.
fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// A directory of checkpoints, of which the newest are kept.
///
/// A checkpoint is a file. It is written under another name, synchronized with the disk and then
/// renamed, so a process that is killed at any moment leaves the checkpoints before it unharmed.
/// Only one process may write to a directory at a time.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    directory: PathBuf,
    kept: usize,
}

/// The newest checkpoint of a directory.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Newest {
    /// The newest checkpoint that can be read, if there is any.
    pub checkpoint: Option<Checkpoint>,
    /// Why newer ones cannot be read.
    pub damaged: Vec<FileError<CheckpointError>>,
}

impl Checkpoints {
    /// The checkpoints of a directory, which need not exist yet. The two newest are kept.
    pub fn new(directory: impl AsRef<Path>) -> Self {
        Self {
            directory: directory.as_ref().to_owned(),
            kept: 2,
        }
    }

    /// Sets how many checkpoints are kept; at least 1.
    #[must_use]
    pub fn with_kept(mut self, kept: usize) -> Self {
        self.kept = kept.max(1);
        self
    }

    /// Writes a checkpoint, then deletes those that are not to be kept. `number` orders them, such
    /// as the number of steps or the epoch; a checkpoint of the same number is replaced.
    ///
    /// # Errors
    ///
    /// If a file cannot be written or deleted. The checkpoints before are still there.
    pub fn save(
        &self,
        number: u64,
        checkpoint: &Checkpoint,
    ) -> Result<(), FileError<CheckpointError>> {
        self.save_on(&mut Disk, number, checkpoint)
    }

    fn save_on(
        &self,
        disk: &mut dyn Operations,
        number: u64,
        checkpoint: &Checkpoint,
    ) -> Result<(), FileError<CheckpointError>> {
        let name = format!("{PREFIX}{number:020}");
        let path = self.directory.join(&name);
        let partial = self.directory.join(format!("{name}{PARTIAL}"));
        let bytes = checkpoint.to_bytes();
        let mut write = || {
            disk.create_directory(&self.directory)?;
            disk.write(&partial, &bytes)?;
            disk.rename(&partial, &path)?;
            disk.sync_directory(&self.directory)?;
            // What is left of a process that was killed.
            let (others, partials) = self.files()?;
            for old in partials.iter().chain(others.iter().skip(self.kept)) {
                disk.remove(old)?;
            }
            Ok(())
        };
        write().map_err(|error: io::Error| {
            let reason = match error.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                    format!("{error}; the file needs {} bytes", bytes.len())
                }
                _ => error.to_string(),
            };
            FileError::new(&path, CheckpointError::Unwritable(reason))
        })
    }

    /// Returns the newest checkpoint that can be read, and why newer ones cannot.
    ///
    /// # Errors
    ///
    /// If the directory cannot be read. One that does not exist holds no checkpoint.
    pub fn newest(&self) -> Result<Newest, FileError<CheckpointError>> {
        let (files, _) = self.files().map_err(|error| self.unreadable(&error))?;
        let mut newest = Newest::default();
        for path in files {
            let read = fs::read(&path);
            let read = read.map_err(|error| CheckpointError::Unreadable(error.to_string()));
            match read.and_then(|bytes| Checkpoint::from_bytes(&bytes)) {
                Ok(checkpoint) => {
                    newest.checkpoint = Some(checkpoint);
                    break;
                }
                Err(error) => newest.damaged.push(FileError::new(&path, error)),
            }
        }
        Ok(newest)
    }

    /// Deletes all checkpoints, and the directory if nothing else is in it.
    ///
    /// # Errors
    ///
    /// If a file cannot be deleted.
    pub fn clear(&self) -> Result<(), FileError<CheckpointError>> {
        let remove = || {
            let (files, partials) = self.files()?;
            for path in files.iter().chain(&partials) {
                match fs::remove_file(path) {
                    // Another process was quicker.
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    removed => removed?,
                }
            }
            Ok(())
        };
        remove().map_err(|error: io::Error| {
            let reason = format!("cannot be deleted: {error}");
            FileError::new(&self.directory, CheckpointError::Unwritable(reason))
        })?;
        // It is not empty if the user keeps something in it.
        let _ = fs::remove_dir(&self.directory);
        Ok(())
    }

    fn unreadable(&self, error: &io::Error) -> FileError<CheckpointError> {
        let error = CheckpointError::Unreadable(error.to_string());
        FileError::new(&self.directory, error)
    }

    /// The checkpoints, newest first, and the files that were never completed.
    fn files(&self) -> io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Default::default()),
            entries => entries?,
        };
        let (mut files, mut partials) = (Vec::new(), Vec::new());
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let Some(number) = name.strip_prefix(PREFIX) else {
                continue;
            };
            let is_number = |text: &str| text.len() == 20 && text.parse::<u64>().is_ok();
            match number.strip_suffix(PARTIAL) {
                Some(number) if is_number(number) => partials.push(path),
                None if is_number(number) => files.push(path),
                _ => {}
            }
        }
        files.sort();
        files.reverse();
        Ok((files, partials))
    }
}

/// What a checkpoint does to the disk, step by step.
trait Operations {
    fn create_directory(&mut self, path: &Path) -> io::Result<()>;
    /// Writes a file and waits until it is on the disk.
    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;
    /// Waits until the names of a directory are on the disk.
    fn sync_directory(&mut self, path: &Path) -> io::Result<()>;
    fn remove(&mut self, path: &Path) -> io::Result<()>;
}

struct Disk;

impl Operations for Disk {
    fn create_directory(&mut self, path: &Path) -> io::Result<()> {
        if path.as_os_str().is_empty() || path.is_dir() {
            return Ok(());
        }
        let Some(parent) = path.parent() else {
            return Ok(());
        };
        self.create_directory(parent)?;
        match fs::create_dir(path) {
            // Another thread was quicker.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
            created => created?,
        }
        self.sync_directory(parent)
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_directory(&mut self, path: &Path) -> io::Result<()> {
        let path = match path.as_os_str().is_empty() {
            true => Path::new("."),
            false => path,
        };
        // Only Unix opens directories as files.
        match cfg!(unix) {
            true => File::open(path)?.sync_all(),
            false => Ok(()),
        }
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests;
