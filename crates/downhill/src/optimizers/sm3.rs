//! SM3.

use burn::tensor::Tensor;

use crate::burn_optimizer::optimizer;
use crate::rule::{Layout, Memory, Parameter, Rule};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// SM3: AdaGrad that stores, instead of one sum per element, the largest sum along each axis.
///
/// ```text
/// u = min over the axes a of c_a, spread over the parameter;  c_a = 0 at first
/// n = beta_2 * u + (1 - beta_2) * g_t^2,  with beta_2 = 1: u + g_t^2
/// d = g_t / sqrt(n + epsilon), 0 where n is 0
/// m_t = momentum * m_{t-1} + (1 - momentum) * d,  m_0 = 0
/// x_t = x_{t-1} - learning_rate * m_t
/// c_a = max of n over all axes but a
/// ```
///
/// Any rank and shape. For a vector, it is AdaGrad. State: one tensor per parameter, and one vector
/// per axis, as long as the axis. Source: Anil et al. 2019 (arXiv:1901.11150), in the form of
/// optax.
#[derive(Clone, Debug)]
pub struct Sm3 {
    config: Sm3Config,
}

settings! {
    /// The settings of [`Sm3`].
    pub struct Sm3Config for Sm3, "sm3" {
        /// Learning rate: the size of each coordinate's first step; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the running mean, in \[0, 1).
        pub momentum: f64 => decay_rate,
        /// Decay rate of the squares, in \[0, 1\]; with 1 they are summed, with less averaged.
        pub beta_2: f64 => fraction,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Anil et al. 2019, arXiv:1901.11150"
}

impl Sm3Config {
    /// optax's defaults: momentum 0.9, epsilon 1e-8. optax has no default learning rate; this uses
    /// 0.1.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.1,
            momentum: 0.9,
            beta_2: 1.0,
            epsilon: 1e-8,
            weight_decay: WeightDecay::None,
        }
    }
}

/// The names of the largest sums, by axis. Burn's modules have parameters of rank 8 at most.
const AXES: [&str; 8] = [
    "axis_0", "axis_1", "axis_2", "axis_3", "axis_4", "axis_5", "axis_6", "axis_7",
];

/// Returns the shape of the elements around an axis: `[before, length, after]`.
fn around_axis(shape: &[usize], axis: usize) -> [usize; 3] {
    let before = shape[..axis].iter().product();
    let after = shape[axis + 1..].iter().product();
    [before, shape[axis], after]
}

optimizer!(Sm3);

impl Layout for Sm3 {
    const TENSORS: &'static [&'static str] = &[
        "mean", AXES[0], AXES[1], AXES[2], AXES[3], AXES[4], AXES[5], AXES[6], AXES[7],
    ];
}

impl Rule for Sm3 {
    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        mut memory: Memory,
        _sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        let config = &self.config;
        let x = parameter.value;
        let g = config.weight_decay.into_gradient(&x, parameter.gradient);
        let elements = g.dims();
        // A single number is a vector of one.
        let shape = if parameter.shape.is_empty() {
            &elements[..]
        } else {
            parameter.shape
        };

        let share = if config.beta_2 == 1.0 {
            1.0
        } else {
            1.0 - config.beta_2
        };
        let new = (g.clone() * g.clone()).mul_scalar(share);
        let spread = |axis: usize, memory: &mut Memory| -> Option<Tensor<1>> {
            let largest: Tensor<1> = memory.take(AXES[axis])?;
            let [before, length, after] = around_axis(shape, axis);
            let spread = largest
                .reshape([1, length, 1])
                .expand([before, length, after]);
            Some(spread.reshape(elements))
        };
        let least = (0..shape.len())
            .filter_map(|axis| spread(axis, &mut memory))
            .reduce(Tensor::min_pair);
        let sums = match least {
            Some(least) => least.mul_scalar(config.beta_2) + new,
            None => new,
        };
        let nothing = sums.clone().lower_equal_scalar(0.0);
        let d = (g / sums.clone().add_scalar(config.epsilon).sqrt()).mask_fill(nothing, 0.0);
        for axis in 0..shape.len() {
            let sums = sums.clone().reshape(around_axis(shape, axis));
            let largest = sums.max_dim(0).max_dim(2);
            memory.put(AXES[axis], largest.reshape([shape[axis]]));
        }
        let mean = memory.mix("mean", config.momentum, d);
        let step = mean.mul_scalar(learning_rate);
        let x = (config.weight_decay).around_step(learning_rate, x, step);
        (x, memory)
    }
}
