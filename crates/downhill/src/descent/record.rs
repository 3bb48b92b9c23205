//! How a descent is saved and loaded.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use burn::optim::{StateSink, StateSource};
use burn::tensor::{Bytes, Device, TensorData};
use burn_pack::{Reader, Scalar, Writer};

use super::order::Order;
use super::{Descent, KeptOfAll};

/// Saved bytes that a descent cannot go on from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescentRecordError {
    /// They are not a descent's, or damaged.
    #[error("cannot read a descent: {0}")]
    Unreadable(String),
    /// They were saved by a descent of other parts.
    #[error("the saved descent is `{saved}`, this one is `{here}`; build it from the same config")]
    OtherParts {
        /// What was saved.
        saved: String,
        /// What would load it.
        here: String,
    },
    /// A part of a parameter's memory is not there.
    #[error("the saved descent has no complete memory of `{path}`")]
    Incomplete {
        /// The parameter.
        path: String,
    },
}

impl From<burn_pack::Error> for DescentRecordError {
    fn from(error: burn_pack::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

const PARTS: &str = "downhill-descent";
const PATHS: &str = "paths";
const COUNTS: &str = "descent";

impl Descent {
    /// Everything that the next step depends on, beside the config and the module.
    ///
    /// # Errors
    ///
    /// A memory too large for the format of `burn_pack`.
    pub fn to_bytes(&self) -> Result<Bytes, DescentRecordError> {
        let mut sink = StateSink::default();
        sink.push_scalar(COUNTS, "steps", Scalar::from(self.steps));
        sink.push_scalar(COUNTS, "accumulated", Scalar::from(self.accumulated));
        sink.push_scalar(COUNTS, "skipped", Scalar::from(self.skipped));
        // The path of a module that is a parameter itself is empty, too.
        sink.push_scalar(COUNTS, PATHS, Scalar::from(self.kept.iter().len() as u64));
        for (path, kept) in self.kept.iter() {
            kept.flatten(path, &mut sink);
        }
        let tensors = sink.tensors.into_iter().map(|(name, data)| {
            let (bytes, shape, dtype) = data.into_parts();
            burn_pack::Tensor::new(name, dtype, shape, None, bytes)
        });
        let paths: Vec<&str> = self.kept.iter().map(|(path, _)| path).collect();
        let mut writer = Writer::new(tensors.collect())
            .with_metadata(PARTS, &self.parts())
            .with_metadata(PATHS, &paths.join("\n"));
        for (name, number) in sink.scalars {
            writer = writer.with_scalar(&name, number);
        }
        Ok(writer.into_bytes()?)
    }

    /// Goes on from what [`to_bytes`](Self::to_bytes) gave: the next step is, bit for bit, the one
    /// that would have come.
    ///
    /// # Errors
    ///
    /// Bytes that are not those of a descent of the same parts; then nothing is changed.
    pub fn load_bytes(&mut self, bytes: Bytes, device: &Device) -> Result<(), DescentRecordError> {
        let reader = Reader::from_bytes(bytes)?;
        let metadata = reader.metadata().clone();
        let unreadable = |what: &str| DescentRecordError::Unreadable(what.to_string());
        let saved = metadata.get(PARTS);
        let saved = saved.ok_or_else(|| unreadable("it was saved by something else"))?;
        if *saved != self.parts() {
            return Err(DescentRecordError::OtherParts {
                saved: saved.clone(),
                here: self.parts(),
            });
        }
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
        let mut all = KeptOfAll::default();
        for path in paths.split('\n').take(number) {
            let kept = self.read_kept(path, &mut source, device);
            let kept = kept.ok_or_else(|| DescentRecordError::Incomplete {
                path: path.to_string(),
            })?;
            all.insert(path, kept);
        }
        self.steps = steps;
        self.accumulated = accumulated;
        self.skipped = skipped;
        self.kept = all;
        self.order = Order::default();
        Ok(())
    }

    /// What has a memory, by name: the optimizers of all groups, and what is kept of the weights.
    pub(crate) fn parts(&self) -> String {
        let optimizers = self.groups.iter().map(|group| group.base.name());
        let weights = self.config.weights.iter().map(|stage| stage.name());
        let parts: Vec<&str> = optimizers.chain(weights).collect();
        parts.join(", ")
    }
}
