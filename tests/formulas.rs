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

/// The formulas, each with the optimizer of the library.
#[cfg(feature = "wgpu")]
pub(crate) fn formulas_beside_built_in() -> Vec<(OptimizerConfig, OptimizerConfig)> {
    let pairs = pairs().into_iter();
    pairs.map(|pair| (pair.formula(), pair.built_in)).collect()
}

/// Adam as a formula.
pub(crate) fn adam() -> OptimizerConfig {
    let all = pairs();
    let adam = all.iter().find(|pair| pair.built_in.name() == "adam");
    adam.expect("it is among them").formula()
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

#[cfg(feature = "flex")]
mod in_experiments {
    use std::path::Path;

    use downhill_trainer::config::file::ExperimentFile;
    use downhill_trainer::plan::Plan;
    use downhill_trainer::plan::text::config_toml;
    use downhill_trainer::{Backend, TrainArguments};

    use crate::backend::distance;
    use crate::training::{config, train};

    fn plan(text: &str, overrides: &[&str]) -> Plan {
        let file = ExperimentFile::parse(Path::new("some.toml"), text.to_owned());
        let arguments = TrainArguments {
            overrides: overrides.iter().map(|text| (*text).to_owned()).collect(),
            ..TrainArguments::default()
        };
        let plan = file.and_then(|file| Plan::resolve(&file, &arguments));
        plan.unwrap_or_else(|error| panic!("{error}"))
    }

    const LION: &str = r#"
        [optimizer.formula]
        learning_rate = 1e-3
        settings = { beta_1 = 0.9, beta_2 = 0.99 }
        state = { m = 0 }
        update = """
        d = sign(beta_1 * m + (1 - beta_1) * g)  # of a running mean
        m = beta_2 * m + (1 - beta_2) * g
        x = x - learning_rate * d
        """
    "#;

    /// The settings of each method's optimizer.
    fn settings(plan: &Plan, setting: &str) -> Vec<Option<f64>> {
        let of = plan
            .methods
            .iter()
            .map(|method| method.config.optimizer.get(setting));
        of.collect()
    }

    #[test]
    fn a_setting_of_a_formula_is_overridden_and_varied() {
        let overridden = plan(LION, &["optimizer.formula.settings.beta_1=0.5"]);
        assert_eq!(settings(&overridden, "beta_1"), [Some(0.5)]);
        assert_eq!(settings(&overridden, "beta_2"), [Some(0.99)]);
        for setting in [
            "optimizer.formula.settings.beta_1",
            "optimizer.*.settings.beta_1",
        ] {
            let grid = format!("[grid]\nsetting = '{setting}'\nvalues = [0.1, 0.2]\n{LION}");
            assert_eq!(
                settings(&plan(&grid, &[]), "beta_1"),
                [Some(0.1), Some(0.2)]
            );
        }
        let search = format!(
            "data.validation_images = 10\n[search]\ntrials = 2\nbest = 1\n[search.ranges]\n\
             'optimizer.formula.settings.beta_1' = {{ from = 0.1, to = 0.9 }}\n\
             {LION}"
        );
        assert_eq!(settings(&plan(&search, &[]), "beta_1"), [Some(0.9)]);
    }

    #[test]
    fn a_method_lays_settings_over_a_formula_or_replaces_it() {
        let methods = "
            [methods.a.optimizer.formula.settings]
            beta_1 = 0.5
            [methods.b.optimizer.formula]
            learning_rate = 1e-3
            settings.beta_1 = 0.9
            update = 'x = x - learning_rate * beta_1 * g'
            [methods.c]
            optimizer = 'adam'
        ";
        let plan = plan(&format!("{LION}{methods}"), &[]);
        assert_eq!(settings(&plan, "beta_1"), [Some(0.5), Some(0.9), Some(0.9)]);
        assert_eq!(settings(&plan, "beta_2"), [Some(0.99), None, Some(0.999)]);
        // What is shown reads back as the same experiment.
        let shown = config_toml(&plan);
        let again = self::plan(&shown, &[]);
        let configs = |plan: &Plan| -> Vec<_> {
            plan.methods
                .iter()
                .map(|method| method.config.clone())
                .collect()
        };
        assert_eq!(configs(&again), configs(&plan), "{shown}");
    }

    #[test]
    fn a_network_trains_by_a_formula_as_by_the_optimizer() {
        let network = "data = { train_images = 200, test_images = 100 }\n\
                       training = { batch = 50, updates = 12, evaluate_every = 4 }\n\
                       model.hidden = [20, 10]\n\
                       gradients = [{ clip-global-norm = { max_norm = 0.5 } }]\n\
                       weights = [{ ema = { decay = 0.9 } }]\n\
                       schedules.learning_rate.cosine.steps = 12\n";
        let losses = |optimizer: &str| {
            let config = config(&format!("{network}{optimizer}"));
            let (evaluations, _) = train(&config, 3, Backend::Flex);
            let losses = evaluations.iter().map(|evaluation| evaluation.test.loss);
            losses.collect::<Vec<f64>>()
        };
        let lion = "optimizer.lion = { preset = 'keras', learning_rate = 1e-3 }";
        let (formula, built_in) = (losses(LION), losses(lion));
        assert!(
            distance(&formula, &built_in) < 1e-6,
            "{formula:?} and {built_in:?}"
        );
        assert!(formula[0] > formula[formula.len() - 1]);
    }
}
