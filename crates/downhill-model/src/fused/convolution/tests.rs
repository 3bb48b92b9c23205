//! Comparison with Burn's tensor operations.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Tensor, TensorData};

use super::super::tests::Numbers;
use crate::{Activation, ConvolutionConfig, ConvolutionalNetwork, MlpConfig};

impl Numbers {
    fn tensor<const D: usize>(&mut self, shape: [usize; D], device: &Device) -> Tensor<D> {
        let length = shape.iter().product();
        let numbers: Vec<f32> = (0..length).map(|_| self.next() as f32).collect();
        Tensor::from_data(TensorData::new(numbers, shape), device)
    }
}

/// Makes a network from the `[channels, kernel, padding, pool]` of each convolution.
fn network(
    layers: &[[usize; 4]],
    image: [usize; 3],
    activation: Activation,
) -> ConvolutionalNetwork {
    let convolution = |&[channels, kernel, padding, pool]: &[usize; 4]| ConvolutionConfig {
        channels,
        kernel,
        padding,
        pool,
    };
    let config = MlpConfig {
        convolutions: layers.iter().map(convolution).collect(),
        activation,
        hidden: Vec::new(),
        ..MlpConfig::default()
    };
    let mut numbers = Numbers(3);
    let device = Device::flex().autodiff();
    let mut normal = || 1.7 * numbers.next();
    let network = ConvolutionalNetwork::new(&config, image, 2, &device, &mut normal).unwrap();
    network.map(&mut Biased(Numbers(9)))
}

/// Sets biases other than 0.
struct Biased(Numbers);

impl ModuleMapper for Biased {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if D > 1 {
            return param;
        }
        param.map(|tensor| {
            let biases = self.0.tensor(tensor.dims(), &tensor.device());
            biases.mul_scalar(0.3).require_grad()
        })
    }
}

type Features = fn(&ConvolutionalNetwork, &Tensor<2>) -> Tensor<2>;

fn fused(network: &ConvolutionalNetwork, images: &Tensor<2>) -> Tensor<2> {
    let features = network.fused_features(images);
    features.expect("it is on flex, in f32")
}

fn ordinary(network: &ConvolutionalNetwork, images: &Tensor<2>) -> Tensor<2> {
    network.features_by_tensors(images.clone())
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// Returns the features, and the gradients of the images and parameters.
fn step(network: &ConvolutionalNetwork, batch: usize, features: Features) -> Vec<Vec<f32>> {
    let device = Device::flex().autodiff();
    let mut drawn = Numbers(5);
    let pixels: usize = network.image.iter().product();
    let images = drawn.tensor([batch, pixels], &device).require_grad();
    let features = features(network, &images);
    let upstream = drawn.tensor(features.dims(), &device);
    let gradients = (features.clone() * upstream).sum().backward();
    let mut all = vec![
        numbers(features),
        numbers(images.grad(&gradients).expect("images have a gradient")),
    ];
    let gradients = GradientsParams::from_grads(gradients, network);
    network.convolutions.visit(&mut Reader(gradients, &mut all));
    all
}

struct Reader<'a>(GradientsParams, &'a mut Vec<Vec<f32>>);

impl ModuleVisitor for Reader<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.0.get::<D>(param.id).map(numbers);
        self.1.push(gradient.unwrap_or_default());
    }
}

#[track_caller]
fn compare(name: &str, network: &ConvolutionalNetwork, batch: usize) {
    let (found, expected) = (step(network, batch, fused), step(network, batch, ordinary));
    assert_eq!(found.len(), expected.len(), "{name}");
    for (part, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert_eq!(found.len(), expected.len(), "{name}: part {part}");
        let size = expected
            .iter()
            .fold(0.0_f32, |size, number| size.max(number.abs()));
        // All ReLU units may be 0.
        let may_be_0 = network.head.activation == Activation::Relu;
        assert!(size > 0.0 || may_be_0, "{name}: part {part} is 0");
        for (a, b) in found.iter().zip(expected) {
            // A sum of terms of about 1 with both signs may be small.
            assert!(
                (a - b).abs() <= 1e-5 * size + 2e-7,
                "{name}: part {part}: {a}, not {b}, of {size}"
            );
        }
    }
}

