//! Formulas go the way of the optimizers that they write down.

use burn::tensor::DType;
use downhill::{
    AdaBeliefConfig, AdaDeltaConfig, AdaGradConfig, AdamConfig, AdamWConfig, AdoptConfig,
    DescentConfig, FormulaConfig, LionConfig, MomentumConfig, NesterovConfig, OptimizerConfig,
    RmsPropConfig, SgdConfig, WeightDecay, YogiConfig,
};
use downhill_trainer::Backend;

use crate::backend::open;
use crate::numbers::{Numbers, Place, descend};
use crate::trajectories::departure;

/// An optimizer of the library with its formula.
struct Pair {
    built_in: OptimizerConfig,
    settings: &'static [(&'static str, f64)],
    state: &'static [(&'static str, &'static str)],
    update: &'static str,
}

impl Pair {
    fn formula(&self) -> OptimizerConfig {
        let rate = self.built_in.learning_rate();
        let formula = FormulaConfig::new(rate, self.settings, self.state, self.update);
        formula.unwrap_or_else(|error| panic!("{error}")).into()
    }
}

const BETAS: [(&str, f64); 3] = [("beta_1", 0.9), ("beta_2", 0.999), ("epsilon", 1e-8)];

const MOMENTS: &[(&str, &str)] = &[("m", "0"), ("v", "0")];

/// The seven optimizers of the book, and others.
fn pairs() -> Vec<Pair> {
    let pair = |built_in: OptimizerConfig, settings, state, update| Pair {
        built_in,
        settings,
        state,
        update,
    };
    vec![
        pair(
            SgdConfig::book().into(),
            &[],
            &[],
            "x = x - learning_rate * g",
        ),
        pair(
            MomentumConfig::book().into(),
            &[("momentum", 0.9)],
            &[("v", "0")],
            "v = momentum * v - learning_rate * g
             x = x + v",
        ),
        pair(
            NesterovConfig::book().into(),
            &[("momentum", 0.9)],
            &[("v", "0")],
            "v = momentum * v - learning_rate * g
             x = x + momentum * v - learning_rate * g",
        ),
        pair(
            AdaGradConfig::book().into(),
            &[("epsilon", 1e-7)],
            &[("h", "0")],
            "h = h + g^2
             x = x - learning_rate * g / (sqrt(h) + epsilon)",
        ),
        pair(
            RmsPropConfig::book().into(),
            &[("rho", 0.99), ("epsilon", 1e-7)],
            &[("h", "0")],
            "h = rho * h + (1 - rho) * g^2
             x = x - learning_rate * g / (sqrt(h) + epsilon)",
        ),
        pair(
            AdaDeltaConfig::torch().into(),
            &[("rho", 0.9), ("epsilon", 1e-6)],
            &[("s", "0"), ("u", "0")],
            "s = rho * s + (1 - rho) * g^2
             d = sqrt(u + epsilon) / sqrt(s + epsilon) * g
             u = rho * u + (1 - rho) * d^2
             x = x - learning_rate * d",
        ),
        pair(
            AdamConfig::torch().into(),
            &BETAS,
            MOMENTS,
            "m = beta_1 * m + (1 - beta_1) * g
             v = beta_2 * v + (1 - beta_2) * g^2
             M = m / (1 - beta_1^t)
             V = v / (1 - beta_2^t)
             x = x - learning_rate * M / (sqrt(V) + epsilon)",
        ),
        pair(
            AdamWConfig::torch()
                .with_weight_decay(WeightDecay::Decoupled(0.1))
                .into(),
            &[
                ("beta_1", 0.9),
                ("beta_2", 0.999),
                ("decay", 0.1),
                ("epsilon", 1e-8),
            ],
            MOMENTS,
            "m = beta_1 * m + (1 - beta_1) * g
             v = beta_2 * v + (1 - beta_2) * g^2
             d = (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon)
             x = x - learning_rate * (d + decay * x)",
        ),
        pair(
            LionConfig::keras().into(),
            &[("beta_1", 0.9), ("beta_2", 0.99)],
            &[("m", "0")],
            "d = sign(beta_1 * m + (1 - beta_1) * g)
             m = beta_2 * m + (1 - beta_2) * g
             x = x - learning_rate * d",
        ),
        pair(
            AdaBeliefConfig::optax().into(),
            &[("beta_1", 0.9), ("beta_2", 0.999), ("epsilon", 1e-16)],
            &[("m", "0"), ("s", "0")],
            "m = beta_1 * m + (1 - beta_1) * g
             s = beta_2 * s + (1 - beta_2) * (g - m)^2 + epsilon
             x = x - learning_rate * (m / (1 - beta_1^t)) / (sqrt(s / (1 - beta_2^t)) + epsilon)",
        ),
        pair(
            YogiConfig::optax().into(),
            &[("beta_1", 0.9), ("beta_2", 0.999), ("epsilon", 1e-3)],
            &[("m", "1e-6"), ("v", "1e-6")],
            "m = beta_1 * m + (1 - beta_1) * g
             v = v - (1 - beta_2) * sign(v - g^2) * g^2
             x = x - learning_rate * (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon)",
        ),
        pair(
            AdoptConfig::optax().into(),
            &[("beta_1", 0.9), ("beta_2", 0.9999), ("epsilon", 1e-6)],
            &[("m", "0"), ("v", "g^2")],
            "limit = (t - 1)^0.25
             d = clamp(g / max(sqrt(v), epsilon), -limit, limit)
             m = beta_1 * m + (1 - beta_1) * d
             v = where(t > 1, beta_2 * v + (1 - beta_2) * g^2, v)
             x = x - learning_rate * m",
        ),
    ]
}

