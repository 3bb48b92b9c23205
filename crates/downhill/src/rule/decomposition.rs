//! Decompositions of matrices, in `f64` on the CPU, whatever the backend and the tensor's type.

use alloc::vec::Vec;

use burn::tensor::{DType, Int, Tensor, TensorData};
use nalgebra::DMatrix;

/// Returns the eigenvalues of a symmetric matrix, the largest first, and the eigenvectors as
/// columns in this order. `None` if an element is not finite, or the iteration does not converge.
fn eigen(matrix: &Tensor<2>) -> Option<(Vec<f64>, DMatrix<f64>)> {
    let mut matrix = read(matrix)?;
    drop_smallest(&mut matrix);
    let eigen = matrix.try_symmetric_eigen(f64::EPSILON, MOST_ITERATIONS)?;
    let order = falling(eigen.eigenvalues.as_slice());
    let values = order.iter().map(|at| eigen.eigenvalues[*at]).collect();
    Some((values, eigen.eigenvectors.select_columns(&order)))
}

/// Replaces by 0 what nalgebra cannot square: the square of a smaller element would be 0 within
/// nalgebra 0.35, and the vectors not orthogonal.
fn drop_smallest(matrix: &mut DMatrix<f64>) {
    let least = matrix.amax() * LEAST_ELEMENT;
    matrix.apply(|element| {
        if element.abs() < least {
            *element = 0.0;
        }
    });
}

/// An element that is smaller than this part of the largest one counts as 0.
const LEAST_ELEMENT: f64 = 1e-140;

/// Iterations after which an eigenvalue is given up.
const MOST_ITERATIONS: usize = 100_000;

/// Returns the eigenvectors of a symmetric matrix as columns, that of the largest eigenvalue first;
/// NaN if there are none.
pub(crate) fn eigenvectors(matrix: &Tensor<2>) -> Tensor<2> {
    let found = eigen(matrix);
    written(found.map(|(_, vectors)| vectors).as_ref(), matrix)
}

/// Returns a symmetric matrix, whose eigenvalues are at least `least` except for rounding, to the
/// power of `exponent`; NaN if it has no eigenvectors. Eigenvalues below what the matrix is rounded
/// to count as that.
pub(crate) fn power(matrix: &Tensor<2>, exponent: f64, least: f64) -> Tensor<2> {
    let resolution = match matrix.dtype() {
        DType::F64 => f64::EPSILON,
        _ => f64::from(f32::EPSILON),
    };
    let root = eigen(matrix).map(|(values, vectors)| {
        let least = least.max(values[0] * resolution);
        let mut scaled = vectors.clone();
        for (mut column, value) in scaled.column_iter_mut().zip(values) {
            column *= libm::pow(value.max(least), exponent);
        }
        scaled * vectors.transpose()
    });
    written(root.as_ref(), matrix)
}

/// Returns the orthogonal factor of the QR decomposition of a square matrix; NaN if it has none.
pub(crate) fn orthogonal_factor(matrix: &Tensor<2>) -> Tensor<2> {
    let factor = read(matrix).map(|matrix| matrix.qr().q());
    written(factor.as_ref(), matrix)
}

/// Returns the left singular vectors of a matrix that is not wider than high, as columns: the first
/// `count`, those of the largest singular values. The element of largest magnitude of each is
/// positive. NaN if there are none.
pub(crate) fn left_singular_vectors(matrix: &Tensor<2>, count: usize) -> Tensor<2> {
    let found = read(matrix).and_then(|mut matrix| {
        drop_smallest(&mut matrix);
        let found = matrix.try_svd(true, false, f64::EPSILON, MOST_ITERATIONS)?;
        let order = falling(found.singular_values.as_slice());
        let mut vectors = found.u?.select_columns(order[..count].iter());
        for mut vector in vectors.column_iter_mut() {
            if vector[vector.icamax()] < 0.0 {
                vector.neg_mut();
            }
        }
        Some(vectors)
    });
    match found {
        Some(vectors) => written(Some(&vectors), matrix),
        None => {
            let nan = matrix.full_like(f64::NAN);
            nan.narrow(1, 0, count)
        }
    }
}

/// Returns the places of the numbers, that of the largest first.
fn falling(numbers: &[f64]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..numbers.len()).collect();
    places.sort_by(|a, b| numbers[*b].total_cmp(&numbers[*a]));
    places
}

/// Returns the places of the numbers, that of the largest first, for [`Tensor::select`].
pub(crate) fn falling_order(numbers: Tensor<1>) -> Tensor<1, Int> {
    let device = numbers.device();
    let numbers = numbers.into_data_dtype(DType::F64);
    let numbers = numbers.try_into_vec::<f64>().unwrap_or_default();
    let places: Vec<i64> = (falling(&numbers).into_iter())
        .map(|place| place as i64)
        .collect();
    let length = places.len();
    Tensor::from_data(TensorData::new(places, [length]), &device)
}

/// Returns the matrix, or `None` if an element is not finite.
fn read(matrix: &Tensor<2>) -> Option<DMatrix<f64>> {
    let [rows, columns] = matrix.dims();
    let numbers = matrix.clone().into_data_dtype(DType::F64);
    let numbers = numbers.try_into_vec::<f64>().ok()?;
    let is_finite = numbers.iter().all(|number| number.is_finite());
    is_finite.then(|| DMatrix::from_row_slice(rows, columns, &numbers))
}

/// Returns the matrix as a tensor like another; NaN in place of `None`.
fn written(matrix: Option<&DMatrix<f64>>, like: &Tensor<2>) -> Tensor<2> {
    let Some(matrix) = matrix else {
        return like.full_like(f64::NAN);
    };
    let numbers = matrix.transpose().as_slice().to_vec();
    let data = TensorData::new(numbers, [matrix.nrows(), matrix.ncols()]);
    Tensor::from_data(data, (&like.device(), like.dtype()))
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn rows_of_very_unlike_sizes_have_orthogonal_eigenvectors() {
        let sizes = [1.0, 1e-100, 3e-101, 1e-160];
        let gradient: Vec<f64> = (0..20)
            .map(|at| sizes[at / 5] * libm::sin((at * at) as f64 + 0.3 * at as f64))
            .collect();
        let data = TensorData::new(gradient, [4, 5]);
        let gradient = Tensor::<2>::from_data(data, (&Device::flex(), DType::F64));
        let gram = gradient.clone().matmul(gradient.transpose());
        let vectors = eigenvectors(&gram);
        let product = vectors.clone().transpose().matmul(vectors);
        let product = product
            .into_data()
            .try_into_vec::<f64>()
            .expect("it is f64");
        for (at, number) in product.into_iter().enumerate() {
            let expected = f64::from(u8::from(at % 5 == 0));
            assert!((number - expected).abs() < 1e-12, "{at}: {number}");
        }
    }
}
