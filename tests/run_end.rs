//! How a run ends: early stopping, a budget of gradients, and L-BFGS, whose updates differ in cost.

use burn::module::Module;
use burn::tensor::Tensor;
use downhill::{LbfgsConfig, LineSearch};
use downhill_data::{BatchOrder, Batches, Purpose, Stream};
use downhill_model::Network;
use downhill_report::read_record;
use downhill_report::record::RunOutcome;
use downhill_trainer::Backend;
use downhill_trainer::training::step;

use crate::backend::open;
use crate::command::{Bench, CONFIG};
use crate::recipe::{IMAGE, Trained, bits, plan, resolved, run};

const SETTINGS: &str = "
    data = { train_images = 200, test_images = 100, validation_images = 100 }
    training = { batch = 50, updates = 40, evaluate_every = 2 }
    model.hidden = [20]
    optimizer.adam = { preset = 'torch', learning_rate = 0.05 }
";

#[test]
fn a_run_stops_early_and_its_result_is_the_best_network() {
    let with = |stopping: &str| {
        let set = format!("training.early_stopping={stopping}");
        run(&resolved(SETTINGS, &[&set]).expect("a config"))
    };
    let whole = run(&resolved(SETTINGS, &[]).expect("a config"));
    assert_eq!((whole.end.updates, whole.end.kept), (40, None));

    let stopped = with("{ patience = 2, measure = 'loss' }");
    let losses: Vec<f64> = (stopped.evaluations[1..].iter())
        .map(|it| it.validation.expect("validation").loss)
        .collect();
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let at = losses
        .iter()
        .position(|loss| *loss == best)
        .expect("a best");
    assert_eq!(losses.len(), at + 3, "two evaluations after the best one");
    assert_eq!(stopped.end.outcome, RunOutcome::Finished);
    assert!(stopped.end.updates < 40);
    assert_eq!(stopped.end.kept, Some(stopped.evaluations[at + 1].updates));
    // Until then both runs are the same.
    let same = &whole.evaluations[..stopped.evaluations.len()];
    assert_eq!(stopped.evaluations, same);

    // The network is that of a run which ends there.
    let kept = stopped.end.kept.expect("a network");
    let set = format!("training.updates={kept}");
    let short = run(&resolved(SETTINGS, &[&set]).expect("a config"));
    assert_eq!(bits(&stopped.network), bits(&short.network));
    let last = with("{ patience = 2, measure = 'loss', keep_best = false }");
    assert_eq!(
        (last.end.updates, last.end.kept),
        (stopped.end.updates, None)
    );
    assert_ne!(bits(&last.network), bits(&stopped.network));

    let never = with("{ measure = 'loss' }");
    assert_eq!(
        (never.end.updates, never.evaluations),
        (40, whole.evaluations)
    );
}

#[test]
fn records_tell_which_network_counts() {
    let mut bench = Bench::new(Backend::Flex, CONFIG);
    bench.arguments.overrides = vec![
        "data.validation_images=40".into(),
        "training.evaluate_every=1".into(),
        "training.early_stopping.patience=1".into(),
    ];
    let (_, said) = bench.train().expect("it trains");
    let mut stopped = 0;
    for (_, text) in bench.records() {
        let record = read_record(text.as_bytes()).expect("a record");
        let kept = record.end.kept.expect("a network");
        let last = record.final_evaluation().expect("an evaluation");
        assert_eq!(last.updates, kept);
        stopped += usize::from(record.is_stopped_early());
    }
    assert!(
        stopped > 0 && said.contains("Early stopping ended"),
        "{said}"
    );
    // Finished runs are not trained again.
    let (_, again) = bench.train().expect("nothing to train");
    assert!(again.contains("nothing to train"), "{again}");
}

#[test]
fn lbfgs_trains_bit_for_bit_as_the_library_does() {
    let text = "
        data = { train_images = 200, test_images = 100 }
        training = { batch = 200, updates = 6, evaluate_every = 6 }
        model = { hidden = [20, 10], dropout.probability = 0.3 }
        lbfgs = { max_iterations = 5, history = 4, line_search = 'strong-wolfe' }
    ";
    let config = resolved(text, &[]).expect("a config");
    let settings = LbfgsConfig::default()
        .with_max_iterations(5)
        .with_history(4)
        .with_line_search(LineSearch::StrongWolfe);
    assert_eq!(config.lbfgs, Some(settings.clone()));
    let Trained {
        network,
        train,
        end,
        evaluations,
        ..
    } = run(&config);

    let mut weights = Stream::new(3, Purpose::InitialWeights, 0);
    let autodiff = open(Backend::Flex).autodiff();
    let mut normal = || weights.normal();
    let model = Network::new(&config.model, IMAGE, 10, &autodiff, &mut normal);
    let mut model = step::prepared(model.expect("a network"), &train);
    let mut batches = Batches::new(BatchOrder::ShuffledEpochs, 3, 200, 200).expect("batches");
    let mut lbfgs = settings.build().expect("settings");
    let mut gradients = 0;
    for update in 0..6 {
        let rows = batches.indices(update);
        let (next, outcome) = lbfgs.step(model, |model: &Network| {
            let mut masks = Stream::new(3, Purpose::DropoutMask, update);
            let mut keep = |length, probability| masks.keep_mask(length, probability);
            let (loss, gradients) = step::gradients(&mut model.clone(), &train, &rows, &mut keep);
            (loss.into_scalar(), gradients)
        });
        model = next;
        gradients += outcome.evaluations as u64;
    }
    assert_eq!(bits(&network), bits(&model));
    assert!(gradients > 6 * 5);
    assert_eq!((end.updates, end.gradients), (6, Some(gradients)));
    let [first, .., last] = &evaluations[..] else {
        panic!("three evaluations");
    };
    assert!(last.train.loss < 0.5 * first.train.loss);

    // A budget of gradients ends the run with the update that reaches it.
    let set = ["training.updates=100", "training.gradients=20"];
    let short = run(&resolved(text, &set).expect("a config"));
    let spent = short.end.gradients.expect("a number");
    assert!(
        (20..20 + 7).contains(&spent) && short.end.updates < 6,
        "{spent}"
    );
    assert_eq!(
        short.evaluations.last().map(|it| it.updates),
        Some(short.end.updates)
    );
}

