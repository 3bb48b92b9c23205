//! L-BFGS against PyTorch's, and over what modules are made of.

#![cfg(feature = "flex")]

use burn::module::{Module, Param, RunningState};
use burn::nn::{BatchNorm, BatchNormConfig, Linear};
use burn::optim::GradientsParams;
use burn::tensor::{Bytes, DType, Device, Tensor};
use downhill::{Lbfgs, LbfgsConfig, LbfgsOutcome, LbfgsStop, LineSearch};
use serde::Deserialize;

use crate::backend::{distance, values};
use crate::numbers::{Numbers, Place};

/// Descents of PyTorch's: `tests/reference/README.md` says how they were made.
#[derive(Deserialize)]
struct Reference {
    functions: Vec<Descents>,
}

/// Descents of one function.
#[derive(Deserialize)]
struct Descents {
    #[serde(flatten)]
    function: Function,
    split: Vec<usize>,
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Function {
    Rosenbrock,
    Fold,
    Waves {
        curvature: f64,
        height: f64,
        pace: f64,
    },
    Quadratic {
        matrix: Vec<Vec<f64>>,
        vector: Vec<f64>,
    },
}

#[derive(Deserialize)]
struct Case {
    start: Vec<f64>,
    config: TorchConfig,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TorchConfig {
    lr: f64,
    max_iter: usize,
    max_eval: Option<usize>,
    history_size: Option<usize>,
    line_search_fn: Option<String>,
}

/// A call of `step`.
#[derive(Deserialize)]
struct Step {
    initial_loss: f64,
    parameters: Vec<f64>,
    iterations: u64,
    evaluations: u64,
}

impl Case {
    fn config(&self) -> LbfgsConfig {
        let torch = &self.config;
        let mut config = LbfgsConfig::default()
            .with_learning_rate(torch.lr)
            .with_max_iterations(torch.max_iter)
            .with_line_search(match torch.line_search_fn.as_deref() {
                None => LineSearch::None,
                Some("strong_wolfe") => LineSearch::StrongWolfe,
                Some(other) => panic!("no line search is called {other}"),
            });
        config.max_evaluations = torch.max_eval;
        config.history = torch.history_size.unwrap_or(config.history);
        config
    }
}

const SEARCHES: [LineSearch; 2] = [LineSearch::None, LineSearch::StrongWolfe];

fn on_flex(dtype: DType) -> Place {
    Place::new(&Device::flex(), dtype)
}

fn rosenbrock(x: f64, y: f64) -> (f64, Vec<f64>) {
    let (a, b) = (1.0 - x, y - x * x);
    let gradient = vec![-2.0 * a - 400.0 * x * b, 200.0 * b];
    (a * a + 100.0 * b * b, gradient)
}

impl Function {
    /// Loss and gradient by the formulas.
    fn evaluate(&self, x: &[f64]) -> (f64, Vec<f64>) {
        match self {
            Self::Rosenbrock => rosenbrock(x[0], x[1]),
            Self::Fold => {
                let (a, b) = (x[0] - 1.0, x[1] + 2.0 * x[0]);
                let (along, across) = ((a * a + 1e-2).sqrt(), (b * b + 1e-4).sqrt());
                let gradient = vec![a / along + 2.0 * b / across, b / across];
                (along + across, gradient)
            }
            Self::Waves {
                curvature,
                height,
                pace,
            } => {
                let loss = |x: &f64| curvature * x * x + height * (pace * x).sin();
                let slope = |x: &f64| 2.0 * curvature * x + height * pace * (pace * x).cos();
                (x.iter().map(loss).sum(), x.iter().map(slope).collect())
            }
            Self::Quadratic { matrix, vector } => {
                let product: Vec<f64> = matrix.iter().map(|row| dot(row, x)).collect();
                let gradient = product.iter().zip(vector).map(|(a, b)| a - b).collect();
                (dot(x, &product) / 2.0 - dot(vector, x), gradient)
            }
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn it_goes_where_pytorch_goes() {
    let reference: Reference =
        serde_json::from_str(include_str!("reference/torch_lbfgs_f64.json")).unwrap();
    for Descents {
        function,
        split,
        cases,
    } in &reference.functions
    {
        assert!(!cases.is_empty());
        for case in cases {
            follow(case, function, split);
        }
    }
}

/// Takes the steps of a case, each as PyTorch did.
fn follow(case: &Case, function: &Function, split: &[usize]) {
    let place = on_flex(DType::F64);
    let shapes: Vec<Vec<usize>> = split.iter().map(|&size| vec![size]).collect();
    let mut module = Numbers::new(&case.start, &shapes, &place);
    let config = case.config();
    let mut optimizer = config.build().expect("within bounds");
    // From a start that is one bit off, PyTorch itself ends up to 5e-11 away with a search.
    let most = match config.line_search {
        LineSearch::None => 1e-10,
        LineSearch::StrongWolfe => 1e-9,
        other => panic!("no reference for {other:?}"),
    };
    for (number, step) in case.steps.iter().enumerate() {
        let outcome;
        (module, outcome) = optimizer.step(module, |module: &Numbers| {
            let (loss, gradient) = function.evaluate(&module.values());
            (loss, module.gradients(&gradient, &place))
        });
        let title = format!(
            "{function:?} from {:?}, {config:?}, call {number}",
            case.start
        );
        let counts = (optimizer.iterations(), optimizer.evaluations());
        assert_eq!(counts, (step.iterations, step.evaluations), "{title}");
        let found = [module.values(), vec![outcome.initial_loss]].concat();
        let expected = [step.parameters.clone(), vec![step.initial_loss]].concat();
        let away = distance(&found, &expected);
        assert!(away < most, "{title}: {away:e} away");
    }
}

/// Rosenbrock's function of a vector, by autodiff.
fn valley(module: &Numbers) -> (f64, GradientsParams) {
    let point = module.vectors[0].val();
    let x = point.clone().narrow(0, 0, 1);
    let y = point.narrow(0, 1, 1);
    let loss = (x.clone() - 1.0).square() + (y - x.square()).square() * 100.0;
    let gradients = GradientsParams::from_grads(loss.backward(), module);
    (loss.into_scalar::<f64>(), gradients)
}

#[test]
fn it_reaches_the_minimum_in_f32() {
    let start = Numbers::new(&[-1.2, 1.0], &[vec![2]], &on_flex(DType::F32));
    let config = LbfgsConfig::default()
        .with_max_iterations(100)
        .with_line_search(LineSearch::StrongWolfe);
    let mut optimizer = config.build().unwrap();
    let (end, outcome) = optimizer.step(start, valley);
    assert!(outcome.loss < 1e-7, "{outcome:?}");
    assert!(distance(&end.values(), &[1.0, 1.0]) < 1e-3, "{outcome:?}");
    assert!(outcome.evaluations < 70, "{outcome:?}");
}

/// Layers around a batch normalization, a scale that is frozen, a layer that is never used.
#[derive(Module, Debug)]
struct Network {
    frozen: Param<Tensor<1>>,
    first: Linear,
    norm: BatchNorm,
    unused: Linear,
    last: Linear,
}

impl Network {
    fn new(place: &Place) -> Self {
        let device = place.device.clone().autodiff();
        let place = Place::new(&device, place.dtype);
        let linear = |rows: usize, columns: usize| Linear {
            weight: Param::from_tensor(place.tensor(&wave(rows * columns), &[rows, columns])),
            bias: Some(Param::from_tensor(place.tensor(&wave(columns), &[columns]))),
        };
        let frozen = Param::from_tensor(place.tensor(&[0.5, -0.0, 2.0, 1.0], &[4]));
        Self {
            frozen: frozen.set_require_grad(false),
            first: linear(3, 4),
            norm: BatchNormConfig::new(4).init(&device),
            unused: linear(2, 2),
            last: linear(4, 1),
        }
    }

    fn evaluate(&self, place: &Place) -> (f64, GradientsParams) {
        let place = Place::new(&place.device.clone().autodiff(), place.dtype);
        let input = place.tensor::<2>(&wave(24), &[8, 3]);
        let target = place.tensor::<2>(&wave(11)[3..], &[8, 1]);
        let hidden = self.norm.forward(self.first.forward(input)).tanh();
        let output = (self.last).forward(hidden * self.frozen.val().unsqueeze());
        let loss = (output - target).square().mean();
        let gradients = GradientsParams::from_grads(loss.backward(), self);
        (loss.into_scalar::<f64>(), gradients)
    }

    /// What no step may change.
    fn at_rest(&self) -> Vec<Vec<u64>> {
        let bias = self.unused.bias.as_ref().expect("it was made with one");
        vec![
            bits(&values(self.frozen.val())),
            bits(&values(self.unused.weight.val())),
            bits(&values(bias.val())),
            statistic(&self.norm.running_mean),
            statistic(&self.norm.running_var),
        ]
    }
}

fn statistic(state: &RunningState<Tensor<1>>) -> Vec<u64> {
    bits(&values(state.value_sync()))
}

fn bits(numbers: &[f64]) -> Vec<u64> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

/// Numbers in no order.
fn wave(length: usize) -> Vec<f64> {
    (1..=length)
        .map(|index| (index as f64 * 2.3).sin())
        .collect()
}

#[test]
fn only_what_is_trained_moves() {
    let place = on_flex(DType::F32);
    for line_search in SEARCHES {
        let mut network = Network::new(&place);
        let config = LbfgsConfig::default()
            .with_learning_rate(0.5)
            .with_line_search(line_search);
        let mut optimizer = config.build().unwrap();
        // Those of the last evaluation: batch normalization itself counts them.
        let mut statistics = Vec::new();
        let mut losses = Vec::new();
        for _ in 0..3 {
            let outcome;
            (network, outcome) = optimizer.step(network, |network: &Network| {
                let found = network.evaluate(&place);
                statistics = network.at_rest()[3..].to_vec();
                found
            });
            losses.push(outcome.initial_loss);
            assert_eq!(network.at_rest()[3..], statistics);
        }
        assert!(losses[2] < 0.1 * losses[0], "{line_search:?}: {losses:?}");
        assert_eq!(network.at_rest()[..3], Network::new(&place).at_rest()[..3]);
        assert!(!network.frozen.is_require_grad());
        assert!(network.unused.weight.is_require_grad());
        assert!(network.first.weight.is_require_grad());
        assert_eq!(network.norm.running_mean.value().dims(), [4]);
    }
}

#[test]
fn a_missing_gradient_is_zero() {
    let place = on_flex(DType::F64);
    let end = |is_missing: bool| {
        let mut module = Numbers::new(&[-1.2, 1.0, 3.0], &[vec![2], vec![1]], &place);
        let mut optimizer = config(LineSearch::None).build().unwrap();
        let mut evaluations = 0;
        for _ in 0..3 {
            (module, _) = optimizer.step(module, |module: &Numbers| {
                let x = module.values();
                let (loss, mut gradient) = rosenbrock(x[0], x[1]);
                evaluations += 1;
                let is_used = evaluations % 4 == 2;
                gradient.push(if is_used { x[2] } else { 0.0 });
                let mut gradients = module.gradients(&gradient, &place);
                if is_missing && !is_used {
                    let _ = gradients.remove::<1>(module.vectors[1].id);
                }
                (loss + x[2] * x[2] / 2.0, gradients)
            });
        }
        module.values()
    };
    let with_zeros = end(false);
    assert_ne!(with_zeros[2], 3.0);
    assert_eq!(end(true), with_zeros);
}

fn config(line_search: LineSearch) -> LbfgsConfig {
    let rate = if line_search == LineSearch::None {
        0.1
    } else {
        1.0
    };
    LbfgsConfig::default()
        .with_learning_rate(rate)
        .with_max_iterations(4)
        .with_line_search(line_search)
}

/// The optimizer after as many calls as there are in `faults`, each with its fault: at which of the
/// evaluations, from 1, the loss or a gradient is this.
fn walk(
    optimizer: &mut Lbfgs,
    mut module: Numbers,
    faults: &[Option<(usize, Fault)>],
) -> (Numbers, Vec<LbfgsOutcome>) {
    let place = on_flex(DType::F64);
    let mut outcomes = Vec::new();
    for fault in faults {
        let mut evaluations = 0;
        let outcome;
        (module, outcome) = optimizer.step(module, |module: &Numbers| {
            let x = module.values();
            let (mut loss, mut gradient) = rosenbrock(x[0], x[1]);
            evaluations += 1;
            match fault {
                Some((at, Fault::Loss(bad))) if *at == evaluations => loss = *bad,
                Some((at, Fault::Gradient(bad))) if *at == evaluations => gradient[1] = *bad,
                _ => {}
            }
            (loss, module.gradients(&gradient, &place))
        });
        outcomes.push(outcome);
    }
    (module, outcomes)
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Loss(f64),
    Gradient(f64),
}

fn start() -> Numbers {
    Numbers::new(&[-1.2, 1.0], &[vec![1], vec![1]], &on_flex(DType::F64))
}

#[test]
fn a_loaded_optimizer_goes_on_bit_for_bit() {
    for line_search in SEARCHES {
        for calls in [0, 1, 6] {
            let mut optimizer = config(line_search).build().unwrap();
            let (module, _) = walk(&mut optimizer, start(), &vec![None; calls]);
            let bytes = optimizer.to_bytes().unwrap();
            let mut loaded = config(line_search).build().unwrap();
            loaded.load_bytes(bytes, &Device::flex()).unwrap();
            assert_eq!(loaded.iterations(), optimizer.iterations());
            let (here, _) = walk(&mut optimizer, module.clone(), &[None; 2]);
            let (there, _) = walk(&mut loaded, module, &[None; 2]);
            assert_eq!(bits(&here.values()), bits(&there.values()));
            let [here, there] = [optimizer, loaded].map(|optimizer| optimizer.to_bytes());
            assert_eq!(here.unwrap().to_vec(), there.unwrap().to_vec());
        }
    }
}

#[test]
fn other_bytes_are_refused_and_change_nothing() {
    let mut optimizer = config(LineSearch::None).build().unwrap();
    let _ = walk(&mut optimizer, start(), &[None; 2]);
    let saved = optimizer.to_bytes().unwrap().to_vec();
    let descent = downhill::DescentConfig::new(downhill::AdamConfig::torch());
    let others = descent.build().unwrap().to_bytes().unwrap();
    let half = Bytes::from_bytes_vec(saved[..saved.len() / 2].to_vec());
    for bytes in [others, half, Bytes::from_bytes_vec(vec![])] {
        let error = optimizer.load_bytes(bytes, &Device::flex()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot read the state of L-BFGS")
        );
        assert_eq!(optimizer.to_bytes().unwrap().to_vec(), saved);
    }
}

#[test]
fn what_is_not_finite_is_told_and_spoils_nothing() {
    let kinds = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY]
        .into_iter()
        .flat_map(|bad| [Fault::Loss(bad), Fault::Gradient(bad)]);
    for fault in kinds {
        for line_search in SEARCHES {
            // At the very first evaluation, and in the first iteration.
            for at in [1, 2] {
                let mut optimizer = config(line_search).build().unwrap();
                let (module, outcomes) = walk(&mut optimizer, start(), &[Some((at, fault))]);
                if line_search == LineSearch::StrongWolfe && at == 2 {
                    // The line search steps back from a single such point.
                    assert_ne!(outcomes[0].stop, LbfgsStop::NotFinite, "{fault:?}");
                    assert!(outcomes[0].loss < outcomes[0].initial_loss, "{fault:?}");
                    continue;
                }
                assert_eq!(outcomes[0].stop, LbfgsStop::NotFinite, "{fault:?}");
                assert_eq!((outcomes[0].evaluations, outcomes[0].iterations), (at, 0));
                assert_eq!(bits(&module.values()), bits(&start().values()));
                assert_eq!(outcomes[0].loss.is_finite(), at == 2 || is_gradient(fault));
                // As if nothing had been.
                let (module, _) = walk(&mut optimizer, module, &[None; 3]);
                let mut clean = config(line_search).build().unwrap();
                let (expected, _) = walk(&mut clean, start(), &[None; 3]);
                assert_eq!(bits(&module.values()), bits(&expected.values()));
            }
        }
        // In the third iteration of the second call, whose first two are kept.
        let mut optimizer = config(LineSearch::None).build().unwrap();
        let (module, outcomes) = walk(&mut optimizer, start(), &[None, Some((4, fault))]);
        assert_eq!(outcomes[1].stop, LbfgsStop::NotFinite);
        assert_eq!((outcomes[1].iterations, optimizer.iterations()), (2, 6));
        let shorter = config(LineSearch::None)
            .with_max_iterations(2)
            .with_max_evaluations(100);
        let mut clean = shorter.build().unwrap();
        let (expected, _) = walk(&mut clean, start(), &[None; 3]);
        assert_eq!(bits(&module.values()), bits(&expected.values()));
        let bytes = clean.to_bytes().unwrap();
        let mut clean = config(LineSearch::None).build().unwrap();
        clean.load_bytes(bytes, &Device::flex()).unwrap();
        let (module, _) = walk(&mut optimizer, module, &[None]);
        let (expected, _) = walk(&mut clean, expected, &[None]);
        assert_eq!(bits(&module.values()), bits(&expected.values()));
    }
}

fn is_gradient(fault: Fault) -> bool {
    matches!(fault, Fault::Gradient(_))
}

#[test]
fn a_parameter_frozen_later_keeps_its_bits() {
    for line_search in SEARCHES {
        let mut optimizer = config(line_search).build().unwrap();
        let (mut module, _) = walk(&mut optimizer, start(), &[None; 2]);
        module.vectors[1] = module.vectors[1].clone().set_require_grad(false);
        let frozen = module.values();
        let (module, outcomes) = walk(&mut optimizer, module, &[None; 2]);
        assert_eq!(module.values()[1].to_bits(), frozen[1].to_bits());
        assert_ne!(module.values()[0], frozen[0]);
        assert!(outcomes[1].loss < outcomes[0].initial_loss);
    }
}

#[test]
fn it_says_why_it_stops() {
    let base = || {
        config(LineSearch::StrongWolfe)
            .with_max_iterations(100)
            .with_max_evaluations(1000)
    };
    let iterations = |most| base().with_max_iterations(most);
    let evaluations = |most| base().with_max_evaluations(most);
    let gradient = |tolerance| base().with_tolerance_gradient(tolerance);
    let change = |tolerance| base().with_tolerance_change(tolerance);
    for (config, stop) in [
        (iterations(3), LbfgsStop::MaxIterations),
        (evaluations(3), LbfgsStop::MaxEvaluations),
        // At once, and on the way.
        (gradient(300.0), LbfgsStop::SmallGradient),
        (gradient(1.0), LbfgsStop::SmallGradient),
        (change(1e9), LbfgsStop::SmallSlope),
        (change(0.3), LbfgsStop::SmallStep),
    ] {
        let mut optimizer = config.build().unwrap();
        let (_, outcomes) = walk(&mut optimizer, start(), &[None]);
        assert_eq!(outcomes[0].initial_loss, rosenbrock(-1.2, 1.0).0);
        assert_eq!(outcomes[0].stop, stop, "{config:?}");
    }
    let nothing = on_flex(DType::F64);
    let module = Numbers::new(&[], &[vec![0]], &nothing);
    let mut optimizer = config(LineSearch::StrongWolfe).build().unwrap();
    let (_, outcome) = optimizer.step(module, |module: &Numbers| {
        (1.0, module.gradients(&[], &nothing))
    });
    assert_eq!(
        (outcome.stop, outcome.loss),
        (LbfgsStop::SmallGradient, 1.0)
    );
}

/// Off the tape, where gradients come from elsewhere, two calls of one iteration are one call of
/// two: the second goes on with the history of the first.
#[test]
fn it_goes_on_off_the_tape() {
    let place = on_flex(DType::F64);
    for line_search in SEARCHES {
        let end = |calls: usize, iterations: usize, on_the_tape: bool| {
            let mut module = start();
            if !on_the_tape {
                module = module.valid();
                assert!(!module.vectors[0].val().is_autodiff());
            }
            let config = config(line_search)
                .with_max_iterations(iterations)
                .with_max_evaluations(100);
            let mut optimizer = config.build().unwrap();
            for _ in 0..calls {
                (module, _) = optimizer.step(module, |module: &Numbers| {
                    let x = module.values();
                    let (loss, gradient) = rosenbrock(x[0], x[1]);
                    (loss, module.gradients(&gradient, &place))
                });
            }
            bits(&module.values())
        };
        let expected = end(1, 2, true);
        assert_ne!(end(1, 1, true), expected);
        assert_eq!(end(1, 2, false), expected, "{line_search:?}");
        assert_eq!(end(2, 1, false), expected, "{line_search:?}");
        assert_eq!(end(2, 1, true), expected, "{line_search:?}");
    }
}

/// Off the tape a parameter without a gradient is frozen, as in a descent.
#[test]
fn off_the_tape_what_has_no_gradient_keeps_its_bits() {
    let place = on_flex(DType::F64);
    for line_search in SEARCHES {
        let mut optimizer = config(line_search).build().unwrap();
        let (module, _) = walk(&mut optimizer, start(), &[None; 2]);
        let module = module.valid();
        let before = module.values();
        let (module, _) = optimizer.step(module, |module: &Numbers| {
            let x = module.values();
            let (loss, gradient) = rosenbrock(x[0], x[1]);
            let mut gradients = module.gradients(&gradient, &place);
            let _ = gradients.remove::<1>(module.vectors[1].id);
            (loss, gradients)
        });
        let after = module.values();
        assert_eq!(after[1].to_bits(), before[1].to_bits());
        assert_ne!(after[0], before[0]);
    }
}
