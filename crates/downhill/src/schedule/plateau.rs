//! A value that falls when a metric no longer improves.

use serde::{Deserialize, Serialize};

use crate::hyperparameter::{InvalidHyperparameter, decay_rate, not_negative, positive};
use crate::setters::setters;

setters! {
    /// The settings of a [`Plateau`]; the defaults are PyTorch's.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct PlateauConfig {
        /// Whether the metric should fall or rise.
        pub mode: PlateauMode,
        /// Factor on the value, in \[0, 1).
        pub factor: f64,
        /// Number of consecutive observations without improvement that do not yet lower the value.
        pub patience: u64,
        /// Minimum improvement; non-negative, and less than 1 in `relative` mode.
        pub threshold: f64,
        /// Whether the threshold is relative to the best metric.
        pub threshold_mode: ThresholdMode,
        /// Number of observations after a change that are ignored.
        pub cooldown: u64,
        /// Minimum of the value, not a factor; non-negative.
        pub minimum: f64,
        /// Smallest change that is made; non-negative.
        pub epsilon: f64,
    }
}

/// The direction in which the metric of a [`Plateau`] improves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PlateauMode {
    /// Down, like a loss.
    #[default]
    Min,
    /// Up, like an accuracy.
    Max,
}

/// What the threshold of a [`Plateau`] is relative to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ThresholdMode {
    /// The best metric.
    #[default]
    Relative,
    /// Nothing: it is in units of the metric.
    Absolute,
}

impl Default for PlateauConfig {
    fn default() -> Self {
        Self {
            mode: PlateauMode::Min,
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            threshold_mode: ThresholdMode::Relative,
            cooldown: 0,
            minimum: 0.0,
            epsilon: 1e-8,
        }
    }
}

impl PlateauConfig {
    /// A plateau that starts from this value: the learning rate, or 1 for a factor on whatever a
    /// [`Schedule`](super::Schedule) gives.
    ///
    /// # Errors
    ///
    /// Names the field that is out of bounds.
    pub fn build(&self, base: f64) -> Result<Plateau, InvalidHyperparameter> {
        positive("base", base)?;
        decay_rate("plateau.factor", self.factor)?;
        not_negative("plateau.threshold", self.threshold)?;
        if self.threshold_mode == ThresholdMode::Relative {
            decay_rate("plateau.threshold", self.threshold)?;
        }
        not_negative("plateau.minimum", self.minimum)?;
        not_negative("plateau.epsilon", self.epsilon)?;
        Ok(Plateau {
            config: self.clone(),
            value: base,
            best: None,
            without_improvement: 0,
            cooldown_left: 0,
        })
    }
}

/// A value that is multiplied by a factor when a metric no longer improves.
///
/// ```text
/// better, min: metric < best * (1 - threshold)   or, absolute, metric < best - threshold
/// better, max: metric > best * (1 + threshold)   or, absolute, metric > best + threshold
///
/// if better:        best = metric,  count = 0
/// else:             count = count + 1
/// if cooldown > 0:  cooldown = cooldown - 1,  count = 0
/// if count > patience:
///     lower = max(value * factor, minimum)
///     if value - lower > epsilon:  value = lower
///     cooldown = the config's,  count = 0
/// ```
///
/// PyTorch's `ReduceLROnPlateau`. As there, the best metric starts at the worst possible value, so
/// that any finite metric is better; a metric that is not a number is never better. Keras's
/// `ReduceLROnPlateau` and optax's `reduce_on_plateau` are less patient: they lower the value when
/// the count reaches `patience`.
///
/// It can be saved and loaded through serde, settings included, and then continues where it was, as
/// exactly as the format stores numbers. A format without infinity, such as JSON, loses an infinite
/// best metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plateau {
    config: PlateauConfig,
    value: f64,
    #[serde(default)]
    best: Option<f64>,
    without_improvement: u64,
    cooldown_left: u64,
}

impl Plateau {
    /// Returns the current value.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// Takes a metric into account and returns the new value.
    pub fn observe(&mut self, metric: f64) -> f64 {
        if self.is_better(metric) {
            self.best = Some(metric);
            self.without_improvement = 0;
        } else {
            self.without_improvement += 1;
        }
        if self.cooldown_left > 0 {
            self.cooldown_left -= 1;
            self.without_improvement = 0;
        }
        if self.without_improvement > self.config.patience {
            let lower = (self.value * self.config.factor).max(self.config.minimum);
            if self.value - lower > self.config.epsilon {
                self.value = lower;
            }
            self.cooldown_left = self.config.cooldown;
            self.without_improvement = 0;
        }
        self.value
    }

