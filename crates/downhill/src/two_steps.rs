//! Two steps of a rule, for the tests beside it.

use burn::optim::Optimizer;
use burn::tensor::{DType, Device, Tensor, TensorData};

/// Two steps of a single `f64` from 1 with these gradients at a learning rate of 0.1 are these.
#[track_caller]
pub(crate) fn assert_steps<O: Optimizer>(optimizer: &O, gradients: [f64; 2], expected: [f64; 2]) {
    let device = Device::flex();
    let tensor = |value: f64| -> Tensor<1> {
        Tensor::from_data(TensorData::new(vec![value], [1]), (&device, DType::F64))
    };
    let (mut x, mut state) = (tensor(1.0), None);
    for (gradient, expected) in gradients.into_iter().zip(expected) {
        (x, state) = optimizer.step(0.1, x, tensor(gradient), state);
        let found: f64 = x.clone().into_scalar();
        assert!(
            (found - expected).abs() < 1e-8,
            "{found} instead of {expected}"
        );
    }
}
