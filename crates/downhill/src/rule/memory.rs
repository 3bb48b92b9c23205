//! The state of a rule for one parameter.

use alloc::string::String;
use alloc::vec::Vec;
use core::marker::PhantomData;

use burn::optim::{RecordState, StateSink, StateSource, join_path};
use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::rule::{BurnMemory, BurnState, Layout, Rule, read_burns, widened};

/// Named tensors, flattened to rank 1, and named numbers.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Steps taken.
    pub time: u64,
    /// The shape of the parameter, if it was stepped by itself.
    pub(crate) shape: Option<Vec<usize>>,
    /// Whether one of Burn's own optimizers left it, and the rule has not looked at it yet.
    is_from_burn: bool,
    tensors: Vec<(&'static str, Tensor<1>)>,
    numbers: Vec<(&'static str, f64)>,
    /// The state of an optimizer of Burn that is stepped as a rule.
    pub(crate) burn: Option<BurnMemory>,
}

impl Memory {
    /// An empty memory that one of Burn's own optimizers left after these steps.
    pub(super) fn from_burn(time: u64) -> Self {
        Self {
            time,
            is_from_burn: true,
            ..Self::default()
        }
    }

    /// Whether one of Burn's own optimizers left it, asked for the first time.
    pub(crate) fn is_from_burn(&mut self) -> bool {
        core::mem::take(&mut self.is_from_burn)
    }

    /// Whether the step of this time is the first, and nothing was remembered before it.
    pub(crate) fn begins(&self) -> bool {
        self.time == 1 && self.tensors.is_empty()
    }

    /// Removes and returns the tensor of this name.
    pub fn take(&mut self, name: &str) -> Option<Tensor<1>> {
        let found = self.tensors.iter().position(|(known, _)| *known == name)?;
        Some(self.tensors.remove(found).1)
    }

    /// Returns the tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&Tensor<1>> {
        let found = self.tensors.iter().find(|(known, _)| *known == name);
        found.map(|(_, tensor)| tensor)
    }

    /// Stores a tensor under this name.
    pub fn put(&mut self, name: &'static str, tensor: Tensor<1>) {
        match self.tensors.iter_mut().find(|(known, _)| *known == name) {
            Some((_, there)) => *there = tensor,
            None => self.tensors.push((name, tensor)),
        }
    }

    /// Returns the number of this name.
    pub fn number(&self, name: &str) -> Option<f64> {
        let found = self.numbers.iter().find(|(known, _)| *known == name);
        found.map(|(_, number)| *number)
    }

    /// Returns those of the numbers that there are.
    pub(crate) fn numbers_of(&self, names: &[&'static str]) -> Vec<(&'static str, f64)> {
        let number = |name: &&'static str| Some((*name, self.number(name)?));
        names.iter().filter_map(number).collect()
    }

    /// Stores a number under this name.
    pub fn put_number(&mut self, name: &'static str, number: f64) {
        match self.numbers.iter_mut().find(|(known, _)| *known == name) {
            Some((_, there)) => *there = number,
            None => self.numbers.push((name, number)),
        }
    }

    /// Returns `factor * (the tensor of this name) + new` and remembers it; at first this is `new`.
    pub(crate) fn accumulate(
        &mut self,
        name: &'static str,
        factor: f64,
        new: Tensor<1>,
    ) -> Tensor<1> {
        let sum = match self.take(name) {
            Some(past) => past.mul_scalar(factor) + new,
            None => new,
        };
        self.put(name, sum.clone());
        sum
    }

    /// Returns the running mean of this name after it has taken in `new`, and remembers it:
    /// `beta * mean + (1 - beta) * new`, from 0 on.
    pub(crate) fn mix(&mut self, name: &'static str, beta: f64, new: Tensor<1>) -> Tensor<1> {
        self.accumulate(name, beta, new.mul_scalar(1.0 - beta))
    }

    /// Iterates over all tensors in the order in which they were stored.
    pub fn tensors(&self) -> impl Iterator<Item = (&'static str, &Tensor<1>)> {
        self.tensors.iter().map(|(name, tensor)| (*name, tensor))
    }

    /// Iterates over all numbers in the order in which they were stored.
    pub fn numbers(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.numbers.iter().copied()
    }

    /// Returns it if it fits a parameter of this shape and type, else an empty one.
    pub(super) fn if_it_fits(self, shape: &[usize], dtype: DType) -> Self {
        let had_shape = self.shape.as_deref().is_none_or(|had| had == shape);
        let had_type = self
            .tensors
            .iter()
            .all(|(_, tensor)| tensor.dtype() == dtype);
        match had_shape && had_type {
            true => self,
            false => Self::default(),
        }
    }

    /// Returns it with `f32` in place of types of 16 bits, which older states have.
    pub(crate) fn widened(mut self) -> Self {
        self.tensors = (self.tensors.into_iter())
            .map(|(name, tensor)| (name, widened(tensor)))
            .collect();
        self
    }

    pub(crate) fn moved_to(mut self, device: &Device) -> Self {
        self.tensors = (self.tensors.into_iter())
            .map(|(name, tensor)| (name, tensor.to_device(device)))
            .collect();
        self.burn = self.burn.map(|burn| burn.moved_to(device));
        self
    }

    /// Writes the memory under `prefix`.
    pub(crate) fn flatten(&self, prefix: &str, out: &mut StateSink) {
        out.push_scalar(prefix, TIME, burn_pack::Scalar::from(self.time));
        for (name, tensor) in &self.tensors {
            out.push_tensor(prefix, name, tensor.to_data());
        }
        for (name, number) in &self.numbers {
            out.push_scalar(prefix, name, burn_pack::Scalar::from(*number));
        }
        if let Some(burn) = &self.burn {
            out.push_scalar(prefix, BURN, burn_pack::Scalar::from(burn.width()));
            burn.flatten(&join_path(prefix, BURN), out);
        }
    }

    /// Reads the state of an optimizer of Burn that is stepped as this rule. Returns `false` if
    /// there is one that it cannot read.
    pub(crate) fn unflatten_burn(
        &mut self,
        rule: &dyn Rule,
        rank: usize,
        prefix: &str,
        source: &mut StateSource,
        device: &Device,
    ) -> bool {
        let Some(width) = source.take_scalar(prefix, BURN) else {
            return true;
        };
        self.burn = rule.read_burn_memory(rank, &join_path(prefix, BURN), source, device);
        let read = self.burn.as_ref().map(BurnMemory::width);
        read.is_some() && read == u64::try_from(width).ok()
    }

    /// Reads what was written under `prefix` and has one of these names.
    pub(crate) fn unflatten(
        prefix: &str,
        tensors: &[&'static str],
        numbers: &[&'static str],
        source: &mut StateSource,
        device: &Device,
    ) -> Option<Self> {
        let mut memory = Self {
            time: u64::try_from(source.take_scalar(prefix, TIME)?).ok()?,
            ..Self::default()
        };
        for name in tensors {
            if let Some(tensor) = take_tensor(source, prefix, name, device) {
                memory.put(name, tensor);
            }
        }
        for name in numbers {
            if let Some(number) = source.take_scalar(prefix, name) {
                memory.put_number(name, f64::try_from(number).ok()?);
            }
        }
        Some(memory)
    }
}

const TIME: &str = "time";
/// The state of an optimizer of Burn.
const BURN: &str = "burn";
/// The number of the format; the first had none.
const FORMAT: &str = "format";
const SHAPE: &str = "shape";

/// The name that tells the states of rules apart.
fn rule_key<R>() -> String {
    let name = core::any::type_name::<R>();
    let name = match name.split_once('<') {
        // The name of a rule of somebody's own, with its path.
        Some((_, own)) => own.rsplit_once(',').map_or(own, |(own, _)| own),
        None => name.rsplit("::").next().unwrap_or(name),
    };
    // AdamW is Adam under another name.
    let name = if name == "AdamW" { "Adam" } else { name };
    alloc::format!("rule-{name}")
}

/// A tensor of rank 1, in the type in which it was saved: Burn 0.22.1's own derive (`burn-derive`
/// 0.22.1, `src/record_state/mod.rs`) rounds an `f64` state to the device's default type.
pub(crate) fn take_tensor(
    source: &mut StateSource,
    prefix: &str,
    name: &str,
    device: &Device,
) -> Option<Tensor<1>> {
    let data = source.take_tensor(prefix, name)?;
    if data.rank() != 1 {
        return None;
    }
    let dtype = data.dtype();
    Some(Tensor::from_data(data, (device, dtype)))
}

/// Writes the shape of a parameter.
pub(crate) fn push_shape(out: &mut StateSink, prefix: &str, shape: &[usize]) {
    let axes: Vec<i64> = shape.iter().map(|axis| *axis as i64).collect();
    let rank = axes.len();
    out.push_tensor(prefix, SHAPE, TensorData::new(axes, [rank]));
}

/// Reads the shape of a parameter; `None` in older states.
pub(crate) fn take_shape(source: &mut StateSource, prefix: &str) -> Option<Vec<usize>> {
    let axes = source
        .take_tensor(prefix, SHAPE)?
        .try_into_vec::<i64>()
        .ok()?;
    let axes = axes.into_iter().map(|axis| usize::try_from(axis).ok());
    axes.collect()
}

/// The state of a rule as Burn keeps and saves it.
#[derive(Debug)]
pub struct State<R> {
    /// The memory.
    pub memory: Memory,
    rule: PhantomData<fn() -> R>,
}

impl<R> Clone for State<R> {
    fn clone(&self) -> Self {
        self.memory.clone().into()
    }
}

impl<R> From<Memory> for State<R> {
    fn from(memory: Memory) -> Self {
        Self {
            memory,
            rule: PhantomData,
        }
    }
}

impl<R: Layout + BurnState> RecordState for State<R> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        write_state(&self.memory, &rule_key::<R>(), prefix, out);
    }

    /// Returns `None` if the state is that of another rule, or not complete. Burn then starts that
    /// parameter without a state. The state of Burn's own optimizer of the same rule is read, too.
    fn state_unflatten(prefix: &str, source: &mut StateSource, device: &Device) -> Option<Self> {
        let is_named = source.take_scalar(prefix, FORMAT).is_some();
        if is_named && source.take_scalar(prefix, &rule_key::<R>()).is_none() {
            return None;
        }
        if !is_named && let Some(memory) = read_burns::<R>(prefix, source, device) {
            return Some(memory.into());
        }
        let shape = take_shape(source, prefix);
        let mut memory = Memory::unflatten(prefix, R::TENSORS, R::NUMBERS, source, device)?;
        memory.shape = shape;
        // A parameter without elements has no tensors.
        let is_empty = memory
            .shape
            .as_ref()
            .is_some_and(|shape| shape.contains(&0));
        let is_there = |name: &&str| memory.tensor(name).is_some();
        let is_complete = R::TENSORS[..R::ALWAYS].iter().all(is_there);
        (is_empty || is_complete).then(|| memory.into())
    }
}

/// Writes the memory of a rule, with the name that tells it apart from others.
pub(crate) fn write_state(memory: &Memory, rule_key: &str, prefix: &str, out: &mut StateSink) {
    out.push_scalar(prefix, FORMAT, burn_pack::Scalar::from(2_u64));
    out.push_scalar(prefix, rule_key, burn_pack::Scalar::from(true));
    if let Some(shape) = &memory.shape {
        push_shape(out, prefix, shape);
    }
    memory.flatten(prefix, out);
}

/// Reads those of these tensors that are there, if the memory is that of the rule with this name.
pub(crate) fn read_state(
    rule_key: &str,
    tensors: &[&'static str],
    prefix: &str,
    source: &mut StateSource,
    device: &Device,
) -> Option<Memory> {
    source.take_scalar(prefix, FORMAT)?;
    source.take_scalar(prefix, rule_key)?;
    let shape = take_shape(source, prefix);
    let mut memory = Memory::unflatten(prefix, tensors, &[], source, device)?;
    memory.shape = shape;
    Some(memory)
}
