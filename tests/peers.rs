//! What other libraries' settings are called here: a case of a reference as a config of ours.

use downhill::DescentConfig;
use serde_json::{Map, Value, json};

use crate::reference::Case;

/// A case that this library does not follow, and why.
pub(crate) struct NotCovered(pub(crate) &'static str);

/// The config that must go the way of a case.
pub(crate) fn config(case: &Case) -> Result<DescentConfig, NotCovered> {
    let written = match case.library {
        "torch" => torch(case),
        "keras" => keras(case),
        "optax" => optax(case),
        "seed" => seed(case),
        other => panic!("no library {other}"),
    }?;
    Ok(serde_json::from_value(written.clone())
        .unwrap_or_else(|error| panic!("{}: {error} in {written}", case.title())))
}

/// The settings of a case, taken one by one, so that none is overlooked.
struct Given<'a> {
    title: String,
    left: Map<String, Value>,
    case: &'a Case,
    ours: Map<String, Value>,
    around: Map<String, Value>,
}

impl<'a> Given<'a> {
    fn of(case: &'a Case, preset: &str) -> Self {
        let mut ours = Map::new();
        ours.insert("preset".into(), json!(preset));
        Self {
            title: case.title(),
            left: case.config.as_object().expect("settings").clone(),
            case,
            ours,
            around: Map::new(),
        }
    }

    fn take(&mut self, theirs: &str) -> Option<Value> {
        self.left.remove(theirs).filter(|value| !value.is_null())
    }

    fn flag(&mut self, theirs: &str) -> bool {
        self.take(theirs).is_some_and(|value| value == json!(true))
    }

    /// Settings under other names.
    fn rename(mut self, names: &[(&str, &str)]) -> Self {
        for (theirs, ours) in names {
            if let Some(value) = self.take(theirs) {
                self.ours.insert((*ours).into(), value);
            }
        }
        self
    }

    fn set(mut self, ours: &str, value: Value) -> Self {
        self.ours.insert(ours.into(), value);
        self
    }

    /// A number under another name inside a kind.
    fn kind(mut self, theirs: &str, ours: &str, kind: &str) -> Self {
        if let Some(value) = self.take(theirs) {
            self.ours.insert(ours.into(), json!({ kind: value }));
        }
        self
    }

    /// A choice, where a flag is set.
    fn choice(mut self, theirs: &str, ours: &str, value: Value) -> Self {
        if self.flag(theirs) {
            self.ours.insert(ours.into(), value);
        }
        self
    }

    /// The schedule of a case whose rate falls in steps.
    fn with_rate_steps(self) -> Self {
        match self.case.rate_steps.clone() {
            Some(steps) => self.around("schedules", json!({ "learning_rate": { "step": steps } })),
            None => self,
        }
    }

    /// A decay that is decoupled or not.
    fn decay(mut self) -> Self {
        let kind = match self.flag("decoupled_weight_decay") {
            true => "decoupled",
            false => "l2",
        };
        self.kind("weight_decay", "weight_decay", kind)
    }

    /// Part of the config around the optimizer.
    fn around(mut self, key: &str, value: Value) -> Self {
        self.around.insert(key.into(), value);
        self
    }

    fn optimizer(mut self, name: &str) -> Result<Value, NotCovered> {
        assert!(
            self.left.is_empty(),
            "{}: {:?} is left",
            self.title,
            self.left
        );
        let ours = std::mem::take(&mut self.ours);
        self.around
            .insert("optimizer".into(), json!({ name: ours }));
        Ok(Value::Object(self.around))
    }
}

