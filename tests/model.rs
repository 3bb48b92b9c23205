//! The network against formulas and numbers from elsewhere.

use burn::module::{Param, ParamGroup};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use downhill::{AdaGradConfig, SgdConfig};
use downhill_data::{Purpose, Stream};
use downhill_model::{
    Activation, BatchNorm, BatchNormConvention, DecaySplit, DropoutConfig, DropoutKind,
    Initialization, Mlp, MlpConfig, loss,
};
use downhill_trainer::Backend;

use crate::backend::{distance, open, tensor, values};
use crate::plain_network::{PlainNetwork, Visit, visit};
use crate::reference::TORCH_BATCH_NORM;

const INPUTS: usize = 5;
const CLASSES: usize = 3;
const BATCH: usize = 7;

/// Regularized in every way that a network can be.
fn configs() -> Vec<MlpConfig> {
    let mut configs = Vec::new();
    for activation in [Activation::Sigmoid, Activation::Tanh, Activation::Relu] {
        for batch_norm in [
            BatchNormConvention::None,
            BatchNormConvention::Book,
            BatchNormConvention::Torch,
        ] {
            for kind in [DropoutKind::Classic, DropoutKind::Inverted] {
                let dropout = DropoutConfig {
                    probability: 0.3,
                    kind,
                    ..DropoutConfig::default()
                };
                configs.push(MlpConfig {
                    hidden: vec![4, 3],
                    activation,
                    batch_norm,
                    dropout,
                    weight_decay: 0.1,
                    ..MlpConfig::default()
                });
            }
        }
    }
    configs
}

fn network(config: &MlpConfig, seed: u64, backend: Backend) -> Mlp {
    let mut stream = Stream::new(seed, Purpose::InitialWeights, 0);
    let device = open(backend).autodiff();
    let mlp = Mlp::new(config, INPUTS, CLASSES, &device, &mut || stream.normal());
    let mut mlp = mlp.expect("within bounds");
    // Biases start at 0, where an image whose inputs are all dropped sits on the kink of ReLU and
    // has no derivative.
    for layer in &mut mlp.hidden {
        let units = layer.linear.weight.dims()[1];
        let biases: Vec<f64> = (0..units).map(|_| 0.1 * stream.normal()).collect();
        layer.linear.bias = Some(Param::from_tensor(tensor(&biases, [units], &device)));
    }
    mlp
}

/// Images from -1 to 1 and labels.
fn batch(seed: u64) -> (Vec<f64>, Vec<u16>) {
    let mut stream = Stream::new(seed, Purpose::Split, 0);
    let images = (0..BATCH * INPUTS).map(|_| 2.0 * stream.uniform() - 1.0);
    let images: Vec<f64> = images.map(|pixel| f64::from(pixel as f32)).collect();
    let labels = (0..BATCH)
        .map(|_| stream.below(CLASSES as u64) as u16)
        .collect();
    (images, labels)
}

struct Gradients<'a> {
    of: &'a GradientsParams,
    found: Vec<Vec<f64>>,
}

impl Visit for Gradients<'_> {
    fn visit<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        let gradient = self
            .of
            .get::<D>(parameter.id)
            .expect("every parameter is trained");
        self.found.push(values(gradient));
    }
}

/// Loss and gradients of a training step, and the masks that it used.
fn step(mlp: &mut Mlp, images: &[f64], labels: &[u16], backend: Backend) -> Step {
    let device = open(backend).autodiff();
    let mut stream = Stream::new(3, Purpose::DropoutMask, 0);
    let mut masks = Vec::new();
    let mut keep_mask = |length, keep| {
        let mask = stream.keep_mask(length, keep);
        masks.push(mask.clone());
        mask
    };
    let logits = mlp.forward(tensor(images, [BATCH, INPUTS], &device), &mut keep_mask);
    let loss = loss::cross_entropy(logits, loss::one_hot(labels, CLASSES, &device));
    let loss = loss + mlp.penalty().expect("there is weight decay");
    let gradients = GradientsParams::from_grads(loss.backward(), mlp);
    let mut visitor = Gradients {
        of: &gradients,
        found: Vec::new(),
    };
    visit(mlp, &mut visitor);
    Step {
        loss: values(loss)[0],
        gradients: visitor.found,
        masks,
    }
}

struct Step {
    loss: f64,
    gradients: Vec<Vec<f64>>,
    masks: Vec<Vec<f32>>,
}

/// Loss to 1e-6, each gradient to 2e-5 of the central difference of the loss in `f64`.
pub(crate) fn loss_and_gradients_are_those_of_the_formulas(backend: Backend) {
    let (images, labels) = batch(1);
    for config in configs() {
        let mut mlp = network(&config, 2, backend);
        let plain = PlainNetwork::of(&mlp, &config);
        let step = step(&mut mlp, &images, &labels, backend);
        let plain_loss = plain.training_loss(&images, &labels, &step.masks);
        assert!(
            (step.loss - plain_loss).abs() < 1e-6 * plain_loss,
            "{config:?}: loss {} instead of {plain_loss}",
            step.loss
        );
        for (parameter, gradient) in step.gradients.iter().enumerate() {
            let numeric = numeric_gradient(&plain, parameter, &images, &labels, &step.masks);
            let distance = distance(gradient, &numeric);
            assert!(
                distance < 2e-5,
                "{config:?}: parameter {parameter}: {distance:e}"
            );
        }
    }
}

