//! States of Burn's own optimizers, taken over in mid-training.

use burn::optim as theirs;
use burn::optim::ModuleOptimizer;
use burn::optim::momentum::MomentumConfig as BurnMomentum;

use super::*;
use crate::{
    AdamConfig, AdamWConfig, Amsgrad, DescentRecordError, LionConfig, Misfit, MomentumConfig,
    MuonConfig, NesterovConfig, Preset, RmsPropConfig, StepError, WeightDecay, module_optimizer,
};

const RATE: f64 = 0.02;

#[derive(Module, Debug)]
struct Both {
    matrix: Param<Tensor<2>>,
    vector: Param<Tensor<1>>,
}

fn start() -> Both {
    let device = Device::flex().autodiff();
    let options = (&device, DType::F64);
    let matrix = [[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]];
    Both {
        matrix: Param::from_tensor(Tensor::<2>::from_data(matrix, options)),
        vector: Param::from_tensor(Tensor::<1>::from_data([1.0, -2.0, 0.5], options)),
    }
}

/// Those of a bowl, times a factor.
fn gradients(model: &Both, factor: f64) -> GradientsParams {
    let mut gradients = GradientsParams::new();
    let matrix = model.matrix.val().inner();
    gradients.register(
        model.matrix.id,
        matrix.sub_scalar(0.3).mul_scalar(0.7 * factor),
    );
    let vector = model.vector.val().inner();
    gradients.register(
        model.vector.id,
        vector.add_scalar(0.1).mul_scalar(1.9 * factor),
    );
    gradients
}

fn numbers(model: &Both) -> Vec<f64> {
    let matrix = model.matrix.val().into_data();
    let vector = model.vector.val().into_data();
    matrix.iter::<f64>().chain(vector.iter::<f64>()).collect()
}

fn five_steps(model: Both, step: impl FnMut(Both, GradientsParams) -> Both) -> Both {
    steps(model, 1.0, step)
}

/// The other way, so that Lion, which looks at signs, needs its memory too.
fn five_more(model: Both, step: impl FnMut(Both, GradientsParams) -> Both) -> Both {
    steps(model, -0.1, step)
}

fn steps(
    mut model: Both,
    factor: f64,
    mut step: impl FnMut(Both, GradientsParams) -> Both,
) -> Both {
    for _ in 0..5 {
        let gradients = gradients(&model, factor);
        model = step(model, gradients);
    }
    model
}

