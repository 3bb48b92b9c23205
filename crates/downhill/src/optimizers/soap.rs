//! SOAP.

use alloc::vec;
use alloc::vec::Vec;

use burn::tensor::Tensor;

use super::gram::{
    GRAMS, MOST_AXES, PreconditionedAxes, along_axes, are_preconditioned, flat, grams, square,
};
use crate::burn_optimizer::optimizer;
use crate::rule::{
    Layout, Memory, Parameter, Rule, bias_correction, eigenvectors, falling_order,
    orthogonal_factor, root_mean_square,
};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// SOAP: Adam in the eigenbasis of Shampoo's preconditioner.
///
/// ```text
/// for each axis of the parameter, with G_t the gradient unfolded along it, [length, others]:
///   H_t = shampoo_beta * H_{t-1} + (1 - shampoo_beta) * G_t G_t',  H_0 = 0
///   Q_1: the eigenvectors of H_1 as columns, that of the largest eigenvalue first
/// the first step ends here: nothing moves. Then, with s = t - 1:
///
/// R(x): x with Q' applied along each axis,  B(x): x with Q applied along each axis
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * g_t,       m_1 = 0
/// v_t = beta_2 * v_{t-1} + (1 - beta_2) * R(g_t)^2,  v_1 = 0
/// u_t = B(R(m_t) / (sqrt(v_t) + epsilon)),  normalize: divided by (its root mean square + epsilon)
/// x_t = x_{t-1} - learning_rate * u_t,  bias_correction: times sqrt(1 - beta_2^s) / (1 - beta_1^s)
///
/// last, every `precondition_frequency` steps: P = H_t Q, its columns and the places of v_t along
/// the axis in falling order of the sums over the rows of Q * P; Q is the orthogonal factor of P
/// ```
///
/// Any rank and shape; an axis that is not preconditioned has no H and Q. Vectors are stepped by
/// Adam alone unless `precondition_1d`. The decoupled and the independent weight decay come after
/// the step, as in the original. State: two tensors of the parameter's shape, and two of
/// `[length, length]` per preconditioned axis. Time: two products of matrices per axis and
/// rotation, and a QR decomposition per axis at each refresh, in `f64` on the CPU. Source: Vyas et
/// al. 2024 (arXiv:2409.11321), as in pytorch_optimizer, which takes the QR decomposition in `f32`.
#[derive(Clone, Debug)]
pub struct Soap {
    config: SoapConfig,
}

settings! {
    /// The settings of [`Soap`].
    pub struct SoapConfig for Soap, "soap" {
        /// Learning rate: roughly the size of each coordinate's step; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the mean gradient, in \[0, 1).
        pub beta_1: f64 => decay_rate,
        /// Decay rate of the mean square in the eigenbasis, in \[0, 1).
        pub beta_2: f64 => decay_rate,
        /// Decay rate of the mean Gram matrices, in \[0, 1).
        pub shampoo_beta: f64 => decay_rate,
        /// Added to the denominator for numerical stability; non-negative.
        pub epsilon: f64 => not_negative,
        /// Number of steps between refreshes of the eigenbasis; at least 1.
        pub precondition_frequency: u64 => count,
        /// Longest axis that is preconditioned; at least 1.
        pub max_precondition_dim: u64 => count,
        /// Whether vectors are preconditioned.
        pub precondition_1d: bool,
        /// The axes that are preconditioned.
        pub axes: PreconditionedAxes,
        /// Whether the means are corrected for their start at 0.
        pub bias_correction: bool,
        /// Whether a step is divided by its root mean square.
        pub normalize: bool,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: pytorch_optimizer
    source: "Vyas et al. 2024, arXiv:2409.11321"
}

impl SoapConfig {
    /// pytorch_optimizer's defaults, which are those of the paper's code: learning rate 0.003,
    /// betas 0.95, epsilon 1e-8, a refresh every 10 steps, decoupled weight decay 0.01.
    pub fn pytorch_optimizer() -> Self {
        Self {
            learning_rate: 0.003,
            beta_1: 0.95,
            beta_2: 0.95,
            shampoo_beta: 0.95,
            epsilon: 1e-8,
            precondition_frequency: 10,
            max_precondition_dim: 10_000,
            precondition_1d: false,
            axes: PreconditionedAxes::All,
            bias_correction: true,
            normalize: false,
            weight_decay: WeightDecay::Decoupled(0.01),
        }
    }
}

optimizer!(Soap);

/// The names of the eigenvectors in a memory, by axis.
const BASES: [&str; MOST_AXES] = [
    "basis_0", "basis_1", "basis_2", "basis_3", "basis_4", "basis_5", "basis_6", "basis_7",
];

#[rustfmt::skip]
impl Layout for Soap {
    const TENSORS: &'static [&'static str] = &[
        "first_moment", "second_moment",
        "gram_0", "gram_1", "gram_2", "gram_3", "gram_4", "gram_5", "gram_6", "gram_7",
        "basis_0", "basis_1", "basis_2", "basis_3", "basis_4", "basis_5", "basis_6", "basis_7",
    ];
    const ALWAYS: usize = 2;
}

