//! Every setting of every optimizer is held by a test: moved, it leads away from a reference.

use std::collections::{BTreeMap, BTreeSet};

use burn::optim::Optimizer;
use burn::tensor::{DType, Device, Tensor, TensorData};
use downhill::{
    AdaDeltaConfig, AdaGradConfig, AdamConfig, MomentumConfig, MomentumForm, NesterovConfig,
    OptimizerConfig, RmsPropConfig, SgdConfig,
};
use downhill_trainer::Backend;
use serde_json::{Map, Value, json};

use crate::backend::{distance, open, values};
use crate::trajectories::{departure, variants, walk};

/// 100 times the tolerance of the trajectories in `f64`.
const FAR: f64 = 1e-8;

/// The other words of a setting that is a word.
const WORDS: [(&str, &[&str]); 2] = [
    (
        "epsilon_place",
        &["outside", "inside", "corrected", "uncorrected"],
    ),
    ("form", &["velocity", "buffer"]),
];

/// Other values of a setting: numbers moved by a hundredth, or off zero, and the other words.
fn moved(setting: &str, value: &Value) -> Vec<Value> {
    match value {
        Value::Number(number) => match number.as_f64().expect("settings are finite") {
            0.0 => vec![Value::from(0.01)],
            number => vec![Value::from(1.01 * number), Value::from(0.99 * number)],
        },
        Value::String(word) => {
            let (_, words) = (WORDS.iter())
                .find(|(name, _)| *name == setting)
                .unwrap_or_else(|| panic!("{setting} is a word unknown to this test"));
            words
                .iter()
                .filter(|other| *other != word)
                .map(|&other| other.into())
                .collect()
        }
        other => panic!("{setting} is neither a number nor a word: {other}"),
    }
}

/// The settings of an optimizer, and its name.
fn settings(config: &OptimizerConfig) -> (String, Map<String, Value>) {
    let Value::Object(tagged) = serde_json::to_value(config).expect("a config is JSON") else {
        panic!("a config is an object");
    };
    let (name, settings) = tagged.into_iter().next().expect("it has one key");
    let Value::Object(settings) = settings else {
        panic!("the settings of {name} are an object");
    };
    (name, settings)
}

/// The configs that differ in one setting and are within all bounds.
fn neighbours(config: &OptimizerConfig) -> Vec<(String, OptimizerConfig)> {
    let (name, settings) = settings(config);
    let mut neighbours = Vec::new();
    for (setting, value) in &settings {
        for other in moved(setting, value) {
            let mut changed = settings.clone();
            changed.insert(setting.clone(), other);
            let key = format!("{name}.{setting}");
            // Words of other optimizers and values out of bounds fall out here.
            match serde_json::from_value::<OptimizerConfig>(json!({ (name.clone()): changed })) {
                Ok(config) if config.init().is_ok() => neighbours.push((key, config)),
                _ => {}
            }
        }
    }
    neighbours
}

#[cfg(feature = "flex")]
#[test]
fn a_setting_that_is_moved_leaves_its_reference() {
    let device = open(Backend::Flex);
    let mut held: BTreeMap<String, usize> = BTreeMap::new();
    let mut unheld = Vec::new();
    for variant in variants() {
        let mut farthest: BTreeMap<String, f64> = BTreeMap::new();
        for (setting, config) in neighbours(&variant.config) {
            let walked = walk(&config, variant.reference, DType::F64, &device);
            let entry = farthest.entry(setting).or_insert(0.0);
            *entry = entry.max(departure(&walked, variant.expected));
        }
        for (setting, distance) in farthest {
            let count = held.entry(setting.clone()).or_insert(0);
            if distance > FAR {
                *count += 1;
            } else {
                unheld.push(format!("{setting} in {}: {distance:e}", variant.name));
            }
        }
    }
    println!(
        "references that hold each setting: {held:#?}\nmoved by too little to show: {unheld:#?}"
    );
    // At a constant rate both forms of a memory take the same steps; the next test holds them.
    let forms = ["momentum.form", "nesterov.form"];
    for (setting, references) in &held {
        assert!(
            *references > 0 || forms.contains(&setting.as_str()),
            "{setting} is not held"
        );
    }
    let expected: BTreeSet<String> = (variants().iter())
        .flat_map(|variant| {
            let (name, settings) = settings(&variant.config);
            settings
                .into_iter()
                .map(move |(setting, _)| format!("{name}.{setting}"))
        })
        .collect();
    assert_eq!(held.into_keys().collect::<BTreeSet<_>>(), expected);
}

