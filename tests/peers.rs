//! The cases of other libraries as configs of ours: by their calls, and what a call does not say.

use downhill::schedule::WarmUp;
use downhill::{
    DescentConfig, Ema, EmaStart, GlobalNorm, GlobalNormForm, MuonScale, NonFinite,
    OptimizerConfig, OutputAxis, Parameters, Schedule, Swa, WeightStage,
};
use serde_json::{Map, Value, json};

use crate::reference::Case;

/// A case that this library does not follow, and why.
pub(crate) struct NotCovered(pub(crate) String);

/// The config that must go the way of a case.
pub(crate) fn config(case: &Case) -> Result<DescentConfig, NotCovered> {
    if case.library == "seed" {
        return seed(case);
    }
    let mut config = around(case)?;
    if let Some(steps) = &case.rate_steps {
        let steps = serde_json::from_value(steps.clone()).expect("a schedule");
        config = config.with_schedule("learning_rate", Schedule::Step(steps));
    }
    for part in &case.exclude_from_weight_decay {
        config = config.with_setting(vector(*part), "weight_decay", 0.0);
    }
    Ok(config)
}

/// The call that makes the optimizer of a case, with what stands around it, as far as it is one.
pub(crate) fn call(case: &Case) -> String {
    let name = match (case.library, case.name.as_str()) {
        ("torch", name) => name.to_owned(),
        ("keras", name) => format!("keras.optimizers.{name}"),
        (library, name) => format!("{library}.{name}"),
    };
    let mut settings = case.config.as_object().expect("settings").clone();
    if case.name == "torch.optim.Adafactor" {
        // What PyTorch takes in f64 where it is given none.
        let mut epsilons = settings.remove("eps").unwrap_or(json!([null, 1e-3]));
        if epsilons[0].is_null() {
            epsilons[0] = json!(f64::EPSILON);
        }
        settings.insert("eps".into(), epsilons);
    }
    let mut values: Vec<String> = Vec::new();
    if case.inner.is_some() {
        values.push(call(&case.wrapped()));
    }
    let named = settings
        .iter()
        .map(|(name, value)| format!("{name}={}", python(value)));
    values.extend(named);
    if let Some(base) = &case.base_optimizer {
        values.push(format!("base_optimizer={}", call(&case.of(base))));
    }
    let call = format!("{name}({})", values.join(", "));
    match case.then {
        Some(_) => format!("optax.chain({call}, {})", self::call(&case.wrapped())),
        None => call,
    }
}

/// A value as Python writes it.
fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(python).collect();
            format!("({})", values.join(", "))
        }
        other => other.to_string(),
    }
}

fn vector(part: usize) -> Parameters {
    Parameters::Path(format!("vectors.{part}"))
}

/// The config of a call.
fn read(case: &Case) -> Result<DescentConfig, NotCovered> {
    DescentConfig::from_call(&call(case)).map_err(|error| NotCovered(error.to_string()))
}

/// The same case without some settings, and these.
fn without<const N: usize>(case: &Case, names: [&str; N]) -> (Case, [Value; N]) {
    let mut case = case.clone();
    let settings = case.config.as_object_mut().expect("settings");
    let taken = names.map(|name| settings.remove(name).unwrap_or_default());
    (case, taken)
}

