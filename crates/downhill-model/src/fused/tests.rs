//! Comparison of the fused path with Burn's tensor operations.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Tensor, TensorData};

use super::SparseImages;
use crate::{
    Activation, BatchNormConvention, DropoutConfig, DropoutKind, Initialization, Mlp, MlpConfig,
    PixelScale, loss,
};

/// Pseudorandom numbers from -1 to 1, and masks.
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / f64::from(1_u32 << 23) - 1.0
    }

    fn mask(&mut self, length: usize, keep: f64) -> Vec<f32> {
        let mut kept = || f32::from(u8::from(0.5 * self.next() + 0.5 < keep));
        (0..length).map(|_| kept()).collect()
    }
}

/// Makes images with about a fifth of the pixels nonzero.
pub(super) fn images(number: usize, size: usize, classes: usize) -> SparseImages {
    let mut numbers = Numbers(5);
    let pixel = |_| {
        let number = numbers.next();
        if number > 0.6 {
            (number * 255.0) as u8
        } else {
            0
        }
    };
    let pixels: Vec<u8> = (0..number * size).map(pixel).collect();
    let labels: Vec<u16> = (0..number)
        .map(|image| (7 * image % classes) as u16)
        .collect();
    SparseImages::new(&pixels, size, &labels).unwrap()
}

pub(super) fn network(config: &MlpConfig, size: usize, classes: usize) -> Mlp {
    let mut numbers = Numbers(3);
    let device = Device::flex().autodiff();
    let mlp = Mlp::new(config, size, classes, &device, &mut || 1.7 * numbers.next()).unwrap();
    // Biases, scales and shifts that differ from each other.
    mlp.map(&mut Shaken(Numbers(8)))
}

struct Shaken(Numbers);

impl ModuleMapper for Shaken {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if D > 1 {
            return param;
        }
        param.map(|tensor| {
            let is_trained = tensor.is_require_grad();
            let shape = tensor.shape();
            let shift: Vec<f32> = (0..shape.num_elements())
                .map(|_| (0.2 * self.0.next()) as f32)
                .collect();
            let shift = Tensor::from_data(TensorData::new(shift, shape), &tensor.device());
            // Running variances stay above 0.
            let tensor = (tensor + shift).abs().detach();
            if is_trained {
                tensor.require_grad()
            } else {
                tensor
            }
        })
    }
}

/// Loss, gradients and running statistics of a step, by name.
type Step = (f64, Vec<(String, Vec<f32>)>);

pub(super) fn ordinary(mlp: &mut Mlp, images: &SparseImages, rows: &[usize], seed: u64) -> Step {
    let device = mlp.output.weight.val().device();
    let size = images.size();
    let pixels = TensorData::new(images.dense(rows), [rows.len(), size]);
    let labels: Vec<u16> = rows.iter().map(|&row| images.labels()[row]).collect();
    let classes = mlp.output.weight.val().dims()[1];
    let mut numbers = Numbers(seed);
    let logits = mlp.forward(Tensor::from_data(pixels, &device), &mut |length, keep| {
        numbers.mask(length, keep)
    });
    let mut loss = loss::cross_entropy(logits, loss::one_hot(&labels, classes, &device));
    if let Some(penalty) = mlp.penalty() {
        loss = loss + penalty;
    }
    outcome(mlp, &loss)
}

pub(super) fn fused(mlp: &mut Mlp, images: &SparseImages, rows: &[usize], seed: u64) -> Step {
    let mut numbers = Numbers(seed);
    let loss = mlp.sparse_loss(images, rows, &mut |length, keep| numbers.mask(length, keep));
    let loss = loss.expect("it is on flex");
    outcome(mlp, &loss)
}

/// A fused step without autodiff.
fn off_tape(mlp: &mut Mlp, images: &SparseImages, rows: &[usize], seed: u64) -> Step {
    let mut numbers = Numbers(seed);
    let known = mlp.sparse_gradients(images, rows, &mut |length, keep| numbers.mask(length, keep));
    let known = known.expect("it is on flex, off the tape");
    (f64::from(known.loss), read(mlp, known.gradients))
}

fn outcome(mlp: &Mlp, loss: &Tensor<1>) -> Step {
    let value = loss.clone().into_scalar();
    let gradients = GradientsParams::from_grads(loss.backward(), mlp);
    (value, read(mlp, gradients))
}

fn read(mlp: &Mlp, gradients: GradientsParams) -> Vec<(String, Vec<f32>)> {
    let mut reader = Reader {
        path: Vec::new(),
        gradients,
        all: Vec::new(),
    };
    mlp.visit(&mut reader);
    reader.all
}

struct Reader {
    path: Vec<String>,
    gradients: GradientsParams,
    all: Vec<(String, Vec<f32>)>,
}