fn torch(case: &Case) -> Result<Value, NotCovered> {
    let mut given = Given::of(case, "torch")
        .rename(&[("lr", "learning_rate")])
        .with_rate_steps();
    if given.flag("maximize") {
        given = given.around("gradients", json!(["maximize"]));
    }
    if let Some(betas) = given.take("betas") {
        given = given
            .set("beta_1", betas[0].clone())
            .set("beta_2", betas[1].clone());
    }
    let epsilon = [("eps", "epsilon")];
    match case.name.as_str() {
        "torch.optim.SGD" => {
            let nesterov = given.flag("nesterov");
            let name = match given.left.contains_key("momentum") {
                true if nesterov => "nesterov",
                true => "momentum",
                false => "sgd",
            };
            let given = given.rename(&[("momentum", "momentum"), ("dampening", "dampening")]);
            given
                .kind("weight_decay", "weight_decay", "l2")
                .optimizer(name)
        }
        "torch.optim.Adagrad" => (given.rename(&epsilon))
            .rename(&[
                ("lr_decay", "rate_decay"),
                ("initial_accumulator_value", "initial_accumulator"),
            ])
            .kind("weight_decay", "weight_decay", "l2")
            .optimizer("adagrad"),
        "torch.optim.Adadelta" => (given.rename(&epsilon).rename(&[("rho", "rho")]))
            .kind("weight_decay", "weight_decay", "l2")
            .optimizer("adadelta"),
        "torch.optim.RMSprop" => (given.rename(&epsilon))
            .rename(&[
                ("alpha", "rho"),
                ("momentum", "momentum"),
                ("centered", "centered"),
            ])
            .kind("weight_decay", "weight_decay", "l2")
            .optimizer("rmsprop"),
        "torch.optim.Adam" => (given.rename(&epsilon))
            .choice("amsgrad", "amsgrad", json!("raw"))
            .kind("weight_decay", "weight_decay", "l2")
            .optimizer("adam"),
        "torch.optim.AdamW" => (given.rename(&epsilon))
            .choice("amsgrad", "amsgrad", json!("raw"))
            .kind("weight_decay", "weight_decay", "decoupled")
            .optimizer("adamw"),
        "torch.optim.Adamax" => (given.rename(&epsilon))
            .kind("weight_decay", "weight_decay", "l2")
            .optimizer("adamax"),
        "torch.optim.NAdam" => (given.rename(&epsilon))
            .kind("momentum_decay", "momentum_schedule", "rising")
            .decay()
            .optimizer("nadam"),
        "torch.optim.RAdam" => given.rename(&epsilon).decay().optimizer("radam"),
        "torch.optim.ASGD" => (given.decay())
            .rename(&[("lambd", "lambda"), ("alpha", "alpha"), ("t0", "t0")])
            .optimizer("asgd"),
        "torch.optim.Rprop" => {
            if let Some(factors) = given.take("etas") {
                given = given
                    .set("eta_minus", factors[0].clone())
                    .set("eta_plus", factors[1].clone());
            }
            if let Some(sizes) = given.take("step_sizes") {
                given = given.set("min_step_size", sizes[0].clone());
                given = given.set("max_step_size", sizes[1].clone());
            }
            given.optimizer("rprop")
        }
        "torch.optim.Adafactor" => {
            // What PyTorch takes in f64 where it is given none.
            let mut floor = json!(f64::EPSILON);
            if let Some(epsilons) = given.take("eps") {
                if !epsilons[0].is_null() {
                    floor = epsilons[0].clone();
                }
                given = given.set("min_scale", epsilons[1].clone());
            }
            given = given.set("epsilon", floor);
            if let Some(power) = given.take("beta2_decay") {
                given = given.set("decay_power", json!(-power.as_f64().expect("a number")));
            }
            (given.rename(&[("d", "clipping_threshold")]))
                .kind("weight_decay", "weight_decay", "decoupled")
                .optimizer("adafactor")
        }
        "torch.optim.Muon" => {
            if case.reductions.is_some() {
                return Err(NotCovered("PyTorch takes Muon's iteration in bfloat16"));
            }
            if given.left.remove("nesterov").is_some() {
                given = given.set("momentum_kind", json!("heavy-ball"));
            }
            given = match given.take("adjust_lr_fn") {
                Some(_) => given.set("scale", json!({ "rms": 0.2 })),
                None => given.set("scale", json!("aspect-outputs-first")),
            };
            (given.rename(&epsilon).rename(&[("ns_steps", "ns_steps")]))
                .kind("weight_decay", "weight_decay", "decoupled")
                .optimizer("muon")
        }
        "clip_grad_norm_" => {
            let most = given.take("max_norm");
            let clip = json!({ "clip-global-norm": { "max_norm": most, "form": "torch" } });
            wrapped(&given, torch, "gradients", json!([clip]))
        }
        "AveragedModel" => {
            let average = match given.take("ema") {
                Some(kept) => json!({ "ema": { "decay": kept } }),
                None => json!({ "swa": {} }),
            };
            wrapped(&given, torch, "weights", json!([average]))
        }
        other => panic!("no optimizer {other}"),
    }
}

