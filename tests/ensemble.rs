//! Networks as one ensemble against the same networks one by one.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use downhill::{
    AdaDeltaConfig, AdamConfig, AdamWConfig, Descent, DescentConfig, InvalidDescent,
    MomentumConfig, OptimizerConfig, RmsPropConfig, SgdConfig, StepError, StepOutcome, WeightDecay,
};
use downhill_data::{Purpose, Stream};
use downhill_model::{
    BatchNormConvention, DecaySplit, DropoutConfig, DropoutKind, Ensemble, Initialization,
    InvalidEnsemble, Mlp, MlpConfig, loss,
};
use downhill_trainer::Backend;

use crate::backend::{distance, open, tensor, values};
use crate::plain_network::{Visit, visit};

const INPUTS: usize = 12;
const CLASSES: usize = 4;
const BATCH: usize = 8;
const STEPS: u64 = 20;

fn network(config: &MlpConfig, seed: u64, device: &Device) -> Mlp {
    let mut stream = Stream::new(seed, Purpose::InitialWeights, 0);
    let mlp = Mlp::new(config, INPUTS, CLASSES, device, &mut || stream.normal());
    mlp.expect("within bounds")
}

/// Images of one step, `[BATCH, INPUTS]`, and their labels.
fn batch(seed: u64, step: u64) -> (Vec<f64>, Vec<u16>) {
    let mut stream = Stream::new(seed, Purpose::BatchOrder, step);
    let images = (0..BATCH * INPUTS).map(|_| stream.normal()).collect();
    let labels = (0..BATCH).map(|_| stream.below(CLASSES as u64) as u16);
    (images, labels.collect())
}

fn descent(optimizer: &OptimizerConfig, rate: f64) -> Descent {
    let mut optimizer = optimizer.clone();
    assert!(optimizer.set("learning_rate", rate));
    DescentConfig::new(optimizer).build().expect("in bounds")
}

fn step<M: Module>(descent: &mut Descent, model: M, gradients: GradientsParams) -> M {
    let (model, outcome) = descent.step(model, gradients).expect("it fits");
    assert_eq!(outcome, StepOutcome::Stepped);
    model
}

/// What was found of a network: its losses, then all its parameters and its logits.
struct Found {
    losses: Vec<f64>,
    parameters: Vec<f64>,
    logits: Vec<f64>,
}

impl Found {
    fn new(losses: Vec<f64>, mlp: &Mlp) -> Self {
        struct All(Vec<f64>);
        impl Visit for All {
            fn visit<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
                self.0.extend(values(parameter.val()));
            }
        }
        let mut all = All(Vec::new());
        visit(mlp, &mut all);
        let device = mlp.output.weight.device();
        let (images, _) = batch(99, 0);
        Self {
            losses,
            parameters: all.0,
            logits: values(mlp.evaluate(tensor(&images, [BATCH, INPUTS], &device))),
        }
    }

    #[track_caller]
    fn assert_is(&self, other: &Self, what: &str) {
        for (of, ours, theirs, most) in [
            ("losses", &self.losses, &other.losses, 1e-5),
            ("parameters", &self.parameters, &other.parameters, 1e-5),
            // Sums of products of parameters.
            ("logits", &self.logits, &other.logits, 1e-4),
        ] {
            let distance = distance(ours, theirs);
            assert!(distance < most, "{what}: {of} differ by {distance:e}");
        }
    }
}

/// One network alone, at its own rate.
fn alone(
    config: &MlpConfig,
    optimizer: &OptimizerConfig,
    seed: u64,
    rate: f64,
    device: &Device,
) -> Found {
    let mut mlp = network(config, seed, device);
    let mut descent = descent(optimizer, rate);
    let mut losses = Vec::new();
    for at in 0..STEPS {
        let (images, labels) = batch(seed, at);
        let mut masks = Stream::new(seed, Purpose::DropoutMask, at);
        let mut keep_mask = |length, keep| masks.keep_mask(length, keep);
        let logits = mlp.forward(tensor(&images, [BATCH, INPUTS], device), &mut keep_mask);
        let loss = loss::cross_entropy(logits, loss::one_hot(&labels, CLASSES, device));
        let loss = match mlp.penalty() {
            Some(penalty) => loss + penalty,
            None => loss,
        };
        losses.extend(values(loss.clone()));
        let gradients = GradientsParams::from_grads(loss.backward(), &mlp);
        mlp = step(&mut descent, mlp, gradients);
    }
    Found::new(losses, &mlp)
}

