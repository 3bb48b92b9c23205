//! Calls of other libraries as tables of settings.

use downhill::call::{CallError, Function, library};
use downhill::{DescentConfig, OptimizerConfig, Preset};
use toml::{Table, Value};

/// The settings that a call says: the optimizer, with its preset and all settings, so that nothing
/// is left of what the call replaces, and the parts of a recipe.
///
/// # Errors
///
/// A call that cannot be read.
pub(crate) fn of_call(call: &str) -> Result<Table, CallError> {
    let config = DescentConfig::from_call(call)?;
    let mut settings = optimizer(&config.optimizer, library(call), |_| true);
    let plain = as_table(&DescentConfig::new(config.optimizer.clone()));
    for (key, value) in as_table(&config) {
        if plain.get(&key) != Some(&value) {
            settings.insert(key, value);
        }
    }
    Ok(settings)
}

/// Whether a text is a call, not a name; perhaps one without its end.
pub(crate) fn is_call(text: &str) -> bool {
    text.starts_with(char::is_alphabetic) && text.contains('(')
}

/// What an optimizer that other libraries have under this name is here, such as
/// `optimizer.sign-sgd = { preset = "optax", momentum = 0.9 }`; `None` if none has it, or under the
/// same name.
pub(crate) fn same_as(name: &str) -> Option<String> {
    let plain = |name: &str| name.to_lowercase().replace(['_', '-'], "");
    let functions = Function::all();
    let last = |function: &Function| function.name.rsplit('.').next().map(str::to_owned);
    let is_same = |function: &&Function| last(function).as_deref() == Some(name);
    let is_like = |function: &&Function| {
        let keys = function.optimizers;
        let word = last(function).map(|it| plain(&it));
        word == Some(plain(name)) && !keys.iter().any(|key| plain(key) == plain(name))
    };
    let found = (functions.iter().find(is_same)).or_else(|| functions.iter().find(is_like))?;
    let config = DescentConfig::from_call(&format!("{}()", found.name));
    let with_rate = || DescentConfig::from_call(&format!("{}(learning_rate=1)", found.name));
    let has_rate = config.is_ok();
    let config = config.or_else(|_| with_rate()).ok()?.optimizer;
    let mut written = optimizer(&config, Some(found.library), |is_of_preset| !is_of_preset);
    let settings = written.get_mut("optimizer")?.get_mut(config.name())?;
    if !has_rate {
        settings.as_table_mut()?.remove("learning_rate");
    }
    Some(format!("optimizer.{} = {settings}", config.name()))
}

/// An optimizer as its preset and the settings for which `is_written` holds, of those that are the
/// preset's and of those that are not.
fn optimizer(
    config: &OptimizerConfig,
    preset: Option<Preset>,
    is_written: impl Fn(bool) -> bool,
) -> Table {
    let name = config.name();
    let settings = |config: &OptimizerConfig| match as_table(config).remove(name) {
        Some(Value::Table(settings)) => settings,
        _ => Table::new(),
    };
    let mut written = settings(config);
    let of_preset = preset.and_then(|preset| OptimizerConfig::preset(name, preset)?.ok());
    if let (Some(preset), Some(of_preset)) = (preset, of_preset) {
        let of_preset = settings(&of_preset);
        written.retain(|setting, value| is_written(of_preset.get(setting) == Some(value)));
        let own = Table::from_iter([("preset".to_owned(), Value::from(preset.name()))]);
        written = own.into_iter().chain(written).collect();
    }
    let written = Table::from_iter([(name.to_owned(), Value::Table(written))]);
    Table::from_iter([("optimizer".to_owned(), Value::Table(written))])
}

fn as_table(config: &impl serde::Serialize) -> Table {
    Table::try_from(config).expect("a config has string keys and no absent values")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_its_preset_with_all_settings_and_the_recipe() {
        let adamw = downhill::AdamWConfig::torch()
            .with_learning_rate(3e-4)
            .with_weight_decay(downhill::WeightDecay::Decoupled(0.01));
        let call = "torch.optim.AdamW(params, lr=3e-4, weight_decay=0.01)";
        let mut expected = as_table(&OptimizerConfig::from(adamw));
        let settings = expected["adamw"].as_table_mut().unwrap();
        settings.insert("preset".into(), "torch".into());
        assert_eq!(of_call(call).unwrap()["optimizer"], expected.into());

        let call = "keras.optimizers.SGD(0.01, clipvalue=0.5, gradient_accumulation_steps=2)";
        let mut said = of_call(call).unwrap();
        assert_eq!(said["optimizer"]["sgd"]["preset"], "keras".into());
        said.remove("optimizer");
        let expected = "accumulate = { steps = 2, form = 'mean' }\n\
                        gradients = [{ clip-value = 0.5 }]";
        assert_eq!(said, expected.parse().unwrap());
        assert!(of_call("Adam()").is_err());
    }

    #[test]
    fn a_name_of_another_library_has_its_settings_here() {
        let same = |name: &str| same_as(name).unwrap_or_default();
        for (name, expected) in [
            (
                "signum",
                r#"optimizer.sign-sgd = { preset = "optax", momentum = 0.9 }"#,
            ),
            ("sign_sgd", r#"optimizer.sign-sgd = { preset = "optax" }"#),
            (
                "amsgrad",
                r#"optimizer.adam = { preset = "optax", amsgrad = "corrected" }"#,
            ),
            (
                "nadamw",
                r#"optimizer.adamw = { preset = "optax", momentum_kind = "nesterov" }"#,
            ),
            (
                "adamaxw",
                r#"optimizer.adamax = { preset = "optax", weight_decay = { decoupled = 0.0001 } }"#,
            ),
            (
                "schedule_free_sgd",
                r#"optimizer.schedule-free = { preset = "optax", learning_rate = 1.0, step = "sgd" }"#,
            ),
            (
                "ScheduleFreeAdamW",
                r#"optimizer.schedule-free = { preset = "keras" }"#,
            ),
            ("AdamW", r#"optimizer.adamw = { preset = "torch" }"#),
            ("adamm", ""),
        ] {
            assert_eq!(same(name), expected, "{name}");
        }
    }
}