/// The config of what a wrapper stands around, with the wrapper.
fn wrapped(
    given: &Given<'_>,
    library: fn(&Case) -> Result<Value, NotCovered>,
    key: &str,
    value: Value,
) -> Result<Value, NotCovered> {
    assert!(
        given.left.is_empty(),
        "{}: {:?} is left",
        given.title,
        given.left
    );
    let mut config = library(&given.case.wrapped())?;
    config[key] = value;
    Ok(config)
}

/// The book's and the Theano cousin's.
fn seed(case: &Case) -> Result<Value, NotCovered> {
    let preset = match case.name.starts_with("theano_") {
        true => "theano",
        false => "book",
    };
    let given = Given::of(case, preset).rename(&[
        ("lr", "learning_rate"),
        ("momentum", "momentum"),
        ("decay_rate", "rho"),
        ("alpha", "rho"),
        ("rho", "rho"),
        ("beta1", "beta_1"),
        ("beta2", "beta_2"),
        ("eps", "epsilon"),
        ("gamma", "beta_1_decay"),
    ]);
    match case.name.as_str() {
        "SGD" => given.optimizer("sgd"),
        // Its source ignores the rate that it is given and takes 0.01.
        "theano_SGD" => given.set("learning_rate", json!(0.01)).optimizer("sgd"),
        "Momentum" => given.optimizer("momentum"),
        "Nesterov_oreilly" => given.optimizer("nesterov"),
        "Nesterov_wegralee" => Err(NotCovered("a mistake of a fork")),
        "AdaGrad" | "theano_AdaGrad" => given.optimizer("adagrad"),
        "RMSprop" | "theano_RMSprop" => given.optimizer("rmsprop"),
        "theano_AdaDelta" => given.optimizer("adadelta"),
        "Adam" | "theano_Adam" => given.optimizer("adam"),
        other => panic!("no optimizer {other}"),
    }
}