impl Soap {
    /// Returns for each axis whether it is preconditioned.
    fn axes(&self, shape: &[usize]) -> Vec<bool> {
        let config = &self.config;
        match shape {
            [_] if !config.precondition_1d => vec![false],
            shape => are_preconditioned(shape, config.axes, config.max_precondition_dim),
        }
    }

    /// Takes a gradient into the Gram matrices. Finds their eigenvectors if there are none.
    fn measure_axes(&self, g: &Tensor<1>, shape: &[usize], axes: &[bool], memory: &mut Memory) {
        if !axes.contains(&true) {
            return;
        }
        for (axis, gram) in grams(g, shape, axes) {
            let gram = memory.mix(GRAMS[axis], self.config.shampoo_beta, flat(gram));
            if memory.tensor(BASES[axis]).is_none() {
                let gram = gram.reshape([shape[axis], shape[axis]]);
                memory.put(BASES[axis], flat(eigenvectors(&gram)));
            }
        }
    }

    /// Turns the basis of each axis by one iteration towards the eigenvectors of its Gram matrix.
    fn turn_bases(&self, shape: &[usize], axes: &[bool], memory: &mut Memory) {
        for (axis, length) in shape.iter().enumerate().filter(|(axis, _)| axes[*axis]) {
            let of_axis = |name| square(memory, name, *length);
            let (Some(gram), Some(basis)) = (of_axis(GRAMS[axis]), of_axis(BASES[axis])) else {
                continue;
            };
            let product = gram.matmul(basis.clone());
            let stretched = (basis * product.clone()).sum_dim(0).reshape([*length]);
            let order = falling_order(stretched);
            if let Some(v) = memory.take("second_moment") {
                let elements = v.dims()[0];
                let before: usize = shape[..axis].iter().product();
                let after = elements / (before * length);
                let v = v.reshape([before, *length, after]).select(1, order.clone());
                memory.put("second_moment", v.reshape([elements]));
            }
            let basis = orthogonal_factor(&product.select(1, order));
            memory.put(BASES[axis], flat(basis));
        }
    }
}

impl Rule for Soap {
    fn waits(&self, time: u64) -> bool {
        time == 1
    }

    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        mut memory: Memory,
        _sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        let config = &self.config;
        let (shape, x) = (parameter.shape, parameter.value);
        let g = config.weight_decay.into_gradient(&x, parameter.gradient);
        let axes = self.axes(shape);
        if self.waits(memory.time) {
            memory.put("first_moment", g.zeros_like());
            memory.put("second_moment", g.zeros_like());
            self.measure_axes(&g, shape, &axes, &mut memory);
            return (x, memory);
        }
        let time = memory.time - 1;
        let basis = |(axis, length): (usize, &usize)| {
            axes[axis].then(|| square(&memory, BASES[axis], *length))?
        };
        let bases: Vec<Option<Tensor<2>>> = shape.iter().enumerate().map(basis).collect();
        let rotated = |x| along_axes(x, shape, &bases);

        let m = memory.mix("first_moment", config.beta_1, g.clone());
        let square = rotated(g.clone()).square();
        let v = memory.mix("second_moment", config.beta_2, square);
        let u = rotated(m) / v.sqrt().add_scalar(config.epsilon);
        let back: Vec<Option<Tensor<2>>> = (bases.into_iter())
            .map(|basis| basis.map(Tensor::transpose))
            .collect();
        let mut u = along_axes(u, shape, &back);
        if config.normalize {
            let size = root_mean_square(u.clone());
            u = u / size.add_scalar(config.epsilon);
        }
        let correction = match config.bias_correction {
            true => {
                let of_mean = bias_correction(config.beta_1, time);
                libm::sqrt(bias_correction(config.beta_2, time)) / of_mean
            }
            false => 1.0,
        };
        let decay = config.weight_decay;
        let after_decay = match decay {
            WeightDecay::Decoupled(_) | WeightDecay::Independent(_) => {
                1.0 - decay.share(learning_rate)
            }
            _ => 1.0,
        };
        let step = u.mul_scalar(learning_rate * correction * after_decay);
        let x = decay.around_step(learning_rate, x, step);