/// All of them at once: the largest rate is the config's.
fn together(
    config: &MlpConfig,
    optimizer: &OptimizerConfig,
    members: &[(u64, f64)],
    device: &Device,
) -> Vec<Found> {
    let largest = members.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    let factors = members.iter().map(|(_, rate)| rate / largest).collect();
    let mut optimizer = optimizer.clone();
    assert!(optimizer.set("learning_rate", largest));
    let config_of_all = DescentConfig::new(optimizer).with_members(factors);
    let mut descent = config_of_all.build().expect("proportional to the rate");

    let networks = members
        .iter()
        .map(|(seed, _)| network(config, *seed, device));
    let mut ensemble = Ensemble::of(&networks.collect::<Vec<_>>()).expect("they are alike");
    let mut losses = vec![Vec::new(); members.len()];
    for at in 0..STEPS {
        let batches = members.iter().map(|(seed, _)| batch(*seed, at));
        let (images, labels): (Vec<_>, Vec<_>) = batches.unzip();
        let images = tensor(&images.concat(), [members.len(), BATCH, INPUTS], device);
        let targets = loss::one_hot(&labels.concat(), CLASSES, device);
        let targets = targets.reshape([members.len(), BATCH, CLASSES]);
        let masks = members.iter();
        let masks = masks.map(|(seed, _)| Stream::new(*seed, Purpose::DropoutMask, at));
        let mut masks: Vec<_> = masks.collect();
        let mut keep_mask = |member: usize, length, keep| masks[member].keep_mask(length, keep);
        let found = ensemble.loss(images, targets, &mut keep_mask);
        for (all, loss) in losses.iter_mut().zip(values(found.clone())) {
            all.push(loss);
        }
        let gradients = GradientsParams::from_grads(found.sum().backward(), &ensemble);
        ensemble = step(&mut descent, ensemble, gradients);
    }
    let members = ensemble.members();
    let found = losses.into_iter().zip(&members);
    found.map(|(losses, mlp)| Found::new(losses, mlp)).collect()
}

/// Every kind of layer, and every optimizer that has rates of its own for members in the trainer's
/// experiments. Batch normalization leaves biases before it without a gradient but for rounding,
/// of which Adam and RMSprop would make whole steps.
fn cases() -> Vec<(MlpConfig, OptimizerConfig)> {
    let model = |batch_norm, kind, probability, weight_decay| MlpConfig {
        hidden: vec![6, 5],
        batch_norm,
        dropout: DropoutConfig {
            probability,
            kind,
            ..DropoutConfig::default()
        },
        weight_decay,
        ..MlpConfig::default()
    };
    use BatchNormConvention::{Book, None, Torch};
    use DropoutKind::{Classic, Inverted};
    let decaying = AdamWConfig::torch().with_weight_decay(WeightDecay::Decoupled(0.1));
    let cautious = AdamWConfig::torch().with_weight_decay(WeightDecay::Cautious(0.1));
    vec![
        (model(None, Classic, 0.0, 0.1), SgdConfig::torch().into()),
        (
            model(Torch, Classic, 0.3, 0.0),
            MomentumConfig::book().into(),
        ),
        (
            model(Book, Inverted, 0.3, 0.1),
            MomentumConfig::torch().into(),
        ),
        (model(None, Classic, 0.3, 0.1), AdamConfig::torch().into()),
        (model(None, Inverted, 0.3, 0.0), decaying.into()),
        (model(None, Inverted, 0.3, 0.0), cautious.into()),
        (
            model(None, Classic, 0.0, 0.0),
            RmsPropConfig::torch().into(),
        ),
        (
            model(Book, Classic, 0.0, 0.1),
            AdaDeltaConfig::torch().into(),
        ),
    ]
}

