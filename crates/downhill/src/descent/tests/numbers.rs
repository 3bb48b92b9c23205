//! Values by hand and by other programs.

use super::*;
use crate::{DAdaptAdamConfig, Lbfgs, LbfgsConfig, LineSearch, ProdigyConfig, ScheduleFreeConfig};
use crate::{MomentumSchedule, MomoAdamConfig, MomoConfig, NAdamConfig, RmsPropConfig};
use crate::{SoapConfig, StepMask, WeightDecay};

#[test]
fn the_variance_of_a_centered_rmsprop_is_not_below_zero() {
    for config in [
        RmsPropConfig::torch(),
        RmsPropConfig::optax(),
        RmsPropConfig::keras(),
    ] {
        for (bias_correction, rho) in [(false, config.rho), (false, 0.99), (true, 0.9)] {
            for (g, dtype) in [(10.0, DType::F32), (0.1, DType::F32), (10.0, DType::F64)] {
                let config = (config.clone().with_centered(true).with_rho(rho))
                    .with_bias_correction(bias_correction);
                let mut descent = DescentConfig::new(config).build().unwrap();
                let mut model = one(&[0.0; 9], dtype);
                for _ in 0..3500 {
                    model = stepped(&mut descent, model, g);
                }
                assert!(
                    values(&model).iter().all(|x| x.is_finite()),
                    "{g} {dtype:?}"
                );
            }
        }
    }
}

#[test]
fn the_variance_of_a_single_gradient_is_zero() {
    let config = (RmsPropConfig::optax()
        .with_centered(true)
        .with_epsilon(1e-4))
    .with_bias_correction(true);
    for dtype in [DType::F32, DType::F64] {
        let mut descent = DescentConfig::new(config.clone()).build().unwrap();
        let model = stepped(&mut descent, one(&[1.0], dtype), 122.524_742_126_464_84);
        let moved = values(&model)[0];
        assert!((moved + 11.252_474_212_646_485).abs() < 2e-6, "{moved}");
    }
}

/// x - ln x, which has no value at 0 and below. A change of the loss of 1e-9 ends a call, and
/// the loss is within 1e-10 of its minimum at 1e-5 from it.
#[test]
fn a_trial_point_outside_the_domain_bounds_the_step_of_lbfgs() {
    let config = LbfgsConfig::default().with_line_search(LineSearch::StrongWolfe);
    let mut lbfgs: Lbfgs = config.build().unwrap();
    let mut model = one(&[3.0], DType::F64);
    for _ in 0..5 {
        model = lbfgs
            .step(model, |model| {
                let x = values(model)[0];
                let loss = if x > 0.0 { x - x.ln() } else { f64::NAN };
                (loss, gradient(model, 1.0 - 1.0 / x))
            })
            .0;
    }
    assert!(
        (values(&model)[0] - 1.0).abs() < 2e-5,
        "{:?}",
        values(&model)
    );
}

#[test]
fn lbfgs_keeps_its_history_off_the_tape() {
    let six = |calls: usize, config: LbfgsConfig| {
        let mut lbfgs = config.build().unwrap();
        let mut model = one(&[0.0, 0.0], DType::F64);
        for _ in 0..calls {
            model = lbfgs
                .step(model, |model| {
                    let x = values(model);
                    let of = [2.0 * (x[0] - 1.0), 20.0 * (x[1] + 2.0)];
                    let mut gradients = GradientsParams::new();
                    gradients.register(model.w.id, one(&of, DType::F64).w.val());
                    (
                        (x[0] - 1.0).powi(2) + 10.0 * (x[1] + 2.0).powi(2),
                        gradients,
                    )
                })
                .0;
        }
        values(&model)
    };
    let once = LbfgsConfig::default()
        .with_max_iterations(1)
        .with_max_evaluations(100);
    for (calls, right) in [
        (2, [0.190_425_138_146_852_5, -2.004_047_874_309_266]),
        (6, [1.000_000_091_187_184_5, -2.000_000_760_047_475]),
    ] {
        for (found, right) in six(calls, once.clone()).into_iter().zip(right) {
            assert!((found - right).abs() < 1e-9, "{found}, right {right}");
        }
    }
}

