use burn::tensor::{Device, Tensor};
use downhill_model::{BatchNormConvention, ConvolutionConfig, Initialization, MlpConfig, Network};
use downhill_report::record::RunOutcome;
use downhill_sample as sample;

use safetensors::SafeTensors;
use safetensors::tensor::Dtype;

use super::decode::numbers;
use super::{decode, encode, metadata};
use crate::config::training::TrainingConfig;

fn config() -> TrainingConfig {
    let mut config = TrainingConfig::default();
    config.model.hidden = vec![3];
    config.model.batch_norm = BatchNormConvention::Torch;
    config.model.dropout.probability = 0.5;
    config
}

/// A network whose parameters are 0, 1, 2 and so on.
fn network(config: &MlpConfig, device: &Device) -> Network {
    let mut numbers = (0..).map(f64::from);
    let mut next = || numbers.next().unwrap_or_default();
    Network::new(config, [1, 1, 2], 4, device, &mut next).expect("a network")
}

fn file() -> Vec<u8> {
    let mut config = config();
    config.model.initialization = Initialization::Std(1.0);
    let run = sample::run("none", 0, &[(1, 0.1, 0.1)], RunOutcome::Finished);
    encode(
        &run.header,
        &config,
        &network(&config.model, &Device::flex()),
        2,
    )
    .expect("a file")
}

#[test]
fn names_and_layout_are_those_of_a_sequential() {
    let file = file();
    let read = SafeTensors::deserialize(&file).unwrap();
    let mut names = read.names();
    names.sort();
    assert_eq!(
        names,
        [
            "0.bias",
            "0.weight",
            "1.bias",
            "1.num_batches_tracked",
            "1.running_mean",
            "1.running_var",
            "1.weight",
            "4.bias",
            "4.weight"
        ]
    );
    // [2, 3] here, row by row.
    let weight = read.tensor("0.weight").unwrap();
    assert_eq!(weight.shape(), [3, 2]);
    assert_eq!(
        numbers("", weight.dtype(), weight.data()).unwrap(),
        [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]
    );
    assert_eq!(read.tensor("4.weight").unwrap().shape(), [4, 3]);
    let count = read.tensor("1.num_batches_tracked").unwrap();
    assert_eq!(
        (count.dtype(), count.data()),
        (Dtype::I64, &1000_i64.to_le_bytes()[..])
    );
    assert_eq!(
        read.tensor("1.running_var").unwrap().data(),
        [0, 0, 128, 63].repeat(3)
    );
}

#[test]
fn the_same_network_gives_the_same_file_and_comes_back() {
    assert_eq!(file(), file());
    let config = config().model;
    let device = Device::flex();
    let mut found = Network::new(&config, [1, 1, 2], 4, &device, &mut || 9.0).unwrap();
    decode(&file(), &config, &mut found).unwrap();
    let mut as_written = config.clone();
    as_written.initialization = Initialization::Std(1.0);
    let images = Tensor::<2>::from_floats([[1.0, 2.0], [-3.0, 4.0]], &device);
    assert_eq!(
        found.evaluate(images.clone()).into_data(),
        network(&as_written, &device).evaluate(images).into_data()
    );
    let about = metadata(&file()).unwrap().unwrap();
    assert_eq!((about.inputs, about.outputs), (2, 4));
    assert_eq!(about.method, "none");
}