/// Three networks with their own weights, batches, masks and rates.
pub(crate) fn an_ensemble_trains_as_its_members_alone(backend: Backend) {
    let device = open(backend).autodiff();
    for (model, optimizer) in cases() {
        let rate = match optimizer.name() {
            "adam" | "adamw" | "rmsprop" => 0.01,
            "adadelta" => 1.0,
            _ => 0.1,
        };
        let members = [(1, 0.3 * rate), (2, rate), (3, 0.01 * rate)];
        let found = together(&model, &optimizer, &members, &device);
        for ((seed, rate), found) in members.into_iter().zip(&found) {
            let what = format!("{} at {rate}, {model:?}", optimizer.name());
            found.assert_is(&alone(&model, &optimizer, seed, rate, &device), &what);
        }
    }
}

/// What is infinite in one member stays there.
pub(crate) fn a_diverging_member_leaves_the_others_alone(backend: Backend) {
    let device = open(backend).autodiff();
    let model = MlpConfig {
        hidden: vec![6],
        batch_norm: BatchNormConvention::Torch,
        weight_decay: 0.1,
        ..MlpConfig::default()
    };
    let optimizer = MomentumConfig::torch().into();
    let members = [(1, 0.1), (2, 1e25), (3, 0.01)];
    let found = together(&model, &optimizer, &members, &device);
    assert!(!found[1].losses[STEPS as usize - 1].is_finite());
    for at in [0, 2] {
        let (seed, rate) = members[at];
        let expected = alone(&model, &optimizer, seed, rate, &device);
        found[at].assert_is(&expected, &format!("member {at}"));
    }
}

/// The same images for all, or each its own: each member answers as it does alone; and taking an
/// ensemble apart gives back what it was made of.
pub(crate) fn an_ensemble_answers_as_its_members(backend: Backend) {
    let device = open(backend);
    let (model, _) = cases().swap_remove(1);
    let members: Vec<Mlp> = (1..4).map(|seed| network(&model, seed, &device)).collect();
    let ensemble = Ensemble::of(&members).expect("they are alike");
    let batches = [batch(7, 0).0, batch(7, 1).0, batch(7, 2).0];
    let shared: Tensor<3> = tensor(&batches[0], [1, BATCH, INPUTS], &device);
    let own: Tensor<3> = tensor(&batches.concat(), [3, BATCH, INPUTS], &device);
    let to_shared = values(ensemble.evaluate(shared));
    let to_own = values(ensemble.evaluate(own));
    for (at, (mlp, back)) in members.iter().zip(ensemble.members()).enumerate() {
        let logits =
            |images: &[f64]| values(mlp.evaluate(tensor(images, [BATCH, INPUTS], &device)));
        let part = at * BATCH * CLASSES..(at + 1) * BATCH * CLASSES;
        assert!(distance(&to_shared[part.clone()], &logits(&batches[0])) < 1e-5);
        assert!(distance(&to_own[part], &logits(&batches[at])) < 1e-5);
        let of = |mlp: &Mlp| Found::new(Vec::new(), mlp).parameters;
        assert_eq!(of(&back), of(mlp));
    }
}

#[cfg(feature = "flex")]
mod on_flex {
    use burn::module::ModuleVisitor;
    use downhill::{AdanConfig, GradientStage, NonFinite, StepMask};

    use super::*;

    fn build(config: &DescentConfig, members: &[f64]) -> Result<Descent, InvalidDescent> {
        config.clone().with_members(members.to_vec()).build()
    }

