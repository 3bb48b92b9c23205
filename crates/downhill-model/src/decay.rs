//! Which parameters a decay may touch.

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

use crate::Ensemble;

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
    /// Of any module but an ensemble.
    pub fn of<M: Module>(module: &M) -> Self {
        Self::with_vectors_of_rank(1, module)
    }

    /// Of an ensemble, whose parameters have an axis more: those of rank 2 are exempt.
    pub fn of_ensemble(ensemble: &Ensemble) -> Self {
        Self::with_vectors_of_rank(2, ensemble)
    }

    fn with_vectors_of_rank<M: Module>(rank: usize, module: &M) -> Self {
        let split = Self::default();
        let mut splitter = Splitter { rank, split };
        module.visit(&mut splitter);
        splitter.split
    }
}

struct Splitter {
    /// Of what is exempt, at most.
    rank: usize,
    split: DecaySplit,
}

impl ModuleVisitor for Splitter {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !param.is_require_grad() {
            return;
        }
        if D > self.rank {
            self.split.decayed.push(param.id);
        } else {
            self.split.exempt.push(param.id);
        }
    }
}
