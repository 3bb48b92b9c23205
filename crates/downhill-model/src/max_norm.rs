//! A bound on the norm of a unit's incoming weights.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::Tensor;

/// Scales down the incoming weights of each unit, the columns of `[inputs, units]`, to a norm of at
/// most `max_norm` (Srivastava et al. 2014, JMLR 15, section 5.1).
pub(crate) fn bound_norms(linear: Linear, max_norm: f64) -> Linear {
    let bound = |weight: Tensor<2>| {
        let (is_trained, has_autodiff) = (weight.is_require_grad(), weight.is_autodiff());
        let weight = if has_autodiff { weight.inner() } else { weight };
        let norm = weight.clone().square().sum_dim(0).sqrt();
        let factor = norm.clamp_min(max_norm).recip().mul_scalar(max_norm);
        match has_autodiff {
            true => Tensor::from_inner(weight * factor).set_require_grad(is_trained),
            false => weight * factor,
        }
    };
    Linear {
        weight: Param::map(linear.weight, bound),
        bias: linear.bias,
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn only_long_weight_vectors_are_scaled_down() {
        let device = Device::flex().autodiff();
        let weight = Tensor::<2>::from_floats([[3.0, 0.3], [4.0, 0.4]], &device);
        let linear = Linear {
            weight: Param::from_tensor(weight),
            bias: None,
        };
        let id = linear.weight.id;
        let bounded = bound_norms(linear, 1.0);
        assert_eq!(bounded.weight.id, id);
        assert!(bounded.weight.val().is_require_grad());
        let numbers: Vec<f32> = bounded.weight.val().into_data().iter().collect();
        for (number, expected) in numbers.iter().zip([0.6, 0.3, 0.8, 0.4]) {
            assert!((number - expected).abs() < 1e-6, "{numbers:?}");
        }
    }
}
