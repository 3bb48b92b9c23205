//! Each optimizer goes the way of the variant that its settings name.

use burn::optim::Optimizer;
use burn::tensor::{DType, Device, Tensor, TensorData};
use downhill::{
    AdaDeltaConfig, AdaGradConfig, AdamConfig, MomentumConfig, NesterovConfig, OptimizerConfig,
    RmsPropConfig, SgdConfig,
};
use downhill_trainer::Backend;
use serde_json::{Value, json};

use crate::backend::{distance, open, values};
use crate::reference::{Reference, SEED_VARIANTS, TORCH};

/// A variant of ours beside the reference that it must follow.
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) config: OptimizerConfig,
    pub(crate) reference: &'static Reference,
    pub(crate) expected: &'static [Vec<f64>],
}

/// Every variant that a reference exists for.
pub(crate) fn variants() -> Vec<Variant> {
    let seed = |name, config, ours| variant(&SEED_VARIANTS, name, &config, ours);
    let torch = |name, config, ours| variant(&TORCH, name, &config, ours);
    let momentum = |momentum: MomentumConfig| OptimizerConfig::Momentum(momentum);
    let beta = json!({"lr": 0.001, "beta1": 0.9, "beta2": 0.999});
    let theano_adam = |gamma: f64| json!({"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "gamma": gamma});
    vec![
        seed(
            "SGD",
            json!({"lr": 0.01}),
            OptimizerConfig::Sgd(SgdConfig::book()),
        ),
        seed(
            "Momentum",
            json!({"lr": 0.01, "momentum": 0.9}),
            momentum(MomentumConfig::book()),
        ),
        seed(
            "Nesterov_oreilly",
            json!({"lr": 0.01, "momentum": 0.9}),
            OptimizerConfig::Nesterov(NesterovConfig::book()),
        ),
        seed(
            "AdaGrad",
            json!({"lr": 0.01}),
            OptimizerConfig::AdaGrad(AdaGradConfig::book()),
        ),
        seed(
            "RMSprop",
            json!({"lr": 0.01, "decay_rate": 0.99}),
            OptimizerConfig::RmsProp(RmsPropConfig::book()),
        ),
        seed("Adam", beta, OptimizerConfig::Adam(AdamConfig::book())),
        seed(
            "theano_AdaGrad",
            json!({"lr": 0.01, "eps": 1e-6}),
            OptimizerConfig::AdaGrad(AdaGradConfig::theano()),
        ),
        seed(
            "theano_RMSprop",
            json!({"lr": 0.001, "alpha": 0.99, "eps": 1e-8}),
            OptimizerConfig::RmsProp(RmsPropConfig::theano()),
        ),
        seed(
            "theano_AdaDelta",
            json!({"lr": 1.0, "rho": 0.95, "eps": 1e-6}),
            OptimizerConfig::AdaDelta(AdaDeltaConfig::theano()),
        ),
        seed(
            "theano_Adam",
            theano_adam(0.999_999_99),
            OptimizerConfig::Adam(AdamConfig::theano()),
        ),
        seed(
            "theano_Adam",
            theano_adam(0.9),
            OptimizerConfig::Adam(AdamConfig {
                beta_1_decay: 0.9,
                ..AdamConfig::theano()
            }),
        ),
        // It ignores the rate that it is given and takes 0.01.
        seed(
            "theano_SGD",
            json!({"lr": 0.5}),
            OptimizerConfig::Sgd(SgdConfig::theano()),
        ),
        torch(
            "torch.optim.SGD",
            json!({"lr": 0.01}),
            OptimizerConfig::Sgd(SgdConfig {
                learning_rate: 0.01,
            }),
        ),
        torch(
            "torch.optim.SGD",
            json!({"lr": 0.01, "momentum": 0.9}),
            momentum(MomentumConfig {
                learning_rate: 0.01,
                ..MomentumConfig::torch()
            }),
        ),
        torch(
            "torch.optim.SGD",
            json!({"lr": 0.01, "momentum": 0.9, "dampening": 0.1}),
            momentum(MomentumConfig {
                learning_rate: 0.01,
                dampening: 0.1,
                ..MomentumConfig::torch()
            }),
        ),
        torch(
            "torch.optim.SGD",
            json!({"lr": 0.01, "momentum": 0.9, "nesterov": true}),
            OptimizerConfig::Nesterov(NesterovConfig {
                learning_rate: 0.01,
                ..NesterovConfig::torch()
            }),
        ),
        torch(
            "torch.optim.Adagrad",
            json!({"lr": 0.1, "eps": 0.001}),
            OptimizerConfig::AdaGrad(AdaGradConfig {
                learning_rate: 0.1,
                epsilon: 0.001,
                ..AdaGradConfig::torch()
            }),
        ),
        torch(
            "torch.optim.Adagrad",
            json!({"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.1}),
            OptimizerConfig::AdaGrad(AdaGradConfig {
                learning_rate: 0.1,
                rate_decay: 0.1,
                initial_accumulator: 0.1,
                ..AdaGradConfig::torch()
            }),
        ),
        torch(
            "torch.optim.Adadelta",
            json!({"lr": 1.0, "rho": 0.95, "eps": 1e-6}),
            OptimizerConfig::AdaDelta(AdaDeltaConfig {
                rho: 0.95,
                ..AdaDeltaConfig::torch()
            }),
        ),
        torch(
            "torch.optim.Adadelta",
            json!({"lr": 0.5, "rho": 0.9, "eps": 0.001}),
            OptimizerConfig::AdaDelta(AdaDeltaConfig {
                learning_rate: 0.5,
                epsilon: 0.001,
                ..AdaDeltaConfig::torch()
            }),
        ),
        torch(
            "torch.optim.RMSprop",
            json!({"lr": 0.01, "alpha": 0.9, "eps": 0.001}),
            OptimizerConfig::RmsProp(RmsPropConfig {
                rho: 0.9,
                epsilon: 0.001,
                ..RmsPropConfig::torch()
            }),
        ),
        torch(
            "torch.optim.RMSprop",
            json!({"lr": 0.01}),
            OptimizerConfig::RmsProp(RmsPropConfig::torch()),
        ),
        torch(
            "torch.optim.Adam",
            json!({"lr": 0.01, "eps": 0.001}),
            OptimizerConfig::Adam(AdamConfig {
                learning_rate: 0.01,
                epsilon: 0.001,
                ..AdamConfig::torch()
            }),
        ),
        torch(
            "torch.optim.Adam",
            json!({"lr": 0.01}),
            OptimizerConfig::Adam(AdamConfig {
                learning_rate: 0.01,
                ..AdamConfig::torch()
            }),
        ),
    ]
}

#[track_caller]
fn variant(
    reference: &'static Reference,
    name: &str,
    settings: &Value,
    config: OptimizerConfig,
) -> Variant {
    Variant {
        name: format!("{name} {settings}"),
        config,
        reference,
        expected: &reference
            .case(name, settings)
            .expected_params_after_each_step,
    }
}

/// Where the optimizer goes: the parameters after each step.
pub(crate) fn walk(
    config: &OptimizerConfig,
    reference: &Reference,
    dtype: DType,
    device: &Device,
) -> Vec<Vec<f64>> {
    let rate = config.learning_rate();
    let built = "the settings are within their bounds";
    match config {
        OptimizerConfig::Sgd(config) => walk_with(
            &config.build().expect(built),
            rate,
            reference,
            dtype,
            device,
        ),
        OptimizerConfig::Momentum(config) => walk_with(
            &config.build().expect(built),
            rate,
            reference,
            dtype,
            device,
        ),
        OptimizerConfig::Nesterov(config) => walk_with(
            &config.build().expect(built),
            rate,
            reference,
            dtype,
            device,
        ),
        OptimizerConfig::AdaGrad(config) => walk_with(
            &config.build().expect(built),
            rate,
            reference,
            dtype,
            device,
        ),
        OptimizerConfig::RmsProp(config) => walk_with(
            &config.build().expect(built),
            rate,
            reference,
            dtype,
            device,
        ),
        OptimizerConfig::AdaDelta(config) => walk_with(
            &config.build().expect(built),
            rate,
            reference,
            dtype,
            device,
        ),
        OptimizerConfig::Adam(config) => walk_with(
            &config.build().expect(built),
            rate,
            reference,
            dtype,
            device,
        ),
        other => panic!("no trajectory of {}", other.name()),
    }
}

fn walk_with<O: Optimizer>(
    optimizer: &O,
    rate: f64,
    reference: &Reference,
    dtype: DType,
    device: &Device,
) -> Vec<Vec<f64>> {
    let tensor = |values: &[f64]| -> Tensor<1> {
        let data = TensorData::new(values.to_vec(), [values.len()]).convert_dtype(dtype);
        Tensor::from_data(data, (device, dtype))
    };
    let mut x = tensor(&reference.init);
    let mut state = None;
    let mut places = Vec::new();
    for gradient in &reference.grads {
        (x, state) = optimizer.step(rate, x, tensor(gradient), state);
        places.push(values(x.clone()));
    }
    places
}

/// The largest distance over all steps.
pub(crate) fn departure(walked: &[Vec<f64>], expected: &[Vec<f64>]) -> f64 {
    assert_eq!(walked.len(), expected.len());
    let departures = walked.iter().zip(expected);
    departures.map(|(a, b)| distance(a, b)).fold(0.0, f64::max)
}

/// In `f64` to 1e-10.
fn in_f64(backend: Backend) {
    let device = open(backend);
    for variant in variants() {
        let walked = walk(&variant.config, variant.reference, DType::F64, &device);
        let departure = departure(&walked, variant.expected);
        assert!(departure < 1e-10, "{}: {departure:e}", variant.name);
    }
}

#[cfg(feature = "flex")]
#[test]
fn every_variant_follows_its_reference_in_f64_on_flex() {
    in_f64(Backend::Flex);
}

#[cfg(feature = "ndarray")]
#[test]
fn every_variant_follows_its_reference_in_f64_on_ndarray() {
    in_f64(Backend::Ndarray);
}

/// In `f32` to 2e-6 of the largest parameter.
pub(crate) fn every_variant_follows_its_reference_in_f32(backend: Backend) {
    let device = open(backend);
    for variant in variants() {
        let walked = walk(&variant.config, variant.reference, DType::F32, &device);
        let departure = departure(&walked, variant.expected);
        let all = variant.expected.iter().flatten();
        let largest = all.fold(0.0, |largest: f64, value| largest.max(value.abs()));
        assert!(
            departure < 2e-6 * largest,
            "{}: {departure:e} of {largest}",
            variant.name
        );
    }
}

#[cfg(feature = "flex")]
#[test]
fn widespread_mistakes_are_not_followed() {
    let device = open(Backend::Flex);
    let settings = json!({"lr": 0.01, "momentum": 0.9});
    let mistaken = SEED_VARIANTS.case("Nesterov_wegralee", &settings);
    let ours = OptimizerConfig::Nesterov(NesterovConfig::book());
    let walked = walk(&ours, &SEED_VARIANTS, DType::F64, &device);
    assert!(departure(&walked, &mistaken.expected_params_after_each_step) > 1e-3);

    let ignores_its_rate = SEED_VARIANTS.case("theano_SGD", &json!({"lr": 0.5}));
    let ours = OptimizerConfig::Sgd(SgdConfig { learning_rate: 0.5 });
    let walked = walk(&ours, &SEED_VARIANTS, DType::F64, &device);
    assert!(departure(&walked, &ignores_its_rate.expected_params_after_each_step) > 1e-3);
}

#[cfg(feature = "flex")]
#[test]
fn every_seed_case_is_followed_or_refuted() {
    let followed = variants();
    let followed = followed
        .iter()
        .filter(|variant| std::ptr::eq(variant.reference, &raw const *SEED_VARIANTS));
    assert_eq!(
        followed.count() + 1,
        SEED_VARIANTS.cases.len(),
        "all but Nesterov_wegralee"
    );
}