    /// An optimizer either mixes members, or steps each as alone; and where it takes rates of their
    /// own for them, each is stepped as alone at this rate.
    #[test]
    fn every_optimizer_steps_members_as_alone_or_refuses() {
        let device = Device::flex().autodiff();
        let model = MlpConfig {
            hidden: vec![6],
            activation: downhill_model::Activation::Tanh,
            ..MlpConfig::default()
        };
        let (mut mixing, mut alike, mut own) = (Vec::new(), Vec::new(), Vec::new());
        for optimizer in OptimizerConfig::all() {
            let name = optimizer.name();
            let config = DescentConfig::new(optimizer.clone());
            if let Err(error) = build(&config, &[1.0, 1.0]) {
                assert_eq!(error, InvalidDescent::MixedMembers { part: name });
                mixing.push(name);
                continue;
            }
            let rate = optimizer.learning_rate();
            let mut rates = [rate, rate];
            match build(&config, &[1.0, 0.1]) {
                Ok(_) => {
                    rates[1] *= 0.1;
                    own.push(name);
                }
                Err(error) => {
                    assert_eq!(error, InvalidDescent::RatesOfMembers { optimizer: name });
                    alike.push(name);
                }
            }
            let members = [(1, rates[0]), (2, rates[1])];
            let found = together(&model, &optimizer, &members, &device);
            for ((seed, rate), found) in members.into_iter().zip(&found) {
                found.assert_is(&alone(&model, &optimizer, seed, rate, &device), name);
            }
        }
        assert_eq!(
            mixing.join(" "),
            "sparse-adam novograd lars fromage lamb sm3 adafactor muon normuon adamuon shampoo soap \
             galore dog dowg d-adapt-adam prodigy polyak-sgd momo momo-adam"
        );
        assert_eq!(
            alike.join(" "),
            "rprop asgd ftrl madgrad schedule-free cocob"
        );
        assert_eq!(
            mixing.len() + alike.len() + own.len(),
            OptimizerConfig::all().len()
        );
    }

    #[test]
    fn what_mixes_members_is_refused() {
        let config = DescentConfig::new(SgdConfig::torch());
        let refused = |config: DescentConfig, members: &[f64]| {
            build(&config, members).expect_err("it mixes").to_string()
        };
        assert_eq!(
            refused(config.clone().with_max_global_norm(1.0), &[1.0, 1.0]),
            "clip-global-norm mixes the networks of an ensemble; remove it, or train them separately"
        );
        let clipped = config.clone().with_gradients(GradientStage::ClipNorm(1.0));
        assert!(refused(clipped, &[1.0]).contains("clip-norm"));
        let masked = config.clone().with_mask(StepMask::Cautious);
        assert!(refused(masked, &[1.0]).contains("cautious"));
        let skipping = config.clone().with_non_finite(NonFinite::Skip);
        assert!(refused(skipping, &[1.0]).contains("skip"));
        let burn = AdanConfig::burn().with_weight_decay(WeightDecay::Proximal(0.1));
        assert!(build(&DescentConfig::new(burn.clone()), &[1.0, 1.0]).is_ok());
        assert!(
            refused(DescentConfig::new(burn), &[1.0, 0.5]).contains("of adan with these settings")
        );
        assert_eq!(
            refused(config.clone(), &[1.0, 0.0]),
            "members must be finite and greater than 0, got 0"
        );
        let by_value = config.clone().with_gradients(GradientStage::ClipValue(1.0));
        assert!(build(&by_value, &[1.0, 0.5]).is_ok());
        assert_eq!(config.mask, StepMask::None);
    }

    #[test]
    fn a_module_of_another_number_of_members_is_not_stepped() {
        let device = Device::flex().autodiff();
        let (model, optimizer) = cases().swap_remove(0);
        let networks = [network(&model, 1, &device), network(&model, 2, &device)];
        let mut ensemble = Ensemble::of(&networks).expect("they are alike");
        let images = Tensor::ones([2, BATCH, INPUTS], &device);
        let targets = Tensor::ones([2, BATCH, CLASSES], &device);
        let mut keep_all = |_, length, _| vec![1.0; length];
        let loss = ensemble.loss(images, targets, &mut keep_all).sum();
        let gradients = GradientsParams::from_grads(loss.backward(), &ensemble);
        let mut descent = build(&DescentConfig::new(optimizer), &[1.0; 3]).expect("in bounds");
        let error = descent
            .step(ensemble, gradients)
            .expect_err("two are not three");
        let StepError::Members { members, shape, .. } = &error.error else {
            panic!("{error}");
        };
        assert_eq!((*members, shape[0]), (3, 2));
        let message = error.to_string();
        assert!(message.starts_with("the config has 3 members, but the first axis of `"));
    }

