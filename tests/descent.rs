//! A descent where parameters come and go, and where settings meet groups and schedules.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Tensor};
use downhill::schedule::{Exponential, Polynomial};
use downhill::{
    Descent, DescentConfig, InvalidDescent, Lookahead, MomentumConfig, MuonConfig, Parameters,
    Schedule, SgdConfig, StepError, StepMask, StepOutcome, Swa, WeightDecay,
};

#[derive(Module, Debug)]
struct Net {
    matrix: Param<Tensor<2>>,
    vector: Param<Tensor<1>>,
}

/// The same parameters in another order.
#[derive(Module, Debug)]
struct Turned {
    vector: Param<Tensor<1>>,
    matrix: Param<Tensor<2>>,
}

const STEPPED: &str = "no setting is out of bounds";

fn net() -> Net {
    let options = (&Device::flex().autodiff(), DType::F64);
    let matrix = Tensor::from_data([[1.0, -2.0], [0.5, 3.0]], options);
    let vector = Tensor::from_data([2.0, -1.0], options);
    Net {
        matrix: Param::from_tensor(matrix),
        vector: Param::from_tensor(vector),
    }
}

fn of_matrix(net: &Net, value: f64) -> GradientsParams {
    let mut gradients = GradientsParams::new();
    let gradient = net.matrix.val().inner().ones_like().mul_scalar(value);
    gradients.register::<2>(net.matrix.id, gradient);
    gradients
}

fn of_vector(net: &Net, value: f64) -> GradientsParams {
    let mut gradients = GradientsParams::new();
    let gradient = net.vector.val().inner().ones_like().mul_scalar(value);
    gradients.register::<1>(net.vector.id, gradient);
    gradients
}

fn of_both(net: &Net, value: f64) -> GradientsParams {
    let mut gradients = of_matrix(net, value);
    let gradient = net.vector.val().inner().ones_like().mul_scalar(value);
    gradients.register::<1>(net.vector.id, gradient);
    gradients
}

fn values(net: &Net) -> (Vec<f64>, Vec<f64>) {
    let values = |tensor: Tensor<1>| tensor.into_data().try_to_vec::<f64>().expect("f64");
    let matrix = net.matrix.val().inner().reshape([4]);
    (values(matrix), values(net.vector.val().inner()))
}

fn sgd() -> SgdConfig {
    SgdConfig::torch().with_learning_rate(1.0)
}

fn accumulating(calls: u64) -> Descent {
    let config = DescentConfig::new(sgd()).with_accumulation(calls);
    config.build().expect("the config is valid")
}

#[test]
fn what_was_accumulated_is_stepped_though_the_last_call_has_no_gradient_of_it() {
    let mut descent = accumulating(2);
    let net = net();
    let gradients = of_both(&net, 3.0);
    let (net, first) = descent.step(net, gradients).expect(STEPPED);
    let gradients = of_matrix(&net, 1.0);
    let (net, second) = descent.step(net, gradients).expect(STEPPED);
    assert_eq!(
        (first, second),
        (StepOutcome::Accumulated, StepOutcome::Stepped)
    );
    let expected = (vec![-1.0, -4.0, -1.5, 1.0], vec![0.5, -2.5]);
    assert_eq!(values(&net), expected);
    // Nothing of it is left for the next step.
    let gradients = of_vector(&net, 0.0);
    let (net, _) = descent.step(net, gradients).expect(STEPPED);
    let gradients = of_vector(&net, 0.0);
    let (net, last) = descent.step(net, gradients).expect(STEPPED);
    assert_eq!(last, StepOutcome::Stepped);
    assert_eq!(values(&net), expected);
}

#[test]
fn more_calls_than_are_wanted_may_have_been_loaded() {
    for calls in [1, 2] {
        let mut patient = accumulating(4);
        let mut net = net();
        for value in [1.0, 2.0] {
            let gradients = of_both(&net, value);
            net = patient.step(net, gradients).expect(STEPPED).0;
        }
        let mut descent = accumulating(calls);
        let bytes = patient.to_bytes().expect("it can be saved");
        (descent.load_bytes(bytes, &Device::flex())).expect("it can be loaded");
        let gradients = of_both(&net, 3.0);
        let (net, outcome) = descent.step(net, gradients).expect(STEPPED);
        assert_eq!(outcome, StepOutcome::Stepped, "{calls}");
        assert_eq!(values(&net).1, [0.0, -3.0], "{calls}");
    }
}