impl ModuleVisitor for Reader {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let numbers = |tensor: Tensor<D>| tensor.into_data().convert::<f32>().try_to_vec().unwrap();
        let path = self.path.join(".");
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.all
                .push((format!("gradient of {path}"), numbers(gradient)));
        }
        if path.contains("running") {
            self.all
                .push((path, numbers(param.val().without_autodiff())));
        }
    }
}

#[track_caller]
fn assert_equal(name: &str, (loss, fused): &Step, (expected_loss, ordinary): &Step) {
    assert!(
        (loss - expected_loss).abs() <= 2e-6 * expected_loss.abs(),
        "{name}: loss {loss}, {expected_loss}"
    );
    let names = |step: &[(String, Vec<f32>)]| {
        step.iter()
            .map(|(name, _)| name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(fused), names(ordinary), "{name}");
    for ((what, fused), (_, ordinary)) in fused.iter().zip(ordinary) {
        let size = ordinary
            .iter()
            .fold(0.0_f32, |size, number| size.max(number.abs()));
        for (a, b) in fused.iter().zip(ordinary) {
            // The gradient of a bias before a normalization is 0 up to rounding.
            assert!(
                (a - b).abs() <= 1e-5 * size + 1e-7,
                "{name}: {what}: {a}, not {b}, of {size}"
            );
        }
    }
}

#[track_caller]
fn compare(name: &str, config: &MlpConfig, size: usize, classes: usize, batch: usize) {
    let images = images(2 * batch + 3, size, classes);
    compare_on(name, config, &images, classes, batch);
}

#[track_caller]
fn compare_on(name: &str, config: &MlpConfig, images: &SparseImages, classes: usize, batch: usize) {
    let size = images.size();
    let rows: Vec<usize> = (0..batch).map(|row| 2 * row + row % 3).collect();
    let (mut a, mut b) = (
        network(config, size, classes),
        network(config, size, classes),
    );
    let mut c = a.valid();
    assert!(a.has_sparse_gradients(images) && c.has_sparse_gradients(images));
    // Twice: the second step reuses the memory of the first.
    for seed in [1, 2] {
        let (fused, ordinary) = (
            fused(&mut a, images, &rows, seed),
            ordinary(&mut b, images, &rows, seed),
        );
        assert_equal(name, &fused, &ordinary);
        let off_tape = off_tape(&mut c, images, &rows, seed);
        assert!(
            off_tape == fused,
            "{name}: without autodiff something differs"
        );
    }
    let (sum, hits) = a.sparse_score(images, 1..images.len()).unwrap();
    let all: Vec<usize> = (1..images.len()).collect();
    let device = Device::flex();
    let pixels = TensorData::new(images.dense(&all), [all.len(), size]);
    let logits = a.valid().evaluate(Tensor::from_data(pixels, &device));
    let labels = &images.labels()[1..];
    let expected: f64 =
        loss::sum_of_cross_entropy(logits.clone(), loss::one_hot(labels, classes, &device))
            .into_scalar();
    assert!(
        (sum - expected).abs() <= 5e-6 * expected,
        "{name}: {sum}, not {expected}"
    );
    let answers = logits
        .argmax(1)
        .into_data()
        .convert::<i64>()
        .try_to_vec::<i64>()
        .unwrap();
    let expected = answers
        .iter()
        .zip(labels)
        .filter(|(a, b)| **a == i64::from(**b))
        .count();
    assert_eq!(hits, expected, "{name}");
    // The network gives the same result with and without autodiff.
    assert_eq!(
        a.valid().sparse_score(images, 1..images.len()),
        Some((sum, hits))
    );
}

#[test]
fn any_widths_depths_and_batches() {
    for hidden in [
        vec![],
        vec![1],
        vec![7],
        vec![16, 17],
        vec![33, 5, 64],
        vec![100, 100, 130],
        vec![6; 9],
    ] {
        for (size, classes, batch) in [
            (3, 2, 1),
            (20, 10, 5),
            (49, 3, 16),
            (64, 11, 33),
            (100, 10, 128),
            (31, 10, 300),
        ] {
            let config = MlpConfig {
                hidden: hidden.clone(),
                ..MlpConfig::default()
            };
            compare(
                &format!("{size}-{hidden:?}-{classes}, {batch}"),
                &config,
                size,
                classes,
                batch,
            );
        }
    }
}

#[test]
fn scaled_pixels() {
    let unit = images(43, 37, 10);
    for (mean, deviation) in [(0.1307, 0.3081), (0.1307, 1.0), (0.0, 0.3081), (-0.5, 2.0)] {
        let scaled = unit.scaled(PixelScale { mean, deviation });
        for (activation, weight_decay) in [(Activation::Tanh, 0.0), (Activation::Relu, 0.1)] {
            let config = MlpConfig {
                hidden: vec![21, 5],
                activation,
                weight_decay,
                ..MlpConfig::default()
            };
            compare_on("scaled", &config, &scaled, 10, 20);
        }
    }
    assert_eq!(unit.scaled(PixelScale::UNIT).dense(&[3]), unit.dense(&[3]));
}

#[test]
fn dropped_pixels_and_both_penalties() {
    for kind in [DropoutKind::Classic, DropoutKind::Inverted] {
        for (probability, deviation) in [(0.0, 1.0), (0.5, 1.0), (0.3, 0.25)] {
            let config = MlpConfig {
                hidden: vec![21, 5],
                dropout: DropoutConfig {
                    probability,
                    input_probability: 0.2,
                    kind,
                },
                weight_decay: 0.1,
                l1_decay: 0.01,
                ..MlpConfig::default()
            };
            let mean = 0.0;
            let images = images(43, 37, 10).scaled(PixelScale { mean, deviation });
            compare_on("dropped pixels", &config, &images, 10, 20);
        }
    }
    let config = MlpConfig {
        l1_decay: 0.01,
        ..MlpConfig::default()
    };
    compare("l1 alone", &config, 37, 10, 20);
}

#[test]
fn a_dropped_pixel_of_shifted_images_is_not_fused() {
    let config = MlpConfig {
        dropout: DropoutConfig {
            input_probability: 0.2,
            ..DropoutConfig::default()
        },
        ..MlpConfig::default()
    };
    let shifted = images(3, 9, 2).scaled(PixelScale {
        mean: 0.1,
        deviation: 1.0,
    });
    let mut network = network(&config, 9, 2);
    let mut asked = false;
    let loss = network.sparse_loss(&shifted, &[0, 1], &mut |length, _| {
        asked = true;
        vec![1.0; length]
    });
    assert!(loss.is_none() && !asked);
    assert!(network.sparse_score(&shifted, 0..3).is_none());
}

#[test]
fn large_layers_on_two_threads() {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(2)
        .build()
        .unwrap();
    let config = MlpConfig {
        hidden: vec![700, 600],
        ..MlpConfig::default()
    };
    pool.install(|| compare("two threads", &config, 784, 10, 64));
}

#[test]
fn threads_change_no_bit() {
    let config = MlpConfig {
        hidden: vec![700, 600],
        batch_norm: BatchNormConvention::Torch,
        ..MlpConfig::default()
    };
    let images = images(64, 784, 10);
    let rows: Vec<usize> = (0..64).collect();
    let step = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| {
            let mut mlp = network(&config, 784, 10);
            let step = fused(&mut mlp, &images, &rows, 1);
            (step, mlp.sparse_score(&images, 0..64))
        })
    };
    let alone = step(1);
    for threads in [2, 3, 5] {
        assert_eq!(step(threads), alone, "{threads} threads");
    }
}

