//! The state of a descent: what it remembers of each parameter.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

use burn::optim::{StateSink, StateSource, join_index, join_path};
use burn::tensor::{DType, Device, Tensor};

use super::averages::WeightStage;
use super::kept::KEPT;
use crate::rule::{BurnMemory, Memory, Rule, push_shape, take_shape, take_tensor, widened};

/// The state of all parameters, by path and by place. A place stays the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModelState {
    states: Vec<ParameterState>,
    places: BTreeMap<String, usize>,
}

impl ModelState {
    pub(crate) fn get(&self, path: &str) -> Option<&ParameterState> {
        self.places.get(path).map(|place| &self.states[*place])
    }

    /// Returns the place of the parameter at a path, and assigns one if it has none.
    pub(crate) fn place_of(&mut self, path: &str, new: impl FnOnce() -> ParameterState) -> usize {
        if let Some(place) = self.places.get(path) {
            return *place;
        }
        self.insert(path, new())
    }

    /// Sets the state of the parameter at a path and returns its place.
    pub(crate) fn insert(&mut self, path: &str, state: ParameterState) -> usize {
        match self.places.get(path) {
            Some(&place) => {
                self.states[place] = state;
                place
            }
            None => {
                self.states.push(state);
                self.places.insert(path.to_string(), self.states.len() - 1);
                self.states.len() - 1
            }
        }
    }

    /// Drops the states of all other paths.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        let all = core::mem::take(self);
        for (path, state) in all.iter().filter(|(path, _)| keep(path)) {
            self.insert(path, state.clone());
        }
    }

    /// Returns the place of the parameter at a path.
    pub(crate) fn find(&self, path: &str) -> Option<usize> {
        self.places.get(path).copied()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut ParameterState> {
        self.states.iter_mut()
    }

    /// Ordered by path.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &ParameterState)> {
        let places = self.places.iter();
        places.map(|(path, place)| (path.as_str(), &self.states[*place]))
    }
}

impl Index<usize> for ModelState {
    type Output = ParameterState;

    fn index(&self, place: usize) -> &ParameterState {
        &self.states[place]
    }
}

impl IndexMut<usize> for ModelState {
    fn index_mut(&mut self, place: usize) -> &mut ParameterState {
        &mut self.states[place]
    }
}

/// The state of one parameter.
#[derive(Clone, Debug)]
pub(crate) struct ParameterState {
    /// The group of the parameter, 0 for none.
    pub(crate) group: usize,
    /// The shape of the parameter; `None` before the first step.
    pub(crate) shape: Option<Vec<usize>>,
    /// The memory of the rule.
    pub(crate) rule: Memory,
    /// The parameter in `f32`, if it has 16 bits and the config wants a copy.
    pub(crate) master: Option<Tensor<1>>,
    /// The sum of the gradients since the last step.
    pub(crate) gradient: Option<Tensor<1>>,
    /// The gradient of the last step, for a correction by its change.
    pub(crate) last_gradient: Option<Tensor<1>>,
    /// The memory of each weight stage.
    pub(crate) weights: Vec<Memory>,
}

impl ParameterState {
    pub(crate) fn new(group: usize, stages: usize) -> Self {
        Self {
            group,
            shape: None,
            rule: Memory::default(),
            master: None,
            gradient: None,
            last_gradient: None,
            weights: vec![Memory::default(); stages],
        }
    }

    /// Writes the state under the path of the parameter.
    pub(crate) fn flatten(&self, path: &str, out: &mut StateSink) {
        out.push_scalar(path, "group", burn_pack::Scalar::from(self.group as u64));
        if let Some(shape) = &self.shape {
            push_shape(out, path, shape);
        }
        self.rule.flatten(&join_path(path, "rule"), out);
        if let Some(master) = &self.master {
            out.push_tensor(path, "master", master.to_data());
        }
        if let Some(gradient) = &self.gradient {
            out.push_tensor(path, "gradient", gradient.to_data());
        }
        if let Some(gradient) = &self.last_gradient {
            out.push_tensor(path, "last_gradient", gradient.to_data());
        }
        let weights = join_path(path, "weights");
        for (index, memory) in self.weights.iter().enumerate() {
            memory.flatten(&join_index(&weights, index), out);
        }
    }

