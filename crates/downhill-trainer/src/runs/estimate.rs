//! Estimates the time of a plan for `--dry-run`, from finished runs with the same settings, or from
//! a few updates and an evaluation.

use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use burn::tensor::Device;
use downhill_cli::backend::Backend;
use downhill_cli::train::TrainArguments;
use downhill_data::ImagePair;
use downhill_report::duration;
use downhill_report::record::Evaluation;

use crate::config::tables::kind::Kind;
use crate::config::training::{Amount, LoopConfig, TrainingConfig};
use crate::device;
use crate::device::shared::{RunImages, SharedImages};
use crate::error::TrainError;
use crate::plan::Plan;
use crate::plan::runs::{RunPlan, runs};
use crate::runs::store::Store;
use crate::runs::threads::{start, thread_pool};
use crate::training::Training;
use crate::training::observer::{Control, Observer};

/// Seconds to measure all networks, at most, unless two updates of a network take longer.
const MAX_SECONDS: f64 = 1.5;
/// Seconds of updates to measure for each network.
const UPDATE_SECONDS: f64 = 0.25;
/// Updates to measure, at most.
const MAX_UPDATES: usize = 200;
/// Images to measure an evaluation with, at most, besides those of a batch.
const MAX_IMAGES: usize = 2000;

/// Returns the text of `--dry-run` about time: the number of finished runs, the estimated time of
/// the others, and its basis.
///
/// # Errors
///
/// Settings that cannot be trained.
pub(crate) fn text(
    plan: &Plan,
    arguments: &TrainArguments,
    data: &Arc<ImagePair>,
) -> Result<String, TrainError> {
    if let (Kind::Search(search), [method, ..]) = (&plan.kind, &plan.methods[..]) {
        return text_of_search(plan, search.trials, &method.config, arguments, data);
    }
    let store = Store::new(&arguments.runs_dir);
    let all = runs(plan, data);
    let mut records = store.runs(&all);
    if arguments.output.save_weights {
        records.miss_weights(&store);
    }
    if arguments.again {
        records.miss_all_but(|_| Ok(false))?;
    }
    let missing = records.missing();
    let damaged: String = (records.damaged())
        .map(|error| format!("{error}; the run will not be trained\n"))
        .collect();
    let mut text = match records.finished().count() {
        _ if arguments.again => String::new(),
        0 => damaged,
        finished => format!(
            "{finished} of {} runs are finished already\n{damaged}",
            all.len()
        ),
    };
    if missing.is_empty() {
        return Ok(text);
    }
    let finished = seconds_of_finished(&all, &store);
    let unknown = |run: &&&RunPlan<'_>| of_method(&finished, run).is_none();
    let measured = missing.iter().filter(unknown).count();
    if measured > 0 && plan.backend == Backend::Wgpu {
        text.push_str(
            "time: unknown; on wgpu it is estimated from finished runs only, and some methods have \
             none\n",
        );
        return Ok(text);
    }
    let workers = arguments.workers().min(missing.len()).max(1);
    let unmeasured = missing.iter().filter(unknown);
    let kinds = kinds(unmeasured.map(|run| &run.method.config));
    let mut meter = Meter::new(plan.backend, workers, data, kinds)?;
    let mut seconds = 0.0;
    for run in &missing {
        seconds += match of_method(&finished, run) {
            Some(known) => known,
            None => meter.seconds(&run.method.config)?,
        };
    }
    let of_which = match meter.known.len() {
        known if known < kinds => format!("{known} of {kinds} networks, taken for the others"),
        _ => "each network".to_owned(),
    };
    let now = format!("measured now: an evaluation and some updates of {of_which}");
    let judged = match (measured, missing.len()) {
        (0, _) => "from finished runs with the same settings".to_owned(),
        (all, of) if all == of => now,
        (some, _) => format!(
            "from finished runs with the same settings; for {some} runs of methods without any, \
             {now}"
        ),
    };
    let alike = match plan.ensemble {
        1 => "",
        _ => ", trained one by one",
    };
    text.push_str(&format!(
        "time: about {} for {} runs with {workers} at a time{alike}\n      ({judged})\n",
        duration(seconds / workers as f64),
        missing.len(),
    ));
    Ok(text)
}

