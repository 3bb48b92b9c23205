//! Custom optimizers in a descent.

use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig as BurnsAdamConfig, ModuleOptimizer, SgdConfig as BurnsSgdConfig};
use serde::{Deserialize, Serialize};

use super::*;
use crate::custom::{CustomConfig, CustomOptimizer, ElementRule, Real, RegisterError};
use crate::{
    AdamWConfig, DescentRecordError, InvalidHyperparameter, LionConfig, MomentumConfig, WeightDecay,
};

/// Lion, written as a stranger would.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnLion {
    learning_rate: f64,
    beta_1: f64,
    beta_2: f64,
    #[serde(default)]
    weight_decay: WeightDecay,
    /// Decides what the mean is, and does nothing here.
    #[serde(default)]
    form: String,
}

fn own_lion() -> OwnLion {
    OwnLion {
        learning_rate: 0.01,
        beta_1: 0.9,
        beta_2: 0.99,
        weight_decay: WeightDecay::None,
        form: String::new(),
    }
}

impl ElementRule<1> for OwnLion {
    const NAMES: [&'static str; 1] = ["mean"];
    type Scalars = f64;

    fn scalars(&self, learning_rate: f64, _step: u64) -> f64 {
        learning_rate
    }

    #[inline(always)]
    fn update<R: Real>(&self, rate: &f64, x: R, g: R, [mean]: [R; 1]) -> (R, [R; 1]) {
        let direction = mean.clone().mix(self.beta_1, g.clone()).sign();
        (x - direction.scale(*rate), [mean.mix(self.beta_2, g)])
    }

    fn weight_decay(&self) -> WeightDecay {
        self.weight_decay
    }
}

impl CustomConfig for OwnLion {
    const NAME: &'static str = "own-lion";

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn build(&self) -> Result<CustomOptimizer, InvalidHyperparameter> {
        let is_share = (0.0..1.0).contains(&self.beta_1);
        InvalidHyperparameter::unless(is_share, "beta_1", "lie in [0, 1)", self.beta_1)?;
        Ok(CustomOptimizer::elementwise(self.clone()))
    }
}

/// Burn's Adam with a config of one's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct BurnsAdam {
    learning_rate: f64,
    beta_1: f32,
    steps: u64,
}

fn burns_adam() -> BurnsAdam {
    BurnsAdam {
        learning_rate: 0.01,
        beta_1: 0.9,
        steps: 3,
    }
}

impl CustomConfig for BurnsAdam {
    const NAME: &'static str = "burns-adam";

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn build(&self) -> Result<CustomOptimizer, InvalidHyperparameter> {
        let config = BurnsAdamConfig::new().with_beta_1(self.beta_1);
        Ok(config.build().into())
    }
}

fn registered() {
    OptimizerConfig::register::<OwnLion>().expect("a free name");
    OptimizerConfig::register::<BurnsAdam>().expect("a free name");
}

fn linear() -> Linear {
    let device = Device::flex().autodiff();
    let spread = |number: usize| (0..number).map(|place| (place as f32 * 0.7).sin() / 2.0);
    let weight: Vec<f32> = spread(35).collect();
    let bias: Vec<f32> = spread(7).collect();
    let mut linear = LinearConfig::new(5, 7).init(&device);
    let weight = Tensor::<1>::from_floats(weight.as_slice(), &device).reshape([5, 7]);
    linear.weight = Param::from_tensor(weight);
    linear.bias = Some(Param::from_tensor(Tensor::from_floats(
        bias.as_slice(),
        &device,
    )));
    linear
}

fn gradients(model: &Linear, step: usize) -> GradientsParams {
    let input = Tensor::<2>::ones([3, 5], &Device::flex().autodiff());
    let target = 1.0 + 0.1 * step as f64;
    let loss = (model.forward(input) - target).square().mean();
    GradientsParams::from_grads(loss.backward(), model)
}

fn bits(model: &Linear) -> Vec<u32> {
    let bias = model.bias.as_ref().expect("it has a bias").val();
    let data = [model.weight.val().flatten::<1>(0, 1), bias];
    (data.into_iter())
        .flat_map(|tensor| {
            tensor
                .into_data()
                .try_into_vec::<f32>()
                .expect("f32")
                .into_iter()
        })
        .map(f32::to_bits)
        .collect()
}

