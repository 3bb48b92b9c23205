//! Matrix products by the `gemm` crate, without copies for transposed operands.

use gemm::{Parallelism, gemm};

/// A matrix as rows lie in memory, or its transpose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Row by row, with this number of columns.
    pub(crate) fn new(values: &'a [f32], columns: usize) -> Self {
        assert_eq!(values.len() % columns, 0, "whole rows");
        Self {
            values,
            rows: values.len() / columns,
            columns,
            row_stride: columns,
            column_stride: 1,
        }
    }

    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// Some of the rows.
    fn part(self, start: usize, rows: usize) -> Self {
        assert!(start + rows <= self.rows, "rows that there are");
        Self {
            values: &self.values[start * self.row_stride..],
            rows,
            ..self
        }
    }
}

/// `product = left * right`, row by row. The rows are divided among this number of threads of the
/// current pool.
pub(crate) fn multiply(product: &mut [f32], left: Matrix<'_>, right: Matrix<'_>, threads: usize) {
    if threads == 1 {
        return multiply_alone(product, left, right);
    }
    let rows = left.rows.div_ceil(threads);
    rayon::scope(|scope| {
        for (index, product) in product.chunks_mut(rows * right.columns).enumerate() {
            let left = left.part(index * rows, product.len() / right.columns);
            scope.spawn(move |_| multiply_alone(product, left, right));
        }
    });
}

fn multiply_alone(product: &mut [f32], left: Matrix<'_>, right: Matrix<'_>) {
    assert_eq!(left.columns, right.rows, "inner dimensions");
    assert_eq!(
        product.len(),
        left.rows * right.columns,
        "room for the product"
    );
    #[expect(unsafe_code, reason = "gemm takes pointers")]
    // SAFETY: the values of a `Matrix` reach to its last row and column, and the size of the
    // product was checked above; it is only written, and borrowed mutably, so it overlaps neither.
    unsafe {
        gemm(
            left.rows,
            right.columns,
            left.columns,
            product.as_mut_ptr(),
            1,
            right.columns as isize,
            false,
            left.values.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.values.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
