//! SignSGD and Signum.

use crate::hyperparameter::{positive, share_kept};
use crate::rule::{Elementwise, Memory, Real, memory, optimizer};
use crate::settings::settings;
use crate::{InvalidHyperparameter, WeightDecay};

/// SignSGD, and with momentum Signum: steps of one size, by the sign of the gradient or of its
/// running mean.
///
/// ```text
/// m_t = momentum * m_{t-1} + (1 - momentum) * g_t,  m_0 = 0
/// x_t = x_{t-1} - learning_rate * sign(m_t)
/// ```
///
/// Elementwise: any rank and shape. State: none, or one tensor per parameter with momentum. Source:
/// Bernstein et al. 2018 (arXiv:1802.04434). optax's `sign_sgd` is this without momentum, its
/// `signum` this with 0.9.
#[derive(Clone, Debug)]
pub struct SignSgd {
    config: SignSgdConfig,
}

settings! {
    /// The settings of [`SignSgd`].
    pub struct SignSgdConfig for SignSgd, "signsgd" {
        /// Size of a coordinate's step, greater than 0.
        pub learning_rate: f64,
        /// Share of the mean that each step keeps, in \[0, 1); 0 is no momentum.
        pub momentum: f64,
        /// Decay towards 0.
        pub weight_decay: WeightDecay,
    }
    presets: optax
    source: "Bernstein et al. 2018, arXiv:1802.04434"
}

impl SignSgdConfig {
    /// As optax's `sign_sgd`, without momentum. optax has no default rate; here it is 0.001.
    pub fn optax() -> Self {
        Self {
            learning_rate: 0.001,
            momentum: 0.0,
            weight_decay: WeightDecay::None,
        }
    }

    /// As optax's `signum`: momentum 0.9.
    pub fn signum() -> Self {
        Self {
            momentum: 0.9,
            ..Self::optax()
        }
    }

    /// The bare rule, for one parameter group.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self) -> Result<SignSgd, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        share_kept("momentum", self.momentum)?;
        self.weight_decay.check()?;
        Ok(SignSgd {
            config: self.clone(),
        })
    }
}

memory!(Mean { ; mean });
optimizer!(SignSgd, elementwise);

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

    fn weight_decay(&self) -> WeightDecay {
        self.config.weight_decay
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
