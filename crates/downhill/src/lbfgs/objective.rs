//! The loss of a module, as a function on a line.

use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Tensor};

use super::vector::Vector;
use crate::descent::{self, ParamVisitor, collect, map_values, tied, visit_params};

pub(super) struct Objective<M, F> {
    /// `None` only while it is moved.
    module: Option<M>,
    evaluate: F,
    pub(super) evaluations: usize,
    /// The start of the line, for the parameters that were moved along it.
    start: BTreeMap<String, Tensor<1>>,
}

/// The result of an evaluation.
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

    /// Whether two places of the module have the same trained parameter. Off the tape, where
    /// gradients come from elsewhere, this is not known.
    pub(super) fn has_tied_parameters(&self) -> bool {
        tied(self.module(), &GradientsParams::new(), |_| true).is_some()
    }

    pub(super) fn into_module(self) -> M {
        self.module.expect(IN_PLACE)
    }

    /// Returns loss and gradient of the module as it is.
    pub(super) fn evaluate(&mut self) -> Point {
        let module = self.module.as_ref().expect(IN_PLACE);
        let (loss, mut gradients) = (self.evaluate)(module);
        self.evaluations += 1;
        Point {
            loss,
            gradient: Vector::of_gradients(collect(module, &mut gradients)),
        }
    }

    /// Starts a line at the module as it is.
    pub(super) fn start_line(&mut self) {
        self.start.clear();
    }

    /// Moves to `step_size` times the direction from the start of the line.
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

    /// Moves back to the start of the line.
    pub(super) fn go_back(&mut self) {
        let start = &self.start;
        let module = self.module.take().expect(IN_PLACE);
        self.module = Some(map_values(module, |path, value| {
            start.get(path).cloned().unwrap_or(value)
        }));
    }
}

const IN_PLACE: &str = "a module that is moved is put back at once";

/// Whether all parts of a vector belong to parameters that are trained, with these gradients.
pub(super) fn is_trained<M: Module>(vector: &Vector, module: &M, gradients: &Vector) -> bool {
    let kinds = BTreeMap::new();
    let mut trained = Trained { gradients, kinds };
    visit_params(module, &mut trained);
    let kind = |part: &Tensor<1>| (part.dims()[0], part.dtype());
    let known = |(path, part)| trained.kinds.get(path) == Some(&kind(part));
    vector.parts.iter().all(known)
}

/// The number of elements and the type of each trained parameter.
struct Trained<'a> {
    gradients: &'a Vector,
    kinds: BTreeMap<String, (usize, DType)>,
}

impl ParamVisitor for Trained<'_> {
    fn visit<const D: usize>(&mut self, path: &str, param: &Param<Tensor<D>>) {
        if descent::is_trained(param, || self.gradients.parts.contains_key(path)) {
            let value = param.base();
            let kind = (
                value.shape().num_elements(),
                descent::type_of_a_slot(value.dtype()),
            );
            self.kinds.insert(path.to_string(), kind);
        }
    }
}
