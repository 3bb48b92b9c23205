//! Vectors over the parameters of a module.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use crate::descent::Slot;

/// A flattened tensor per parameter, by path. A missing one counts as 0.
#[derive(Clone, Debug, Default)]
pub(super) struct Vector {
    pub(super) parts: BTreeMap<String, Tensor<1>>,
}

impl Vector {
    pub(super) fn of_gradients(slots: Vec<Slot>) -> Self {
        let filled = slots.into_iter().filter(|slot| !slot.is_empty());
        Self {
            parts: filled.map(|slot| (slot.path, slot.gradient)).collect(),
        }
    }

    pub(super) fn dot(&self, other: &Self) -> f64 {
        let both = (self.parts.iter())
            .filter_map(|(path, own)| Some((own.clone(), other.parts.get(path)?.clone())));
        fetch(both.map(|(a, b)| (a * b).sum()).collect())
            .into_iter()
            .sum()
    }

    /// Returns the sum of the absolute values.
    pub(super) fn norm_1(&self) -> f64 {
        let sums = self.parts.values().map(|part| part.clone().abs().sum());
        fetch(sums.collect()).into_iter().sum()
    }

    /// Returns the largest of the absolute values, which must be finite.
    pub(super) fn max_abs(&self) -> f64 {
        let largest = self.parts.values().map(|part| part.clone().abs().max());
        fetch(largest.collect()).into_iter().fold(0.0, f64::max)
    }

    pub(super) fn is_finite(&self) -> bool {
        let finite = |part: &Tensor<1>| part.clone().is_finite().all().into_scalar::<bool>();
        self.parts.values().all(finite)
    }

    pub(super) fn scaled(mut self, factor: f64) -> Self {
        for part in self.parts.values_mut() {
            *part = part.clone().mul_scalar(factor);
        }
        self
    }

    pub(super) fn add_scaled(mut self, factor: f64, other: &Self) -> Self {
        for (path, addend) in &other.parts {
            let addend = addend.clone().mul_scalar(factor);
            match self.parts.get_mut(path) {
                Some(part) => *part = part.clone() + addend,
                None => {
                    self.parts.insert(path.clone(), addend);
                }
            }
        }
        self
    }
}

/// Fetches numbers from a device, `[1]` each, at once if they have one type and device.
fn fetch(numbers: Vec<Tensor<1>>) -> Vec<f64> {
    let alike = |a: &Tensor<1>, b: &Tensor<1>| a.dtype() == b.dtype() && a.device() == b.device();
    match numbers.as_slice() {
        [] => Vec::new(),
        all if all.windows(2).all(|pair| alike(&pair[0], &pair[1])) => {
            Tensor::cat(numbers, 0).into_data().iter::<f64>().collect()
        }
        _ => numbers
            .into_iter()
            .map(Tensor::into_scalar::<f64>)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Device};

    use super::*;

    fn vector(parts: &[(&str, &[f64])]) -> Vector {
        let device = Device::flex();
        let tensor = |values: &[f64]| Tensor::from_data(values, (&device, DType::F64));
        Vector {
            parts: parts
                .iter()
                .map(|(path, values)| ((*path).into(), tensor(values)))
                .collect(),
        }
    }

    #[test]
    fn a_part_that_is_missing_is_zero() {
        let a = vector(&[("one", &[1.0, -4.0]), ("two", &[2.0])]);
        let b = vector(&[("one", &[3.0, 0.5]), ("three", &[7.0, 8.0])]);
        assert_eq!(a.dot(&b), 1.0);
        assert_eq!((a.norm_1(), a.max_abs()), (7.0, 4.0));
        let sum = a.add_scaled(-2.0, &b);
        assert_eq!(sum.norm_1(), 5.0 + 5.0 + 2.0 + 14.0 + 16.0);
        assert_eq!(sum.scaled(-0.5).max_abs(), 8.0);
        let nothing = Vector::default();
        assert_eq!((nothing.norm_1(), nothing.max_abs()), (0.0, 0.0));
    }

    #[test]
    fn what_is_not_finite_is_seen() {
        assert!(vector(&[("one", &[1.0, -1e300])]).is_finite());
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(!vector(&[("one", &[1.0]), ("two", &[0.0, bad])]).is_finite());
        }
    }
}
