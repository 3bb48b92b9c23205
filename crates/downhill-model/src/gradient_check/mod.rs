//! Comparison of gradients by backpropagation with numerical gradients.
//!
//! ```text
//! numerical gradient = (loss(w + h) - loss(w - h)) / (2 h), h = 1e-4, in f64
//! ```
//!
//! for every value of every parameter and input, of every kind of layer and loss. The error of the
//! numerical gradient is `h^2 / 6` times the third derivative. The cases are small and random. If a
//! function has a kink (ReLU, max pooling), its inputs stay away from it. Units with batch
//! normalization vary enough over the batch, because the third derivative of the normalization
//! grows as their variance falls.

mod cases;
mod numbers;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{DType, Device, Gradients, Tensor, TensorData};

/// Step of the numerical gradient.
const STEP: f64 = 1e-4;
/// Upper limit of a difference.
const BOUND: f64 = 1e-7;
/// Upper limit of a difference for gradients computed in `f32`.
#[cfg(feature = "flex")]
const F32_BOUND: f64 = 1e-5;

/// The result for one parameter of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedGradient {
    /// Kind of layer or loss.
    pub layer: String,
    /// Path of the parameter within the layer, or `input`.
    pub parameter: String,
    /// Number of values of the parameter, all of which were checked.
    pub numbers: usize,
    /// Largest difference between the two gradients; NaN if either is NaN.
    pub largest_difference: f64,
    /// Upper limit of that difference: 1e-7, or 1e-5 for gradients computed in `f32`.
    pub bound: f64,
}

impl CheckedGradient {
    /// Whether the two gradients agree.
    pub fn agrees(&self) -> bool {
        self.largest_difference < self.bound
    }
}

/// Checks the gradients of every kind of layer and loss, in `f64`, on a device that supports it.
/// `normal` supplies numbers of mean 0 and variance 1; some thousands are drawn.
///
/// The fused operations of the flex backend support only `f32`. On flex, their gradients are
/// compared with those of backpropagation in `f64` at the same values.
pub fn gradient_check(device: &Device, normal: &mut dyn FnMut() -> f64) -> Vec<CheckedGradient> {
    cases::all(&device.clone().autodiff(), normal)
}

/// A loss as a function of a module.
type Loss<'a, M> = &'a dyn Fn(&mut M) -> Tensor<1>;

/// Checks the gradient of each parameter of a module.
fn check<M: Module>(layer: &str, module: &M, loss: Loss<'_, M>, rows: &mut Vec<CheckedGradient>) {
    let value = |module: &M| {
        let loss = loss(&mut module.clone());
        numbers::of(loss)[0]
    };
    for parameter in gradients(module, loss) {
        let numerical = (0..parameter.values.len()).map(|index| {
            let at = |by: f64| {
                let mut values = parameter.values.clone();
                values[index] += by;
                let id = parameter.id;
                value(&module.clone().map(&mut Replaced { id, values }))
            };
            (at(STEP) - at(-STEP)) / (2.0 * STEP)
        });
        let differences = (parameter.gradient.iter()).zip(numerical);
        rows.push(CheckedGradient {
            layer: layer.to_owned(),
            numbers: parameter.values.len(),
            largest_difference: largest(differences.map(|(a, b)| (a - b).abs())),
            parameter: parameter.path,
            bound: BOUND,
        });
    }
}

/// Returns the largest difference; NaN if one is NaN.
fn largest(differences: impl Iterator<Item = f64>) -> f64 {
    differences.fold(0.0, |largest, difference| {
        if largest >= difference {
            largest
        } else {
            difference + if largest.is_nan() { largest } else { 0.0 }
        }
    })
}

/// A trained parameter with its gradient by backpropagation.
struct Parameter {
    id: ParamId,
    path: String,
    values: Vec<f64>,
    gradient: Vec<f64>,
}

fn gradients<M: Module>(module: &M, loss: Loss<'_, M>) -> Vec<Parameter> {
    // A clone, because a layer may change its own state, such as running statistics.
    let mut module = module.clone();
    let mut reader = Reader {
        gradients: loss(&mut module).backward(),
        path: Vec::new(),
        found: Vec::new(),
    };
    module.visit(&mut reader);
    reader.found
}

struct Reader {
    gradients: Gradients,
    path: Vec<String>,
    found: Vec<Parameter>,
}

impl ModuleVisitor for Reader {
    fn enter_module(&mut self, name: &str, container: &str) {
        // A case is a pair of its input and its layer.
        self.path.push(match (container, name) {
            ("Tuple", "0") => "input".to_owned(),
            ("Tuple", _) => String::new(),
            _ => name.to_owned(),
        });
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        if !param.is_require_grad() {
            return;
        }
        let path = self.path.iter().filter(|name| !name.is_empty());
        let path: Vec<&str> = path.map(String::as_str).collect();
        let gradient = value.grad(&self.gradients);
        self.found.push(Parameter {
            id: param.id,
            // A parameter that is a module by itself is an input.
            path: match path.is_empty() {
                true => "input".to_owned(),
                false => path.join("."),
            },
            // Without a gradient, the loss does not depend on the parameter.
            gradient: match gradient {
                Some(gradient) => numbers::of(gradient),
                None => vec![0.0; value.shape().num_elements()],
            },
            values: numbers::of(value),
        });
    }
}

/// Replaces the values of one parameter.
struct Replaced {
    id: ParamId,
    values: Vec<f64>,
}

impl ModuleMapper for Replaced {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if param.id != self.id {
            return param;
        }
        let values = std::mem::take(&mut self.values);
        param.map(|old| {
            let data = TensorData::new(values, old.shape());
            Tensor::from_data(data, (&old.device(), DType::F64)).require_grad()
        })
    }
}
