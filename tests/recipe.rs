//! Experiments with a whole recipe: schedules, groups, clipping, averages.

use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use downhill::schedule::{Cosine, WarmUp};
use downhill::{
    AdamWConfig, Descent, DescentConfig, Ema, Parameters, SamConfig, Schedule, WeightDecay,
    WeightStage,
};
use downhill_data::{BatchOrder, Batches, Purpose, Stream};
use downhill_model::Network;
use downhill_report::read_record;
use downhill_report::record::{Evaluation, RunEnd};
use downhill_trainer::config::file::ExperimentFile;
use downhill_trainer::config::training::TrainingConfig;
use downhill_trainer::device::set::DeviceSet;
use downhill_trainer::plan::Plan;
use downhill_trainer::training::observer::{Control, Observer};
use downhill_trainer::training::{Training, step};
use downhill_trainer::{Backend, TrainArguments, TrainError};

use crate::backend::{distance, open, values};
use crate::command::{Bench, CONFIG};
use crate::training::{MNIST, first, train};

/// The settings of the first method of a config, resolved.
pub(crate) fn resolved(text: &str, overrides: &[&str]) -> Result<TrainingConfig, String> {
    let plan = plan(text, overrides).map_err(|error| error.to_string())?;
    Ok(plan.methods[0].config.clone())
}

pub(crate) fn plan(text: &str, overrides: &[&str]) -> Result<Plan, TrainError> {
    let file = ExperimentFile::parse(Path::new("some.toml"), text.to_owned())?;
    let arguments = TrainArguments {
        overrides: overrides.iter().map(|text| (*text).to_owned()).collect(),
        ..TrainArguments::default()
    };
    Plan::resolve(&file, &arguments)
}

const RECIPE: &str = "
    data = { train_images = 200, test_images = 100 }
    training = { batch = 50, updates = 20, evaluate_every = 20 }
    model.hidden = [20, 10]
    accumulate = 2
    gradients = [{ clip-global-norm = 0.5 }]
    weights = [{ ema = 0.9 }]
    optimizer.adamw = { learning_rate = 0.01, weight_decay = 0.1 }
    [schedules.learning_rate]
    warm-up = { steps = '1 epoch', start_factor = 0.0, then = { cosine = { steps = 'rest' } } }
    [[groups]]
    parameters.rank-at-most = 1
    set.weight_decay = 0
";

/// Keeps the trained network and the evaluations.
#[derive(Default)]
pub(crate) struct Kept {
    network: Option<Network>,
    evaluations: Vec<Evaluation>,
}

impl Control for Kept {
    fn updated(&mut self) -> bool {
        true
    }
}

impl Observer for Kept {
    fn evaluated(&mut self, evaluation: &Evaluation) -> Result<(), TrainError> {
        self.evaluations.push(*evaluation);
        Ok(())
    }

    fn trained(&mut self, network: &Network) -> Result<(), TrainError> {
        self.network = Some(network.clone());
        Ok(())
    }
}

/// The bits of all parameters.
pub(crate) fn bits(network: &Network) -> Vec<Vec<u32>> {
    struct Bits(Vec<Vec<u32>>);
    impl ModuleVisitor for Bits {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let data = param.val().into_data();
            self.0.push(data.iter::<f32>().map(f32::to_bits).collect());
        }
    }
    let mut found = Bits(Vec::new());
    network.visit(&mut found);
    found.0
}

/// A run that was trained.
pub(crate) struct Trained {
    pub(crate) network: Network,
    pub(crate) evaluations: Vec<Evaluation>,
    pub(crate) end: RunEnd,
    /// Its training images.
    pub(crate) train: DeviceSet,
    /// Its test images, by which it also validates.
    pub(crate) test: DeviceSet,
}

/// The network that a config trains with seed 3, and its training images.
fn trained(config: &TrainingConfig) -> (Network, DeviceSet) {
    let Trained { network, train, .. } = run(config);
    (network, train)
}

