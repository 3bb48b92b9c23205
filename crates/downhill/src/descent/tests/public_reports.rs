//! Faults that users of other libraries reported, tried here. Each test names the report.

use super::*;
use crate::schedule::{Cosine, Joined, Linear, Step, WarmUp};
use crate::{
    AdafactorConfig, AdamConfig, AdamWConfig, LambConfig, LarsConfig, Lbfgs, LbfgsConfig,
    LineSearch, MuonConfig, MuonPreconditioning, Preset, SamConfig, Schedule, WeightDecay,
};

const TYPES: [DType; 4] = [DType::F16, DType::BF16, DType::F32, DType::F64];

#[derive(Module, Debug)]
struct Shaped<const D: usize> {
    w: Param<Tensor<D>>,
}

fn tensor<const D: usize>(numbers: &[f64], shape: [usize; D], dtype: DType) -> Tensor<D> {
    Tensor::<1>::from_data(numbers, (&Device::flex(), dtype)).reshape(shape)
}

fn shaped<const D: usize>(value: Tensor<D>) -> Shaped<D> {
    Shaped {
        w: Param::from_tensor(value),
    }
}

/// The values after steps by these gradients.
fn after<const D: usize>(
    config: &DescentConfig,
    start: Tensor<D>,
    gradients: &[Tensor<D>],
) -> Vec<f64> {
    let mut descent = config.build().expect("within bounds");
    let mut model = shaped(start);
    for gradient in gradients {
        let mut given = GradientsParams::new();
        given.register(model.w.id, gradient.clone());
        descent.tell_loss(1.0);
        model = descent.step(model, given).expect("it fits").0;
    }
    model.w.val().into_data().iter::<f64>().collect()
}

/// Every optimizer with every preset that it has.
fn presets() -> impl Iterator<Item = (String, OptimizerConfig)> {
    OptimizerConfig::all().into_iter().flat_map(|optimizer| {
        let name = optimizer.name();
        Preset::ALL.iter().filter_map(move |preset| {
            let config = OptimizerConfig::preset(name, *preset)?.ok()?;
            Some((format!("{name} of {preset:?}"), config))
        })
    })
}

/// pytorch/pytorch#191763: Fused SGD on CPU silently skips vectorized fp16 and bf16 parameter
/// updates in certain circumstances.
#[test]
fn every_element_is_stepped_whatever_the_length() {
    for optimizer in OptimizerConfig::all() {
        let name = optimizer.name();
        let optimizer = match optimizer {
            // Eigenvectors of equal elements need not have equal elements.
            OptimizerConfig::Shampoo(config) => config.with_max_precondition_dim(1).into(),
            other => other,
        };
        let config = DescentConfig::new(optimizer).with_master_weights(true);
        for dtype in TYPES {
            for length in [1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65, 1000] {
                let start = tensor(&vec![0.5; length], [length], dtype);
                let gradients = vec![tensor(&vec![1.0; length], [length], dtype); 40];
                let ends = after(&config, start, &gradients);
                let first = ends[0];
                assert!(
                    ends.iter().all(|x| *x == first),
                    "{name} {dtype:?} {length}"
                );
                // These two start at a millionth of the distance and take longer.
                let starts_late = ["dog", "dowg", "prodigy", "d-adapt-adam"].contains(&name);
                assert!(first < 0.5 || starts_late, "{name} {dtype:?} {length}");
            }
        }
    }
}

/// ultralytics/ultralytics#26013: Fix MuSGD crash with channels_last: use reshape for
/// non-contiguous grads.
#[test]
fn the_layout_of_a_parameter_and_its_gradient_changes_nothing() {
    let numbers = [0.5, -1.0, 0.25, 2.0, -0.75, 1.5];
    let slopes = [1.0, 0.5, -1.0, 0.25, 0.5, -0.5];
    let turned = |numbers: &[f64; 6], dtype| {
        let [a, b, c, d, e, f] = *numbers;
        tensor(&[a, d, b, e, c, f], [3, 2], dtype).transpose()
    };
    for (name, optimizer) in presets() {
        let config = DescentConfig::new(optimizer);
        for dtype in TYPES {
            let row_by_row = |numbers| tensor(numbers, [2, 3], dtype);
            let right = after(&config, row_by_row(&numbers), &vec![row_by_row(&slopes); 3]);
            for start in [row_by_row(&numbers), turned(&numbers, dtype)] {
                let found = after(&config, start, &vec![turned(&slopes, dtype); 3]);
                assert_eq!(found, right, "{name} {dtype:?}");
            }
        }
    }
}

