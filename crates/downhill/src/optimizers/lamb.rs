//! LAMB.

use burn::tensor::Tensor;

use crate::hyperparameter::{not_negative, positive, share_kept};
use crate::rule::{Memory, Parameter, Rule, bias_correction, optimizer, trust_ratio};
use crate::settings::settings;
use crate::{InvalidHyperparameter, WeightDecay};

/// LAMB: Adam whose steps are sized by the norm of the parameter.
///
/// ```text
/// m_t = beta_1 * m_{t-1} + (1 - beta_1) * g_t,    m_0 = 0
/// v_t = beta_2 * v_{t-1} + (1 - beta_2) * g_t^2,  v_0 = 0
/// M = m_t / (1 - beta_1^t),  V = v_t / (1 - beta_2^t)
/// d_t = M / (sqrt(V + epsilon_root) + epsilon) + inner_decay * x_{t-1}
/// r_t = |x_{t-1}| / |d_t|, 1 where a norm is 0
/// x_t = x_{t-1} - learning_rate * r_t * d_t
/// ```
///
/// with norms over the whole parameter. Any rank and shape. State: two tensors per parameter.
/// Source: You et al. 2019 (arXiv:1904.00962). optax decays inside the ratio, as in the paper, Keras
/// outside, decoupled.
#[derive(Clone, Debug)]
pub struct Lamb {
    config: LambConfig,
}

settings! {
    /// The settings of [`Lamb`].
    pub struct LambConfig for Lamb, "lamb" {
        /// Length of a step by the length of the parameter, greater than 0.
        pub learning_rate: f64,
        /// Share of the first moment that each step keeps, in \[0, 1).
        pub beta_1: f64,
        /// Share of the second moment that each step keeps, in \[0, 1).
        pub beta_2: f64,
        /// Keeps the divisor from 0, at least 0.
        pub epsilon: f64,
        /// Added to the second moment inside the root, at least 0.
        pub epsilon_root: f64,
        /// Decay towards 0 that counts in the ratio, at least 0.
        pub inner_decay: f64,
        /// Decay towards 0 that does not.
        pub weight_decay: WeightDecay,
    }
    presets: optax, keras, burn
    source: "You et al. 2019, arXiv:1904.00962"
}

impl LambConfig {
    /// As in optax: betas 0.9 and 0.999, epsilon 1e-6. optax has no default rate; here it is 0.001.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.001,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-6,
            epsilon_root: 0.0,
            inner_decay: 0.0,
            weight_decay: WeightDecay::None,
        }
    }

    /// As in Keras: learning rate 0.001, epsilon 1e-7.
    pub fn keras() -> Self {
        Self {
            epsilon: 1e-7,
            ..Self::optax()
        }
    }

    /// As in Burn: betas and epsilon rounded to `f32`. Burn has no default rate; here it is 0.001.
    pub fn burn() -> Self {
        Self {
            beta_1: f64::from(0.9_f32),
            beta_2: f64::from(0.999_f32),
            epsilon: f64::from(1e-6_f32),
            ..Self::optax()
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<Lamb, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("beta_1", self.beta_1)?;
        share_kept("beta_2", self.beta_2)?;
        not_negative("epsilon", self.epsilon)?;
        not_negative("epsilon_root", self.epsilon_root)?;
        not_negative("inner_decay", self.inner_decay)?;
        self.weight_decay.check()?;
        Ok(Lamb {
            config: self.clone(),
        })
    }
}

optimizer!(Lamb);

impl Rule for Lamb {
    const TENSORS: &'static [&'static str] = &["first_moment", "second_moment"];
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
        let new_m = g.clone().mul_scalar(1.0 - config.beta_1);
        let m = match memory.take("first_moment") {
            Some(m) => m.mul_scalar(config.beta_1) + new_m,
            None => new_m,
        };
        let new_v = (g.clone() * g).mul_scalar(1.0 - config.beta_2);
        let v = match memory.take("second_moment") {
            Some(v) => v.mul_scalar(config.beta_2) + new_v,
            None => new_v,
        };
        let first = bias_correction(config.beta_1, memory.time);
        let second = bias_correction(config.beta_2, memory.time);
        let square = v.clone().mul_scalar(1.0 / second);
        let divisor = square.add_scalar(config.epsilon_root).sqrt();
        let d = m.clone().mul_scalar(1.0 / first) / divisor.add_scalar(config.epsilon)
            + x.clone().mul_scalar(config.inner_decay);
        let ratio = trust_ratio(x.clone(), d.clone(), 1.0, 0.0);
        let x = x - d * ratio.mul_scalar(learning_rate);
        memory.put("first_moment", m);
        memory.put("second_moment", v);
        (config.weight_decay.after(learning_rate, x), memory)
    }
    fn weight_decay(&self) -> WeightDecay {
        self.config.weight_decay
    }
}