#[test]
fn a_module_that_is_one_parameter_is_saved() {
    let descent = || {
        let config = DescentConfig::new(downhill::AdamConfig::torch());
        config.build().expect("the config is valid")
    };
    let gradient = |param: &Param<Tensor<1>>| {
        let mut gradients = GradientsParams::new();
        gradients.register::<1>(param.id, param.val().inner().mul_scalar(0.1));
        gradients
    };
    let mut first = descent();
    let param = net().vector;
    let gradients = gradient(&param);
    let (param, _) = first.step(param, gradients).expect(STEPPED);
    let bytes = first.to_bytes().expect("it can be saved");
    let mut second = descent();
    (second.load_bytes(bytes, &Device::flex())).expect("it can be loaded");
    let gradients = [gradient(&param), gradient(&param)];
    let [own, loaded] = gradients;
    let on = |descent: &mut Descent, gradients| {
        let (param, _) = descent.step(param.clone(), gradients).expect(STEPPED);
        param.val().inner().into_data()
    };
    let expected = on(&mut first, own);
    assert_eq!(on(&mut second, loaded), expected);
    let gradients = gradient(&param);
    assert_ne!(on(&mut descent(), gradients), expected);
}

#[test]
fn settings_of_a_group_reach_what_muon_leaves_to_adam() {
    let step = |config: DescentConfig| {
        let mut descent = config.build().expect("the config is valid");
        let net = net();
        let gradients = of_both(&net, 0.5);
        values(&descent.step(net, gradients).expect(STEPPED).0)
    };
    let decays = |matrix, vector| {
        let mut muon = MuonConfig::torch();
        muon.weight_decay = WeightDecay::Decoupled(matrix);
        muon.others.weight_decay = WeightDecay::Decoupled(vector);
        DescentConfig::new(muon)
    };
    let (matrix, vector) = step(decays(0.1, 0.2).with_decay_from_rank(2));
    assert_eq!(matrix, step(decays(0.1, 0.0)).0);
    assert_eq!(vector, step(decays(0.1, 0.0)).1);
    assert_ne!(vector, step(decays(0.1, 0.2)).1);

    let faster = |factor: f64| {
        let rate = factor * MuonConfig::torch().learning_rate;
        decays(0.0, 0.0).with_setting(Parameters::RankAtMost(1), "learning_rate", rate)
    };
    let start = values(&net()).1;
    let [one, three] = [1.0, 3.0].map(|factor| step(faster(factor)).1);
    for ((one, three), start) in one.iter().zip(three).zip(start) {
        let ratio = (three - start) / (one - start);
        assert!((ratio - 3.0).abs() < 1e-9, "{ratio}");
    }
}

#[test]
fn cautious_steps_see_the_decay_that_acts() {
    let mut muon = MuonConfig::torch();
    muon.weight_decay = WeightDecay::Decoupled(0.3);
    muon.others.weight_decay = WeightDecay::Decoupled(0.1);
    muon.others.learning_rate = 0.01;
    let config = DescentConfig::new(muon).with_mask(StepMask::Cautious);
    let mut descent = config.build().expect("the config is valid");
    let net = net();
    let gradients = of_vector(&net, 0.5);
    let (net, _) = descent.step(net, gradients).expect(STEPPED);
    let before = values(&net).1;
    // Against the momentum: all of the step is masked, and the decay is left.
    let gradients = of_vector(&net, -0.01);
    let (net, _) = descent.step(net, gradients).expect(STEPPED);
    for (after, before) in values(&net).1.iter().zip(before) {
        let expected = before * (1.0 - 0.01 * 0.1);
        assert!((after - expected).abs() < 1e-15, "{after} {expected}");
    }
}

#[test]
fn a_schedule_that_would_move_nothing_is_refused() {
    let schedule = || Schedule::Exponential(Exponential::new(0.5));
    let config = DescentConfig::new(sgd()).with_schedule("weight_decay", schedule());
    let refused = config.build().expect_err("there is no decay");
    assert!(
        matches!(refused, InvalidDescent::UnknownSetting { .. }),
        "{refused}"
    );
    let decayed = sgd().with_weight_decay(WeightDecay::L2(0.1));
    let config = DescentConfig::new(decayed).with_schedule("weight_decay", schedule());
    config.build().expect("there is one to move");
}