/// The run of a config with seed 3.
pub(crate) fn run(config: &TrainingConfig) -> Trained {
    let device = open(Backend::Flex);
    let set = |images| DeviceSet::new(images, Backend::Flex, &device);
    let images = first(&MNIST.train, 200);
    let (train, test) = (set(&images), set(&first(&MNIST.test, 100)));
    let mut kept = Kept::default();
    let training = Training {
        config,
        seed: 3,
        train: &train,
        test: &test,
        validation: Some(&test),
        image: IMAGE,
        device: &device,
    };
    let end = training.run(&mut kept).expect("it trains");
    Trained {
        end: end.expect("nobody stops it"),
        network: kept.network.expect("a network"),
        evaluations: kept.evaluations,
        train,
        test,
    }
}

pub(crate) const IMAGE: [usize; 3] = [1, 28, 28];

/// The network after the 20 updates of a config with seed 3, made one by one.
fn by_hand(config: &TrainingConfig, train: &DeviceSet, descent: &mut Descent) -> Network {
    let mut weights = Stream::new(3, Purpose::InitialWeights, 0);
    let autodiff = open(Backend::Flex).autodiff();
    let mut normal = || weights.normal();
    let model = Network::new(&config.model, IMAGE, 10, &autodiff, &mut normal);
    let mut model = step::prepared(model.expect("a network"), train);
    let mut batches = Batches::new(BatchOrder::ShuffledEpochs, 3, 50, 200).expect("batches");
    for update in 0..20 {
        let rows = batches.indices(update);
        let gradients_of = |model: &mut Network| {
            let mut masks = Stream::new(3, Purpose::DropoutMask, update);
            let mut keep = |length, probability| masks.keep_mask(length, probability);
            step::gradients(model, train, &rows, &mut keep).1
        };
        let mut gradients = gradients_of(&mut model);
        if let Some(sam) = &config.sam {
            let ascended = sam.ascend(model.clone(), gradients);
            gradients = gradients_of(&mut ascended.expect("within bounds"));
        }
        (model, _) = descent.step(model, gradients).expect("a step");
    }
    model
}

#[test]
fn a_recipe_trains_bit_for_bit_as_the_library_does() {
    let config = resolved(RECIPE, &[]).expect("a config");
    let Trained {
        network: found,
        train,
        test,
        evaluations,
        ..
    } = run(&config);

    // An epoch has 4 updates, so 2 steps; 20 updates are 10 steps.
    let schedule = WarmUp::new(2).with_start_factor(0.0).then(Cosine::new(8));
    let adamw = AdamWConfig::default()
        .with_learning_rate(0.01)
        .with_weight_decay(WeightDecay::Decoupled(0.1));
    let mut descent = DescentConfig::new(adamw)
        .with_schedule("learning_rate", schedule)
        .with_decay_from_rank(2)
        .with_accumulation(2)
        .with_max_global_norm(0.5)
        .with_ema(0.9)
        .build()
        .expect("a descent");
    let model = by_hand(&config, &train, &mut descent);
    assert_eq!(bits(&found), bits(&descent.averaged(model.clone())));
    let weights = bits(&model);
    assert_ne!(
        bits(&found),
        weights,
        "the average differs from the weights"
    );

    // Both are evaluated, the averages first.
    let right = |network: &Network| {
        let (images, targets) = test.batch(&(0..test.len()).collect::<Vec<_>>());
        let answers = network.valid().evaluate(images).argmax(1);
        let right = answers.equal(targets.argmax(1)).int().sum();
        right.into_scalar::<i64>() as f64 / test.len() as f64
    };
    let last = evaluations.last().expect("an evaluation");
    let own = last.not_averaged.expect("the weights themselves");
    assert_eq!(last.test.accuracy, right(&found));
    assert_eq!(own.test.accuracy, right(&model));
    assert_ne!(own.test.loss, last.test.loss);
}

#[test]
fn sharpness_aware_updates_are_those_of_the_library() {
    let text = "
        data = { train_images = 200, test_images = 100 }
        training = { batch = 50, updates = 20, evaluate_every = 20 }
        model = { hidden = [20, 10], dropout.probability = 0.3 }
        optimizer.momentum = { preset = 'torch', learning_rate = 0.1, momentum = 0.9 }
    ";
    let config = resolved(&format!("sam = 0.5\n{text}"), &[]).expect("a config");
    assert_eq!(config.sam, Some(SamConfig::default().with_radius(0.5)));
    let (found, train) = trained(&config);
    let mut descent = config.descent().build().expect("a descent");
    let model = by_hand(&config, &train, &mut descent);
    assert_eq!(bits(&found), bits(&model));
    let (plain, _) = trained(&resolved(text, &[]).expect("a config"));
    assert_ne!(bits(&found), bits(&plain));
}

