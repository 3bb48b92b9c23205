//! Modules of more parameters than one launch takes.

use burn::tensor::DType;
use downhill::{DescentConfig, OptimizerConfig};
use downhill_trainer::Backend;

use crate::backend::open;
use crate::formulas;
use crate::numbers::{Numbers, Place, descend, step_each};

/// More than a launch on wgpu takes, of sizes below and above that of a cube, none a multiple of
/// it.
fn shapes() -> Vec<Vec<usize>> {
    let vectors = (0..40).map(|index| vec![1 + 7 * index]);
    let matrices = (0..30).map(|index| vec![1 + index, 11]);
    let cubes = (0..3).map(|index| vec![1 + index, 3, 29]);
    vectors.chain(matrices).chain(cubes).collect()
}

fn wave(count: usize, seed: usize) -> Vec<f64> {
    let at = |index: usize| ((index * 37 + seed * 101) % 127) as f64 / 64.0 - 0.99;
    (0..count).map(at).collect()
}

/// Those whose step of a parameter looks at no other.
fn look_at_one_parameter() -> impl Iterator<Item = OptimizerConfig> {
    let across = [
        "d-adapt-adam",
        "dog",
        "dowg",
        "prodigy",
        "polyak-sgd",
        "momo",
        "momo-adam",
    ];
    let all = OptimizerConfig::all().into_iter();
    all.filter(move |config| !across.contains(&config.name()))
        .map(|config| match config {
            // The eigenvectors of long axes take seconds without optimization, and so does each
            // new shape of a product of matrices on wgpu.
            OptimizerConfig::Shampoo(own) => own.with_max_precondition_dim(4).into(),
            OptimizerConfig::Soap(own) => own.with_max_precondition_dim(4).into(),
            // The matrices of more than seven rows have a rank of seven, and their further
            // singular vectors are chosen by rounding.
            OptimizerConfig::GaLore(own) => own.with_rank(4).into(),
            other => other,
        })
        .chain([formulas::adam()])
}

/// Optimizers that multiply matrices: wgpu compiles and times kernels for each shape. They share no
/// launch.
const MULTIPLY_MATRICES: [&str; 6] = ["muon", "normuon", "adamuon", "shampoo", "soap", "galore"];

/// Those that step at the full rate in directions that a gradient hardly has, such as rounding
/// chooses.
#[cfg(feature = "flex")]
const DIRECTIONS_OF_NOISE: [&str; 1] = ["soap"];

/// A descent steps many parameters as an optimizer of Burn's steps each of them, bit for bit, and
/// any backend as flex does but for the rounding.
pub(crate) fn many_parameters_are_stepped_as_each_by_itself(backend: Backend) {
    let place = Place::new(&open(backend), DType::F32);
    for config in look_at_one_parameter() {
        let name = config.name();
        let mut shapes = shapes();
        if MULTIPLY_MATRICES.contains(&name) {
            shapes = shapes.into_iter().step_by(5).collect();
        }
        let sizes = shapes.iter().map(|shape| shape.iter().product::<usize>());
        let count = sizes.sum();
        let start = wave(count, 0);
        let gradients: Vec<_> = (1..5).map(|step| wave(count, step)).collect();
        let rate = config.learning_rate();
        let of = |place: &Place| {
            let mut descent = DescentConfig::new(config.clone()).build().expect(name);
            let start = Numbers::new(&start, &shapes, place);
            descend(&mut descent, start, &gradients, place).parameters
        };
        let together = of(&place);
        let mut optimizer = config.init().expect(name);
        let module = Numbers::new(&start, &shapes, &place);
        let each = step_each(&mut optimizer, rate, module, &gradients, &place);
        assert!(together == each, "{name} steps many otherwise than each");
        #[cfg(feature = "flex")]
        if backend != Backend::Flex && !DIRECTIONS_OF_NOISE.contains(&name) {
            let flex = of(&Place::new(&open(Backend::Flex), DType::F32));
            assert_rounded_alike(name, &together, &flex);
        }
    }
}

#[cfg(feature = "flex")]
fn assert_rounded_alike(name: &str, here: &[Vec<f64>], there: &[Vec<f64>]) {
    for (step, (here, there)) in here.iter().zip(there).enumerate() {
        for (index, (a, b)) in here.iter().zip(there).enumerate() {
            let bound = 2e-6 * a.abs().max(1.0);
            assert!(
                (a - b).abs() <= bound,
                "{name}, step {step}, number {index}: {a} and {b} on flex"
            );
        }
    }
}
