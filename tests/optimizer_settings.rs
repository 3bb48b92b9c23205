//! Every setting is held by a reference: moved, it leads away from it.

use std::collections::BTreeMap;

use burn::tensor::DType;
use downhill::{DescentConfig, OptimizerConfig, Preset};
use downhill_trainer::Backend;
use serde_json::{Value, json};

use crate::backend::open;
use crate::numbers::Place;
use crate::trajectories::{Variant, variants};

/// 100 times the tolerance of the trajectories in `f64`.
const FAR: f64 = 1e-8;

/// The words that settings can be, of all kinds; those that a setting does not know fall out.
const WORDS: [&str; 48] = [
    "aspect-outputs-first",
    "added",
    "floor",
    "squares",
    "whole",
    "decayed",
    "none",
    "outside",
    "inside",
    "corrected",
    "uncorrected",
    "velocity",
    "buffer",
    "heavy-ball",
    "nesterov",
    "raw",
    "gradient",
    "divisor",
    "constant",
    "share",
    "rest",
    "last",
    "longest",
    "first",
    "mean",
    "corrected-mean",
    "sum",
    "aspect",
    "plain",
    "safeguarded",
    "sgd",
    "adam-w",
    "now",
    "late",
    "zero",
    "zero-corrected",
    "exact",
    "torch",
    "skip",
    "spread",
    "cautious",
    "maximize",
    "cycle",
    "hold",
    "cosine",
    "linear",
    "two",
    "three",
];

/// The kinds that hold a number.
const KINDS: [(&str, f64); 9] = [
    ("l2", 0.01),
    ("decoupled", 0.01),
    ("independent", 0.01),
    ("proximal", 0.01),
    ("rising", 0.01),
    ("rms", 0.1),
    ("distance", 0.05),
    ("heuristic", 0.05),
    ("rate", 0.02),
];

/// Other values of a setting, each with how to call the change.
fn moved(value: &Value) -> Vec<(String, Value)> {
    let words = || WORDS.map(|word| (format!("to {word}"), json!(word)));
    let kinds = |number: Option<f64>| {
        KINDS.map(|(kind, own)| {
            let number = number.unwrap_or(own);
            (format!("to {kind}"), json!({ kind: number }))
        })
    };
    let mut others: Vec<(String, Value)> = match value {
        Value::Bool(is) => vec![("turned".into(), json!(!is))],
        Value::Number(number) if number.is_u64() => {
            let number = number.as_u64().expect("it is one");
            vec![
                ("up".into(), json!(number + 1)),
                ("down".into(), json!(number.saturating_sub(1))),
            ]
        }
        Value::Number(number) => match number.as_f64().expect("settings are finite") {
            0.0 => [0.01, 0.5, 3.0]
                .map(|other| ("off 0".into(), json!(other)))
                .to_vec(),
            number => vec![
                ("up".into(), json!(1.01 * number)),
                ("down".into(), json!(0.99 * number)),
            ],
        },
        Value::String(_) => words().into_iter().chain(kinds(None)).collect(),
        Value::Object(tagged) if tagged.len() == 1 => {
            let number = tagged.values().next().and_then(Value::as_f64);
            words().into_iter().chain(kinds(number)).collect()
        }
        _ => Vec::new(),
    };
    others.retain(|(_, other)| other != value);
    others
}

/// All configs that differ in one place from this one, with the place and the change.
fn neighbours(config: &DescentConfig) -> Vec<(String, String, DescentConfig)> {
    let whole = serde_json::to_value(config).expect("a config is JSON");
    let mut places = Vec::new();
    collect(&whole, &mut Vec::new(), &mut places);
    let mut neighbours = Vec::new();
    for place in places {
        let value = whole.pointer(&pointer(&place)).expect("the place is there");
        for (change, other) in moved(value) {
            let mut changed = whole.clone();
            *changed.pointer_mut(&pointer(&place)).expect("it still is") = other;
            // Words of other settings and values out of bounds fall out here.
            if let Ok(config) = serde_json::from_value::<DescentConfig>(changed)
                && config.build().is_ok()
            {
                neighbours.push((name(&place), change, config));
            }
        }
    }
    neighbours
}

fn collect(value: &Value, place: &mut Vec<String>, places: &mut Vec<Vec<String>>) {
    if !place.is_empty() {
        places.push(place.clone());
    }
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| (index.to_string(), item))
            .collect(),
        _ => Vec::new(),
    };
    for (key, value) in inner {
        place.push(key);
        collect(value, place, places);
        place.pop();
    }
}

fn pointer(place: &[String]) -> String {
    place.iter().map(|key| format!("/{key}")).collect()
}

/// The place without the numbers of list items.
fn name(place: &[String]) -> String {
    let keys = place.iter().filter(|key| key.parse::<usize>().is_err());
    keys.map(String::as_str).collect::<Vec<_>>().join(".")
}

/// For each change of each setting, the reference that shows it most, and by how much.
fn guards() -> BTreeMap<(String, String), (String, f64)> {
    let place = Place::new(&open(Backend::Flex), DType::F64);
    let mut guards: BTreeMap<(String, String), (String, f64)> = BTreeMap::new();
    for variant in variants()
        .iter()
        .filter(|variant| !variant.case.is_rounded())
    {
        for (setting, change, config) in neighbours(&variant.config) {
            let departure = departure(variant, &config, &place);
            let guard = guards
                .entry((setting, change))
                .or_insert_with(|| ("".into(), 0.0));
            if departure > guard.1 {
                *guard = (variant.title.clone(), departure);
            }
        }
    }
    guards
}

