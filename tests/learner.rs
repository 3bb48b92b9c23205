//! A descent inside a `Learner`'s optimizer, through checkpoints of parameters that come and go.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::module::Module;
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::optim::{GradientsParams, ModuleOptimizer, OptimizerRecord};
use burn::tensor::{Device, Tensor};
use downhill::learner::{self, Handle};
use downhill::module_optimizer;
use downhill::schedule::{Cosine, Linear as Ramp};
use downhill::{
    AdamConfig, DescentConfig, MomentumConfig, Schedule, SophiaConfig, StepError, StepOutcome,
};

#[derive(Module, Debug)]
struct Two {
    a: Linear,
    b: Linear,
}

/// Which of the two has a gradient.
#[derive(Clone, Copy)]
enum Of {
    A,
    B,
    Both,
}

fn two() -> Two {
    let device = Device::flex().autodiff();
    let linear = || {
        LinearConfig::new(2, 1)
            .with_bias(false)
            .with_initializer(Initializer::Ones)
            .init(&device)
    };
    Two {
        a: linear(),
        b: linear(),
    }
}

fn adam() -> DescentConfig {
    DescentConfig::new(AdamConfig::torch().with_learning_rate(0.1)).with_ema(0.5)
}

fn wrapped(config: &DescentConfig) -> (ModuleOptimizer, Handle) {
    learner::optimizer(config.clone().build().expect("the config is valid"))
}

fn step(module: Two, optimizer: &mut ModuleOptimizer, of: Of) -> Two {
    let input = Tensor::<2>::ones([1, 2], &Device::flex().autodiff());
    let a = module.a.forward(input.clone()).square().mean();
    let b = module.b.forward(input).square().mean();
    let loss = match of {
        Of::A => a,
        Of::B => b,
        Of::Both => a + b,
    };
    let gradients = GradientsParams::from_grads(loss.backward(), &module);
    learner::optimize(module, optimizer, ModuleLearningRate::from(0.1), gradients)
}

fn weights(module: &Two) -> Vec<f32> {
    let values = |linear: &Linear| linear.weight.val().into_data().try_to_vec::<f32>();
    let all = [values(&module.a), values(&module.b)];
    all.map(|values| values.expect("f32")).concat()
}

#[test]
fn what_is_cut_anywhere_goes_on_bit_for_bit() {
    let config = adam().with_schedule("learning_rate", Schedule::Cosine(Cosine::new(9)));
    let steps = [
        Of::Both,
        Of::A,
        Of::B,
        Of::Both,
        Of::A,
        Of::A,
        Of::B,
        Of::Both,
        Of::Both,
    ];
    let folder = tempfile::tempdir().expect("a temporary directory");
    let train = |cuts: &[usize]| {
        let (mut optimizer, mut handle) = wrapped(&config);
        let mut module = two();
        for (at, of) in steps.into_iter().enumerate() {
            let cut = cuts.contains(&at);
            let file = folder.path().join("optimizer.bpk");
            if cut {
                optimizer.save(&file).expect("it can be saved");
                let (other, its_handle) = wrapped(&config);
                optimizer = other.load(&file).expect("it can be loaded");
                handle = its_handle;
            }
            module = step(module, &mut optimizer, of);
            if cut {
                // As a `Learner` does with checkpoints that it no longer keeps.
                std::fs::remove_file(file).expect("it is there");
            }
        }
        let averaged = handle.averaged(module.clone());
        (handle.steps(), weights(&module), weights(&averaged))
    };
    let straight = train(&[]);
    assert_eq!(straight.0, 9);
    assert_ne!(straight.1, straight.2);
    for cut in 1..8 {
        assert_eq!(train(&[cut, 8]), straight, "cut at {cut}");
    }
}

#[test]
fn what_comes_in_later_does_not_turn_the_count_back() {
    let (mut optimizer, handle) = wrapped(&adam());
    let mut module = two();
    for of in [Of::Both, Of::Both, Of::A] {
        module = step(module, &mut optimizer, of);
    }
    assert_eq!(handle.steps(), 3);
    let (other, handle) = wrapped(&adam());
    let saved = optimizer.into_bytes().expect("it can be saved");
    let mut optimizer = other.from_bytes(saved).expect("it can be loaded");
    for (of, steps) in [(Of::A, 4), (Of::Both, 5), (Of::B, 6)] {
        module = step(module, &mut optimizer, of);
        assert_eq!(handle.steps(), steps);
    }
}