    /// A parameter has the same path and, except for the axis of the members, the same rank as in a
    /// single network.
    #[test]
    fn groups_mean_the_same_in_an_ensemble() {
        #[derive(Default)]
        struct Paths(Vec<String>, Vec<(String, usize)>);
        impl ModuleVisitor for Paths {
            fn enter_module(&mut self, name: &str, _container: &str) {
                self.0.push(name.to_owned());
            }

            fn exit_module(&mut self, _name: &str, _container: &str) {
                self.0.pop();
            }

            fn visit_float<const D: usize>(&mut self, _parameter: &Param<Tensor<D>>) {
                self.1.push((self.0.join("."), D));
            }
        }
        let device = Device::flex();
        let (model, _) = cases().swap_remove(1);
        let mlp = network(&model, 1, &device);
        let ensemble = Ensemble::of(std::slice::from_ref(&mlp)).expect("it is alike");
        let (mut of_one, mut of_all) = (Paths::default(), Paths::default());
        mlp.visit(&mut of_one);
        ensemble.visit(&mut of_all);
        let one_more = of_one.1.into_iter().map(|(path, rank)| (path, rank + 1));
        assert_eq!(of_all.1, one_more.collect::<Vec<_>>());
    }

    #[test]
    fn a_decay_tells_the_weights_of_members_from_the_rest() {
        let device = Device::flex().autodiff();
        let (model, _) = cases().swap_remove(1);
        let ensemble = Ensemble::of(&[network(&model, 1, &device)]).expect("it is alike");
        let split = DecaySplit::of_ensemble(&ensemble);
        let layers = ensemble.hidden.iter().map(|layer| &layer.linear);
        let weights = layers
            .chain([&ensemble.output])
            .map(|layer| layer.weight.id);
        assert_eq!(split.decayed, weights.collect::<Vec<_>>());
        // Biases of all layers, scale and shift of the hidden ones.
        assert_eq!(split.exempt.len(), 3 + 2 * 2);
    }

    #[test]
    fn networks_that_differ_are_no_ensemble() {
        let device = Device::flex();
        let first = MlpConfig::default();
        let refused = |second: MlpConfig| {
            let networks = [network(&first, 1, &device), network(&second, 1, &device)];
            Ensemble::of(&networks)
                .expect_err("they differ")
                .to_string()
        };
        assert_eq!(Ensemble::of(&[]).expect_err("none"), InvalidEnsemble::Empty);
        let wider = MlpConfig {
            hidden: vec![51],
            ..first.clone()
        };
        assert_eq!(
            refused(wider),
            "all networks of an ensemble must have the same layers, but network 1 has 12-51-4 and \
             network 0 has 12-50-4; train it separately"
        );
        let decaying = MlpConfig {
            weight_decay: 0.1,
            ..first.clone()
        };
        assert!(refused(decaying).contains("the same weight_decay, but network 1 has 0.1"));
        let normalized = MlpConfig {
            batch_norm: BatchNormConvention::Book,
            ..first.clone()
        };
        assert!(
            refused(normalized).contains("the same normalization, but network 1 has [Some(Book)]")
        );
        // Its numbers are another matter.
        let drawn_otherwise = MlpConfig {
            initialization: Initialization::Std(0.1),
            ..first.clone()
        };
        let networks = [&first, &drawn_otherwise].map(|config| network(config, 1, &device));
        assert!(Ensemble::of(&networks).is_ok());
    }
}
