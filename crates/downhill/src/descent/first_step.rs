//! A look at the first step of parameters whose rule may not be finite there.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::Descent;
use super::error::StepError;
use super::visit::{ParamVisitor, visit_params};
use super::walk::Gradients;
use crate::rule::{Parameter, in_type, widened};

impl Descent {
    /// Whether the next step is the first, and a rule is to be looked at before it.
    pub(super) fn looks_at_next_step(&self) -> bool {
        self.steps == 0
            && self
                .groups
                .iter()
                .any(|group| group.rule.may_not_be_finite())
    }

    /// Refuses the first step of a module if a rule makes finite parameters and gradients infinite
    /// or not numbers.
    pub(super) fn check_first_step<M: Module>(
        &self,
        module: &M,
        gradients: &Gradients,
        rates: &[f64],
    ) -> Result<(), StepError> {
        let mut checker = Checker {
            descent: self,
            gradients,
            rates,
            found: None,
        };
        visit_params(module, &mut checker);
        checker.found.map_or(Ok(()), Err)
    }
}

struct Checker<'a> {
    descent: &'a Descent,
    gradients: &'a Gradients,
    rates: &'a [f64],
    found: Option<StepError>,
}

impl ParamVisitor for Checker<'_> {
    fn visit<const D: usize>(&mut self, path: &str, param: &Param<Tensor<D>>) {
        let descent = self.descent;
        let index = descent.config.group_of(path, D);
        let group = &descent.groups[index];
        let shape = param.shape();
        let elements = shape.num_elements();
        let has_state = (descent.state.get(path)).is_some_and(|state| state.rule.time > 0);
        if self.found.is_some() || group.frozen || has_state || elements == 0 {
            return;
        }
        let Some(gradient) = self.gradients.get(param) else {
            return;
        };
        let value = widened(param.base().inner().reshape([elements]));
        let gradient = in_type(gradient.to_device(&value.device()), value.dtype());
        let parameter = Parameter {
            value,
            gradient,
            shape: &shape,
        };
        if let Some(not_finite) = group.rule.not_finite(self.rates[index], parameter) {
            self.found = Some(StepError::NotFinite {
                path: path.to_string(),
                not_finite,
            });
        }
    }
}
