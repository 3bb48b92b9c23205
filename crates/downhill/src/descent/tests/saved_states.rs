//! Saving and loading a descent.

use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;

use super::*;
use crate::{
    AdafactorConfig, AdamConfig, AdamWConfig, Amsgrad, DescentRecordError, Misfit, RmsPropConfig,
    ScheduleFreeConfig, StepError, learner,
};

fn after_three_steps(config: &DescentConfig, model: &One) -> (Descent, One) {
    let mut descent = config.build().expect("within bounds");
    let mut model = model.clone();
    for g in [1.0, -0.5, 0.25] {
        model = stepped(&mut descent, model, g);
    }
    (descent, model)
}

fn loaded(from: &Descent, config: &DescentConfig) -> Result<Descent, DescentRecordError> {
    let mut descent = config.build().expect("within bounds");
    descent.load_bytes(from.to_bytes().expect("it can be saved"), &Device::flex())?;
    Ok(descent)
}

#[test]
fn what_was_set_is_saved_and_may_be_set_again() {
    let vectors = Parameters::RankAtMost(1);
    let config = DescentConfig::new(AdamConfig::torch())
        .with_setting(Parameters::Rank(2), "beta_1", 0.8)
        .with_setting(vectors, "learning_rate", 2e-3);
    let (mut a, model) = after_three_steps(&config, &one(&[0.5, 1.0], DType::F32));
    a.set("learning_rate", 1.0 / 3.0).unwrap();
    a.set("beta_2", 0.9).unwrap();
    a.set_in_group(0, "beta_1", 0.7).unwrap();
    a.set_in_group(1, "learning_rate", 0.1).unwrap();
    let mut b = loaded(&a, &config).unwrap();
    for setting in ["learning_rate", "beta_1", "beta_2"] {
        assert_eq!(b.get(setting), a.get(setting), "{setting}");
        for group in [0, 1] {
            assert_eq!(
                b.get_in_group(group, setting),
                a.get_in_group(group, setting)
            );
        }
    }
    let next = values(&stepped(&mut a, model.clone(), 0.3));
    assert_eq!(values(&stepped(&mut b, model, 0.3)), next);
    b.set("learning_rate", 0.5).unwrap();
    assert_eq!(b.learning_rate(), 0.5);
    // Saved once more, the last change counts.
    assert_eq!(loaded(&b, &config).unwrap().learning_rate(), 0.5);
}

#[test]
fn a_setting_that_gives_the_memory_another_meaning_is_named() {
    let pairs: [(OptimizerConfig, OptimizerConfig, &str); 7] = [
        (
            AdamConfig::torch().into(),
            AdamConfig::torch().with_amsgrad(Amsgrad::Raw).into(),
            "amsgrad",
        ),
        (
            AdamConfig::torch().with_amsgrad(Amsgrad::Raw).into(),
            AdamConfig::torch().with_amsgrad(Amsgrad::Corrected).into(),
            "amsgrad",
        ),
        (
            RmsPropConfig::torch().into(),
            RmsPropConfig::torch().with_centered(true).into(),
            "centered",
        ),
        (
            RmsPropConfig::torch().with_momentum(0.9).into(),
            RmsPropConfig::keras().with_momentum(0.9).into(),
            "momentum_form",
        ),
        (
            ScheduleFreeConfig::sgd().into(),
            ScheduleFreeConfig::optax().into(),
            "step",
        ),
        (
            AdafactorConfig::default().into(),
            AdafactorConfig::default()
                .with_min_dim_size_to_factor(1e6)
                .into(),
            "min_dim_size_to_factor",
        ),
        (SgdConfig::torch().into(), AdamConfig::torch().into(), "sgd"),
    ];
    for (saved, here, named) in pairs {
        let (saved, here) = (DescentConfig::new(saved), DescentConfig::new(here));
        let (a, _) = after_three_steps(&saved, &one(&[0.5; 4], DType::F32));
        let error = loaded(&a, &here).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, DescentRecordError::Misfits(_)), "{text}");
        assert!(text.contains("`w`") && text.contains(named), "{text}");
        assert!(loaded(&a, &saved).is_ok());
    }
}

