//! Denoising autoencoders.

use burn::optim::GradientsParams;
use burn::tensor::{DType, Tensor};
use downhill::{DescentConfig, SgdConfig};
use downhill_data::{Purpose, Stream};
use downhill_model::{
    Activation, Autoencoder, BatchNormConvention, DropoutConfig, DropoutKind, Mlp, MlpConfig,
    Reconstruction,
};
use downhill_trainer::Backend;

use crate::backend::{distance, open, tensor, values};
use crate::numbers::Place;

const INPUTS: usize = 6;
const BATCH: usize = 8;

fn network(activation: Activation, backend: Backend) -> Mlp {
    let config = MlpConfig {
        hidden: vec![5, 4],
        activation,
        dropout: DropoutConfig {
            probability: 0.2,
            kind: DropoutKind::Classic,
            ..DropoutConfig::default()
        },
        ..MlpConfig::default()
    };
    let mut stream = Stream::new(4, Purpose::InitialWeights, 0);
    let device = open(backend).autodiff();
    Mlp::new(&config, INPUTS, 3, &device, &mut || stream.normal()).expect("within bounds")
}

/// Bright on one side or the other, so that an input says something about the others.
fn images() -> Vec<f64> {
    let mut stream = Stream::new(1, Purpose::Split, 0);
    let pixel = |number: usize| {
        let side = (number / INPUTS + number % INPUTS / 3).is_multiple_of(2);
        f64::from(u8::from(side)) * 0.8 + 0.2 * stream.uniform()
    };
    (0..BATCH * INPUTS).map(pixel).collect()
}

/// The loss of the formulas in `f64`, of the parameters as they stand.
fn expected(
    autoencoder: &Autoencoder,
    inputs: &[f64],
    mask: &[f32],
    activation: fn(f64) -> f64,
) -> f64 {
    let weight = values(autoencoder.encoder.weight.val());
    let bias = autoencoder.encoder.bias.as_ref().expect("a bias");
    let (bias, visible) = (values(bias.val()), values(autoencoder.visible.val()));
    let (width, units) = (visible.len(), bias.len());
    let mut loss = 0.0;
    for (x, mask) in inputs.chunks_exact(width).zip(mask.chunks_exact(width)) {
        let code = |unit: usize| {
            let terms = (0..width).map(|i| x[i] * f64::from(mask[i]) * weight[i * units + unit]);
            activation(terms.sum::<f64>() + bias[unit])
        };
        let code: Vec<f64> = (0..units).map(code).collect();
        for input in 0..width {
            let terms = (0..units).map(|unit| code[unit] * weight[input * units + unit]);
            let sum = terms.sum::<f64>() + visible[input];
            loss += match autoencoder.reconstruction() {
                Reconstruction::CrossEntropy => {
                    let z = 1.0 / (1.0 + (-sum).exp());
                    -(x[input] * z.ln() + (1.0 - x[input]) * (1.0 - z).ln())
                }
                Reconstruction::SquaredError => 0.5 * (x[input] - sum).powi(2),
            };
        }
    }
    loss / (inputs.len() / width) as f64
}

/// Of both layers, by every activation: pixels and sigmoid units by the cross-entropy, the rest by
/// the squared error. To 1e-6.
pub(crate) fn reconstruction_losses_are_those_of_the_formulas(backend: Backend) {
    use Reconstruction::{CrossEntropy, SquaredError};
    type Function = fn(f64) -> f64;
    for (activation, function, of_second) in [
        (
            Activation::Sigmoid,
            (|x: f64| 1.0 / (1.0 + (-x).exp())) as Function,
            CrossEntropy,
        ),
        (Activation::Tanh, f64::tanh, SquaredError),
        (Activation::Relu, |x: f64| x.max(0.0), SquaredError),
    ] {
        let mlp = network(activation, backend);
        let device = open(backend).autodiff();
        for (layer, reconstruction) in [(0, CrossEntropy), (1, of_second)] {
            let autoencoder = Autoencoder::of(&mlp, layer).expect("no batch normalization");
            assert_eq!(autoencoder.reconstruction(), reconstruction);
            let images: Tensor<2> = tensor(&images(), [BATCH, INPUTS], &device);
            let inputs = mlp.input_of(layer, images);
            let mut stream = Stream::new(3, Purpose::DropoutMask, 0);
            let mut mask = Vec::new();
            let mut keep_mask = |length, keep| {
                assert_eq!(keep, 0.7);
                mask = stream.keep_mask(length, keep);
                mask.clone()
            };
            let loss = autoencoder.loss(inputs.clone(), 0.3, &mut keep_mask);
            let found = values(loss)[0];
            let expected = expected(&autoencoder, &values(inputs), &mask, function);
            assert!(
                (found - expected).abs() < 1e-6 * expected,
                "{activation:?}, layer {layer}: {found}, not {expected}"
            );
        }
    }
}

