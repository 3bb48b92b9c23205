//! SignSGD and Signum.

use crate::burn_optimizer::optimizer;
use crate::rule::{Elementwise, Memory, Real, memory};
use crate::settings::settings;
use crate::weight_decay::WeightDecay;

/// SignSGD, and with momentum Signum: steps of equal size, in the direction of the sign of the
/// gradient or of its running mean.
///
/// ```text
/// m_t = momentum * m_{t-1} + (1 - momentum) * g_t,  m_0 = 0
/// x_t = x_{t-1} - learning_rate * sign(m_t)
/// ```
///
/// Elementwise: any rank and shape. State: none, or one tensor per parameter with momentum. Source:
/// Bernstein et al. 2018 (arXiv:1802.04434). Without momentum it is optax's `sign_sgd`, with a
/// momentum of 0.9 its `signum`.
#[derive(Clone, Debug)]
pub struct SignSgd {
    config: SignSgdConfig,
}

settings! {
    /// The settings of [`SignSgd`].
    pub struct SignSgdConfig for SignSgd, "sign-sgd" {
        /// Learning rate: the size of each coordinate's step; positive.
        pub learning_rate: f64 => positive,
        /// Decay rate of the running mean, in \[0, 1); 0 means no momentum.
        pub momentum: f64 => decay_rate,
        /// Weight decay.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Bernstein et al. 2018, arXiv:1802.04434"
}

impl SignSgdConfig {
    /// Defaults of optax's `sign_sgd`, without momentum. optax has no default learning rate; this
    /// uses 0.001.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.001,
            momentum: 0.0,
            weight_decay: WeightDecay::None,
        }
    }

    /// Defaults of optax's `signum`: momentum 0.9.
    pub fn signum() -> Self {
        Self {
            momentum: 0.9,
            ..Self::optax()
        }
    }
}

memory!(Mean { ; mean });
optimizer!(SignSgd);

impl Elementwise for SignSgd {
    type Remembers<R: Real> = Mean<R>;
    /// The learning rate.
    type Scalars = f64;

    fn scalars(&self, learning_rate: f64, _memory: &mut Memory) -> f64 {
        learning_rate
    }

    #[inline(always)]
    fn start<R: Real>(&self, _rate: &f64, _x: &R, g: &R) -> Mean<R> {
        Mean::new((self.config.momentum > 0.0).then(|| g.zero()))
    }

    #[inline(always)]
    fn update<R: Real>(&self, rate: &f64, x: R, g: R, past: Mean<R>) -> (R, Mean<R>) {
        match past.mean {
            Some(mean) => {
                let mean = mean.mix(self.config.momentum, g);
                (x - mean.clone().sign().scale(*rate), Mean::new(Some(mean)))
            }
            None => (x - g.sign().scale(*rate), Mean::new(None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::assert_steps;

    #[test]
    fn two_steps_by_hand() {
        let plain = SignSgdConfig::optax().build().unwrap();
        assert_steps(&plain, [2.0, -1.0], [0.9, 1.0]);
        // m = 0.2, then 0.18 - 0.1.
        let signum = SignSgdConfig::signum().build().unwrap();
        assert_steps(&signum, [2.0, -1.0], [0.9, 0.8]);
    }
}
