//! Custom optimizers on each backend.

use burn::optim::AdamConfig as BurnsAdamConfig;
use burn::tensor::DType;
use downhill::custom::{CustomConfig, CustomOptimizer, ElementRule, Real};
use downhill::{
    AdaBeliefConfig, DescentConfig, InvalidHyperparameter, OptimizerConfig, Parameters,
};
use downhill_trainer::Backend;
use serde::{Deserialize, Serialize};

use crate::backend::open;
use crate::numbers::{Numbers, Place, descend, step_each};
use crate::trajectories::departure;

/// AdaBelief as in optax, without weight decay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct OwnBelief {
    learning_rate: f64,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    epsilon_root: f64,
}

impl ElementRule<2> for OwnBelief {
    const NAMES: [&'static str; 2] = ["mean", "spread"];
    type Scalars = [f64; 2];

    fn scalars(&self, learning_rate: f64, step: u64) -> [f64; 2] {
        let correction = |beta: f64| 1.0 / (1.0 - beta.powf(step as f64));
        let rate = learning_rate * correction(self.beta_1);
        [rate, correction(self.beta_2)]
    }

    #[inline(always)]
    fn update<R: Real>(&self, s: &[f64; 2], x: R, g: R, [mean, spread]: [R; 2]) -> (R, [R; 2]) {
        let [rate, correction] = *s;
        let mean = mean.mix(self.beta_1, g.clone());
        let deviation = g - mean.clone();
        let spread = spread
            .mix(self.beta_2, deviation.square())
            .shift(self.epsilon_root);
        let divisor = spread.clone().scale(correction).sqrt().shift(self.epsilon);
        (x - mean.clone().scale(rate) / divisor, [mean, spread])
    }
}

impl CustomConfig for OwnBelief {
    const NAME: &'static str = "own-belief";

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn build(&self) -> Result<CustomOptimizer, InvalidHyperparameter> {
        Ok(CustomOptimizer::elementwise(self.clone()))
    }
}

/// The custom rule with the settings of the built-in one.
pub(crate) fn own_belief(built_in: &AdaBeliefConfig) -> OptimizerConfig {
    let own = OwnBelief {
        learning_rate: built_in.learning_rate,
        beta_1: built_in.beta_1,
        beta_2: built_in.beta_2,
        epsilon: built_in.epsilon,
        epsilon_root: built_in.epsilon_root,
    };
    own.into()
}

const SHAPES: [&[usize]; 5] = [&[7], &[300], &[9, 11], &[2, 3, 5], &[2, 1, 3, 3]];

fn wave(seed: usize) -> Vec<f64> {
    let count: usize = SHAPES
        .iter()
        .map(|shape| shape.iter().product::<usize>())
        .sum();
    let at = |index: usize| (0.7 * index as f64 + 1.9 * seed as f64 + 0.3).sin();
    (0..count).map(at).collect()
}

fn gradients(steps: usize) -> Vec<Vec<f64>> {
    (1..=steps).map(wave).collect()
}

fn start(place: &Place) -> Numbers {
    Numbers::new(&wave(0), &SHAPES.map(<[usize]>::to_vec), place)
}

fn walk(config: &DescentConfig, place: &Place) -> Vec<Vec<f64>> {
    let mut descent = config.build().expect("within bounds");
    descend(&mut descent, start(place), &gradients(30), place).parameters
}

fn with_recipe(config: DescentConfig) -> DescentConfig {
    config
        .with_max_global_norm(3.0)
        .with_setting(Parameters::RankAtMost(1), "beta_2", 0.9)
        .with_schedule("learning_rate", downhill::schedule::Cosine::new(40))
        .with_ema(0.9)
}

pub(crate) fn a_custom_rule_goes_the_way_of_the_built_in_one(backend: Backend) {
    let place = Place::new(&open(backend), DType::F32);
    let built_in = AdaBeliefConfig::optax();
    let own = own_belief(&built_in);
    let [own, built_in] = [DescentConfig::new(own), DescentConfig::new(built_in)];
    for (own, built_in) in [
        (own.clone(), built_in.clone()),
        (with_recipe(own), with_recipe(built_in)),
    ] {
        let departure = departure(&walk(&own, &place), &walk(&built_in, &place));
        assert!(departure < 1e-6, "{departure:e}");
    }
}

pub(crate) fn an_optimizer_of_burn_goes_its_way_in_a_descent(backend: Backend) {
    let device = open(backend);
    let place = Place::new(&device, DType::F32);
    let adam = BurnsAdamConfig::new().build();
    let config = DescentConfig::new(OptimizerConfig::custom(adam.clone(), 0.01));
    let way = walk(&config, &place);
    let alone = step_each(
        &mut adam.into(),
        0.01,
        start(&place),
        &gradients(30),
        &place,
    );
    assert_eq!(way, alone);
    // It goes on where it was saved.
    let mut before = config.build().expect("within bounds");
    descend(&mut before, start(&place), &gradients(30)[..10], &place);
    let bytes = before.to_bytes().expect("it can be saved");
    let mut after = config.build().expect("within bounds");
    after.load_bytes(bytes, &device).expect("and loaded");
    let middle = Numbers::new(&way[9], &SHAPES.map(<[usize]>::to_vec), &place);
    let rest = descend(&mut after, middle, &gradients(30)[10..], &place);
    assert_eq!(rest.parameters, way[10..]);
}
