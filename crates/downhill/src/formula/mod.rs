//! Formulas in a config: an optimizer, or a function of numbers.
//!
//! ```text
//! mod.rs        the config, as it is written
//! lexer.rs      texts -> words, numbers and signs
//! parser.rs     -> a graph of results
//! compiled.rs   checks; the graph -> a program, of which rule/ makes a kernel or which it
//!               interprets
//! graph.rs      the results, and those that are scalars, in f64
//! tensors.rs    the graph by operations on tensors
//! rule.rs       a step of a parameter
//! function.rs   a function of numbers and its gradient, from the same graph
//! ```

mod compiled;
mod error;
mod function;
mod graph;
mod lexer;
mod parser;
mod rule;
mod tensors;
#[cfg(test)]
mod tests;

use alloc::borrow::{Cow, ToOwned};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt;

use burn::optim::ModuleOptimizer;
use serde::de::{self, Deserializer, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use crate::hyperparameter::{InvalidHyperparameter, finite, positive};
use crate::preset::{Preset, UnknownPreset};
use crate::rule::Rule;
use crate::settings::Settings;
use crate::weight_decay::WeightDecay;

use compiled::{Compiled, compile};
pub use error::FormulaError;
pub use function::FormulaFunction;
use graph::Place;
use lexer::Text;
pub use rule::{Formula, FormulaState};

/// The settings of [`Formula`]: an optimizer that is written as a formula.
///
/// ```
/// use downhill::{DescentConfig, OptimizerConfig};
///
/// let config: DescentConfig = toml::from_str(
///     r#"
///     schedules.beta_1.linear = { start_factor = 1, end_factor = 0.5, steps = 100 }
///
///     [optimizer.formula]
///     learning_rate = 1e-3
///     settings = { beta_1 = 0.9, beta_2 = 0.99 }
///     state = { m = 0 }
///     update = """
///     d = sign(beta_1 * m + (1 - beta_1) * g)
///     m = beta_2 * m + (1 - beta_2) * g
///     x = x - learning_rate * d
///     """
///     "#,
/// )
/// .unwrap();
/// assert_eq!(config.optimizer.get("beta_2"), Some(0.99));
/// assert!(config.build().is_ok());
/// ```
///
/// `update` is a sequence of lines `NAME = EXPRESSION`, of which each uses the values that the
/// lines above it have assigned; a name may be assigned again. It knows:
///
/// ```text
/// x              the parameter; the last value assigned to it is the new one
/// g              its gradient
/// t              the number of the step, from 1
/// learning_rate  that of the step
/// settings       constants, which schedules and groups may change
/// state          what is remembered of each element; before a line assigns it, that of the step
///                before, and at first its starting value: a number, or an expression of x and g
///
/// + - * / ^      in the usual order: ^ before a minus sign, -x^2 = -(x^2), and 2^3^2 = 2^(3^2)
/// sqrt abs sign exp log                  of one number; log is the natural logarithm
/// min(a, b)  max(a, b)  clamp(a, least, most)
/// where(a > b, yes, no)                  with >, <, >= or <=
/// norm(a) mean(a) sum(a) rms(a)          of all elements of a parameter: one number
/// # ...          a comment
/// ```
///
/// All else is elementwise: any rank and shape. Expressions without `x`, `g`, the state and
/// anything computed from them are scalars, computed once per step in `f64`. A quotient by a scalar
/// is the product with its inverse, a power with a whole exponent up to 16 is a product, and
/// `a^0.5` is `sqrt(a)`. Weight decay is a part of the formula.
///
/// A formula without `norm`, `mean`, `sum` and `rms` steps as the other elementwise optimizers do:
/// in one pass on flex, and by one kernel on CubeCL's backends. With one of these it is computed by
/// operations on tensors.
///
/// The state that a [`Descent`](crate::Descent) saves belongs to the formula; spaces, comments and
/// the values of settings do not count. At most 8 states, 64 settings, 500 operations and 10,000
/// bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct FormulaConfig {
    learning_rate: f64,
    settings: BTreeMap<String, f64>,
    state: BTreeMap<String, Start>,
    update: String,
    #[serde(skip)]
    compiled: Arc<Compiled>,
}

/// The config as it is written in a file.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(inline))]
#[serde(deny_unknown_fields)]
struct Written {
    /// Learning rate, which the formula knows as `learning_rate`; positive.
    learning_rate: f64,
    /// Constants of the formula, by name.
    #[serde(default)]
    settings: BTreeMap<String, f64>,
    /// What is remembered of each element, by name: the value before the first step, a number or an
    /// expression of `x` and `g`.
    #[serde(default)]
    state: BTreeMap<String, Start>,
    /// The formula: lines `NAME = EXPRESSION`, one of which assigns `x`.
    update: String,
}

/// The value of a state before the first step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Start {
    Number(f64),
    Expression(String),
}

impl Start {
    /// The text of an expression for it.
    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Number(number) => Cow::Owned(format!("{number:?}")),
            Self::Expression(text) => Cow::Borrowed(text),
        }
    }
}