/// The same for a search, whose trials have the same cost and are not known in advance.
fn text_of_search(
    plan: &Plan,
    trials_of_round: usize,
    config: &TrainingConfig,
    arguments: &TrainArguments,
    data: &Arc<ImagePair>,
) -> Result<String, TrainError> {
    if plan.backend == Backend::Wgpu {
        return Ok("time: unknown on wgpu\n".to_owned());
    }
    let trials = plan.runs();
    // A round waits for the one before.
    let at_once = trials_of_round * plan.seeds.len();
    let workers = arguments.workers().min(at_once).max(1);
    let mut meter = Meter::new(plan.backend, workers, data, 1)?;
    let seconds = meter.seconds(config)? * trials as f64;
    Ok(format!(
        "time: about {} for {trials} runs with {workers} at a time\n      (measured now: an \
         evaluation and some updates; includes runs that are finished already)\n",
        duration(seconds / workers as f64),
    ))
}

/// Mean seconds of the finished runs of each method, by its name.
fn seconds_of_finished(all: &[RunPlan<'_>], store: &Store) -> Vec<(String, f64)> {
    let timings = store.timings(all.iter().map(|run| run.header.run.as_str()));
    let mut sums: Vec<(String, f64, usize)> = Vec::new();
    for run in all {
        let Some(run_seconds) = timings.seconds(&run.header.run) else {
            continue;
        };
        match sums.iter_mut().find(|(name, ..)| *name == run.method.name) {
            Some((_, seconds, runs)) => {
                *seconds += run_seconds;
                *runs += 1;
            }
            None => sums.push((run.method.name.clone(), run_seconds, 1)),
        }
    }
    let mean = |(name, seconds, runs)| (name, seconds / runs as f64);
    sums.into_iter().map(mean).collect()
}

fn of_method(finished: &[(String, f64)], run: &RunPlan<'_>) -> Option<f64> {
    let own = finished.iter().find(|(name, _)| *name == run.method.name);
    own.map(|(_, seconds)| *seconds)
}

/// Measures each kind of network once, with as many copies side by side as will train, because they
/// share caches, memory and the two threads of a core.
struct Meter<'a> {
    backend: Backend,
    device: Device,
    /// The threads of each run.
    pools: Vec<rayon::ThreadPool>,
    data: &'a Arc<ImagePair>,
    /// Until when to measure, and how many kinds of networks are left.
    end: Instant,
    left: usize,
    known: Vec<(TrainingConfig, Speed)>,
}

/// Seconds per update and per evaluation of an image.
#[derive(Clone, Copy)]
struct Speed {
    update: f64,
    image: f64,
}