#[test]
fn the_mean_of_schedule_free_survives_another_beta() {
    let config = (ScheduleFreeConfig::sgd().with_learning_rate(0.1)).with_rate_power(0.0);
    let mut descent = DescentConfig::new(config).build().unwrap();
    let mut model = one(&[0.0], DType::F64);
    let mut time = 0.0;
    let mut five = |descent: &mut Descent, mut model: One| {
        for _ in 0..5 {
            time += 1.0;
            model = stepped(descent, model, 1.0 / time);
        }
        model
    };
    model = five(&mut descent, model);
    descent.set("beta_1", 0.5).unwrap();
    let averaged = values(&descent.averaged(model.clone()))[0];
    assert!((averaged + 0.174).abs() < 1e-12, "{averaged}");
    model = five(&mut descent, model);
    let (y, averaged) = (values(&model)[0], values(&descent.averaged(model))[0]);
    assert!((y + 0.257_541_67).abs() < 1e-8, "{y}");
    assert!((averaged + 0.222_186_51).abs() < 1e-8, "{averaged}");
}

#[derive(Module, Debug)]
struct Pair {
    a: Param<Tensor<1>>,
    b: Param<Tensor<1>>,
}

#[test]
fn a_parameter_that_joins_or_pauses_has_the_estimate_of_its_group() {
    let configs: [(OptimizerConfig, f64); 2] = [
        (ProdigyConfig::optax().into(), -0.752),
        (DAdaptAdamConfig::optax().into(), -1.88),
    ];
    for (config, right) in configs {
        for first in [None, Some(0.0)] {
            let mut descent = DescentConfig::new(config.clone()).build().unwrap();
            let mut model = Pair {
                a: one(&[0.0; 4], DType::F64).w,
                b: one(&[0.0; 4], DType::F64).w,
            };
            for step in 0..301 {
                let mut gradients = GradientsParams::new();
                gradients.register(model.a.id, model.a.val().sub_scalar(1.0));
                let of_b = match step {
                    0 => first,
                    300 => Some(1.0),
                    _ => None,
                };
                if let Some(of_b) = of_b {
                    gradients.register(model.b.id, model.b.val().full_like(of_b));
                }
                model = descent.step(model, gradients).unwrap().0;
            }
            let moved = model.b.val().into_data().iter::<f64>().next().unwrap();
            let ratio = moved / right;
            assert!(
                (0.1..10.0).contains(&ratio),
                "{config:?}: {moved}, with all {right}"
            );
        }
    }
}

#[test]
fn a_group_goes_on_with_its_numbers_while_a_parameter_with_more_steps_pauses() {
    for config in [
        OptimizerConfig::from(MomoConfig::optax().with_beta(0.5)),
        MomoAdamConfig::optax().with_beta_1(0.5).into(),
    ] {
        let starts_at_0 = matches!(config, OptimizerConfig::MomoAdam(_));
        let mut descent = DescentConfig::new(config).build().unwrap();
        let mut model = Pair {
            a: one(&[1.0], DType::F64).w,
            b: one(&[1.0], DType::F64).w,
        };
        let mut mean = if starts_at_0 { 0.0 } else { 8.0 };
        for step in 0..8_u32 {
            let mut gradients = GradientsParams::new();
            let of_both = step < 4 || step == 7;
            if of_both {
                gradients.register(model.a.id, model.a.val());
            }
            if step > 0 {
                gradients.register(model.b.id, model.b.val());
            }
            let loss = 8.0 - f64::from(step);
            mean = 0.5 * mean + 0.5 * loss;
            descent.tell_loss(loss);
            model = descent.step(model, gradients).unwrap().0;
            for path in ["a", "b"] {
                if let Some(state) = descent.state.get(path) {
                    assert_eq!(state.rule.number("loss"), Some(mean), "{step} {path}");
                }
            }
        }
    }
}

#[test]
fn a_masked_first_step_of_soap_moves_nothing() {
    let config = SoapConfig::pytorch_optimizer().with_weight_decay(WeightDecay::Decoupled(0.5));
    let config = DescentConfig::new(config).with_mask(StepMask::Cautious);
    let mut descent = config.build().unwrap();
    let model = stepped(&mut descent, one(&[1.0, -2.0], DType::F64), 0.5);
    assert_eq!(values(&model), [1.0, -2.0]);
    assert_ne!(values(&stepped(&mut descent, model, 0.5)), [1.0, -2.0]);
}

