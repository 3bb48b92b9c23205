//! What holds for every optimizer, whatever its rule.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{DType, Device, Tensor, TensorData};
use downhill::OptimizerConfig;
use downhill_trainer::Backend;
use serde_json::json;

use crate::backend::{distance, open, tensor, values};
use crate::trajectories::variants;

/// One of each kind, with its defaults.
fn optimizers() -> Vec<OptimizerConfig> {
    [
        "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam",
    ]
    .map(|name| serde_json::from_value(json!({ name: {} })).expect("defaults do"))
    .to_vec()
}

fn init(config: &OptimizerConfig) -> ModuleOptimizer {
    config.init().expect("defaults are within bounds")
}

/// A module of one parameter of rank 2.
fn module(values: &[f64], shape: [usize; 2], dtype: DType, device: &Device) -> Linear {
    let data = TensorData::new(values.to_vec(), shape).convert_dtype(dtype);
    let weight = Tensor::<2>::from_data(data, (device, dtype));
    Linear {
        weight: Param::from_tensor(weight),
        bias: None,
    }
}

/// A step with the gradient `factor * weight + 1`.
fn step(
    optimizer: &mut ModuleOptimizer,
    config: &OptimizerConfig,
    module: Linear,
    factor: f64,
) -> Linear {
    let weight = module.weight.val();
    let loss = (weight.clone().square().mul_scalar(0.5 * factor) + weight).sum();
    let gradients = GradientsParams::from_grads(loss.backward(), &module);
    optimizer.step(config.learning_rate(), module, gradients)
}

const START: [f64; 6] = [1.0, -2.0, 0.5, 3.0, -1.0, 0.25];

/// Any shape takes the same steps.
pub(crate) fn stepping_commutes_with_reshaping(backend: Backend) {
    let device = open(backend).autodiff();
    for config in optimizers() {
        let walk = |shape| {
            let mut optimizer = init(&config);
            let mut module = module(&START, shape, DType::F32, &device);
            for _ in 0..3 {
                module = step(&mut optimizer, &config, module, 2.0);
            }
            values(module.weight.val())
        };
        let flat = walk([1, 6]);
        assert!(
            distance(&flat, &START) > 0.0,
            "{} does not move",
            config.name()
        );
        assert_eq!(flat, walk([2, 3]), "{}", config.name());
        assert_eq!(flat, walk([3, 2]), "{}", config.name());
    }
}

/// Without a gradient nothing moves.
pub(crate) fn zero_gradients_change_nothing(backend: Backend) {
    let device = open(backend).autodiff();
    let variants = variants().into_iter().map(|variant| variant.config);
    for config in optimizers().into_iter().chain(variants) {
        let mut optimizer = init(&config);
        let mut module = module(&START, [2, 3], DType::F32, &device);
        for _ in 0..3 {
            let zero: Tensor<2> = tensor(&[0.0; 6], [2, 3], &device.clone().inner());
            let mut gradients = GradientsParams::new();
            gradients.register(module.weight.id, zero);
            module = optimizer.step(config.learning_rate(), module, gradients);
        }
        assert_eq!(values(module.weight.val()), START, "{}", config.name());
    }
}

/// What is frozen, or took no part in the loss, keeps its bits.
pub(crate) fn frozen_and_unused_parameters_keep_their_bits(backend: Backend) {
    let device = open(backend).autodiff();
    for config in optimizers() {
        let mut optimizer = init(&config);
        let mut pair = vec![
            module(&START, [2, 3], DType::F32, &device),
            module(&START, [2, 3], DType::F32, &device).no_grad(),
            module(&START, [2, 3], DType::F32, &device),
        ];
        for _ in 0..2 {
            let loss = (pair[0].weight.val() * pair[1].weight.val()).sum();
            let gradients = GradientsParams::from_grads(loss.backward(), &pair);
            pair = optimizer.step(config.learning_rate(), pair, gradients);
        }
        let [moved, frozen, unused] = pair.as_slice() else {
            panic!("three modules");
        };
        assert_ne!(values(moved.weight.val()), START, "{}", config.name());
        assert_eq!(values(frozen.weight.val()), START, "{}", config.name());
        assert_eq!(values(unused.weight.val()), START, "{}", config.name());
    }
}

/// Saved, loaded and stepped is stepped, bit for bit.
pub(crate) fn a_loaded_state_goes_on_bit_for_bit(backend: Backend) {
    let plain = open(backend);
    let types = match backend {
        Backend::Flex | Backend::Ndarray => vec![DType::F32, DType::F64],
        // WebGPU has no doubles.
        Backend::Wgpu => vec![DType::F32],
    };
    for variant in variants() {
        for &dtype in &types {
            let device = plain.clone().autodiff();
            let config = &variant.config;
            let mut optimizer = init(config);
            let mut module = module(&START, [2, 3], dtype, &device);
            for _ in 0..3 {
                module = step(&mut optimizer, config, module, 2.0);
            }
            let bytes = optimizer.into_bytes().expect("a state can be saved");
            let mut loaded = init(config).from_bytes(bytes).expect("and loaded");
            let mut other = module.clone();
            for _ in 0..3 {
                module = step(&mut optimizer, config, module, 2.0);
                other = step(&mut loaded, config, other, 2.0);
            }
            assert_eq!(
                values(module.weight.val()),
                values(other.weight.val()),
                "{} in {dtype:?}",
                variant.name
            );
        }
    }
}
