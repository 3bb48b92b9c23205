//! What a `ModuleOptimizer` holds of a descent.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::optim::{StateSink, StateSource};
use burn::tensor::{Bytes, TensorData};
use burn_pack::Scalar;

use super::Handle;
use crate::descent::{Counts, ParameterState, Slot};
use crate::rule::burn_state;
use crate::{Descent, DescentRecordError, Misfit};

/// What Burn's optimizer keeps of one parameter.
#[derive(Clone)]
pub(super) enum OptimizerState {
    /// The descent has its state.
    Live(Live),
    /// A state from a file or from bytes.
    Loaded(Arc<Loaded>),
}

pub(super) struct Live {
    pub(super) handle: Handle,
    path: String,
    _in_use: Arc<()>,
}

impl Live {
    pub(super) fn new(handle: Handle, path: String) -> Self {
        let _in_use = Arc::clone(&handle.lock().in_use);
        Self {
            handle,
            path,
            _in_use,
        }
    }
}

/// Refers to a copy of the descent: a clone of an optimizer steps on its own.
impl Clone for Live {
    fn clone(&self) -> Self {
        Self::new(self.handle.copied(&self.path), self.path.clone())
    }
}

#[derive(Debug)]
pub(super) struct Loaded {
    /// `None` if no descent saved the state.
    of: Option<Saved>,
    tensors: Vec<(String, TensorData)>,
    scalars: BTreeMap<String, Scalar>,
}

/// What a state says of the descent that saved it.
#[derive(Clone, Debug)]
struct Saved {
    path: String,
    /// The parts of the descent.
    parts: String,
    /// What gives the memory its meaning; `None` in older states.
    form: Option<String>,
    /// The settings that were changed between steps.
    changed: Vec<String>,
}

const NAMES: &str = "names";
const MEMORY: &str = "memory";
const COUNTS: [&str; 5] = [
    "steps",
    "accumulated",
    "skipped",
    "calls_since_scaled",
    "loss_scale",
];
/// The number of counts that every state has; the others are 0 where they are left out.
const ALWAYS: usize = 3;

impl OptimizerState {
    // Burn reads a state back by the names in it alone, so the state holds the names, as text.
    pub(super) fn flatten(&self, prefix: &str, out: &mut StateSink) {
        let (saved, tensors, scalars) = match self {
            Self::Live(Live { handle, path, .. }) => {
                let descent = &handle.lock().descent;
                let mut sink = StateSink::default();
                descent.state_of(path).flatten(MEMORY, &mut sink);
                for (index, count) in descent.counts().into_iter().enumerate() {
                    if index < ALWAYS || count != 0 {
                        sink.push_scalar("", COUNTS[index], Scalar::from(count));
                    }
                }
                let saved = Saved {
                    path: path.clone(),
                    parts: descent.parts(),
                    form: Some(descent.form_of_state(path)),
                    changed: descent.changed_settings(),
                };
                (Some(saved), sink.tensors, sink.scalars)
            }
            Self::Loaded(loaded) => (
                loaded.of.clone(),
                loaded.tensors.clone(),
                loaded.scalars.clone().into_iter().collect(),
            ),
        };
        let mut names = saved.map(|saved| {
            let mut names = format!("{}\n{}", saved.path, saved.parts);
            let lines = |kind: &str, lines: &[String]| -> String {
                lines
                    .iter()
                    .map(|line| format!("\n{kind} {line}"))
                    .collect()
            };
            names += &lines("form", saved.form.as_slice());
            names += &lines("changed", &saved.changed);
            names
        });
        let mut note = |kind: &str, name: &str| {
            if let Some(names) = &mut names {
                *names += &format!("\n{kind} {name}");
            }
        };
        for (name, data) in tensors {
            note("tensor", &name);
            out.push_tensor(prefix, &name, data);
        }
        for (name, scalar) in scalars {
            note("scalar", &name);
            out.push_scalar(prefix, &name, scalar);
        }
        if let Some(names) = names {
            let length = names.len();
            out.push_tensor(prefix, NAMES, TensorData::new(names.into_bytes(), [length]));
        }
    }
}

/// Copies data into memory. Burn reads that of a file when it is needed, and by then a `Learner`
/// may have deleted the file.
fn resident(data: TensorData) -> TensorData {
    let (bytes, shape, dtype) = data.into_parts();
    TensorData::from_bytes(Bytes::from_bytes_vec(bytes.to_vec()), shape, dtype)
}

