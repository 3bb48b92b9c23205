//! Small cases of every kind of layer and loss.

use burn::module::Param;
use burn::nn::LinearConfig;
use burn::tensor::{DType, Device, Tensor};

use super::numbers::Numbers;
use super::{CheckedGradient, check};
use crate::convolution::max_pool;
use crate::{
    Activation, Autoencoder, BatchNorm, BatchNormConvention, ConvolutionConfig, ConvolutionLayer,
    ConvolutionalNetwork, DropoutConfig, DropoutKind, Initialization, Mlp, MlpConfig, loss,
};

type Input = Param<Tensor<2>>;

const BATCH: usize = 5;
const CLASSES: usize = 3;
const LABELS: [u16; BATCH] = [2, 0, 1, 1, 0];
const DROPOUTS: [DropoutKind; 2] = [DropoutKind::Classic, DropoutKind::Inverted];
const NORMS: [BatchNormConvention; 2] = [BatchNormConvention::Book, BatchNormConvention::Torch];

pub(super) fn all(device: &Device, normal: &mut dyn FnMut() -> f64) -> Vec<CheckedGradient> {
    let mut numbers = Numbers { normal, device };
    let mut rows = Vec::new();
    layers(&mut numbers, &mut rows);
    convolutions(&mut numbers, &mut rows);
    losses(&mut numbers, &mut rows);
    networks(&mut numbers, &mut rows);
    #[cfg(feature = "flex")]
    fused::all(&mut numbers, &mut rows);
    rows
}

fn layers(numbers: &mut Numbers<'_>, rows: &mut Vec<CheckedGradient>) {
    let upstream = numbers.upstream([BATCH, 3]);
    let linear = LinearConfig::new(4, 3).init(numbers.device);
    let linear = (numbers.drawn([BATCH, 4]), numbers.fill(linear, 0.5));
    let sum = |x: Tensor<2>| (x * upstream.clone()).sum();
    check(
        "linear",
        &linear,
        &|(input, linear)| sum(linear.forward(input.val())),
        rows,
    );
    for activation in [Activation::Sigmoid, Activation::Tanh, Activation::Relu] {
        let drawn = numbers.some(BATCH * 3, 1.0);
        // At least 0.1 from the kink.
        let away = drawn.iter().map(|x| x + 0.1_f64.copysign(*x)).collect();
        let input = numbers.input(away, [BATCH, 3]);
        let name = format!("{activation:?}").to_lowercase();
        check(
            &name,
            &input,
            &|x: &mut Input| sum(activation.apply(x.val())),
            rows,
        );
    }
    for convention in NORMS {
        let norm = BatchNorm::new(convention, 3, numbers.device);
        let norm = norm.expect("the convention is not `None`");
        // Units that vary, because the normalization gets steeper as their variance falls.
        let columns = [(); 3].map(|()| numbers.apart(BATCH));
        let rows_of = (0..BATCH * 3).map(|place| 5.0 * columns[place % 3][place / 3]);
        let input = numbers.input(rows_of.collect(), [BATCH, 3]);
        let norm = (input, numbers.fill(norm, 0.5));
        let name = format!("batch normalization, {convention:?}").to_lowercase();
        check(
            &name,
            &norm,
            &|(input, norm)| sum(norm.train(input.val())),
            rows,
        );
    }
    for kind in DROPOUTS {
        let dropout = DropoutConfig {
            probability: 0.5,
            kind,
            ..DropoutConfig::default()
        };
        let mask = numbers.mask(BATCH * 3);
        let input = numbers.drawn([BATCH, 3]);
        let name = format!("dropout, {kind:?}").to_lowercase();
        let loss = |x: &mut Input| sum(dropout.train(x.val(), &mut |_, _| mask.clone()));
        check(&name, &input, &loss, rows);
    }
}