fn departure(variant: &Variant, config: &DescentConfig, place: &Place) -> f64 {
    variant.departure(&variant.walk(config, place))
}

/// What no trajectory can tell apart, and which test does.
const HELD_ELSEWHERE: [(&str, &str, &str); 2] = [
    (
        "gradients.clip-global-norm.form",
        "to torch",
        "1e-6 beside a norm of 1 and more shows too little; the way back is held",
    ),
    (
        "non_finite",
        "to skip",
        "it shows only where gradients are not finite; the way back is held",
    ),
];

/// `cargo xtask test --mutate` prints what this finds.
#[cfg(feature = "flex")]
#[test]
fn a_setting_that_is_moved_leaves_its_reference() {
    let mut unheld = Vec::new();
    let guards = guards();
    for ((setting, change), (title, departure)) in &guards {
        if *departure > FAR {
            println!("{setting} {change}: {departure:.1e} from {title}");
            continue;
        }
        let elsewhere = (HELD_ELSEWHERE.iter()).find(|(own, of, _)| own == setting && of == change);
        match elsewhere {
            Some((_, _, test)) => println!("{setting} {change}: {test}"),
            None => unheld.push(format!("{setting} {change}: {departure:.1e} from {title}")),
        }
    }
    println!("{} changes, each held by a reference", guards.len());
    assert!(unheld.is_empty(), "not held:\n{}", unheld.join("\n"));
    // Every optimizer is there with every setting.
    for config in OptimizerConfig::all() {
        let own = serde_json::to_value(&config).expect("a config is JSON");
        let settings = own[config.name()].as_object().expect("settings");
        for setting in settings.keys() {
            let place = format!("optimizer.{}.{setting}", config.name());
            let within = format!("{place}.");
            let is_moved =
                (guards.keys()).any(|(held, _)| *held == place || held.starts_with(&within));
            assert!(is_moved, "{place} is never moved");
        }
    }
}

/// Every setting that is a number has a bound below, and the error names it.
#[test]
fn a_setting_out_of_bounds_is_named() {
    let mut checked = 0;
    for config in OptimizerConfig::all() {
        let whole = serde_json::to_value(&config).expect("a config is JSON");
        let settings = whole[config.name()].as_object().expect("settings");
        for (setting, value) in settings.iter().filter(|(_, value)| value.is_f64()) {
            for bad in [-1.0, f64::NAN, f64::INFINITY] {
                if setting == "rate_power" && bad == -1.0 {
                    continue;
                }
                let mut changed = config.clone();
                assert!(changed.set(setting, bad), "{setting} is {value}");
                let error = changed.init().err().expect("it is out of every bound");
                assert_eq!(error.name, setting);
                assert!(
                    error.to_string().ends_with(&format!("got {bad}")),
                    "{error}"
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 300, "{checked}");
}

/// A preset is the library's settings, whatever stands beside it; and it must be one that has the
/// optimizer.
#[test]
fn a_preset_is_filled_in_and_overridden() {
    let read = |text: &str| toml::from_str::<OptimizerConfig>(text);
    let keras = OptimizerConfig::preset("adam", Preset::Keras).expect("there is an adam");
    assert_eq!(read("adam = { preset = 'keras' }").ok(), keras.ok());
    let mut expected = downhill::AdamConfig::keras();
    expected.beta_1 = 0.5;
    let found = read("adam = { preset = 'keras', beta_1 = 0.5 }").expect("it is right");
    assert_eq!(found, OptimizerConfig::Adam(expected));

    let error = read("lion = { preset = 'torch' }").expect_err("PyTorch has no Lion");
    let message = error.to_string();
    let expected = "preset must be one of optax, keras, burn, got torch: lion is not in it";
    assert!(message.contains(expected), "{message}");
    let error = read("adam = { beta_3 = 1 }").expect_err("Adam has no beta_3");
    assert!(
        error.to_string().contains("unknown field `beta_3`"),
        "{error}"
    );
    let error = read("adam = { preset = 'jax' }").expect_err("there is no such preset");
    assert!(
        error.to_string().contains("unknown variant `jax`"),
        "{error}"
    );

    let adamw = read("adamw = {}").expect("defaults do");
    assert_eq!(adamw.get("weight_decay"), Some(0.01));
    let adamw = read("adamw = { preset = 'keras' }").expect("Keras has it");
    assert_eq!(adamw.get("weight_decay"), Some(0.004));
}

/// A config is read back as it was written, from TOML and from JSON.
#[test]
fn every_config_reads_back() {
    let all = OptimizerConfig::all();
    assert!(all.len() > 30, "{}", all.len());
    for config in all {
        let toml = toml::to_string(&config).expect("a config is TOML");
        assert_eq!(
            toml::from_str::<OptimizerConfig>(&toml).ok().as_ref(),
            Some(&config)
        );
        let json = serde_json::to_string(&config).expect("a config is JSON");
        assert_eq!(
            serde_json::from_str::<OptimizerConfig>(&json).ok().as_ref(),
            Some(&config)
        );
    }
    for variant in variants() {
        let json = serde_json::to_string(&variant.config).expect("a config is JSON");
        let read = serde_json::from_str::<DescentConfig>(&json).ok();
        assert_eq!(read.as_ref(), Some(&variant.config), "{}", variant.title);
    }
}