#[test]
fn any_kernels_paddings_pools_and_batches() {
    for (layers, image) in [
        (vec![[1, 1, 0, 1]], [1, 1, 1]),
        (vec![[3, 1, 0, 2]], [3, 5, 7]),
        (vec![[7, 3, 2, 2], [5, 2, 1, 3]], [1, 9, 12]),
        (vec![[20, 5, 0, 2], [11, 5, 0, 2]], [1, 28, 28]),
        (vec![[6, 5, 2, 2], [9, 4, 1, 1], [2, 7, 3, 2]], [2, 17, 19]),
        (vec![[13, 6, 5, 4]], [4, 10, 8]),
        (vec![[2, 3, 1, 1]; 7], [1, 4, 3]),
    ] {
        for activation in [Activation::Relu, Activation::Sigmoid, Activation::Tanh] {
            let network = network(&layers, image, activation);
            for batch in [1, 5, 16, 17, 35] {
                let name = format!("{layers:?} of {image:?}, {activation:?}, {batch}");
                compare(&name, &network, batch);
            }
        }
    }
}

#[test]
fn evaluation_gives_the_same_bits() {
    let network = network(&[[7, 3, 2, 2], [5, 2, 1, 3]], [1, 9, 12], Activation::Tanh);
    for batch in [1, 16, 50] {
        let images = Numbers(5).tensor([batch, 108], &Device::flex());
        let alone = numbers(fused(&network.valid(), &images));
        assert_eq!(alone, step(&network, batch, fused)[0]);
    }
}

#[test]
fn threads_change_no_bit() {
    let network = network(
        &[[20, 5, 1, 2], [11, 5, 0, 2]],
        [1, 28, 28],
        Activation::Relu,
    );
    let step = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        (pool.unwrap()).install(|| step(&network, 50, fused))
    };
    let alone = step(1);
    for threads in [2, 3] {
        assert!(step(threads) == alone, "{threads} threads");
    }
}

/// Frozen parameters get no gradient; the others get the same as before.
#[test]
fn frozen_layers_are_passed_through() {
    let mut network = network(&[[4, 3, 0, 2], [3, 2, 0, 1]], [1, 8, 8], Activation::Tanh);
    let before = step(&network, 5, fused);
    let first = &mut network.convolutions[0];
    first.weight = first.weight.clone().set_require_grad(false);
    network.convolutions[1].bias = (network.convolutions[1].bias.clone()).set_require_grad(false);
    let after = step(&network, 5, fused);
    for (part, (before, after)) in before.iter().zip(&after).enumerate() {
        // Features, images, then weight and bias of each layer.
        if part == 2 || part == 5 {
            assert!(after.is_empty());
        } else {
            assert_eq!(before, after, "part {part}");
        }
    }
}

#[test]
fn unsupported_types_are_not_fused() {
    let network = network(&[[4, 3, 0, 2]], [1, 8, 8], Activation::Tanh);
    let device = Device::flex().autodiff();
    let images = Tensor::<2>::ones([2, 64], (&device, DType::F64));
    assert!(network.fused_features(&images).is_none());
    let without = Tensor::<2>::ones([2, 64], &Device::flex());
    assert!(network.fused_features(&without).is_none());
}

/// A gradient of the features that is not contiguous.
#[test]
fn transposed_gradients_are_read_correctly() {
    let network = network(&[[4, 3, 0, 2]], [1, 8, 8], Activation::Tanh);
    let gradients = |features: Features| {
        let device = Device::flex().autodiff();
        let mut drawn = Numbers(5);
        let images = drawn.tensor([5, 64], &device);
        let features = features(&network, &images);
        let [batch, width] = features.dims();
        let right = drawn.tensor([batch, 3], &device);
        let upstream = drawn.tensor([width, 3], &device);
        let loss = (features.transpose().matmul(right) * upstream).sum();
        let gradients = loss.backward();
        let weight = network.convolutions[0].weight.val().grad(&gradients);
        numbers(weight.expect("a gradient"))
    };
    for (a, b) in gradients(fused).iter().zip(gradients(ordinary)) {
        assert!((a - b).abs() < 1e-5 * (1.0 + b.abs()), "{a}, not {b}");
    }
}
