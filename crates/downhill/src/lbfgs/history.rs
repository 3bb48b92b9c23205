//! The history of L-BFGS, which approximates the curvature.

use std::collections::VecDeque;
use std::sync::Arc;

use super::vector::Vector;

/// Pairs of a step and the change of the gradient along it, oldest first.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) pairs: VecDeque<Arc<Pair>>,
    /// The inverse of the curvature as a single number.
    pub(super) scale: f64,
}

#[derive(Clone, Debug)]
pub(super) struct Pair {
    /// `s`, the step.
    pub(super) step: Vector,
    /// `y`, the gradient after it less the one before it.
    pub(super) turn: Vector,
    /// `1 / (y . s)`.
    pub(super) rho: f64,
}

impl Default for History {
    fn default() -> Self {
        Self {
            pairs: VecDeque::new(),
            scale: 1.0,
        }
    }
}

impl History {
    /// Adds a step if the slope rose along it.
    pub(super) fn learn(&mut self, step: Vector, turn: Vector, most: usize) {
        let along = turn.dot(&step);
        if along <= MIN_CURVATURE {
            return;
        }
        while self.pairs.len() >= most {
            self.pairs.pop_front();
        }
        self.scale = along / turn.dot(&turn);
        let rho = 1.0 / along;
        self.pairs.push_back(Arc::new(Pair { step, turn, rho }));
    }

    /// Returns the direction of a step: the approximate inverse Hessian times the negative
    /// gradient.
    pub(super) fn direction(&self, gradient: &Vector) -> Vector {
        let mut direction = gradient.clone().scaled(-1.0);
        let mut alphas = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let alpha = pair.step.dot(&direction) * pair.rho;
            direction = direction.add_scaled(-alpha, &pair.turn);
            alphas.push(alpha);
        }
        direction = direction.scaled(self.scale);
        for (pair, alpha) in self.pairs.iter().zip(alphas.into_iter().rev()) {
            let beta = pair.turn.dot(&direction) * pair.rho;
            direction = direction.add_scaled(alpha - beta, &pair.step);
        }
        direction
    }
}

/// Steps along which the gradient changes by less are not added, as in PyTorch.
const MIN_CURVATURE: f64 = 1e-10;