fn apart(a: &Both, b: &Both) -> f64 {
    let pairs = numbers(a).into_iter().zip(numbers(b));
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Burn's own, and the same here.
fn pairs() -> Vec<(ModuleOptimizer, OptimizerConfig)> {
    let preset = |name| OptimizerConfig::preset(name, Preset::Burn);
    let preset = |name| preset(name).expect("it is here").expect("Burn has it");
    let nesterov = BurnMomentum {
        momentum: 0.9,
        dampening: 0.0,
        nesterov: true,
    };
    let rmsprop = || theirs::RmsPropConfig::new();
    vec![
        (theirs::SgdConfig::new().init(), preset("sgd")),
        (
            theirs::SgdConfig::new()
                .with_momentum(Some(BurnMomentum::new()))
                .init(),
            preset("momentum"),
        ),
        (
            theirs::SgdConfig::new()
                .with_momentum(Some(nesterov))
                .init(),
            NesterovConfig::torch()
                .with_momentum(f64::from(0.9_f32))
                .into(),
        ),
        (theirs::AdaGradConfig::new().init(), preset("adagrad")),
        (rmsprop().init(), preset("rmsprop")),
        (
            rmsprop().with_momentum(0.0).with_centered(true).init(),
            RmsPropConfig::burn()
                .with_momentum(0.0)
                .with_centered(true)
                .into(),
        ),
        (theirs::AdamConfig::new().init(), preset("adam")),
        (
            theirs::AdamConfig::new().with_amsgrad(true).init(),
            AdamConfig::burn().with_amsgrad(Amsgrad::Raw).into(),
        ),
        (theirs::AdamWConfig::new().init(), preset("adamw")),
        (theirs::AdanConfig::new().init(), preset("adan")),
        (theirs::LionConfig::new().init(), preset("lion")),
        (theirs::LambConfig::new().init(), preset("lamb")),
        (theirs::AdafactorConfig::new().init(), preset("adafactor")),
    ]
}

/// The powers of beta, which Burn computes in `f32`, move a step by up to 1e-4 of its size.
fn bound(name: &str) -> f64 {
    match name {
        "adam" | "adamw" | "adan" | "lamb" => 1e-4 * RATE * 5.0,
        _ => 1e-9,
    }
}

#[test]
fn training_goes_on_as_with_burns_own_optimizer() {
    for (mut burns, config) in pairs() {
        let name = config.name();
        let middle = five_steps(start(), |model, g| burns.step(RATE, model, g));
        let record = || burns.to_record();
        let bytes = || record().into_bytes().expect("it can be saved");

        let mut bare = config.init().unwrap().load_record(record());
        let bare = five_more(middle.clone(), |model, g| bare.step(RATE, model, g));

        let descent = DescentConfig::new(config.clone()).build().unwrap();
        let (wrapped, handle) = descent.clone().into_module_optimizer();
        let mut wrapped = wrapped.load_record(record());
        let wrapped = five_more(middle.clone(), |model, g| {
            module_optimizer::step(&mut wrapped, RATE, model, g)
                .expect("it fits")
                .0
        });

        let mut own = descent.clone();
        own.load_bytes(bytes(), &Device::flex()).expect("it fits");
        let own = five_more(middle.clone(), |model, g| {
            own.step_at(RATE, model, g).expect("it fits").0
        });

        let mut fresh = config.init().unwrap();
        let fresh = five_more(middle.clone(), |model, g| fresh.step(RATE, model, g));
        let right = five_more(middle, |model, g| burns.step(RATE, model, g));
        let bound = bound(name);
        for (way, found) in [("bare", bare), ("wrapped", wrapped), ("descent", own)] {
            let apart = apart(&found, &right);
            assert!(apart < bound, "{name}, {way}: {apart:e}");
        }
        let steps = if numbers(&fresh) == numbers(&right) {
            6
        } else {
            handle.steps()
        };
        assert!(steps == 6 || steps == 10, "{name}: {steps}");
        if name != "sgd" {
            assert!(
                apart(&fresh, &right) > 10.0 * bound,
                "{name}: the state matters"
            );
        }
    }
}

#[test]
fn muon_takes_the_velocity_of_burns_muon() {
    #[derive(Module, Debug)]
    struct Matrix {
        w: Param<Tensor<2>>,
    }
    let config = MuonConfig::keras().with_weight_decay(WeightDecay::None);
    let (mut burns, descent) = (
        theirs::MuonConfig::new()
            .with_adjust_lr_fn(theirs::AdjustLrFn::MatchRmsAdamW)
            .init(),
        DescentConfig::new(config).build().unwrap(),
    );
    let step = |model: Matrix, by: &mut dyn FnMut(Matrix, GradientsParams) -> Matrix| {
        let mut gradients = GradientsParams::new();
        gradients.register(model.w.id, model.w.val().inner().sub_scalar(0.3));
        by(model, gradients)
    };
    let mut model = Matrix { w: start().matrix };
    for _ in 0..5 {
        model = step(model, &mut |model, g| burns.step(RATE, model, g));
    }
    let mut descent = descent;
    let bytes = burns.to_record().into_bytes().unwrap();
    descent.load_bytes(bytes, &Device::flex()).unwrap();
    let right = step(model.clone(), &mut |model, g| burns.step(RATE, model, g));
    let found = step(model, &mut |model, g| {
        descent.step_at(RATE, model, g).unwrap().0
    });
    let apart = (right.w.val() - found.w.val())
        .abs()
        .max()
        .into_scalar::<f64>();
    assert!(apart < 1e-6, "{apart:e}");
}

#[test]
fn a_state_of_another_rule_or_meaning_is_refused_with_the_paths() {
    let adam = theirs::AdamConfig::new().init();
    let amsgrad = theirs::AdamConfig::new().with_amsgrad(true).init();
    let momentum = theirs::SgdConfig::new()
        .with_momentum(Some(BurnMomentum::new()))
        .init();
    let rmsprop = theirs::RmsPropConfig::new().init();
    let cases: [(ModuleOptimizer, OptimizerConfig); 7] = [
        (adam.clone(), LionConfig::burn().into()),
        (adam, SgdConfig::burn().into()),
        (amsgrad.clone(), AdamWConfig::burn().into()),
        (
            amsgrad,
            AdamConfig::burn().with_amsgrad(Amsgrad::Corrected).into(),
        ),
        (momentum, MomentumConfig::keras().into()),
        (
            rmsprop.clone(),
            RmsPropConfig::keras().with_momentum(0.9).into(),
        ),
        (rmsprop, RmsPropConfig::burn().with_momentum(0.0).into()),
    ];
    for (mut burns, config) in cases {
        let model = five_steps(start(), |model, g| burns.step(RATE, model, g));
        let bytes = burns.to_record().into_bytes().unwrap();
        let mut descent = DescentConfig::new(config.clone()).build().unwrap();
        let error = descent.load_bytes(bytes, &Device::flex()).unwrap_err();
        let DescentRecordError::Misfits(misfits) = &error else {
            panic!("{error}");
        };
        assert_eq!(misfits.len(), 2, "{error}");
        assert!(matches!(misfits[0], Misfit::FromBurn { .. }), "{error}");
        assert_eq!(descent.steps(), 0);

        let (wrapped, handle) = descent.into_module_optimizer();
        let mut wrapped = wrapped.load_record(burns.to_record());
        let all = gradients(&model, 1.0);
        let failed = module_optimizer::step(&mut wrapped, RATE, model.clone(), all).unwrap_err();
        assert_eq!(
            (numbers(&failed.module), handle.steps()),
            (numbers(&model), 0)
        );
        let text = failed.error.to_string();
        assert!(matches!(failed.error, StepError::Record(_)), "{text}");
        assert!(
            text.contains("`matrix`") && text.contains("`vector`"),
            "{text}"
        );

        // A bare optimizer ignores the state; so do Burn's own.
        let mut bare = config.init().unwrap().load_record(burns.to_record());
        let mut fresh = config.init().unwrap();
        let bare = bare.step(RATE, model.clone(), gradients(&model, 1.0));
        let fresh = fresh.step(RATE, model.clone(), gradients(&model, 1.0));
        assert_eq!(numbers(&bare), numbers(&fresh), "{config:?}");
    }
}