#[test]
fn all_regularizers_and_activations() {
    for activation in [Activation::Relu, Activation::Sigmoid, Activation::Tanh] {
        for batch_norm in [
            BatchNormConvention::None,
            BatchNormConvention::Book,
            BatchNormConvention::Torch,
        ] {
            for (probability, kind) in [
                (0.0, DropoutKind::Classic),
                (0.3, DropoutKind::Classic),
                (0.3, DropoutKind::Inverted),
            ] {
                for weight_decay in [0.0, 0.1] {
                    let config = MlpConfig {
                        hidden: vec![30, 20],
                        activation,
                        batch_norm,
                        dropout: DropoutConfig {
                            probability,
                            kind,
                            ..DropoutConfig::default()
                        },
                        weight_decay,
                        initialization: Initialization::Xavier,
                        ..MlpConfig::default()
                    };
                    compare(&format!("{config:?}"), &config, 40, 10, 50);
                }
            }
        }
    }
}

/// Freezes the parameters whose path contains one of these strings.
struct Frozen(&'static [&'static str], Vec<String>);

impl ModuleMapper for Frozen {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.1.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.1.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.1.join(".");
        match self.0.iter().any(|part| path.contains(part)) {
            true => param.set_require_grad(false),
            false => param,
        }
    }
}

#[test]
fn frozen_parameters_get_no_gradient() {
    let config = MlpConfig {
        hidden: vec![12, 9, 8],
        batch_norm: BatchNormConvention::Torch,
        weight_decay: 0.01,
        ..MlpConfig::default()
    };
    let images = images(20, 30, 10);
    let rows: Vec<usize> = (0..20).collect();
    for frozen in [
        &["hidden.0"][..],
        &["hidden"],
        &["bias"],
        &["weight", "scale"],
        &["output"],
        &["hidden.1", "shift"],
    ] {
        let freeze = || network(&config, 30, 10).map(&mut Frozen(frozen, Vec::new()));
        let fused = fused(&mut freeze(), &images, &rows, 1);
        assert_equal(
            &format!("{frozen:?}"),
            &fused,
            &ordinary(&mut freeze(), &images, &rows, 1),
        );
        assert!(
            !fused.1.iter().any(|(name, _)| name.contains("gradient")
                && frozen.iter().any(|part| name.contains(part)))
        );
    }
    let mut none = network(&config, 30, 10).map(&mut Frozen(&[""], Vec::new()));
    let loss = none
        .sparse_loss(&images, &rows, &mut |length, _| vec![1.0; length])
        .unwrap();
    assert!(loss.into_scalar::<f32>().is_finite());
}

