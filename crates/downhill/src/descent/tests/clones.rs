//! Clones of a wrapped descent.

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
        // A clone of a clone steps on its own, too.
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