#[test]
fn a_loaded_checkpoint_turns_a_running_one_back() {
    let (mut optimizer, handle) = wrapped(&adam());
    let mut module = step(two(), &mut optimizer, Of::A);
    let saved = optimizer.into_bytes().expect("it can be saved");
    for _ in 0..3 {
        module = step(module, &mut optimizer, Of::Both);
    }
    let mut optimizer = optimizer.from_bytes(saved).expect("it can be loaded");
    step(module, &mut optimizer, Of::Both);
    assert_eq!(handle.steps(), 2);
}

#[test]
fn a_checkpoint_outlives_its_file() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("optimizer.bpk");
    let (mut optimizer, _) = wrapped(&adam());
    let module = step(two(), &mut optimizer, Of::Both);
    optimizer.save(&file).expect("it can be saved");
    let (other, handle) = wrapped(&adam());
    let record = OptimizerRecord::load(&file).expect("it can be loaded");
    let mut optimizer = other.load_record(record);
    let module = step(module, &mut optimizer, Of::A);
    std::fs::remove_file(&file).expect("it is there");
    optimizer.into_bytes().expect("it can be saved again");
    step(module, &mut optimizer, Of::B);
    assert_eq!(handle.steps(), 3);
}

#[test]
fn a_checkpoint_of_another_optimizer_is_refused() {
    let (mut optimizer, _) = wrapped(&DescentConfig::new(MomentumConfig::torch()));
    let module = step(two(), &mut optimizer, Of::Both);
    let saved = optimizer.into_bytes().expect("it can be saved");
    let (other, _) = wrapped(&adam());
    let mut optimizer = other.from_bytes(saved).expect("it can be read");
    let refused = catch_unwind(AssertUnwindSafe(|| step(module, &mut optimizer, Of::Both)))
        .expect_err("Adam cannot go on from momentum");
    let message = refused.downcast_ref::<String>().expect("a message");
    assert!(message.contains("was stepped by `momentum"), "{message}");
    assert!(message.contains("here is stepped by `adam"), "{message}");
}

#[test]
fn what_was_refused_can_be_seen() {
    let mut ramp = Ramp::new(3);
    (ramp.start_factor, ramp.end_factor) = (1.0, 2.0);
    let (mut optimizer, handle) = wrapped(&adam().with_schedule("beta_1", Schedule::Linear(ramp)));
    assert_eq!(handle.last_outcome(), None);
    let mut module = step(two(), &mut optimizer, Of::Both);
    assert_eq!(handle.last_outcome(), Some(Ok(StepOutcome::Stepped)));
    for _ in 0..3 {
        module = step(module, &mut optimizer, Of::Both);
    }
    let last = handle.last_outcome();
    let is_refused = matches!(last, Some(Err(StepError::OutOfBounds { step: 2, .. })));
    assert!(is_refused, "{last:?}");
}

/// Code that asks for a `ModuleOptimizer` steps a descent as a descent steps, and any other as Burn
/// steps it.
#[test]
fn a_function_of_a_module_optimizer_takes_a_descent() {
    fn train(mut module: Two, optimizer: &mut ModuleOptimizer, rates: &[f64]) -> Two {
        for rate in rates {
            let gradients = of_both(&module);
            let stepped = module_optimizer::step(optimizer, *rate, module, gradients);
            module = stepped.expect("within bounds").0;
        }
        module
    }
    fn of_both(module: &Two) -> GradientsParams {
        let input = Tensor::<2>::ones([1, 2], &Device::flex().autodiff());
        let a = module.a.forward(input.clone()).square().mean();
        let b = module.b.forward(input).square().mean();
        GradientsParams::from_grads((a + b).backward(), module)
    }
    let rates = [0.1, 0.05, 0.02, 0.0];
    let config = adam().with_max_global_norm(0.5);
    let mut plain = config.build().expect("the config is valid");
    let mut expected = two();
    for rate in rates {
        let gradients = of_both(&expected);
        let stepped = plain.step_at(rate, expected, gradients);
        expected = stepped.expect("within bounds").0;
    }
    let (mut optimizer, handle) = wrapped(&config);
    let module = train(two(), &mut optimizer, &rates);
    assert_eq!(weights(&module), weights(&expected));
    assert_eq!(handle.steps(), 4);
    let averaged = [handle.averaged(module), plain.averaged(expected)];
    assert_eq!(weights(&averaged[0]), weights(&averaged[1]));

    let burns = || burn::optim::AdamConfig::new().init();
    let mut expected = two();
    let mut optimizer = burns();
    for rate in rates {
        let gradients = of_both(&expected);
        expected = optimizer.step(rate, expected, gradients);
    }
    assert_eq!(
        weights(&train(two(), &mut burns(), &rates)),
        weights(&expected)
    );
}

