//! The kernels that steps launch on wgpu, counted in CubeCL's log.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use burn::tensor::{DType, Device};
use downhill::{AdaBeliefConfig, DescentConfig, OptimizerConfig};
use downhill_trainer::Backend;

use crate::backend::open;
use crate::custom::own_belief;
use crate::formulas::formulas_beside_built_in;
use crate::numbers::{Numbers, Place};

/// Set in the process that counts.
const COUNTS: &str = "DOWNHILL_COUNTS_LAUNCHES";
/// CubeCL's log, in the directory of that process.
const LOG: &str = "launches.log";

/// What that process has counted.
const FOUND: &str = "counts";

/// Steps that are not counted, in which memory is made, and those that are.
const STEPS: usize = 3;

const SHAPES: [&[usize]; 4] = [&[64, 32], &[32], &[32, 10], &[10]];

/// CubeCL reads its settings when the first device is opened, from the directory of the process, so
/// another process counts.
#[test]
fn formulas_and_custom_rules_launch_on_wgpu_what_the_built_in_ones_launch() {
    if env::var_os(COUNTS).is_some() {
        return count_all();
    }
    let directory = tempfile::tempdir().expect("a directory");
    let settings = format!("[profiling.logger]\nlevel = \"minimal\"\nfile = \"{LOG}\"\n");
    fs::write(directory.path().join("cubecl.toml"), settings).expect("a file");
    let case = "formulas_and_custom_rules_launch_on_wgpu_what_the_built_in_ones_launch";
    let output = Command::new(env::current_exe().expect("this program"))
        .args(["--nocapture", "--exact", &format!("launches::{case}")])
        .env(COUNTS, "1")
        .current_dir(directory.path())
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let counts = fs::read_to_string(directory.path().join(FOUND)).expect("the counts");
    println!("{counts}");
    // Twelve formulas and a custom rule.
    assert_eq!(counts.lines().count(), 13, "{counts}");
}

fn count_all() {
    let place = Place::new(&open(Backend::Wgpu), DType::F32);
    let mut pairs = formulas_beside_built_in();
    let built_in = AdaBeliefConfig::optax();
    pairs.push((own_belief(&built_in), built_in.into()));
    let mut found = String::new();
    for (own, built_in) in pairs {
        let name = built_in.name();
        let [own, built_in] = [own, built_in].map(|optimizer| count(optimizer, &place));
        found += &format!("{name}: {built_in} launches, as a formula or a custom rule {own}\n");
        assert_eq!(own, built_in, "{name}");
        // All parameters of a step at once.
        assert_eq!(built_in, STEPS, "{name}");
    }
    fs::write(FOUND, found).expect("a file");
}

/// The kernels of [`STEPS`] steps.
fn count(optimizer: OptimizerConfig, place: &Place) -> usize {
    let shapes = SHAPES.map(<[usize]>::to_vec);
    let numbers: usize = shapes
        .iter()
        .map(|shape| shape.iter().product::<usize>())
        .sum();
    let numbers: Vec<f64> = (0..numbers).map(|at| (0.7 * at as f64).sin()).collect();
    let mut module = Numbers::new(&numbers, &shapes, place);
    let mut descent = DescentConfig::new(optimizer)
        .build()
        .expect("within bounds");
    let mut step = |mut module: Numbers| {
        for _ in 0..STEPS {
            let gradients = module.gradients(&numbers, place);
            (module, _) = descent.step(module, gradients).expect("a step");
        }
        module
    };
    module = step(module);
    let before = launched(&place.device);
    drop(step(module));
    launched(&place.device) - before
}

/// The kernels launched so far.
fn launched(device: &Device) -> usize {
    device.sync().expect("the device works");
    // It is written by a thread of its own.
    let mut length = None;
    loop {
        thread::sleep(Duration::from_millis(100));
        let text = fs::read_to_string(Path::new(LOG)).unwrap_or_default();
        if length.replace(text.len()) == Some(text.len()) {
            return text.matches("Executing ").count();
        }
    }
}