impl Loaded {
    /// Reads the state of a parameter: that of a descent, or what there is of one that another
    /// optimizer saved. `None` if a descent saved it and it is not complete.
    pub(super) fn unflatten(prefix: &str, source: &mut StateSource) -> Option<Self> {
        let Some(names) = source.take_tensor(prefix, NAMES) else {
            let (tensors, scalars) = burn_state::take_all(prefix, source);
            let tensors = tensors
                .into_iter()
                .map(|(name, data)| (name, resident(data)));
            return Some(Self {
                of: None,
                tensors: tensors.collect(),
                scalars,
            });
        };
        let names = String::from_utf8(names.try_into_vec::<u8>().ok()?).ok()?;
        let mut lines = names.lines();
        let mut saved = Saved {
            path: lines.next()?.to_string(),
            parts: lines.next()?.to_string(),
            form: None,
            changed: Vec::new(),
        };
        let mut tensors = Vec::new();
        let mut scalars = BTreeMap::new();
        for line in lines {
            let (kind, name) = line.split_once(' ')?;
            let name = name.to_string();
            match kind {
                "form" => saved.form = Some(name),
                "changed" => saved.changed.push(name),
                "tensor" => {
                    let data = resident(source.take_tensor(prefix, &name)?);
                    tensors.push((name, data));
                }
                _ => {
                    let scalar = source.take_scalar(prefix, &name)?;
                    scalars.insert(name, scalar);
                }
            }
        }
        Some(Self {
            of: Some(saved),
            tensors,
            scalars,
        })
    }

    pub(super) fn is_of(&self, path: &str) -> bool {
        self.of.as_ref().is_some_and(|saved| saved.path == path)
    }

    /// Whether both are of one parameter.
    pub(super) fn is_of_the_same(&self, other: &Self) -> bool {
        (other.of.as_ref()).is_some_and(|saved| self.is_of(&saved.path))
    }

    /// Returns the counts of the descent that saved it.
    pub(super) fn counts(&self) -> Option<Counts> {
        self.of.as_ref()?;
        let mut counts = Counts::default();
        for (index, name) in COUNTS.into_iter().enumerate() {
            match self.scalars.get(name) {
                Some(count) => counts[index] = u64::try_from(*count).ok()?,
                None if index < ALWAYS => return None,
                None => {}
            }
        }
        Some(counts)
    }

    fn source(&self) -> StateSource {
        let mut source = StateSource::new(self.scalars.clone());
        for (name, data) in &self.tensors {
            source.insert_tensor(name.clone(), data.clone());
        }
        source
    }
}

/// Passes loaded states to a descent, and returns its counts then. All of them are refused if one
/// does not fit.
pub(super) fn adopt<'a>(
    descent: &mut Descent,
    states: impl Iterator<Item = (&'a Slot, &'a Loaded)>,
) -> Result<Option<Counts>, DescentRecordError> {
    let mut counts = None;
    let mut states_here: Vec<(String, ParameterState)> = Vec::new();
    let mut misfits = Vec::new();
    let mut changed: &[String] = &[];
    for (slot, loaded) in states {
        let path = slot.path.clone();
        let mut source = loaded.source();
        let Some(saved) = &loaded.of else {
            let device = slot.value.device();
            let rank = slot.shape.len();
            match descent.state_from_burn(&path, rank, "", &mut source, &device) {
                Ok(state) => {
                    counts = counts.max(Some([state.rule.time, 0, 0, 0, 0]));
                    states_here.push((path, state));
                }
                Err(misfit) => misfits.push(misfit),
            }
            continue;
        };
        let here = descent.form_here(slot);
        match saved.form.clone() {
            Some(saved) if saved != here => {
                misfits.push(Misfit::Optimizer { path, saved, here });
                continue;
            }
            Some(_) => {}
            None => descent.check_parts(&saved.parts)?,
        }
        // The state of another parameter is none of this one.
        if !loaded.is_of(&path) {
            continue;
        }
        changed = &saved.changed;
        let state = descent.read_state(MEMORY, &mut source, slot);
        let (Some(its), Some(state)) = (loaded.counts(), state) else {
            return Err(DescentRecordError::Incomplete { path });
        };
        counts = counts.max(Some(its));
        states_here.push((path, state));
    }
    if !misfits.is_empty() {
        return Err(DescentRecordError::Misfits(misfits));
    }
    for (path, state) in states_here {
        descent.adopt(&path, state);
    }
    for line in changed {
        descent.change_setting_again(line);
    }
    Ok(counts)
}
