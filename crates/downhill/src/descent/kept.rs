//! What a descent remembers of its parameters.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

use burn::optim::{StateSink, StateSource, join_index, join_path};
use burn::tensor::{Device, Tensor};

use super::averages::{KEPT, TAKEN};
use crate::rule::{DynRule, Memory, take_tensor};

/// What is remembered of all parameters, by their paths and by their places among them, which stay.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeptOfAll {
    kept: Vec<Kept>,
    places: BTreeMap<String, usize>,
}

impl KeptOfAll {
    pub(crate) fn get(&self, path: &str) -> Option<&Kept> {
        self.places.get(path).map(|place| &self.kept[*place])
    }

    /// The place of the parameter at a path, which is given one if it has none.
    pub(crate) fn place_of(&mut self, path: &str, new: impl FnOnce() -> Kept) -> usize {
        if let Some(place) = self.places.get(path) {
            return *place;
        }
        self.insert(path, new())
    }

    /// Remembers this of the parameter at a path.
    pub(crate) fn insert(&mut self, path: &str, kept: Kept) -> usize {
        match self.places.get(path) {
            Some(&place) => {
                self.kept[place] = kept;
                place
            }
            None => {
                self.kept.push(kept);
                self.places.insert(path.to_string(), self.kept.len() - 1);
                self.kept.len() - 1
            }
        }
    }

    /// Ordered by path.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Kept)> {
        let places = self.places.iter();
        places.map(|(path, place)| (path.as_str(), &self.kept[*place]))
    }
}

impl Index<usize> for KeptOfAll {
    type Output = Kept;

    fn index(&self, place: usize) -> &Kept {
        &self.kept[place]
    }
}

impl IndexMut<usize> for KeptOfAll {
    fn index_mut(&mut self, place: usize) -> &mut Kept {
        &mut self.kept[place]
    }
}

/// What is remembered of one parameter.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// The parameter's group, 0 for none.
    pub(crate) group: usize,
    /// The rule's memory.
    pub(crate) rule: Memory,
    /// The sum of the gradients since the last step.
    pub(crate) gradient: Option<Tensor<1>>,
    /// The memory of each thing that is kept of the weights.
    pub(crate) weights: Vec<Memory>,
}

impl Kept {
    pub(crate) fn new(group: usize, stages: usize) -> Self {
        Self {
            group,
            rule: Memory::default(),
            gradient: None,
            weights: alloc::vec![Memory::default(); stages],
        }
    }

    /// Writes it down under the parameter's path.
    pub(crate) fn flatten(&self, path: &str, out: &mut StateSink) {
        out.push_scalar(path, "group", burn_pack::Scalar::from(self.group as u64));
        self.rule.flatten(&join_path(path, "rule"), out);
        if let Some(gradient) = &self.gradient {
            out.push_tensor(path, "gradient", gradient.to_data());
        }
        let weights = join_path(path, "weights");
        for (index, memory) in self.weights.iter().enumerate() {
            memory.flatten(&join_index(&weights, index), out);
        }
    }

    /// Reads what was written under the parameter's path, for one of these groups' rules.
    pub(crate) fn unflatten<'a>(
        path: &str,
        rule_of: impl FnOnce(usize) -> Option<&'a dyn DynRule>,
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
            gradient: take_tensor(source, path, "gradient", device),
            weights,
        })
    }
}