/// Layer by layer: a few updates lower the loss of what is not corrupted, the weights land in the
/// network, and nothing but the layer's own parameters changes.
pub(crate) fn pretraining_lowers_the_loss_and_lands_in_the_network(backend: Backend) {
    let mut mlp = network(Activation::Sigmoid, backend);
    let device = open(backend).autodiff();
    let images: Tensor<2> = tensor(&images(), [BATCH, INPUTS], &device);
    let weights = |mlp: &Mlp| -> Vec<Vec<f64>> {
        let hidden = mlp.hidden.iter().map(|layer| &layer.linear);
        (hidden.chain([&mlp.output]))
            .map(|linear| values(linear.weight.val()))
            .collect()
    };
    for layer in 0..2 {
        let before = weights(&mlp);
        let ids = mlp.hidden[layer].linear.weight.id;
        // No gradient reaches the layers below.
        let inputs = mlp.input_of(layer, images.clone()).detach();
        let mut autoencoder = Autoencoder::of(&mlp, layer).expect("no batch normalization");
        let mut none = |_, _| panic!("nothing is corrupted");
        let clean = |autoencoder: &Autoencoder,
                     none: &mut dyn FnMut(usize, f64) -> Vec<f32>|
         -> f64 { values(autoencoder.loss(inputs.clone(), 0.0, none))[0] };
        let first = clean(&autoencoder, &mut none);
        let optimizer = SgdConfig::torch().with_learning_rate(0.5);
        let mut descent = DescentConfig::new(optimizer)
            .build()
            .expect("within bounds");
        for update in 0..30 {
            let mut stream = Stream::new(3, Purpose::DropoutMask, update);
            let mut keep_mask = |length, keep| stream.keep_mask(length, keep);
            let loss = autoencoder.loss(inputs.clone(), 0.2, &mut keep_mask);
            let gradients = GradientsParams::from_grads(loss.backward(), &autoencoder);
            let stepped = descent.step(autoencoder, gradients);
            autoencoder = stepped.expect("there is no schedule").0;
        }
        let last = clean(&autoencoder, &mut none);
        assert!(last < 0.95 * first, "layer {layer}: {first} to {last}");

        let again = values(autoencoder.reconstruct(inputs.clone()));
        assert!(again.iter().all(|z| (0.0..=1.0).contains(z)));
        let trained = values(autoencoder.encoder.weight.val());
        autoencoder.into_layer(&mut mlp);
        assert_eq!(mlp.hidden[layer].linear.weight.id, ids);
        for (number, (before, after)) in before.iter().zip(weights(&mlp)).enumerate() {
            if number == layer {
                assert_eq!(after, trained);
                assert!(distance(before, &after) > 1e-3);
            } else {
                assert_eq!(*before, after, "layer {number}");
            }
        }
    }
}

/// Each hidden layer's activations, before the scale of classic dropout that the next layer sees.
pub(crate) fn activations_are_those_that_the_next_layer_sees(backend: Backend) {
    let mlp = network(Activation::Tanh, backend);
    let device = open(backend).autodiff();
    let images: Tensor<2> = tensor(&images(), [BATCH, INPUTS], &device);
    let activations = mlp.activations(images.clone());
    assert_eq!(activations.len(), 2);
    for (layer, activation) in activations.into_iter().enumerate() {
        let seen = values(mlp.input_of(layer + 1, images.clone()));
        let scaled: Vec<f64> = values(activation).iter().map(|x| 0.8 * x).collect();
        assert!(distance(&seen, &scaled) < 1e-6, "layer {layer}");
    }
    let last = mlp.input_of(2, images.clone());
    let logits = values(mlp.output.forward(last));
    assert_eq!(logits, values(mlp.evaluate(images)));
}

#[cfg(feature = "flex")]
#[test]
fn a_normalized_layer_is_no_autoencoder() {
    let config = MlpConfig {
        batch_norm: BatchNormConvention::Torch,
        ..MlpConfig::default()
    };
    let device = open(Backend::Flex);
    let mlp = Mlp::new(&config, INPUTS, 3, &device, &mut || 0.1).expect("within bounds");
    let error = Autoencoder::of(&mlp, 0).expect_err("batch normalization");
    assert_eq!(error.key(), "batch_norm");
}

/// The settings that a network in `f64` would lose.
#[cfg(feature = "flex")]
#[test]
fn an_autoencoder_has_the_type_of_its_layer() {
    let mut mlp = network(Activation::Sigmoid, Backend::Flex);
    let place = Place::new(&open(Backend::Flex).autodiff(), DType::F64);
    let linear = &mut mlp.hidden[0].linear;
    let weight = values(linear.weight.val());
    linear.weight = burn::module::Param::from_tensor(place.tensor(&weight, &[INPUTS, 5]));
    let bias = place.tensor(&[0.5; 5], &[5]);
    linear.bias = Some(burn::module::Param::from_tensor(bias));
    let autoencoder = Autoencoder::of(&mlp, 0).expect("no batch normalization");
    let inputs = place.tensor(&images(), &[BATCH, INPUTS]);
    let loss = autoencoder.loss(inputs, 0.5, &mut |length, _| vec![1.0; length]);
    assert_eq!(loss.dtype(), DType::F64);
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let expected = expected(&autoencoder, &images(), &[1.0; BATCH * INPUTS], sigmoid);
    assert!((values(loss)[0] - expected).abs() < 1e-12 * expected);
}
