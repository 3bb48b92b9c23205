//! Every optimizer, and every way in which a saved state may not fit what it is loaded into.

use super::*;
use crate::{DescentRecordError, Misfit, Preset, StepError};

#[derive(Module, Debug)]
struct Both {
    matrix: Param<Tensor<2>>,
    vector: Param<Tensor<1>>,
}

/// The same with a field of another name.
#[derive(Module, Debug)]
struct Renamed {
    table: Param<Tensor<2>>,
    vector: Param<Tensor<1>>,
}

fn both(rows: usize, dtype: DType) -> Both {
    let options = (&Device::flex(), dtype);
    Both {
        matrix: Param::from_tensor(Tensor::<2>::ones([rows, 6 / rows], options).mul_scalar(0.5)),
        vector: Param::from_tensor(Tensor::<1>::ones([3], options)),
    }
}

fn gradients<const A: usize, const B: usize>(
    of: (&Param<Tensor<A>>, &Param<Tensor<B>>),
) -> GradientsParams {
    let mut gradients = GradientsParams::new();
    gradients.register(of.0.id, of.0.val().mul_scalar(0.25).add_scalar(0.1));
    gradients.register(of.1.id, of.1.val().mul_scalar(-0.5));
    gradients
}

fn next(descent: &mut Descent, model: &Both) -> Result<Vec<f64>, StepError> {
    let gradients = gradients((&model.matrix, &model.vector));
    descent.tell_loss(1.0);
    let (model, _) = descent.step(model.clone(), gradients)?;
    Ok(model.matrix.val().into_data().iter::<f64>().collect())
}

/// After three steps of this optimizer.
fn saved(optimizer: &OptimizerConfig) -> (Descent, Both) {
    let mut descent = DescentConfig::new(optimizer.clone())
        .build()
        .expect("within bounds");
    let mut model = both(3, DType::F32);
    for _ in 0..3 {
        let gradients = gradients((&model.matrix, &model.vector));
        descent.tell_loss(1.0);
        model = descent.step(model, gradients).expect("it fits").0;
    }
    (descent, model)
}

fn load(from: &Descent, config: &DescentConfig) -> Result<Descent, DescentRecordError> {
    let mut descent = config.build().expect("within bounds");
    descent.load_bytes(from.to_bytes().expect("it can be saved"), &Device::flex())?;
    Ok(descent)
}

fn misfits(error: StepError) -> Vec<Misfit> {
    match error {
        StepError::Record(DescentRecordError::Misfits(misfits)) => misfits,
        other => panic!("{other}"),
    }
}

#[test]
fn what_fits_goes_on_with_the_same_bits() {
    for optimizer in OptimizerConfig::all() {
        let (mut descent, model) = saved(&optimizer);
        let config = DescentConfig::new(optimizer.clone());
        // A group without another meaning of the memory, and another learning rate.
        let grouped = config
            .clone()
            .with_setting(Parameters::Rank(1), "learning_rate", 0.5);
        let right = next(&mut descent.clone(), &model).unwrap();
        // An estimate of all parameters of a group depends on the group.
        let estimates = descent.groups[0].rule.measures();
        for config in [&config, if estimates { &config } else { &grouped }] {
            let mut loaded = load(&descent, config).unwrap();
            assert_eq!(next(&mut loaded, &model).unwrap(), right, "{optimizer:?}");
        }
        // It is not changed by being saved.
        assert_eq!(next(&mut descent, &model).unwrap(), right);
    }
}

#[test]
fn settings_that_give_a_memory_another_meaning_are_named_with_both_paths() {
    let mut pairs = 0;
    for optimizer in OptimizerConfig::all() {
        let (descent, _) = saved(&optimizer);
        for &preset in Preset::ALL {
            let other = OptimizerConfig::preset(optimizer.name(), preset);
            let Some(Ok(other)) = other.filter(|other| {
                (other.as_ref()).is_ok_and(|other| other.form() != optimizer.form())
            }) else {
                continue;
            };
            let error = load(&descent, &DescentConfig::new(other)).unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, DescentRecordError::Misfits(_)), "{text}");
            assert!(
                text.contains("`matrix`") && text.contains("`vector`"),
                "{text}"
            );
            pairs += 1;
        }
    }
    assert!(pairs >= 15, "{pairs}");
}

