//! Rare cases: NaN, layers that do not fit together, parameters computed from others.

use burn::module::{Lora, Module, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};

use super::SparseImages;
use super::tests::{fused, images, network, ordinary};
use crate::{Mlp, MlpConfig, loss};

fn config(hidden: &[usize]) -> MlpConfig {
    MlpConfig {
        hidden: hidden.to_vec(),
        ..MlpConfig::default()
    }
}

fn vector(numbers: &[f32]) -> Param<Tensor<1>> {
    let device = Device::flex().autodiff();
    Param::from_tensor(Tensor::from_floats(numbers, &device))
}

fn zeros(shape: [usize; 2]) -> Param<Tensor<2>> {
    Param::from_tensor(Tensor::zeros(shape, &Device::flex().autodiff()))
}

/// Makes a network with constant logits.
fn constant(logits: [f32; 3]) -> Mlp {
    let mut mlp = network(&config(&[]), 9, 3);
    mlp.output.weight = zeros([9, 3]);
    mlp.output.bias = Some(vector(&logits));
    mlp
}

#[test]
fn large_logits_cost_no_digits() {
    let images = images(8, 9, 3);
    for shift in [0.0_f32, 10.0, 100.0, 1000.0, 1e5] {
        let logits = [shift, shift - 3.0, shift - 4.0];
        let expected = ordinary(&mut constant(logits), &images, &[0], 1).0;
        let trained = fused(&mut constant(logits), &images, &[0], 1).0;
        let score = constant(logits).sparse_score(&images, 0..1).unwrap().0;
        for found in [trained, score] {
            assert!(
                (found - expected).abs() <= 2e-7,
                "{shift}: {found}, {expected}"
            );
        }
    }
}

#[test]
fn a_nan_logit_is_the_answer() {
    let images = images(12, 9, 3);
    for place in 0..3 {
        let mut logits = [1.0, 2.0, 3.0];
        logits[place] = f32::NAN;
        let mlp = constant(logits);
        let (sum, hits) = mlp.sparse_score(&images, 0..12).unwrap();
        let all: Vec<usize> = (0..12).collect();
        let pixels = TensorData::new(images.dense(&all), [12, 9]);
        let answers = mlp
            .valid()
            .evaluate(Tensor::from_data(pixels, &Device::flex()));
        let answers = answers.argmax(1).into_data().convert::<i64>();
        let answers: Vec<i64> = answers.iter().collect();
        let right = answers.iter().zip(images.labels());
        let right = right.filter(|(answer, label)| **answer == i64::from(**label));
        assert_eq!(hits, right.count(), "{place}");
        assert!(sum.is_nan());
    }
}

#[test]
fn relu_passes_nan_gradients_on() {
    let images = images(8, 9, 3);
    let with_nan = || {
        let mut mlp = network(&config(&[2]), 9, 3);
        mlp.hidden[0].linear.bias = Some(vector(&[f32::NAN, 1.0]));
        mlp
    };
    let are_none = |(_, gradients): &(f64, Vec<(String, Vec<f32>)>)| {
        // The gradients of the first weights are sums over nonzero pixels only.
        let gradients = gradients.iter();
        let gradients = gradients.filter(|(name, _)| !name.contains("hidden.0.linear.weight"));
        let none =
            gradients.map(|(name, of)| (name.clone(), of.iter().map(|g| g.is_nan()).collect()));
        none.collect::<Vec<(String, Vec<bool>)>>()
    };
    assert_eq!(
        are_none(&fused(&mut with_nan(), &images, &[0, 1, 2], 1)),
        are_none(&ordinary(&mut with_nan(), &images, &[0, 1, 2], 1))
    );
}

#[test]
#[should_panic(expected = "a product of no steps")]
fn a_layer_without_units_is_refused() {
    let images = images(8, 9, 3);
    let mut mlp = network(&config(&[4]), 9, 3);
    mlp.hidden[0].linear.weight = zeros([9, 0]);
    mlp.hidden[0].linear.bias = Some(vector(&[]));
    mlp.output.weight = zeros([0, 3]);
    let _ = mlp.sparse_score(&images, 0..8);
}

#[test]
#[should_panic(expected = "10 inputs for a layer of 8 inputs")]
fn layers_that_do_not_fit_are_refused() {
    let mut mlp = network(&config(&[10]), 9, 3);
    mlp.output.weight = zeros([8, 3]);
    let _ = mlp.sparse_score(&images(8, 9, 3), 0..8);
}

#[test]
#[should_panic(expected = "number of biases of a layer of 10 units")]
fn biases_that_do_not_fit_are_refused() {
    let mut mlp = network(&config(&[10]), 9, 3);
    mlp.hidden[0].linear.bias = Some(vector(&[1.0; 5]));
    let _ = mlp.sparse_score(&images(8, 9, 3), 0..8);
}

#[test]
fn the_sources_of_a_computed_parameter_get_gradients() {
    let images = images(8, 9, 3);
    let mut lora = network(&config(&[5]), 9, 3).apply_lora(Lora::new(2, 4.0));
    // Without autodiff, the gradients of the factors of a weight are unknown.
    assert!(!lora.has_sparse_gradients(&images));
    let keep_all = &mut |length: usize, _: f64| vec![1.0; length];
    assert!(
        lora.valid()
            .sparse_gradients(&images, &[0, 1, 2], keep_all)
            .is_none()
    );
    let (loss, gradients) = fused(&mut lora.clone(), &images, &[0, 1, 2], 1);
    let (expected_loss, expected) = ordinary(&mut lora, &images, &[0, 1, 2], 1);
    assert!((loss - expected_loss).abs() < 1e-6);
    assert!(!expected.is_empty());
    assert_eq!(gradients.len(), expected.len());
    for ((name, found), (_, expected)) in gradients.iter().zip(&expected) {
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-5,
                "{name}: {found}, {expected}"
            );
        }
    }

    let device = Device::flex().autodiff();
    let leaf = || Tensor::<2>::ones([9, 3], &device).require_grad();
    let made = |leaf: &Tensor<2>| {
        let mut mlp = constant([0.0, 0.5, 1.0]);
        mlp.output.weight = Param::initialized(ParamId::new(), leaf.clone().mul_scalar(2.0));
        mlp
    };
    let of = |leaf: &Tensor<2>, loss: Tensor<1>| {
        let gradient = leaf.grad(&loss.backward()).expect("a gradient");
        gradient.into_data().iter::<f32>().collect::<Vec<_>>()
    };
    let keep = &mut |length: usize, _: f64| vec![1.0; length];
    let own = leaf();
    let loss = made(&own).sparse_loss(&images, &[0, 1, 2], keep);
    let found = of(&own, loss.expect("fused"));
    let own = leaf();
    let logits = made(&own).forward(pixels(&images, &[0, 1, 2], &device), keep);
    let targets = loss::one_hot(&images.labels()[..3], 3, &device);
    let expected = of(&own, loss::cross_entropy(logits, targets));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
    }
}

fn pixels(images: &SparseImages, rows: &[usize], device: &Device) -> Tensor<2> {
    let pixels = TensorData::new(images.dense(rows), [rows.len(), images.size()]);
    Tensor::from_data(pixels, device)
}