/// The config of a case by its call, with what a call does not say.
fn around(case: &Case) -> Result<DescentConfig, NotCovered> {
    let number = |value: &Value| value.as_f64().expect("a number");
    match case.name.as_str() {
        "torch.optim.Muon" if case.reductions.is_some() => Err(NotCovered(
            "PyTorch takes Muon's iteration in bfloat16".into(),
        )),
        // Its matrices are [outputs, inputs].
        "torch.optim.Muon" => {
            let mut config = read(case)?;
            if let OptimizerConfig::Muon(muon) = &mut config.optimizer {
                muon.scale = match muon.scale {
                    MuonScale::Aspect => MuonScale::AspectOutputsFirst,
                    MuonScale::AspectUnclamped => MuonScale::AspectUnclampedOutputsFirst,
                    other => other,
                };
            }
            Ok(config)
        }
        "NorMuon" | "AdaMuon" => {
            let mut config = read(case)?;
            match &mut config.optimizer {
                OptimizerConfig::NorMuon(own) => own.outputs = OutputAxis::First,
                OptimizerConfig::AdaMuon(own) => own.outputs = OutputAxis::First,
                _ => unreachable!("it is one of the two"),
            }
            Ok(config)
        }
        "clip_grad_norm_" => {
            let clip = GlobalNorm::new(number(&case.config["max_norm"]));
            let clip = clip.with_form(GlobalNormForm::Torch);
            Ok(read(&case.wrapped())?.with_gradients(clip))
        }
        "AveragedModel" => {
            let average: WeightStage = match case.config.get("ema") {
                Some(kept) => Ema::new(number(kept)).into(),
                None => Swa::new().into(),
            };
            Ok(read(&case.wrapped())?.with_weights(average))
        }
        "ema" => {
            let start = match case.config["debias"] {
                Value::Bool(true) => EmaStart::ZeroCorrected,
                _ => EmaStart::Zero,
            };
            let ema = Ema::new(number(&case.config["decay"])).with_start(start);
            Ok(read(&case.wrapped())?.with_weights(ema))
        }
        // Never more in a row than it skips.
        "apply_if_finite" => Ok(read(&case.wrapped())?.with_non_finite(NonFinite::Skip)),
        "add_decayed_weights" => {
            let (case, [mask]) = without(case, ["mask"]);
            assert_eq!(mask, json!([true, false]));
            Ok(read(&case)?.with_setting(vector(1), "weight_decay", 0.0))
        }
        "ademamix" => {
            let (case, warmups) = without(case, ["alpha_warmup", "b3_warmup"]);
            let mut config = read(&case)?;
            for (setting, steps) in ["alpha_warmup", "beta_3_warmup"].iter().zip(&warmups) {
                if let Some(steps) = steps.as_f64() {
                    assert!(config.optimizer.set(setting, steps));
                }
            }
            Ok(config)
        }
        "schedule_free" if case.config.get("warm_up").is_some() => {
            let (mut case, [steps]) = without(case, ["warm_up"]);
            let steps = steps.as_u64().expect("a count");
            let rate = &case.config["learning_rate"];
            let sgd = || json!({ "name": "sgd", "config": { "learning_rate": rate } });
            case.inner = Some(case.inner.clone().unwrap_or_else(sgd));
            // The rate at step t, from 1, is min(t / steps, 1) of the whole.
            let warm_up = WarmUp::new(steps - 1).with_start_factor(1.0 / steps as f64);
            Ok(read(&case)?.with_schedule("learning_rate", warm_up))
        }
        _ => read(case),
    }
}

/// The book's and the Theano cousin's, which no call says.
fn seed(case: &Case) -> Result<DescentConfig, NotCovered> {
    let is_theano = case.name.starts_with("theano_");
    let preset = if is_theano { "theano" } else { "book" };
    let mut settings = Map::from_iter([("preset".to_owned(), json!(preset))]);
    for (theirs, value) in case.config.as_object().expect("settings") {
        let ours = match theirs.as_str() {
            "lr" => "learning_rate",
            "momentum" => "momentum",
            "decay_rate" | "alpha" | "rho" => "rho",
            "beta1" => "beta_1",
            "beta2" => "beta_2",
            "eps" => "epsilon",
            "gamma" => "beta_1_decay",
            other => panic!("no setting {other}"),
        };
        settings.insert(ours.into(), value.clone());
    }
    let name = match case.name.as_str() {
        "SGD" => "sgd",
        "theano_SGD" => {
            // Its source ignores the rate that it is given and takes 0.01.
            settings.insert("learning_rate".into(), json!(0.01));
            "sgd"
        }
        "Momentum" => "momentum",
        "Nesterov_oreilly" => "nesterov",
        "Nesterov_wegralee" => return Err(NotCovered("a mistake of a fork".into())),
        "AdaGrad" | "theano_AdaGrad" => "adagrad",
        "RMSprop" | "theano_RMSprop" => "rmsprop",
        "theano_AdaDelta" => "adadelta",
        "Adam" | "theano_Adam" => "adam",
        other => panic!("no optimizer {other}"),
    };
    let written = json!({ name: settings });
    let optimizer: OptimizerConfig = serde_json::from_value(written.clone())
        .unwrap_or_else(|error| panic!("{}: {error} in {written}", case.title()));
    Ok(DescentConfig::new(optimizer))
}