#[test]
fn a_rate_that_climbs_is_refused() {
    let down = Polynomial::new(2).with_end_value(-1.0);
    let config =
        DescentConfig::new(sgd()).with_schedule("learning_rate", Schedule::Polynomial(down));
    let mut descent = config.build().expect("the config is valid");
    let mut net = net();
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        let gradients = of_both(&net, 1.0);
        let before = values(&net);
        net = match descent.step(net, gradients) {
            Ok((net, outcome)) => {
                outcomes.push(Ok(outcome));
                net
            }
            Err(failed) => {
                assert_eq!(values(&failed.module), before);
                outcomes.push(Err(failed.error));
                failed.module
            }
        };
    }
    assert_eq!(
        outcomes[..2],
        [Ok(StepOutcome::Stepped), Ok(StepOutcome::Stepped)]
    );
    let Err(StepError::OutOfBounds { step, error }) = &outcomes[2] else {
        panic!("{outcomes:?}");
    };
    assert_eq!((*step, error.name), (3, "learning_rate"));
}

#[test]
fn a_parameter_keeps_its_memory_whatever_comes_before_it() {
    let momentum = || {
        let config = DescentConfig::new(MomentumConfig::torch());
        config.with_decay_from_rank(2).build().expect("it is right")
    };
    let step = |descent: &mut Descent, net: Net, gradients: GradientsParams| {
        let (net, outcome) = descent.step(net, gradients).expect(STEPPED);
        assert_eq!(outcome, StepOutcome::Stepped);
        net
    };
    let (mut together, mut net) = (momentum(), net());
    let (mut of_the_matrix, mut of_the_vector) = (momentum(), momentum());
    let mut apart = net.clone();
    for gradient in 1..4 {
        let gradient = f64::from(gradient);
        // Both, one alone, the other alone, both in another order.
        let gradients = of_both(&net, gradient);
        net = step(&mut together, net, gradients);
        let gradients = of_matrix(&net, gradient);
        net = step(&mut together, net, gradients);
        let gradients = of_vector(&net, gradient);
        net = step(&mut together, net, gradients);
        let gradients = of_both(&net, gradient);
        let Net { matrix, vector } = net;
        let turned = together.step(Turned { vector, matrix }, gradients);
        let (turned, _) = turned.expect(STEPPED);
        let Turned { vector, matrix } = turned;
        net = Net { matrix, vector };
        for _ in 0..3 {
            let gradients = of_matrix(&apart, gradient);
            apart = step(&mut of_the_matrix, apart, gradients);
            let gradients = of_vector(&apart, gradient);
            apart = step(&mut of_the_vector, apart, gradients);
        }
        assert_eq!(values(&net), values(&apart));
    }
}

/// Of a net under a rate of 1 with gradients of 1: how far the matrix and the vector go in one
/// step.
fn ways(descent: &mut Descent) -> (f64, f64) {
    let before = values(&net());
    let net = net();
    let gradients = of_both(&net, 1.0);
    let after = values(&descent.step(net, gradients).expect(STEPPED).0);
    (before.0[0] - after.0[0], before.1[0] - after.1[0])
}

