//! The check of all gradients, and whether it finds a wrong one.

use burn::tensor::Device;
use downhill_data::{Purpose, Stream};
use downhill_model::{CheckedGradient, gradient_check};
use std::collections::BTreeSet;

fn rows(seed: u64) -> Vec<CheckedGradient> {
    let mut stream = Stream::new(seed, Purpose::InitialWeights, 0);
    gradient_check(&Device::flex(), &mut || stream.normal())
}

/// Below 1e-7 in `f64`, and 1e-5 where it is computed in `f32`, whatever the numbers.
#[test]
fn every_gradient_is_the_numerical_one() {
    for seed in 0..8 {
        for row in rows(seed) {
            assert!(row.agrees(), "seed {seed}: {row:?}");
            let bound = if row.layer.contains("f32") {
                1e-5
            } else {
                1e-7
            };
            assert_eq!(row.bound, bound);
        }
    }
}

#[test]
fn every_kind_of_layer_and_loss_is_looked_at() {
    let rows = rows(1);
    let layers: BTreeSet<&str> = rows.iter().map(|row| row.layer.as_str()).collect();
    let expected = [
        "L2 penalty",
        "autoencoder, cross-entropy",
        "autoencoder, squared error",
        "batch normalization, book",
        "batch normalization, torch",
        "convolution",
        "fused convolutions, f32",
        "dropout, classic",
        "dropout, inverted",
        "linear",
        "max pooling",
        "fused perceptron, f32, relu",
        "fused perceptron, f32, sigmoid",
        "fused perceptron, f32, tanh",
        "relu",
        "sigmoid",
        "softmax cross-entropy",
        "tanh",
        "whole convolutional network",
        "whole perceptron, sigmoid",
        "whole perceptron, tanh",
    ];
    assert_eq!(layers, expected.into());
    let of = |layer: &str| -> Vec<(&str, usize)> {
        let rows = rows.iter().filter(|row| row.layer == layer);
        rows.map(|row| (row.parameter.as_str(), row.numbers))
            .collect()
    };
    assert_eq!(of("linear"), [("input", 20), ("weight", 12), ("bias", 3)]);
    assert_eq!(
        of("convolution"),
        [("input", 80), ("weight", 54), ("bias", 3)]
    );
    assert_eq!(
        of("whole convolutional network"),
        [
            ("input", 630),
            ("convolutions.0.weight", 36),
            ("convolutions.0.bias", 2),
            ("convolutions.1.weight", 24),
            ("convolutions.1.bias", 3),
            ("head.hidden.0.linear.weight", 72),
            ("head.hidden.0.linear.bias", 4),
            ("head.output.weight", 12),
            ("head.output.bias", 3),
        ]
    );
}

/// The same numbers give the same rows.
#[test]
fn a_check_repeats() {
    assert_eq!(rows(1), rows(1));
}
