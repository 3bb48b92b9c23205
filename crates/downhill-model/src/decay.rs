//! The parameters subject to weight decay.

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

use crate::Ensemble;

/// The trained parameters of a module, split for weight decay: parameters of rank 2 and above are
/// decayed; those of rank 1 (biases, and scale and shift of batch normalization) are exempt.
/// Parameters that are not trained are in neither list.
///
/// The ids can be passed to `burn::module::ParamGroup::from_ids`. The module must be on an autodiff
/// device; on others Burn counts no parameter as trained, and both lists are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecaySplit {
    /// Ids of the decayed parameters: weights.
    pub decayed: Vec<ParamId>,
    /// Ids of the exempt parameters: biases, scales and shifts.
    pub exempt: Vec<ParamId>,
}

impl DecaySplit {
    /// Splits the parameters of any module except an ensemble.
    pub fn of<M: Module>(module: &M) -> Self {
        Self::with_exempt_rank(1, module)
    }

    /// Splits the parameters of an ensemble. They have an additional axis, so those of rank 2 are
    /// exempt.
    pub fn of_ensemble(ensemble: &Ensemble) -> Self {
        Self::with_exempt_rank(2, ensemble)
    }

    fn with_exempt_rank<M: Module>(exempt_rank: usize, module: &M) -> Self {
        let split = Self::default();
        let mut splitter = Splitter { exempt_rank, split };
        module.visit(&mut splitter);
        splitter.split
    }
}

struct Splitter {
    /// Largest rank of an exempt parameter.
    exempt_rank: usize,
    split: DecaySplit,
}

impl ModuleVisitor for Splitter {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !param.is_require_grad() {
            return;
        }
        if D > self.exempt_rank {
            self.split.decayed.push(param.id);
        } else {
            self.split.exempt.push(param.id);
        }
    }
}
