//! What rules need to know of all parameters of their group.

use alloc::sync::Arc;

use burn::tensor::Tensor;

use super::Descent;
use super::group::GroupState;
use super::slots::{Slot, sum};
use crate::rule::Parameter;

impl Descent {
    /// Returns the numbers that the parameters of each group have in common, for those that join.
    fn shared_numbers(&self) -> Vec<Vec<(&'static str, f64)>> {
        let of_group = |(index, group): (usize, &GroupState)| {
            let names = group.rule.shared_numbers();
            let states = self.state.iter().map(|(_, state)| state);
            let states = states.filter(|state| state.group == index && !names.is_empty());
            let first = states.max_by_key(|state| state.rule.time);
            first.map_or_else(Vec::new, |first| first.rule.numbers_of(names))
        };
        self.groups.iter().enumerate().map(of_group).collect()
    }

    /// Returns for each group whose parameters have numbers in common the place of the first of
    /// these parameters.
    pub(super) fn first_places(&self, slots: &[Slot]) -> Vec<Option<usize>> {
        let mut places = vec![None; self.groups.len()];
        for slot in slots.iter().filter(|slot| !slot.is_empty()) {
            let group = self.group_of(slot);
            let is_shared = !self.groups[group].rule.shared_numbers().is_empty();
            if is_shared && places[group].is_none() {
                places[group] = self.state.find(&slot.path);
            }
        }
        places
    }

    /// Gives the numbers that the parameters of a group have in common to those that have paused.
    /// `stepped` has the place of one that has not, by group.
    pub(super) fn share_numbers(&mut self, stepped: &[Option<usize>]) {
        for (index, place) in stepped.iter().enumerate() {
            let Some(place) = *place else {
                continue;
            };
            let names = self.groups[index].rule.shared_numbers();
            let numbers = self.state[place].rule.numbers_of(names);
            let states = self.state.iter_mut();
            for state in states.filter(|state| state.group == index && state.rule.time > 0) {
                for (name, number) in &numbers {
                    state.rule.put_number(name, *number);
                }
            }
        }
    }

    /// Returns what the rule of each group needs to know of all its parameters.
    pub(super) fn measure(&mut self, slots: &[Slot], rates: &[f64]) -> Vec<Vec<f64>> {
        let mut measured: Vec<Vec<Vec<Tensor<1>>>> = vec![Vec::new(); rates.len()];
        let shared = self.shared_numbers();
        for slot in slots {
            let group = self.group_of(slot);
            let rule = Arc::clone(&self.groups[group].rule);
            if !rule.measures() {
                continue;
            }
            let state = self.state_mut(slot);
            for (name, number) in &shared[group] {
                state.rule.put_number(name, *number);
            }
            state.rule.time += 1;
            if slot.is_empty() {
                continue;
            }
            let parameter = Parameter {
                value: state.master.clone().unwrap_or_else(|| slot.value.clone()),
                gradient: slot.gradient.clone(),
                shape: &slot.shape,
            };
            let sums = rule.measure(rates[group], &parameter, &mut state.rule);
            measured[group].resize_with(sums.len(), Vec::new);
            for (all, one) in measured[group].iter_mut().zip(sums) {
                all.push(one);
            }
        }
        let sum_all = |sums: Vec<Vec<Tensor<1>>>| sums.into_iter().map(sum).collect();
        measured.into_iter().map(sum_all).collect()
    }
}