fn keras(case: &Case) -> Result<Value, NotCovered> {
    let mut given = Given::of(case, "keras").with_rate_steps();
    let mut gradients = Vec::new();
    for (theirs, ours) in [("clipnorm", "clip-norm"), ("clipvalue", "clip-value")] {
        if let Some(most) = given.take(theirs) {
            gradients.push(json!({ ours: most }));
        }
    }
    if let Some(most) = given.take("global_clipnorm") {
        gradients.push(json!({ "clip-global-norm": { "max_norm": most } }));
    }
    if !gradients.is_empty() {
        given = given.around("gradients", json!(gradients));
    }
    if given.flag("use_ema") {
        let kept = given.take("ema_momentum");
        let every = given.take("ema_overwrite_frequency").unwrap_or(json!(0));
        let ema = json!([{ "ema": { "decay": kept, "overwrite_every": every } }]);
        given = given.around("weights", ema);
    }
    if let Some(calls) = given.take("gradient_accumulation_steps") {
        if given.around.contains_key("weights") {
            return Err(NotCovered(
                "Keras averages the weights at every call, stepped or not",
            ));
        }
        given = given.around("accumulate", json!({ "steps": calls }));
    }
    if !case.exclude_from_weight_decay.is_empty() {
        let excluded = case.exclude_from_weight_decay.iter();
        let groups: Vec<Value> = excluded
            .map(|part| {
                let path = format!("vectors.{part}");
                json!({ "parameters": { "path": path }, "set": { "weight_decay": 0.0 } })
            })
            .collect();
        given = given.around("groups", json!(groups));
    }
    let decayed = given.left.contains_key("weight_decay");
    given = given
        .rename(&[
            ("learning_rate", "learning_rate"),
            ("beta_1", "beta_1"),
            ("beta_2", "beta_2"),
            ("epsilon", "epsilon"),
            ("rho", "rho"),
            ("momentum", "momentum"),
        ])
        .kind("weight_decay", "weight_decay", "decoupled");
    match case.name.as_str() {
        "SGD" => {
            let nesterov = given.flag("nesterov");
            let name = match given.ours.contains_key("momentum") {
                true if nesterov => "nesterov",
                true => "momentum",
                false => "sgd",
            };
            given.optimizer(name)
        }
        "RMSprop" => given
            .rename(&[("centered", "centered")])
            .optimizer("rmsprop"),
        "Adagrad" => (given.rename(&[("initial_accumulator_value", "initial_accumulator")]))
            .optimizer("adagrad"),
        "Adadelta" => given.optimizer("adadelta"),
        "Adam" => given
            .choice("amsgrad", "amsgrad", json!("raw"))
            .optimizer("adam"),
        "AdamW" => given
            .choice("amsgrad", "amsgrad", json!("raw"))
            .optimizer("adamw"),
        "Adamax" => given.optimizer("adamax"),
        "Nadam" => given.optimizer("nadam"),
        "Lion" => given.optimizer("lion"),
        "Ftrl" => (given.rename(&[
            ("learning_rate_power", "learning_rate_power"),
            ("initial_accumulator_value", "initial_accumulator"),
            ("l1_regularization_strength", "l1"),
            ("l2_regularization_strength", "l2"),
            ("l2_shrinkage_regularization_strength", "l2_shrinkage"),
            ("beta", "beta"),
        ]))
        .optimizer("ftrl"),
        "Adafactor" => {
            // Keras caps the rate whatever this says.
            given.take("relative_step");
            if let Some(power) = given.take("beta_2_decay") {
                given = given.set("decay_power", json!(-power.as_f64().expect("a number")));
            }
            (given.rename(&[
                ("clip_threshold", "clipping_threshold"),
                ("epsilon_1", "epsilon"),
                ("epsilon_2", "min_scale"),
            ]))
            .optimizer("adafactor")
        }
        "Lamb" => given.optimizer("lamb"),
        "Muon" => {
            let nesterov = given.left.remove("nesterov");
            if nesterov == Some(json!(false)) {
                given = given.set("momentum_kind", json!("heavy-ball"));
            }
            if given.left.remove("rms_rate").is_some() {
                given = given.set("scale", json!("none"));
            }
            if decayed {
                // None was given, for a number has been taken.
                given.left.remove("weight_decay");
                given = given.set("weight_decay", json!("none"));
            }
            let ratio = given.take("adam_lr_ratio").unwrap_or(json!(1.0));
            let ratio = ratio.as_f64().expect("a number");
            let rate = case.config["learning_rate"].as_f64().expect("a rate");
            let decay = match given.left.contains_key("adam_weight_decay") {
                true => json!("none"),
                false => json!({ "decoupled": 0.004 }),
            };
            given.left.remove("adam_weight_decay");
            let others =
                json!({ "preset": "keras", "learning_rate": rate * ratio, "weight_decay": decay });
            given
                .set("others", others)
                .rename(&[("ns_steps", "ns_steps")])
                .optimizer("muon")
        }
        "ScheduleFreeAdamW" => {
            if let Some(steps) = given.take("warmup_steps") {
                let steps = steps.as_u64().expect("a count");
                // Keras's rate at step t, from 1, is min(t / steps, 1) of the whole.
                let warm_up = json!({
                    "warm-up": { "steps": steps - 1, "start_factor": 1.0 / steps as f64 }
                });
                given = given.around("schedules", json!({ "learning_rate": warm_up }));
            }
            given.optimizer("schedule-free")
        }
        other => panic!("no optimizer {other}"),
    }
}

