//! What stands around any optimizer.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Tensor};

use super::{One, gradient, one, stepped, values};
use crate::{
    Descent, DescentConfig, GradientStage, InvalidDescent, LossScale, Mars, Mechanic,
    MomentumConfig, ScheduleFreeAverage, ScheduleFreeConfig, SgdConfig, StepOutcome,
    module_optimizer,
};

fn sgd(rate: f64) -> DescentConfig {
    DescentConfig::new(SgdConfig::torch().with_learning_rate(rate))
}

/// The places of one parameter that starts at 0.
fn places(config: &DescentConfig, gradients: &[f64]) -> Vec<f64> {
    let mut descent = config.build().expect("within bounds");
    let mut model = one(&[0.0], DType::F64);
    let mut step = |gradient: &f64| {
        model = stepped(&mut descent, model.clone(), *gradient);
        values(&model)[0]
    };
    gradients.iter().map(&mut step).collect()
}

fn assert_near(found: &[f64], expected: &[f64]) {
    let far = |(a, b): (&f64, &f64)| (a - b).abs() > 1e-11;
    assert_eq!(found.len(), expected.len());
    assert!(!found.iter().zip(expected).any(far), "{found:?}");
}

#[test]
fn schedule_free_around_sgd_is_schedule_free_sgd() {
    let gradients = [1.0, -0.5, 0.25, 3.0];
    let around = sgd(0.1).with_weights(ScheduleFreeAverage::new());
    let own = DescentConfig::new(ScheduleFreeConfig::sgd().with_learning_rate(0.1));
    assert_near(&places(&around, &gradients), &places(&own, &gradients));

    let [mut around, mut own] = [around, own].map(|config| config.build().unwrap());
    let model = one(&[1.0], DType::F64);
    let (mut a, mut b) = (model.clone(), model);
    for gradient in gradients {
        a = stepped(&mut around, a, gradient);
        b = stepped(&mut own, b, gradient);
        let read = around.averaged_by("schedule-free", a.clone()).unwrap();
        let [a, b] = [around.averaged(a.clone()), own.averaged(b.clone())];
        assert_near(&values(&a), &values(&b));
        assert_eq!(values(&a), values(&read));
    }
}

#[test]
fn three_steps_of_mechanic_by_hand() {
    let mechanic = Mechanic::new()
        .with_initial_scale(1.0)
        .with_weight_decay(0.0)
        .with_epsilon(1e-13)
        .with_num_betas(1);
    // h = 0, 1, 2; r = 0, 0, 1; m = 0, 1, 2; v = 0, 1, 0.81 + 4; s = 1, 1, 3 / sqrt(v).
    let found = places(&sgd(1.0).with_weights(mechanic), &[1.0; 3]);
    assert_near(&found, &[-1.0, -2.0, -9.0 / 4.81_f64.sqrt()]);
}

#[derive(Module, Debug)]
struct Two {
    a: Param<Tensor<1>>,
    b: Param<Tensor<1>>,
}

#[test]
fn a_parameter_that_pauses_goes_on_from_where_it_is_with_mechanic() {
    let parameter = || Param::from_tensor(Tensor::from_data([1.0_f32], &Device::flex()));
    let mut model = Two {
        a: parameter(),
        b: parameter(),
    };
    let momentum = MomentumConfig::torch().with_learning_rate(1.0);
    let mechanic = Mechanic::new().with_initial_scale(0.01);
    let config = DescentConfig::new(momentum).with_weights(mechanic);
    let mut descent = config.build().unwrap();
    let read = |model: &Two| {
        let number = |param: &Param<Tensor<1>>| param.val().into_scalar::<f32>();
        [number(&model.a), number(&model.b)]
    };
    let mut before = read(&model);
    for step in 0..8 {
        let pauses = (2..5).contains(&step);
        let mut gradients = GradientsParams::new();
        gradients.register(model.a.id, model.a.val().ones_like());
        if !pauses {
            gradients.register(model.b.id, model.b.val().ones_like());
        }
        model = descent.step(model, gradients).unwrap().0;
        let after = read(&model);
        assert!(after[0] < before[0], "step {step}: {before:?} {after:?}");
        assert_eq!(after[1] == before[1], pauses, "step {step}");
        // The scale has grown; what it is behind is not made up for in one step.
        let [a, b] = [0, 1].map(|at| before[at] - after[at]);
        assert!(b <= a, "step {step}: {a} {b}");
        before = after;
    }
}

