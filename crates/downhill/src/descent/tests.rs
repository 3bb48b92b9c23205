//! Tests of whole descents: what is claimed of every optimizer.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Tensor};

use super::*;
use crate::SgdConfig;

#[derive(Module, Debug)]
struct One {
    w: Param<Tensor<1>>,
}

fn one(values: &[f64], dtype: DType) -> One {
    let values = Tensor::from_data(values, (&Device::flex(), dtype));
    One {
        w: Param::from_tensor(values),
    }
}

/// The same number for each element.
fn gradient(model: &One, number: f64) -> GradientsParams {
    let mut gradients = GradientsParams::new();
    let value = model.w.val();
    let gradient = Tensor::<1>::full(value.dims(), number, (&Device::flex(), value.dtype()));
    gradients.register(model.w.id, gradient);
    gradients
}

fn values(model: &One) -> Vec<f64> {
    model.w.val().into_data().iter::<f64>().collect()
}

fn stepped(descent: &mut Descent, model: One, number: f64) -> One {
    let gradients = gradient(&model, number);
    descent.step(model, gradients).expect("it fits").0
}

mod half_precision {
    use super::*;

    /// Gradients of this size whose sum is 0, as this type has them.
    fn gradients(size: f64, dtype: DType) -> Vec<f64> {
        values(&one(&[size, 0.5 * size, -size, -0.5 * size], dtype))
    }

    fn after(config: &DescentConfig, start: f64, g: &[f64], steps: usize, dtype: DType) -> f64 {
        let mut descent = config.build().expect("within bounds");
        let mut model = one(&[start; 3], dtype);
        for step in 0..steps {
            model = stepped(&mut descent, model, g[step % g.len()]);
        }
        values(&model)[0]
    }

    const SIZES: [f64; 8] = [1e-6, 1e-4, 1e-3, 0.1, 1.0, 300.0, 3e4, 6e4];

    /// Half the distance between neighbours at 1.
    fn resolution(dtype: DType) -> f64 {
        match dtype {
            DType::F16 => 0.5_f64.powi(11),
            _ => 0.5_f64.powi(8),
        }
    }

