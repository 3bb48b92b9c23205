//! The JSON schema of config files, for editors that complete and check TOML, and for programs that
//! write it.
//!
//! It is derived from the config types and their documentation. What types cannot express, such as
//! bounds, is checked when a config is read.

use std::borrow::Cow;

use downhill::{OptimizerConfig, Preset};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::config::keys::{DEFAULT_SEEDS, MAX_SEEDS};
use crate::config::names::names_of_optimizers;
use crate::config::recipe::{EPOCHS, SCHEDULE_LENGTHS, WEIGHT_LENGTHS};
use crate::config::tables::gradient_check::GradientCheckConfig;
use crate::config::tables::grid::GridConfig;
use crate::config::tables::landscapes::LandscapesConfig;
use crate::config::tables::published::PublishedConfig;
use crate::config::tables::search::SearchConfig;
use crate::config::tables::target::TargetConfig;
use crate::config::tables::valley::ValleyConfig;
use crate::config::training::{Amount, TrainingConfig};

/// The tables of an experiment that are not settings of a training.
#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(dead_code, reason = "only its schema is wanted")]
struct Tables {
    grid: Option<GridConfig>,
    published: Option<PublishedConfig>,
    target: Option<TargetConfig>,
    valley: Option<ValleyConfig>,
    landscapes: Option<LandscapesConfig>,
    gradient_check: Option<GradientCheckConfig>,
    search: Option<SearchConfig>,
}

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number of images, or \"all\".",
            "oneOf": [{ "const": "all" }, { "type": "integer", "minimum": 1 }],
        })
    }
}

/// Returns the schema of config files (JSON Schema 2020-12). Unknown keys are invalid.
pub fn schema() -> Value {
    let mut training = schemars::schema_for!(TrainingConfig).to_value();
    without_null(&mut training);
    let training = object(&mut training);
    let dialect = training.remove("$schema");
    let mut definitions = training.remove("$defs").unwrap_or_else(|| json!({}));
    training.remove("title");
    training.insert(
        "description".into(),
        "The settings that this method changes.".into(),
    );
    optimizers(&mut definitions["OptimizerConfig"]);

    relative_lengths(
        &training["properties"]["schedules"],
        &mut definitions,
        &SCHEDULE_LENGTHS,
    );
    relative_lengths(
        &training["properties"]["weights"],
        &mut definitions,
        &WEIGHT_LENGTHS,
    );
    relative_lengths(
        &training["properties"]["training"],
        &mut definitions,
        &["updates", "evaluate_every"],
    );
    short_forms(training, &mut definitions);

    let mut tables = schemars::schema_for!(Tables).to_value();
    without_null(&mut tables);
    let more = object(&mut tables["$defs"]).clone();
    object(&mut definitions).extend(more);
    let mut properties = training["properties"].clone();
    object(&mut properties).extend(object(&mut tables["properties"]).clone());
    object(&mut properties).extend([
        ("seeds".to_owned(), seeds()),
        ("may_diverge".to_owned(), may_diverge()),
        ("baseline".to_owned(), baseline()),
        ("methods".to_owned(), methods()),
    ]);
    object(&mut definitions).insert("Method".into(), Value::Object(training.clone()));
    json!({
        "$schema": dialect,
        "title": "An experiment of downhill",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "$defs": definitions,
    })
}

/// Lets the lengths below a schema be words, such as "10 %".
fn relative_lengths(root: &Value, definitions: &mut Value, lengths: &[&str]) {
    let words = json!({
        "description": "A part of the run, such as \"3 epochs\" or \"10 %\".",
        "type": "string",
        "pattern": "^(rest|[0-9.]+ *(%|epochs?))$",
    });
    let mut names = Vec::new();
    let mut waiting = vec![root.clone()];
    while let Some(schema) = waiting.pop() {
        for name in references(&schema) {
            if !names.contains(&name) {
                waiting.push(definitions[&name].clone());
                names.push(name);
            }
        }
    }
    for name in names {
        let properties = definitions[&name].get_mut("properties");
        let properties = properties.and_then(Value::as_object_mut);
        for (key, length) in properties.into_iter().flatten() {
            match length.get_mut("items") {
                _ if !lengths.contains(&key.as_str()) => {}
                Some(items) => or(items, &words),
                None => or(length, &words),
            }
        }
    }
}

/// The definitions that a schema refers to.
fn references(schema: &Value) -> Vec<String> {
    match schema {
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Object(keys) => {
            let own = keys.get("$ref").and_then(Value::as_str);
            let own = own.and_then(|path| path.strip_prefix("#/$defs/"));
            let below = keys.values().flat_map(references);
            own.map(str::to_owned).into_iter().chain(below).collect()
        }
        _ => Vec::new(),
    }
}

