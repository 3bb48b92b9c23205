//! Cautious weight decay, which acts where the step has its direction.

use burn::optim as theirs;
use burn::tensor::DType;
use downhill::{
    AdamWConfig, DescentConfig, MomentumConfig, OptimizerConfig, StepMask, WeightDecay,
};
use downhill_trainer::Backend;
use serde_json::json;

use crate::backend::open;
use crate::numbers::{Numbers, Place, descend, step_each};

/// All four combinations of signs.
const START: [f64; 8] = [1.0, -2.0, 0.5, -0.25, 3.0, -1.0, 0.75, -1.5];
const GRADIENT: [f64; 8] = [0.5, 0.25, -1.0, -0.5, 2.0, 1.0, -0.25, -2.0];

/// Every optimizer with a weight decay takes off `rate * lambda * x` where its own step moves `x`
/// towards 0, and nothing elsewhere.
pub(crate) fn cautious_decay_acts_with_the_step(backend: Backend) {
    let place = Place::new(&open(backend), DType::F32);
    let mut seen = 0;
    let mut refused = Vec::new();
    for config in OptimizerConfig::all() {
        let (name, rate) = (config.name(), config.learning_rate());
        let mut written = serde_json::to_value(&config).expect("a config is JSON");
        let lambda = 0.05 / rate;
        let mut first_step = |decay| {
            *written[name].get_mut("weight_decay")? = decay;
            let config: OptimizerConfig =
                serde_json::from_value(written.clone()).expect("it has every kind");
            let mut optimizer = config.init().ok()?;
            let start = Numbers::new(&START, &[vec![4, 2]], &place);
            // The first step of SOAP moves nothing.
            let steps = if name == "soap" { 2 } else { 1 };
            let gradients = vec![GRADIENT.to_vec(); steps];
            Some(step_each(&mut optimizer, rate, start, &gradients, &place).swap_remove(steps - 1))
        };
        let Some(plain) = first_step(json!("none")) else {
            continue;
        };
        let Some(cautious) = first_step(json!({ "cautious": lambda })) else {
            refused.push(name);
            continue;
        };
        for ((x, plain), cautious) in START.into_iter().zip(plain).zip(cautious) {
            // A step of 0 counts as one downwards.
            let decays = if plain <= x { x > 0.0 } else { x < 0.0 };
            let expected = plain - if decays { 0.05 * x } else { 0.0 };
            assert!(
                (cautious - expected).abs() < 1e-5,
                "{name}: from {x} by {plain} to {cautious} instead of {expected}"
            );
        }
        seen += 1;
    }
    assert!(seen > 30, "{seen}");
    assert_eq!(refused, ["asgd", "ftrl", "cocob"]);
}

/// The decay follows Burn's AdamW, also where there is never a gradient.
#[cfg(feature = "flex")]
#[test]
fn cautious_decay_is_that_of_burn() {
    let place = Place::new(&open(Backend::Flex), DType::F64);
    let gradients: Vec<Vec<f64>> = (0..40)
        .map(|step| {
            let signs = (0..6).map(|at| {
                if (step / (at + 3)) % 2 == 0 {
                    1.0
                } else {
                    -0.7
                }
            });
            signs.chain([0.0, 0.0]).collect()
        })
        .collect();
    let walk = |mut optimizer| {
        let start = Numbers::new(&START, &[vec![8]], &place);
        step_each(&mut optimizer, 0.01, start, &gradients, &place)
    };
    let lambda = 0.5;
    let own = theirs::AdamWConfig::new().with_weight_decay(lambda as f32);
    let own = walk(own.with_cautious_weight_decay(true).init());
    let with = |decay| {
        walk(
            AdamWConfig::burn()
                .with_weight_decay(decay)
                .init()
                .expect("valid"),
        )
    };
    let farthest = |ours: &[Vec<f64>]| {
        let pairs = ours.iter().flatten().zip(own.iter().flatten());
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    // Burn computes its powers of beta in f32.
    let cautious = farthest(&with(WeightDecay::Cautious(lambda)));
    assert!(cautious < 1e-6, "{cautious:e}");
    let everywhere = farthest(&with(WeightDecay::Decoupled(lambda)));
    assert!(everywhere > 0.05, "{everywhere}");
    // What never has a gradient: above 0 it shrinks, below it stays.
    let end = own.last().expect("40 steps");
    assert!(end[6] < START[6] && end[7] == START[7], "{end:?}");
}

/// A mask neither hides nor enlarges the decay.
#[cfg(feature = "flex")]
#[test]
fn a_masked_step_decays_as_without_the_mask() {
    let place = Place::new(&open(Backend::Flex), DType::F64);
    // The momentum outweighs the second gradient, which has other signs in places.
    let second = [0.1, -0.1, -0.1, 0.1, 0.2, -0.2, 0.1, -0.1];
    let gradients = [GRADIENT.to_vec(), second.to_vec()];
    let walk = |lambda, mask| {
        let momentum = MomentumConfig::torch().with_learning_rate(0.1);
        let momentum = momentum.with_weight_decay(WeightDecay::Cautious(lambda));
        let config = DescentConfig::new(momentum).with_mask(mask);
        let mut descent = config.build().expect("valid");
        let start = Numbers::new(&START, &[vec![8]], &place);
        descend(&mut descent, start, &gradients, &place).parameters
    };
    let plain = walk(0.0, StepMask::None);
    let masked = walk(0.0, StepMask::Cautious);
    let decayed = walk(0.5, StepMask::Cautious);
    let mut hidden = 0;
    for at in 0..8 {
        let from = decayed[0][at];
        let step = plain[1][at] - plain[0][at];
        let decay = if step * from < 0.0 {
            0.1 * 0.5 * from
        } else {
            0.0
        };
        let expected = from + (masked[1][at] - masked[0][at]) - decay;
        assert!(
            (decayed[1][at] - expected).abs() < 1e-12,
            "{at}: {expected}"
        );
        hidden += usize::from(masked[1][at] == masked[0][at] && decay != 0.0);
    }
    assert!(hidden > 0, "no masked step has a decay");
}

/// A step that is lost in rounding takes no decay with it, so a mask must not make one of it.
#[cfg(feature = "flex")]
#[test]
fn a_mask_makes_no_step_of_a_decay_that_did_not_act() {
    let place = Place::new(&open(Backend::Flex), DType::F32);
    let momentum = MomentumConfig::torch().with_learning_rate(0.01);
    let momentum = momentum.with_weight_decay(WeightDecay::Cautious(0.1));
    let config = DescentConfig::new(momentum).with_mask(StepMask::Cautious);
    let mut descent = config.build().expect("valid");
    // The first moves up by less than the resolution; the second is masked from the second step on.
    let gradients = [vec![-1e-7, 1.0], vec![-1e-7, -0.01], vec![-1e-7, -0.01]];
    let start = Numbers::new(&[1.0, 1.0], &[vec![2]], &place);
    let way = descend(&mut descent, start, &gradients, &place).parameters;
    for place in way {
        assert!((place[0] - 1.0).abs() < 1e-6, "{place:?}");
    }
}