    /// Reads the group and the shape of a parameter that were saved under its path.
    pub(crate) fn saved_for(
        path: &str,
        source: &mut StateSource,
    ) -> Option<(usize, Option<Vec<usize>>)> {
        let group = usize::try_from(source.take_scalar(path, "group")?).ok()?;
        Some((group, take_shape(source, path)))
    }

    /// Reads the rest of the state; `None` if it is not complete.
    pub(crate) fn unflatten(
        path: &str,
        (group, shape): (usize, Option<Vec<usize>>),
        rule: &dyn Rule,
        stages: &[WeightStage],
        source: &mut StateSource,
        device: &Device,
    ) -> Option<Self> {
        let (tensors, numbers, always) = (rule.tensors(), rule.numbers(), rule.always());
        let weights = join_path(path, "weights");
        let prefix = join_path(path, "rule");
        let weights = stages.iter().enumerate().map(|(index, stage)| {
            let prefix = join_index(&weights, index);
            Memory::unflatten(&prefix, &[KEPT], &stage.numbers(), source, device)
        });
        let weights = weights.collect::<Option<Vec<_>>>()?;
        let mut memory = Memory::unflatten(&prefix, tensors, numbers, source, device)?;
        let rank = shape.as_ref().map_or(1, Vec::len);
        if !memory.unflatten_burn(rule, rank, &prefix, source, device) {
            return None;
        }
        // Before the first step, and of a parameter without elements, there are no tensors.
        let has_none = memory.time == 0 || (shape.as_ref()).is_some_and(|shape| shape.contains(&0));
        let is_there = |name: &&str| memory.tensor(name).is_some();
        if !has_none && !tensors[..always].iter().all(is_there) {
            return None;
        }
        Some(Self {
            group,
            shape,
            rule: memory,
            master: take_tensor(source, path, "master", device),
            gradient: take_tensor(source, path, "gradient", device).map(widened),
            last_gradient: take_tensor(source, path, "last_gradient", device),
            weights,
        })
    }

    /// Moves it to the device of its parameter, if it is on another.
    pub(crate) fn move_to(&mut self, device: &Device) {
        if !self.is_elsewhere(device) {
            return;
        }
        let tensor = |tensor: Tensor<1>| tensor.to_device(device);
        self.rule = core::mem::take(&mut self.rule).moved_to(device);
        self.master = self.master.take().map(tensor);
        self.gradient = self.gradient.take().map(tensor);
        self.last_gradient = self.last_gradient.take().map(tensor);
        let weights = core::mem::take(&mut self.weights);
        self.weights = weights
            .into_iter()
            .map(|memory| memory.moved_to(device))
            .collect();
    }

    /// Whether it has a tensor on another device.
    fn is_elsewhere(&self, device: &Device) -> bool {
        let burns = self.rule.burn.as_ref();
        self.tensors().any(|tensor| tensor.device() != *device)
            || burns.is_some_and(|burns| burns.device() != device)
    }

    /// Returns the length of an average that does not have this number of elements.
    pub(crate) fn foreign_length(&self, elements: usize) -> Option<usize> {
        let tensors = self.weights.iter().flat_map(|memory| memory.tensors());
        let mut lengths = tensors.map(|(_, tensor)| tensor.dims()[0]);
        lengths.find(|length| *length != elements)
    }

    /// Returns the size of all its tensors.
    pub(crate) fn bytes(&self) -> usize {
        let size = |tensor: &Tensor<1>| tensor.dims()[0] * tensor.dtype().size();
        let burns = self.rule.burn.as_ref();
        self.tensors().map(size).sum::<usize>() + burns.map_or(0, BurnMemory::bytes)
    }

    fn tensors(&self) -> impl Iterator<Item = &Tensor<1>> {
        let memories = core::iter::once(&self.rule).chain(&self.weights);
        let tensors = memories.flat_map(|memory| memory.tensors().map(|(_, tensor)| tensor));
        let own = [&self.master, &self.gradient, &self.last_gradient];
        tensors.chain(own.into_iter().flatten())
    }

    /// Returns the type of the parameter, as far as its tensors tell.
    pub(crate) fn dtype(&self) -> Option<DType> {
        if let Some(burns) = self.rule.burn.as_ref().and_then(BurnMemory::dtype) {
            return Some(burns);
        }
        Some(widened(self.tensors().next()?.clone()).dtype())
    }
}