#[test]
fn a_prefix_that_all_names_share_is_left_out() {
    let config = config().model;
    let device = Device::flex();
    let file = file();
    let read = SafeTensors::deserialize(&file).unwrap();
    let with = |prefix: &str, but: &str| {
        let tensors = read.tensors().into_iter().map(|(name, tensor)| {
            let prefix = if name == but { "" } else { prefix };
            (format!("{prefix}{name}"), tensor)
        });
        safetensors::serialize(tensors, None).unwrap()
    };
    let mut expected = network(&config, &device);
    decode(&file, &config, &mut expected).unwrap();
    let images = Tensor::<2>::from_floats([[1.0, 2.0], [-3.0, 4.0]], &device);
    for prefix in ["_orig_mod.", "module.", "model."] {
        let mut found = Network::new(&config, [1, 1, 2], 4, &device, &mut || 9.0).unwrap();
        decode(&with(prefix, ""), &config, &mut found).unwrap();
        assert_eq!(
            found.evaluate(images.clone()).into_data(),
            expected.evaluate(images.clone()).into_data()
        );
        let refused = decode(&with(prefix, "4.bias"), &config, &mut found).unwrap_err();
        assert!(
            refused.starts_with("it has no tensor 0.weight"),
            "{refused}"
        );
    }
}

#[test]
fn convolutions_come_back_under_their_names() {
    let mut config = config();
    config.model.batch_norm = BatchNormConvention::None;
    config.model.convolutions = vec![
        ConvolutionConfig {
            channels: 2,
            kernel: 3,
            padding: 1,
            pool: 2,
        },
        ConvolutionConfig {
            channels: 3,
            kernel: 2,
            padding: 0,
            pool: 1,
        },
    ];
    let device = Device::flex();
    let mut numbers = (0..).map(|number| f64::from(number % 7) - 3.0);
    let mut next = || numbers.next().unwrap_or_default();
    let network = Network::new(&config.model, [1, 6, 6], 4, &device, &mut next).unwrap();
    let run = sample::run("none", 0, &[(1, 0.1, 0.1)], RunOutcome::Finished);
    let file = encode(&run.header, &config, &network, 36).unwrap();
    let read = SafeTensors::deserialize(&file).unwrap();
    let shape = |name: &str| read.tensor(name).unwrap().shape().to_vec();
    // Unflatten, Conv2d, ReLU, MaxPool2d, Conv2d, ReLU, Flatten, Linear, ReLU, Dropout, Linear.
    assert_eq!(shape("1.weight"), [2, 1, 3, 3]);
    assert_eq!(shape("4.weight"), [3, 2, 2, 2]);
    assert_eq!(shape("7.weight"), [3, 12]);
    assert_eq!(shape("10.weight"), [4, 3]);
    let mut found = Network::new(&config.model, [1, 6, 6], 4, &device, &mut || 9.0).unwrap();
    decode(&file, &config.model, &mut found).unwrap();
    let pixels: Vec<f32> = (0..72).map(|at| (at % 5) as f32 / 5.0).collect();
    let images = Tensor::<1>::from_floats(pixels.as_slice(), &device).reshape([2, 36]);
    assert_eq!(
        found.evaluate(images.clone()).into_data(),
        network.evaluate(images).into_data()
    );
    let about = metadata(&file).unwrap().unwrap();
    assert_eq!((about.inputs, about.outputs), (36, 4));
}

#[test]
fn a_file_for_another_network_is_refused_with_the_tensor() {
    let device = Device::flex();
    let refused = |change: fn(&mut MlpConfig)| {
        let mut config = config().model;
        change(&mut config);
        let mut network = Network::new(&config, [1, 1, 2], 4, &device, &mut || 9.0).unwrap();
        decode(&file(), &config, &mut network).unwrap_err()
    };
    assert_eq!(
        refused(|config| config.hidden = vec![5]),
        "0.weight must have the shape [5, 2] in this network, got [3, 2]"
    );
    assert_eq!(
        refused(|config| config.dropout.probability = 0.0),
        "it has no tensor 3.weight, which this network needs; it has 4.bias, 4.weight"
    );
    let message = refused(|config| config.batch_norm = BatchNormConvention::None);
    assert!(
        message.starts_with("it has no tensor 3.weight"),
        "{message}"
    );
    assert_eq!(
        refused(|config| config.hidden = Vec::new()),
        "0.weight must have the shape [4, 2] in this network, got [3, 2]"
    );
    assert!(
        decode(
            b"no such file",
            &config().model,
            &mut network(&config().model, &device)
        )
        .is_err()
    );
}
