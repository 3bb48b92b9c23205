//! Adam for rows that are seldom used.

use burn::tensor::Tensor;

use crate::burn_optimizer::optimizer;
use crate::rule::{Layout, Memory, Parameter, Rule, bias_correction};
use crate::settings::settings;

/// Sparse Adam: Adam that leaves alone what has no gradient, for embeddings.
///
/// ```text
/// for each row of a parameter whose gradient is not 0 everywhere:
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * g_t,    m_0 = 0
/// v_t = beta_2 * v_{t-1} + (1 - beta_2) * g_t^2,  v_0 = 0
/// x_t = x_{t-1} - learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)
///                                * m_t / (sqrt(v_t) + epsilon)
/// ```
///
/// The other rows keep their elements and their moments; `t` counts all steps. A row is what lies
/// at one place of the first axis; of a vector it is an element. State: two tensors per parameter.
/// Source: PyTorch's `SparseAdam`, which steps the rows that a sparse gradient names. Burn's
/// gradients are dense, so here the rows are found by their gradients: a row that was used, and
/// whose gradient is exactly 0, is left alone, too.
#[derive(Clone, Debug)]
pub struct SparseAdam {
    config: SparseAdamConfig,
}

settings! {
    /// The settings of [`SparseAdam`].
    pub struct SparseAdamConfig for SparseAdam, "sparse-adam" {
        /// Learning rate: roughly the size of each coordinate's step; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the first moment, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the second moment, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Added to the root of the uncorrected second moment for numerical stability;
        /// non-negative.
        pub epsilon: f64 => not_negative,
    }
    presets: torch
    source: "PyTorch's `SparseAdam`"
}

impl SparseAdamConfig {
    /// PyTorch's defaults: learning rate 0.001, betas 0.9 and 0.999, epsilon 1e-8.
    pub fn torch() -> Self {
        Self {
            learning_rate: 0.001,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
        }
    }
}

optimizer!(SparseAdam);

impl Layout for SparseAdam {
    const TENSORS: &'static [&'static str] = &["first_moment", "second_moment"];
}

impl Rule for SparseAdam {
    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        mut memory: Memory,
        _sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        let config = &self.config;
        let (x, g) = (parameter.value, parameter.gradient);
        let [elements] = g.dims();
        let rows = parameter.shape.first().map_or(1, |rows| (*rows).max(1));
        let used = g.clone().not_equal_scalar(0.0);
        let used = used.reshape([rows, elements / rows]).any_dim(1);
        let unused = used.bool_not().expand([rows, elements / rows]);
        let unused = unused.reshape([elements]);
        let mut mix = |name: &'static str, beta: f64, new: Tensor<1>| {
            let past = memory.take(name).unwrap_or_else(|| new.zeros_like());
            let mean = past.clone().mul_scalar(beta) + new.mul_scalar(1.0 - beta);
            let mean = mean.mask_where(unused.clone(), past);
            memory.put(name, mean.clone());
            mean
        };
        let m = mix("first_moment", config.beta_1, g.clone());
        let v = mix("second_moment", config.beta_2, g.clone() * g);
        let first = bias_correction(config.beta_1, memory.time);
        let second = bias_correction(config.beta_2, memory.time);
        let rate = learning_rate * libm::sqrt(second) / first;
        let step = m.mul_scalar(rate) / v.sqrt().add_scalar(config.epsilon);
        (x - step.mask_fill(unused, 0.0), memory)
    }
}