fn numeric_gradient(
    plain: &PlainNetwork,
    parameter: usize,
    images: &[f64],
    labels: &[u16],
    masks: &[Vec<f32>],
) -> Vec<f64> {
    let h = 1e-5;
    let at = |index: usize, by: f64| {
        let mut moved = plain.clone();
        moved.parameters[parameter][index] += by;
        moved.training_loss(images, labels, masks)
    };
    let indices = 0..plain.parameters[parameter].len();
    indices
        .map(|index| (at(index, h) - at(index, -h)) / (2.0 * h))
        .collect()
}

/// In evaluation nothing is dropped, and classic dropout scales where inverted does not.
pub(crate) fn evaluation_is_that_of_the_formulas(backend: Backend) {
    let (images, labels) = batch(1);
    let device = open(backend);
    for config in configs() {
        if config.batch_norm != BatchNormConvention::None {
            continue;
        }
        let mlp = burn::module::Module::valid(&network(&config, 2, backend));
        let expected = PlainNetwork::of(&mlp, &config).evaluation_loss(&images, &labels);
        let logits = mlp.evaluate(tensor(&images, [BATCH, INPUTS], &device));
        let found = loss::cross_entropy(logits, loss::one_hot(&labels, CLASSES, &device));
        let found = values(found)[0];
        assert!(
            (found - expected).abs() < 1e-6 * expected,
            "{config:?}: {found}"
        );
    }
}

/// Forward, backward, running statistics and evaluation, to 2e-6 of the largest number.
pub(crate) fn batch_norm_is_that_of_pytorch(backend: Backend) {
    let torch = &*TORCH_BATCH_NORM;
    let device = open(backend).autodiff();
    let (batch, units) = (torch.x.len(), torch.x[0].len());
    let rows = |rows: &[Vec<f64>]| -> Tensor<2> { tensor(&rows.concat(), [batch, units], &device) };
    let mut norm = BatchNorm::new(BatchNormConvention::Torch, units, &device).expect("a norm");

    let x = rows(&torch.x).require_grad();
    let y = norm.train(x.clone());
    let gradients = (y.clone() * rows(&torch.upstream)).sum().backward();
    let dx = x.grad(&gradients).expect("x has a gradient");
    let scale = norm
        .scale
        .val()
        .grad(&gradients)
        .expect("scale has a gradient");
    let shift = norm
        .shift
        .val()
        .grad(&gradients)
        .expect("shift has a gradient");
    let evaluated = norm.evaluate(rows(&torch.x));
    for (what, found, expected) in [
        ("y", values(y), torch.y.concat()),
        ("dx", values(dx), torch.dx.concat()),
        ("scale", values(scale), torch.dgamma.clone()),
        ("shift", values(shift), torch.dbeta.clone()),
        (
            "running mean",
            values(norm.running_mean.val()),
            torch.running_mean.clone(),
        ),
        (
            "running variance",
            values(norm.running_variance.val()),
            torch.running_var_unbiased.clone(),
        ),
        ("evaluation", values(evaluated), torch.y_eval.concat()),
    ] {
        let distance = distance(&found, &expected);
        assert!(distance < 2e-6 * largest(&expected), "{what}: {distance:e}");
    }
}

fn largest(values: &[f64]) -> f64 {
    values
        .iter()
        .fold(0.0, |largest, value| largest.max(value.abs()))
}

/// Epsilon 1e-6, both running statistics from 0, keeping 0.9, with the biased variance.
pub(crate) fn batch_norm_of_the_book(backend: Backend) {
    let device = open(backend).autodiff();
    let mut norm = BatchNorm::new(BatchNormConvention::Book, 1, &device).expect("a norm");
    // So small that epsilon weighs as much as the variance, 1e-6.
    let x = || tensor(&[0.001, 0.003], [2, 1], &device);
    let y = values(norm.train(x()));
    let expected = 0.001 / (1e-6_f64 + 1e-6).sqrt();
    assert!(distance(&y, &[-expected, expected]) < 1e-5, "{y:?}");
    let (mean, variance) = (0.1 * 0.002, 0.1 * 1e-6);
    assert!(distance(&values(norm.running_mean.val()), &[mean]) < 1e-9);
    assert!(distance(&values(norm.running_variance.val()), &[variance]) < 1e-12);

    let y = values(norm.evaluate(x()));
    let evaluated = |x: f64| (x - mean) / (variance + 1e-6).sqrt();
    assert!(
        distance(&y, &[evaluated(0.001), evaluated(0.003)]) < 1e-5,
        "{y:?}"
    );

    let _ = norm.train(x());
    let second = |first: f64, seen: f64| 0.9 * first + 0.1 * seen;
    assert!(distance(&values(norm.running_mean.val()), &[second(mean, 0.002)]) < 1e-9);
    let running_variance = values(norm.running_variance.val());
    assert!(distance(&running_variance, &[second(variance, 1e-6)]) < 1e-12);
}

