//! Parameters that one launch steps together, on the backends of CubeCL.

use alloc::vec::{self, Vec};
use core::iter::Peekable;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

use super::slots::is_trained;
use super::stepping::{Gradient, Gradients, Walk};
use super::{Descent, StepMask};
use crate::rule::{CubeDone, CubeStep, can_step_on_cube, launch_on_cube, prepare_for_cube};

/// A parameter that has been stepped; only its module and its memory do not know it yet.
pub(super) struct Together {
    pub(super) id: ParamId,
    /// Where what is kept of it lies.
    pub(super) place: usize,
    /// Its gradient, row by row, where the step is masked.
    pub(super) masked_by: Option<Tensor<1>>,
    pub(super) done: CubeDone,
}

impl Descent {
    /// Steps those parameters that can be stepped together. They come in the order of the module; the
    /// gradients of all others come back.
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
        module.visit(&mut gatherer);
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

/// A parameter of a step that goes together with others.
struct Gathered {
    id: ParamId,
    place: usize,
    masked_by: Option<Tensor<1>>,
}

struct Gatherer<'a> {
    walk: Walk<'a>,
    gradients: Gradients,
    /// Those of parameters that do not go along.
    left: Gradients,
    rates: &'a [f64],
    is_masked: bool,
    /// The parameter of each step.
    gathered: Vec<Gathered>,
    steps: Vec<CubeStep>,
}

impl ModuleVisitor for Gatherer<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.walk.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.walk.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.gradients.take(param.id);
        if !is_trained(param, || gradient.is_some()) {
            return;
        }
        let group = self.walk.group_of_next(D);
        let Some(gradient) = gradient else {
            return;
        };
        if self.walk.descent.groups[group].frozen {
            return self.left.put(param.id, gradient);
        }
        let value = param.base().inner();
        match gradient {
            Gradient::Shaped(gradient) => {
                self.gather(group, param.id, value, gradient, Gradient::Shaped);
            }
            Gradient::Flat(gradient) => {
                self.gather::<D, 1>(group, param.id, value, gradient, Gradient::Flat);
            }
        }
    }
}

impl Gatherer<'_> {
    /// Takes a step of the parameter that was met last along, or leaves its gradient.
    fn gather<const D: usize, const G: usize>(
        &mut self,
        group: usize,
        id: ParamId,
        value: Tensor<D>,
        gradient: Tensor<G>,
        again: impl FnOnce(Tensor<G>) -> Gradient<D>,
    ) {
        let place = self.walk.place_of_last(group);
        let descent = &mut *self.walk.descent;
        let memory = &mut descent.kept[place].rule;
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