#[test]
fn adamw_is_adam_under_another_name() {
    let adam = AdamConfig::torch().with_weight_decay(crate::WeightDecay::Decoupled(0.01));
    let (a, _) = after_three_steps(&DescentConfig::new(adam.clone()), &one(&[0.5], DType::F32));
    let adamw = DescentConfig::new(AdamWConfig::torch());
    let b = loaded(&a, &adamw).unwrap();
    assert!(loaded(&b, &DescentConfig::new(adam)).is_ok());
}

#[test]
fn other_shapes_and_types_are_refused_by_name_for_every_optimizer() {
    for optimizer in OptimizerConfig::all() {
        let config = DescentConfig::new(optimizer).with_ema(0.9);
        let (a, model) = after_three_steps(&config, &one(&[0.5; 6], DType::F32));
        for (other, words) in [
            (
                one(&[0.5; 8], DType::F32),
                "`w` had the shape [6], and here has [8]",
            ),
            (
                one(&[0.5; 6], DType::F64),
                "the state of `w` is F32, and the parameter is F64",
            ),
        ] {
            let mut b = loaded(&a, &config).unwrap();
            let gradients = gradient(&other, 1.0);
            b.tell_loss(1.0);
            let failed = b.step(other.clone(), gradients).unwrap_err();
            assert!(failed.error.to_string().contains(words), "{}", failed.error);
            assert!(matches!(failed.error, StepError::Record(_)));
            assert_eq!(values(&failed.module), values(&other));
            // The right module goes on.
            let mut c = a.clone();
            let right = values(&stepped(&mut c, model.clone(), 1.0));
            assert_eq!(values(&stepped(&mut b, model.clone(), 1.0)), right);
            // What fits is loaded, here nothing.
            let mut d = config.build().unwrap();
            let bytes = a.to_bytes().unwrap();
            let misfits = d.load_bytes_for(bytes, &other, &Device::flex()).unwrap();
            assert_eq!(misfits.len(), 1);
            stepped(&mut d, other, 1.0);
        }
    }
}

#[test]
fn parameters_of_16_bits_take_over_states_of_f32() {
    let config = DescentConfig::new(AdamConfig::torch()).with_ema(0.9);
    let (a, _) = after_three_steps(&config, &one(&[0.5; 6], DType::F32));
    for dtype in [DType::F16, DType::BF16] {
        stepped(
            &mut loaded(&a, &config).unwrap(),
            one(&[0.5; 6], dtype),
            1.0,
        );
    }
}

#[test]
fn an_average_that_is_new_is_named_and_the_rest_can_be_taken() {
    let config = DescentConfig::new(AdamConfig::torch());
    let (mut a, model) = after_three_steps(&config, &one(&[0.5; 6], DType::F32));
    let averaged = config.with_ema(0.9);
    let error = loaded(&a, &averaged).unwrap_err().to_string();
    assert!(
        error.contains("the averages ``, and this descent has `ema`"),
        "{error}"
    );
    let mut b = averaged.build().unwrap();
    let misfits = b
        .load_bytes_for(a.to_bytes().unwrap(), &model, &Device::flex())
        .unwrap();
    assert!(matches!(misfits[..], [Misfit::Weights { .. }]));
    let right = values(&stepped(&mut a, model.clone(), 1.0));
    assert_eq!(values(&stepped(&mut b, model, 1.0)), right);
}

#[derive(Module, Debug)]
struct Two {
    a: Param<Tensor<1>>,
    b: Param<Tensor<1>>,
}