#[test]
fn mars_adds_the_change_of_the_gradient() {
    let mars = Mars::new().with_gamma(0.5).with_beta(0.5).with_from_rank(1);
    let found = places(&sgd(1.0).with_gradients(mars), &[0.2, 0.1, 4.0]);
    // 0.2 + 0.1, 0.1 - 0.05, and 5.95 at the norm 1.
    assert_near(&found, &[-0.3, -0.35, -1.35]);
    // Vectors are left alone by default.
    let found = places(&sgd(1.0).with_gradients(Mars::new()), &[0.2]);
    assert_near(&found, &[-0.2]);
}

#[test]
fn the_scale_of_the_loss_shrinks_and_grows() {
    let scale = LossScale::new().with_initial(8.0).with_growth_steps(2);
    let mut descent = sgd(1.0).with_loss_scale(scale).build().unwrap();
    let mut model = one(&[0.0], DType::F64);
    let mut step = |model: &mut One, scaled: f64| {
        let gradients = gradient(model, scaled);
        let stepped = descent.step(model.clone(), gradients).unwrap();
        *model = stepped.0;
        (stepped.1, values(model)[0], descent.loss_scale())
    };
    let skipped = || StepOutcome::Skipped(vec!["w".into()]);
    let stepped = StepOutcome::Stepped;
    assert_eq!(step(&mut model, 8.0), (stepped.clone(), -1.0, 8.0));
    // The count of calls begins again.
    assert_eq!(step(&mut model, f64::INFINITY), (skipped(), -1.0, 4.0));
    assert_eq!(step(&mut model, 4.0), (stepped.clone(), -2.0, 4.0));
    assert_eq!(step(&mut model, 4.0), (stepped, -3.0, 8.0));
    // It stays within the range of f32.
    for _ in 0..200 {
        step(&mut model, f64::NAN);
    }
    let (_, at, least) = step(&mut model, f64::NAN);
    assert_eq!((at, least), (-3.0, 2.0_f64.powi(-126)));
    assert_eq!(descent.skipped(), 202);
}

#[test]
fn the_scale_of_the_loss_is_saved() {
    let scale = LossScale::new().with_initial(8.0).with_growth_steps(3);
    let config = sgd(1.0).with_loss_scale(scale);
    let mut descent = config.build().unwrap();
    let model = one(&[0.0], DType::F64);
    let model = stepped(&mut descent, model, f64::NAN);
    let model = stepped(&mut descent, model, 4.0);
    let mut loaded = config.build().unwrap();
    let bytes = descent.to_bytes().unwrap();
    loaded.load_bytes(bytes, &Device::flex()).unwrap();
    assert_eq!(
        (loaded.loss_scale(), loaded.counts()),
        (4.0, descent.counts())
    );
    // A config without it takes nothing over, and one with it begins.
    let bytes = || descent.to_bytes().unwrap();
    let mut plain = sgd(1.0).build().unwrap();
    plain.load_bytes(bytes(), &Device::flex()).unwrap();
    assert_eq!(plain.loss_scale(), 1.0);
    loaded
        .load_bytes(plain.to_bytes().unwrap(), &Device::flex())
        .unwrap();
    assert_eq!(loaded.loss_scale(), 8.0);
    drop(model);
}