const SHAPES: [&[usize]; 3] = [&[5], &[7, 9], &[3, 2, 4]];

fn wave(count: usize, seed: usize) -> Vec<f64> {
    let at = |index: usize| (0.7 * index as f64 + 1.9 * seed as f64 + 0.3).sin();
    (0..count).map(at).collect()
}

/// Sixty steps of an optimizer.
fn walk(optimizer: OptimizerConfig, place: &Place) -> Vec<Vec<f64>> {
    let shapes = SHAPES.map(<[usize]>::to_vec);
    let count = shapes.iter().map(|shape| shape.iter().product::<usize>());
    let count = count.sum();
    let gradients: Vec<Vec<f64>> = (1..=60).map(|step| wave(count, step)).collect();
    let start = Numbers::new(&wave(count, 0), &shapes, place);
    let mut descent = DescentConfig::new(optimizer).build().expect("it is one");
    descend(&mut descent, start, &gradients, place).parameters
}

#[track_caller]
fn assert_alike(place: &Place, bound: f64) {
    for pair in pairs() {
        let expected = walk(pair.built_in.clone(), place);
        let largest = (expected.iter().flatten()).fold(0.0, |most: f64, it| most.max(it.abs()));
        let departure = departure(&walk(pair.formula(), place), &expected);
        let name = pair.built_in.name();
        assert!(
            departure <= bound * largest,
            "{name}: {departure:e} of {largest}"
        );
    }
}

#[cfg(feature = "flex")]
#[test]
fn formulas_go_the_way_of_the_built_in_optimizers_in_f64_on_flex() {
    assert_alike(&Place::new(&open(Backend::Flex), DType::F64), 1e-12);
}

#[cfg(feature = "ndarray")]
#[test]
fn formulas_go_the_way_of_the_built_in_optimizers_in_f64_on_ndarray() {
    assert_alike(&Place::new(&open(Backend::Ndarray), DType::F64), 1e-12);
}

pub(crate) fn formulas_go_the_way_of_the_built_in_optimizers(backend: Backend) {
    assert_alike(&Place::new(&open(backend), DType::F32), 2e-6);
}