    fn is_better(&self, metric: f64) -> bool {
        let threshold = self.config.threshold;
        let best = self.best.unwrap_or(match self.config.mode {
            PlateauMode::Min => f64::INFINITY,
            PlateauMode::Max => f64::NEG_INFINITY,
        });
        match (self.config.mode, self.config.threshold_mode) {
            (PlateauMode::Min, ThresholdMode::Relative) => metric < best * (1.0 - threshold),
            (PlateauMode::Min, ThresholdMode::Absolute) => metric < best - threshold,
            (PlateauMode::Max, ThresholdMode::Relative) => metric > best * (1.0 + threshold),
            (PlateauMode::Max, ThresholdMode::Absolute) => metric > best + threshold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    /// The rates are those of PyTorch 2.9.1 from 0.1 on, without the one before the first metric.
    fn assert_rates<const N: usize>(config: &PlateauConfig, metrics: [f64; N], rates: [f64; N]) {
        let mut plateau = config.build(0.1).unwrap();
        assert_eq!(metrics.map(|metric| plateau.observe(metric)), rates);
    }

    /// ReduceLROnPlateau(optimizer, factor=0.5, patience=1, cooldown=2)
    fn with_cooldown() -> PlateauConfig {
        PlateauConfig {
            factor: 0.5,
            patience: 1,
            cooldown: 2,
            ..PlateauConfig::default()
        }
    }

    #[test]
    fn metrics_in_the_cooldown_do_not_count() {
        let metrics = [5.0, 4.0, 4.0, 4.0, 4.0, NAN, 4.0, 4.0, 3.0, 3.0, 3.0, 3.0];
        let rates = [
            0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.025, 0.025, 0.025, 0.025, 0.0125,
        ];
        assert_rates(&with_cooldown(), metrics, rates);
    }

    #[test]
    fn a_metric_that_is_not_a_number_is_no_better() {
        // ReduceLROnPlateau(optimizer, mode="max", factor=0.5, patience=1, threshold=0.1,
        // threshold_mode="abs", min_lr=0.03)
        let config = PlateauConfig {
            mode: PlateauMode::Max,
            factor: 0.5,
            patience: 1,
            threshold: 0.1,
            threshold_mode: ThresholdMode::Absolute,
            minimum: 0.03,
            ..PlateauConfig::default()
        };
        let metrics = [NAN, NAN, 1.0, 1.05, 1.2, 1.15, 1.25, 1.31, 1.2, 1.2];
        let rates = [0.1, 0.05, 0.05, 0.05, 0.05, 0.05, 0.03, 0.03, 0.03, 0.03];
        assert_rates(&config, metrics, rates);
    }

    #[test]
    fn too_small_a_change_is_not_made() {
        // ReduceLROnPlateau(optimizer, factor=0.5, patience=0, eps=0.02)
        let config = PlateauConfig {
            factor: 0.5,
            patience: 0,
            epsilon: 0.02,
            ..PlateauConfig::default()
        };
        assert_rates(&config, [1.0; 5], [0.1, 0.05, 0.025, 0.025, 0.025]);
    }

    #[test]
    fn an_improvement_is_measured_by_the_threshold() {
        // ReduceLROnPlateau(optimizer, mode=mode, factor=0.5, patience=0, threshold=0.1,
        // threshold_mode=threshold_mode)
        let config = |mode, threshold_mode| PlateauConfig {
            mode,
            factor: 0.5,
            patience: 0,
            threshold: 0.1,
            threshold_mode,
            ..PlateauConfig::default()
        };
        assert_rates(
            &config(PlateauMode::Min, ThresholdMode::Relative),
            [1.0, 0.95, 0.89, 0.85, 0.8, 0.75],
            [0.1, 0.05, 0.05, 0.025, 0.025, 0.0125],
        );
        assert_rates(
            &config(PlateauMode::Max, ThresholdMode::Relative),
            [1.0, 1.05, 1.12, 1.2, 1.25, 1.35],
            [0.1, 0.05, 0.05, 0.025, 0.025, 0.0125],
        );
        assert_rates(
            &config(PlateauMode::Min, ThresholdMode::Absolute),
            [2.0, 1.95, 1.85, 1.8, 1.7, 1.65],
            [0.1, 0.05, 0.05, 0.025, 0.025, 0.0125],
        );
    }

    #[test]
    fn a_share_of_a_negative_metric_is_nothing_gained() {
        // ReduceLROnPlateau(optimizer, factor=0.5, patience=0, threshold=0.1)
        let config = PlateauConfig {
            factor: 0.5,
            patience: 0,
            threshold: 0.1,
            ..PlateauConfig::default()
        };
        let metrics = [-1.0, -1.05, -1.2, -1.25, -1.1, -1.6];
        assert_rates(&config, metrics, [0.1, 0.1, 0.1, 0.1, 0.05, 0.05]);
    }

    #[test]
    fn saving_and_loading_changes_nothing() {
        let metrics = [3.0, 2.7, 2.7, NAN, 2.9, 2.6, 2.6, 2.6, 2.6, 2.6, 2.6];
        let mut straight = with_cooldown().build(0.3).unwrap();
        let mut resumed = straight.clone();
        for metric in metrics {
            let saved = toml::to_string(&resumed).unwrap();
            resumed = toml::from_str(&saved).unwrap();
            assert_eq!(straight, resumed);
            assert_eq!(straight.observe(metric), resumed.observe(metric));
        }
        assert!(straight.value() < 0.1);
    }

    #[test]
    fn errors_name_the_field() {
        let refused = |config: PlateauConfig| config.build(0.1).unwrap_err().name;
        let default = PlateauConfig::default;
        let factor = refused(PlateauConfig {
            factor: 1.0,
            ..default()
        });
        assert_eq!(factor, "plateau.factor");
        let threshold = refused(PlateauConfig {
            threshold: 1.0,
            ..default()
        });
        assert_eq!(threshold, "plateau.threshold");
        let minimum = refused(PlateauConfig {
            minimum: NAN,
            ..default()
        });
        assert_eq!(minimum, "plateau.minimum");
        let epsilon = refused(PlateauConfig {
            epsilon: -1.0,
            ..default()
        });
        assert_eq!(epsilon, "plateau.epsilon");
        assert_eq!(default().build(0.0).unwrap_err().name, "base");
        let absolute = PlateauConfig {
            threshold: 2.0,
            threshold_mode: ThresholdMode::Absolute,
            ..default()
        };
        assert!(absolute.build(0.1).is_ok());
    }
}