/// microsoft/dion#24: Fix NaN in NorMuon when gradients are zero.
#[test]
fn zero_gradients_before_and_after_others_leave_all_numbers_finite() {
    for (name, optimizer) in presets() {
        let config = DescentConfig::new(optimizer);
        for dtype in TYPES {
            for numbers in [[0.0; 6], [0.5, -1.0, 0.25, 2.0, -0.75, 1.5]] {
                let start = tensor(&numbers, [2, 3], dtype);
                let zero = tensor(&[0.0; 6], [2, 3], dtype);
                let row = tensor(&[0.0, 0.0, 0.0, 1.0, 0.5, -1.0], [2, 3], dtype);
                let gradients = [&zero, &zero, &row, &zero, &row, &zero].map(Tensor::clone);
                let ends = after(&config, start, &gradients);
                let finite = ends.iter().all(|x| x.is_finite());
                assert!(finite, "{name} {dtype:?}: {ends:?}");
            }
        }
    }
}

/// ml-explore/mlx#3652: Fix Adafactor factored update for params with more than 2 dims.
#[test]
fn adafactor_steps_a_cube_as_a_stack_of_matrices() {
    let numbers = |from: usize, length: usize| -> Vec<f64> {
        (from..from + length)
            .map(|index| ((7 * index) % 11) as f64 / 4.0 - 1.125)
            .collect()
    };
    for preset in [
        AdafactorConfig::keras(),
        AdafactorConfig::torch(),
        AdafactorConfig::burn(),
        AdafactorConfig::optax().with_min_dim_size_to_factor(2.0),
    ] {
        // What looks at the whole parameter is turned off.
        let preset = preset.with_clipping_threshold(0.0);
        let config = DescentConfig::new(preset.with_multiply_by_parameter_scale(false));
        let cube = |from| tensor(&numbers(from, 24), [2, 3, 4], DType::F64);
        let whole = after(&config, cube(0), &[cube(5), cube(3)]);
        for part in [0, 12] {
            let matrix = |from: usize| tensor(&numbers(from + part, 12), [3, 4], DType::F64);
            let right = after(&config, matrix(0), &[matrix(5), matrix(3)]);
            for (found, right) in whole[part..].iter().zip(right) {
                assert!(
                    (found - right).abs() < 1e-14,
                    "{config:?}: {found}, {right}"
                );
            }
        }
    }
}

/// KellerJordan/Muon#54: optimizer applies weight decay to parameters even when their gradient is
/// None.
#[test]
fn a_parameter_without_a_gradient_does_not_decay() {
    #[derive(Module, Debug)]
    struct Two {
        a: Param<Tensor<2>>,
        b: Param<Tensor<2>>,
    }
    for (name, mut optimizer) in presets() {
        optimizer.set("weight_decay", 0.5);
        optimizer.set("inner_decay", 0.5);
        let device = Device::flex().autodiff();
        let value = || Tensor::from_data([[1.0_f32, 2.0], [3.0, 4.0]], &device);
        let value = || Param::from_tensor(value());
        let mut model = Two {
            a: value(),
            b: value(),
        };
        let mut descent = DescentConfig::new(optimizer.clone()).build().unwrap();
        let mut bare = optimizer.init().ok();
        for _ in 0..3 {
            let gradients = |model: &Two| {
                let mut gradients = GradientsParams::new();
                gradients.register(model.a.id, model.a.val().inner().ones_like());
                gradients
            };
            let given = gradients(&model);
            descent.tell_loss(1.0);
            model = descent.step(model, given).unwrap().0;
            let given = gradients(&model);
            if let Some(bare) = &mut bare {
                model = bare.step(0.1, model, given);
            }
        }
        let values =
            |param: &Param<Tensor<2>>| param.val().into_data().iter::<f32>().collect::<Vec<f32>>();
        assert_eq!(values(&model.b), [1.0, 2.0, 3.0, 4.0], "{name}");
        assert_ne!(values(&model.a), [1.0, 2.0, 3.0, 4.0], "{name}");
    }
}