#[test]
fn networks_that_lbfgs_trains_have_batch_statistics_of_their_weights() {
    let text = "
        data = { train_images = 200, test_images = 100 }
        training = { batch = 200, updates = 2, evaluate_every = 2 }
        model = { hidden = [10], batch_norm = 'torch' }
        lbfgs.line_search = 'strong-wolfe'
    ";
    let Trained { network, train, .. } = run(&resolved(text, &[]).expect("a config"));
    let mlp = network.as_mlp().expect("a perceptron").valid();
    let layer = &mlp.hidden[0];
    let (images, _) = train.batch(&(0..200).collect::<Vec<_>>());
    let own: Tensor<1> = layer.linear.forward(images).mean_dim(0).squeeze_dim(0);
    let norm = layer.norm.as_ref().expect("batch normalization");
    let apart = (norm.running_mean.val() - own)
        .abs()
        .max()
        .into_scalar::<f32>();
    assert!(apart < 1e-4, "{apart}");
}

#[test]
fn a_diverged_run_of_lbfgs_is_an_outcome() {
    let text = "
        may_diverge = true
        seeds = 1
        data = { train_images = 100, test_images = 50 }
        training = { batch = 100, updates = 30, evaluate_every = 5 }
        model.hidden = [10]
        lbfgs.learning_rate = 1e30
    ";
    let bench = Bench::new(Backend::Flex, &format!("# Does it?\n{text}"));
    let (_, said) = bench.train().expect("it ends");
    let (_, record) = bench.records().pop().expect("a record");
    let record = read_record(record.as_bytes()).expect("a record");
    assert!(record.end.outcome.is_diverged(), "{said}");
}

#[test]
fn gradients_limit_the_updates() {
    let updates = |text: &str| {
        let config = resolved(text, &[]).expect(text);
        (config.training.updates, config.training.gradients)
    };
    for (text, expected) in [
        ("training.gradients = 500", (500, Some(500))),
        ("training.gradients = 5000", (5000, Some(5000))),
        (
            "training = { gradients = 5000, updates = 70 }",
            (70, Some(5000)),
        ),
        (
            "training = { gradients = 50, updates = 70 }",
            (50, Some(50)),
        ),
        ("sam = 0.1\ntraining.gradients = 501", (251, Some(501))),
        (
            "sam = 0.1\ntraining = { updates = 70, gradients = 100 }",
            (50, Some(100)),
        ),
        (
            "training = { batch = 100, epochs = 1, gradients = 70 }",
            (70, Some(70)),
        ),
    ] {
        assert_eq!(updates(text), expected, "{text}");
    }
    // Schedules are as long as the run.
    let text = "sam = 0.1\ntraining.gradients = 100\nschedules.learning_rate.cosine.steps = 'rest'";
    let config = resolved(text, &[]).expect("a config");
    let cosine = downhill::schedule::Cosine::new(50);
    assert_eq!(config.schedules["learning_rate"], cosine.into());
    let sam = "
        data = { train_images = 100, test_images = 50 }
        training = { batch = 20, gradients = 11, evaluate_every = 5 }
        model.hidden = [10]
        sam = 0.1
    ";
    let end = run(&resolved(sam, &[]).expect("a config")).end;
    assert_eq!((end.updates, end.gradients), (6, Some(12)));
}

#[test]
fn a_method_turns_off_what_the_experiment_turns_on() {
    let text = "
        data.validation_images = 100
        lbfgs = {}
        training.early_stopping.patience = 3
        [methods.on]
        [methods.off]
        lbfgs = false
        training.early_stopping = false
    ";
    let read = |text: &str| {
        let plan = plan(text, &[]).expect("a plan");
        let methods = plan.methods.iter();
        let on = |it: &downhill_trainer::config::training::TrainingConfig| {
            (it.lbfgs.is_some(), it.training.early_stopping.is_some())
        };
        let found: Vec<_> = methods.map(|method| on(&method.config)).collect();
        (found, downhill_trainer::plan::text::config_toml(&plan))
    };
    let (found, resolved) = read(text);
    assert_eq!(found, [(true, true), (false, false)]);
    assert_eq!(read(&resolved), (found, resolved.clone()), "{resolved}");
}
