//! Calls of PyTorch, Keras, optax and pytorch_optimizer as configs.
//!
//! ```text
//! grammar     the text of a call
//! bound       its values, by the names of the function's parameters
//! signature   a function that makes an optimizer: what its arguments are called here
//! words       words of any library for settings
//! torch, keras, optax, pytorch_optimizer, schedules   the functions
//! ```

use alloc::string::String;
use alloc::vec::Vec;
use core::str::FromStr;

mod bound;
mod error;
mod grammar;
mod keras;
mod optax;
mod pytorch_optimizer;
mod schedules;
mod signature;
#[cfg(test)]
mod tests;
mod torch;
mod words;

pub use error::CallError;

use crate::similar::similar;
use crate::{DescentConfig, Preset};
use grammar::Call;
use signature::{Rules, Signature};

/// A library.
struct Library {
    /// Modules that have its optimizers; the first is the one in messages.
    modules: &'static [&'static str],
    signatures: &'static [Signature],
    not_covered: &'static [(&'static str, &'static str)],
    rules: Rules,
}

const TORCH: Library = Library {
    modules: &["torch.optim", "optim"],
    signatures: torch::SIGNATURES,
    not_covered: torch::NOT_COVERED,
    rules: Rules {
        preset: Preset::Torch,
        before: &["params"],
        without: &[],
        last: torch::last,
    },
};

const KERAS: Library = Library {
    modules: &[
        "keras.optimizers",
        "tf.keras.optimizers",
        "tensorflow.keras.optimizers",
        "tf.optimizers",
        "optimizers",
    ],
    signatures: keras::SIGNATURES,
    not_covered: keras::NOT_COVERED,
    rules: Rules {
        preset: Preset::Keras,
        before: &[],
        without: &[],
        last: keras::last,
    },
};

const OPTAX: Library = Library {
    modules: &["optax", "optax.contrib"],
    signatures: optax::SIGNATURES,
    not_covered: optax::NOT_COVERED,
    rules: Rules {
        preset: Preset::Optax,
        before: &[],
        without: &[],
        last: optax::last,
    },
};

const PYTORCH_OPTIMIZER: Library = Library {
    modules: &["pytorch_optimizer"],
    signatures: pytorch_optimizer::SIGNATURES,
    not_covered: &[],
    rules: Rules {
        preset: Preset::PytorchOptimizer,
        ..TORCH.rules
    },
};

static LIBRARIES: [Library; 4] = [TORCH, KERAS, OPTAX, PYTORCH_OPTIMIZER];

impl DescentConfig {
    /// Reads a call of PyTorch, Keras, optax or pytorch_optimizer, as it stands in Python: the
    /// optimizer with its settings, those that the call leaves out being the library's.
    ///
    /// ```
    /// use downhill::{AdamWConfig, DescentConfig, WeightDecay};
    ///
    /// let config = DescentConfig::from_call(
    ///     "torch.optim.AdamW(model.parameters(), lr=3e-4, betas=(0.9, 0.95), weight_decay=0.1)",
    /// )?;
    /// let same = AdamWConfig::torch()
    ///     .with_learning_rate(3e-4)
    ///     .with_beta_2(0.95)
    ///     .with_weight_decay(WeightDecay::Decoupled(0.1));
    /// assert_eq!(config, DescentConfig::new(same));
    ///
    /// let config: DescentConfig =
    ///     "optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(0.1, momentum=0.9))".parse()?;
    /// assert_eq!(config.optimizer.name(), "momentum");
    /// assert_eq!(config.gradients.len(), 1);
    /// # Ok::<(), downhill::CallError>(())
    /// ```
    ///
    /// - PyTorch: `torch.optim.AdamW`, `optim.AdamW`; `maximize` is read as a change to the
    ///   gradients.
    /// - Keras: `keras.optimizers.Adam`, `tf.keras.optimizers.Adam`, `optimizers.Adam`; clipping,
    ///   averages and accumulation are read, and around them `LossScaleOptimizer`.
    /// - optax: `optax.adam`, `optax.contrib.prodigy`; around them `chain` with what clips,
    ///   normalizes or centralizes gradients and `add_decayed_weights`, `MultiSteps`, `lookahead`,
    ///   `contrib.schedule_free` and `contrib.mechanize`; in `chain` also `scale_by_adam` and its
    ///   kin with a rate.
    /// - pytorch_optimizer: `pytorch_optimizer.SOAP`, `Shampoo`, `NorMuon`, `AdaMuon` and `MARS`;
    ///   of NorMuon and AdaMuon, matrices are those of rank 2.
    ///
    /// Nothing is executed. The values are numbers, strings, `True`, `False`, `None`, tuples,
    /// lists, dictionaries and calls; the parameters of PyTorch, such as `model.parameters()`, say
    /// nothing here. A schedule of optax or Keras may be the `learning_rate`, if it is the same
    /// here.
    ///
    /// # Errors
    ///
    /// If the text is not such a call, or the function, an argument or its value is not covered;
    /// the error names it and its column. Whether numbers are within their bounds is checked by
    /// [`build`](Self::build).
    pub fn from_call(call: &str) -> Result<Self, CallError> {
        optimizer(&Call::read(call)?)
    }
}