/// NVIDIA-NeMo/Emerging-Optimizers#229: newton_schulz silently degenerates (non-orthogonal output)
/// for small-norm inputs due to F.normalize eps floor. With the epsilons of the libraries that
/// happens here as there; without, and with gradients whose squares overflow, the size of the
/// gradient must not matter.
#[test]
fn what_is_normalized_does_not_depend_on_the_size_of_the_gradient() {
    let muon = MuonConfig::torch()
        .with_epsilon(0.0)
        .with_learning_rate(0.5);
    let muon = muon.with_weight_decay(WeightDecay::None);
    let by = |preconditioning| muon.clone().with_preconditioning(preconditioning).into();
    let lars = LarsConfig::optax().with_learning_rate(100.0);
    let configs: [OptimizerConfig; 6] = [
        muon.clone().into(),
        by(MuonPreconditioning::Spectral),
        by(MuonPreconditioning::Aol),
        by(MuonPreconditioning::Schatten),
        (MuonConfig::keras().with_epsilon(0.0))
            .with_learning_rate(0.5)
            .into(),
        lars.with_weight_decay(WeightDecay::None).into(),
    ];
    let start = [0.5, -1.0, 0.25, 2.0, -0.75, 1.5];
    let slopes = [1.0, 0.5, -1.0, 0.25, 0.5, -0.5];
    for config in configs.map(DescentConfig::new) {
        for dtype in [DType::BF16, DType::F32] {
            let of = |size: f64| {
                let gradient = tensor(&slopes.map(|slope| size * slope), [2, 3], dtype);
                after(&config, tensor(&start, [2, 3], dtype), &[gradient])
            };
            let right = of(1.0);
            assert_ne!(right, start, "{config:?}");
            for power in [-90, 80] {
                let found = of(2.0_f64.powi(power));
                for (found, right) in found.iter().zip(&right) {
                    let near = (found - right).abs() <= 1e-6 * right.abs();
                    assert!(
                        near,
                        "{dtype:?} 2^{power}: {found}, not {right}, by {config:?}"
                    );
                }
            }
        }
    }
}

/// A row without gradients stays finite, however large the others are: a sibling of the report
/// above.
#[test]
fn a_row_of_zeros_is_no_nan() {
    for preconditioning in [
        MuonPreconditioning::Frobenius,
        MuonPreconditioning::Spectral,
        MuonPreconditioning::Aol,
        MuonPreconditioning::Schatten,
    ] {
        let muon = MuonConfig::optax().with_preconditioning(preconditioning);
        let config = DescentConfig::new(muon);
        for size in [1.0, 1e20, 1e-20] {
            let slopes = [1.0, 0.5, -1.0, 0.0, 0.0, 0.0].map(|slope| size * slope);
            let gradient = tensor(&slopes, [2, 3], DType::F32);
            let found = after(&config, tensor(&[1.0; 6], [2, 3], DType::F32), &[gradient]);
            assert!(
                found.iter().all(|number| number.is_finite()),
                "{preconditioning:?} {size}: {found:?}"
            );
        }
    }
}

/// The same of the parameter's size: a sibling of the report above.
#[test]
fn trust_ratios_of_large_parameters_are_not_infinite() {
    for optimizer in [
        OptimizerConfig::from(LarsConfig::optax()),
        LambConfig::optax().into(),
    ] {
        let config = DescentConfig::new(optimizer);
        let of = |dtype| {
            let start = tensor(&[1e20, -1e20], [2], dtype);
            after(&config, start, &[tensor(&[1.0, 2.0], [2], dtype)])
        };
        for (found, right) in of(DType::F32).iter().zip(of(DType::F64)) {
            assert!((found / right - 1.0).abs() < 1e-6, "{found}, not {right}");
        }
    }
}

/// pytorch/pytorch#185872: SequentialLR initializes with the wrong learning rate when milestones
/// contain 0 (due to off by one error). Such a milestone is refused.
#[test]
fn a_milestone_at_zero_is_refused() {
    let joined = Joined::new(Step::new(3)).then_at(0, Cosine::new(5));
    let config = DescentConfig::new(SgdConfig::torch()).with_schedule("learning_rate", joined);
    let Err(error) = config.build() else {
        panic!("it is not refused");
    };
    let error = error.to_string();
    assert!(
        error.contains("milestones must be at least 1, got 0"),
        "{error}"
    );
}

/// pytorch/pytorch#196243: SequentialLR changes the schedule of nested composite schedulers.
#[test]
fn a_schedule_around_another_changes_nothing() {
    let inner = || Joined::new(WarmUp::new(4)).then_at(6, Cosine::new(5));
    let around: [Schedule; 3] = [
        Joined::new(inner()).into(),
        Joined::new(Joined::new(inner())).into(),
        Schedule::Product(vec![inner().into(), Schedule::Constant]),
    ];
    for schedule in around {
        for step in 0..15 {
            let right = Schedule::from(inner()).value(0.1, step);
            assert_eq!(schedule.value(0.1, step), right, "{schedule:?} at {step}");
        }
    }
}

