//! NovoGrad.

use burn::tensor::Tensor;

use crate::hyperparameter::{not_negative, positive, share_kept};
use crate::rule::{Memory, Parameter, Rule, optimizer};
use crate::settings::settings;
use crate::{InvalidHyperparameter, WeightDecay};

/// NovoGrad: Adam with one second moment for a whole parameter, and the gradient divided before the
/// mean takes it in.
///
/// ```text
/// v_1 = |g_1|^2,  v_t = beta_2 * v_{t-1} + (1 - beta_2) * |g_t|^2
/// d_t = g_t / (sqrt(v_t + epsilon_root) + epsilon) + inner_decay * x_{t-1}
/// m_1 = d_1,  m_t = beta_1 * m_{t-1} + d_t
/// x_t = x_{t-1} - learning_rate * m_t
/// ```
///
/// with `|g|` the Euclidean norm over the parameter. Any rank and shape. State: one tensor per
/// parameter and one number on its device. Source: Ginsburg et al. 2019 (arXiv:1905.11286), as in
/// optax.
#[derive(Clone, Debug)]
pub struct NovoGrad {
    config: NovoGradConfig,
}

settings! {
    /// The settings of [`NovoGrad`].
    pub struct NovoGradConfig for NovoGrad, "novograd" {
        /// Step per unit of mean, greater than 0.
        pub learning_rate: f64,
        /// Share of the mean that each step keeps, in \[0, 1).
        pub beta_1: f64,
        /// Share of the second moment that each step keeps, in \[0, 1).
        pub beta_2: f64,
        /// Keeps the divisor from 0, at least 0.
        pub epsilon: f64,
        /// Added to the second moment inside the root, at least 0.
        pub epsilon_root: f64,
        /// Decay towards 0 that the mean takes in, at least 0.
        pub inner_decay: f64,
        /// Decay towards 0 outside the mean.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Ginsburg et al. 2019, arXiv:1905.11286"
}

impl NovoGradConfig {
    /// As in optax: betas 0.9 and 0.25, epsilon 1e-6. optax has no default rate; here it is 0.01.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.01,
            beta_1: 0.9,
            beta_2: 0.25,
            epsilon: 1e-6,
            epsilon_root: 0.0,
            inner_decay: 0.0,
            weight_decay: WeightDecay::None,
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<NovoGrad, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("beta_1", self.beta_1)?;
        share_kept("beta_2", self.beta_2)?;
        not_negative("epsilon", self.epsilon)?;
        not_negative("epsilon_root", self.epsilon_root)?;
        not_negative("inner_decay", self.inner_decay)?;
        self.weight_decay.check()?;
        Ok(NovoGrad {
            config: self.clone(),
        })
    }
}

optimizer!(NovoGrad);

impl Rule for NovoGrad {
    const TENSORS: &'static [&'static str] = &["mean", "second_moment"];
    const NUMBERS: &'static [&'static str] = &[];

    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        mut memory: Memory,
        _sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        let config = &self.config;
        let (x, g) =
            (config.weight_decay).around(learning_rate, parameter.value, parameter.gradient);
        let norm = (g.clone() * g.clone()).sum();
        let v = match memory.take("second_moment") {
            Some(v) => v.mul_scalar(config.beta_2) + norm.mul_scalar(1.0 - config.beta_2),
            None => norm,
        };
        let root = v.clone().add_scalar(config.epsilon_root).sqrt();
        let d = g / root.add_scalar(config.epsilon) + x.clone().mul_scalar(config.inner_decay);
        let m = match memory.take("mean") {
            Some(m) => m.mul_scalar(config.beta_1) + d,
            None => d,
        };
        let x = x - m.clone().mul_scalar(learning_rate);
        memory.put("mean", m);
        memory.put("second_moment", v);
        (config.weight_decay.after(learning_rate, x), memory)
    }
    fn weight_decay(&self) -> WeightDecay {
        self.config.weight_decay
    }
}
