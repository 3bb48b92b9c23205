//! The state of a descent: what it remembers of each parameter.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

use burn::optim::{StateSink, StateSource, join_index, join_path};
use burn::tensor::{Device, Tensor};

use super::averages::{KEPT, TAKEN};
use crate::rule::{Memory, Rule, take_tensor, widened};

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
    /// The memory of the rule.
    pub(crate) rule: Memory,
    /// The parameter in `f32`, if it has 16 bits and the config wants a copy.
    pub(crate) master: Option<Tensor<1>>,
    /// The sum of the gradients since the last step.
    pub(crate) gradient: Option<Tensor<1>>,
    /// The memory of each weight stage.
    pub(crate) weights: Vec<Memory>,
}

impl ParameterState {
    pub(crate) fn new(group: usize, stages: usize) -> Self {
        Self {
            group,
            rule: Memory::default(),
            master: None,
            gradient: None,
            weights: vec![Memory::default(); stages],
        }
    }

    /// Writes the state under the path of the parameter.
    pub(crate) fn flatten(&self, path: &str, out: &mut StateSink) {
        out.push_scalar(path, "group", burn_pack::Scalar::from(self.group as u64));
        self.rule.flatten(&join_path(path, "rule"), out);
        if let Some(master) = &self.master {
            out.push_tensor(path, "master", master.to_data());
        }
        if let Some(gradient) = &self.gradient {
            out.push_tensor(path, "gradient", gradient.to_data());
        }
        let weights = join_path(path, "weights");
        for (index, memory) in self.weights.iter().enumerate() {
            memory.flatten(&join_index(&weights, index), out);
        }
    }

    /// Reads the state written under the path of a parameter; `None` if it is not complete.
    pub(crate) fn unflatten<'a>(
        path: &str,
        rule_of: impl FnOnce(usize) -> Option<&'a dyn Rule>,
        stages: usize,
        source: &mut StateSource,
        device: &Device,
    ) -> Option<Self> {
        let group = usize::try_from(source.take_scalar(path, "group")?).ok()?;
        let rule = rule_of(group)?;
        let (tensors, numbers) = (rule.tensors(), rule.numbers());
        let weights = join_path(path, "weights");
        let rule = join_path(path, "rule");
        let weights = (0..stages).map(|index| {
            let stage = join_index(&weights, index);
            Memory::unflatten(&stage, &[KEPT], &[TAKEN], source, device)
        });
        let weights = weights.collect::<Option<Vec<_>>>()?;
        Some(Self {
            group,
            rule: Memory::unflatten(&rule, tensors, numbers, source, device)?,
            master: take_tensor(source, path, "master", device),
            gradient: take_tensor(source, path, "gradient", device).map(widened),
            weights,
        })
    }
}
