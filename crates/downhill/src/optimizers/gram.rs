//! What SOAP and Shampoo have in common: the Gram matrices of a gradient along its axes.

use alloc::vec::Vec;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::rule::Memory;
use crate::settings::Setting;

/// The axes of a parameter that are preconditioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PreconditionedAxes {
    /// All of them.
    All,
    /// The shortest one, the first of several: less memory and time.
    Shortest,
}

impl Setting for PreconditionedAxes {}

/// Number of axes, from the first, that may be preconditioned.
pub(super) const MOST_AXES: usize = 8;

/// The names of the Gram matrices in a memory, by axis.
pub(super) const GRAMS: [&str; MOST_AXES] = [
    "gram_0", "gram_1", "gram_2", "gram_3", "gram_4", "gram_5", "gram_6", "gram_7",
];

/// Returns for each axis of a shape whether it is preconditioned.
pub(super) fn are_preconditioned(
    shape: &[usize],
    axes: PreconditionedAxes,
    longest: u64,
) -> Vec<bool> {
    let shortest = shape.iter().min();
    let shortest = shape.iter().position(|length| Some(length) == shortest);
    let is_preconditioned = |(axis, length): (usize, &usize)| {
        let is_named = axes == PreconditionedAxes::All || Some(axis) == shortest;
        is_named && axis < MOST_AXES && *length as u64 <= longest
    };
    shape.iter().enumerate().map(is_preconditioned).collect()
}

/// Returns the elements with the matrix `[length, length]` of each axis applied along it, if it has
/// one: `sum_i x[.., i, ..] * matrix[i, j]` at place `j` of the axis.
pub(super) fn along_axes(
    mut x: Tensor<1>,
    shape: &[usize],
    matrices: &[Option<Tensor<2>>],
) -> Tensor<1> {
    if matrices.iter().all(Option::is_none) {
        return x;
    }
    let elements = x.dims()[0];
    // Each axis in turn is the first, and becomes the last.
    for (length, matrix) in shape.iter().zip(matrices) {
        let turned = x.reshape([*length, elements / length]).transpose();
        let applied = match matrix {
            Some(matrix) => turned.matmul(matrix.clone()),
            None => turned,
        };
        x = applied.reshape([elements]);
    }
    x
}

/// Returns the Gram matrices of the gradient's rows, `[length, length]`, along each axis that is
/// preconditioned: `sum g[.., i, ..] * g[.., j, ..]` over all other axes.
pub(super) fn grams(g: &Tensor<1>, shape: &[usize], axes: &[bool]) -> Vec<(usize, Tensor<2>)> {
    let elements = g.dims()[0];
    let mut g = g.clone();
    let mut grams = Vec::new();
    for (axis, length) in shape.iter().enumerate() {
        let rows = g.reshape([*length, elements / length]);
        let turned = rows.clone().transpose();
        if axes[axis] {
            grams.push((axis, rows.matmul(turned.clone())));
        }
        g = turned.reshape([elements]);
    }
    grams
}

/// Returns a square matrix of a memory.
pub(super) fn square(memory: &Memory, name: &str, length: usize) -> Option<Tensor<2>> {
    let flat = memory.tensor(name)?.clone();
    Some(flat.reshape([length, length]))
}

/// Returns the elements of a matrix, row by row.
pub(super) fn flat(matrix: Tensor<2>) -> Tensor<1> {
    let elements = matrix.shape().num_elements();
    matrix.reshape([elements])
}
