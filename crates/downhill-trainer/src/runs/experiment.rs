//! What makes an experiment beside its runs: its question, its methods in order, its baseline, grid
//! and target, published results and searches. It is written when training begins, so that `report`
//! shows later what `train` showed.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use downhill_cli::repeat::command;
use downhill_cli::train::TrainArguments;
use downhill_report::record::Versions;
use downhill_report::{
    About, AccuracyTarget, Cell, Experiment, Grid, Method, Published, PublishedTrials, RunRecord,
    SearchedSetting, TargetImages,
};
use serde::{Deserialize, Serialize};

use crate::code::versions;
use crate::error::TrainError;
use crate::plan::Plan;
use crate::plan::runs::{RunPlan, report_name_of};
use crate::plan::text::config_toml;
use crate::runs::files::write_if_changed;
use crate::runs::store::Store;
use crate::runs::timings::Timings;

/// The version of the file's format; a reader refuses any other.
const FORMAT: u32 = 1;

/// The records of runs by the hash in their headers.
pub(crate) type ByHash<'a> = HashMap<&'a str, &'a RunRecord>;

/// Finds records by the hash in their headers.
pub(crate) fn by_hash<'a>(records: impl IntoIterator<Item = &'a RunRecord>) -> ByHash<'a> {
    let pairs = records.into_iter();
    pairs
        .map(|record| (record.header.run.as_str(), record))
        .collect()
}

/// An experiment without its runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ExperimentRecord {
    format: u32,
    pub(crate) name: String,
    question: String,
    command: String,
    backend: String,
    versions: Versions,
    config_toml: String,
    baseline: Option<String>,
    grid: Option<Grid>,
    target: Option<Target>,
    published: Option<Published>,
    methods: Vec<MethodRecord>,
    pub(crate) search: Option<SearchRecord>,
}

/// An accuracy to reach.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Target {
    accuracy: f64,
    on: TargetImages,
}

/// A method with the hashes of its runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct MethodRecord {
    name: String,
    changes: Vec<String>,
    cell: Option<Cell>,
    runs: Vec<String>,
}

/// A random search.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SearchRecord {
    pub(crate) settings: Vec<SearchedSetting>,
    /// One search for each seed.
    pub(crate) searches: Vec<SeedRecord>,
    pub(crate) published: Option<PublishedTrials>,
}

/// The search of one seed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SeedRecord {
    pub(crate) seed: u64,
    pub(crate) rounds: Vec<RoundRecord>,
}

/// One round of a search.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RoundRecord {
    pub(crate) ranges: Vec<(f64, f64)>,
    pub(crate) trials: Vec<TrialRecord>,
}

/// A trial with the hash of its run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TrialRecord {
    pub(crate) values: Vec<f64>,
    pub(crate) run: String,
}

impl ExperimentRecord {
    pub(crate) fn of(plan: &Plan, arguments: &TrainArguments) -> Self {
        Self {
            format: FORMAT,
            name: plan.name.clone(),
            question: plan.question.clone(),
            command: command(arguments),
            backend: plan.backend.name().to_owned(),
            versions: versions(),
            config_toml: config_toml(plan),
            baseline: plan.baseline.clone(),
            grid: plan.grid.clone(),
            target: plan.target.map(|target| Target {
                accuracy: target.accuracy,
                on: target.on,
            }),
            published: plan.published.clone(),
            methods: Vec::new(),
            search: None,
        }
    }

    /// The same with the methods of a plan and their runs.
    pub(crate) fn with_runs(mut self, plan: &Plan, all: &[RunPlan<'_>]) -> Self {
        let mut runs: HashMap<&str, Vec<String>> = HashMap::new();
        for run in all {
            let header = &run.header;
            runs.entry(&header.method)
                .or_default()
                .push(header.run.clone());
        }
        let methods = plan.methods.iter().map(|method| MethodRecord {
            name: method.name.clone(),
            changes: method.changes.clone(),
            cell: method.cell.clone(),
            runs: runs.remove(method.name.as_str()).unwrap_or_default(),
        });
        self.methods = methods.collect();
        self
    }

    /// The hashes of all runs.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &str> {
        let search = self.search.iter().flat_map(|search| &search.searches);
        let trials = search
            .flat_map(|seed| &seed.rounds)
            .flat_map(|round| &round.trials);
        let of_methods = self.methods.iter().flat_map(|method| &method.runs);
        of_methods
            .chain(trials.map(|trial| &trial.run))
            .map(String::as_str)
    }

    /// The hashes of the runs of the first round of a search.
    pub(crate) fn runs_of_first_round(&self) -> impl Iterator<Item = &str> {
        let search = self.search.iter().flat_map(|search| &search.searches);
        let rounds = search.filter_map(|seed| seed.rounds.first());
        rounds
            .flat_map(|round| &round.trials)
            .map(|trial| trial.run.as_str())
    }