impl<'a> Meter<'a> {
    /// `kinds` is the number of kinds of networks to measure.
    fn new(
        backend: Backend,
        workers: usize,
        data: &'a Arc<ImagePair>,
        kinds: usize,
    ) -> Result<Self, TrainError> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let pool = |_| thread_pool((cores / workers).max(1));
        Ok(Self {
            backend,
            device: device::open(backend)?,
            pools: (0..workers.min(cores))
                .map(pool)
                .collect::<Result<_, _>>()?,
            data,
            end: Instant::now() + Duration::from_secs_f64(MAX_SECONDS),
            left: kinds,
            known: Vec::new(),
        })
    }

    /// Returns the seconds of a whole run.
    fn seconds(&mut self, config: &TrainingConfig) -> Result<f64, TrainError> {
        let speed = self.speed(config)?;
        let training = &config.training;
        // An update of pre-training counts as one of the network.
        let before = config.pretraining_updates();
        let data = &config.data;
        let images =
            data.train_images.of(self.data.train.len()) + data.test_images.of(self.data.test.len());
        Ok(speed.update * (training.updates + before) as f64
            + speed.image * images as f64 * evaluations(training) as f64)
    }

    fn speed(&mut self, config: &TrainingConfig) -> Result<Speed, TrainError> {
        let kind = kind(config);
        if let Some((_, speed)) = self.known.iter().find(|(known, _)| *known == kind) {
            return Ok(*speed);
        }
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let similar = |(known, _): &&(TrainingConfig, Speed)| known.model == kind.model;
            let similar = self.known.iter().find(similar).or(self.known.last());
            if let Some((_, speed)) = similar {
                return Ok(*speed);
            }
        }
        let share = left.as_secs_f64() / self.left.max(1) as f64;
        let speed = self.measure(config, share.min(UPDATE_SECONDS))?;
        self.left = self.left.saturating_sub(1);
        self.known.push((kind, speed));
        Ok(speed)
    }

    /// Measures updates for some seconds, and evaluations of some images.
    fn measure(&self, config: &TrainingConfig, seconds: f64) -> Result<Speed, TrainError> {
        let mut config = config.clone();
        config.training.pretraining.updates = 0;
        // The network is evaluated before and after the first update.
        config.training.updates = u64::MAX;
        config.training.evaluate_every = u64::MAX;
        let some = MAX_IMAGES.max(config.training.batch);
        let data = &mut config.data;
        let trained = data.images_to_train_on(self.data.train.len()).min(some);
        let tested = data.test_images.of(self.data.test.len()).min(MAX_IMAGES);
        data.train_images = Amount::Images(trained);
        data.validation_images = 0;
        data.test_images = Amount::Images(tested);
        let config = &config;
        let data = Arc::clone(self.data);
        let images = SharedImages::new(data, [&config.data], self.backend, &self.device)?;
        let sets = images.of_run(&config.data, 0)?;
        let image = self.data.train.shape();
        let measured = |(seed, sets): (usize, RunImages)| {
            let training = Training {
                config,
                seed: seed as u64,
                train: &sets.train,
                test: &sets.test,
                validation: sets.validation.as_ref(),
                image,
                device: &self.device,
            };
            let mut watch = Watch::new(seconds);
            training.run(&mut watch)?;
            Ok(watch.speed(trained + tested))
        };
        let speeds = thread::scope(|scope| {
            let started: Vec<ScopedJoinHandle<'_, _>> = (self.pools.iter().enumerate())
                .map(|(seed, pool)| {
                    let sets = sets.clone();
                    let measured = &measured;
                    start(scope, move || pool.install(|| measured((seed, sets))))
                })
                .collect::<Result<_, TrainError>>()?;
            let ended = started.into_iter().map(ScopedJoinHandle::join);
            let speeds = ended.map(|speed| speed.expect("training does not panic"));
            speeds.collect::<Result<Vec<Speed>, TrainError>>()
        })?;
        let mean = |seconds: fn(&Speed) -> f64| {
            speeds.iter().map(seconds).sum::<f64>() / speeds.len() as f64
        };
        Ok(Speed {
            update: mean(|speed| speed.update),
            image: mean(|speed| speed.image),
        })
    }
}

/// The number of kinds of networks.
fn kinds<'a>(configs: impl Iterator<Item = &'a TrainingConfig>) -> usize {
    let mut kinds: Vec<TrainingConfig> = Vec::new();
    for kind in configs.map(kind) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds.len()
}

/// The settings without those that hardly change the speed.
fn kind(config: &TrainingConfig) -> TrainingConfig {
    let mut kind = config.clone();
    kind.optimizer.set("learning_rate", 1.0);
    kind.model.weight_decay = f64::from(u8::from(config.model.weight_decay > 0.0));
    kind.training.updates = 1;
    kind.training.evaluate_every = 1;
    kind.training.pretraining.updates = 0;
    kind
}

