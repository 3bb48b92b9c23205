//! GaLore.

use burn::tensor::Tensor;

use super::gram::flat;
use crate::burn_optimizer::optimizer;
use crate::rule::{Layout, Memory, Parameter, Rule, bias_correction, left_singular_vectors};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// GaLore: Adam on a projection of each matrix's gradient to a low rank.
///
/// ```text
/// G_t: the gradient as a matrix [m, n], transposed if m < n;  r = min(rank, m, n)
/// every `projection_frequency` steps, from the first: P = the first r left singular vectors of G_t
/// R_t = P' G_t
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * R_t,    m_0 = 0
/// v_t = beta_2 * v_{t-1} + (1 - beta_2) * R_t^2,  v_0 = 0
/// u_t = (m_t / (1 - beta_1^t)) / (sqrt(v_t / (1 - beta_2^t)) + epsilon)
/// x_t = x_{t-1} - learning_rate * scale * P u_t
/// ```
///
/// For parameters of rank 2. All others are stepped by [`Adam`](crate::Adam) with the same settings
/// and a `scale` of 1. The sign of each singular vector is that with which its element of largest
/// magnitude is positive: the moments stay as they are when P changes. Vectors of singular values
/// that are equal, or 0, are not determined. State: two tensors of
/// `[r, n]` and one of `[m, r]`, where Adam has two of `[m, n]`. Time: two products of matrices,
/// and a singular value decomposition at each change of P, in `f64` on the CPU. Source: Zhao et al.
/// 2024 (arXiv:2403.03507), as optax's `contrib.galore`, which decomposes in `f32` and leaves the
/// signs to the decomposition.
#[derive(Clone, Debug)]
pub struct GaLore {
    config: GaLoreConfig,
}

settings! {
    /// The settings of [`GaLore`].
    pub struct GaLoreConfig for GaLore, "galore" {
        /// Learning rate: roughly the size of each step in the projection; positive.
        pub learning_rate: f64 => positive,
        /// Largest rank of the projected gradient; at least 1.
        pub rank: u64 => count,
        /// Number of steps between changes of the projection; at least 1.
        pub projection_frequency: u64 => count,
        /// Factor on the steps of matrices; positive.
        pub scale: f64 => positive,
        /// Decay rate of the first moment, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the second moment, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Zhao et al. 2024, arXiv:2403.03507"
}

impl GaLoreConfig {
    /// optax's defaults: rank 128, a projection for 200 steps, scale 1, and Adam's betas 0.9 and
    /// 0.999 and epsilon 1e-8. optax has no default learning rate; this uses 0.001.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.001,
            rank: 128,
            projection_frequency: 200,
            scale: 1.0,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            weight_decay: WeightDecay::None,
        }
    }
}

optimizer!(GaLore);

const PROJECTION: &str = "projection";

impl Layout for GaLore {
    const TENSORS: &'static [&'static str] = &["first_moment", "second_moment", PROJECTION];
    const ALWAYS: usize = 2;
}

/// A projection of matrices of one shape.
struct Projection {
    /// `[m, r]`
    vectors: Tensor<2>,
    is_transposed: bool,
}

impl Projection {
    fn down(&self, g: Tensor<2>) -> Tensor<2> {
        let g = if self.is_transposed { g.transpose() } else { g };
        self.vectors.clone().transpose().matmul(g)
    }

    fn up(&self, u: Tensor<2>) -> Tensor<2> {
        let u = self.vectors.clone().matmul(u);
        if self.is_transposed { u.transpose() } else { u }
    }
}

impl GaLore {
    /// Returns the projection of a gradient `[rows, columns]` at this step.
    fn projection(&self, g: &Tensor<2>, memory: &mut Memory) -> Projection {
        let config = &self.config;
        let [rows, columns] = g.dims();
        let is_transposed = rows < columns;
        let (long, short) = (rows.max(columns), rows.min(columns));
        let kept = memory.tensor(PROJECTION).cloned();
        let rank = match &kept {
            // That of the moments, whatever the config has now.
            Some(kept) => kept.dims()[0] / long,
            None => usize::try_from(config.rank).map_or(short, |rank| rank.min(short)),
        };
        let is_due = (memory.time - 1).is_multiple_of(config.projection_frequency);
        let vectors = match kept.filter(|_| !is_due) {
            Some(kept) => kept.reshape([long, rank]),
            None => {
                let tall = if is_transposed {
                    g.clone().transpose()
                } else {
                    g.clone()
                };
                let vectors = left_singular_vectors(&tall, rank);
                memory.put(PROJECTION, flat(vectors.clone()));
                vectors
            }
        };
        Projection {
            vectors,
            is_transposed,
        }
    }

