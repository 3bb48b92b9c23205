//! The command `report`: a page from existing runs of one or of several experiments.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use downhill_cli::commands::ReportArguments;
use downhill_cli::print::{escaped, print};
use downhill_cli::repeat::quoted;
use downhill_report::record::{ResolvedConfig, RunHeader};
use downhill_report::{
    ComparisonReport, Experiment, Method, Picture, Report, RunRecord, read_record,
};

use crate::code::versions;
use crate::commands::differences::apart;
use crate::commands::restored::restored;
use crate::config::file::ExperimentFile;
use crate::error::TrainError;
use crate::runs::files::{check_png, write_if_changed, write_pictures};

/// Writes a page of the runs in the given directories with its figures; prints the results and the
/// path of the page.
///
/// # Errors
///
/// A directory without finished runs, a file that cannot be written; after the report of the
/// others, damaged records.
pub fn report(arguments: &ReportArguments, out: &mut dyn Write) -> Result<(), TrainError> {
    check_png(arguments.png)?;
    let (mut experiments, mut searches) = (Vec::new(), Vec::new());
    let mut damaged = Vec::new();
    for directory in &arguments.directories {
        let runs = runs_in(directory, &mut damaged)?;
        if runs.is_empty() && damaged.is_empty() {
            return Err(TrainError::Config(format!(
                "no finished run in {}; give a directory written by `train --runs-dir`, or that \
                 of a run",
                directory.display()
            )));
        }
        let restored = restored(directory, runs, &mut damaged);
        experiments.extend(restored.experiments);
        searches.extend(restored.searches);
        experiments.extend(grouped(directory, restored.others));
    }
    if experiments.is_empty() && searches.is_empty() {
        return Err(TrainError::Damaged(damaged));
    }
    name_apart(&mut experiments);
    let reports: Vec<Report<'_>> = (experiments.iter())
        .map(Report::of)
        .collect::<Result<_, _>>()?;
    let (page, pictures, text) = match &reports[..] {
        [] => Default::default(),
        [report] => {
            let text = format!("{}\n{}", report.text(), list(report.findings()));
            (report.html(), report.pictures(), text)
        }
        [first, others @ ..] => {
            let table = |report: &Report<'_>| {
                let findings = list(report.findings());
                format!(
                    "{}\n{}\n{findings}\n",
                    report.experiment().name,
                    report.text()
                )
            };
            let tables: String = reports.iter().map(table).collect();
            let comparison = ComparisonReport::of(first, others);
            let text = tables + &list(comparison.findings());
            (comparison.html(), comparison.pictures(), text)
        }
    };
    let mut write = |path: &Path, page: &str, pictures: &[Picture], text: &str| {
        write_if_changed(path, page.as_bytes())?;
        let say = |text: &str, out: &mut dyn Write| {
            print(out, &escaped(text)).map_err(TrainError::output)
        };
        say(&format!("{text}\nreport: {}\n", path.display()), out)?;
        for sentence in write_pictures(path, pictures, arguments.png)? {
            say(&format!("{sentence}\n"), out)?;
        }
        Ok::<(), TrainError>(())
    };
    let page_path = (arguments.out.clone()).unwrap_or_else(|| default_page(&arguments.directories));
    if !reports.is_empty() {
        write(&page_path, &page, &pictures, &text)?;
    }
    for (at, search) in searches.iter().enumerate() {
        let path = match reports.len() + searches.len() {
            1 => page_path.clone(),
            _ => beside(&page_path, &format!("search-{}", at + 1)),
        };
        let text = format!("{}\n{}", search.about.name, list(search.findings()));
        write(&path, &search.html(), &search.pictures(), &text)?;
    }
    for experiment in experiments.iter().filter(|it| it.is_by_other_code) {
        let text = format!(
            "note: the runs of {} were made by other code ({}) than that of this program\n",
            experiment.name, experiment.versions
        );
        print(out, &escaped(&text)).map_err(TrainError::output)?;
    }
    TrainError::of_damaged(damaged)
}

