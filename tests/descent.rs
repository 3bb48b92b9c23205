//! A descent where parameters come and go, and where settings meet groups and schedules.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Tensor};
use downhill::schedule::{Exponential, Polynomial};
use downhill::{
    Descent, DescentConfig, InvalidDescent, MomentumConfig, MuonConfig, Outcome, Parameters,
    Schedule, SgdConfig, WeightDecay,
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
    SgdConfig {
        learning_rate: 1.0,
        ..SgdConfig::torch()
    }
}

fn accumulating(calls: u64) -> Descent {
    let config = DescentConfig::new(sgd()).accumulating(calls);
    config.build().expect("the config is valid")
}

#[test]
fn what_was_accumulated_is_stepped_though_the_last_call_has_no_gradient_of_it() {
    let mut descent = accumulating(2);
    let net = net();
    let gradients = of_both(&net, 3.0);
    let (net, first) = descent.step(net, gradients);
    let gradients = of_matrix(&net, 1.0);
    let (net, second) = descent.step(net, gradients);
    assert_eq!((first, second), (Outcome::Accumulated, Outcome::Stepped));
    let expected = (vec![-1.0, -4.0, -1.5, 1.0], vec![0.5, -2.5]);
    assert_eq!(values(&net), expected);
    // Nothing of it is left for the next step.
    let gradients = of_vector(&net, 0.0);
    let (net, _) = descent.step(net, gradients);
    let gradients = of_vector(&net, 0.0);
    let (net, last) = descent.step(net, gradients);
    assert_eq!(last, Outcome::Stepped);
    assert_eq!(values(&net), expected);
}

#[test]
fn more_calls_than_are_wanted_may_have_been_loaded() {
    for calls in [1, 2] {
        let mut patient = accumulating(4);
        let mut net = net();
        for value in [1.0, 2.0] {
            let gradients = of_both(&net, value);
            net = patient.step(net, gradients).0;
        }
        let mut descent = accumulating(calls);
        let bytes = patient.to_bytes().expect("it can be saved");
        (descent.load_bytes(bytes, &Device::flex())).expect("it can be loaded");
        let gradients = of_both(&net, 3.0);
        let (net, outcome) = descent.step(net, gradients);
        assert_eq!(outcome, Outcome::Stepped, "{calls}");
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
    let (param, _) = first.step(param, gradients);
    let bytes = first.to_bytes().expect("it can be saved");
    let mut second = descent();
    (second.load_bytes(bytes, &Device::flex())).expect("it can be loaded");
    let gradients = [gradient(&param), gradient(&param)];
    let [own, loaded] = gradients;
    let on = |descent: &mut Descent, gradients| {
        let (param, _) = descent.step(param.clone(), gradients);
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
        values(&descent.step(net, gradients).0)
    };
    let decays = |matrix, vector| {
        let mut muon = MuonConfig::torch();
        muon.weight_decay = WeightDecay::Decoupled(matrix);
        muon.others.weight_decay = WeightDecay::Decoupled(vector);
        DescentConfig::new(muon)
    };
    let (matrix, vector) = step(decays(0.1, 0.2).without_decay_of_vectors());
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
    let config = DescentConfig::new(muon).cautious();
    let mut descent = config.build().expect("the config is valid");
    let net = net();
    let gradients = of_vector(&net, 0.5);
    let (net, _) = descent.step(net, gradients);
    let before = values(&net).1;
    // Against the momentum: all of the step is masked, and the decay is left.
    let gradients = of_vector(&net, -0.01);
    let (net, _) = descent.step(net, gradients);
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
    let decayed = SgdConfig {
        weight_decay: WeightDecay::L2(0.1),
        ..sgd()
    };
    let config = DescentConfig::new(decayed).with_schedule("weight_decay", schedule());
    config.build().expect("there is one to move");
}

#[test]
fn a_rate_that_climbs_is_refused() {
    let down = Polynomial {
        end_value: -1.0,
        ..Polynomial::new(2)
    };
    let config =
        DescentConfig::new(sgd()).with_schedule("learning_rate", Schedule::Polynomial(down));
    let mut descent = config.build().expect("the config is valid");
    let mut net = net();
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        let gradients = of_both(&net, 1.0);
        let outcome;
        (net, outcome) = descent.step(net, gradients);
        outcomes.push(outcome);
    }
    assert_eq!(outcomes[..2], [Outcome::Stepped, Outcome::Stepped]);
    let Outcome::Refused(error) = &outcomes[2] else {
        panic!("{outcomes:?}");
    };
    assert_eq!(error.name, "learning_rate");
}

#[test]
fn a_parameter_keeps_its_memory_whatever_comes_before_it() {
    let momentum = || {
        let config = DescentConfig::new(MomentumConfig::torch());
        config
            .without_decay_of_vectors()
            .build()
            .expect("it is right")
    };
    let step = |descent: &mut Descent, net: Net, gradients: GradientsParams| {
        let (net, outcome) = descent.step(net, gradients);
        assert_eq!(outcome, Outcome::Stepped);
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
        let (turned, _) = together.step(Turned { vector, matrix }, gradients);
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
