//! Saving and loading the state of L-BFGS.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Bytes, Device, Tensor, TensorData};
use burn_pack::{Reader, Scalar, Writer};

use super::history::{History, Pair};
use super::vector::Vector;
use super::{Last, Lbfgs, LbfgsMemory};
use crate::file::{self, FileError};

/// An error of loading or saving the state of an [`Lbfgs`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LbfgsRecordError {
    /// The bytes are damaged, or are not the state of an L-BFGS.
    #[error("cannot read the state of L-BFGS: {0}")]
    Unreadable(String),
    /// The state cannot be written.
    #[error("cannot write the state of L-BFGS: {0}")]
    Unwritable(String),
}

impl From<burn_pack::Error> for LbfgsRecordError {
    fn from(error: burn_pack::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

const KIND: &str = "downhill-lbfgs";
const FORM: &str = "1";

impl Lbfgs {
    /// Saves the state to a file: everything that the next step depends on, except the config and
    /// the module. The file is written atomically, and replaces an existing one.
    ///
    /// # Errors
    ///
    /// If the file cannot be written; the error names the path and the reason.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), FileError<LbfgsRecordError>> {
        file::write(self.writer(), path.as_ref(), LbfgsRecordError::Unwritable)
    }

    /// Loads a state that [`save`](Self::save) wrote, and continues from it as
    /// [`load_bytes`](Self::load_bytes) does.
    ///
    /// # Errors
    ///
    /// If the optimizer cannot continue from the file; the error names the path and the reason, and
    /// nothing is changed.
    pub fn load(
        &mut self,
        path: impl AsRef<Path>,
        device: &Device,
    ) -> Result<(), FileError<LbfgsRecordError>> {
        let path = path.as_ref();
        let bytes = file::read(path, LbfgsRecordError::Unreadable)?;
        (self.load_bytes(bytes, device)).map_err(|error| FileError::new(path, error))
    }

    /// Returns the state: everything that the next step depends on, except the config and the
    /// module.
    ///
    /// # Errors
    ///
    /// If the state is too large for the format of `burn_pack`.
    pub fn to_bytes(&self) -> Result<Bytes, LbfgsRecordError> {
        let bytes = self.writer().into_bytes();
        bytes.map_err(|error| LbfgsRecordError::Unwritable(error.to_string()))
    }

    fn writer(&self) -> Writer {
        let mut tensors = Vec::new();
        let mut write = |name: &str, vector: &Vector| {
            for (path, part) in &vector.parts {
                let (bytes, shape, dtype) = part.to_data().into_parts();
                let name = format!("{name}/{path}");
                tensors.push(burn_pack::Tensor::new(name, dtype, shape, None, bytes));
            }
        };
        let LbfgsMemory { last, history } = &self.memory;
        if let Some(last) = last {
            write("direction", &last.direction);
            write("gradient", &last.gradient);
        }
        for (index, pair) in history.pairs.iter().enumerate() {
            write(&step_of(index), &pair.step);
            write(&turn_of(index), &pair.turn);
        }
        let mut writer = Writer::new(tensors)
            .with_metadata(KIND, FORM)
            .with_scalar("iterations", Scalar::from(self.iterations))
            .with_scalar("evaluations", Scalar::from(self.evaluations))
            .with_scalar("pairs", Scalar::from(history.pairs.len() as u64))
            .with_scalar("scale", Scalar::from(history.scale));
        if let Some(last) = last {
            writer = writer.with_scalar("step_size", Scalar::from(last.step_size));
        }
        for (index, pair) in history.pairs.iter().enumerate() {
            writer = writer.with_scalar(&rho_of(index), Scalar::from(pair.rho));
        }
        writer
    }

    /// Continues from a state that [`to_bytes`](Self::to_bytes) returned: the next step is bit for
    /// bit the one that would have followed. `device` is the device of the module.
    ///
    /// # Errors
    ///
    /// If the bytes are not those of an L-BFGS, or not all of them; then nothing is changed.
    pub fn load_bytes(&mut self, bytes: Bytes, device: &Device) -> Result<(), LbfgsRecordError> {
        let reader = Reader::from_bytes(bytes)?;
        if reader.metadata().get(KIND).map(String::as_str) != Some(FORM) {
            return Err(LbfgsRecordError::Unreadable(
                "it was saved by something else".into(),
            ));
        }
        let mut source = Source {
            scalars: reader.scalars().clone(),
            vectors: BTreeMap::new(),
        };
        let device = device.clone().inner();
        for tensor in reader.into_tensors()? {
            let (name, dtype, shape, _, bytes) = tensor.into_parts()?;
            let (vector, path) = match name.split_once('/') {
                Some(found) if shape.num_dims() == 1 => found,
                _ => {
                    return Err(LbfgsRecordError::Unreadable(format!(
                        "unknown tensor `{name}`"
                    )));
                }
            };
            // In the type in which it was saved.
            let data = TensorData::from_bytes(bytes, shape, dtype);
            let part = Tensor::from_data(data, (&device, dtype));
            let vector = source.vectors.entry(vector.to_string()).or_default();
            vector.parts.insert(path.to_string(), part);
        }
        let last = match source.scalars.contains_key("step_size") {
            true => Some(Last {
                direction: source.vector("direction")?,
                gradient: source.vector("gradient")?,
                step_size: source.number("step_size")?,
            }),
            false => None,
        };
        let pairs = (0..source.count("pairs")?).map(|index| {
            let index = index as usize;
            Ok(Arc::new(Pair {
                step: source.vector(&step_of(index))?,
                turn: source.vector(&turn_of(index))?,
                rho: source.number(&rho_of(index))?,
            }))
        });
        let history = History {
            pairs: pairs.collect::<Result<_, LbfgsRecordError>>()?,
            scale: source.number("scale")?,
        };
        let (iterations, evaluations) = (source.count("iterations")?, source.count("evaluations")?);
        self.memory = LbfgsMemory { last, history };
        (self.iterations, self.evaluations) = (iterations, evaluations);
        Ok(())
    }
}

fn step_of(index: usize) -> String {
    format!("pairs.{index}.step")
}

fn turn_of(index: usize) -> String {
    format!("pairs.{index}.turn")
}

fn rho_of(index: usize) -> String {
    format!("pairs.{index}.rho")
}

/// What was saved.
struct Source {
    scalars: BTreeMap<String, Scalar>,
    vectors: BTreeMap<String, Vector>,
}

impl Source {
    fn vector(&mut self, name: &str) -> Result<Vector, LbfgsRecordError> {
        self.vectors.remove(name).ok_or_else(|| missing(name))
    }

    fn number(&self, name: &str) -> Result<f64, LbfgsRecordError> {
        let scalar = self.scalars.get(name).cloned();
        let number = scalar.and_then(|scalar| f64::try_from(scalar).ok());
        number.ok_or_else(|| missing(name))
    }

    fn count(&self, name: &str) -> Result<u64, LbfgsRecordError> {
        let scalar = self.scalars.get(name).cloned();
        let count = scalar.and_then(|scalar| u64::try_from(scalar).ok());
        count.ok_or_else(|| missing(name))
    }
}

fn missing(name: &str) -> LbfgsRecordError {
    LbfgsRecordError::Unreadable(format!("it has no `{name}`"))
}
