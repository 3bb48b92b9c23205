//! Our elementwise optimizers, each with Burn's own where it has one.

use burn::optim::{self, ModuleOptimizer, momentum::MomentumConfig};
use downhill::custom::{CustomOptimizer, ElementRule, Real};
use downhill::{
    AdaMuonConfig, FormulaConfig, FormulaError, MuonConfig, NorMuonConfig, OptimizerConfig, Preset,
    ShampooConfig, SoapConfig,
};

/// One of our optimizers and its equivalent in Burn.
pub(crate) struct Pair {
    pub(crate) ours: OptimizerConfig,
    pub(crate) burns: Option<ModuleOptimizer>,
}

/// Those whose update of a number looks at no other number.
pub(crate) fn elementwise() -> Vec<Pair> {
    let mut pairs = Vec::new();
    for default in OptimizerConfig::all() {
        let name = default.name();
        if ACROSS.contains(&name) {
            continue;
        }
        // As PyTorch has it, for the peers'; the rest as the first who had it.
        let ours = match OptimizerConfig::preset(name, Preset::Torch) {
            Some(Ok(torch)) => torch,
            _ => default,
        };
        let burns = burns(name);
        pairs.push(Pair { ours, burns });
    }
    // The best known first.
    pairs.sort_by_key(|pair| pair.ours.name() != "adam");
    pairs
}

/// Those that look at whole tensors, or at all of them.
const ACROSS: [&str; 20] = [
    "adafactor",
    "adamuon",
    "d-adapt-adam",
    "dog",
    "dowg",
    "fromage",
    "galore",
    "lamb",
    "lars",
    "momo",
    "momo-adam",
    "muon",
    "normuon",
    "novograd",
    "polyak-sgd",
    "prodigy",
    "shampoo",
    "sm3",
    "soap",
    "sparse-adam",
];

/// Those that compute with whole matrices, as PyTorch and pytorch_optimizer have them.
pub(crate) fn per_matrix() -> Vec<OptimizerConfig> {
    let shampoo = ShampooConfig::pytorch_optimizer().with_precondition_frequency(10);
    vec![
        MuonConfig::torch().into(),
        NorMuonConfig::pytorch_optimizer().into(),
        AdaMuonConfig::pytorch_optimizer().into(),
        shampoo.into(),
        SoapConfig::pytorch_optimizer().into(),
    ]
}

/// PyTorch's Adam as a formula.
pub(crate) fn formula_of_adam() -> Result<OptimizerConfig, FormulaError> {
    let update = "
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g^2
        step = learning_rate / (1 - beta_1^t)
        x = x - step * m / (sqrt(v / (1 - beta_2^t)) + epsilon)
    ";
    let settings = [("beta_1", 0.9), ("beta_2", 0.999), ("epsilon", 1e-8)];
    let state = [("m", "0"), ("v", "0")];
    FormulaConfig::new(1e-3, &settings, &state, update).map(OptimizerConfig::from)
}

/// PyTorch's Adam as a custom rule.
pub(crate) fn custom_adam() -> OptimizerConfig {
    OptimizerConfig::custom(CustomOptimizer::elementwise(CustomAdam), 1e-3)
}

#[derive(Clone)]
struct CustomAdam;

impl ElementRule<2> for CustomAdam {
    const NAMES: [&'static str; 2] = ["m", "v"];
    /// The learning rate over the correction of `m`, and the inverse correction of `v`.
    type Scalars = [f64; 2];

    fn scalars(&self, learning_rate: f64, step: u64) -> [f64; 2] {
        let correction = |beta: f64| 1.0 - beta.powf(step as f64);
        [learning_rate / correction(0.9), 1.0 / correction(0.999)]
    }

    #[inline(always)]
    fn update<R: Real>(&self, s: &[f64; 2], x: R, g: R, [m, v]: [R; 2]) -> (R, [R; 2]) {
        let m = m.mix(0.9, g.clone());
        let v = v.mix(0.999, g.square());
        let divisor = v.clone().scale(s[1]).sqrt().shift(1e-8);
        (x - m.clone().scale(s[0]) / divisor, [m, v])
    }
}

/// Burn's own under our name.
fn burns(name: &str) -> Option<ModuleOptimizer> {
    let momentum = |nesterov| {
        let momentum = MomentumConfig::new()
            .with_dampening(0.0)
            .with_nesterov(nesterov);
        optim::SgdConfig::new().with_momentum(Some(momentum)).init()
    };
    Some(match name {
        "adam" => optim::AdamConfig::new().with_epsilon(1e-8).init(),
        "adamw" => optim::AdamWConfig::new().with_epsilon(1e-8).init(),
        "adan" => optim::AdanConfig::new().init(),
        "adagrad" => optim::AdaGradConfig::new().init(),
        "lion" => optim::LionConfig::new().init(),
        "momentum" => momentum(false),
        "nesterov" => momentum(true),
        "rmsprop" => optim::RmsPropConfig::new().with_momentum(0.0).init(),
        "sgd" => optim::SgdConfig::new().init(),
        _ => return None,
    })
}
