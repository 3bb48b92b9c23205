//! The `burn` presets, compared with Burn's own optimizers.

use burn::optim as theirs;
use burn::optim::ModuleOptimizer;
use burn::optim::momentum::MomentumConfig as BurnMomentum;
use burn::tensor::DType;
use downhill::{OptimizerConfig, Preset};
use downhill_trainer::Backend;

use crate::backend::open;
use crate::numbers::{Numbers, Place, step_each};
use crate::reference::REFERENCES;
use crate::trajectories::departure;

/// Burn's own of this name.
fn burns_own(name: &str) -> ModuleOptimizer {
    match name {
        "sgd" => theirs::SgdConfig::new().init(),
        "momentum" => {
            let momentum = Some(BurnMomentum::new());
            theirs::SgdConfig::new().with_momentum(momentum).init()
        }
        "adagrad" => theirs::AdaGradConfig::new().init(),
        "rmsprop" => theirs::RmsPropConfig::new().init(),
        "adam" => theirs::AdamConfig::new().init(),
        "adamw" => theirs::AdamWConfig::new().init(),
        "lion" => theirs::LionConfig::new().init(),
        "adan" => theirs::AdanConfig::new().init(),
        "lamb" => theirs::LambConfig::new().init(),
        "adafactor" => theirs::AdafactorConfig::new().init(),
        "muon" => theirs::MuonConfig::new().init(),
        other => panic!("Burn's {other} is not compared"),
    }
}

/// How far each preset of Burn's departs from Burn's own, in `f64` on flex, and by how much it may:
/// Burn computes its powers of beta in `f32`, which moves a step by up to 1e-4 of its size.
pub(crate) fn departures() -> Vec<(&'static str, f64, f64)> {
    let place = Place::new(&open(Backend::Flex), DType::F64);
    let reference = &REFERENCES[0];
    let rate = 0.01;
    let mut departures = Vec::new();
    for config in OptimizerConfig::all() {
        let name = config.name();
        let Some(Ok(config)) = OptimizerConfig::preset(name, Preset::Burn) else {
            continue;
        };
        let shapes = match name {
            "adafactor" => vec![vec![2, 4]],
            "muon" => vec![vec![4, 2]],
            _ => vec![vec![8]],
        };
        let start = || Numbers::new(&reference.init, &shapes, &place);
        let mut ours = config.init().expect("within bounds");
        let ours = step_each(&mut ours, rate, start(), &reference.grads, &place);
        let mut own = burns_own(name);
        let own = step_each(&mut own, rate, start(), &reference.grads, &place);
        let bound = match name {
            "adam" | "adamw" | "adan" | "lamb" => 1e-4 * rate * 20.0,
            _ => 1e-10,
        };
        departures.push((name, departure(&ours, &own), bound));
    }
    departures
}

#[test]
fn a_preset_of_burn_is_burns_own() {
    let departures = departures();
    for (name, departure, bound) in &departures {
        assert!(departure < bound, "{name}: {departure:e}");
    }
    assert_eq!(departures.len(), 11);
}
