//! Settings that change between steps.

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
