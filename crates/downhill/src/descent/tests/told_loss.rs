//! Optimizers that are told the loss.

use burn::optim::GradientsParams;
use burn::tensor::DType;

use super::{gradient, one, values};
use crate::{
    AdamConfig, DescentConfig, InvalidDescent, MomoConfig, NonFinite, Parameters, PolyakSgdConfig,
    StepError, StepOutcome,
};

#[test]
fn a_loss_is_told_anew_for_each_step() {
    let mut descent = DescentConfig::new(PolyakSgdConfig::optax())
        .with_non_finite(NonFinite::Skip)
        .build()
        .unwrap();
    let mut model = one(&[2.0], DType::F64);
    let given = gradient(&model, 4.0);
    let failed = descent.step(model.clone(), given).unwrap_err();
    let optimizer = "polyak-sgd";
    assert_eq!(failed.error, StepError::LossNotTold { optimizer });
    assert!(
        failed
            .error
            .to_string()
            .starts_with("polyak-sgd needs the loss of each step")
    );

    // 8 / 16 of the gradient.
    descent.tell_loss(8.0);
    let given = gradient(&model, 4.0);
    model = descent.step(model, given).unwrap().0;
    assert_eq!(values(&model), [0.0]);
    let given = gradient(&model, 4.0);
    assert!(descent.step(model.clone(), given).is_err());

    // Also for one that makes no step.
    for (given, expected) in [
        (GradientsParams::new(), StepOutcome::NoGradients),
        (
            gradient(&model, f64::NAN),
            StepOutcome::Skipped(vec!["w".into()]),
        ),
    ] {
        descent.tell_loss(8.0);
        let outcome = descent.step(model.clone(), given).unwrap().1;
        assert_eq!(outcome, expected);
        let given = gradient(&model, 4.0);
        assert!(descent.step(model.clone(), given).is_err());
    }
}

#[test]
fn a_refused_step_keeps_the_loss() {
    let config = DescentConfig::new(MomoConfig::optax());
    let config = config.with_setting(Parameters::Path("v".into()), "beta", 0.5);
    let mut descent = config.build().unwrap();
    let model = one(&[2.0], DType::F64);
    descent.tell_loss(8.0);
    for _ in 0..2 {
        let given = gradient(&model, 4.0);
        let error = descent.step(model.clone(), given).unwrap_err().error;
        assert!(matches!(error, StepError::EmptySelection { .. }), "{error}");
    }
}

#[test]
fn what_needs_no_loss_does_not_look_at_it() {
    let stepped = |told: bool| {
        let mut descent = DescentConfig::new(AdamConfig::torch()).build().unwrap();
        assert!(!descent.needs_loss());
        let model = one(&[2.0], DType::F64);
        if told {
            descent.tell_loss(f64::NAN);
        }
        let given = gradient(&model, 4.0);
        values(&descent.step(model, given).unwrap().0)
    };
    assert_eq!(stepped(true), stepped(false));
}

#[test]
fn gradients_are_not_accumulated_for_what_needs_the_loss() {
    let config = DescentConfig::new(AdamConfig::torch()).with_accumulation(2);
    assert!(config.build().is_ok());
    let config = config.with_optimizer(Parameters::Rank(1), MomoConfig::optax());
    let error = config.build().unwrap_err();
    assert_eq!(error, InvalidDescent::AccumulatedLoss { optimizer: "momo" });
    let message = "momo needs the loss of each step, so its gradients cannot be accumulated";
    assert_eq!(error.to_string(), message);
}

#[test]
fn a_loss_that_is_not_finite_is_skipped_where_it_counts() {
    let outcome = |config: DescentConfig| {
        let mut descent = config.with_non_finite(NonFinite::Skip).build().unwrap();
        let model = one(&[2.0], DType::F64);
        descent.tell_loss(f64::INFINITY);
        let given = gradient(&model, 4.0);
        let (model, outcome) = descent.step(model, given).unwrap();
        (outcome, descent.skipped(), values(&model)[0] == 2.0)
    };
    let skipped = (StepOutcome::Skipped(Vec::new()), 1, true);
    assert_eq!(outcome(DescentConfig::new(MomoConfig::optax())), skipped);
    let stepped = (StepOutcome::Stepped, 0, false);
    assert_eq!(outcome(DescentConfig::new(AdamConfig::torch())), stepped);
}