/// Also before the first step of the loaded state.
#[test]
fn a_handle_has_the_scale_of_the_next_step() {
    let scale = LossScale::new().with_initial(8.0);
    let (scaled, plain) = (sgd(1.0).with_loss_scale(scale), sgd(1.0));
    for (saved, loaded, expected) in [
        (&scaled, &scaled, 4.0),
        (&scaled, &plain, 1.0),
        (&plain, &scaled, 8.0),
    ] {
        let (mut optimizer, handle) = saved.build().unwrap().into_module_optimizer();
        let place = (&Device::flex().autodiff(), DType::F64);
        let mut model = One {
            w: Param::from_tensor(Tensor::from_data([0.0], place)),
        };
        for number in [f64::NAN, handle.loss_scale() / 2.0] {
            if saved == &plain && number.is_nan() {
                continue;
            }
            let given = gradient(&model, number);
            model = module_optimizer::step(&mut optimizer, 1.0, model, given)
                .unwrap()
                .0;
        }
        let record = optimizer.to_record();
        let (optimizer, handle) = loaded.build().unwrap().into_module_optimizer();
        let mut optimizer = optimizer.load_record(record);
        assert_eq!(handle.loss_scale(), expected);
        let (before, given) = (values(&model)[0], gradient(&model, expected));
        model = module_optimizer::step(&mut optimizer, 1.0, model, given)
            .unwrap()
            .0;
        assert_eq!(values(&model)[0], before - 1.0);
        assert_eq!(handle.loss_scale(), expected);
    }
}

/// The average is that of the steps made, whatever `beta` is now.
#[test]
fn an_average_stays_when_beta_changes() {
    let config = |beta| sgd(0.5).with_weights(ScheduleFreeAverage::new().with_beta(beta));
    let mut descent = config(0.9).build().unwrap();
    let mut model = one(&[1.0], DType::F64);
    for number in [1.0, -0.5, 0.25] {
        model = stepped(&mut descent, model, number);
    }
    let mut loaded = config(0.5).build().unwrap();
    let bytes = descent.to_bytes().unwrap();
    loaded.load_bytes(bytes, &Device::flex()).unwrap();
    let averaged = |descent: &Descent| values(&descent.averaged(model.clone()));
    assert_near(&averaged(&loaded), &averaged(&descent));
}

#[test]
fn what_can_be_there_once_is_refused_twice() {
    let twice = |config: DescentConfig, name| {
        let error = config.build().unwrap_err();
        assert_eq!(error, InvalidDescent::RepeatedStage { name });
    };
    let stage = Mechanic::new;
    twice(
        sgd(1.0).with_weights(stage()).with_weights(stage()),
        "mechanic",
    );
    let stage = ScheduleFreeAverage::new;
    let config = sgd(1.0).with_weights(stage()).with_ema(0.9);
    twice(config.with_weights(stage()), "schedule-free");
    let stage = || GradientStage::Mars(Mars::new());
    twice(
        sgd(1.0).with_gradients(stage()).with_gradients(stage()),
        "mars",
    );
}

#[test]
fn bounds_are_named() {
    let words = |config: DescentConfig| config.build().unwrap_err().to_string();
    for initial in [0.0, 1e-40, 1e39, f64::NAN] {
        let words = words(sgd(1.0).with_loss_scale(LossScale::new().with_initial(initial)));
        let start = "loss_scale.initial must be a normal, positive number of `f32`, got ";
        assert!(words.starts_with(start), "{words}");
    }
    let mechanic = |mechanic: Mechanic| words(sgd(1.0).with_weights(mechanic));
    assert_eq!(
        mechanic(Mechanic::new().with_num_betas(9)),
        "mechanic.num_betas must be at most 8, got 9"
    );
    assert_eq!(
        mechanic(Mechanic::new().with_num_betas(0)),
        "mechanic.num_betas must be at least 1, got 0"
    );
    assert_eq!(
        mechanic(Mechanic::new().with_initial_scale(0.0)),
        "mechanic.initial_scale must be finite and greater than 0, got 0"
    );
    assert_eq!(
        words(sgd(1.0).with_weights(ScheduleFreeAverage::new().with_beta(0.0))),
        "schedule-free.beta must lie in (0, 1], got 0"
    );
    assert_eq!(
        words(sgd(1.0).with_gradients(Mars::new().with_beta(1.0))),
        "mars.beta must lie in [0, 1), got 1"
    );
    assert_eq!(
        words(sgd(1.0).with_loss_scale(LossScale::new().with_growth_steps(0))),
        "loss_scale.growth_steps must be at least 1, got 0"
    );
}
