//! What is told of experiments that compare no trainings.

use downhill_data::{Purpose, Stream};
use downhill_model::gradient_check;
use downhill_report::record::Versions;
use downhill_report::{
    About, GradientReport, GradientRow, Picture, PublishedTrials, Round, Search, SearchReport,
    SearchedSetting, Trial, ValleyPath, ValleyReport, differences_csv, paths_csv, trials_csv,
};

use crate::backend::Backend;
use crate::cli::repeat::command;
use crate::cli::train::TrainArguments;
use crate::config::tables::gradient_check::GradientCheckConfig;
use crate::config::tables::search::{Range, SearchConfig, SearchedRange};
use crate::config::tables::valley::ValleyConfig;
use crate::device;
use crate::done::Done;
use crate::error::TrainError;
use crate::experiments::output::Output;
use crate::experiments::search::rounds;
use crate::plan::Plan;
use crate::plan::runs::{BURN_VERSION, report_name_of};
use crate::plan::text::config_toml;
use crate::runs::store::Store;

/// Lets each method's optimizer descend a valley, and reports.
pub(crate) fn descend(
    arguments: &TrainArguments,
    plan: &Plan,
    valley: &ValleyConfig,
    store: &Store,
    out: &mut Output<'_>,
) -> Result<Done, TrainError> {
    let device = device::open(plan.backend)?;
    let mut paths = Vec::with_capacity(plan.methods.len());
    for method in &plan.methods {
        let places = valley.descend(&method.config.optimizer, plan.backend, &device)?;
        paths.push(ValleyPath {
            name: method.name.clone(),
            changes: method.changes.clone(),
            points: places.into_iter().map(|[x, y]| (x, y)).collect(),
        });
    }
    let function = |x: f64, y: f64| valley.value([x, y]);
    let report = ValleyReport {
        about: About {
            device: device::describe(plan.backend, &device),
            ..about(arguments, plan)
        },
        formula: valley.function(),
        function: &function,
        minimum: Some((0.0, 0.0)),
        paths,
    };
    out.say("\n");
    for path in &report.paths {
        let (x, y) = path.points.last().copied().unwrap_or_default();
        out.say(&format!(
            "{:12} ends at ({x:.6}, {y:.6}), f = {:.6}\n",
            path.name,
            function(x, y)
        ));
    }
    write(
        &Told {
            name: report_name_of(plan, &[&config_toml(plan)]),
            csv: paths_csv(&report),
            page: report.render_html(),
            pictures: report.pictures(),
            findings: report.findings(),
        },
        store,
        out,
    )?;
    Ok(Done::Finished)
}

/// Holds backpropagation against differences, and reports.
pub(crate) fn check_gradients(
    arguments: &TrainArguments,
    plan: &Plan,
    check: &GradientCheckConfig,
    store: &Store,
    out: &mut Output<'_>,
) -> Result<Done, TrainError> {
    if plan.backend == Backend::Wgpu {
        let message = "a gradient check needs 64 bits, which wgpu has not; use --backend flex";
        return Err(TrainError::Config(message.into()));
    }
    let device = device::open(plan.backend)?;
    let mut rows: Vec<GradientRow> = Vec::new();
    for &seed in &plan.seeds {
        let mut numbers = Stream::new(seed, Purpose::InitialWeights, 0);
        for found in gradient_check(&device, &mut || numbers.normal()) {
            let same = |row: &&mut GradientRow| {
                row.layer == found.layer && row.parameter == found.parameter
            };
            match rows.iter_mut().find(same) {
                Some(row) => {
                    row.numbers += found.numbers;
                    // What is no number is worse than any.
                    let found = found.largest_difference;
                    if found.is_nan() || found > row.largest_difference {
                        row.largest_difference = found;
                    }
                }
                None => rows.push(GradientRow {
                    // What is computed in 32 bits alone has a bound of its own.
                    limit: if found.bound > 1e-7 {
                        found.bound
                    } else {
                        check.limit
                    },
                    layer: found.layer,
                    parameter: found.parameter,
                    numbers: found.numbers,
                    largest_difference: found.largest_difference,
                }),
            }
        }
    }
    let report = GradientReport {
        about: About {
            device: device::describe(plan.backend, &device),
            seeds: plan.seeds.clone(),
            ..about(arguments, plan)
        },
        rows,
    };
    out.say("\n");
    for row in &report.rows {
        out.say(&format!(
            "{:40} {:28} {:5} numbers  {:.1e}\n",
            row.layer, row.parameter, row.numbers, row.largest_difference
        ));
    }
    let told = Told {
        name: report_name_of(plan, &[&config_toml(plan)]),
        csv: differences_csv(&report),
        page: report.render_html(),
        pictures: report.pictures(),
        findings: report.findings(),
    };
    write(&told, store, out)?;
    let right = |row: &GradientRow| row.largest_difference < row.limit;
    match report.rows.iter().all(right) {
        true => Ok(Done::Finished),
        false => Err(TrainError::WrongGradient),
    }
}

