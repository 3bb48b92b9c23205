//! Tests of whole descents: what is claimed of every optimizer.

mod bare_states;
mod clones;
mod custom;
mod from_burn;
mod half_precision;
mod hessian;
mod loading;
mod nothing_is_silent;
mod numbers;
mod public_reports;
mod saved_states;
mod settings_changed_on_the_way;
mod settings_in_files;
mod told_loss;
mod wrappers;

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Tensor};

use super::*;
use crate::SgdConfig;

#[derive(Module, Debug)]
struct One {
    w: Param<Tensor<1>>,
}

fn one(values: &[f64], dtype: DType) -> One {
    let values = Tensor::from_data(values, (&Device::flex(), dtype));
    One {
        w: Param::from_tensor(values),
    }
}

/// The same number for each element.
fn gradient(model: &One, number: f64) -> GradientsParams {
    let mut gradients = GradientsParams::new();
    let value = model.w.val();
    let gradient = Tensor::<1>::full(value.dims(), number, (&Device::flex(), value.dtype()));
    gradients.register(model.w.id, gradient);
    gradients
}

fn values(model: &One) -> Vec<f64> {
    model.w.val().into_data().iter::<f64>().collect()
}

fn stepped(descent: &mut Descent, model: One, number: f64) -> One {
    let gradients = gradient(&model, number);
    descent.tell_loss(1.0);
    descent.step(model, gradients).expect("it fits").0
}