    /// The experiment with those of its runs that are known; `None` if there is none.
    pub(crate) fn experiment(&self, known: &ByHash<'_>, timings: &Timings) -> Option<Experiment> {
        let runs = || self.runs().filter_map(|run| known.get(run));
        let names = || runs().map(|run| run.header.run.as_str());
        let header = &runs().next()?.header;
        let methods = self.methods.iter().map(|method| Method {
            name: method.name.clone(),
            changes: method.changes.clone(),
            cell: method.cell.clone(),
            runs: (method.runs.iter())
                .filter_map(|run| known.get(run.as_str()).copied().cloned())
                .collect(),
        });
        let seconds = |run: &str| Some((run.to_owned(), timings.seconds(run)?));
        Some(Experiment {
            name: self.name.clone(),
            question: self.question.clone(),
            command: self.command.clone(),
            backend: self.backend.clone(),
            device: timings.device(),
            versions: header.versions.clone(),
            is_by_other_code: !header.versions.is_same_code(&versions()),
            data: header.data.clone(),
            config_toml: self.config_toml.clone(),
            training_seconds: timings.total(names()),
            target: self.target.map(|target| AccuracyTarget {
                accuracy: target.accuracy,
                on: target.on,
                run_seconds: names().filter_map(seconds).collect(),
            }),
            baseline: self.baseline.clone(),
            grid: self.grid.clone(),
            published: self.published.clone(),
            methods: methods.collect(),
        })
    }

    /// What is known of a search besides its trials; `None` without a known run.
    pub(crate) fn about(&self, known: &ByHash<'_>, timings: &Timings) -> Option<About> {
        let runs = || self.runs().filter_map(|run| known.get(run));
        let search = self.search.as_ref()?;
        Some(About {
            name: self.name.clone(),
            question: self.question.clone(),
            command: self.command.clone(),
            backend: self.backend.clone(),
            device: timings.device(),
            versions: self.versions.clone(),
            data: Some(runs().next()?.header.data.clone()),
            config_toml: self.config_toml.clone(),
            seconds: timings.total(runs().map(|run| run.header.run.as_str())),
            seeds: search.searches.iter().map(|search| search.seed).collect(),
        })
    }
}

impl Store {
    /// Writes what makes an experiment, under a name that is the same for the same `runs`.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub(crate) fn keep_experiment(
        &self,
        plan: &Plan,
        record: &ExperimentRecord,
        runs: &[&str],
    ) -> Result<(), TrainError> {
        let path = (self.root().join("experiments")).join(report_name_of(plan, runs) + ".json");
        let text = serde_json::to_string(record).expect("an experiment has string keys only");
        write_if_changed(&path, text.as_bytes())
    }

    /// Returns the versions of the last experiment of this name and backend that was made by other
    /// code than that of this program.
    pub(crate) fn trained_by_other_code(&self, plan: &Plan) -> Option<Versions> {
        let experiments = self.experiments(&mut Vec::new()).into_iter();
        let own = versions();
        let mut versions = experiments
            .filter(|it| it.name == plan.name && it.backend == plan.backend.name())
            .map(|it| it.versions);
        versions.find(|it| !it.is_same_code(&own))
    }

    /// Reads what makes the experiments here, the newest first. Damaged files are left out and
    /// added to `damaged`.
    pub(crate) fn experiments(&self, damaged: &mut Vec<TrainError>) -> Vec<ExperimentRecord> {
        let entries = fs::read_dir(self.root().join("experiments"));
        let paths = entries
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        let mut found = Vec::new();
        for path in paths.filter(|path| path.extension().is_some_and(|end| end == "json")) {
            match read(&path) {
                Ok(record) => found.push((written(&path), path, record)),
                Err(error) => damaged.push(error),
            }
        }
        found.sort_by(|one, other| (other.0, &other.1).cmp(&(one.0, &one.1)));
        found.into_iter().map(|(_, _, record)| record).collect()
    }
}

fn written(path: &Path) -> SystemTime {
    let time = fs::metadata(path).and_then(|about| about.modified());
    time.unwrap_or(UNIX_EPOCH)
}

fn read(path: &Path) -> Result<ExperimentRecord, TrainError> {
    let bytes = fs::read(path).map_err(TrainError::file("cannot read", path))?;
    let unusable = |reason: String| {
        let error = std::io::Error::new(ErrorKind::InvalidData, reason);
        TrainError::file("cannot use", path)(error)
    };
    let record: ExperimentRecord =
        serde_json::from_slice(&bytes).map_err(|error| unusable(error.to_string()))?;
    match record.format {
        FORMAT => Ok(record),
        other => Err(unusable(format!(
            "its format must be {FORMAT}, got {other}"
        ))),
    }
}
