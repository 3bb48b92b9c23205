//! Trainings on image sets of other sizes, channels, classes and formats than MNIST's.

use std::fs;
use std::path::Path;

use downhill_report::read_record;
use downhill_trainer::Backend;

use crate::command::Bench;

/// Writes an IDX file with elements of this type.
fn write(path: &Path, element: u8, dimensions: &[u32], elements: &[u8]) {
    let mut bytes = vec![0, 0, element, dimensions.len() as u8];
    bytes.extend(dimensions.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend(elements);
    fs::write(path, bytes).expect("written");
}

/// A set whose images tell their class: each class has a pattern of its own.
struct Synthetic {
    classes: u32,
    first_label: u32,
    /// Dimensions of an image.
    image: &'static [u32],
    /// Names of images and labels, in which `PART` stands for the part.
    names: [&'static str; 2],
    /// Type of the labels, and numbers of a label.
    labels: (u8, u32),
}

impl Synthetic {
    fn write(&self, directory: &Path) {
        fs::create_dir_all(directory).expect("a directory");
        let size: u32 = self.image.iter().product();
        for (part, rounds) in [("train", 2), ("test", 1)] {
            let number = rounds * self.classes;
            let class = |image: u32| image % self.classes;
            let pixels = |image: u32| {
                let class = class(image);
                (0..size).map(move |pixel| {
                    let bits = (class + 1).wrapping_mul(2_654_435_761);
                    255 * ((bits >> (pixel % 32)) & 1) as u8
                })
            };
            let pixels: Vec<u8> = (0..number).flat_map(pixels).collect();
            let (element, numbers) = self.labels;
            let label = |image: u32| {
                let label = class(image) + self.first_label;
                let bytes = label.to_be_bytes();
                let own = match element {
                    0x08 => &bytes[3..],
                    0x0b => &bytes[2..],
                    _ => &bytes[..],
                };
                let rest = vec![0; own.len() * (numbers as usize - 1)];
                [own, &rest].concat()
            };
            let labels: Vec<u8> = (0..number).flat_map(label).collect();
            let [image_name, label_name] = self.names.map(|name| name.replace("PART", part));
            let dimensions = [&[number], self.image].concat();
            write(&directory.join(image_name), 0x08, &dimensions, &pixels);
            let dimensions = match numbers {
                1 => vec![number],
                _ => vec![number, numbers],
            };
            write(&directory.join(label_name), element, &dimensions, &labels);
        }
    }
}

const NAMES: [&str; 2] = ["PART-images-idx3-ubyte", "PART-labels-idx1-ubyte"];

const CONFIG: &str = "
    seeds = 1
    model.hidden = [128]
    optimizer.adam.learning_rate = 0.005
    training = { batch = 4, epochs = 8, batch_order = 'shuffled-epochs', evaluate_every = 1000 }
    [methods.adam]
";

/// Trains on a directory. Returns the number of classes by the loss before training, the accuracy
/// before and after, and what was said.
fn trained(directory: &Path, config: &str) -> (f64, [f64; 2], String) {
    let mut bench = Bench::new(Backend::Flex, config);
    bench.arguments.data_dir = Some(directory.to_path_buf());
    let (_, said) = bench.train().expect("it trains");
    let (_, text) = bench.records().remove(0);
    let record = read_record(text.as_bytes()).expect("a record");
    let [first, .., last] = record.evaluations.as_slice() else {
        panic!("two evaluations");
    };
    let accuracies = [first, last].map(|at| at.test.accuracy);
    (first.test.loss.exp(), accuracies, said)
}

#[test]
fn sets_of_2_to_1000_classes_are_trained_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let set = |classes, first_label, image, names, labels| Synthetic {
        classes,
        first_label,
        image,
        names,
        labels,
    };
    let emnist = [
        "emnist-letters-PART-images-idx3-ubyte",
        "emnist-letters-PART-labels-idx1-ubyte",
    ];
    let qmnist = [
        "qmnist-PART-images-idx3-ubyte",
        "qmnist-PART-labels-idx2-int",
    ];
    let dotted = ["PART-images.idx4-ubyte", "PART-labels.idx1-ubyte"];
    for (at, (set, outputs)) in [
        (set(2, 0, &[4, 8], NAMES, (0x08, 1)), 2),
        (set(26, 1, &[6, 7], emnist, (0x08, 1)), 27),
        (set(47, 0, &[6, 6], NAMES, (0x0b, 1)), 47),
        (set(62, 0, &[6, 6], qmnist, (0x0c, 8)), 62),
        (set(1000, 0, &[6, 6], NAMES, (0x0b, 1)), 1000),
        (set(10, 0, &[3, 5, 4], NAMES, (0x08, 1)), 10),
        (set(10, 0, &[5, 6, 3], dotted, (0x08, 1)), 10),
    ]
    .into_iter()
    .enumerate()
    {
        let directory = directory.path().join(at.to_string());
        set.write(&directory);
        let (by_loss, [before, after], said) = trained(&directory, CONFIG);
        let classes = f64::from(set.classes);
        // The loss of a guess is the logarithm of the number of outputs.
        let outputs = f64::from(outputs);
        assert!(
            (0.5..2.0).contains(&(by_loss / outputs)),
            "{by_loss}, not {outputs}"
        );
        assert!(before <= 4.0 / classes, "{classes}: {before}");
        assert!(after > 0.9, "{classes}: {after}");
        let unused = "has the label 0; the network has an output for each label from 0 to 26";
        assert_eq!(said.contains(unused), set.first_label == 1, "{said}");
        assert!(
            said.contains("test images of"),
            "each image occurs thrice: {said}"
        );
    }
}

#[test]
fn convolutions_see_all_channels() {
    let directory = tempfile::tempdir().expect("a directory");
    let set = Synthetic {
        classes: 5,
        first_label: 0,
        image: &[8, 8, 3],
        names: NAMES,
        labels: (0x08, 1),
    };
    set.write(directory.path());
    let config = format!(
        "model.convolutions = [{{ channels = 4, kernel = 3, padding = 0, pool = 2 }}]\n{CONFIG}"
    );
    let (_, [_, after], _) = trained(directory.path(), &config);
    assert!(after > 0.9, "{after}");
}

#[test]
fn a_source_is_a_directory_or_the_name_of_a_set() {
    let directory = tempfile::tempdir().expect("a directory");
    let set = Synthetic {
        classes: 3,
        first_label: 0,
        image: &[4, 4],
        names: NAMES,
        labels: (0x08, 1),
    };
    set.write(directory.path());
    let source = format!(
        "data.source = {:?}\n{CONFIG}",
        directory.path().display().to_string()
    );
    let bench = Bench::new(Backend::Flex, &source);
    bench.train().expect("it trains");
    for (source, code, expected) in [
        (
            "data.source = 'fashion'",
            3,
            "no such set or directory; the sets are mnist, fashion-mnist",
        ),
        (
            "data.source = 'emnist-letters'",
            3,
            "emnist-letters: not found in ",
        ),
        (
            "data.source = 3",
            2,
            "data.source must be a word in quotes, got 3",
        ),
        (
            "[methods.one]\ndata.source = 'kmnist'",
            2,
            "data.source must be the same for all methods",
        ),
    ] {
        let bench = Bench::new(Backend::Flex, &format!("{source}\n[methods.adam]\n"));
        let (message, found) = bench.failure();
        assert_eq!(found, code, "{message}");
        assert!(message.contains(expected), "{message}");
    }
}