/// Adds the forms of settings that are written out when a config is read.
fn short_forms(training: &mut Map<String, Value>, definitions: &mut Value) {
    let number = json!({ "type": "number" });
    let names = names_of_optimizers();
    let names = json!({
        "description": "The name of an optimizer, or a call of PyTorch, Keras, optax or \
                        pytorch_optimizer, such as `torch.optim.AdamW(lr=3e-4)`.",
        "anyOf": [{ "enum": names }, { "type": "string", "pattern": "\\(" }],
    });
    let optimizers = object(&mut definitions["OptimizerConfig"]["properties"]);
    for settings in optimizers.values_mut() {
        for (key, form) in [
            ("weight_decay", &number),
            ("amsgrad", &json!({ "type": "boolean" })),
        ] {
            if let Some(setting) = settings["properties"].get_mut(key) {
                or(setting, form);
            }
        }
    }
    definitions["LoopConfig"]["properties"][EPOCHS] = json!({
        "description": "Number of epochs, in place of `updates`.",
        "type": "number",
    });
    or(&mut training["properties"]["optimizer"], &names);
    or(
        &mut training["properties"]["accumulate"],
        &json!({ "type": "integer", "minimum": 1 }),
    );
    or(
        &mut training["properties"]["sam"],
        &json!({ "anyOf": [{ "type": "number" }, { "const": false }] }),
    );
    let off = json!({ "const": false });
    or(&mut training["properties"]["lbfgs"], &off);
    or(
        &mut definitions["LoopConfig"]["properties"]["early_stopping"],
        &off,
    );
    or(&mut definitions["Group"]["properties"]["optimizer"], &names);
    for (stages, short) in [
        (
            "GradientStage",
            ["clip-global-norm", "clip-adaptive"].as_slice(),
        ),
        ("WeightStage", &["ema"]),
    ] {
        let kinds = definitions[stages]["oneOf"].as_array_mut();
        for kind in kinds.into_iter().flatten() {
            for key in short {
                let stage = kind.get_mut("properties").and_then(|all| all.get_mut(key));
                if let Some(stage) = stage {
                    or(stage, &number);
                }
            }
        }
    }
}

/// Allows another form.
fn or(schema: &mut Value, form: &Value) {
    let mut own = schema.take();
    let mut both = json!({});
    for key in ["description", "default"] {
        if let Some(value) = own.as_object_mut().and_then(|own| own.remove(key)) {
            both[key] = value;
        }
    }
    both["anyOf"] = json!([own, form]);
    *schema = both;
}

fn seeds() -> Value {
    json!({
        "description": "Each method is trained with the seeds 0 to this number minus 1, or with \
                        the seeds of this list.",
        "oneOf": [
            { "type": "integer", "minimum": 1, "maximum": MAX_SEEDS },
            {
                "type": "array",
                "items": { "type": "integer", "minimum": 0 },
                "minItems": 1,
                "maxItems": MAX_SEEDS,
                "uniqueItems": true,
            },
        ],
        "default": DEFAULT_SEEDS,
    })
}

fn may_diverge() -> Value {
    json!({
        "description": "Whether diverged runs are expected: they are reported as always, and the \
                        exit code is 0.",
        "type": "boolean",
        "default": false,
    })
}

fn baseline() -> Value {
    json!({
        "description": "Name of the method that the others are compared with.",
        "type": "string",
    })
}

fn methods() -> Value {
    json!({
        "description": "The methods to compare: the settings that each changes, by its name.",
        "type": "object",
        "additionalProperties": { "$ref": "#/$defs/Method" },
    })
}

/// The optimizers by name, each with its defaults and presets.
fn optimizers(schema: &mut Value) {
    let mut all = Map::new();
    let default = TrainingConfig::default().optimizer;
    for config in OptimizerConfig::all() {
        // The default optimizer has defaults of its own.
        let config = match config.name() == default.name() {
            true => default.clone(),
            false => config,
        };
        let name = config.name();
        let mut settings = (schema["oneOf"].as_array().into_iter().flatten())
            .find_map(|kind| kind["properties"].get(name))
            .cloned()
            .unwrap_or_default();
        let presets = (Preset::ALL.iter())
            .filter(|preset| OptimizerConfig::preset(name, **preset).is_some_and(|has| has.is_ok()))
            .map(|preset| preset.name());
        let preset = &mut settings["properties"]["preset"];
        *preset = json!({
            "description": preset["description"],
            "enum": presets.collect::<Vec<_>>(),
        });
        let defaults = serde_json::to_value(&config).expect("a config is plain data");
        for (setting, default) in defaults[name].as_object().into_iter().flatten() {
            settings["properties"][setting]["default"] = default.clone();
        }
        let mut description =
            format!("The settings of {name}; without a preset they have the defaults given here.");
        if !config.source().is_empty() {
            description.push_str(&format!(" {}.", config.source()));
        }
        settings["description"] = description.into();
        all.insert(name.to_owned(), settings);
    }
    let others = OptimizerConfig::registered()
        .into_iter()
        .map(|own| (own, "An optimizer of this program."))
        .chain([("formula", "An optimizer that is written as a formula.")]);
    for (name, description) in others {
        let mut kinds = schema["oneOf"].as_array().into_iter().flatten();
        if let Some(settings) = kinds.find_map(|kind| kind["properties"].get(name)) {
            let mut settings = settings.clone();
            settings["description"] = description.into();
            all.insert(name.to_owned(), settings);
        }
    }
    *schema = json!({
        "description": "The optimizer: a table with its name as the single key.",
        "type": "object",
        "properties": all,
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    });
}