impl Serialize for Start {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Expression(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Start {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrText;

        impl Visitor<'_> for NumberOrText {
            type Value = Start;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a number or an expression such as \"g^2\"")
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Start, E> {
                Ok(Start::Number(number))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Start, E> {
                Ok(Start::Number(number as f64))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Start, E> {
                Ok(Start::Number(number as f64))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Start, E> {
                Ok(Start::Expression(text.to_owned()))
            }
        }

        deserializer.deserialize_any(NumberOrText)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Start {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Start".into()
    }

    fn json_schema(_generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["number", "string"] })
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for FormulaConfig {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "FormulaConfig".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        <Written as schemars::JsonSchema>::json_schema(generator)
    }
}

impl TryFrom<Written> for FormulaConfig {
    type Error = FormulaError;

    fn try_from(written: Written) -> Result<Self, FormulaError> {
        let Written {
            learning_rate,
            settings,
            state,
            update,
        } = written;
        let compiled = Arc::new(compile(&settings, &state, &update)?);
        Ok(Self {
            learning_rate,
            settings,
            state,
            update,
            compiled,
        })
    }
}

impl PartialEq for FormulaConfig {
    fn eq(&self, other: &Self) -> bool {
        let parts = |config: &Self| (config.learning_rate, config.settings.clone());
        parts(self) == parts(other) && self.state == other.state && self.update == other.update
    }
}

impl FormulaConfig {
    /// A formula with its settings and its state, by name. The start of a state is an expression,
    /// such as `0` or `g^2`.
    ///
    /// ```
    /// use downhill::FormulaConfig;
    ///
    /// let update = "v = momentum * v - learning_rate * g; x = x + v";
    /// let config = FormulaConfig::new(0.01, &[("momentum", 0.9)], &[("v", "0")], update)?;
    /// assert!(config.init().is_ok());
    ///
    /// let error = FormulaConfig::new(0.01, &[], &[], "x = x - learnig_rate * g").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "update, line 1, column 9: unknown name `learnig_rate`; did you mean `learning_rate`?"
    /// );
    /// # Ok::<(), downhill::FormulaError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the formula cannot be used; the error names the place and the remedy.
    pub fn new(
        learning_rate: f64,
        settings: &[(&str, f64)],
        state: &[(&str, &str)],
        update: &str,
    ) -> Result<Self, FormulaError> {
        let settings = settings.iter();
        let state = state.iter();
        Self::try_from(Written {
            learning_rate,
            settings: settings
                .map(|(name, value)| ((*name).to_owned(), *value))
                .collect(),
            state: state
                .map(|(name, start)| ((*name).to_owned(), Start::Expression((*start).to_owned())))
                .collect(),
            update: update.to_owned(),
        })
    }

    /// Sets the learning rate.
    #[must_use]
    pub fn with_learning_rate(mut self, learning_rate: f64) -> Self {
        self.learning_rate = learning_rate;
        self
    }

    /// Returns the text of the formula.
    pub fn update(&self) -> &str {
        &self.update
    }

    /// Returns the bare rule, for a parameter group of Burn's.
    ///
    /// # Errors
    ///
    /// If the learning rate is not positive, or a setting is not finite.
    pub fn build(&self) -> Result<Formula, InvalidHyperparameter> {
        positive("learning_rate", self.learning_rate)?;
        for value in self.settings.values() {
            finite("settings", *value)?;
        }
        Ok(Formula {
            config: self.clone(),
        })
    }

    /// Returns the optimizer for all parameters of a module.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn init(&self) -> Result<ModuleOptimizer, InvalidHyperparameter> {
        self.build().map(ModuleOptimizer::from)
    }

    /// The error about an expression that is not finite.
    fn not_finite_at(&self, place: &Place) -> FormulaError {
        let start = (place.key.strip_prefix("state.")).and_then(|name| self.state.get(name));
        let text = start.map_or(Cow::Borrowed(self.update.as_str()), Start::text);
        let text = Text {
            key: &place.key,
            text: &text,
        };
        let expression = &text.text[place.start..place.end];
        let message = format!(
            "`{expression}` is infinite or not a number at the first step, although x and g are \
             finite"
        );
        text.error(place.start, message)
    }

    /// Returns the error of [`OptimizerConfig::preset`](crate::OptimizerConfig::preset): a formula
    /// has no presets.
    ///
    /// # Errors
    ///
    /// Always.
    pub(crate) fn preset(preset: Preset) -> Result<Self, UnknownPreset> {
        Err(UnknownPreset {
            optimizer: Self::NAME,
            preset,
            presets: Self::PRESETS,
        })
    }
}

impl Settings for FormulaConfig {
    const NAME: &'static str = "formula";
    const PRESETS: &'static [Preset] = &[];
    const SOURCE: &'static str = "";
    const RENAMED: &'static [(&'static str, &'static str)] = &[];

    fn defaults() -> Option<Self> {
        None
    }

    fn preset(preset: Preset) -> Result<Self, UnknownPreset> {
        Self::preset(preset)
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn weight_decay(&self) -> WeightDecay {
        WeightDecay::None
    }

    fn get(&self, name: &str) -> Option<f64> {
        match name {
            "learning_rate" => Some(self.learning_rate),
            name => self.settings.get(name).copied(),
        }
    }

    fn set(&mut self, name: &str, value: f64) -> bool {
        let setting = match name {
            "learning_rate" => Some(&mut self.learning_rate),
            name => self.settings.get_mut(name),
        };
        setting.map(|setting| *setting = value).is_some()
    }

    fn form(&self) -> String {
        self.compiled.form.to_string()
    }

    fn rule(&self) -> Result<Arc<dyn Rule>, InvalidHyperparameter> {
        Ok(Arc::new(self.build()?))
    }

    fn optimizer(&self) -> Result<ModuleOptimizer, InvalidHyperparameter> {
        self.init()
    }
}
