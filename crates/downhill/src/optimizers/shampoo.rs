//! Shampoo.

use alloc::vec::Vec;

use burn::tensor::Tensor;

use super::gram::{
    GRAMS, MOST_AXES, PreconditionedAxes, along_axes, are_preconditioned, flat, grams, square,
};
use crate::burn_optimizer::optimizer;
use crate::rule::{Layout, Memory, Parameter, Rule, power};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// Shampoo: AdaGrad with a whole matrix for each axis of a parameter.
///
/// ```text
/// d_t = momentum * u_{t-1} + (1 - momentum) * g_t,  d_1 = g_1
/// for each axis of the parameter, with G_t the gradient g_t, or d_t with momentum, unfolded along
/// it, [length, others]:
///   H_t = H_{t-1} + G_t G_t',  H_0 = epsilon * I
/// u_t = d_t with H^(-1 / (2 k)) applied along each axis, k the number of preconditioned axes
/// x_t = x_{t-1} - learning_rate * u_t
/// ```
///
/// The roots are computed in the first step and then every `precondition_frequency` steps, by
/// eigenvalues in `f64` on the CPU. An eigenvalue below `epsilon` or below the resolution of the
/// largest one, in the parameter's type, counts as that. An L2 weight decay is added to `d_t`. Any
/// rank and shape; an axis that is not preconditioned has no H. If none is, a step is that of
/// [`Sgd`](crate::Sgd). State: two tensors `[length, length]` per preconditioned axis, and with
/// momentum one of the parameter's shape. Source: Gupta, Koren and Singer 2018 (arXiv:1802.09568),
/// as in pytorch_optimizer, whose momentum is that of the steps, and which with a frequency of k
/// moves nothing in the first k - 1 steps.
#[derive(Clone, Debug)]
pub struct Shampoo {
    config: ShampooConfig,
}

settings! {
    /// The settings of [`Shampoo`].
    pub struct ShampooConfig for Shampoo, "shampoo" {
        /// Learning rate; positive.
        pub learning_rate: f64 => positive,
        /// Part of a gradient that is replaced by the step before, in \[0, 1).
        pub momentum: f64 => decay_rate,
        /// What the Gram matrices have on their diagonals at first; positive.
        pub epsilon: f64 => positive,
        /// Number of steps between computations of the roots; at least 1.
        pub precondition_frequency: u64 => count,
        /// Longest axis that is preconditioned; at least 1.
        pub max_precondition_dim: u64 => count,
        /// The axes that are preconditioned.
        pub axes: PreconditionedAxes,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: pytorch_optimizer
    source: "Gupta, Koren and Singer 2018, arXiv:1802.09568"
}

impl ShampooConfig {
    /// pytorch_optimizer's defaults: learning rate 0.001, no momentum, epsilon 1e-6, roots in every
    /// step, no weight decay. pytorch_optimizer has no longest axis; here it is 10,000.
    pub fn pytorch_optimizer() -> Self {
        Self {
            learning_rate: 0.001,
            momentum: 0.0,
            epsilon: 1e-6,
            precondition_frequency: 1,
            max_precondition_dim: 10_000,
            axes: PreconditionedAxes::All,
            weight_decay: WeightDecay::None,
        }
    }
}

optimizer!(Shampoo);

/// The names of the roots in a memory, by axis.
const ROOTS: [&str; MOST_AXES] = [
    "root_0", "root_1", "root_2", "root_3", "root_4", "root_5", "root_6", "root_7",
];

#[rustfmt::skip]
impl Layout for Shampoo {
    const TENSORS: &'static [&'static str] = &[
        "step",
        "gram_0", "gram_1", "gram_2", "gram_3", "gram_4", "gram_5", "gram_6", "gram_7",
        "root_0", "root_1", "root_2", "root_3", "root_4", "root_5", "root_6", "root_7",
    ];
}

impl Rule for Shampoo {
    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        mut memory: Memory,
        _sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        let config = &self.config;
        let (shape, x, mut d) = (parameter.shape, parameter.value, parameter.gradient);
        if let Some(step) = memory.take("step") {
            let (kept, new) = (config.momentum, 1.0 - config.momentum);
            d = step.mul_scalar(kept) + d.mul_scalar(new);
        }
        let d = config.weight_decay.into_gradient(&x, d);
        let axes = are_preconditioned(shape, config.axes, config.max_precondition_dim);
        let order = axes.iter().filter(|axis| **axis).count();
        let exponent = -0.5 / order as f64;
        let is_due = (memory.time - 1).is_multiple_of(config.precondition_frequency);

        let mut roots: Vec<Option<Tensor<2>>> = axes.iter().map(|_| None).collect();
        for (axis, gram) in grams(&d, shape, &axes) {
            let length = shape[axis];
            let past = square(&memory, GRAMS[axis], length).unwrap_or_else(|| {
                let identity = Tensor::<2>::eye(length, &d.device()).cast(d.dtype());
                identity.mul_scalar(config.epsilon)
            });
            let gram = past + gram;
            let known = square(&memory, ROOTS[axis], length).filter(|_| !is_due);
            let root = known.unwrap_or_else(|| power(&gram, exponent, config.epsilon));
            memory.put(GRAMS[axis], flat(gram));
            memory.put(ROOTS[axis], flat(root.clone()));
            roots[axis] = Some(root);
        }
        let step = along_axes(d, shape, &roots);
        if config.momentum > 0.0 {
            memory.put("step", step.clone());
        }
        let step = step.mul_scalar(learning_rate);
        let x = (config.weight_decay).around_step(learning_rate, x, step);
        (x, memory)
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::{DType, Device, TensorData};

    use super::*;
    use crate::rule::step_alone;

    /// With one axis, g / sqrt(epsilon + |g|^2): H is epsilon * I + g g'.
    #[test]
    fn a_vector_is_divided_by_its_norm() {
        let config = ShampooConfig::pytorch_optimizer().with_epsilon(11.0);
        let tensor = |numbers: [f64; 2]| {
            let data = TensorData::new(numbers.to_vec(), [2]);
            Tensor::<1>::from_data(data, (&Device::flex(), DType::F64))
        };
        let (x, _) = step_alone(
            &config.build().unwrap(),
            0.6,
            tensor([1.0, 1.0]),
            tensor([3.0, 4.0]),
            None,
        );
        let x: Vec<f64> = x.into_data().try_into_vec().unwrap();
        for (x, expected) in x.iter().zip([0.7, 0.6]) {
            assert!((x - expected).abs() < 1e-12, "{x}");
        }
    }
    #[test]
    fn the_axes_that_are_preconditioned_are_chosen() {
        let g = [0.5, -1.0, 0.25, 2.0, -0.75, 1.5];
        let step = |config: ShampooConfig| {
            let data = TensorData::new(g.to_vec(), [2, 3]);
            let g = Tensor::<2>::from_data(data, (&Device::flex(), DType::F64));
            let rule = config.build().unwrap();
            let (x, _) = step_alone(&rule, 1.0, g.zeros_like(), g, None);
            x.into_data().try_into_vec::<f64>().unwrap()
        };
        let plain = ShampooConfig::pytorch_optimizer;
        let shortest = step(plain().with_axes(PreconditionedAxes::Shortest));
        assert_eq!(shortest, step(plain().with_max_precondition_dim(2)));
        assert_ne!(shortest, step(plain()));
        let none = step(plain().with_max_precondition_dim(1));
        assert_eq!(none, g.map(|g| -g));
    }
}
