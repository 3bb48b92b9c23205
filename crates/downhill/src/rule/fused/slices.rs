//! The memory that a fused step goes over.

use super::lanes::{LANES, Number};
use crate::rule::elementwise::MOST_FIELDS;

/// A parameter's elements, or some of them, with their gradient and their state. All slices have
/// the same length, except that fields which the rule does not use with its settings are empty.
pub(super) struct Slices<'a, T> {
    pub(super) x: &'a mut [T],
    pub(super) g: &'a [T],
    pub(super) fields: [&'a mut [T]; MOST_FIELDS],
}

impl<'a, T: Number> Slices<'a, T> {
    pub(super) fn len(&self) -> usize {
        self.x.len()
    }

    /// Splits into the first `first` elements and the others.
    pub(super) fn split_at(self, first: usize) -> (Self, Self) {
        let (x, other_x) = self.x.split_at_mut(first);
        let (g, other_g) = self.g.split_at(first);
        let mut others: [&'a mut [T]; MOST_FIELDS] = Default::default();
        let mut fields: [&'a mut [T]; MOST_FIELDS] = Default::default();
        for (index, field) in self.fields.into_iter().enumerate() {
            if !field.is_empty() {
                (fields[index], others[index]) = field.split_at_mut(first);
            }
        }
        let others = Self {
            x: other_x,
            g: other_g,
            fields: others,
        };
        (Self { x, g, fields }, others)
    }

    /// Steps elements that do not fill a block, in a copy padded with zeros.
    pub(super) fn in_a_whole_block(self, step: impl FnOnce(Slices<'_, T>)) {
        let length = self.len();
        let filled_up = |part: &[T]| {
            let mut block = [T::ZERO; LANES];
            block[..part.len()].copy_from_slice(part);
            block
        };
        let (mut x, g) = (filled_up(self.x), filled_up(self.g));
        let mut blocks = self.fields.each_ref().map(|field| filled_up(field));
        let mut fields = blocks.each_mut().map(|block| &mut block[..]);
        for (block, field) in fields.iter_mut().zip(&self.fields) {
            if field.is_empty() {
                *block = &mut [];
            }
        }
        step(Slices {
            x: &mut x,
            g: &g,
            fields,
        });
        self.x.copy_from_slice(&x[..length]);
        for (field, block) in self.fields.into_iter().zip(&blocks) {
            field.copy_from_slice(&block[..field.len()]);
        }
    }
}