/// A step must not change the running statistics of a copy that was taken before.
pub(crate) fn a_copy_keeps_its_running_statistics(backend: Backend) {
    let config = MlpConfig {
        hidden: vec![4],
        batch_norm: BatchNormConvention::Torch,
        weight_decay: 0.1,
        ..MlpConfig::default()
    };
    let (images, labels) = batch(1);
    let mut mlp = network(&config, 2, backend);
    let copy = mlp.clone();
    let mean = |mlp: &Mlp| {
        let norm = mlp.hidden[0].norm.as_ref().expect("a norm");
        values(norm.running_mean.val())
    };
    step(&mut mlp, &images, &labels, backend);
    assert_eq!(mean(&copy), [0.0; 4]);
    assert!(largest(&mean(&mlp)) > 0.0);
}

/// Each kind has its deviation; weights are drawn row by row and biases start at 0.
#[cfg(feature = "flex")]
#[test]
fn initial_weights_have_the_deviation_of_their_kind() {
    let device = open(Backend::Flex);
    let weights = |initialization| {
        let config = MlpConfig {
            hidden: vec![4],
            initialization,
            ..MlpConfig::default()
        };
        let mut count = 0.0;
        let mut counted = || {
            count += 1.0;
            count
        };
        let mlp = Mlp::new(&config, 9, 2, &device, &mut counted).expect("within bounds");
        let [weight, bias, output, output_bias] = PlainNetwork::of(&mlp, &config)
            .parameters
            .try_into()
            .expect("two layers");
        assert_eq!((bias, output_bias), (vec![0.0; 4], vec![0.0; 2]));
        [weight, output].concat()
    };
    let expected = |hidden: f64, output: f64| -> Vec<f64> {
        let deviation = |index: usize| if index < 36 { hidden } else { output };
        (0..44)
            .map(|index| deviation(index) * (index + 1) as f64)
            .collect()
    };
    for (initialization, hidden, output) in [
        (Initialization::He, (2.0 / 9.0_f64).sqrt(), 0.5_f64.sqrt()),
        (Initialization::Xavier, 1.0 / 3.0, 0.5),
        (Initialization::Std(0.01), 0.01, 0.01),
    ] {
        let distance = distance(&weights(initialization), &expected(hidden, output));
        assert!(distance < 1e-5, "{initialization:?}: {distance:e}");
    }
}

/// Weights are decayed; biases, scales and shifts are exempt; running statistics are in neither.
/// Burn's groups take the split.
pub(crate) fn a_decay_tells_weights_from_the_rest(backend: Backend) {
    let config = MlpConfig {
        hidden: vec![4],
        batch_norm: BatchNormConvention::Torch,
        weight_decay: 0.1,
        ..MlpConfig::default()
    };
    let mut mlp = network(&config, 2, backend);
    let split = DecaySplit::of(&mlp);
    let hidden = &mlp.hidden[0];
    let norm = hidden.norm.as_ref().expect("a norm");
    let bias = |linear: &burn::nn::Linear| linear.bias.as_ref().expect("a bias").id;
    assert_eq!(
        split.decayed,
        [hidden.linear.weight.id, mlp.output.weight.id]
    );
    let exempt = [
        bias(&hidden.linear),
        norm.scale.id,
        norm.shift.id,
        bias(&mlp.output),
    ];
    assert_eq!(split.exempt, exempt);

    // Weights by SGD, the rest by AdaGrad, whose first step is the rate whatever the gradient.
    let ada_grad = AdaGradConfig::torch().build().expect("within bounds");
    let mut optimizer = (SgdConfig::torch().init().expect("within bounds")).with_group(
        ParamGroup::from_ids(split.exempt),
        ada_grad,
        None,
    );
    let (images, labels) = batch(1);
    let device = open(backend).autodiff();
    let mut keep_all = |length, _| vec![1.0; length];
    let logits = mlp.forward(tensor(&images, [BATCH, INPUTS], &device), &mut keep_all);
    let loss = loss::cross_entropy(logits, loss::one_hot(&labels, CLASSES, &device));
    let gradients = GradientsParams::from_grads(loss.backward(), &mlp);
    let gradient = values(
        gradients
            .get::<2>(mlp.output.weight.id)
            .expect("a gradient"),
    );
    let parameters = |mlp: &Mlp| {
        let bias = mlp.output.bias.as_ref().expect("a bias");
        (values(mlp.output.weight.val()), values(bias.val()))
    };
    let (weight, bias) = parameters(&mlp);
    let (new_weight, new_bias) = parameters(&optimizer.step(0.1, mlp, gradients));
    let by_sgd: Vec<f64> = weight
        .iter()
        .zip(gradient)
        .map(|(x, g)| x - 0.1 * g)
        .collect();
    assert!(distance(&new_weight, &by_sgd) < 1e-6);
    let steps = bias
        .iter()
        .zip(new_bias)
        .map(|(before, after)| (after - before).abs());
    assert!(distance(&steps.collect::<Vec<_>>(), &[0.1; CLASSES]) < 1e-5);
}
