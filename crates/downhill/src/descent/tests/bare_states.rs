//! States of optimizers without a descent.

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
    let gradient = Tensor::<1>::from_data(&values[..elements], (&Device::flex(), value.dtype()));
    let mut gradients = GradientsParams::new();
    gradients.register(model.w.id, gradient.reshape(value.dims()));
    let model = optimizer.step(0.1, model, gradients);
    model.w.val().into_data().iter::<f64>().collect()
}

/// All but those that need the loss, which only a descent is told.
fn all() -> impl Iterator<Item = OptimizerConfig> {
    let all = OptimizerConfig::all().into_iter();
    all.filter(|config| !config.rule().expect("within bounds").needs_loss())
}

#[test]
fn what_needs_the_loss_is_no_optimizer_by_itself() {
    let refused = OptimizerConfig::all();
    let refused = (refused.iter()).filter_map(|it| Some((it.name(), it.init().err()?.to_string())));
    let message = "loss must be told in each step, which only a `Descent` can be, got NaN";
    let refused: Vec<&str> = refused
        .inspect(|(name, error)| assert!(error.starts_with(message), "{name}: {error}"))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(refused, ["polyak-sgd", "momo", "momo-adam"]);
}

#[test]
fn the_state_of_another_optimizer_is_not_taken() {
    for saved in all() {
        let mut a = saved.init().unwrap();
        let model = on_tape([3, 2], DType::F32);
        for _ in 0..3 {
            step(&mut a, model.clone());
        }
        for other in all() {
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
    for optimizer in all() {
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