/// Removes null, which TOML does not have: optional keys may just be absent.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(keys) => {
            keys.values_mut().for_each(without_null);
            if let Some(Value::Array(types)) = keys.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    keys.insert("type".into(), only);
                }
            }
            if let Some(Value::Array(choices)) = keys.get_mut("anyOf") {
                choices.retain(|choice| choice["type"] != "null");
                if let [Value::Object(only)] = choices.as_slice() {
                    let only = only.clone();
                    keys.remove("anyOf");
                    keys.extend(only);
                }
            }
            if keys.get("default") == Some(&Value::Null) {
                keys.remove("default");
            }
        }
        _ => {}
    }
}

fn object(value: &mut Value) -> &mut Map<String, Value> {
    value.as_object_mut().expect("a schema is an object")
}

#[cfg(test)]
mod tests {
    use toml::Table;

    use super::*;
    use crate::config::keys::{ALL_KEYS, TRAINING_KEYS};

    /// The schema that a reference stands for, in the form that is written out.
    fn resolved<'a>(whole: &'a Value, schema: &'a Value) -> &'a Value {
        let schema = schema.get("anyOf").map_or(schema, |forms| &forms[0]);
        match schema["$ref"].as_str() {
            Some(path) => whole.pointer(&path[1..]).expect("what is referred to"),
            None => schema,
        }
    }

    /// Holds the keys of a table against the properties of a schema.
    fn assert_keys(whole: &Value, schema: &Value, keys: &Table, path: &str) {
        let schema = resolved(whole, schema);
        assert_eq!(schema["additionalProperties"], false, "{path}: {schema}");
        let properties = schema["properties"].as_object();
        let properties = properties.unwrap_or_else(|| panic!("{path}: {schema}"));
        let mut expected: Vec<_> = keys.keys().collect();
        let mut found: Vec<_> = properties.keys().collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{path}");
        for (key, value) in keys {
            if let toml::Value::Table(inner) = value {
                assert_keys(whole, &properties[key], inner, &format!("{path}.{key}"));
            }
        }
    }

    #[test]
    fn its_keys_are_those_of_a_config() {
        let schema = schema();
        assert_keys(
            &schema,
            &schema["$defs"]["Method"],
            &TRAINING_KEYS,
            "method",
        );
        assert_keys(&schema, &schema, &ALL_KEYS, "");
    }

    #[test]
    fn defaults_presets_and_kinds_are_named() {
        let schema = schema();
        let optimizers = &schema["$defs"]["OptimizerConfig"]["properties"];
        let lion = &optimizers["lion"]["properties"];
        assert_eq!(lion["preset"]["enum"], json!(["keras", "optax", "burn"]));
        let adam = &optimizers["adam"]["properties"];
        assert_eq!(adam["epsilon"]["default"], 1e-8);
        assert_eq!(adam["epsilon"]["type"], "number");
        assert!(adam["beta_1"]["description"].is_string());
        assert_eq!(
            optimizers["adamw"]["properties"]["weight_decay"]["default"],
            json!({"decoupled": 0.01})
        );
        let place = resolved(&schema, &adam["epsilon_place"]);
        assert!(place.to_string().contains("uncorrected"), "{place}");
        assert_eq!(
            schema["$defs"]["LoopConfig"]["properties"]["batch"]["default"],
            100
        );
        assert!(!schema.to_string().contains("null"));
    }

    #[test]
    fn a_recipe_may_be_written_in_short() {
        let schema = schema();
        let forms = |schema: &Value| schema["anyOf"].as_array().map_or(0, Vec::len);
        for key in ["optimizer", "accumulate"] {
            assert_eq!(forms(&schema["properties"][key]), 2, "{key}");
            assert_eq!(
                forms(&schema["$defs"]["Method"]["properties"][key]),
                2,
                "{key}"
            );
        }
        let lengths = |name: &str, key: &str| {
            let length = &schema["$defs"][name]["properties"][key];
            assert_eq!(length["anyOf"][0]["type"], "integer", "{name}.{key}");
            assert_eq!(length["anyOf"][1]["type"], "string", "{name}.{key}");
        };
        for (name, key) in [("Cosine", "steps"), ("WarmUp", "steps"), ("Step", "period")] {
            lengths(name, key);
        }
        lengths("Swa", "from");
        lengths("LoopConfig", "updates");
        let milestones = &schema["$defs"]["MultiStep"]["properties"]["milestones"];
        assert_eq!(forms(&milestones["items"]), 2);
        let text = schema["$defs"]["WeightStage"].to_string();
        assert!(text.contains(r#"{"type":"number"}"#), "{text}");
        let adamw = &schema["$defs"]["OptimizerConfig"]["properties"]["adamw"];
        assert_eq!(forms(&adamw["properties"]["weight_decay"]), 2);
    }
}
