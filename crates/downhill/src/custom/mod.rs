//! Optimizers of your own, and those of other crates, wherever a config names an optimizer.
//!
//! There are three ways, from the shortest to the most general:
//!
//! - [`FormulaConfig`](crate::FormulaConfig): a formula in a config file, without any Rust.
//! - [`ElementRule`]: a function of one element. It steps as the built-in optimizers do: in one
//!   pass on flex, by one kernel on CubeCL's backends, by operations on tensors elsewhere.
//! - Burn's own trait [`Optimizer`]: a function of one whole parameter, also of another crate.
//!
//! Each has groups, schedules, clipping, accumulation and averages in a
//! [`Descent`](crate::Descent), and its state is saved and loaded with the rest.
//!
//! # A rule for one element
//!
//! ```
//! use downhill::custom::{CustomConfig, CustomOptimizer, ElementRule, Real};
//! use downhill::{DescentConfig, InvalidHyperparameter, OptimizerConfig};
//! use serde::{Deserialize, Serialize};
//!
//! /// Momentum whose velocity forgets faster where the gradient changes its sign.
//! #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Turning {
//!     learning_rate: f64,
//!     momentum: f64,
//!     brake: f64,
//! }
//!
//! impl ElementRule<1> for Turning {
//!     const NAMES: [&'static str; 1] = ["velocity"];
//!     /// The learning rate.
//!     type Scalars = f64;
//!
//!     fn scalars(&self, learning_rate: f64, _step: u64) -> f64 {
//!         learning_rate
//!     }
//!
//!     #[inline(always)]
//!     fn update<R: Real>(&self, rate: &f64, x: R, g: R, [velocity]: [R; 1]) -> (R, [R; 1]) {
//!         // The velocity points downhill, so against the gradient.
//!         let turns = velocity.clone() * g.clone();
//!         let slowed = velocity.clone().scale(self.momentum * self.brake);
//!         let kept = turns.positive_or(slowed, velocity.scale(self.momentum));
//!         let velocity = kept - g.scale(*rate);
//!         (x + velocity.clone(), [velocity])
//!     }
//! }
//!
//! impl CustomConfig for Turning {
//!     const NAME: &'static str = "turning";
//!
//!     fn learning_rate(&self) -> f64 {
//!         self.learning_rate
//!     }
//!
//!     fn build(&self) -> Result<CustomOptimizer, InvalidHyperparameter> {
//!         let is_share = (0.0..=1.0).contains(&self.brake);
//!         InvalidHyperparameter::unless(is_share, "brake", "lie in [0, 1]", self.brake)?;
//!         Ok(CustomOptimizer::elementwise(self.clone()))
//!     }
//! }
//!
//! // In code:
//! let config = Turning { learning_rate: 0.01, momentum: 0.9, brake: 0.5 };
//! let descent = DescentConfig::new(config).with_max_global_norm(1.0).build()?;
//! assert_eq!(descent.get("brake"), Some(0.5));
//!
//! // In a file, after its name has been registered:
//! OptimizerConfig::register::<Turning>()?;
//! let config: DescentConfig = toml::from_str(
//!     "optimizer.turning = { learning_rate = 0.01, momentum = 0.9, brake = 0.5 }
//!      schedules.momentum.linear = { start_factor = 0.5, end_factor = 1.0, steps = 100 }",
//! )?;
//! assert!(config.build().is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # An optimizer of another crate
//!
//! ```
//! use burn::optim::SgdConfig;
//! use downhill::{AdamWConfig, DescentConfig, OptimizerConfig, Parameters};
//!
//! let sgd = OptimizerConfig::custom(SgdConfig::new().build(), 0.1);
//! let config = DescentConfig::new(AdamWConfig::torch())
//!     .with_optimizer(Parameters::RankAtMost(1), sgd);
//! assert!(config.build().is_ok());
//! ```
//!
//! Its settings are not known. So only its learning rate can be scheduled, and the config cannot be
//! written to a file. Implement [`CustomConfig`] for its settings to schedule all its numbers and
//! to write it.

mod burn_rule;
mod element;
mod registry;
mod settings;

use alloc::sync::Arc;
use core::fmt;

use burn::optim::{ModuleOptimizer, Optimizer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::hyperparameter::InvalidHyperparameter;
use crate::rule::Rule;
pub use crate::rule::real::Real;

use burn_rule::BurnRule;
pub use element::{ElementOptimizer, ElementRule};
pub use registry::RegisterError;
#[cfg(feature = "schema")]
pub(crate) use registry::add_to_schema;
pub(crate) use registry::{Extensible, read_extended, register, registered};
pub use settings::CustomSettings;

/// The settings of an optimizer of your own.
///
/// It is a struct with named fields. Numbers among them can be scheduled, and set by groups and by
/// [`Descent::set`](crate::Descent::set), if all are finite. They are found by serialization, so a
/// field has the same name here and in a file. A [`WeightDecay`](crate::WeightDecay), or any other
/// enum whose variant holds one number, counts as that number.
///
/// Derive `Deserialize` with `#[serde(deny_unknown_fields)]`: without it, a misspelt setting in a
/// file does nothing. With `#[serde(default)]`, a file need not have all settings.
pub trait CustomConfig:
    Clone + fmt::Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The key of the optimizer in a config file: lower-case letters, digits and hyphens.
    const NAME: &'static str;

    /// Returns the learning rate, which should be a field of that name.
    fn learning_rate(&self) -> f64;

    /// Returns the optimizer with these settings.
    ///
    /// # Errors
    ///
    /// If a setting is out of bounds; the error names it.
    fn build(&self) -> Result<CustomOptimizer, InvalidHyperparameter>;

    /// Returns the JSON schema of the settings, an object without references, for editors. By
    /// default any object is allowed.
    fn schema() -> serde_json::Value {
        serde_json::json!({ "type": "object" })
    }
}

/// An optimizer of your own or of another crate.
#[derive(Clone)]
pub struct CustomOptimizer {
    name: &'static str,
    rule: Arc<dyn Rule>,
    for_modules: Arc<dyn Fn() -> ModuleOptimizer + Send + Sync>,
}

impl CustomOptimizer {
    /// Makes an optimizer of a rule for one element.
    pub fn elementwise<E: ElementRule<N>, const N: usize>(rule: E) -> Self {
        let name = short_name::<E>();
        let rule = ElementOptimizer(rule);
        Self {
            name,
            rule: Arc::new(rule.clone()),
            for_modules: Arc::new(move || rule.clone().into()),
        }
    }

    fn rule(&self) -> Arc<dyn Rule> {
        Arc::clone(&self.rule)
    }
}

impl<O: Optimizer> From<O> for CustomOptimizer {
    /// Makes an optimizer that steps each parameter as this one does.
    fn from(optimizer: O) -> Self {
        Self {
            name: short_name::<O>(),
            rule: Arc::new(BurnRule::new(optimizer.clone())),
            for_modules: Arc::new(move || optimizer.clone().into()),
        }
    }
}

impl fmt::Debug for CustomOptimizer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = formatter.debug_tuple("CustomOptimizer");
        text.field(&self.name).finish()
    }
}

/// Returns the name of a type without its path and parameters.
fn short_name<T>() -> &'static str {
    let name = core::any::type_name::<T>();
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}