fn train(descent: &mut Descent, mut model: Linear, steps: core::ops::Range<usize>) -> Linear {
    for step in steps {
        let gradients = gradients(&model, step);
        model = descent.step(model, gradients).expect("it fits").0;
    }
    model
}

#[test]
fn a_rule_for_an_element_steps_as_the_built_in_one() {
    let built_in = LionConfig::optax()
        .with_learning_rate(0.01)
        .with_weight_decay(WeightDecay::None);
    let plain: [DescentConfig; 2] = [
        DescentConfig::new(own_lion()),
        DescentConfig::new(built_in.clone()),
    ];
    let recipe = |config: DescentConfig| {
        config
            .with_max_global_norm(0.5)
            .with_ema(0.9)
            .with_accumulation(2)
            .with_setting(Parameters::RankAtMost(1), "beta_2", 0.9)
            .with_schedule(
                "beta_1",
                crate::schedule::Linear::new(4).with_end_factor(0.5),
            )
    };
    for configs in [plain.clone(), plain.map(recipe)] {
        let [own, built_in] = configs.map(|config| {
            let mut descent = config.build().unwrap();
            let model = train(&mut descent, linear(), 0..8);
            (bits(&model), bits(&descent.averaged(model)))
        });
        assert_eq!(own, built_in);
    }
    // On its own as well, for a module and for one parameter.
    let [mut own, mut built_in] = [
        OptimizerConfig::from(own_lion()).init().unwrap(),
        built_in.init().unwrap(),
    ];
    let (mut a, mut b) = (linear(), linear());
    for step in 0..4 {
        let (of_a, of_b) = (gradients(&a, step), gradients(&b, step));
        (a, b) = (own.step(0.01, a, of_a), built_in.step(0.01, b, of_b));
    }
    assert_eq!(bits(&a), bits(&b));
}

#[test]
fn the_weight_decay_of_a_rule_is_applied_around_it() {
    for decay in [
        WeightDecay::L2(0.1),
        WeightDecay::Decoupled(0.1),
        WeightDecay::Cautious(0.1),
    ] {
        let own = OwnLion {
            weight_decay: decay,
            ..own_lion()
        };
        let built_in = LionConfig::optax()
            .with_learning_rate(0.01)
            .with_weight_decay(decay);
        let [own, built_in] =
            [DescentConfig::new(own), DescentConfig::new(built_in)].map(|config| {
                let mut descent = config.build().unwrap();
                let model = one(&[1.0, -2.0], DType::F64);
                let model = stepped(&mut descent, model, 0.3);
                values(&stepped(&mut descent, model, -0.01))
            });
        for (own, built_in) in own.into_iter().zip(built_in) {
            assert!((own - built_in).abs() < 1e-15, "{own} {built_in}");
        }
    }
}

#[test]
fn an_optimizer_of_burn_steps_as_it_does_alone() {
    let adam = BurnsAdamConfig::new().build();
    let config = OptimizerConfig::custom(adam.clone(), 0.01);
    let mut descent = DescentConfig::new(config).build().unwrap();
    let mut alone = ModuleOptimizer::from(adam);
    let (mut a, mut b) = (linear(), linear());
    for step in 0..5 {
        a = train(&mut descent, a, step..step + 1);
        let of_b = gradients(&b, step);
        b = alone.step(0.01, b, of_b);
    }
    assert_eq!(bits(&a), bits(&b));
}

#[test]
fn it_may_step_one_group_among_others() {
    let sgd = BurnsSgdConfig::new().build();
    let vectors = Parameters::RankAtMost(1);
    let with = |optimizer: OptimizerConfig| {
        let config = DescentConfig::new(AdamWConfig::torch())
            .with_optimizer(vectors.clone(), optimizer)
            .with_schedule(
                "learning_rate",
                crate::schedule::Linear::new(6).with_end_factor(0.0),
            )
            .with_max_global_norm(0.1);
        train(&mut config.build().unwrap(), linear(), 0..5)
    };
    let burns = with(OptimizerConfig::custom(sgd, 0.1));
    let own = with(SgdConfig::torch().with_learning_rate(0.1).into());
    assert_eq!(bits(&burns), bits(&own));
}