    #[test]
    fn every_optimizer_moves_as_in_f64_whatever_the_size_of_the_gradient() {
        let mut wrong = Vec::new();
        for optimizer in OptimizerConfig::all() {
            let name = optimizer.name();
            let config = DescentConfig::new(optimizer).with_master_weights(true);
            for dtype in [DType::F16, DType::BF16] {
                for g in SIZES {
                    let g = gradients(g, dtype);
                    let right = after(&config, 0.5, &g, 100, DType::F64);
                    let found = after(&config, 0.5, &g, 100, dtype);
                    // What is beyond the type is infinite in it.
                    let right = values(&one(&[right], dtype))[0];
                    let most = 2.0 * resolution(dtype) * right.abs() + 1e-6;
                    if found != right && ((found - right).abs() > most || found.is_nan()) {
                        wrong.push(format!("{name} {dtype:?} {g:?}: {found}, right {right}"));
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn a_gradient_of_zero_moves_nothing() {
        for optimizer in OptimizerConfig::all() {
            let config = DescentConfig::new(optimizer.clone()).with_master_weights(true);
            let right = after(&config, 1.0, &[0.0], 2, DType::F64);
            for dtype in [DType::F16, DType::BF16] {
                let found = after(&config, 1.0, &[0.0], 2, dtype);
                let near = (found - right).abs() < resolution(dtype);
                assert!(
                    near,
                    "{} {dtype:?}: {found}, right {right}",
                    optimizer.name()
                );
            }
        }
    }

    #[test]
    fn every_clip_bounds_gradients_whose_squares_overflow() {
        let sgd = DescentConfig::new(SgdConfig::torch().with_learning_rate(1.0));
        for (stage, right) in [
            (GradientStage::ClipNorm(1.0), -1.0),
            (GradientStage::ClipRms(1.0), -1.0),
            (GlobalNorm::new(1.0).into(), -1.0),
            (
                GlobalNorm::new(1.0).with_form(GlobalNormForm::Torch).into(),
                -1.0,
            ),
            (AdaptiveClip::new(1.0).with_min_norm(1.0).into(), -1.0),
        ] {
            let config = sgd.clone().with_gradients(stage.clone());
            for (dtype, g) in [
                (DType::F16, 300.0),
                (DType::F16, 6e4),
                (DType::BF16, 1e20),
                (DType::F32, 1e20),
                (DType::F64, 1e200),
            ] {
                let mut descent = config.build().unwrap();
                let moved = values(&stepped(&mut descent, one(&[0.0], dtype), g))[0];
                assert!((moved - right).abs() < 1e-3, "{stage:?} {dtype:?}: {moved}");
            }
        }
        // A long vector of ones: its norm is 316.2.
        for stage in [GradientStage::ClipNorm(1.0), GlobalNorm::new(1.0).into()] {
            let mut descent = sgd.clone().with_gradients(stage).build().unwrap();
            let model = one(&[0.0; 100_000], DType::F16);
            let moved = values(&stepped(&mut descent, model, 1.0))[0];
            assert!((moved + 0.003_162_3).abs() < 3e-6, "{moved}");
        }
    }

    #[test]
    fn a_bare_optimizer_remembers_in_f32_too() {
        for dtype in [DType::F16, DType::BF16] {
            for g in [300.0, 1e-4] {
                let mut optimizer = crate::AdamConfig::torch().init().unwrap();
                let device = Device::flex().autodiff();
                let start = Tensor::<1>::zeros([1], (&device, dtype));
                let mut model = One {
                    w: Param::from_tensor(start),
                };
                for _ in 0..10 {
                    let gradients = gradient(&model, g);
                    model = optimizer.step(0.1, model, gradients);
                }
                let moved = values(&model)[0];
                assert!((moved + 1.0).abs() < 0.01, "{dtype:?} {g}: {moved}");
            }
        }
    }

    #[test]
    fn sam_moves_by_its_radius() {
        for dtype in [DType::F16, DType::BF16] {
            for g in [300.0, 1e-4] {
                let model = one(&[0.0], dtype);
                let gradients = gradient(&model, g);
                let moved = values(
                    &crate::SamConfig::default()
                        .ascend(model, gradients)
                        .unwrap(),
                )[0];
                assert!((moved - 0.05).abs() < 2e-4, "{dtype:?} {g}: {moved}");
            }
        }
    }

    #[test]
    fn averages_and_accumulated_gradients_are_f32() {
        let config = DescentConfig::new(SgdConfig::torch().with_learning_rate(1.0));
        let mut descent = config.clone().with_accumulation(2).build().unwrap();
        let model = stepped(&mut descent, one(&[0.0], DType::F16), 32768.0);
        let model = stepped(&mut descent, model, 32768.0);
        assert_eq!(values(&model)[0], -32768.0);
        let mut descent = config
            .with_ema(0.999)
            .with_master_weights(true)
            .build()
            .unwrap();
        let mut model = one(&[1.0], DType::BF16);
        for _ in 0..100 {
            model = stepped(&mut descent, model, 0.01);
        }
        let averaged = descent.averaged(model);
        assert_eq!(averaged.w.val().dtype(), DType::BF16);
        // The mean of 0.99, 0.98, ... by its recursion.
        let (mut x, mut right) = (0.99, 0.99);
        for _ in 1..100 {
            x -= 0.01;
            right = 0.999 * right + 0.001 * x;
        }
        assert!((values(&averaged)[0] - right).abs() < 2e-3 * right);
    }
}

mod settings_changed_on_the_way {
    use super::*;
    use crate::schedule::Linear;
    use crate::{AdamConfig, Amsgrad, RmsPropConfig};

    fn assert_near(found: f64, right: f64) {
        assert!((found - right).abs() < 1e-8, "{found}, right {right}");
    }

    #[test]
    fn a_momentum_scheduled_from_zero_begins() {
        let warm = Linear::new(5).with_start_factor(0.0);
        let rms = RmsPropConfig::torch().with_momentum(0.9);
        let config = DescentConfig::new(rms).with_schedule("momentum", warm);
        // By hand: v 0.01, 0.0199; d 10, 7.08881; momentum 0, 0.18.
        for (steps, right) in [(2, -0.188_888_104), (10, -1.419_183_434)] {
            let mut descent = config.build().unwrap();
            let mut model = one(&[0.0], DType::F64);
            for _ in 0..steps {
                model = stepped(&mut descent, model, 1.0);
            }
            assert_near(values(&model)[0], right);
        }
    }

    #[test]
    fn a_momentum_set_after_a_step_begins_at_zero() {
        // torch: v 0.01, 0.0124, 0.0129010; d 10, -4.490133, 2.201041; momentum 0, d, 0.9 b + d.
        // keras: v 0.1, 0.115, 0.10975; the same.
        for (config, right) in [
            (RmsPropConfig::torch(), 0.963_302_103_181_625_6),
            (RmsPropConfig::keras(), 0.998_884_483_823_120_8),
        ] {
            let mut descent = DescentConfig::new(config).build().unwrap();
            let mut model = stepped(&mut descent, one(&[1.0], DType::F64), 1.0);
            descent.set("momentum", 0.9).unwrap();
            for g in [-0.5, 0.25] {
                model = stepped(&mut descent, model, g);
            }
            assert_near(values(&model)[0], right);
        }
    }

    #[test]
    fn a_bare_optimizer_begins_the_maximum_that_its_state_lacks() {
        // By a loop in Python; the maximum begins at the first step after loading.
        for (amsgrad, right) in [
            (Amsgrad::Raw, -0.007293082636921584),
            (Amsgrad::Corrected, -0.004770924316137935),
        ] {
            let device = Device::flex().autodiff();
            let start = Tensor::<1>::zeros([1], (&device, DType::F64));
            let mut model = One {
                w: Param::from_tensor(start),
            };
            let mut before = AdamConfig::torch().init().unwrap();
            for _ in 0..3 {
                let gradients = gradient(&model, 100.0);
                model = before.step(1e-3, model, gradients);
            }
            let start = values(&model)[0];
            let after = AdamConfig::torch().with_amsgrad(amsgrad).init().unwrap();
            let mut after = after.load_record(before.to_record());
            for _ in 0..50 {
                let gradients = gradient(&model, 0.01);
                model = after.step(1e-3, model, gradients);
            }
            let moved = values(&model)[0] - start;
            assert!(
                (moved - right).abs() < 1e-10,
                "{amsgrad:?}: {moved}, right {right}"
            );
        }
    }
}

mod numbers {
    use super::*;
    use crate::{
        DAdaptAdamConfig, Lbfgs, LbfgsConfig, LineSearch, ProdigyConfig, ScheduleFreeConfig,
    };
    use crate::{MomentumSchedule, NAdamConfig, RmsPropConfig};

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
        assert_eq!(descent.counts(), [2, 0, 0]);
        let (_, outcome) = descent.step_accumulated(model).unwrap();
        assert_eq!(outcome, StepOutcome::NoGradients);
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
}

mod saved_states {
    use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;

    use super::*;
    use crate::{
        AdafactorConfig, AdamConfig, AdamWConfig, Amsgrad, DescentRecordError, Misfit,
        RmsPropConfig, ScheduleFreeConfig, StepError, learner,
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
}

mod clones {
    use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
    use burn::optim::ModuleOptimizer;

    use super::*;
    use crate::{AdamConfig, learner};

    fn on_tape() -> One {
        let device = Device::flex().autodiff();
        One {
            w: Param::from_tensor(Tensor::<1>::zeros([3], (&device, DType::F64))),
        }
    }

    /// Steps by the gradient `w - 1`, and returns the values too.
    fn step(optimizer: &mut ModuleOptimizer, model: One) -> (One, Vec<f64>) {
        let mut gradients = GradientsParams::new();
        gradients.register(model.w.id, model.w.val().inner().sub_scalar(1.0));
        let model = learner::optimize(model, optimizer, ModuleLearningRate::from(0.1), gradients);
        let now = values(&model);
        (model, now)
    }

    fn after(optimizer: &mut ModuleOptimizer, mut model: One, steps: usize) -> Vec<f64> {
        for _ in 1..steps {
            model = step(optimizer, model).0;
        }
        step(optimizer, model).1
    }

    #[test]
    fn a_clone_of_a_wrapped_descent_steps_on_its_own() {
        let config = DescentConfig::new(AdamConfig::torch()).with_ema(0.9);
        // Cloned before its first step, and after three.
        for before in [0, 3] {
            let (mut a, handle) = learner::optimizer(config.build().unwrap());
            let mut model = on_tape();
            for _ in 0..before {
                model = step(&mut a, model).0;
            }
            let (mut b, mut c) = (a.clone(), a.clone());
            let mut alone = a.clone();
            let right = after(&mut alone, model.clone(), 6);
            let (mut model_a, mut model_b) = (model.clone(), model.clone());
            let mut last = (Vec::new(), Vec::new());
            for _ in 0..6 {
                let (next, now) = step(&mut b, model_b);
                (model_b, last.1) = (next, now);
                let (next, now) = step(&mut a, model_a);
                (model_a, last.0) = (next, now);
            }
            assert_eq!(last, (right.clone(), right.clone()), "{before}");
            assert_eq!(after(&mut c, model.clone(), 6), right);
            if before > 0 {
                // The handle belongs to the optimizer that it was made with.
                assert_eq!(handle.steps(), before as u64 + 6);
            }
            // Another module of the clone begins anew; so does a clone of a clone.
            let mut d = b.clone();
            assert_eq!(after(&mut d, model_b.clone(), 2), after(&mut b, model_b, 2));
        }
    }

    #[test]
    fn a_checkpoint_loaded_into_a_clone_leaves_the_original_as_it_was() {
        let config = DescentConfig::new(AdamConfig::torch());
        let (mut a, handle) = learner::optimizer(config.build().unwrap());
        let (model, _) = step(&mut a, on_tape());
        let saved = a.to_record();
        let (model_a, _) = step(&mut a, model.clone());
        let mut b = a.clone().load_record(saved);
        let (_, from_checkpoint) = step(&mut b, model);
        assert_eq!(from_checkpoint, values(&model_a));
        assert_eq!(handle.steps(), 2);
        let (_, next) = step(&mut a, model_a);
        assert_ne!(next, from_checkpoint);
        assert_eq!(handle.steps(), 3);
    }
}

mod bare_states {
    use burn::optim::ModuleOptimizer;

    use super::*;

    fn on_tape(shape: [usize; 2], dtype: DType) -> Two {
        let device = Device::flex().autodiff();
        Two {
            w: Param::from_tensor(Tensor::<2>::ones(shape, (&device, dtype)).mul_scalar(0.5)),
        }
    }

    #[derive(Module, Debug)]
    struct Two {
        w: Param<Tensor<2>>,
    }

    fn step(optimizer: &mut ModuleOptimizer, model: Two) -> Vec<f64> {
        let value = model.w.val().inner();
        let values = [1.0, -0.5, 0.25, 2.0, -1.0, 0.5, 1.0, 1.0];
        let elements = value.shape().num_elements();
        let gradient =
            Tensor::<1>::from_data(&values[..elements], (&Device::flex(), value.dtype()));
        let mut gradients = GradientsParams::new();
        gradients.register(model.w.id, gradient.reshape(value.dims()));
        let model = optimizer.step(0.1, model, gradients);
        model.w.val().into_data().iter::<f64>().collect()
    }

    #[test]
    fn the_state_of_another_optimizer_is_not_taken() {
        for saved in OptimizerConfig::all() {
            let mut a = saved.init().unwrap();
            let model = on_tape([3, 2], DType::F32);
            for _ in 0..3 {
                step(&mut a, model.clone());
            }
            for other in OptimizerConfig::all() {
                let mut fresh = other.init().unwrap();
                let mut b = other.init().unwrap().load_record(a.to_record());
                let names = (saved.name(), other.name());
                let right = match names {
                    // One optimizer under two names, with other settings.
                    ("adam", "adamw") | ("adamw", "adam") => continue,
                    (one, other) if one == other => step(&mut a.clone(), model.clone()),
                    _ => step(&mut fresh, model.clone()),
                };
                assert_eq!(step(&mut b, model.clone()), right, "{names:?}");
            }
        }
    }

    #[test]
    fn a_memory_of_another_shape_or_type_is_forgotten() {
        for optimizer in OptimizerConfig::all() {
            let mut a = optimizer.init().unwrap();
            let model = on_tape([3, 2], DType::F32);
            for _ in 0..3 {
                step(&mut a, model.clone());
            }
            for (shape, dtype) in [
                ([2, 3], DType::F32),
                ([4, 2], DType::F32),
                ([1, 3], DType::F32),
                ([3, 2], DType::F64),
            ] {
                let mut other = on_tape(shape, dtype);
                let id = model.w.id;
                other.w = Param::initialized(id, other.w.val());
                let mut b = optimizer.init().unwrap().load_record(a.to_record());
                let right = step(&mut optimizer.init().unwrap(), other.clone());
                assert_eq!(step(&mut b, other), right, "{} {shape:?}", optimizer.name());
            }
        }
    }
}

mod nothing_is_silent {
    use super::*;
    use crate::{AdamConfig, ProdigyConfig};

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
                assert_eq!(descent.counts(), [0; 3]);
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
}

mod settings_in_files {
    use super::*;
    use crate::Preset;

    #[test]
    fn every_preset_survives_json_to_the_bit() {
        let presets = [
            Preset::Book,
            Preset::Theano,
            Preset::Torch,
            Preset::Keras,
            Preset::Optax,
            Preset::Burn,
        ];
        for name in OptimizerConfig::all().iter().map(OptimizerConfig::name) {
            for preset in presets {
                let Some(Ok(config)) = OptimizerConfig::preset(name, preset) else {
                    continue;
                };
                let text = serde_json::to_string(&config).unwrap();
                let again: OptimizerConfig = serde_json::from_str(&text).unwrap();
                assert_eq!(again, config, "{text}");
            }
        }
    }
}