#[test]
fn averages_of_a_normalized_network_have_statistics_of_their_own() {
    let text = "data = { train_images = 200, test_images = 100 }\n\
                training = { batch = 50, updates = 20, evaluate_every = 20 }\n\
                model = { hidden = [10], batch_norm = 'torch' }\n";
    for averages in [
        "weights = [{ swa = { from = '50 %' } }]",
        "optimizer.schedule-free.learning_rate = 0.01",
    ] {
        let config = resolved(&format!("{text}{averages}"), &[]).expect("a config");
        let (network, train) = trained(&config);
        let mlp = network.as_mlp().expect("a perceptron").valid();
        let layer = &mlp.hidden[0];
        // The mean of the four batches is that of all images.
        let (images, _) = train.batch(&(0..200).collect::<Vec<_>>());
        let own = layer.linear.forward(images).mean_dim(0).squeeze_dim::<1>(0);
        let norm = layer.norm.as_ref().expect("batch normalization");
        let apart = distance(&values(norm.running_mean.val()), &values(own));
        assert!(apart < 1e-5, "{averages}: {apart}");
    }
}

#[test]
fn the_tables_of_a_recipe_are_those_of_the_library() {
    let text = "
        optimizer.momentum = { learning_rate = 0.1, weight_decay.l2 = 0.01 }
        non_finite = 'skip'
        mask = 'cautious'
        accumulate = { steps = 3, form = 'sum' }
        gradients = [{ clip-value = 0.5 }, 'maximize', { centralize = 'last' }]
        weights = [{ swa = { from = 7, every = 2 } }, { lookahead = { period = 5, alpha = 0.5 } }]
        schedules.momentum = { linear = { steps = 10, end_factor = 0.5 } }
        [[groups]]
        parameters.not.like = '*bias'
        optimizer.sgd.learning_rate = 0.5
        [[groups]]
        parameters = 'all'
        frozen = true
    ";
    let config = resolved(text, &[]).expect("a config");
    let expected: DescentConfig = toml::from_str(text).expect("a descent");
    assert_eq!(config.descent(), expected);
    let none = TrainingConfig::default();
    assert_eq!(none.descent(), DescentConfig::new(none.optimizer));
}

#[test]
fn runs_without_a_recipe_keep_their_names() {
    let json = serde_json::to_value(TrainingConfig::default()).expect("json");
    let keys: Vec<&String> = json.as_object().expect("a table").keys().collect();
    assert_eq!(keys, ["data", "model", "optimizer", "training"]);
    let config = resolved("accumulate = 1\nmask = 'none'\ngradients = []", &[]).expect("a config");
    assert_eq!(serde_json::to_value(config).expect("json"), json);
}

