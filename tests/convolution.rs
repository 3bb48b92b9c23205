//! Convolutional networks against PyTorch.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Tensor};
use downhill_model::{
    BatchNormConvention, ConvolutionConfig, DropoutConfig, DropoutKind, InvalidModel, Mlp,
    MlpConfig, Network, loss,
};
use downhill_trainer::Backend;

use crate::backend::{distance, open, values};
use crate::numbers::Place;
use crate::reference::{TORCH_CONVOLUTIONS, TorchConvolution};

const CLASSES: usize = 3;

fn config(case: &TorchConvolution) -> MlpConfig {
    MlpConfig {
        convolutions: case.convolutions.clone(),
        hidden: case.hidden.clone(),
        activation: case.activation,
        weight_decay: case.weight_decay,
        ..MlpConfig::default()
    }
}

/// The network of a case, its parameters of the place's type.
fn network(case: &TorchConvolution, place: &Place) -> Network {
    let device = place.device.clone().autodiff();
    let network = Network::new(
        &config(case),
        [1, case.image[0], case.image[1]],
        CLASSES,
        &device,
        &mut || 0.0,
    );
    let place = Place::new(&device, place.dtype);
    let mut given = Given {
        parameters: case.parameters.iter(),
        place: &place,
    };
    let network = network.expect("within bounds").map(&mut given);
    assert!(given.parameters.next().is_none(), "parameters left over");
    network
}

/// Puts the given numbers in place of the parameters, in the module's order.
struct Given<'a> {
    parameters: std::slice::Iter<'a, Vec<f64>>,
    place: &'a Place,
}

impl ModuleMapper for Given<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let numbers = self.parameters.next().expect("as many parameters");
        let shape = param.val().dims();
        param.map(|_| (self.place.tensor(numbers, &shape)).require_grad())
    }
}

struct Gradients<'a> {
    of: &'a GradientsParams,
    found: Vec<Vec<f64>>,
}

impl ModuleVisitor for Gradients<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.of.get::<D>(param.id);
        self.found.push(values(gradient.expect("all are trained")));
    }
}

/// Logits, loss, the gradient of each parameter and that of the images, each within `bound`.
fn compare(case: &TorchConvolution, place: &Place, bound: f64) {
    let mut network = network(case, place);
    let place = Place::new(&place.device.clone().autodiff(), place.dtype);
    let shape = [case.batch, case.image[0] * case.image[1]];
    let images = || place.tensor::<2>(&case.images, &shape);
    let targets = loss::one_hot(&case.labels, CLASSES, &place.device).cast(place.dtype);
    let mut no_mask = |_, _| panic!("nothing is dropped");
    // The images with a gradient of their own, and as a training has them.
    for with_gradient in [true, false] {
        let images = match with_gradient {
            true => images().require_grad(),
            false => images(),
        };
        let logits = network.forward(images.clone(), &mut no_mask);
        let mut loss = loss::cross_entropy(logits.clone(), targets.clone());
        if let Some(penalty) = network.penalty() {
            loss = loss + penalty;
        }
        let gradients = loss.backward();
        let what = format!("{} {:?} {with_gradient}", case.name, case.activation);
        let check = |part: &str, found: &[f64], expected: &[f64]| {
            let distance = distance(found, expected);
            assert!(distance < bound, "{what}: {part}: {distance:e}");
        };
        check("logits", &values(logits), &case.logits);
        check("loss", &values(loss), &[case.loss]);
        if with_gradient {
            let gradient = images.grad(&gradients).expect("images have a gradient");
            check("images", &values(gradient), &case.image_gradients);
        }
        let gradients = GradientsParams::from_grads(gradients, &network);
        let mut found = Gradients {
            of: &gradients,
            found: Vec::new(),
        };
        network.visit(&mut found);
        assert_eq!(found.found.len(), case.gradients.len());
        for (number, (found, expected)) in found.found.iter().zip(&case.gradients).enumerate() {
            check(&format!("gradient {number}"), found, expected);
        }
    }
}

/// In `f32`, to 1e-5.
pub(crate) fn a_convolutional_network_is_that_of_pytorch(backend: Backend) {
    let place = Place::new(&open(backend), DType::F32);
    for case in &*TORCH_CONVOLUTIONS {
        compare(case, &place, 1e-5);
    }
}

/// The same in `f64`, to 1e-10.
#[cfg(feature = "flex")]
#[test]
fn a_convolutional_network_is_that_of_pytorch_in_f64() {
    let place = Place::new(&open(Backend::Flex), DType::F64);
    for case in &*TORCH_CONVOLUTIONS {
        compare(case, &place, 1e-10);
    }
}

/// Without dropout; and what each layer gives fits together.
pub(crate) fn convolutions_answer_alike_in_training_and_evaluation(backend: Backend) {
    let place = Place::new(&open(backend), DType::F32);
    for case in &*TORCH_CONVOLUTIONS {
        let network = network(case, &place).valid();
        let shape = [case.batch, case.image[0] * case.image[1]];
        let images: Tensor<2> = place.tensor(&case.images, &shape);
        let logits = values(network.evaluate(images.clone()));
        let distance = distance(&logits, &case.logits);
        assert!(distance < 1e-5, "{}: {distance:e}", case.name);

        let activations = network.activations(images);
        let widths: Vec<[usize; 2]> = activations.iter().map(Tensor::dims).collect();
        let Network::Convolutional(network) = network else {
            panic!("it has convolutions");
        };
        let features = network.head.hidden[0].linear.weight.dims()[0];
        assert_eq!(
            widths[1..],
            [[case.batch, features], [case.batch, case.hidden[0]]]
        );
        let last = activations.last().expect("layers").clone();
        let again = values(network.head.output.forward(last));
        let distance = crate::backend::distance(&again, &case.logits);
        assert!(distance < 1e-5, "{}: {distance:e}", case.name);
    }
}

