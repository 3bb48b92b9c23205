//! Sophia, which is told the diagonal of the Hessian.

use burn::module::Param;
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Tensor};

use super::{gradient, one, values};
use crate::{AdamConfig, DescentConfig, NonFinite, SophiaConfig, WeightDecay};

fn sophia() -> SophiaConfig {
    SophiaConfig::optax()
        .with_learning_rate(1.0)
        .with_beta_1(0.0)
        .with_beta_2(0.5)
        .with_gamma(1.0)
        .with_clip_threshold(100.0)
        .with_weight_decay(WeightDecay::None)
}

/// The estimate is that of a later step also before the first, and a saved state has it.
#[test]
fn an_estimate_counts_from_the_next_step_on() {
    let config = DescentConfig::new(sophia());
    for dtype in [DType::F64, DType::F32, DType::F16] {
        let mut descent = config.build().unwrap();
        let mut model = one(&[8.0], dtype);
        // h = 2, and the step 2 / 2.
        descent
            .tell_hessian_diagonal(&model, gradient(&model, 4.0))
            .unwrap();
        model = descent
            .step(model.clone(), gradient(&model, 2.0))
            .unwrap()
            .0;
        assert_eq!(values(&model), [7.0]);
        // h = 1 + 3, and the step 2 / 4.
        descent
            .tell_hessian_diagonal(&model, gradient(&model, 6.0))
            .unwrap();
        let saved = descent.to_bytes().unwrap();
        let mut loaded = config.build().unwrap();
        loaded.load_bytes(saved, &Device::flex()).unwrap();
        for mut descent in [descent, loaded] {
            let model = descent
                .step(model.clone(), gradient(&model, 2.0))
                .unwrap()
                .0;
            assert_eq!(values(&model), [6.5]);
        }
    }
}

#[test]
fn what_cannot_be_taken_in_changes_nothing() {
    let model = one(&[8.0], DType::F32);
    let step = |config: DescentConfig, told: Option<f64>| {
        let mut descent = config.build().unwrap();
        if let Some(number) = told {
            descent
                .tell_hessian_diagonal(&model, gradient(&model, number))
                .unwrap();
        }
        values(
            &descent
                .step(model.clone(), gradient(&model, 2.0))
                .unwrap()
                .0,
        )
    };
    let skips = DescentConfig::new(sophia()).with_non_finite(NonFinite::Skip);
    assert_eq!(
        step(skips.clone(), Some(f64::NAN)),
        step(skips.clone(), None)
    );
    assert_ne!(step(skips.clone(), Some(4.0)), step(skips, None));
    let adam = DescentConfig::new(AdamConfig::torch());
    assert!(!adam.build().unwrap().uses_hessian_diagonal());
    assert_eq!(step(adam.clone(), Some(4.0)), step(adam, None));
}

/// A parameter that the estimate does not have keeps its mean.
#[test]
fn an_estimate_may_lack_parameters() {
    let model = one(&[8.0], DType::F32);
    let mut descent = DescentConfig::new(sophia()).build().unwrap();
    descent
        .tell_hessian_diagonal(&model, gradient(&model, 4.0))
        .unwrap();
    let mut other = GradientsParams::new();
    let stranger = Param::from_tensor(Tensor::<1>::ones([1], &Device::flex()));
    other.register(stranger.id, stranger.val());
    descent.tell_hessian_diagonal(&model, other).unwrap();
    let model = descent
        .step(model.clone(), gradient(&model, 2.0))
        .unwrap()
        .0;
    assert_eq!(values(&model), [7.0]);
}