/// Number of evaluations of a run.
fn evaluations(training: &LoopConfig) -> u64 {
    let last = training.updates - 1;
    let every = training.evaluate_every;
    // Before the first update, after it, then periodically, and after the last.
    1 + last / every + 1 + u64::from(!last.is_multiple_of(every))
}

/// Measures the first updates and evaluations.
struct Watch {
    /// Seconds of updates to measure.
    seconds: f64,
    last: Option<Instant>,
    updates: Vec<f64>,
    evaluations: Vec<f64>,
}

impl Watch {
    fn new(seconds: f64) -> Self {
        Self {
            seconds,
            last: None,
            updates: Vec::new(),
            evaluations: Vec::new(),
        }
    }

    /// Seconds since the last call; 0 at the first.
    fn lap(&mut self) -> f64 {
        let now = Instant::now();
        let last = self.last.replace(now);
        last.map_or(0.0, |last| (now - last).as_secs_f64())
    }

    /// Leaves out the first update, which does one-time work, if there are others.
    fn speed(&self, images: usize) -> Speed {
        let updates = match self.updates.as_slice() {
            [_, others @ ..] if !others.is_empty() => others,
            all => all,
        };
        Speed {
            update: updates.iter().sum::<f64>() / updates.len().max(1) as f64,
            image: self.evaluations.last().copied().unwrap_or(0.0) / images as f64,
        }
    }
}

impl Control for Watch {
    fn updated(&mut self) -> bool {
        let seconds = self.lap();
        self.updates.push(seconds);
        let sum: f64 = self.updates.iter().sum();
        // The first is followed by an evaluation.
        self.updates.len() < 2 || (sum < self.seconds && self.updates.len() < MAX_UPDATES)
    }
}

impl Observer for Watch {
    fn evaluated(&mut self, _evaluation: &Evaluation) -> Result<(), TrainError> {
        let seconds = self.lap();
        // The evaluation before the first update is not timed: nothing precedes it.
        if !self.updates.is_empty() {
            self.evaluations.push(seconds);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evaluations_are_those_that_training_makes() {
        for updates in 1..20 {
            for evaluate_every in 1..20 {
                let training = LoopConfig {
                    updates,
                    evaluate_every,
                    ..LoopConfig::default()
                };
                let made = (1..=updates).filter(|update| training.evaluates_after(*update));
                assert_eq!(evaluations(&training), 1 + made.count() as u64);
            }
        }
    }

    #[test]
    fn a_dry_run_measures_for_two_seconds() {
        let configs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
        let data = Arc::new(downhill_data::load_mnist().unwrap());
        let runs_dir = tempfile::tempdir().unwrap();
        for (name, words) in [
            ("lenet", vec![]),
            ("zeiler", vec![]),
            ("two-layer", vec!["training.evaluate_every=1".to_owned()]),
        ] {
            let arguments = TrainArguments {
                overrides: words,
                runs_dir: runs_dir.path().into(),
                workers: Some(1),
                ..TrainArguments::default()
            };
            let path = configs.join(name).with_extension("toml");
            let text = std::fs::read_to_string(&path).unwrap();
            let file = crate::config::file::ExperimentFile::parse(&path, text).unwrap();
            let plan = Plan::resolve(&file, &arguments).unwrap();
            let start = Instant::now();
            let said = super::text(&plan, &arguments, &data).unwrap();
            // On a machine with other work it takes longer.
            assert!(start.elapsed().as_secs_f64() < 5.0, "{:?}", start.elapsed());
            assert!(said.contains("measured now"), "{said}");
        }
    }

    #[test]
    fn rates_do_not_change_the_kind_and_widths_do() {
        let config = TrainingConfig::default();
        let mut other = config.clone();
        other.optimizer.set("learning_rate", 0.5);
        other.training.updates = 7;
        assert_eq!(kind(&config), kind(&other));
        other.model.hidden = vec![51];
        assert_ne!(kind(&config), kind(&other));
    }
}
