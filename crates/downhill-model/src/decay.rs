//! Which parameters a decay may touch.

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

/// The trained parameters of a module, told apart for weight decay: weights of rank 2 and more are
/// decayed, those of rank 1 (biases, scale and shift of batch normalization) are exempt. What is
/// not trained is in neither.
///
/// The ids serve `burn::module::ParamGroup::from_ids`. The module must be on an autodiff device:
/// elsewhere Burn counts no parameter as trained, and both lists are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecaySplit {
    /// Weights.
    pub decayed: Vec<ParamId>,
    /// All else that is trained.
    pub exempt: Vec<ParamId>,
}

impl DecaySplit {
    /// Of any module.
    pub fn of<M: Module>(module: &M) -> Self {
        let mut split = Self::default();
        module.visit(&mut split);
        split
    }
}

impl ModuleVisitor for DecaySplit {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !param.is_require_grad() {
            return;
        }
        if D > 1 {
            self.decayed.push(param.id);
        } else {
            self.exempt.push(param.id);
        }
    }
}
