//! Saving and loading a descent.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, Param};
use burn::optim::{StateSink, StateSource};
use burn::tensor::{Bytes, Device, Tensor, TensorData};
use burn_pack::{Reader, Scalar, Writer};

use super::Descent;
use super::averages;
use super::error::{DescentRecordError, FORMAT, Misfit};
use super::group::GroupState;
use super::loss_scale::Scale;
use super::order::Order;
use super::settings::ChangedSetting;
use super::slots::type_of_a_slot;
use super::state::{ModelState, ParameterState};
use super::visit::{ParamVisitor, visit_params};
use crate::file::{self, FileError};
use crate::rule::Memory;

const PARTS: &str = "downhill-descent";
const PATHS: &str = "paths";
const COUNTS: &str = "descent";
const FORMS: &str = "optimizers";
const LOSS_SCALE: &str = "loss_scale";
const SCALED: &str = "calls_since_scaled";
const WEIGHTS: &str = "weights";
const CHANGED: &str = "changed";

impl Descent {
    /// Saves the state to a file: everything that the next step depends on, except the config and
    /// the module. Settings changed since the descent was built are part of it.
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

    /// Returns the state: everything that the next step depends on, except the config and the
    /// module. Settings changed since the descent was built are part of it.
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
        sink.push_scalar(COUNTS, "format", Scalar::from(FORMAT));
        sink.push_scalar(COUNTS, "steps", Scalar::from(self.steps));
        sink.push_scalar(COUNTS, "accumulated", Scalar::from(self.accumulated));
        sink.push_scalar(COUNTS, "skipped", Scalar::from(self.skipped));
        if self.config.loss_scale.is_some() {
            sink.push_scalar(COUNTS, LOSS_SCALE, Scalar::from(self.scale.scale));
            sink.push_scalar(COUNTS, SCALED, Scalar::from(self.scale.calls));
        }
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
        let forms: Vec<String> = (0..self.groups.len())
            .map(|group| self.form(group))
            .collect();
        let changed: Vec<String> = self.changed.iter().map(ChangedSetting::to_line).collect();
        let mut writer = Writer::new(tensors.collect())
            .with_metadata(PARTS, &self.parts())
            .with_metadata(FORMS, &forms.join("\n"))
            .with_metadata(WEIGHTS, &self.weight_names())
            .with_metadata(CHANGED, &changed.join("\n"))
            .with_metadata(PATHS, &paths.join("\n"));
        for (name, number) in sink.scalars {
            writer = writer.with_scalar(&name, number);
        }
        writer
    }

    /// Continues from a state that [`to_bytes`](Self::to_bytes) returned: the next step is bit for
    /// bit the one that would have followed. `device` is the device of the module.
    ///
    /// A parameter without a state in `bytes` starts from an empty one. Settings that were changed
    /// between steps are set again; other numbers are those of this config. The next step compares
    /// shapes and types with the module, and is refused if they differ.
    ///
    /// A state that Burn's `ModuleOptimizer` saved of Burn's own optimizers is loaded where the
    /// rule here is the same: SGD, momentum, AdaGrad, RMSprop, Adam, AdamW, Adan, Lion, LAMB,
    /// Adafactor and Muon. The number of steps is then the largest that Burn counted, which is 1 if
    /// it did not count.
    ///
    /// # Errors
    ///
    /// If the bytes are damaged, or parts of the state do not fit this config; the error names all
    /// of these, and nothing is changed. To load the rest, see
    /// [`load_bytes_for`](Self::load_bytes_for).
    pub fn load_bytes(&mut self, bytes: Bytes, device: &Device) -> Result<(), DescentRecordError> {
        let (loaded, misfits) = self.loaded(bytes, device)?;
        if !misfits.is_empty() {
            return Err(DescentRecordError::Misfits(misfits));
        }
        *self = loaded;
        Ok(())
    }

    /// Continues from a state as far as it fits the config and this module, and returns the rest,
    /// which is not loaded. `device` is the device of the module.
    ///
    /// ```
    /// use burn::module::Module;
    /// use burn::nn::LinearConfig;
    /// use burn::optim::GradientsParams;
    /// use burn::tensor::{Device, Tensor};
    /// use downhill::{AdamConfig, DescentConfig, Misfit};
    ///
    /// let device = Device::flex().autodiff();
    /// let step = |model: burn::nn::Linear, descent: &mut downhill::Descent| {
    ///     let inputs = model.weight.dims()[0];
    ///     let loss = model.forward(Tensor::<2>::ones([4, inputs], &device)).square().mean();
    ///     let gradients = GradientsParams::from_grads(loss.backward(), &model);
    ///     descent.step(model, gradients).unwrap().0
    /// };
    /// let config = DescentConfig::new(AdamConfig::torch());
    /// let mut before = config.build()?;
    /// step(LinearConfig::new(3, 2).init(&device), &mut before);
    ///
    /// // The weight has another shape now, and the bias has not.
    /// let model = LinearConfig::new(5, 2).init(&device);
    /// let mut descent = config.build()?;
    /// let misfits = descent.load_bytes_for(before.to_bytes()?, &model, &Device::flex())?;
    /// assert!(matches!(misfits[..], [Misfit::Shape { .. }]));
    /// step(model, &mut descent);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the bytes are damaged; then nothing is changed.
    pub fn load_bytes_for<M: Module>(
        &mut self,
        bytes: Bytes,
        module: &M,
        device: &Device,
    ) -> Result<Vec<Misfit>, DescentRecordError> {
        let (mut loaded, mut misfits) = self.loaded(bytes, device)?;
        let others = misfits_of(&loaded.state, module, true);
        loaded
            .state
            .retain(|path| others.iter().all(|misfit| misfit.path() != Some(path)));
        loaded.is_unchecked = false;
        misfits.extend(others);
        *self = loaded;
        Ok(misfits)
    }

    /// Returns this descent with the state of these bytes as far as it fits, and the rest.
    fn loaded(
        &self,
        bytes: Bytes,
        device: &Device,
    ) -> Result<(Self, Vec<Misfit>), DescentRecordError> {
        let reader = Reader::from_bytes(bytes)?;
        let metadata = reader.metadata().clone();
        let unreadable = |what: &str| DescentRecordError::Unreadable(what.to_string());
        let mut source = StateSource::new(reader.scalars().clone());
        for tensor in reader.into_tensors()? {
            let (name, dtype, shape, _, bytes) = tensor.into_parts()?;
            source.insert_tensor(name, TensorData::from_bytes(bytes, shape, dtype));
        }
        let Some(saved) = metadata.get(PARTS) else {
            let loaded = self.loaded_from_burn(&metadata, &mut source, device);
            return loaded.ok_or_else(|| unreadable("it was saved by something else"));
        };
        let paths = metadata
            .get(PATHS)
            .ok_or_else(|| unreadable("it names no paths"))?;
        let format = source.take_scalar(COUNTS, "format");
        let format = format.map_or(Ok(1), u64::try_from);
        match format.map_err(|_| unreadable("its format is no number"))? {
            1 => self.check_parts(saved)?,
            FORMAT => {}
            later => return Err(DescentRecordError::LaterFormat(later)),
        }
        let scale = source.take_scalar(COUNTS, LOSS_SCALE);
        let mut count = |name: &str| {
            let scalar = source.take_scalar(COUNTS, name);
            let count = scalar.and_then(|scalar| u64::try_from(scalar).ok());
            count.ok_or_else(|| unreadable(&format!("it has no count of {name}")))
        };
        let mut loaded = self.fresh();
        loaded.steps = count("steps")?;
        loaded.accumulated = count("accumulated")?;
        loaded.skipped = count("skipped")?;
        if let (Some(scale), Some(_)) = (scale, loaded.config.loss_scale) {
            let scale =
                f64::try_from(scale).map_err(|_| unreadable("its loss scale is no number"))?;
            let calls = count(SCALED)?;
            loaded.scale = Scale { scale, calls };
        }
        let number = count(PATHS)? as usize;
        let mut misfits = Vec::new();
        let (saved, here) = (metadata.get(WEIGHTS), self.weight_names());
        let has_weights = saved.is_none_or(|saved| *saved == here);
        if let (Some(saved), false) = (saved, has_weights) {
            let saved = saved.clone();
            misfits.push(Misfit::Weights { saved, here });
        }
        let forms: Option<Vec<&str>> = metadata.get(FORMS).map(|forms| forms.lines().collect());
        let names: Vec<&str> = paths.split('\n').take(number).collect();
        for path in names {
            let incomplete = || DescentRecordError::Incomplete {
                path: path.to_string(),
            };
            let saved = ParameterState::saved_for(path, &mut source).ok_or_else(incomplete)?;
            let (form, group) = match (&forms, &saved.1) {
                (Some(forms), Some(shape)) => {
                    let form = forms.get(saved.0).ok_or_else(incomplete)?;
                    (Some(*form), self.config.group_of(path, shape.len()))
                }
                (forms, _) => {
                    let form = forms.as_ref().and_then(|forms| forms.get(saved.0).copied());
                    (form, saved.0)
                }
            };
            let here = self.groups.get(group).ok_or_else(incomplete)?;
            if let Some(saved) = form.filter(|form| *form != here.base.form()) {
                misfits.push(Misfit::Optimizer {
                    path: path.to_string(),
                    saved: saved.to_string(),
                    here: here.base.form(),
                });
                continue;
            }
            let stages = self.config.weights.as_slice();
            let kept = if has_weights { stages } else { &[] };
            let about = (group, saved.1);
            let state =
                ParameterState::unflatten(path, about, &*here.rule, kept, &mut source, device);
            let mut state = state.ok_or_else(incomplete)?;
            state.weights.resize_with(stages.len(), Memory::default);
            loaded.state.insert(path, state);
        }
        if let Some(changed) = metadata.get(CHANGED) {
            for line in changed.lines() {
                let changed = ChangedSetting::from_line(line);
                let changed = changed.ok_or_else(|| unreadable("a changed setting is cut off"))?;
                loaded.change_again(&changed);
            }
        }
        Ok((loaded, misfits))
    }

    /// Returns this descent with the states of a `ModuleOptimizer` as far as they are those of
    /// Burn's own optimizers of the same rules, and the rest. `paths` has the path of each
    /// parameter's id. `None` if there are no ids.
    fn loaded_from_burn(
        &self,
        paths: &BTreeMap<String, String>,
        source: &mut StateSource,
        device: &Device,
    ) -> Option<(Self, Vec<Misfit>)> {
        if paths.is_empty() || paths.keys().any(|id| id.parse::<u64>().is_err()) {
            return None;
        }
        let mut loaded = self.fresh();
        let mut misfits = Vec::new();
        for (id, path) in paths {
            let rank = source.take_scalar(id, "__rank");
            let rank = rank.and_then(|rank| usize::try_from(rank).ok())?;
            match loaded.state_from_burn(path, rank, id, source, device) {
                Ok(state) => {
                    loaded.steps = loaded.steps.max(state.rule.time);
                    loaded.state.insert(path, state);
                }
                Err(misfit) => misfits.push(misfit),
            }
        }
        Some((loaded, misfits))
    }

    /// Reads the state of one of Burn's own optimizers under a prefix, for the parameter at a path.
    pub(crate) fn state_from_burn(
        &self,
        path: &str,
        rank: usize,
        prefix: &str,
        source: &mut StateSource,
        device: &Device,
    ) -> Result<ParameterState, Misfit> {
        let group = self.config.group_of(path, rank);
        let GroupState { rule, base, .. } = &self.groups[group];
        let memory = rule.read_burns(prefix, source, device);
        let memory = memory.filter(|memory| rule.takes_from_burn(memory));
        let mut memory = memory.ok_or_else(|| Misfit::FromBurn {
            path: path.to_string(),
            here: base.form(),
        })?;
        let mut state = ParameterState::new(group, self.config.weights.len());
        state.shape = memory.shape.take();
        state.rule = memory.widened();
        Ok(state)
    }

    /// Returns this descent without a state.
    fn fresh(&self) -> Self {
        Self {
            steps: 0,
            accumulated: 0,
            skipped: 0,
            scale: Scale::first(self.config.loss_scale.as_ref()),
            state: ModelState::default(),
            order: Order::default(),
            is_unchecked: true,
            ..self.clone()
        }
    }

    /// Refuses a state whose shapes or types are not those of the module, and one that was loaded
    /// if the module does not have all its paths.
    pub(super) fn check_state<M: Module>(&mut self, module: &M) -> Result<(), DescentRecordError> {
        let misfits = misfits_of(&self.state, module, self.is_unchecked);
        if !misfits.is_empty() {
            return Err(DescentRecordError::Misfits(misfits));
        }
        self.is_unchecked = false;
        Ok(())
    }

    pub(super) fn form(&self, group: usize) -> String {
        self.groups[group].base.form()
    }

    pub(super) fn weight_names(&self) -> String {
        averages::names(self.config.weights.iter())
    }

    /// Refuses a state with other parts. Hyphens do not count: names of optimizers had none once.
    /// AdamW is Adam under another name.
    pub(crate) fn check_parts(&self, saved: &str) -> Result<(), DescentRecordError> {
        let here = self.parts();
        let plain = |parts: &str| parts.replace('-', "").replace("adamw", "adam");
        if plain(saved) == plain(&here) {
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

impl Misfit {
    fn path(&self) -> Option<&str> {
        match self {
            Self::Optimizer { path, .. }
            | Self::Shape { path, .. }
            | Self::Type { path, .. }
            | Self::FromBurn { path, .. }
            | Self::Path { path } => Some(path),
            Self::Weights { .. } => None,
        }
    }
}

/// Returns what of a state does not fit the parameters of a module. A state without its parameter
/// counts if `absent` is set: a module that is a part of another has not all of them.
fn misfits_of<M: Module>(state: &ModelState, module: &M, absent: bool) -> Vec<Misfit> {
    let mut checker = Checker {
        state,
        met: Vec::new(),
        misfits: Vec::new(),
    };
    visit_params(module, &mut checker);
    let Checker {
        met, mut misfits, ..
    } = checker;
    if absent {
        let paths = state.iter().map(|(path, _)| path.to_string());
        let absent = paths.filter(|path| !met.contains(path));
        misfits.extend(absent.map(|path| Misfit::Path { path }));
    }
    misfits
}

struct Checker<'a> {
    state: &'a ModelState,
    met: Vec<String>,
    misfits: Vec<Misfit>,
}

impl ParamVisitor for Checker<'_> {
    fn visit<const D: usize>(&mut self, path: &str, param: &Param<Tensor<D>>) {
        self.met.push(path.to_string());
        let Some(state) = self.state.get(path) else {
            return;
        };
        let (shape, dtype) = (param.shape(), param.dtype());
        let (path, here) = (path.to_string(), shape.to_vec());
        let elements = shape.num_elements();
        if let Some(saved) = state.shape.clone().filter(|saved| *saved != here) {
            self.misfits.push(Misfit::Shape { path, saved, here });
        } else if let Some(saved) = state.foreign_length(elements) {
            // An older state does not tell the shape.
            let saved = vec![saved];
            self.misfits.push(Misfit::Shape { path, saved, here });
        } else if let Some(saved) = state.dtype() {
            let here = type_of_a_slot(dtype);
            if saved != here {
                self.misfits.push(Misfit::Type {
                    path,
                    saved,
                    here: dtype,
                });
            }
        }
    }
}
