//! Parameters of type `f16` and `bf16`.

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