#[test]
fn what_is_accumulated_at_the_end_of_an_epoch_can_be_stepped() {
    let sgd = SgdConfig::torch().with_learning_rate(1.0);
    let config = DescentConfig::new(sgd).with_accumulation(4);
    let mut descent = config.build().unwrap();
    let mut model = one(&[0.0], DType::F64);
    for g in [1.0, 1.0, 1.0, 1.0, 2.0, 4.0] {
        model = stepped(&mut descent, model, g);
    }
    let (model, outcome) = descent.step_accumulated(model).unwrap();
    assert_eq!((values(&model)[0], outcome), (-4.0, StepOutcome::Stepped));
    assert_eq!(descent.counts(), [2, 0, 0, 0, 0]);
    let (model, outcome) = descent.step_accumulated(model).unwrap();
    assert_eq!(outcome, StepOutcome::NoGradients);
    // A single gradient.
    let model = stepped(&mut descent, model, 3.0);
    let (model, _) = descent.step_accumulated(model).unwrap();
    assert_eq!(
        (values(&model)[0], descent.counts()),
        (-7.0, [3, 0, 0, 0, 0])
    );
}

#[test]
fn a_momentum_of_nadam_may_rise_at_speed_zero() {
    let of = |speed| {
        let schedule = MomentumSchedule::Rising(speed);
        let config = NAdamConfig::torch().with_momentum_schedule(schedule);
        let mut descent = DescentConfig::new(config).build().unwrap();
        values(&stepped(&mut descent, one(&[1.0], DType::F64), 0.5))[0]
    };
    assert_eq!(of(0.0), of(1e-300));
}

/// A step takes 1e-8 of the parameter off, less than half the resolution of `f32`: optax's AdamW at
/// rate 1e-4. Decayed apart from the step, as in PyTorch and Keras, the parameter stays.
#[test]
fn a_decay_below_the_resolution_of_the_type_is_not_lost() {
    for name in [
        "momentum", "rmsprop", "adamw", "nadam", "yogi", "novograd", "lars", "lamb", "sm3",
    ] {
        let moved = |lambda: f64, dtype: DType| {
            let decay = format!(r#""weight_decay": {{ "decoupled": {lambda} }}"#);
            let written = format!(r#"{{ "{name}": {{ "learning_rate": 1e-4, {decay} }} }}"#);
            let optimizer: OptimizerConfig = serde_json::from_str(&written).unwrap();
            let mut descent = DescentConfig::new(optimizer).build().unwrap();
            let start: Vec<f64> = (0..50)
                .map(|index| 0.6 + 0.007 * f64::from(index))
                .collect();
            let mut model = one(&start, dtype);
            for step in 0..3_000 {
                let noise = f64::from((7919 * step) % 1009) / 504.0 - 1.0;
                model = stepped(&mut descent, model, noise);
            }
            values(&model).iter().sum::<f64>()
        };
        let decayed = |dtype| moved(1e-4, dtype) - moved(0.0, dtype);
        let (found, right) = (decayed(DType::F32), decayed(DType::F64));
        // The rounding of three thousand steps adds up to some percent of it.
        let near = (found - right).abs() < 0.2 * right.abs();
        assert!(near, "{name}: {found}, right {right}");
    }
}

#[test]
fn each_average_is_read_by_its_name() {
    let config = DescentConfig::new(SgdConfig::torch().with_learning_rate(1.0));
    let slow = Lookahead::new(2, 0.5);
    let config = config.with_ema(0.5).with_weights(slow);
    let mut descent = config.build().unwrap();
    let mut model = one(&[0.0], DType::F64);
    for _ in 0..2 {
        model = stepped(&mut descent, model, -1.0);
    }
    // x = 1, then 2, which lookahead makes 1; the EMA has seen 1 and 2.
    let by = |name| values(&descent.averaged_by(name, model.clone()).unwrap())[0];
    assert_eq!((by("lookahead"), by("ema")), (1.0, 1.5));
    assert_eq!(values(&descent.averaged(model.clone())), [1.0]);
    assert!(descent.averaged_by("swa", model).is_err());
}
