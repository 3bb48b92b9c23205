//! The parameters of a network where they lie, as another library has them.

use burn::module::Param;
use burn::tensor::{Tensor, TensorData};

/// One parameter, read and written in the other library's layout.
pub(super) trait Place {
    /// Its shape there.
    fn shape(&self) -> Vec<usize>;

    /// Its numbers in the order that they have there.
    fn read(&self) -> Vec<f32>;

    /// Gives it other numbers, as many as its shape has.
    fn write(&mut self, numbers: Vec<f32>);
}

/// In the same layout.
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

/// With its two axes exchanged.
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
            // Here, so that they lie in their new order and not as a view of the old one, by which
            // products are summed otherwise.
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

/// The parameter stays the same one, with another value.
fn replace<const D: usize>(
    parameter: &mut Param<Tensor<D>>,
    with: impl FnOnce(Tensor<D>) -> Tensor<D>,
) {
    *parameter = parameter.clone().map(with);
}