/// The forms written out for a single number, as in the docs, with a rate that halves each step.
fn by_hand(form: MomentumForm, nesterov: bool, gradients: &[f64]) -> Vec<f64> {
    let (mut x, mut v, mut rate) = (1.0, 0.0, 0.5);
    let mu = 0.9;
    let step = |g: &f64| {
        match (form, nesterov) {
            (MomentumForm::Velocity, false) => {
                v = mu * v - rate * g;
                x += v;
            }
            (MomentumForm::Buffer, false) => {
                v = mu * v + g;
                x -= rate * v;
            }
            (MomentumForm::Velocity, true) => {
                x += mu * mu * v - (1.0 + mu) * rate * g;
                v = mu * v - rate * g;
            }
            (MomentumForm::Buffer, true) => {
                v = mu * v + g;
                x -= rate * (g + mu * v);
            }
        }
        rate /= 2.0;
        x
    };
    gradients.iter().map(step).collect()
}

fn with_falling_rate<O: Optimizer>(optimizer: &O, gradients: &[f64], device: &Device) -> Vec<f64> {
    let tensor = |value: f64| -> Tensor<1> {
        Tensor::from_data(TensorData::new(vec![value], [1]), (device, DType::F64))
    };
    let (mut x, mut state, mut rate) = (tensor(1.0), None, 0.5);
    let mut places = Vec::new();
    for &gradient in gradients {
        (x, state) = optimizer.step(rate, x, tensor(gradient), state);
        rate /= 2.0;
        places.extend(values(x.clone()));
    }
    places
}

#[cfg(feature = "flex")]
#[test]
fn the_form_of_a_memory_shows_when_the_rate_changes() {
    let device = open(Backend::Flex);
    let gradients = [1.0, -0.5, 0.25, 2.0, -1.0];
    let learning_rate = 0.5;
    for form in [MomentumForm::Velocity, MomentumForm::Buffer] {
        let other = match form {
            MomentumForm::Velocity => MomentumForm::Buffer,
            MomentumForm::Buffer => MomentumForm::Velocity,
        };
        let momentum = MomentumConfig {
            learning_rate,
            form,
            ..MomentumConfig::book()
        };
        let momentum = momentum.build().expect("within bounds");
        let walked = with_falling_rate(&momentum, &gradients, &device);
        assert!(distance(&walked, &by_hand(form, false, &gradients)) < 1e-12);
        assert!(distance(&walked, &by_hand(other, false, &gradients)) > 1e-2);

        let nesterov = NesterovConfig {
            learning_rate,
            form,
            ..NesterovConfig::book()
        };
        let nesterov = nesterov.build().expect("within bounds");
        let walked = with_falling_rate(&nesterov, &gradients, &device);
        assert!(distance(&walked, &by_hand(form, true, &gradients)) < 1e-12);
        assert!(distance(&walked, &by_hand(other, true, &gradients)) > 1e-2);
    }
}

