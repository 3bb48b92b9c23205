//! Gradients by backpropagation against numerical ones.
//!
//! ```text
//! numerical gradient = (loss(w + h) - loss(w - h)) / (2 h), h = 1e-4, in f64
//! ```
//!
//! for each number of each parameter, and of what goes in, of every kind of layer and loss here. It
//! is off by `h^2 / 6` times the third derivative. Cases are small, their numbers drawn; where a
//! function has a kink (ReLU, max pooling), points lie away from it, and units that are normalized
//! vary, for the third derivative of a normalization is as large as they do not.

mod cases;
mod numbers;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{DType, Device, Gradients, Tensor, TensorData};

/// How far a number is moved.
const H: f64 = 1e-4;
/// What a difference must stay below.
const BOUND: f64 = 1e-7;
/// The same for gradients that are computed in `f32`.
#[cfg(feature = "flex")]
const F32_BOUND: f64 = 1e-5;

/// What was found for one parameter of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientRow {
    /// The kind of layer or loss.
    pub layer: String,
    /// The path of the parameter in it, or `input`.
    pub parameter: String,
    /// Numbers that it has, all of which were looked at.
    pub numbers: usize,
    /// Between its two gradients; NaN where either is.
    pub largest_difference: f64,
    /// What that must stay below: 1e-7, and 1e-5 for gradients that are computed in `f32`.
    pub bound: f64,
}

impl GradientRow {
    /// Whether the gradients agree.
    pub fn is_right(&self) -> bool {
        self.largest_difference < self.bound
    }
}

/// Checks every kind of layer and loss, in `f64`, on a device that has it. `normal` gives numbers of
/// mean 0 and variance 1, some thousands.
///
/// What flex computes as one operation is `f32` alone: there, on flex, its gradients are compared
/// with those of the same numbers by backpropagation in `f64`.
pub fn gradient_check(device: &Device, normal: &mut dyn FnMut() -> f64) -> Vec<GradientRow> {
    cases::all(&device.clone().autodiff(), normal)
}

/// A loss whose gradient is checked.
type Loss<'a, M> = &'a dyn Fn(&mut M) -> Tensor<1>;

/// A row for each parameter of a module.
fn check<M: Module>(layer: &str, module: &M, loss: Loss<'_, M>, rows: &mut Vec<GradientRow>) {
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
                value(&module.clone().map(&mut Moved { id, values }))
            };
            (at(H) - at(-H)) / (2.0 * H)
        });
        let differences = (parameter.gradient.iter()).zip(numerical);
        rows.push(GradientRow {
            layer: layer.to_owned(),
            numbers: parameter.values.len(),
            largest_difference: largest(differences.map(|(a, b)| (a - b).abs())),
            parameter: parameter.path,
            bound: BOUND,
        });
    }
}

/// The largest of them, NaN where one is.
fn largest(differences: impl Iterator<Item = f64>) -> f64 {
    differences.fold(0.0, |largest, difference| {
        if largest >= difference {
            largest
        } else {
            difference + if largest.is_nan() { largest } else { 0.0 }
        }
    })
}

/// A trained parameter and its gradient by backpropagation.
struct Parameter {
    id: ParamId,
    path: String,
    values: Vec<f64>,
    gradient: Vec<f64>,
}

fn gradients<M: Module>(module: &M, loss: Loss<'_, M>) -> Vec<Parameter> {
    // What a layer changes in itself, such as running statistics, is not to be seen by the next.
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
            // Alone it is an input.
            path: match path.is_empty() {
                true => "input".to_owned(),
                false => path.join("."),
            },
            // Without one the loss does not depend on it.
            gradient: match gradient {
                Some(gradient) => numbers::of(gradient),
                None => vec![0.0; value.shape().num_elements()],
            },
            values: numbers::of(value),
        });
    }
}

/// Puts other values in place of one parameter's.
struct Moved {
    id: ParamId,
    values: Vec<f64>,
}

impl ModuleMapper for Moved {
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