#[test]
fn groups_keep_their_ratio_to_the_learning_rate() {
    let vectors = || Parameters::RankAtMost(1);
    let slower = SgdConfig::torch().with_learning_rate(0.25);
    let configs = [
        DescentConfig::new(sgd()).with_optimizer(vectors(), slower),
        DescentConfig::new(sgd()).with_setting(vectors(), "learning_rate", 0.25),
    ];
    for config in configs {
        let mut descent = config.build().expect("it is valid");
        assert_eq!(ways(&mut descent), (1.0, 0.25));
        descent.set_learning_rate(0.5).expect("within bounds");
        assert_eq!(ways(&mut descent), (0.5, 0.125));
        assert_eq!(descent.learning_rate(), 0.5);
        assert_eq!(descent.get_in_group(0, "learning_rate"), Some(0.125));
        // By name, and after another setting has been changed.
        descent.set("learning_rate", 2.0).expect("within bounds");
        assert_eq!(ways(&mut descent), (2.0, 0.5));
        descent.set("weight_decay", 0.0).expect("within bounds");
        assert_eq!(ways(&mut descent), (2.0, 0.5));
        // 0 loses no ratio.
        descent.set_learning_rate(0.0).expect("within bounds");
        assert_eq!(ways(&mut descent), (0.0, 0.0));
        descent.set_learning_rate(1.0).expect("within bounds");
        assert_eq!(ways(&mut descent), (1.0, 0.25));
        // At the rate of another schedule, for one step.
        let net = net();
        let gradients = of_both(&net, 1.0);
        let stepped = descent.step_at(4.0, net.clone(), gradients).expect(STEPPED);
        assert_eq!(values(&stepped.0).1[0], values(&net).1[0] - 1.0);
        assert_eq!(ways(&mut descent), (1.0, 0.25));
        // One group's own.
        descent
            .set_in_group(0, "learning_rate", 3.0)
            .expect("within bounds");
        assert_eq!(ways(&mut descent), (1.0, 3.0));
        descent.set_learning_rate(0.5).expect("within bounds");
        assert_eq!(ways(&mut descent), (0.5, 1.5));

        let error = descent.set_learning_rate(-1.0).expect_err("it is negative");
        assert_eq!(
            error.to_string(),
            "learning_rate must be finite and at least 0, got -1"
        );
        let failed = descent.step_at(f64::NAN, net.clone(), of_both(&net, 1.0));
        let error = failed.expect_err("it is not a number");
        assert!(
            error.to_string().starts_with("step 11: learning_rate must"),
            "{error}"
        );
        assert_eq!(ways(&mut descent), (0.5, 1.5));
    }
}

#[test]
fn the_settings_of_one_group_are_read_and_changed() {
    let momentum = MomentumConfig::torch();
    let mut descent = DescentConfig::new(momentum)
        .with_setting(Parameters::RankAtMost(1), "momentum", 0.5)
        .build()
        .expect("it is valid");
    assert_eq!(descent.get_in_group(0, "momentum"), Some(0.5));
    assert_eq!(descent.get_in_group(1, "momentum"), None);
    assert_eq!(descent.get_in_group(usize::MAX, "momentum"), None);
    descent
        .set_in_group(0, "momentum", 0.25)
        .expect("it is there");
    assert_eq!(descent.get_in_group(0, "momentum"), Some(0.25));
    assert_ne!(descent.get("momentum"), Some(0.25));
    let refused = |descent: &mut Descent, group, setting, value| {
        let error = descent.set_in_group(group, setting, value);
        error.expect_err("it is wrong").to_string()
    };
    assert_eq!(
        refused(&mut descent, 1, "momentum", 0.1),
        "there is no group 1: the config has 1, counted from 0"
    );
    assert_eq!(
        refused(&mut descent, 0, "beta_1", 0.1),
        "momentum has no numeric setting `beta_1`"
    );
    assert!(refused(&mut descent, 0, "momentum", 7.0).starts_with("momentum must "));
    assert_eq!(descent.get_in_group(0, "momentum"), Some(0.25));
}

#[test]
fn a_state_is_saved_to_a_file_and_loaded() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("descent.state");
    let config = DescentConfig::new(MomentumConfig::torch()).with_ema(0.5);
    let step = |descent: &mut Descent, net: Net| {
        let gradients = of_both(&net, 0.5);
        descent.step(net, gradients).expect(STEPPED).0
    };
    let mut first = config.build().expect("it is valid");
    let net = step(&mut first, net());
    first.save(&file).expect("it can be saved");
    // Once more, over what is there.
    let net = step(&mut first, net);
    first.save(&file).expect("it can be saved");
    let names = std::fs::read_dir(folder.path()).expect("it is there");
    let names: Vec<_> = names
        .map(|entry| entry.expect("readable").file_name())
        .collect();
    assert_eq!(names, ["descent.state"], "nothing half done is left");

    let mut second = config.build().expect("it is valid");
    second
        .load(&file, &Device::flex())
        .expect("it can be loaded");
    assert_eq!(second.steps(), 2);
    let expected = values(&step(&mut first, net.clone()));
    assert_eq!(values(&step(&mut second, net)), expected);

    let mut other = accumulating(1);
    let error = other
        .load(&file, &Device::flex())
        .expect_err("SGD is not momentum");
    assert_eq!(error.path, file);
    let message = error.to_string();
    assert!(
        message.starts_with(&format!("{}: ", file.display())),
        "{message}"
    );
    assert!(message.contains("was stepped by `momentum"), "{message}");
    assert!(message.contains("the averages `ema`"), "{message}");
    let missing = folder.path().join("nowhere").join("descent.state");
    for error in [
        other
            .load(&missing, &Device::flex())
            .expect_err("it is missing"),
        other.save(&missing).expect_err("its directory is missing"),
    ] {
        let message = error.to_string();
        assert!(
            message.starts_with(&missing.display().to_string()),
            "{message}"
        );
    }
    std::fs::write(&file, b"something else").expect("it can be written");
    let error = other
        .load(&file, &Device::flex())
        .expect_err("it is damaged");
    assert!(
        error
            .to_string()
            .contains("cannot read the state of a descent"),
        "{error}"
    );
}

