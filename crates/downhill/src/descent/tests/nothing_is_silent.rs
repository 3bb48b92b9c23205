//! Steps and groups that have no effect.

use super::*;
use crate::{
    AdamConfig, LbfgsConfig, LbfgsStop, ProdigyConfig, SamConfig, learner, module_optimizer,
};

fn configs() -> Vec<DescentConfig> {
    let adam = || DescentConfig::new(AdamConfig::torch());
    vec![
        adam(),
        adam().with_max_global_norm(1.0),
        adam().with_accumulation(4),
        adam().with_non_finite(NonFinite::Skip),
        adam().with_ema(0.9),
        DescentConfig::new(ProdigyConfig::default()),
    ]
}

#[test]
fn a_step_without_gradients_says_so_and_advances_nothing() {
    for config in configs() {
        let mut descent = config.build().unwrap();
        let model = one(&[1.0; 3], DType::F32);
        let elsewhere = gradient(&one(&[1.0; 3], DType::F32), 1.0);
        for gradients in [GradientsParams::new(), elsewhere] {
            let (after, outcome) = descent.step(model.clone(), gradients).unwrap();
            assert_eq!(outcome, StepOutcome::NoGradients, "{config:?}");
            assert_eq!(descent.counts(), [0; 5]);
            assert_eq!(values(&after), values(&model));
        }
        let mut fresh = config.build().unwrap();
        let right = values(&stepped(&mut fresh, model.clone(), 1.0));
        assert_eq!(values(&stepped(&mut descent, model, 1.0)), right);
    }
}

#[test]
fn frozen_parameters_alone_are_no_step() {
    let config = DescentConfig::new(AdamConfig::torch()).with_frozen(Parameters::All);
    let mut descent = config.build().unwrap();
    let model = one(&[1.0], DType::F32);
    let gradients = gradient(&model, 1.0);
    let (_, outcome) = descent.step(model, gradients).unwrap();
    assert_eq!((outcome, descent.steps()), (StepOutcome::NoGradients, 0));
}

#[test]
fn a_group_that_selects_nothing_is_refused_with_the_nearest_path() {
    let adam = || DescentConfig::new(AdamConfig::torch());
    let misspelt = Parameters::Path("ww".into());
    for config in [
        adam().with_setting(misspelt.clone(), "weight_decay", 0.0),
        adam().with_frozen(Parameters::Like("*.bias".into())),
        adam().with_optimizer(
            Parameters::Not(Box::new(misspelt.clone())),
            SgdConfig::torch(),
        ),
        adam().with_frozen(Parameters::Any(vec![Parameters::All, misspelt])),
    ] {
        let mut descent = config.build().unwrap();
        let model = one(&[1.0], DType::F32);
        let gradients = gradient(&model, 1.0);
        let failed = descent.step(model, gradients).unwrap_err();
        let text = failed.error.to_string();
        assert!(
            text.contains("group 0") && text.contains("nearest is `w`"),
            "{text}"
        );
        assert_eq!((values(&failed.module)[0], descent.steps()), (1.0, 0));
    }
    // A rank may be absent: the same config serves modules with and without biases.
    let config = adam().with_setting(Parameters::Rank(4), "beta_1", 0.8);
    stepped(&mut config.build().unwrap(), one(&[1.0], DType::F32), 1.0);
}

#[derive(Module, Debug)]
struct Pair {
    a: Param<Tensor<1>>,
    b: Param<Tensor<1>>,
}

/// Both are the same parameter.
fn tied() -> Pair {
    let device = Device::flex().autodiff();
    let a = Param::from_tensor(Tensor::<1>::ones([1], &device));
    Pair { b: a.clone(), a }
}

fn loss(pair: &Pair) -> Tensor<1> {
    (pair.a.val() + pair.b.val()).sub_scalar(6.0).square().sum()
}

#[test]
fn one_parameter_in_two_places_is_refused_with_both_paths() {
    let pair = tied();
    let gradients = || GradientsParams::from_grads(loss(&pair).backward(), &pair);
    let named = |text: &str| assert!(text.contains("`a` and `b`"), "{text}");
    for config in configs() {
        let mut descent = config.build().unwrap();
        named(&descent.describe(&pair).unwrap_err().to_string());
        let failed = descent.step(pair.clone(), gradients()).unwrap_err();
        named(&failed.error.to_string());
        assert_eq!(descent.counts(), [0; 5]);
        // Off the tape, gradients come from elsewhere.
        let failed = descent.step(pair.valid(), gradients()).unwrap_err();
        named(&failed.error.to_string());
        let (mut wrapped, _) = descent.into_module_optimizer();
        let failed = module_optimizer::step(&mut wrapped, 0.1, pair.clone(), gradients());
        named(&failed.unwrap_err().error.to_string());
    }
    let moved = SamConfig::default().ascend(pair.clone(), gradients());
    named(&moved.unwrap_err().to_string());
    let mut lbfgs = LbfgsConfig::default().build().unwrap();
    let evaluate = |pair: &Pair| (loss(pair).into_scalar(), gradients());
    let (_, outcome) = lbfgs.step(pair.clone(), evaluate);
    assert_eq!(outcome.stop, LbfgsStop::TiedParameters);

    // A copy that is not trained, as an average is, may have the same id.
    let copy = Pair {
        b: pair.a.clone().set_require_grad(false),
        a: pair.a.clone(),
    };
    let frozen = Parameters::Path("b".into());
    for (pair, config) in [
        (copy, DescentConfig::new(SgdConfig::torch())),
        (
            tied(),
            DescentConfig::new(SgdConfig::torch()).with_frozen(frozen),
        ),
    ] {
        let gradients = GradientsParams::from_grads(loss(&pair).backward(), &pair);
        let mut descent = config.build().unwrap();
        assert_eq!(
            descent.step(pair, gradients).unwrap().1,
            StepOutcome::Stepped
        );
    }
}

#[test]
#[should_panic(expected = "no trained parameter of the module has a gradient")]
fn a_learner_does_not_go_on_without_gradients() {
    let descent = DescentConfig::new(AdamConfig::torch()).build().unwrap();
    let (mut optimizer, _) = learner::optimizer(descent);
    let model = one(&[1.0], DType::F32);
    learner::optimize(model, &mut optimizer, 0.1.into(), GradientsParams::new());
}
