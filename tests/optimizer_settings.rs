//! Every setting is pinned by a reference: if it is changed, the reference no longer matches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use burn::tensor::DType;
use downhill::{AdamWConfig, Descent, DescentConfig, OptimizerConfig, Preset, WeightDecay};
use downhill_trainer::Backend;
use schemars::schema_for;
use serde_json::{Value, json};

use crate::backend::open;
use crate::numbers::{Numbers, Place, descend};
use crate::trajectories::{Variant, variants};

/// 100 times the tolerance of the trajectories in `f64`.
const FAR: f64 = 1e-8;

/// The kinds that hold a number, each with a number for it.
const KINDS: [(&str, f64); 15] = [
    ("l2", 0.01),
    ("decoupled", 0.01),
    ("independent", 0.01),
    ("proximal", 0.01),
    ("cautious", 0.01),
    ("rising", 0.01),
    ("rms", 0.1),
    ("exact-rms", 0.1),
    ("distance", 0.05),
    ("heuristic", 0.05),
    ("rate", 0.02),
    ("clip-norm", 1.0),
    ("clip-rms", 1.0),
    ("clip-value", 1.0),
    ("exp-range", 0.9),
];

/// The words and kinds that settings can be, as the schema of a descent has them. Those that a
/// setting does not know fall out.
static CHOICES: LazyLock<Choices> = LazyLock::new(|| {
    let schema = schema_for!(DescentConfig).to_value();
    let mut choices = Choices::default();
    choices.gather(&schema);
    choices
});

#[derive(Default)]
struct Choices {
    words: BTreeSet<String>,
    /// Those that hold a number, such as `l2`.
    kinds: BTreeSet<String>,
}

impl Choices {
    fn gather(&mut self, schema: &Value) {
        let constant = schema.get("const").into_iter();
        let listed = schema["enum"].as_array().into_iter().flatten();
        let words = constant.chain(listed).filter_map(Value::as_str);
        self.words.extend(words.map(str::to_owned));
        for choice in schema["oneOf"].as_array().into_iter().flatten() {
            let kinds = choice["properties"].as_object().into_iter().flatten();
            let numbers = kinds.filter(|(_, held)| held["type"] == "number");
            self.kinds.extend(numbers.map(|(kind, _)| kind.clone()));
        }
        match schema {
            Value::Object(fields) => fields.values().for_each(|inner| self.gather(inner)),
            Value::Array(items) => items.iter().for_each(|inner| self.gather(inner)),
            _ => {}
        }
    }
}

/// The schema knows no kind for which there is no number here.
#[test]
fn every_kind_is_moved() {
    let unknown: Vec<&String> = (CHOICES.kinds.iter())
        .filter(|kind| !KINDS.iter().any(|(known, _)| known == kind))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?} have no number in KINDS");
    assert!(CHOICES.words.len() > 48, "{:?}", CHOICES.words);
}

/// Other values of a setting, each with how to call the change.
fn moved(value: &Value) -> Vec<(String, Value)> {
    let words = || {
        CHOICES
            .words
            .iter()
            .map(|word| (format!("to {word}"), json!(word)))
    };
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
        Value::String(_) => words().chain(kinds(None)).collect(),
        Value::Object(tagged) if tagged.len() == 1 => {
            let number = tagged.values().next().and_then(Value::as_f64);
            words().chain(kinds(number)).collect()
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
const HELD_ELSEWHERE: [(&str, &str, &str); 4] = [
    (
        "optimizer.shampoo.max_precondition_dim",
        "up",
        "pytorch_optimizer has no such bound; `the_axes_that_are_preconditioned_are_chosen`",
    ),
    (
        "optimizer.shampoo.max_precondition_dim",
        "down",
        "pytorch_optimizer has no such bound; `the_axes_that_are_preconditioned_are_chosen`",
    ),
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
                let may_be_below_0 = ["learning_rate_power", "f_min", "lower_bound"];
                if may_be_below_0.contains(&setting.as_str()) && bad == -1.0 {
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
    let expected = "lion has no preset `torch`; choose one of optax, keras, burn";
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

/// A renamed setting is an error that gives the new name, whatever reads the config.
#[test]
fn an_old_name_is_answered_with_the_new_one() {
    let mut answered = 0;
    for config in OptimizerConfig::all() {
        for (old, new) in config.renamed_settings() {
            let written = json!({ config.name(): { *old: 1.0 } });
            let error = serde_json::from_value::<OptimizerConfig>(written).expect_err("it is old");
            assert_eq!(error.to_string(), format!("`{old}` is now `{new}`"));
            let current = serde_json::to_value(&config).expect("a config is JSON");
            assert!(current[config.name()].get(*new).is_some(), "{new}");
            answered += 1;
        }
    }
    assert!(answered > 10, "{answered}");
    for (old, new) in [
        ("signsgd", "sign-sgd"),
        ("schedulefree", "schedule-free"),
        ("dadaptadam", "d-adapt-adam"),
    ] {
        assert_eq!(OptimizerConfig::renamed(old), Some(new));
        let read = |name: &str| serde_json::from_value::<OptimizerConfig>(json!({ name: {} }));
        let found = read(old).expect("an alias");
        assert_eq!(found.name(), new);
        assert_eq!(found, read(new).expect("the name"));
    }
}

/// AdamW is the same optimizer from Rust and from a file: each loads the other's state and goes on
/// to the same bits.
#[cfg(feature = "flex")]
#[test]
fn adamw_from_rust_and_from_a_file_load_each_others_state() {
    let device = open(Backend::Flex);
    let place = Place::new(&device, DType::F64);
    let decay = WeightDecay::Decoupled(0.1);
    let from_rust = DescentConfig::new(AdamWConfig::keras().with_weight_decay(decay));
    let text =
        r#"{"optimizer": {"adamw": {"preset": "keras", "weight_decay": {"decoupled": 0.1}}}}"#;
    let from_file: DescentConfig = serde_json::from_str(text).expect("it is right");
    assert_eq!(from_rust, from_file);
    let shapes = [vec![3], vec![2, 2]];
    let gradients: Vec<Vec<f64>> = (0..6)
        .map(|step| {
            (0..7)
                .map(|index| f64::from(step * index) * 0.3 - 2.0)
                .collect()
        })
        .collect();
    let start = || Numbers::new(&[1.0, -2.0, 3.0, 0.5, 0.0, -1.0, 4.0], &shapes, &place);
    let whole = descend(&mut build(&from_rust), start(), &gradients, &place).parameters;
    for (saving, loading) in [(&from_rust, &from_file), (&from_file, &from_rust)] {
        let mut before = build(saving);
        let way = descend(&mut before, start(), &gradients[..3], &place).parameters;
        let bytes = before.to_bytes().expect("it can be saved");
        let mut after = build(loading);
        after.load_bytes(bytes, &device).expect("and loaded");
        let middle = Numbers::new(&way[2], &shapes, &place);
        let way = descend(&mut after, middle, &gradients[3..], &place).parameters;
        assert_eq!(way, whole[3..]);
    }
}

fn build(config: &DescentConfig) -> Descent {
    config.build().expect("within bounds")
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