fn convolutions(numbers: &mut Numbers<'_>, rows: &mut Vec<CheckedGradient>) {
    let config = ConvolutionConfig {
        channels: 3,
        kernel: 3,
        padding: 1,
        pool: 1,
    };
    let he = Initialization::He;
    let layer = ConvolutionLayer::new(&config, 2, he, numbers.device, &mut || 0.0);
    // Images of two channels, 5 rows and 4 columns.
    let case = (numbers.drawn([2, 40]), numbers.fill(layer, 0.5));
    let upstream = numbers.upstream([2, 60]);
    let loss = |(input, layer): &mut (Input, ConvolutionLayer)| {
        let sums = layer.convolve(input.val().reshape([2, 2, 5, 4]));
        (sums.flatten(1, 3) * upstream.clone()).sum()
    };
    check("convolution", &case, &loss, rows);

    let numbers_apart = numbers.apart(2 * 2 * 5 * 7);
    let input = numbers.input(numbers_apart, [2, 70]);
    let upstream = numbers.upstream([2, 12]);
    let loss = |input: &mut Input| {
        let largest = max_pool(input.val().reshape([2, 2, 5, 7]), 2);
        (largest.flatten(1, 3) * upstream.clone()).sum()
    };
    check("max pooling", &input, &loss, rows);
}

fn targets(device: &Device) -> Tensor<2> {
    loss::one_hot(&LABELS, CLASSES, device).cast(DType::F64)
}

fn losses(numbers: &mut Numbers<'_>, rows: &mut Vec<CheckedGradient>) {
    let targets = targets(numbers.device);
    let logits = numbers.drawn([BATCH, CLASSES]);
    let entropy = |x: &mut Input| loss::cross_entropy(x.val(), targets.clone());
    check("softmax cross-entropy", &logits, &entropy, rows);

    let decayed = MlpConfig {
        hidden: vec![3],
        weight_decay: 0.3,
        ..MlpConfig::default()
    };
    let mlp = perceptron(&decayed, numbers);
    let penalty = |mlp: &mut Mlp| mlp.penalty().expect("there is weight decay");
    check("L2 penalty", &mlp, &penalty, rows);

    for (name, layer, activation) in [
        ("autoencoder, cross-entropy", 0, Activation::Sigmoid),
        ("autoencoder, squared error", 1, Activation::Tanh),
    ] {
        let config = MlpConfig {
            hidden: vec![4, 3],
            activation,
            ..MlpConfig::default()
        };
        let mlp = perceptron(&config, numbers);
        let autoencoder = Autoencoder::of(&mlp, layer).expect("no batch normalization");
        let autoencoder = numbers.fill(autoencoder, 0.5);
        let inputs = Activation::Sigmoid.apply(numbers.upstream([BATCH, 4]));
        let mask = numbers.mask(BATCH * 4);
        let loss = |autoencoder: &mut Autoencoder| {
            autoencoder.loss(inputs.clone(), 0.5, &mut |_, _| mask.clone())
        };
        check(name, &autoencoder, &loss, rows);
    }
}

/// Makes a perceptron with four inputs.
fn perceptron(config: &MlpConfig, numbers: &mut Numbers<'_>) -> Mlp {
    let mlp = Mlp::new(config, 4, CLASSES, numbers.device, &mut || 0.0);
    numbers.fill(mlp.expect("its settings are within bounds"), 0.8)
}

fn networks(numbers: &mut Numbers<'_>, rows: &mut Vec<CheckedGradient>) {
    let targets = targets(numbers.device);
    for (name, activation, batch_norm, kind) in [
        ("sigmoid", Activation::Sigmoid, NORMS[1], DROPOUTS[1]),
        ("tanh", Activation::Tanh, NORMS[0], DROPOUTS[0]),
    ] {
        let config = MlpConfig {
            hidden: vec![4, 3],
            activation,
            batch_norm,
            dropout: DropoutConfig {
                probability: 0.5,
                kind,
                ..DropoutConfig::default()
            },
            weight_decay: 0.1,
            ..MlpConfig::default()
        };
        let drawn = |numbers: &mut Numbers<'_>| numbers.drawn([BATCH, 4]);
        let (input, mlp, masks) = with_variance(&config, numbers, drawn, 0.5);
        let case = (input, mlp);
        let loss = |(input, mlp): &mut (Input, Mlp)| {
            let logits = mlp.forward(input.val(), &mut in_turn(&masks));
            let loss = loss::cross_entropy(logits, targets.clone());
            loss + mlp.penalty().expect("there is weight decay")
        };
        check(&format!("whole perceptron, {name}"), &case, &loss, rows);
    }
    let case = convolutional(numbers);
    let loss = |(input, network): &mut (Input, ConvolutionalNetwork)| {
        let logits = network.forward(input.val(), &mut |_, _| Vec::new());
        let loss = loss::cross_entropy(logits, targets.clone());
        loss + network.penalty().expect("there is weight decay")
    };
    check("whole convolutional network", &case, &loss, rows);
}