fn list(findings: Vec<String>) -> String {
    let lines = findings.into_iter();
    lines.map(|finding| format!("- {finding}\n")).collect()
}

/// The page of a report whose path is not given: in the runs directory of the first directory.
fn default_page(directories: &[PathBuf]) -> PathBuf {
    let first = directories.first().map_or(Path::new(""), PathBuf::as_path);
    let above = |path: &Path| path.canonicalize().ok()?.parent().map(Path::to_path_buf);
    let runs = match first {
        runs if runs.join("trainings").is_dir() => Some(runs.to_path_buf()),
        run if run.join("record.jsonl").is_file() => above(run).and_then(|it| above(&it)),
        trainings => above(trainings),
    };
    let runs = runs.unwrap_or_else(|| first.to_path_buf());
    runs.join("reports").join("report.html")
}

/// The path `NAME-END.html` beside `NAME.html`.
fn beside(page: &Path, end: &str) -> PathBuf {
    let stem = page.file_stem().unwrap_or_default().to_string_lossy();
    page.with_file_name(format!("{stem}-{end}.html"))
}

/// Adds to names that several experiments share what tells the experiments apart.
fn name_apart(experiments: &mut [Experiment]) {
    let headers: Vec<Option<RunHeader>> = (experiments.iter())
        .map(|experiment| {
            let mut runs = experiment.methods.iter().flat_map(|method| &method.runs);
            runs.next().map(|run| run.header.clone())
        })
        .collect();
    let name = |at: usize| headers[at].as_ref().map(|header| &header.experiment);
    let named: Vec<String> = (0..experiments.len())
        .map(|at| {
            let same: Vec<usize> = (0..experiments.len())
                .filter(|&other| name(other) == name(at))
                .collect();
            let own = same.iter().position(|&other| other == at).unwrap_or(0);
            let headers: Vec<&RunHeader> =
                same.iter().filter_map(|&at| headers[at].as_ref()).collect();
            let apart = match headers.len() {
                0 | 1 => String::new(),
                _ => apart(&headers)[own].text(),
            };
            match apart.as_str() {
                "" => experiments[at].name.clone(),
                apart => format!("{} ({apart})", experiments[at].name),
            }
        })
        .collect();
    for (experiment, name) in experiments.iter_mut().zip(named) {
        experiment.name = name;
    }
}

/// Reads the runs of a runs directory, or the run whose own directory it is. Damaged records are
/// left out and named.
fn runs_in(directory: &Path, damaged: &mut Vec<TrainError>) -> Result<Vec<RunRecord>, TrainError> {
    let mut known = HashSet::new();
    let mut configs: HashMap<String, ResolvedConfig> = HashMap::new();
    let mut keep = |path: &PathBuf| match read(path) {
        Ok(record) if !known.insert(record.header.run.clone()) => {
            damaged.push(copy(path));
            None
        }
        Ok(mut record) => {
            let header = &mut record.header;
            let last = configs.entry(header.method.clone());
            let last = last.or_insert_with(|| header.config.clone());
            header.config.share(last);
            last.clone_from(&header.config);
            Some(record)
        }
        Err(error) => {
            damaged.push(error);
            None
        }
    };
    let own = directory.join("record.jsonl");
    if own.is_file() {
        return Ok(keep(&own).into_iter().collect());
    }
    let trainings = directory.join("trainings");
    let within = if trainings.is_dir() {
        trainings
    } else {
        directory.to_path_buf()
    };
    let entries = fs::read_dir(&within).map_err(TrainError::file("cannot read", &within))?;
    let records = entries
        .flatten()
        .map(|entry| entry.path().join("record.jsonl"));
    let mut records: Vec<PathBuf> = records.filter(|path| path.is_file()).collect();
    // Those in a directory of their own name come before copies.
    let is_hash = |path: &Path| {
        let name = path.parent().and_then(Path::file_name);
        name.is_some_and(|name| name.len() == 32)
    };
    records.sort_by_key(|path| (!is_hash(path), path.clone()));
    Ok(records.iter().filter_map(keep).collect())
}

