//! Parameters of a network, read and written in the layout of another library.

use burn::module::Param;
use burn::tensor::{Tensor, TensorData};

/// A parameter in the layout of the other library.
pub(super) trait Place {
    /// The shape in that layout.
    fn shape(&self) -> Vec<usize>;

    /// The numbers in the order of that layout.
    fn read(&self) -> Vec<f32>;

    /// Replaces the numbers by as many others.
    fn write(&mut self, numbers: Vec<f32>);
}

/// Same layout.
impl<const D: usize> Place for &mut Param<Tensor<D>> {
    fn shape(&self) -> Vec<usize> {
        self.val().dims().to_vec()
    }

    fn read(&self) -> Vec<f32> {
        numbers(self.val())
    }

    fn write(&mut self, numbers: Vec<f32>) {
        replace(self, |old| {
            Tensor::from_data(TensorData::new(numbers, old.dims()), &old.device())
        });
    }
}

/// Transposed.
pub(super) struct Transposed<'a>(pub(super) &'a mut Param<Tensor<2>>);

impl Place for Transposed<'_> {
    fn shape(&self) -> Vec<usize> {
        let [rows, columns] = self.0.val().dims();
        vec![columns, rows]
    }

    fn read(&self) -> Vec<f32> {
        numbers(self.0.val().transpose())
    }

    fn write(&mut self, numbers: Vec<f32>) {
        replace(self.0, |old| {
            // Transposed in memory: a transposed view would change the order in which products are
            // summed.
            let [rows, columns] = old.dims();
            let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
            let turned: Vec<f32> = places
                .map(|(row, column)| numbers[column * rows + row])
                .collect();
            Tensor::from_data(TensorData::new(turned, [rows, columns]), &old.device())
        });
    }
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    let data = tensor.into_data().convert::<f32>();
    data.iter::<f32>().collect()
}

/// Replaces the value of a parameter and keeps its identity.
fn replace<const D: usize>(
    parameter: &mut Param<Tensor<D>>,
    with: impl FnOnce(Tensor<D>) -> Tensor<D>,
) {
    *parameter = parameter.clone().map(with);
}
