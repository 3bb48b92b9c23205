//! Parameters stepped together by one launch, on CubeCL's backends.

use std::iter::Peekable;
use std::vec;

use burn::module::{Module, Param, ParamId};
use burn::tensor::Tensor;

use super::slots::is_trained;
use super::visit::{ParamVisitor, visit_params};
use super::walk::{Gradient, Gradients, Walk};
use super::{Descent, StepMask};
use crate::rule::{CubeDone, CubeStep, can_step_on_cube, launch_on_cube, prepare_for_cube};

/// A stepped parameter that has not been written to the module and the state yet.
pub(super) struct Together {
    pub(super) id: ParamId,
    /// The place of its state.
    pub(super) place: usize,
    /// Its flattened gradient, if the step is masked.
    pub(super) masked_by: Option<Tensor<1>>,
    pub(super) done: CubeDone,
}

impl Descent {
    /// Steps the parameters that can be stepped together. Returns them in the order of the module,
    /// and the gradients of all others.
    pub(super) fn step_together<M: Module>(
        &mut self,
        module: &M,
        gradients: Gradients,
        rates: &[f64],
    ) -> (Peekable<vec::IntoIter<Together>>, Gradients) {
        let is_masked = self.config.mask == StepMask::Cautious;
        let mut gatherer = Gatherer {
            walk: Walk::new(self),
            left: gradients.none_alike(),
            gradients,
            rates,
            is_masked,
            gathered: Vec::new(),
            steps: Vec::new(),
        };
        visit_params(module, &mut gatherer);
        let gathered = gatherer.gathered.into_iter();
        let stepped = gathered.zip(launch_on_cube(gatherer.steps));
        let stepped = stepped.map(|(gathered, done)| Together {
            id: gathered.id,
            place: gathered.place,
            masked_by: gathered.masked_by,
            done,
        });
        let stepped: Vec<Together> = stepped.collect();
        (stepped.into_iter().peekable(), gatherer.left)
    }
}

/// A parameter that is stepped together with others.
struct Gathered {
    id: ParamId,
    place: usize,
    masked_by: Option<Tensor<1>>,
}

struct Gatherer<'a> {
    walk: Walk<'a>,
    gradients: Gradients,
    /// The gradients of all other parameters.
    left: Gradients,
    rates: &'a [f64],
    is_masked: bool,
    /// The parameter of each step.
    gathered: Vec<Gathered>,
    steps: Vec<CubeStep>,
}

impl ParamVisitor for Gatherer<'_> {
    fn visit<const D: usize>(&mut self, path: &str, param: &Param<Tensor<D>>) {
        let gradient = self.gradients.take(param.id);
        if !is_trained(param, || gradient.is_some()) {
            return;
        }
        let group = self.walk.group_of_next(path, D);
        let Some(gradient) = gradient else {
            return;
        };
        if self.walk.descent.groups[group].frozen {
            return self.left.put(param.id, gradient);
        }
        let place = self.walk.place_of_last(path, group, param);
        let value = param.base().inner();
        let found = Found {
            id: param.id,
            group,
            place,
        };
        match gradient {
            Gradient::Shaped(gradient) => {
                self.gather(found, value, gradient, Gradient::Shaped);
            }
            Gradient::Flat(gradient) => {
                self.gather::<D, 1>(found, value, gradient, Gradient::Flat);
            }
        }
    }
}

/// A parameter of the walk.
#[derive(Clone, Copy)]
struct Found {
    id: ParamId,
    group: usize,
    /// The place of its state.
    place: usize,
}

impl Gatherer<'_> {
    /// Adds a step of this parameter, or leaves its gradient.
    fn gather<const D: usize, const G: usize>(
        &mut self,
        found: Found,
        value: Tensor<D>,
        gradient: Tensor<G>,
        again: impl FnOnce(Tensor<G>) -> Gradient<D>,
    ) {
        let Found { id, group, place } = found;
        let descent = &mut *self.walk.descent;
        let memory = &mut descent.state[place].rule;
        let rule = &descent.groups[group].rule;
        if can_step_on_cube(&value, &gradient, rule.tensors().len(), memory) {
            memory.time += 1;
            if let Some(recorded) = rule.record(self.rates[group], memory) {
                let flat = || gradient.clone().reshape([gradient.shape().num_elements()]);
                let masked_by = self.is_masked.then(flat);
                self.gathered.push(Gathered {
                    id,
                    place,
                    masked_by,
                });
                let step = prepare_for_cube(recorded, value, gradient, memory);
                self.steps.push(step);
                return;
            }
            memory.time -= 1;
        }
        self.left.put(id, again(gradient));
    }
}