/// Supplies the masks of the hidden layers in turn.
fn in_turn(masks: &[Vec<f32>; 2]) -> impl FnMut(usize, f64) -> Vec<f32> {
    let mut masks = masks.iter();
    move |_, _| masks.next().cloned().expect("a mask for each hidden layer")
}

/// Largest number of draws of a case.
const MAX_DRAWS: usize = 1000;

/// Draws a perceptron, its input and masks until all normalized units have a variance above
/// `min_variance`, because the normalization gets steeper as the variance falls.
fn with_variance(
    config: &MlpConfig,
    numbers: &mut Numbers<'_>,
    mut input: impl FnMut(&mut Numbers<'_>) -> Input,
    min_variance: f64,
) -> (Input, Mlp, [Vec<f32>; 2]) {
    let mut draw = || {
        let input = input(numbers);
        let mlp = perceptron(config, numbers);
        let masks = [numbers.mask(BATCH * 4), numbers.mask(BATCH * 3)];
        (input, mlp, masks)
    };
    for _ in 1..MAX_DRAWS {
        let (input, mlp, masks) = draw();
        let mut trained = mlp.clone();
        let _ = trained.forward(input.val(), &mut in_turn(&masks));
        let norms = trained.hidden.iter().flat_map(|layer| &layer.norm);
        let variances = norms.flat_map(|norm| {
            let kept = 0.9 * norm.convention.first_variance();
            let running = super::numbers::of(norm.running_variance.val());
            running
                .into_iter()
                .map(move |running| (running - kept) / 0.1)
        });
        if variances.fold(f64::INFINITY, f64::min) > min_variance {
            return (input, mlp, masks);
        }
    }
    draw()
}

const IMAGE: [usize; 3] = [2, 9, 7];

/// Draws a network of two convolutions and its images until the two largest values of every pooling
/// window differ clearly, so that a step of the numerical gradient does not change which is
/// largest.
fn convolutional(numbers: &mut Numbers<'_>) -> (Input, ConvolutionalNetwork) {
    let convolution = |channels, kernel, padding, pool| ConvolutionConfig {
        channels,
        kernel,
        padding,
        pool,
    };
    let config = MlpConfig {
        convolutions: vec![convolution(2, 3, 1, 2), convolution(3, 2, 0, 1)],
        hidden: vec![4],
        activation: Activation::Tanh,
        weight_decay: 0.1,
        ..MlpConfig::default()
    };
    let mut draw = || {
        let network =
            ConvolutionalNetwork::new(&config, IMAGE, CLASSES, numbers.device, &mut || 0.0);
        let network = numbers.fill(network.expect("its settings are within bounds"), 0.3);
        (numbers.drawn([BATCH, IMAGE.iter().product()]), network)
    };
    for _ in 1..MAX_DRAWS {
        let (images, network) = draw();
        let pixels = images.val().reshape([BATCH, IMAGE[0], IMAGE[1], IMAGE[2]]);
        let layer = &network.convolutions[0];
        let sums = Activation::Tanh.apply(layer.convolve(pixels));
        if smallest_margin(sums) > 2e-3 {
            return (images, network);
        }
    }
    draw()
}

/// Returns the smallest difference between the two largest values of a window of 2 x 2.
fn smallest_margin(x: Tensor<4>) -> f64 {
    let [batch, channels, height, width] = x.dims();
    let numbers = super::numbers::of(x);
    let mut margin = f64::INFINITY;
    for plane in numbers.chunks_exact(height * width).take(batch * channels) {
        for y in 0..height / 2 {
            for x in 0..width / 2 {
                let first = 2 * y * width + 2 * x;
                let mut window = [0, 1, width, width + 1].map(|place| plane[first + place]);
                window.sort_by(f64::total_cmp);
                margin = margin.min(window[3] - window[2]);
            }
        }
    }
    margin
}

/// The fused operations of flex, in `f32`, compared with backpropagation in `f64`.
#[cfg(feature = "flex")]
mod fused {
    use burn::module::Module;

    use super::super::numbers::in_f32;
    use super::super::{F32_BOUND, Loss, gradients, largest};
    use super::*;
    use crate::SparseImages;

    pub(in super::super) fn all(numbers: &mut Numbers<'_>, rows: &mut Vec<CheckedGradient>) {
        for (activation, batch_norm) in [
            (Activation::Sigmoid, NORMS[1]),
            (Activation::Tanh, NORMS[0]),
            (Activation::Relu, BatchNormConvention::None),
        ] {
            fused_perceptron(numbers, activation, batch_norm, rows);
        }
        let targets = targets(numbers.device);
        let (images, network) = convolutional(numbers);
        let loss = |dtype: DType| {
            let (images, targets) = (images.val().cast(dtype), targets.clone().cast(dtype));
            move |network: &mut ConvolutionalNetwork| {
                let logits = network.forward(images.clone(), &mut |_, _| Vec::new());
                let loss = loss::cross_entropy(logits, targets.clone());
                loss + network.penalty().expect("there is weight decay")
            }
        };
        let rounded = in_f32(network.clone());
        if rounded
            .fused_features(&images.val().cast(DType::F32))
            .is_none()
        {
            return;
        }
        let (loss, in_f64) = (loss(DType::F32), loss(DType::F64));
        let name = "fused convolutions, f32";
        compare(name, (&rounded, &loss), (&network, &in_f64), rows);
    }

    fn fused_perceptron(
        numbers: &mut Numbers<'_>,
        activation: Activation,
        batch_norm: BatchNormConvention,
        rows: &mut Vec<CheckedGradient>,
    ) {
        let config = MlpConfig {
            hidden: vec![4, 3],
            activation,
            batch_norm,
            dropout: DropoutConfig {
                probability: 0.5,
                kind: DropoutKind::Inverted,
                ..DropoutConfig::default()
            },
            weight_decay: 0.1,
            ..MlpConfig::default()
        };
        let pixels_of = |numbers: &mut Numbers<'_>| {
            let bytes = numbers.some(BATCH * 4, 150.0).into_iter();
            let bytes = bytes.map(|x| x.abs().min(255.0).floor() / 255.0);
            numbers.input(bytes.collect(), [BATCH, 4])
        };
        let (images, mlp, masks) = with_variance(&config, numbers, pixels_of, 0.05);
        let images = images.val();
        let pixels = super::super::numbers::of(images.clone()).into_iter();
        let pixels: Vec<u8> = pixels.map(|x| (255.0 * x).round() as u8).collect();
        let Some(sparse) = SparseImages::new(&pixels, 4, &LABELS) else {
            return;
        };
        let targets = targets(numbers.device);
        let rounded = in_f32(mlp.clone());
        let all: Vec<usize> = (0..BATCH).collect();
        let fused_loss = |mlp: &mut Mlp| mlp.sparse_loss(&sparse, &all, &mut in_turn(&masks));
        if fused_loss(&mut rounded.clone()).is_none() {
            return;
        }
        let loss = |mlp: &mut Mlp| fused_loss(mlp).expect("as before");
        let in_f64 = |mlp: &mut Mlp| {
            let logits = mlp.forward(images.clone(), &mut in_turn(&masks));
            let loss = loss::cross_entropy(logits, targets.clone());
            loss + mlp.penalty().expect("there is weight decay")
        };
        let name = format!("fused perceptron, f32, {activation:?}").to_lowercase();
        compare(&name, (&rounded, &loss), (&mlp, &in_f64), rows);
    }

    /// Compares the gradients of a network in `f32` with those in `f64`.
    fn compare<M: Module>(
        layer: &str,
        (rounded, loss): (&M, Loss<'_, M>),
        (exact, in_f64): (&M, Loss<'_, M>),
        rows: &mut Vec<CheckedGradient>,
    ) {
        let pairs = gradients(rounded, loss)
            .into_iter()
            .zip(gradients(exact, in_f64));
        rows.extend(pairs.map(|(found, expected)| {
            let differences = found.gradient.iter().zip(&expected.gradient);
            CheckedGradient {
                layer: layer.to_owned(),
                parameter: expected.path,
                numbers: found.gradient.len(),
                largest_difference: largest(differences.map(|(a, b)| (a - b).abs())),
                bound: F32_BOUND,
            }
        }));
    }
}