/// Every numeric setting has a bound below, and the error names it.
#[test]
fn a_setting_out_of_bounds_is_named() {
    let mut checked = 0;
    for variant in variants() {
        let (name, settings) = settings(&variant.config);
        for (setting, _) in settings.iter().filter(|(_, value)| value.is_number()) {
            let mut changed = settings.clone();
            changed.insert(setting.clone(), json!(-1));
            let config = json!({ (name.clone()): changed });
            let config: OptimizerConfig = serde_json::from_value(config).expect("it is typed well");
            let error = config.init().err().expect("-1 is out of every bound");
            assert_eq!(error.name, setting);
            assert!(error.to_string().ends_with("got -1"), "{error}");
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked}");
}

/// What the constructors promise, and that PyTorch's are the defaults.
#[test]
fn presets_have_the_settings_of_their_library() {
    let sgd = |learning_rate: f64| json!({ "learning_rate": learning_rate });
    let momentum = |learning_rate: f64, form: &str| json!({ "learning_rate": learning_rate, "momentum": 0.9, "form": form, "dampening": 0.0 });
    let nesterov = |learning_rate: f64, form: &str| json!({ "learning_rate": learning_rate, "momentum": 0.9, "form": form });
    let adagrad = |epsilon: f64, place: &str| {
        json!({
            "learning_rate": 0.01, "epsilon": epsilon, "epsilon_place": place,
            "initial_accumulator": 0.0, "rate_decay": 0.0,
        })
    };
    let rms_prop = |learning_rate: f64, epsilon: f64, place: &str| {
        json!({
            "learning_rate": learning_rate, "rho": 0.99, "epsilon": epsilon, "epsilon_place": place,
        })
    };
    let ada_delta = |rho: f64| json!({ "learning_rate": 1.0, "rho": rho, "epsilon": 1e-6 });
    let adam = |epsilon: f64, place: &str, decay: f64| {
        json!({
            "learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": epsilon,
            "epsilon_place": place, "beta_1_decay": decay,
        })
    };
    for (preset, expected) in [
        (to_json(&SgdConfig::book()), sgd(0.01)),
        (to_json(&SgdConfig::theano()), sgd(0.01)),
        (to_json(&SgdConfig::torch()), sgd(0.001)),
        (to_json(&SgdConfig::default()), sgd(0.001)),
        (to_json(&MomentumConfig::book()), momentum(0.01, "velocity")),
        (
            to_json(&MomentumConfig::theano()),
            momentum(0.01, "velocity"),
        ),
        (to_json(&MomentumConfig::torch()), momentum(0.001, "buffer")),
        (
            to_json(&MomentumConfig::default()),
            momentum(0.001, "buffer"),
        ),
        (to_json(&NesterovConfig::book()), nesterov(0.01, "velocity")),
        (to_json(&NesterovConfig::torch()), nesterov(0.001, "buffer")),
        (
            to_json(&NesterovConfig::default()),
            nesterov(0.001, "buffer"),
        ),
        (to_json(&AdaGradConfig::book()), adagrad(1e-7, "outside")),
        (to_json(&AdaGradConfig::theano()), adagrad(1e-6, "inside")),
        (to_json(&AdaGradConfig::torch()), adagrad(1e-10, "outside")),
        (
            to_json(&AdaGradConfig::default()),
            adagrad(1e-10, "outside"),
        ),
        (
            to_json(&RmsPropConfig::book()),
            rms_prop(0.01, 1e-7, "outside"),
        ),
        (
            to_json(&RmsPropConfig::theano()),
            rms_prop(0.001, 1e-8, "inside"),
        ),
        (
            to_json(&RmsPropConfig::torch()),
            rms_prop(0.01, 1e-8, "outside"),
        ),
        (
            to_json(&RmsPropConfig::default()),
            rms_prop(0.01, 1e-8, "outside"),
        ),
        (to_json(&AdaDeltaConfig::theano()), ada_delta(0.95)),
        (to_json(&AdaDeltaConfig::torch()), ada_delta(0.9)),
        (to_json(&AdaDeltaConfig::default()), ada_delta(0.9)),
        (to_json(&AdamConfig::book()), adam(1e-7, "uncorrected", 1.0)),
        (
            to_json(&AdamConfig::theano()),
            adam(1e-8, "corrected", 1.0 - 1e-8),
        ),
        (to_json(&AdamConfig::torch()), adam(1e-8, "corrected", 1.0)),
        (
            to_json(&AdamConfig::default()),
            adam(1e-8, "corrected", 1.0),
        ),
    ] {
        assert_eq!(preset, expected);
    }
}

fn to_json(config: &impl serde::Serialize) -> Value {
    serde_json::to_value(config).expect("a config is JSON")
}