fn optax(case: &Case) -> Result<Value, NotCovered> {
    let mut given = Given::of(case, "optax").rename(&[
        ("learning_rate", "learning_rate"),
        ("b1", "beta_1"),
        ("b2", "beta_2"),
        ("b3", "beta_3"),
        ("eps", "epsilon"),
        ("eps_root", "epsilon_root"),
        ("alpha", "alpha"),
    ]);
    given = given.with_rate_steps();
    if case.config.get("warmup_steps").is_some() {
        return Err(NotCovered(
            "optax's warm-up of a schedule-free step is one step behind that of its average",
        ));
    }
    let nesterov = json!("nesterov");
    match case.name.as_str() {
        "sgd" => {
            let ahead = given.flag("nesterov");
            let name = match given.left.contains_key("momentum") {
                true if ahead => "nesterov",
                true => "momentum",
                false => "sgd",
            };
            given.rename(&[("momentum", "momentum")]).optimizer(name)
        }
        "adagrad" => (given.rename(&[("initial_accumulator_value", "initial_accumulator")]))
            .optimizer("adagrad"),
        "rmsprop" => {
            if given.left.remove("eps_in_sqrt").is_some() {
                given = given.set("epsilon_place", json!("outside"));
            }
            given
                .rename(&[
                    ("decay", "rho"),
                    ("centered", "centered"),
                    ("momentum", "momentum"),
                    ("initial_scale", "initial_mean_square"),
                    ("bias_correction", "bias_correction"),
                ])
                .choice("nesterov", "momentum_kind", nesterov)
                .optimizer("rmsprop")
        }
        "adadelta" => (given.rename(&[("rho", "rho")]))
            .kind("weight_decay", "weight_decay", "l2")
            .optimizer("adadelta"),
        "adam" => given
            .choice("nesterov", "momentum_kind", nesterov)
            .optimizer("adam"),
        "adamw" => (given.kind("weight_decay", "weight_decay", "decoupled"))
            .choice("nesterov", "momentum_kind", nesterov)
            .optimizer("adamw"),
        "amsgrad" => {
            if given.left.contains_key("bias_correction_nu") {
                return Err(NotCovered(
                    "AMSGrad without any correction of the second moment",
                ));
            }
            given.set("amsgrad", json!("corrected")).optimizer("adam")
        }
        "adamax" => given.optimizer("adamax"),
        "adamaxw" => given
            .kind("weight_decay", "weight_decay", "decoupled")
            .optimizer("adamax"),
        "radam" => (given.rename(&[("threshold", "threshold")]))
            .choice("nesterov", "momentum_kind", nesterov)
            .optimizer("radam"),
        "yogi" => given.optimizer("yogi"),
        "adabelief" => given
            .choice("nesterov", "momentum_kind", nesterov)
            .optimizer("adabelief"),
        "lion" => given
            .kind("weight_decay", "weight_decay", "decoupled")
            .optimizer("lion"),
        "sign_sgd" => given.optimizer("sign-sgd"),
        "signum" => given.rename(&[("beta", "momentum")]).optimizer("sign-sgd"),
        "lars" => (given.kind("weight_decay", "weight_decay", "l2"))
            .rename(&[
                ("momentum", "momentum"),
                ("trust_coefficient", "trust_coefficient"),
            ])
            .choice("nesterov", "momentum_kind", nesterov)
            .optimizer("lars"),
        "lamb" => given
            .rename(&[("weight_decay", "inner_decay")])
            .optimizer("lamb"),
        "novograd" => given
            .rename(&[("weight_decay", "inner_decay")])
            .optimizer("novograd"),
        "rprop" => given.optimizer("rprop"),
        "sm3" => given.rename(&[("momentum", "momentum")]).optimizer("sm3"),
        "adafactor" => {
            given.left.remove("dtype_momentum");
            if given.left.get("clipping_threshold") == Some(&Value::Null) {
                given.left.remove("clipping_threshold");
                given = given.set("clipping_threshold", json!(0.0));
            }
            given
                .rename(&[
                    ("min_dim_size_to_factor", "min_dim_size_to_factor"),
                    ("multiply_by_parameter_scale", "multiply_by_parameter_scale"),
                    ("clipping_threshold", "clipping_threshold"),
                    ("momentum", "momentum"),
                    ("decay_rate", "decay_power"),
                ])
                .kind("weight_decay_rate", "weight_decay", "independent")
                .optimizer("adafactor")
        }
        "adan" => given
            .kind("weight_decay", "weight_decay", "decoupled")
            .optimizer("adan"),
        "ademamix" => (given.kind("weight_decay", "weight_decay", "decoupled"))
            .rename(&[
                ("alpha_warmup", "alpha_warmup"),
                ("b3_warmup", "beta_3_warmup"),
            ])
            .optimizer("ademamix"),
        "adopt" => (given.rename(&[("use_clipping", "use_clipping")]))
            .choice("nesterov", "momentum_kind", nesterov)
            .optimizer("adopt"),
        "madgrad" => (given.rename(&[("momentum", "momentum")]))
            .kind("weight_decay", "weight_decay", "l2")
            .optimizer("madgrad"),
        "muon" => {
            let rate = given.ours["learning_rate"].clone();
            let mut others = json!({
                "preset": "optax",
                "learning_rate": given.take("adam_learning_rate").unwrap_or(rate),
                "momentum_kind": "nesterov",
            });
            if let Some(decay) = given.take("adam_weight_decay") {
                others["weight_decay"] = json!({ "decoupled": decay });
            }
            if given.left.remove("nesterov").is_some() {
                given = given.set("momentum_kind", json!("heavy-ball"));
                others["momentum_kind"] = json!("heavy-ball");
            }
            given
                .set("others", others)
                .kind("consistent_rms", "scale", "rms")
                .kind("weight_decay", "weight_decay", "decoupled")
                .rename(&[("ns_steps", "ns_steps")])
                .optimizer("muon")
        }
        "schedule_free" => {
            let steps = given.take("warm_up").and_then(|steps| steps.as_u64());
            let steps = steps.expect("a count");
            // The rate at step t, from 1, is min(t / steps, 1) of the whole.
            let warm_up = json!({
                "warm-up": { "steps": steps - 1, "start_factor": 1.0 / steps as f64 }
            });
            (given.around("schedules", json!({ "learning_rate": warm_up })))
                .set("step", json!("sgd"))
                .rename(&[("weight_lr_power", "rate_power")])
                .optimizer("schedule-free")
        }
        "schedule_free_sgd" => (given.set("step", json!("sgd")))
            .rename(&[
                ("weight_decay", "inner_decay"),
                ("weight_lr_power", "rate_power"),
            ])
            .optimizer("schedule-free"),
        "schedule_free_adamw" => given
            .rename(&[("weight_decay", "inner_decay")])
            .optimizer("schedule-free"),
        "prodigy" => (given.choice("safeguard_warmup", "warmup", json!("safeguarded")))
            .rename(&[
                ("estim_lr0", "initial_d"),
                ("estim_lr_coef", "d_coef"),
                ("beta3", "beta_3"),
                ("weight_decay", "inner_decay"),
            ])
            .optimizer("prodigy"),
        "dadapt_adamw" => (given
            .rename(&[("estim_lr0", "initial_d"), ("weight_decay", "inner_decay")]))
        .optimizer("d-adapt-adam"),
        "dog" => {
            if let Some(step) = given.take("init_step") {
                let kind = match step[0].as_str() {
                    Some("learning_rate") => "rate",
                    Some(kind) => kind,
                    None => panic!("a kind"),
                };
                given = given.set("initial_step", json!({ kind: step[1] }));
            }
            given
                .kind("weight_decay", "weight_decay", "l2")
                .optimizer("dog")
        }
        "dowg" => {
            (given.rename(&[("init_estim_sq_dist", "initial_square_distance")])).optimizer("dowg")
        }
        "cocob" => given
            .kind("weight_decay", "weight_decay", "l2")
            .optimizer("cocob"),
        "fromage" | "mechanize" | "momo" | "momo_adam" | "simplified_ademamix" => {
            Err(NotCovered("an optimizer that is not among ours"))
        }
        wrapper => optax_wrapper(wrapper, given),
    }
}

