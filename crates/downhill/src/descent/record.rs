//! Saving and loading a descent.

use std::path::Path;

use burn::optim::{StateSink, StateSource};
use burn::tensor::{Bytes, Device, TensorData};
use burn_pack::{Reader, Scalar, Writer};

use super::Descent;
use super::error::DescentRecordError;
use super::order::Order;
use super::state::ModelState;
use crate::file::{self, FileError};

const PARTS: &str = "downhill-descent";
const PATHS: &str = "paths";
const COUNTS: &str = "descent";

impl Descent {
    /// Saves the state to a file: everything that the next step depends on, except the config, the
    /// module, and settings changed since the descent was built.
    ///
    /// The file is written atomically, and replaces an existing one. No extension is added to the
    /// path.
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use downhill::{AdamConfig, DescentConfig};
    ///
    /// # let path = std::env::temp_dir().join(format!("downhill-{}.bpk", std::process::id()));
    /// let config = DescentConfig::new(AdamConfig::torch());
    /// let descent = config.build()?;
    /// descent.save(&path)?;
    ///
    /// let mut resumed = config.build()?;
    /// resumed.load(&path, &Device::flex())?;
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the file cannot be written; the error names the path and the reason.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), FileError<DescentRecordError>> {
        file::write(self.writer(), path.as_ref(), DescentRecordError::Unwritable)
    }

    /// Loads a state that [`save`](Self::save) wrote, and continues from it as
    /// [`load_bytes`](Self::load_bytes) does.
    ///
    /// # Errors
    ///
    /// If the descent cannot continue from the file; the error names the path and the reason, and
    /// nothing is changed.
    pub fn load(
        &mut self,
        path: impl AsRef<Path>,
        device: &Device,
    ) -> Result<(), FileError<DescentRecordError>> {
        let path = path.as_ref();
        let bytes = file::read(path, DescentRecordError::Unreadable)?;
        (self.load_bytes(bytes, device)).map_err(|error| FileError::new(path, error))
    }

    /// Returns the state: everything that the next step depends on, except the config, the module,
    /// and settings changed since the descent was built.
    ///
    /// # Errors
    ///
    /// If the state is too large for the format of `burn_pack`.
    pub fn to_bytes(&self) -> Result<Bytes, DescentRecordError> {
        let bytes = self.writer().into_bytes();
        bytes.map_err(|error| DescentRecordError::Unwritable(error.to_string()))
    }

    fn writer(&self) -> Writer {
        let mut sink = StateSink::default();
        sink.push_scalar(COUNTS, "steps", Scalar::from(self.steps));
        sink.push_scalar(COUNTS, "accumulated", Scalar::from(self.accumulated));
        sink.push_scalar(COUNTS, "skipped", Scalar::from(self.skipped));
        // Without the number, no path is the same text as the empty path of a module that is a
        // parameter itself.
        sink.push_scalar(COUNTS, PATHS, Scalar::from(self.state.iter().len() as u64));
        for (path, state) in self.state.iter() {
            state.flatten(path, &mut sink);
        }
        let tensors = sink.tensors.into_iter().map(|(name, data)| {
            let (bytes, shape, dtype) = data.into_parts();
            burn_pack::Tensor::new(name, dtype, shape, None, bytes)
        });
        let paths: Vec<&str> = self.state.iter().map(|(path, _)| path).collect();
        let mut writer = Writer::new(tensors.collect())
            .with_metadata(PARTS, &self.parts())
            .with_metadata(PATHS, &paths.join("\n"));
        for (name, number) in sink.scalars {
            writer = writer.with_scalar(&name, number);
        }
        writer
    }

    /// Continues from a state that [`to_bytes`](Self::to_bytes) returned: the next step is bit for
    /// bit the one that would have followed. `device` is the device of the module.
    ///
    /// # Errors
    ///
    /// If the bytes are not those of a descent with the same parts; then nothing is changed.
    pub fn load_bytes(&mut self, bytes: Bytes, device: &Device) -> Result<(), DescentRecordError> {
        let reader = Reader::from_bytes(bytes)?;
        let metadata = reader.metadata().clone();
        let unreadable = |what: &str| DescentRecordError::Unreadable(what.to_string());
        let saved = metadata.get(PARTS);
        let saved = saved.ok_or_else(|| unreadable("it was saved by something else"))?;
        self.check_parts(saved)?;
        let paths = metadata
            .get(PATHS)
            .ok_or_else(|| unreadable("it names no paths"))?;
        let mut source = StateSource::new(reader.scalars().clone());
        for tensor in reader.into_tensors()? {
            let (name, dtype, shape, _, bytes) = tensor.into_parts()?;
            source.insert_tensor(name, TensorData::from_bytes(bytes, shape, dtype));
        }
        let mut count = |name: &str| {
            let scalar = source.take_scalar(COUNTS, name);
            let count = scalar.and_then(|scalar| u64::try_from(scalar).ok());
            count.ok_or_else(|| unreadable(&format!("it has no count of {name}")))
        };
        let (steps, accumulated, skipped) =
            (count("steps")?, count("accumulated")?, count("skipped")?);
        let number = count(PATHS)? as usize;
        let mut all = ModelState::default();
        for path in paths.split('\n').take(number) {
            let state = self.read_state(path, &mut source, device);
            let state = state.ok_or_else(|| DescentRecordError::Incomplete {
                path: path.to_string(),
            })?;
            all.insert(path, state);
        }
        self.steps = steps;
        self.accumulated = accumulated;
        self.skipped = skipped;
        self.state = all;
        self.order = Order::default();
        Ok(())
    }

    /// Refuses a state with other parts. Hyphens do not count: names of optimizers had none once.
    pub(crate) fn check_parts(&self, saved: &str) -> Result<(), DescentRecordError> {
        let here = self.parts();
        if saved.replace('-', "") == here.replace('-', "") {
            return Ok(());
        }
        let saved = saved.to_string();
        Err(DescentRecordError::OtherParts { saved, here })
    }

    /// The names of what has a state: the optimizers of all groups, then the weight stages.
    pub(crate) fn parts(&self) -> String {
        let optimizers = self.groups.iter().map(|group| group.base.name());
        let weights = self.config.weights.iter().map(|stage| stage.name());
        let parts: Vec<&str> = optimizers.chain(weights).collect();
        parts.join(", ")
    }
}