/// Before its next step, and for this one alone.
#[test]
fn a_wrapped_descent_is_told_the_diagonal_of_the_hessian() {
    let diagonal = |module: &Two| {
        let mut diagonal = GradientsParams::new();
        let weight = module.a.weight.val().inner();
        diagonal.register(module.a.weight.id, weight.ones_like().mul_scalar(3e6));
        diagonal
    };
    let config = DescentConfig::new(SophiaConfig::optax());
    let mut plain = config.build().expect("the config is valid");
    let (mut optimizer, handle) = wrapped(&config);
    let (mut expected, mut module) = (two(), two());
    let mut untold = two();
    let (mut other, _) = wrapped(&config);
    for index in 0..4 {
        if index == 1 {
            let told = plain.tell_hessian_diagonal(&expected, diagonal(&expected));
            told.expect("the module fits");
            handle.tell_hessian_diagonal(diagonal(&module));
        }
        let input = Tensor::<2>::ones([1, 2], &Device::flex().autodiff());
        let a = expected.a.forward(input.clone()).square().mean();
        let loss = a + expected.b.forward(input).square().mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &expected);
        let stepped = plain.step_at(0.1, expected, gradients);
        expected = stepped.expect("within bounds").0;
        module = step(module, &mut optimizer, Of::Both);
        untold = step(untold, &mut other, Of::Both);
        assert_eq!(weights(&module), weights(&expected), "step {index}");
    }
    assert_ne!(weights(&module)[..2], weights(&untold)[..2]);
    assert_eq!(weights(&module)[2..], weights(&untold)[2..]);
}

#[test]
fn a_plain_step_of_a_wrapped_descent_says_which_call_is_meant() {
    let (mut optimizer, _) = wrapped(&adam());
    let module = two();
    let input = Tensor::<2>::ones([1, 2], &Device::flex().autodiff());
    let loss = module.a.forward(input).square().mean();
    let gradients = GradientsParams::from_grads(loss.backward(), &module);
    let panic = catch_unwind(AssertUnwindSafe(|| optimizer.step(0.1, module, gradients)))
        .expect_err("a descent is not stepped one parameter at a time");
    let message = (panic.downcast_ref::<String>().cloned())
        .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
        .expect("a message");
    assert!(
        message.contains("downhill::module_optimizer::step("),
        "{message}"
    );
    assert!(message.contains("downhill::learner::optimize"), "{message}");
}

/// In a loop of one's own, the state of another descent is an error, at every step until it is
/// gone.
#[test]
fn a_state_of_another_optimizer_is_an_error_in_a_loop() {
    let (mut optimizer, _) = wrapped(&DescentConfig::new(MomentumConfig::torch()));
    let module = step(two(), &mut optimizer, Of::Both);
    let saved = optimizer.into_bytes().expect("it can be saved");
    let (mut own, _) = wrapped(&adam());
    step(two(), &mut own, Of::Both);
    let own = own.into_bytes().expect("it can be saved");
    let (other, handle) = wrapped(&adam());
    let mut optimizer = other.from_bytes(saved).expect("it can be read");
    let mut again = module;
    for _ in 0..2 {
        let before = weights(&again);
        let mut gradients = GradientsParams::new();
        gradients.register::<2>(again.a.weight.id, again.a.weight.val().inner());
        let failed = module_optimizer::step(&mut optimizer, 0.1, again, gradients);
        let failed = failed.expect_err("Adam cannot go on from momentum");
        assert!(matches!(failed.error, StepError::Record(_)), "{failed}");
        assert_eq!(handle.last_outcome(), Some(Err(failed.error)));
        again = failed.module;
        assert_eq!(weights(&again), before);
    }
    let mut optimizer = optimizer.from_bytes(own).expect("it can be read");
    step(again, &mut optimizer, Of::Both);
    assert_eq!(handle.last_outcome(), Some(Ok(StepOutcome::Stepped)));
}