/// What optax puts around an optimizer.
fn optax_wrapper(name: &str, mut given: Given<'_>) -> Result<Value, NotCovered> {
    let mut config = optax(&given.case.wrapped())?;
    let (key, value) = match name {
        "ema" => {
            let start = match given.flag("debias") {
                true => "zero-corrected",
                false => "zero",
            };
            given.left.remove("debias");
            let kept = given.take("decay");
            (
                "weights",
                json!([{ "ema": { "decay": kept, "start": start } }]),
            )
        }
        "lookahead" => {
            let (every, share) = (given.take("sync_period"), given.take("slow_step_size"));
            (
                "weights",
                json!([{ "lookahead": { "period": every, "alpha": share } }]),
            )
        }
        "MultiSteps" => {
            let form = match given.left.remove("use_grad_mean") {
                Some(_) => "sum",
                None => "mean",
            };
            given.left.remove("accumulator_dtype");
            (
                "accumulate",
                json!({ "steps": given.take("every_k_schedule"), "form": form }),
            )
        }
        "apply_if_finite" => {
            given.left.remove("max_consecutive_errors");
            ("non_finite", json!("skip"))
        }
        "clip" => (
            "gradients",
            json!([{ "clip-value": given.take("max_delta") }]),
        ),
        "clip_by_global_norm" => {
            let most = given.take("max_norm");
            (
                "gradients",
                json!([{ "clip-global-norm": { "max_norm": most } }]),
            )
        }
        "clip_by_block_rms" => (
            "gradients",
            json!([{ "clip-rms": given.take("threshold") }]),
        ),
        "adaptive_grad_clip" => {
            let part = given.take("clipping");
            let least = given.ours.remove("epsilon").unwrap_or(json!(1e-3));
            let clip = json!({ "clip-adaptive": { "factor": part, "min_norm": least } });
            ("gradients", json!([clip]))
        }
        "centralize" => ("gradients", json!([{ "centralize": "first" }])),
        "add_decayed_weights" => {
            let lambda = given.take("weight_decay");
            given.left.remove("mask");
            let optimizer = config["optimizer"].as_object_mut().expect("an optimizer");
            for settings in optimizer.values_mut() {
                settings["weight_decay"] = json!({ "l2": lambda });
            }
            let masked = json!({ "path": "vectors.1" });
            (
                "groups",
                json!([{ "parameters": masked, "set": { "weight_decay": 0.0 } }]),
            )
        }
        other => panic!("no wrapper {other}"),
    };
    assert!(
        given.left.is_empty(),
        "{}: {:?} is left",
        given.title,
        given.left
    );
    config[key] = value;
    Ok(config)
}