#[test]
fn a_state_is_saved_and_loaded_to_the_bit() {
    let burns_momentum = || {
        let momentum = burn::optim::momentum::MomentumConfig::new();
        BurnsSgdConfig::new().with_momentum(Some(momentum)).build()
    };
    let configs = [
        DescentConfig::new(own_lion()),
        DescentConfig::new(burns_adam()),
        DescentConfig::new(OptimizerConfig::custom(burns_momentum(), 0.1)),
        // It has no state.
        DescentConfig::new(OptimizerConfig::custom(BurnsSgdConfig::new().build(), 0.1)),
        DescentConfig::new(own_lion()).with_optimizer(Parameters::RankAtMost(1), burns_adam()),
    ];
    for config in configs {
        let mut descent = config.build().unwrap();
        let model = train(&mut descent, linear(), 0..3);
        let saved = descent.to_bytes().unwrap();
        let expected = train(&mut descent, model.clone(), 3..6);
        let mut resumed = config.build().unwrap();
        resumed.load_bytes(saved, &Device::flex()).unwrap();
        assert_eq!(
            bits(&train(&mut resumed, model, 3..6)),
            bits(&expected),
            "{config:?}"
        );
    }
}

/// Burn reads a state of `f64` as `f32`.
#[test]
fn a_state_of_burn_that_is_read_in_another_type_is_refused() {
    let config = DescentConfig::new(OptimizerConfig::custom(BurnsAdamConfig::new().build(), 0.1));
    let mut descent = config.build().unwrap();
    let model = stepped(&mut descent, one(&[1.0], DType::F64), 0.3);
    let saved = descent.to_bytes().unwrap();
    let loaded = config.build().unwrap().load_bytes(saved, &Device::flex());
    assert!(matches!(loaded, Err(DescentRecordError::Incomplete { .. })));
    stepped(&mut descent, model, 0.3);
    // And one of f32 for a module of f64.
    let mut descent = config.build().unwrap();
    stepped(&mut descent, one(&[1.0], DType::F32), 0.3);
    let mut wide = config.build().unwrap();
    wide.load_bytes(descent.to_bytes().unwrap(), &Device::flex())
        .unwrap();
    let model = one(&[1.0], DType::F64);
    let gradients = gradient(&model, 0.3);
    assert!(wide.step(model, gradients).is_err());
}

#[test]
fn settings_that_are_absent_or_not_finite_are_written() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Limited {
        learning_rate: f64,
        limit: f64,
        cut: Option<f64>,
    }
    impl CustomConfig for Limited {
        const NAME: &'static str = "some";

        fn learning_rate(&self) -> f64 {
            self.learning_rate
        }

        fn build(&self) -> Result<CustomOptimizer, InvalidHyperparameter> {
            Ok(BurnsSgdConfig::new().build().into())
        }
    }
    let config = DescentConfig::new(Limited {
        learning_rate: 0.1,
        limit: f64::INFINITY,
        cut: None,
    });
    let text = toml::to_string(&config).unwrap();
    assert!(
        text.contains("limit = inf") && !text.contains("cut"),
        "{text}"
    );
}

#[test]
fn the_state_of_another_optimizer_is_refused() {
    let saved = |config: OptimizerConfig| {
        let mut descent = DescentConfig::new(config).build().unwrap();
        train(&mut descent, linear(), 0..2);
        descent.to_bytes().unwrap()
    };
    let other_form = OwnLion {
        form: "other".into(),
        ..own_lion()
    };
    let pairs: [(OptimizerConfig, OptimizerConfig); 5] = [
        (own_lion().into(), burns_adam().into()),
        (burns_adam().into(), own_lion().into()),
        (own_lion().into(), LionConfig::optax().into()),
        (LionConfig::optax().into(), own_lion().into()),
        (own_lion().into(), other_form.into()),
    ];
    for (from, to) in pairs {
        let text = format!("{from:?} for {to:?}");
        let mut descent = DescentConfig::new(to).build().unwrap();
        let loaded = descent.load_bytes(saved(from), &Device::flex());
        assert!(
            matches!(loaded, Err(DescentRecordError::Misfits(_))),
            "{text}"
        );
    }
}