#[test]
fn a_parameter_that_was_frozen_begins_anew_and_the_others_go_on() {
    let zero = || one(&[0.0], DType::F64).w;
    let step = |descent: &mut Descent, model: Two| {
        let mut gradients = GradientsParams::new();
        for id in [model.a.id, model.b.id] {
            gradients.register(id, one(&[1.0], DType::F64).w.val());
        }
        descent.step(model, gradients).unwrap().0
    };
    let adam = DescentConfig::new(AdamConfig::torch());
    let frozen = adam.clone().with_frozen(Parameters::Path("b".into()));
    let mut a = frozen.build().unwrap();
    let mut model = Two {
        a: zero(),
        b: zero(),
    };
    for _ in 0..3 {
        model = step(&mut a, model);
    }
    let mut b = loaded(&a, &adam).unwrap();
    model = step(&mut b, model);
    for (param, right) in [(&model.a, -4e-3), (&model.b, -1e-3)] {
        let found = param.val().into_scalar::<f64>();
        assert!((found - right).abs() < 1e-9, "{found}");
    }
}

#[test]
fn a_later_format_is_refused_by_number() {
    let error = DescentRecordError::LaterFormat(7).to_string();
    assert!(
        error.contains("format 7") && error.contains("up to 2"),
        "{error}"
    );
}

#[test]
fn a_learner_refuses_a_memory_of_another_meaning() {
    let device = Device::flex().autodiff();
    let on_tape = Tensor::<1>::zeros([3], (&device, DType::F32));
    let model = One {
        w: Param::from_tensor(on_tape),
    };
    let plain = DescentConfig::new(AdamConfig::torch());
    let (mut a, _) = learner::optimizer(plain.build().unwrap());
    let gradients = gradient(&model, 1.0);
    let rate = || ModuleLearningRate::from(0.1);
    let model = learner::optimize(model, &mut a, rate(), gradients);
    let other = DescentConfig::new(AdamConfig::torch().with_amsgrad(Amsgrad::Raw));
    let (b, _) = learner::optimizer(other.build().unwrap());
    let mut b = b.load_record(a.to_record());
    let gradients = gradient(&model, 1.0);
    let failed = crate::module_optimizer::step(&mut b, rate(), model, gradients).unwrap_err();
    let text = failed.error.to_string();
    assert!(
        text.contains("`w`") && text.contains("amsgrad=Raw"),
        "{text}"
    );
}

#[test]
fn averages_counts_and_settings_are_there_right_after_a_learner_loads() {
    let swa = crate::Swa::default();
    let adam = || DescentConfig::new(AdamConfig::torch());
    for config in [
        adam().with_ema(0.5),
        adam().with_weights(swa),
        DescentConfig::new(ScheduleFreeConfig::optax()),
        DescentConfig::new(crate::AsgdConfig::torch().with_t0(1.0)),
    ] {
        let device = Device::flex().autodiff();
        let mut model = One {
            w: Param::from_tensor(Tensor::<1>::ones([2], &device)),
        };
        let rate = || ModuleLearningRate::from(0.1);
        let (mut before, handle) = learner::optimizer(config.build().unwrap());
        handle.set("weight_decay", 0.25).unwrap_or(());
        for number in [1.0, -0.5, 2.0, 0.25] {
            let gradients = gradient(
                &One {
                    w: model.w.clone().valid(),
                },
                number,
            );
            model = learner::optimize(model, &mut before, rate(), gradients);
        }
        let (fresh, loaded) = learner::optimizer(config.build().unwrap());
        // As the `Learner` loads it.
        let mut after = fresh.clone().load_record(before.to_record());
        drop(fresh);
        let right = values(&handle.averaged(model.clone()));
        assert_ne!(right, values(&model), "{config:?}");
        assert_eq!(values(&loaded.averaged(model.clone())), right, "{config:?}");
        assert_eq!(values(&loaded.averaged(model.valid())), right, "{config:?}");
        assert_eq!((loaded.steps(), handle.steps()), (4, 4));
        // The next step is that which would have come, changed settings included.
        let gradients = || {
            gradient(
                &One {
                    w: model.w.clone().valid(),
                },
                0.75,
            )
        };
        let right = learner::optimize(model.clone(), &mut before, rate(), gradients());
        let found = learner::optimize(model.clone(), &mut after, rate(), gradients());
        assert_eq!(values(&found), values(&right), "{config:?}");
        assert_eq!(
            values(&loaded.averaged(found)),
            values(&handle.averaged(right))
        );
    }
}