/// Reads a call, see [`DescentConfig::from_call`].
impl FromStr for DescentConfig {
    type Err = CallError;

    fn from_str(call: &str) -> Result<Self, CallError> {
        Self::from_call(call)
    }
}

/// The config of a call that makes an optimizer.
fn optimizer(call: &Call<'_>) -> Result<DescentConfig, CallError> {
    let (module, name) = (call.module(), call.function());
    let library = LIBRARIES.iter().find(|it| it.modules.contains(&module));
    let library = library.ok_or_else(|| call.error(no_module(call)))?;
    match library.rules.preset {
        Preset::Optax if optax::WRAPPERS.contains(&name) => return optax::wrapped(call, optimizer),
        Preset::Keras if keras::WRAPPERS.contains(&name) => return keras::wrapped(call, optimizer),
        Preset::PytorchOptimizer if pytorch_optimizer::WRAPPERS.contains(&name) => {
            return pytorch_optimizer::wrapped(call);
        }
        _ => {}
    }
    let found = library.signatures.iter().find(|it| it.function() == name);
    let signature = found.ok_or_else(|| call.error(library.no_function(call)))?;
    signature.read(call, &library.rules)
}

/// Says that a call has no module that is known.
fn no_module(call: &Call<'_>) -> String {
    let (module, name) = (call.module(), call.function());
    let of = |is_meant: &dyn Fn(&str) -> bool| {
        let all = LIBRARIES.iter().flat_map(|library| {
            let meant = library
                .signatures
                .iter()
                .filter(|it| is_meant(it.function()));
            meant.map(move |it| alloc::format!("{}(..)", library.full_name(it)))
        });
        all.collect::<Vec<_>>().join(" or ")
    };
    let same = of(&|other| other == name);
    let alike = of(&|other| other.eq_ignore_ascii_case(name));
    let remedy = match (same.is_empty(), alike.is_empty()) {
        (false, _) => alloc::format!("write {same}"),
        (_, false) => alloc::format!("write {alike}"),
        _ => {
            let modules: Vec<_> = LIBRARIES.iter().map(|it| it.modules[0]).collect();
            let modules = modules.join(", ");
            alloc::format!("write the name with its module, one of {modules}")
        }
    };
    match module {
        "" => alloc::format!("`{name}` does not say its library; {remedy}"),
        module => alloc::format!("the module `{module}` of `{name}` is not known; {remedy}"),
    }
}

/// A function of another library that makes an optimizer, and what its arguments are called here.
///
/// ```
/// use downhill::call::Function;
///
/// let functions = Function::all();
/// let adam = functions.iter().find(|function| function.name == "torch.optim.Adam").unwrap();
/// assert_eq!(adam.optimizers, ["adam"]);
/// assert!(adam.arguments.contains(&("betas", vec!["beta_1", "beta_2"])));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Function {
    /// The library.
    pub library: Preset,
    /// The name in Python, such as `torch.optim.Adam`.
    pub name: String,
    /// The keys of the optimizers that it makes; those after the first are chosen by arguments.
    pub optimizers: &'static [&'static str],
    /// The arguments that are settings here, each with the settings.
    pub arguments: Vec<(&'static str, Vec<&'static str>)>,
}

impl Function {
    /// Returns all functions that [`DescentConfig::from_call`] reads, library by library.
    pub fn all() -> Vec<Self> {
        let of = |library: &'static Library| {
            library.signatures.iter().map(|signature| Self {
                library: library.rules.preset,
                name: library.full_name(signature),
                optimizers: signature.optimizers,
                arguments: signature
                    .arguments()
                    .map(|argument| (argument.name, argument.meaning.settings().to_vec()))
                    .filter(|(_, settings)| !settings.is_empty())
                    .collect(),
            })
        };
        LIBRARIES.iter().flat_map(of).collect()
    }
}

/// Returns the library of a call, whose preset its config has; `None` if the call does not name
/// one.
pub fn library(call: &str) -> Option<Preset> {
    let name = call.split('(').next()?.trim();
    let (module, _) = name.rsplit_once('.')?;
    let found = LIBRARIES.iter().find(|it| it.modules.contains(&module));
    found.map(|library| library.rules.preset)
}

impl Library {
    /// The name of a function with its module.
    fn full_name(&self, signature: &Signature) -> String {
        alloc::format!("{}.{}", self.modules[0], signature.name)
    }

    /// Says that the library's function is not read.
    fn no_function(&self, call: &Call<'_>) -> String {
        let (name, called) = (call.function(), call.name);
        let reason = self.not_covered.iter().find(|(other, _)| *other == name);
        if let Some((_, reason)) = reason {
            return alloc::format!("{called} is not covered: {reason}");
        }
        let names = self.signatures.iter().map(Signature::function);
        let remedy = match similar(name, names.clone()) {
            Some(meant) => alloc::format!("did you mean `{meant}`?"),
            None => {
                let names: Vec<_> = names.collect();
                alloc::format!("those that are read are {}", bound::list(&names))
            }
        };
        alloc::format!("the optimizer {called} is not covered; {remedy}")
    }
}