#[test]
fn short_forms_are_written_out() {
    for (short, long) in [
        ("optimizer = 'adam'", "optimizer.adam = {}"),
        ("accumulate = 4", "accumulate.steps = 4"),
        (
            "weights = [{ ema = 0.99 }]",
            "weights = [{ ema.decay = 0.99 }]",
        ),
        (
            "gradients = [{ clip-global-norm = 1 }, { clip-adaptive = 0.1 }]",
            "gradients = [{ clip-global-norm.max_norm = 1 }, { clip-adaptive.factor = 0.1 }]",
        ),
        (
            "groups = [{ parameters = 'all', optimizer = 'lion' }]",
            "groups = [{ parameters = 'all', optimizer.lion = {} }]",
        ),
        (
            "optimizer.adamw.weight_decay = 0.5",
            "optimizer.adamw.weight_decay.decoupled = 0.5",
        ),
        (
            "optimizer.adam = { preset = 'torch', weight_decay = 0.5 }",
            "optimizer.adam = { preset = 'torch', weight_decay.l2 = 0.5 }",
        ),
        (
            "optimizer.adam = { preset = 'keras', weight_decay = 0.5 }",
            "optimizer.adam = { preset = 'keras', weight_decay.decoupled = 0.5 }",
        ),
        (
            "optimizer.adam.amsgrad = true",
            "optimizer.adam.amsgrad = 'raw'",
        ),
        (
            "optimizer.adam.amsgrad = false",
            "optimizer.adam.amsgrad = 'none'",
        ),
        (
            "optimizer.adam = { preset = 'optax', amsgrad = true }",
            "optimizer.adam = { preset = 'optax', amsgrad = 'corrected' }",
        ),
    ] {
        let config = resolved(long, &[]).expect(long);
        assert_ne!(config, TrainingConfig::default(), "{long}");
        assert_eq!(resolved(short, &[]).as_ref(), Ok(&config), "{short}");
        let in_method = format!("[methods.one]\n{short}");
        assert_eq!(resolved(&in_method, &[]).as_ref(), Ok(&config), "{short}");
        if !short.contains(['[', '{']) {
            let (key, value) = short.split_once(" = ").expect("a setting");
            assert_eq!(
                resolved("", &[&format!("{key}={value}")]).as_ref(),
                Ok(&config)
            );
        }
    }
}

#[test]
fn lengths_are_parts_of_the_run() {
    let steps = |more: &str, schedule: &str| {
        let text = format!(
            "data.train_images = 1050\ntraining = {{ batch = 100, updates = 95 }}\n{more}\n\
             schedules.learning_rate = {schedule}"
        );
        let config = resolved(&text, &[]).expect(schedule);
        config.schedules["learning_rate"].clone()
    };
    let cosine = |steps: u64| Schedule::from(Cosine::new(steps));
    for (more, length, expected) in [
        ("", "7", 7),
        ("", "'rest'", 95),
        ("", "'10 %'", 10),
        ("", "'50%'", 48),
        // The last 50 images are no batch.
        ("", "'3 epochs'", 30),
        ("", "'1 epoch'", 10),
        ("", "'0.5 epochs'", 5),
        ("data.validation_images = 250", "'1 epoch'", 8),
        ("accumulate = 10", "'rest'", 9),
        ("accumulate = 10", "'2 epochs'", 2),
        ("accumulate = 10", "9", 9),
    ] {
        let found = steps(more, &format!("{{ cosine.steps = {length} }}"));
        assert_eq!(found, cosine(expected), "{more} {length}");
    }
    let warm_up = "{ warm-up = { steps = '20 %', start_factor = 0, \
                   then = { product = [{ cosine.steps = 'rest' }, 'constant'] } } }";
    let then = Schedule::Product(vec![cosine(76), Schedule::Constant]);
    let expected = WarmUp::new(19).with_start_factor(0.0).then(then);
    assert_eq!(steps("", warm_up), Schedule::from(expected));
    let joined = "{ joined = { milestones = ['1 epoch', 30], schedules = [\
                  { cosine.steps = 'rest' }, { cosine.steps = 'rest' }, { cosine.steps = 'rest' }] } }";
    let Schedule::Joined(found) = steps("", joined) else {
        panic!("a joined schedule");
    };
    assert_eq!(found.milestones, [10, 30]);
    assert_eq!(found.schedules, [10, 20, 65].map(cosine));
    let text = "training.updates = 40\nweights = [{ swa = { from = '75 %' } }]";
    let config = resolved(text, &["training.updates=80"]).expect("a config");
    assert!(matches!(&config.weights[0], WeightStage::Swa(swa) if swa.from == 60));
}

#[test]
fn an_epoch_of_all_images_is_that_of_the_data() {
    let text = "training.batch = 100\nschedules.learning_rate.cosine.steps = '2 epochs'";
    let config = resolved(text, &[]).expect("a config");
    assert_eq!(config.schedules["learning_rate"], Cosine::new(1200).into());
}

