//! Shared code of the optimizers that estimate their rate from the distance covered.

use burn::tensor::Tensor;

use crate::rule::{Memory, bias_correction};

/// Returns where a parameter was before its first step.
pub(super) fn beginning(memory: &mut Memory, x: &Tensor<1>) -> Tensor<1> {
    match memory.tensor("beginning") {
        Some(beginning) => beginning.clone(),
        None => {
            memory.put("beginning", x.clone());
            x.clone()
        }
    }
}

/// Returns the estimate `d_{t-1}` and the rate of this step,
/// `d_{t-1} * learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)`.
pub(super) fn rates(
    memory: &Memory,
    initial_d: f64,
    learning_rate: f64,
    beta_1: f64,
    beta_2: f64,
) -> (f64, f64) {
    let d = memory.number("rate").unwrap_or(initial_d);
    let correction =
        libm::sqrt(bias_correction(beta_2, memory.time)) / bias_correction(beta_1, memory.time);
    (d, d * learning_rate * correction)
}