#[test]
fn the_state_of_a_bare_rule_is_its_own() {
    let step = |optimizer: &mut ModuleOptimizer, model: One, number: f64| {
        let mut gradients = GradientsParams::new();
        gradients.register(
            model.w.id,
            Tensor::<1>::from_floats([number], &Device::flex()),
        );
        values(&optimizer.step(0.1, model, gradients))[0]
    };
    let mut built_in = LionConfig::optax().init().unwrap();
    let start = Tensor::from_floats([1.0], &Device::flex().autodiff());
    let model = One {
        w: Param::from_tensor(start),
    };
    step(&mut built_in, model.clone(), 2.0);
    // What both remember has the same name; with that mean the step would go the other way.
    let own = OptimizerConfig::from(own_lion()).init().unwrap();
    let mut own = own.load_record(built_in.to_record());
    assert!(step(&mut own, model.clone(), -0.1) > 1.0);
    assert!(step(&mut built_in, model, -0.1) < 1.0);
}

#[test]
fn its_numbers_are_scheduled_and_set() {
    let mut config = DescentConfig::new(OwnLion {
        weight_decay: WeightDecay::Decoupled(0.1),
        ..own_lion()
    });
    config = config.with_decay_from_rank(2);
    let mut descent = config.build().unwrap();
    assert_eq!(descent.get("weight_decay"), Some(0.1));
    assert_eq!(descent.get_in_group(0, "weight_decay"), Some(0.0));
    descent.set("beta_2", 0.5).unwrap();
    assert_eq!(descent.get("beta_2"), Some(0.5));
    assert_eq!(descent.get("form"), None);
    let error = descent.set("beta_1", 2.0).unwrap_err().to_string();
    assert_eq!(error, "beta_1 must lie in [0, 1), got 2");
    let error = descent.set("beta_3", 2.0).unwrap_err().to_string();
    assert!(
        error.contains("own-lion") && error.contains("beta_3"),
        "{error}"
    );
    // No decay is one of 0.
    let none = DescentConfig::new(own_lion()).with_decay_from_rank(2);
    assert_eq!(none.build().unwrap().get("weight_decay"), Some(0.0));
    assert!(
        none.with_setting(Parameters::All, "weight_decay", 0.1)
            .build()
            .is_err()
    );
    // A whole number takes only whole ones.
    let mut adam = OptimizerConfig::from(burns_adam());
    assert!(adam.set("steps", 5.0) && !adam.set("steps", 5.5));
    assert_eq!(adam.get("steps"), Some(5.0));
}

#[test]
fn a_rate_of_0_and_one_that_is_not_finite_are_refused() {
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let custom = OptimizerConfig::custom(BurnsSgdConfig::new().build(), rate);
        for config in [
            custom,
            OwnLion {
                learning_rate: rate,
                ..own_lion()
            }
            .into(),
        ] {
            assert!(DescentConfig::new(config.clone()).build().is_err());
            assert!(config.init().is_err());
        }
    }
}