#[test]
fn a_training_is_as_long_as_its_epochs() {
    let text = "
        data.train_images = 1050
        training = { batch = 100, epochs = 3, evaluate_every = '1 epoch' }
        weights = [{ swa = { from = '50 %' } }]
        [methods.one]
    ";
    for (set, updates, evaluate_every) in [
        (&[][..], 30, 10),
        (&["training.epochs=0.5"], 5, 10),
        (
            &["training.updates=7", "training.evaluate_every=50 %"],
            7,
            4,
        ),
        (&["methods.one.training.updates=2 epochs"], 20, 10),
        (&["training.batch=50", "training.evaluate_every=5"], 63, 5),
    ] {
        let set: Vec<&str> = set.iter().map(|text| *text as &str).collect();
        let config = resolved(text, &set).expect("a config");
        let found = (config.training.updates, config.training.evaluate_every);
        assert_eq!(found, (updates, evaluate_every), "{set:?}");
        let half = updates.div_ceil(2);
        assert!(matches!(&config.weights[0], WeightStage::Swa(swa) if swa.from == half));
    }
}

#[test]
fn a_method_and_set_override_parts_of_a_recipe() {
    let text = "
        schedules.learning_rate.cosine = { steps = 100, end_value = 0.001 }
        gradients = [{ clip-value = 1.0 }]
        [methods.one]
        schedules.learning_rate.cosine.steps = 50
        gradients = []
        accumulate.form = 'sum'
    ";
    let set = ["accumulate.steps=2", "weights=[{ ema = 0.9 }]"];
    let config = resolved(text, &set).expect("a config");
    let cosine = Cosine::new(50).with_end_value(0.001);
    assert_eq!(config.schedules["learning_rate"], cosine.into());
    assert_eq!((config.gradients.len(), config.accumulate.steps), (0, 2));
    assert_eq!(config.weights, [Ema::new(0.9).into()]);
    // Another kind replaces the schedule.
    let set = ["accumulate=2", "schedules.learning_rate.step.period=9"];
    let config = resolved(text, &set).expect("a config");
    let kind = downhill::schedule::Step::new(9);
    assert_eq!(config.schedules["learning_rate"], kind.into());
}

#[test]
fn a_grid_and_a_search_vary_a_recipe() {
    let text = format!(
        "{CONFIG}\n[schedules.learning_rate]\ncosine.steps = 'rest'\n\
         [grid]\nsetting = 'training.updates'\nvalues = [10, 20]"
    );
    let plan = plan(&text, &[]).expect("a plan");
    let steps: Vec<_> = (plan.methods.iter())
        .map(|method| method.config.schedules["learning_rate"].clone())
        .collect();
    let of = |steps: u64| Schedule::from(Cosine::new(steps));
    assert_eq!(steps, [10, 20, 10, 20].map(of));
    let text = crate::experiments::SEARCH.replace(
        "'optimizer.*.learning_rate' = { from = 1e-4, to = 1.0 }",
        "'training.updates' = { from = 2, to = 9 }\n[schedules.learning_rate]\ncosine.steps = 'rest'",
    );
    let bench = Bench::new(Backend::Flex, &text);
    bench.train().expect("it searches");
    for (_, record) in bench.records() {
        let config = read_record(record.as_bytes())
            .expect("a record")
            .header
            .config;
        let steps = &config["schedules"]["learning_rate"]["cosine"]["steps"];
        assert_eq!(*steps, config["training"]["updates"]);
    }
}

#[test]
fn a_dry_run_shows_a_recipe_and_where_it_comes_from() {
    let mut bench = Bench::new(Backend::Flex, &format!("# Does it?\n{RECIPE}"));
    bench.arguments.dry_run = true;
    let (_, text) = bench.train().expect("a dry run");
    let line = |start: &str| {
        let found = text.lines().find(|line| line.starts_with(start));
        found.unwrap_or_else(|| panic!("{start}: {text}"))
    };
    let steps = line("schedules.learning_rate.warm-up.steps = 2 ");
    assert!(steps.ends_with("small.toml (\"1 epoch\" = 2)"), "{steps}");
    let rest = line("schedules.learning_rate.warm-up.then.cosine.steps = 8 ");
    assert!(rest.ends_with("small.toml (\"rest\" = 8)"), "{rest}");
    let decay = line("optimizer.adamw.weight_decay.decoupled = 0.1 ");
    assert!(decay.ends_with("small.toml"), "{decay}");
    assert!(line("gradients = [").contains("max_norm = 0.5"));
    let drawn = line("  learning_rate  ▁");
    assert!(
        drawn.ends_with("first 0, highest 0.01, last 0.0003806 of 10 steps"),
        "{drawn}"
    );
    // Biases are in the group without decay.
    let bias = line("  output.bias");
    assert!(bias.contains("decoupled 0  "), "{bias}");
}