fn copy(path: &Path) -> TrainError {
    let error = std::io::Error::new(
        std::io::ErrorKind::InvalidData,
        "it is a copy of another run's record",
    );
    TrainError::file("cannot use", path)(error)
}

fn read(path: &Path) -> Result<RunRecord, TrainError> {
    let bytes = fs::read(path).map_err(TrainError::file("cannot read", path))?;
    read_record(&bytes).map_err(|error| {
        let error = std::io::Error::new(std::io::ErrorKind::InvalidData, error);
        TrainError::file("cannot use", path)(error)
    })
}

/// Groups runs by experiment, backend, versions and data, and within each by method: runs of one
/// method have the same name and the same settings.
fn grouped(directory: &Path, runs: Vec<RunRecord>) -> Vec<Experiment> {
    let mut experiments: Vec<Experiment> = Vec::new();
    for run in runs {
        let header = &run.header;
        let same = |experiment: &Experiment| {
            let first = experiment
                .methods
                .iter()
                .find_map(|method| method.runs.first());
            first.is_some_and(|first| {
                first.header.experiment == header.experiment
                    && first.header.backend == header.backend
                    && first.header.versions.is_same_code(&header.versions)
                    && first.header.data.sha256 == header.data.sha256
            })
        };
        let at = experiments.iter().position(same);
        let at = at.unwrap_or_else(|| {
            experiments.push(empty(directory, &run));
            experiments.len() - 1
        });
        add(&mut experiments[at], run);
    }
    for experiment in &mut experiments {
        let methods = &mut experiment.methods;
        methods.sort_by(|left, right| left.name.cmp(&right.name));
        // The baseline of the config file, if it has runs here.
        let has_runs = |name: &String| methods.iter().any(|method| method.name == *name);
        experiment.baseline = experiment.baseline.take().filter(has_runs);
        for method in &mut experiment.methods {
            method.runs.sort_by_key(|run| run.header.seed);
        }
    }
    experiments
}

fn add(experiment: &mut Experiment, mut run: RunRecord) {
    let alike = |method: &Method| {
        let first = method.runs.first().map(|first| &first.header);
        let seeds = || method.runs.iter().map(|run| run.header.seed);
        first.is_some_and(|first| first.config == run.header.config)
            && seeds().all(|seed| seed != run.header.seed)
    };
    let named = |method: &&mut Method| {
        method.name == run.header.method
            || method.name.starts_with(&format!("{} (", run.header.method))
    };
    let methods = experiment.methods.iter_mut().filter(named);
    let mut others = 0;
    for method in methods {
        if alike(method) {
            run.header.method.clone_from(&method.name);
            method.runs.push(run);
            return;
        }
        others += 1;
    }
    let name = match others {
        0 => run.header.method.clone(),
        others => format!("{} ({})", run.header.method, others + 1),
    };
    run.header.method.clone_from(&name);
    experiment.methods.push(Method {
        name,
        changes: Vec::new(),
        cell: None,
        runs: vec![run],
    });
}

/// An experiment without methods. Question and baseline come from its config file if it exists.
fn empty(directory: &Path, run: &RunRecord) -> Experiment {
    let header = &run.header;
    let file = ExperimentFile::find(&header.experiment).ok();
    let baseline = file
        .as_ref()
        .and_then(|file| file.table.get("baseline")?.as_str());
    Experiment {
        name: header.experiment.clone(),
        question: file.as_ref().map_or_else(
            || format!("What do the runs of {} show?", header.experiment),
            |file| file.question.clone(),
        ),
        command: format!(
            "cargo xtask report {}",
            quoted(&directory.display().to_string())
        ),
        backend: header.backend.clone(),
        device: "as in the timing.json of each run".to_owned(),
        versions: header.versions.clone(),
        is_by_other_code: !header.versions.is_same_code(&versions()),
        data: header.data.clone(),
        config_toml: toml::to_string(&header.config).unwrap_or_default(),
        training_seconds: None,
        target: None,
        baseline: baseline.map(str::to_owned),
        grid: None,
        published: None,
        methods: Vec::new(),
    }
}