        self.measure_axes(&g, shape, &axes, &mut memory);
        if time.is_multiple_of(config.precondition_frequency) {
            self.turn_bases(shape, &axes, &mut memory);
        }
        (x, memory)
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::{DType, Device};

    use super::*;
    use crate::rule::step_alone;

    fn matrix(numbers: &[f64], shape: [usize; 2]) -> Tensor<2> {
        let data = burn::tensor::TensorData::new(numbers.to_vec(), shape);
        Tensor::from_data(data, (&Device::flex(), DType::F64))
    }

    fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f64> {
        x.into_data().try_into_vec().expect("it is f64")
    }

    /// Where a parameter of zeros goes by these gradients.
    fn walk<const D: usize>(config: &SoapConfig, gradients: &[Tensor<D>]) -> Vec<Vec<f64>> {
        let rule = config.build().expect("within bounds");
        let (mut x, mut memory) = (gradients[0].zeros_like(), None);
        let mut way = Vec::new();
        for g in gradients {
            let (new, kept) = step_alone(&rule, 0.1, x, g.clone(), memory);
            (x, memory) = (new, Some(kept));
            way.push(numbers(x.clone()));
        }
        way
    }

    fn plain() -> SoapConfig {
        SoapConfig::pytorch_optimizer().with_weight_decay(WeightDecay::None)
    }

    /// The eigenvectors of the first gradient's Gram matrices are the axes: Adam, a step later.
    #[test]
    fn a_diagonal_gradient_is_stepped_as_by_adam_from_the_second_step_on() {
        let gradients = [
            matrix(&[3.0, 0.0, 0.0, 1.0], [2, 2]),
            matrix(&[2.0, 0.0, 0.0, -4.0], [2, 2]),
        ];
        let way = walk(&plain(), &gradients);
        assert_eq!(way[0], [0.0; 4]);
        let expected = [-0.1, 0.0, 0.0, 0.1];
        for (x, expected) in way[1].iter().zip(expected) {
            assert!((x - expected).abs() < 1e-8, "{way:?}");
        }
    }

    fn generic(count: usize) -> Vec<f64> {
        let number = |at: usize| libm::sin((at * at) as f64 + 0.3 * at as f64);
        (0..count).map(number).collect()
    }

    fn gradients(shape: [usize; 2], steps: usize) -> Vec<Tensor<2>> {
        let elements = shape[0] * shape[1];
        let all = generic(elements * steps);
        all.chunks(elements).map(|own| matrix(own, shape)).collect()
    }

    /// Turned gradients lead to the turned place, whatever the turn.
    #[test]
    fn a_step_does_not_depend_on_the_basis() {
        let turn = matrix(&[0.6, -0.8, 0.8, 0.6], [2, 2]);
        let gradients = gradients([2, 3], 25);
        let turned: Vec<_> = (gradients.iter())
            .map(|g| turn.clone().matmul(g.clone()))
            .collect();
        let (way, other) = (walk(&plain(), &gradients), walk(&plain(), &turned));
        for (x, other) in way.iter().zip(other) {
            let back = numbers(turn.clone().matmul(matrix(x, [2, 3])));
            for (a, b) in back.iter().zip(other) {
                assert!((a - b).abs() < 1e-10, "{a} {b}");
            }
        }
    }

    #[test]
    fn the_axes_that_are_preconditioned_are_chosen() {
        let gradients = gradients([2, 5], 25);
        let by = |config: SoapConfig| walk(&config, &gradients);
        let shortest = by(plain().with_axes(PreconditionedAxes::Shortest));
        assert_eq!(shortest, by(plain().with_max_precondition_dim(4)));
        assert_ne!(shortest, by(plain()));
        let none = by(plain().with_max_precondition_dim(1));
        let vectors: Vec<Tensor<1>> = gradients.iter().map(|g| g.clone().reshape([10])).collect();
        assert_eq!(none, walk(&plain(), &vectors));
        let as_one = plain().with_precondition_1d(true);
        assert_ne!(none, walk(&as_one, &vectors));
    }

    #[test]
    fn gradients_of_0_and_of_nan_end() {
        let zeros = [(); 3].map(|()| matrix(&[0.0; 6], [2, 3]));
        let often = plain().with_precondition_frequency(1);
        assert_eq!(walk(&often, &zeros), [(); 3].map(|()| vec![0.0; 6]));
        let mut gradients = gradients([2, 3], 3);
        gradients[0] = matrix(&[f64::NAN; 6], [2, 3]);
        let way = walk(&often, &gradients);
        assert!(way[2].iter().all(|x| x.is_nan()), "{way:?}");
    }
}