#[test]
fn only_a_recipe_that_keeps_networks_apart_trains_as_an_ensemble() {
    let base = "
        data = { train_images = 100, test_images = 50 }
        training = { batch = 20, updates = 12, evaluate_every = 6 }
        model.hidden = [10]
        optimizer.momentum.learning_rate = 0.05
    ";
    let said = |recipe: &str| {
        let mut bench = Bench::new(Backend::Flex, &format!("# Does it?\n{base}{recipe}"));
        (bench.arguments.ensemble, bench.arguments.dry_run) = (Some(2), true);
        bench.train().expect("a dry run").1
    };
    assert!(said("").contains("up to 2 similar runs as one ensemble\n"));
    let clipped = said("gradients = [{ clip-global-norm = 1.0 }]");
    assert!(
        clipped.contains("as one ensemble; one by one: momentum\n"),
        "{clipped}"
    );
    let runs = |recipe: &str| {
        let mut bench = Bench::new(
            Backend::Flex,
            &format!("# Does it?\nseeds = 2\n{base}{recipe}"),
        );
        bench.arguments.ensemble = Some(2);
        bench.train().expect("it trains");
        let read = |(_, text): (_, String)| read_record(text.as_bytes()).expect("a record");
        bench.records().into_iter().map(read).collect::<Vec<_>>()
    };
    let together = "
        accumulate = 2
        gradients = [{ clip-value = 0.01 }]
        weights = [{ ema = 0.5 }, { lookahead = { period = 2, alpha = 0.5 } }]
        schedules.learning_rate.cosine = { steps = 'rest', end_value = 0.01 }
    ";
    for run in runs(together) {
        assert!(run.header.ensemble);
        let config = resolved(&format!("{base}{together}"), &[]).expect("a config");
        let (alone, _) = train(&config, run.header.seed, Backend::Flex);
        assert_eq!(run.evaluations.len(), alone.len());
        for (found, expected) in run.evaluations.iter().zip(&alone) {
            assert!(
                (found.train.loss - expected.train.loss).abs() < 1e-5,
                "{found:?}"
            );
        }
    }
    for alone in [
        "gradients = [{ clip-global-norm = 1.0 }]",
        "mask = 'cautious'",
        "non_finite = 'skip'",
        "groups = [{ parameters.rank = 1, frozen = true }]",
    ] {
        assert!(
            runs(alone).iter().all(|run| !run.header.ensemble),
            "{alone}"
        );
    }
    // Under a schedule that ends at a value, rates are not in proportion.
    let rates =
        format!("{together}[grid]\nsetting = 'optimizer.*.learning_rate'\nvalues = [0.1, 0.01]");
    for run in runs(&rates) {
        let own = resolved(
            &format!("{base}{together}"),
            &[&format!(
                "optimizer.momentum.learning_rate={}",
                run.header.method.rsplit(' ').next().expect("a rate")
            )],
        );
        let (alone, _) = train(&own.expect("a config"), run.header.seed, Backend::Flex);
        let (found, expected) = (run.evaluations.last(), alone.last());
        let loss = |it: Option<&Evaluation>| it.expect("an evaluation").train.loss;
        assert!((loss(found) - loss(expected)).abs() < 1e-5);
    }
}

#[test]
fn groups_are_selected_by_the_paths_of_the_network() {
    let config = "groups = [{ parameters.like = 'hidden.*', frozen = true }]\nmodel.hidden = [10]\n\
                  data = { train_images = 100, test_images = 50 }\n\
                  training = { batch = 20, updates = 3 }";
    let config = resolved(config, &[]).expect("a config");
    assert_eq!(
        config.groups[0].parameters,
        Parameters::Like("hidden.*".into())
    );
    let (evaluations, _) = train(&config, 1, Backend::Flex);
    assert!(evaluations[2].train.loss < evaluations[0].train.loss);
}