#[test]
fn gradients_scale_with_the_loss() {
    // Deep enough for a chain of operations.
    let config = MlpConfig {
        hidden: vec![6; 12],
        ..MlpConfig::default()
    };
    let images = images(20, 30, 10);
    let rows: Vec<usize> = (0..20).collect();
    let mut mlp = network(&config, 30, 10);
    let mut loss = || {
        mlp.sparse_loss(&images, &rows, &mut |length, _| vec![1.0; length])
            .unwrap()
    };
    let (once, other, alone) = (loss(), loss(), loss());
    let combined = once.mul_scalar(3.0) + other;
    let (value, four_times) = outcome(&mlp, &combined);
    let (one, gradients) = outcome(&mlp, &alone);
    assert!((value - 4.0 * one).abs() < 1e-6);
    for ((name, four_times), (_, once)) in four_times.iter().zip(&gradients) {
        let size = once
            .iter()
            .fold(0.0_f32, |size, number| size.max(number.abs()));
        for (a, b) in four_times.iter().zip(once) {
            assert!((a - 4.0 * b).abs() <= 1e-6 * size, "{name}");
        }
    }
}

#[test]
fn unsupported_networks_are_not_fused() {
    let config = MlpConfig::default();
    let images = images(5, 30, 10);
    let keep_all = &mut |length: usize, _: f64| vec![1.0; length];
    let mut inner = network(&config, 30, 10).valid();
    assert!(inner.sparse_loss(&images, &[0], keep_all).is_none());
    assert!(inner.sparse_gradients(&images, &[0], keep_all).is_some());
    let mut frozen = network(&config, 30, 10);
    assert!(frozen.has_sparse_gradients(&images));
    frozen.output.weight = frozen.output.weight.set_require_grad(false);
    assert!(!frozen.has_sparse_gradients(&images));
    let mut tracked = network(&config, 30, 10);
    assert!(tracked.sparse_gradients(&images, &[0], keep_all).is_none());
    let mut doubles = network(&config, 30, 10);
    doubles.output.weight = doubles
        .output
        .weight
        .map(|weight| weight.cast(DType::F64).detach().require_grad());
    assert!(doubles.sparse_loss(&images, &[0], keep_all).is_none());
    assert!(!doubles.has_sparse_gradients(&images));
    assert!(
        doubles
            .valid()
            .sparse_gradients(&images, &[0], keep_all)
            .is_none()
    );
    assert!(doubles.sparse_score(&images, 0..1).is_none());
    let mut turned = network(&config, 30, 10);
    turned.output.weight = Param::initialized(
        ParamId::new(),
        Tensor::<2>::ones([10, 50], &Device::flex().autodiff())
            .transpose()
            .detach()
            .require_grad(),
    );
    assert!(turned.sparse_loss(&images, &[0], keep_all).is_none());
    assert!(SparseImages::new(&[], 0, &[]).is_none());
    assert!(SparseImages::new(&[], (1 << 16) + 1, &[]).is_none());
}

#[test]
fn nan_and_infinity_are_not_hidden() {
    let config = MlpConfig {
        hidden: vec![20, 20],
        ..MlpConfig::default()
    };
    let images = images(40, 30, 10);
    let rows: Vec<usize> = (0..40).collect();
    for number in [f32::NAN, f32::INFINITY] {
        let mut mlp = network(&config, 30, 10);
        mlp.hidden[1].linear.bias = (mlp.hidden[1].linear.bias.take())
            .map(|bias| bias.map(|bias| (bias * number).detach().require_grad()));
        let (loss, gradients) = fused(&mut mlp, &images, &rows, 1);
        assert!(!loss.is_finite(), "{loss}");
        assert!(
            gradients
                .iter()
                .any(|(_, numbers)| numbers.iter().any(|number| number.is_nan()))
        );
        let (sum, _) = mlp.sparse_score(&images, 0..40).unwrap();
        assert!(!sum.is_finite());
    }
}

#[test]
#[should_panic(expected = "label 9 for a network of 4 classes")]
fn labels_out_of_range_are_refused() {
    let mut mlp = network(&MlpConfig::default(), 30, 4);
    let _ = mlp.sparse_loss(&images(20, 30, 10), &[1, 2, 7], &mut |length, _| {
        vec![1.0; length]
    });
}