/// Reports the trials of a search, one search for each seed of the plan.
pub(crate) fn report_search(
    arguments: &TrainArguments,
    plan: &Plan,
    search: &SearchConfig,
    store: &Store,
    found: &[Vec<rounds::Round>],
    out: &mut Output<'_>,
) -> Result<Done, TrainError> {
    let trials = || found.iter().flatten().flat_map(|round| &round.trials);
    let runs: Vec<&str> = trials()
        .map(|trial| trial.record.header.run.as_str())
        .collect();
    let timings: Vec<_> = runs.iter().filter_map(|run| store.timing(run)).collect();
    let data = trials()
        .next()
        .map(|trial| trial.record.header.data.clone());
    let setting = |(path, range): (&String, &SearchedRange)| SearchedSetting {
        path: path.clone(),
        name: range.name.clone().unwrap_or_else(|| path.clone()),
        is_log: true,
    };
    let searches = plan.seeds.iter().zip(found).map(|(&seed, rounds)| Search {
        seed,
        rounds: rounds.iter().map(round).collect(),
    });
    let report = SearchReport {
        about: About {
            device: (timings.first()).map_or_else(
                || "a device that was not noted".to_owned(),
                |timing| timing.device.clone(),
            ),
            data,
            seconds: (timings.len() == runs.len())
                .then(|| timings.iter().map(|timing| timing.seconds).sum()),
            seeds: plan.seeds.clone(),
            ..about(arguments, plan)
        },
        settings: search.ranges.iter().map(setting).collect(),
        searches: searches.collect(),
        published: (search.published.as_ref()).map(|published| PublishedTrials {
            source: published.source.clone(),
            trials: (published.trials.iter())
                .map(|trial| (trial.values.values().copied().collect(), trial.validation))
                .collect(),
        }),
    };
    let told = Told {
        name: report_name_of(plan, &runs),
        csv: trials_csv(&report),
        page: report.render_html(),
        pictures: report.pictures(),
        findings: report.findings(),
    };
    out.say("\n");
    write(&told, store, out)?;
    let diverged = trials()
        .filter(|trial| trial.validation().is_none())
        .count();
    Ok(match diverged {
        0 => Done::Finished,
        runs => Done::Diverged { runs },
    })
}

fn round(round: &rounds::Round) -> Round {
    let trial = |(index, trial): (usize, &rounds::Trial)| {
        let evaluations = &trial.record.evaluations;
        let validation = trial.validation();
        let curve = evaluations.iter().filter_map(|evaluation| {
            Some((evaluation.epoch? as f64, evaluation.validation?.accuracy))
        });
        Trial {
            index,
            values: trial.values.clone(),
            validation,
            test: validation.and_then(|_| Some(evaluations.last()?.test.accuracy)),
            curve: curve.collect(),
        }
    };
    let range = |&Range { from, to }: &Range| (from, to);
    Round {
        ranges: round.ranges.iter().map(range).collect(),
        trials: round.trials.iter().enumerate().map(trial).collect(),
    }
}

/// What is known of an experiment before anything is computed.
fn about(arguments: &TrainArguments, plan: &Plan) -> About {
    About {
        name: plan.name.clone(),
        question: plan.question.clone(),
        command: command(arguments),
        backend: plan.backend.name().to_owned(),
        device: String::new(),
        versions: Versions {
            downhill: env!("CARGO_PKG_VERSION").to_owned(),
            burn: BURN_VERSION.to_owned(),
        },
        data: None,
        config_toml: config_toml(plan),
        seconds: None,
        seeds: Vec::new(),
    }
}

/// A report.
struct Told {
    name: String,
    /// Its numbers for other programs.
    csv: String,
    page: String,
    pictures: Vec<Picture>,
    findings: Vec<String>,
}

fn write(told: &Told, store: &Store, out: &mut Output<'_>) -> Result<(), TrainError> {
    for finding in &told.findings {
        out.say(&format!("- {finding}\n"));
    }
    let Told { name, .. } = told;
    store.write_report(&format!("{name}.csv"), &told.csv)?;
    store.write_pictures(name, &told.pictures)?;
    let page = format!("{name}.html");
    store.write_report(&page, &told.page)?;
    let path = store.report(&page);
    out.say(&format!("\nreport: {}\n", path.display()));
    out.object(
        &serde_json::json!({
            "kind": "summary",
            "report": path.display().to_string(),
            "findings": told.findings,
        })
        .to_string(),
    );
    Ok(())
}
