//! Every setting of every optimizer is held by a test: moved, it leads away from a reference.

use std::collections::BTreeMap;

use burn::optim::Optimizer;
use burn::tensor::{DType, Device, Tensor, TensorData};
use downhill::{MomentumConfig, MomentumForm, NesterovConfig, OptimizerConfig};
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

/// Other values of a setting.
fn moved(setting: &str, value: &Value) -> Vec<Value> {
    match value {
        Value::Number(number) => {
            let number = number.as_f64().expect("settings are finite");
            [1.01 * number, 0.99 * number, 100.0 * number, number + 0.1]
                .map(Value::from)
                .to_vec()
        }
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
fn a_setting_that_is_moved_leaves_a_reference() {
    let device = open(Backend::Flex);
    let mut farthest: BTreeMap<String, f64> = BTreeMap::new();
    for variant in variants() {
        let (name, own) = settings(&variant.config);
        for setting in own.keys() {
            farthest.entry(format!("{name}.{setting}")).or_insert(0.0);
        }
        for (setting, config) in neighbours(&variant.config) {
            let walked = walk(&config, variant.reference, DType::F64, &device);
            let departure = departure(&walked, variant.expected);
            let entry = farthest.entry(setting).or_insert(0.0);
            *entry = entry.max(departure);
        }
    }
    let unheld: Vec<_> = farthest
        .iter()
        .filter(|(_, distance)| **distance < FAR)
        .collect();
    // At a constant rate both forms of a memory take the same steps; the next test holds them.
    let forms = ["momentum.form", "nesterov.form"];
    assert!(
        unheld
            .iter()
            .all(|(setting, _)| forms.contains(&setting.as_str())),
        "{unheld:?}"
    );
    assert_eq!(farthest.len(), 26, "{:?}", farthest.keys());
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
