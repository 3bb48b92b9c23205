//! A training loop in functions that take a `&mut ModuleOptimizer`.

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer, MultiGradientsParams};
use burn::tensor::Device;
use downhill::{AdamWConfig, DescentConfig, module_optimizer};

use crate::data::{Batch, Classifier, apart, sentences, weights};

const RATE: f64 = 0.02;
const BATCH: usize = 16;

/// One epoch. Returns the model and the losses.
fn train_epoch(
    mut model: Classifier,
    optimizer: &mut ModuleOptimizer,
    device: &Device,
) -> (Classifier, Vec<f64>) {
    let mut losses = Vec::new();
    for part in sentences(96).chunks(BATCH) {
        let loss = model.loss(&Batch::new(part, device));
        losses.push(loss.clone().into_scalar());
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = update(model, optimizer, gradients);
    }
    (model, losses)
}

/// The call that is replaced: Burn's was `optimizer.step(RATE, model, gradients)`.
fn update(
    model: Classifier,
    optimizer: &mut ModuleOptimizer,
    gradients: GradientsParams,
) -> Classifier {
    let stepped = module_optimizer::step(optimizer, RATE, model, gradients);
    stepped.expect("it fits").0
}

fn train(
    mut model: Classifier,
    optimizer: &mut ModuleOptimizer,
    epochs: usize,
) -> (Classifier, Vec<f64>) {
    let device = Device::flex().autodiff();
    let mut losses = Vec::new();
    for _ in 0..epochs {
        let (next, more) = train_epoch(model, optimizer, &device);
        model = next;
        losses.extend(more);
    }
    (model, losses)
}

fn burns() -> ModuleOptimizer {
    burn::optim::AdamWConfig::new().init()
}

fn config() -> DescentConfig {
    DescentConfig::new(AdamWConfig::burn())
}

fn wrapped(config: &DescentConfig) -> ModuleOptimizer {
    config
        .build()
        .expect("within bounds")
        .into_module_optimizer()
        .0
}

fn start() -> Classifier {
    Classifier::new(&Device::flex().autodiff())
}

#[test]
fn losses_are_those_of_burns_own_adamw() {
    let (_, right) = train(start(), &mut burns(), 4);
    assert!(right[right.len() - 1] < 0.8 * right[0], "it learns");
    let bare = AdamWConfig::burn().init().expect("within bounds");
    for (name, mut optimizer) in [("bare", bare), ("descent", wrapped(&config()))] {
        let (_, found) = train(start(), &mut optimizer, 4);
        let apart = apart(&found, &right);
        println!("{name}: losses differ by up to {apart:.1e}");
        assert!(apart < 1e-4, "{name}: {apart:e}");
    }
}

#[test]
fn saved_and_loaded_it_goes_on_with_the_same_bits() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("optimizer.bpk");
    let config = config().with_ema(0.9).with_accumulation(2);
    let mut optimizer = wrapped(&config);
    let (model, _) = train(start(), &mut optimizer, 2);
    optimizer.save(&file).expect("it can be saved");
    let mut resumed = wrapped(&config).load(&file).expect("it can be loaded");
    let right = train(model.clone(), &mut optimizer, 2);
    let found = train(model, &mut resumed, 2);
    assert_eq!(weights(&found.0), weights(&right.0));
    assert_eq!(found.1, right.1);
}

#[test]
fn a_clone_trains_on_its_own() {
    let mut optimizer = wrapped(&config());
    let (model, _) = train(start(), &mut optimizer, 1);
    let mut clone = optimizer.clone();
    let one = train(model.clone(), &mut optimizer, 2);
    let other = train(model, &mut clone, 2);
    assert_eq!(weights(&one.0), weights(&other.0));
}

#[test]
fn a_checkpoint_moves_over_from_burns_adamw() {
    let mut own = burns();
    let (model, _) = train(start(), &mut own, 2);
    let mut moved = wrapped(&config()).load_record(own.to_record());
    let (_, right) = train(model.clone(), &mut own, 2);
    let (_, found) = train(model.clone(), &mut moved, 2);
    let (_, fresh) = train(model, &mut burns(), 2);
    let apart_by = apart(&found, &right);
    println!("losses differ by up to {apart_by:.1e}");
    assert!(apart_by < 1e-4, "{apart_by:e}");
    assert!(apart(&fresh, &right) > 1e-2, "the state matters");
}

/// The devices that this build has, flex first.
fn devices() -> Vec<Device> {
    let devices = [
        Some(Device::flex()),
        #[cfg(feature = "ndarray")]
        #[allow(deprecated, reason = "one of the backends of this project")]
        Some(Device::ndarray()),
        #[cfg(not(feature = "ndarray"))]
        Some(Device::flex()),
    ];
    devices
        .into_iter()
        .flatten()
        .map(Device::autodiff)
        .collect()
}

#[test]
fn gradients_of_two_devices_are_added() {
    let devices = devices();
    let all = sentences(96);
    let parts: Vec<_> = all.chunks(BATCH).collect();
    let run = |step: &mut dyn FnMut(Classifier, MultiGradientsParams) -> Classifier| {
        let mut model = start();
        for pair in parts.chunks(2) {
            let mut gradients = MultiGradientsParams::default();
            for (part, device) in pair.iter().zip(&devices) {
                let copy = model.clone().fork(device);
                let loss = copy.loss(&Batch::new(part, device));
                let own = GradientsParams::from_grads(loss.backward(), &copy);
                gradients.grads.push((own, device.clone()));
            }
            model = step(model, gradients);
        }
        weights(&model)
    };
    let mut own = burns();
    let right = run(&mut |model, gradients| own.step_multi(RATE, model, gradients));
    let mut optimizer = wrapped(&config());
    let found = run(&mut |model, gradients| {
        let stepped = module_optimizer::step_multi(&mut optimizer, RATE, model, gradients);
        stepped.expect("it fits").0
    });
    let apart_by = apart(&found, &right);
    println!("weights differ by up to {apart_by:.1e}");
    assert!(apart_by < 2e-4, "{apart_by:e}");
    let mut descent = config().build().expect("within bounds");
    descent.set_learning_rate(RATE).expect("positive");
    let own = run(&mut |model, gradients| descent.step_multi(model, gradients).expect("it fits").0);
    assert_eq!(own, found);
}

/// The memory follows the module to another device.
#[test]
fn a_module_may_move_to_another_device() {
    let devices = devices();
    let config = config().with_ema(0.9).with_accumulation(2);
    let run = |moves: bool| {
        let mut optimizer = wrapped(&config);
        let mut model = start();
        for epoch in 0..4 {
            let device = &devices[if moves { epoch % 2 } else { 0 }];
            model = model.fork(device);
            model = train_epoch(model, &mut optimizer, device).0;
        }
        weights(&model)
    };
    let apart_by = apart(&run(true), &run(false));
    println!("weights differ by up to {apart_by:.1e}");
    assert!(apart_by < 2e-4, "{apart_by:e}");
}