    /// Returns Adam's step of a gradient.
    fn direction(&self, g: Tensor<1>, memory: &mut Memory) -> Tensor<1> {
        let config = &self.config;
        let m = memory.mix("first_moment", config.beta_1, g.clone());
        let v = memory.mix("second_moment", config.beta_2, g.square());
        let of_mean = bias_correction(config.beta_1, memory.time);
        let of_square = bias_correction(config.beta_2, memory.time);
        let root = v.mul_scalar(1.0 / of_square).sqrt();
        m.mul_scalar(1.0 / of_mean) / root.add_scalar(config.epsilon)
    }
}

impl Rule for GaLore {
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
        let u = match *parameter.shape {
            [rows, columns] => {
                let g = g.reshape([rows, columns]);
                let projection = self.projection(&g, &mut memory);
                let low = projection.down(g);
                let shape = low.dims();
                let u = self.direction(flat(low), &mut memory).reshape(shape);
                flat(projection.up(u)).mul_scalar(config.scale)
            }
            _ => self.direction(g, &mut memory),
        };
        let step = u.mul_scalar(learning_rate);
        let x = config.weight_decay.around_step(learning_rate, x, step);
        (x, memory)
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::{DType, Device, TensorData};

    use super::*;
    use crate::rule::step_alone;

    fn matrix(numbers: &[f64], shape: [usize; 2]) -> Tensor<2> {
        let data = TensorData::new(numbers.to_vec(), shape);
        Tensor::from_data(data, (&Device::flex(), DType::F64))
    }

    fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f64> {
        x.into_data().try_into_vec().expect("it is f64")
    }

    /// Where a parameter of zeros goes by these gradients, and the size of its state.
    fn walk<const D: usize>(config: &GaLoreConfig, gradients: &[Tensor<D>]) -> (Vec<f64>, usize) {
        let rule = config.build().expect("within bounds");
        let (mut x, mut memory) = (gradients[0].zeros_like(), None);
        for g in gradients {
            let (new, kept) = step_alone(&rule, 0.1, x, g.clone(), memory);
            (x, memory) = (new, Some(kept));
        }
        let memory = memory.expect("a step was made");
        let elements = memory.tensors().map(|(_, tensor)| tensor.dims()[0]).sum();
        (numbers(x), elements)
    }

    #[test]
    fn one_direction_is_stepped_with_rank_one() {
        let config = GaLoreConfig::optax().with_rank(1).with_scale(0.5);
        // The first singular vector is (1, 0, 0): the rest of the gradient is left out.
        let g = matrix(&[3.0, -4.0, 0.0, 0.0, 0.4, 0.3], [3, 2]);
        let (x, elements) = walk(&config, core::slice::from_ref(&g));
        let expected = [-0.05, 0.05, 0.0, 0.0, 0.0, 0.0];
        assert!(
            x.iter().zip(expected).all(|(x, e)| (x - e).abs() < 1e-9),
            "{x:?}"
        );
        assert_eq!(elements, 3 + 2 + 2);
        let (wide, elements) = walk(&config, &[g.transpose()]);
        let expected = [-0.05, 0.0, 0.0, 0.05, 0.0, 0.0];
        assert!(
            wide.iter().zip(expected).all(|(x, e)| (x - e).abs() < 1e-9),
            "{wide:?}"
        );
        assert_eq!(elements, 3 + 2 + 2);
    }

    #[test]
    fn a_gradient_of_0_and_one_of_nan_end() {
        let zeros = [(); 3].map(|()| matrix(&[0.0; 6], [2, 3]));
        let config = GaLoreConfig::optax().with_projection_frequency(1);
        assert_eq!(walk(&config, &zeros).0, [0.0; 6]);
        let nan = [matrix(&[f64::NAN; 6], [2, 3])];
        assert!(walk(&config, &nan).0.iter().all(|x| x.is_nan()));
    }
}
