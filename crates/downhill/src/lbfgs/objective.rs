//! The loss of a module, as a function on a line.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Tensor};

use super::vector::Vector;
use crate::descent::{collect, map_values};

pub(super) struct Objective<M, F> {
    /// Missing only while it is moved.
    module: Option<M>,
    evaluate: F,
    pub(super) evaluations: usize,
    /// Where the line starts, in the parameters that have been moved along it.
    start: BTreeMap<String, Tensor<1>>,
}

/// What an evaluation found.
#[derive(Clone, Debug)]
pub(super) struct Point {
    pub(super) loss: f64,
    pub(super) gradient: Vector,
}

impl Point {
    pub(super) fn is_finite(&self) -> bool {
        self.loss.is_finite() && self.gradient.is_finite()
    }
}

impl<M: Module, F: FnMut(&M) -> (f64, GradientsParams)> Objective<M, F> {
    pub(super) fn new(module: M, evaluate: F) -> Self {
        Self {
            module: Some(module),
            evaluate,
            evaluations: 0,
            start: BTreeMap::new(),
        }
    }

    pub(super) fn module(&self) -> &M {
        self.module.as_ref().expect(IN_PLACE)
    }

    pub(super) fn into_module(self) -> M {
        self.module.expect(IN_PLACE)
    }

    /// Loss and gradient where the module is.
    pub(super) fn evaluate(&mut self) -> Point {
        let module = self.module.as_ref().expect(IN_PLACE);
        let (loss, mut gradients) = (self.evaluate)(module);
        self.evaluations += 1;
        Point {
            loss,
            gradient: Vector::of_gradients(collect(module, &mut gradients)),
        }
    }

    /// From now on a line starts where the module is.
    pub(super) fn start_line(&mut self) {
        self.start.clear();
    }

    /// Goes to `step_size` times the direction from where the line starts.
    pub(super) fn go(&mut self, step_size: f64, direction: &Vector) {
        let start = &mut self.start;
        let module = self.module.take().expect(IN_PLACE);
        self.module = Some(map_values(module, |path, value| {
            let Some(part) = direction.parts.get(path) else {
                return value;
            };
            let from = start.entry(path.to_string()).or_insert(value);
            from.clone() + part.clone().mul_scalar(step_size)
        }));
    }

    /// Goes back to where the line starts.
    pub(super) fn go_back(&mut self) {
        let start = &self.start;
        let module = self.module.take().expect(IN_PLACE);
        self.module = Some(map_values(module, |path, value| {
            start.get(path).cloned().unwrap_or(value)
        }));
    }
}

const IN_PLACE: &str = "a module that is moved is put back at once";

/// Whether all parts of a vector belong to parameters that are trained.
pub(super) fn is_trained<M: Module>(vector: &Vector, module: &M) -> bool {
    let mut trained = Trained::default();
    module.visit(&mut trained);
    let kind = |part: &Tensor<1>| (part.dims()[0], part.dtype());
    let known = |(path, part)| trained.kinds.get(path) == Some(&kind(part));
    vector.parts.iter().all(known)
}

/// The trained parameters: how many elements of which type each has.
#[derive(Default)]
struct Trained {
    path: Vec<String>,
    kinds: BTreeMap<String, (usize, DType)>,
}

impl ModuleVisitor for Trained {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.is_require_grad() {
            let value = param.base();
            let kind = (value.shape().num_elements(), value.dtype());
            self.kinds.insert(self.path.join("."), kind);
        }
    }
}