#[test]
fn a_file_names_it_once_it_is_registered() {
    registered();
    let text = "optimizer.own-lion = { learning_rate = 0.1, beta_1 = 0.9, beta_2 = 0.99 }
        [[groups]]
        parameters = { rank-at-most = 1 }
        optimizer.burns-adam = { learning_rate = 0.2, beta_1 = 0.5, steps = 1 }";
    let config: DescentConfig = toml::from_str(text).unwrap();
    let OptimizerConfig::Custom(own) = &config.optimizer else {
        panic!("{config:?}");
    };
    assert_eq!(own.downcast_ref::<OwnLion>().unwrap().learning_rate, 0.1);
    assert!(own.downcast_ref::<BurnsAdam>().is_none());
    let written = toml::to_string(&config).unwrap();
    assert_eq!(toml::from_str::<DescentConfig>(&written).unwrap(), config);
    let written = serde_json::to_string(&config).unwrap();
    assert_eq!(
        serde_json::from_str::<DescentConfig>(&written).unwrap(),
        config
    );
    // The others are read as before.
    let config: DescentConfig = toml::from_str("optimizer.adam = { preset = 'keras' }").unwrap();
    assert_eq!(config.optimizer, crate::AdamConfig::keras().into());
    for (text, part) in [
        (
            "optimizer.own-lion = { rate = 1 }",
            "unknown field `rate`, expected one of `learning_rate`",
        ),
        ("optimizer.own-lion = {}", "missing field `learning_rate`"),
        ("optimizer.adma = {}", "unknown variant `adma`"),
        ("optimizer.adam = { rate = 1 }", "unknown field `rate`"),
    ] {
        let error = toml::from_str::<DescentConfig>(text)
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_config_whose_settings_are_not_known_is_not_written() {
    let config = DescentConfig::new(OptimizerConfig::custom(BurnsSgdConfig::new().build(), 0.1));
    let error = serde_json::to_string(&config).unwrap_err().to_string();
    assert!(
        error.contains("the settings of `Sgd` are not known"),
        "{error}"
    );
    assert_eq!(config, config.clone());
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Named<const PLACE: usize>;

impl<const PLACE: usize> CustomConfig for Named<PLACE> {
    const NAME: &'static str = ["adam", "own-lion", "Own", "", "9th"][PLACE];

    fn learning_rate(&self) -> f64 {
        1.0
    }

    fn build(&self) -> Result<CustomOptimizer, InvalidHyperparameter> {
        Ok(BurnsSgdConfig::new().build().into())
    }
}

#[test]
fn a_name_is_taken_once() {
    registered();
    registered();
    let of = OptimizerConfig::registered();
    assert_eq!(of.iter().filter(|name| **name == "own-lion").count(), 1);
    let taken = |name| Err(RegisterError::Taken { name });
    assert_eq!(OptimizerConfig::register::<Named<0>>(), taken("adam"));
    assert_eq!(OptimizerConfig::register::<Named<1>>(), taken("own-lion"));
    let wrong = |name| Err(RegisterError::Name { name });
    assert_eq!(OptimizerConfig::register::<Named<2>>(), wrong("Own"));
    assert_eq!(OptimizerConfig::register::<Named<3>>(), wrong(""));
    assert_eq!(OptimizerConfig::register::<Named<4>>(), wrong("9th"));
}

#[test]
fn it_does_not_mix_the_networks_of_an_ensemble() {
    let config = DescentConfig::new(OptimizerConfig::custom(BurnsSgdConfig::new().build(), 0.1));
    assert!(config.with_members(vec![1.0, 1.0]).build().is_err());
    // A rule for an element looks at no other.
    assert!(
        DescentConfig::new(own_lion())
            .with_members(vec![1.0, 1.0])
            .build()
            .is_ok()
    );
    assert!(
        DescentConfig::new(own_lion())
            .with_members(vec![1.0, 0.5])
            .build()
            .is_err()
    );
}

#[test]
fn parameters_of_16_bits_are_stepped_in_32() {
    for config in [
        OptimizerConfig::from(own_lion()),
        OptimizerConfig::custom(BurnsAdamConfig::new().build(), 0.01),
    ] {
        let config = DescentConfig::new(config).with_master_weights(true);
        let step = |dtype| {
            let mut descent = config.build().unwrap();
            let mut model = one(&[0.5, -1.0], dtype);
            for g in [300.0, -1.0, 2.0] {
                model = stepped(&mut descent, model, g);
            }
            values(&model)
        };
        for (narrow, wide) in step(DType::F16).into_iter().zip(step(DType::F32)) {
            assert!((narrow - wide).abs() < 1e-3, "{narrow} {wide}");
        }
    }
}

#[test]
fn its_description_counts_its_state() {
    let momentum = MomentumConfig::torch();
    let own = DescentConfig::new(burns_adam());
    for (config, tensors) in [(own, 2), (DescentConfig::new(momentum), 1)] {
        let mut descent = config.build().unwrap();
        let model = train(&mut descent, linear(), 0..1);
        let described = descent.describe(&model).unwrap();
        let memory = described
            .parameters()
            .iter()
            .map(|parameter| parameter.memory);
        assert_eq!(memory.sum::<usize>(), tensors * 42 * 4);
    }
}