/// `?` passes a refused step on as whatever error the caller returns.
#[test]
fn a_refused_step_is_an_error_that_question_mark_passes_on() {
    fn boxed(descent: &mut Descent, net: Net) -> Result<Net, Box<dyn std::error::Error>> {
        let gradients = of_both(&net, 1.0);
        Ok(descent.step_at(-1.0, net, gradients)?.0)
    }
    fn shared(
        descent: &mut Descent,
        net: Net,
    ) -> Result<Net, Box<dyn std::error::Error + Send + Sync>> {
        let gradients = of_both(&net, 1.0);
        Ok(descent.step_at(-1.0, net, gradients)?.0)
    }
    fn plain(descent: &mut Descent, net: Net) -> Result<Net, StepError> {
        let gradients = of_both(&net, 1.0);
        Ok(descent.step_at(-1.0, net, gradients)?.0)
    }
    let message = "step 1: learning_rate must be finite and at least 0, got -1";
    let mut descent = accumulating(1);
    let errors = [
        boxed(&mut descent, net())
            .expect_err("it is negative")
            .to_string(),
        shared(&mut descent, net())
            .expect_err("it is negative")
            .to_string(),
        plain(&mut descent, net())
            .expect_err("it is negative")
            .to_string(),
    ];
    assert_eq!(errors, [message; 3]);
    assert_eq!(descent.steps(), 0);
}

#[test]
fn counts_must_not_be_0() {
    let sgd = || DescentConfig::new(sgd());
    let refused = |config: DescentConfig| config.build().expect_err("it is 0").to_string();
    assert_eq!(
        refused(sgd().with_accumulation(0)),
        "accumulate.steps must be at least 1, got 0"
    );
    assert_eq!(
        refused(sgd().with_weights(Swa::new().with_every(0))),
        "swa.every must be at least 1, got 0"
    );
    assert_eq!(
        refused(sgd().with_weights(Lookahead::new(0, 0.5))),
        "lookahead.period must be at least 1, got 0"
    );
}

/// A schedule of another setting than the rate acts at every step.
#[test]
fn a_scheduled_setting_is_that_of_the_step() {
    let halves = || Schedule::Exponential(Exponential::new(0.5));
    let decayed = |decay| sgd().with_weight_decay(WeightDecay::L2(decay));
    let config = DescentConfig::new(decayed(0.4)).with_schedule("weight_decay", halves());
    let mut scheduled = config.build().expect("it is valid");
    let (mut there, mut here) = (net(), net());
    for decay in [0.4, 0.2, 0.1, 0.05] {
        let mut plain = DescentConfig::new(decayed(decay))
            .build()
            .expect("it is valid");
        let gradients = [of_both(&there, 0.5), of_both(&here, 0.5)];
        let [first, second] = gradients;
        there = scheduled.step(there, first).expect(STEPPED).0;
        here = plain.step(here, second).expect(STEPPED).0;
        assert_eq!(values(&there), values(&here), "{decay}");
    }
    // Another base, and the schedule goes on from it.
    scheduled.set("weight_decay", 1.6).expect("within bounds");
    assert_eq!(scheduled.get("weight_decay"), Some(0.1));
    let mut plain = DescentConfig::new(decayed(0.1))
        .build()
        .expect("it is valid");
    let [first, second] = [of_both(&there, 0.5), of_both(&here, 0.5)];
    there = scheduled.step(there, first).expect(STEPPED).0;
    here = plain.step(here, second).expect(STEPPED).0;
    assert_eq!(values(&there), values(&here));
}