/// NVIDIA/Megatron-LM#7468: Fix stale weight decay after OptimizerParamScheduler.load_state_dict;
/// tracel-ai/burn#4617: Fix cosine scheduler record in composed scheduler. The first step after
/// loading is at the scheduled values.
#[test]
fn schedules_go_on_where_they_were_saved() {
    let rate = Joined::new(WarmUp::new(2)).then_at(3, Cosine::new(6));
    let decay = Linear::new(8).with_start_factor(1.0).with_end_factor(0.1);
    let adamw = AdamWConfig::torch().with_weight_decay(WeightDecay::Decoupled(0.5));
    let config = DescentConfig::new(adamw)
        .with_schedule("learning_rate", rate)
        .with_schedule("weight_decay", decay)
        .with_schedule("beta_1", Step::new(2));
    for cut in 1..8 {
        let mut descent = config.build().unwrap();
        let mut model = one(&[1.0, -2.0], DType::F64);
        for _ in 0..cut {
            model = stepped(&mut descent, model, 0.5);
        }
        let mut loaded = config.build().unwrap();
        let bytes = descent.to_bytes().unwrap();
        loaded.load_bytes(bytes, &Device::flex()).unwrap();
        for _ in 0..3 {
            let right = stepped(&mut descent, model.clone(), 0.25);
            model = stepped(&mut loaded, model, 0.25);
            assert_eq!(values(&model), values(&right), "cut at {cut}");
            for setting in ["learning_rate", "weight_decay", "beta_1"] {
                assert_eq!(loaded.get(setting), descent.get(setting), "cut at {cut}");
            }
        }
    }
}

/// tenstorrent/tt-metal#53212: AdamW::set_state_dict computes beta powers before restoring betas
/// (wrong bias correction on resume). The corrections are those of the beta that is set.
#[test]
fn the_bias_correction_is_that_of_the_beta_that_was_set() {
    let mut descent = DescentConfig::new(AdamConfig::torch().with_epsilon(0.0))
        .build()
        .unwrap();
    let mut model = stepped(&mut descent, one(&[0.0], DType::F64), 1.0);
    descent.set("beta_1", 0.5).unwrap();
    descent.set("beta_2", 0.75).unwrap();
    let bytes = descent.to_bytes().unwrap();
    let mut descent = DescentConfig::new(AdamConfig::torch().with_epsilon(0.0))
        .build()
        .unwrap();
    descent.load_bytes(bytes, &Device::flex()).unwrap();
    model = stepped(&mut descent, model, 2.0);
    // By PyTorch's formula: the moments of the first step, the powers of the new betas.
    let m = 0.5 * 0.1 + 0.5 * 2.0;
    let v: f64 = 0.75 * 0.001 + 0.25 * 4.0;
    let right = -1e-3 - 1e-3 * (m / (1.0 - 0.25)) / (v / (1.0 - 0.5625)).sqrt();
    let found = values(&model)[0];
    assert!((found - right).abs() < 1e-15, "{found}, not {right}");
}

/// meta-pytorch/torchrec#3891: Filter empty grads before clip_grad_norm_ with infinity norm.
#[test]
fn a_parameter_without_elements_is_stepped_and_clipped_in_every_type() {
    let stages = [
        GradientStage::ClipValue(0.5),
        GradientStage::ClipNorm(0.5),
        GradientStage::ClipRms(0.5),
        GlobalNorm::new(0.5).into(),
        AdaptiveClip::new(0.1).into(),
        GradientStage::Centralize(Units::Last),
    ];
    for optimizer in OptimizerConfig::all() {
        for dtype in TYPES {
            let mut config = DescentConfig::new(optimizer.clone())
                .with_master_weights(true)
                .with_ema(0.9);
            let none = || tensor(&[], [0], dtype);
            assert!(after(&config, none(), &[none(), none()]).is_empty());
            config.gradients = stages.to_vec();
            assert!(after(&config, none(), &[none(), none()]).is_empty());
        }
    }
    let empty = one(&[], DType::F32);
    let gradients = gradient(&empty, 1.0);
    let moved = SamConfig::default().ascend(empty, gradients).unwrap();
    assert!(values(&moved).is_empty());
}

/// pytorch/pytorch#91581: LBFGS wolfe exceeds the maximum allowed iterations. A line search ends
/// with the call's evaluations, which it may exceed by one.
#[test]
fn a_line_search_keeps_to_the_evaluations_of_its_call() {
    for most in 1..12 {
        let config = LbfgsConfig::default()
            .with_line_search(LineSearch::StrongWolfe)
            .with_learning_rate(1e-3)
            .with_max_evaluations(most);
        let mut lbfgs: Lbfgs = config.build().unwrap();
        let mut evaluations = 0;
        let _ = lbfgs.step(one(&[3.0, -1.5], DType::F64), |model| {
            evaluations += 1;
            let x = values(model);
            let loss = 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2);
            let of_y = 200.0 * (x[1] - x[0] * x[0]);
            let slopes = [-2.0 * x[0] * of_y - 2.0 * (1.0 - x[0]), of_y];
            let mut gradients = GradientsParams::new();
            gradients.register(model.w.id, one(&slopes, DType::F64).w.val());
            (loss, gradients)
        });
        assert!(evaluations <= most + 1, "{evaluations} of {most}");
    }
}