/// Weights are drawn in their order, from the image on, with the deviation of their inputs.
#[cfg(feature = "flex")]
#[test]
fn convolutions_start_with_the_deviation_of_their_kernels() {
    let case = &TORCH_CONVOLUTIONS[0];
    let mut count = 0.0;
    let mut counted = || {
        count += 1.0;
        count
    };
    let device = open(Backend::Flex);
    let network = Network::new(
        &config(case),
        [1, case.image[0], case.image[1]],
        CLASSES,
        &device,
        &mut counted,
    );
    let Network::Convolutional(network) = network.expect("within bounds") else {
        panic!("it has convolutions");
    };
    let mut first = 1;
    for (layer, inputs) in network.convolutions.iter().zip([9.0_f64, 12.0]) {
        let found = values(layer.weight.val());
        let expected: Vec<f64> = (first..first + found.len())
            .map(|number| number as f64 * (2.0 / inputs).sqrt())
            .collect();
        first += found.len();
        assert!(distance(&found, &expected) < 1e-5);
        assert!(values(layer.bias.val()).iter().all(|bias| *bias == 0.0));
    }
    let head = values(network.head.hidden[0].linear.weight.val());
    let features = network.head.hidden[0].linear.weight.dims()[0] as f64;
    assert!((head[0] - first as f64 * (2.0 / features).sqrt()).abs() < 1e-4);
}

#[test]
fn settings_of_convolutions_out_of_bounds_are_named() {
    let refused = |change: &dyn Fn(&mut MlpConfig)| -> InvalidModel {
        let mut config = MlpConfig {
            convolutions: vec![ConvolutionConfig::default(); 2],
            ..MlpConfig::default()
        };
        change(&mut config);
        config.check_for([1, 28, 28]).expect_err("out of bounds")
    };
    for (text, change) in [
        (
            "convolutions[0].kernel must be at least 1, got 0",
            &(|config: &mut MlpConfig| config.convolutions[0].kernel = 0)
                as &dyn Fn(&mut MlpConfig),
        ),
        (
            "convolutions[1].channels must be at least 1, got 0",
            &|config| config.convolutions[1].channels = 0,
        ),
        (
            "convolutions[1].pool must be at least 1, got 0",
            &|config| config.convolutions[1].pool = 0,
        ),
        (
            "convolutions[1].padding must be less than the kernel, 5, got 5",
            &|config| config.convolutions[1].padding = 5,
        ),
        (
            "convolutions[1].kernel must be at most 12, the shorter side of its padded input, got 13",
            &|config| config.convolutions[1].kernel = 13,
        ),
        (
            "convolutions[1].pool must be at most 8, the shorter side of its input, got 9",
            &|config| config.convolutions[1].pool = 9,
        ),
        (
            "batch_norm must be \"none\" in a network with convolutions, got \"book\"",
            &|config| config.batch_norm = BatchNormConvention::Book,
        ),
    ] {
        let error = refused(change);
        assert_eq!(error.to_string(), text);
        assert!(text.starts_with(error.key()));
    }
}

/// Dropout stands in the head alone, and an `Mlp` takes no convolutions.
#[cfg(feature = "flex")]
#[test]
fn only_hidden_layers_are_dropped_out() {
    let device = open(Backend::Flex).autodiff();
    let config = MlpConfig {
        convolutions: vec![ConvolutionConfig::default()],
        hidden: vec![7, 6],
        dropout: DropoutConfig {
            probability: 0.25,
            kind: DropoutKind::Inverted,
            ..DropoutConfig::default()
        },
        ..MlpConfig::default()
    };
    let mut network =
        Network::new(&config, [1, 28, 28], CLASSES, &device, &mut || 0.1).expect("within bounds");
    let mut asked = Vec::new();
    let mut keep_mask = |length, keep| {
        asked.push((length, keep));
        vec![1.0; length]
    };
    let logits = network.forward(Tensor::ones([2, 784], &device), &mut keep_mask);
    assert_eq!(logits.dims(), [2, CLASSES]);
    assert_eq!(asked, [(14, 0.75), (12, 0.75)]);

    let refused = Mlp::new(&config, 784, CLASSES, &device, &mut || 0.1).expect_err("no Mlp");
    assert_eq!(
        refused.to_string(),
        "convolutions must be empty for a multilayer perceptron, got 1 entries"
    );
}

/// Old files have no convolutions.
#[test]
fn a_config_without_convolutions_is_read() {
    let config: MlpConfig = toml::from_str("hidden = [3]").expect("a config");
    assert!(config.convolutions.is_empty());
    let text = toml::to_string(&MlpConfig {
        convolutions: vec![ConvolutionConfig::default()],
        ..config
    });
    let read: MlpConfig = toml::from_str(&text.expect("a table")).expect("a config");
    assert_eq!(read.convolutions, [ConvolutionConfig::default()]);
    let unknown = toml::from_str::<MlpConfig>("convolutions = [{ kernels = 3 }]");
    assert!(unknown.is_err());
}