#[test]
fn other_shapes_types_and_paths_are_refused_and_change_nothing() {
    for optimizer in OptimizerConfig::all() {
        let (descent, _) = saved(&optimizer);
        let config = DescentConfig::new(optimizer.clone());
        let remembers = |path: &str| descent.state_of(path).bytes() > 0;

        let mut loaded = load(&descent, &config).unwrap();
        let error = next(&mut loaded, &both(2, DType::F32)).unwrap_err();
        let expected = Misfit::Shape {
            path: "matrix".into(),
            saved: vec![3, 2],
            here: vec![2, 3],
        };
        assert_eq!(misfits(error), [expected], "{optimizer:?}");
        assert_eq!(loaded.steps(), 3);

        let wide = next(&mut loaded, &both(3, DType::F64));
        match remembers("matrix") || remembers("vector") {
            true => {
                let misfits = misfits(wide.unwrap_err());
                let is_type = |misfit: &Misfit| matches!(misfit, Misfit::Type { .. });
                assert!(misfits.iter().all(is_type), "{misfits:?}");
            }
            // Without a memory there is nothing of another type.
            false => assert!(wide.is_ok(), "{optimizer:?}"),
        }

        // A memory is `f32` for the types of 16 bits, too.
        let mut narrow = load(&descent, &config).unwrap();
        assert!(
            next(&mut narrow, &both(3, DType::F16)).is_ok(),
            "{optimizer:?}"
        );

        let model = both(3, DType::F32);
        let model = Renamed {
            table: model.matrix,
            vector: model.vector,
        };
        let mut loaded = load(&descent, &config).unwrap();
        let of = gradients((&model.table, &model.vector));
        loaded.tell_loss(1.0);
        let error = loaded.step(model, of).unwrap_err().error;
        let expected = Misfit::Path {
            path: "matrix".into(),
        };
        assert_eq!(misfits(error), [expected], "{optimizer:?}");
    }
}

#[test]
fn other_formats_are_refused_or_read() {
    use burn_pack::{Reader, Scalar, Writer};
    let rewritten = |descent: &Descent, format: Option<u64>, cut: bool| {
        let reader = Reader::from_bytes(descent.to_bytes().unwrap()).unwrap();
        let (metadata, scalars) = (reader.metadata().clone(), reader.scalars().clone());
        let mut tensors = reader.into_tensors().unwrap();
        let rule = &descent.groups[0].rule;
        let always = rule.tensors().iter().take(rule.always()).next();
        let of_rule = always.and_then(|name| {
            let end = alloc::format!(".rule.{name}");
            (tensors.iter()).position(|tensor| tensor.name.ends_with(&end))
        });
        if let (true, Some(first)) = (cut, of_rule) {
            tensors.remove(first);
        }
        let mut writer = Writer::new(tensors);
        for (name, value) in &metadata {
            writer = writer.with_metadata(name, value);
        }
        for (name, value) in &scalars {
            let value = match (name.as_str(), format) {
                ("descent.format", None) => continue,
                ("descent.format", Some(format)) => Scalar::from(format),
                _ => *value,
            };
            writer = writer.with_scalar(name, value);
        }
        writer.into_bytes().unwrap()
    };
    for optimizer in OptimizerConfig::all() {
        let (descent, model) = saved(&optimizer);
        let right = next(&mut descent.clone(), &model).unwrap();
        let config = DescentConfig::new(optimizer.clone());
        let load = |bytes| {
            let mut loaded = config.build().unwrap();
            loaded.load_bytes(bytes, &Device::flex())?;
            Ok::<_, DescentRecordError>(loaded)
        };
        let error = load(rewritten(&descent, Some(3), false)).unwrap_err();
        assert_eq!(error, DescentRecordError::LaterFormat(3));
        assert!(error.to_string().contains("reads up to 2"), "{error}");
        // The first format had no number.
        let mut first = load(rewritten(&descent, None, false)).unwrap();
        assert_eq!(next(&mut first, &model).unwrap(), right, "{optimizer:?}");
        // A tensor that each step of the optimizer leaves.
        if descent.groups[0].rule.always() > 0 {
            let error = load(rewritten(&descent, Some(2), true)).unwrap_err();
            let path = "matrix".to_string();
            assert_eq!(
                error,
                DescentRecordError::Incomplete { path },
                "{optimizer:?}"
            );
        }
    }
}

/// Without saving and loading.
#[test]
fn another_module_is_refused_and_changes_nothing() {
    for optimizer in OptimizerConfig::all() {
        let (mut descent, model) = saved(&optimizer);
        let right = next(&mut descent.clone(), &model).unwrap();
        let misfits = misfits(next(&mut descent, &both(2, DType::F32)).unwrap_err());
        assert!(matches!(misfits[..], [Misfit::Shape { .. }]), "{misfits:?}");
        if descent.state_of("matrix").bytes() > 0 {
            let misfits = self::misfits(next(&mut descent, &both(3, DType::F64)).unwrap_err());
            assert!(matches!(misfits[0], Misfit::Type { .. }), "{misfits:?}");
        }
        // A part of the module may be missing for a while.
        let part = One {
            w: Param::from_tensor(Tensor::ones([2], &Device::flex())),
        };
        let gradients = super::gradient(&part, 1.0);
        let mut other = descent.clone();
        other.tell_loss(1.0);
        assert!(other.step(part, gradients).is_ok());
        assert_eq!(next(&mut descent, &model).unwrap(), right, "{optimizer:?}");
    }
}
