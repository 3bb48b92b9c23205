//! Devices for the cases.

use burn::tensor::{Device, Tensor, TensorData};
use downhill_trainer::{Backend, device};

/// The backend's device. A backend that does not start fails the test: no case is skipped.
pub(crate) fn open(backend: Backend) -> Device {
    match device::open(backend) {
        Ok(device) => device,
        Err(error) => panic!("{} does not start: {error}", backend.name()),
    }
}

/// A tensor in the device's own float type.
pub(crate) fn tensor<const D: usize>(
    values: &[f64],
    shape: [usize; D],
    device: &Device,
) -> Tensor<D> {
    let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The elements as `f64`, row by row.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// The largest distance between two lists of the same length.
#[track_caller]
pub(crate) fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let distances = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    // NaN counts as infinitely far.
    distances.fold(0.0, |largest: f64, distance| {
        if distance.is_nan() {
            f64::INFINITY
        } else {
            largest.max(distance)
        }
    })
}
