//! Descents of several functions of two variables from many starts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use downhill::DescentConfig;
use downhill_cli::train::TrainArguments;
use downhill_report::statistics::{Costs, describe_costs, median};
use downhill_report::{
    About, Landscape, LandscapeDescent, LandscapeDescents, LandscapeMethod, LandscapeTuning,
    LandscapesReport, TriedRate,
};

use crate::config::tables::landscapes::{LandscapeConfig, LandscapesConfig};
use crate::config::tables::plane::{PlaneFunction, shown_formula};
use crate::device;
use crate::done::Done;
use crate::error::TrainError;
use crate::experiments::descent::{Place, path};
use crate::experiments::output::Output;
use crate::experiments::report::{ReportFiles, about, write};
use crate::plan::Plan;
use crate::plan::method::MethodPlan;
use crate::plan::runs::report_name_of;
use crate::plan::text::config_toml;
use crate::runs::store::Store;
use crate::runs::threads::start;

/// A function with the starts of all seeds.
struct Ground {
    function: PlaneFunction,
    /// A descent is over at this value or a lower one.
    goal: f64,
    starts: Vec<[f64; 2]>,
    tuning_starts: Vec<[f64; 2]>,
}

/// Descends each function with each method, chooses learning rates, and reports.
pub(crate) fn explore(
    arguments: &TrainArguments,
    plan: &Plan,
    config: &LandscapesConfig,
    store: &Store,
    out: &mut Output<'_>,
) -> Result<Done, TrainError> {
    let began = Instant::now();
    let device = device::open(plan.backend)?;
    let place = Place {
        backend: plan.backend,
        device: &device,
    };
    let grounds = grounds(plan, config)?;
    let methods = &plan.methods;
    let rates = &config.learning_rates;
    let pairs = grounds.len() * methods.len();
    let of_pair = |pair: usize| {
        (
            &grounds[pair / methods.len()],
            &methods[pair % methods.len()],
        )
    };
    let workers = arguments.workers();

    let tried = side_by_side(workers, pairs * rates.len(), &|job| {
        let (ground, method) = of_pair(job / rates.len());
        let rate = rates[job % rates.len()];
        let descent = at_rate(method, Some(rate))?;
        let descents = ground.descents(&descent, &ground.tuning_starts, config.updates, place)?;
        Ok(tried_rate(rate, &descents))
    })?;
    let tuned: Vec<&[TriedRate]> = match rates.len() {
        0 => vec![&[]; pairs],
        rates => tried.chunks(rates).collect(),
    };
    let found = side_by_side(workers, pairs, &|pair| {
        let (ground, method) = of_pair(pair);
        let rate = chosen(tuned[pair]);
        let descent = at_rate(method, rate)?;
        let rate = rate.or(descent.optimizer.get("learning_rate"));
        let descents = ground.descents(&descent, &ground.starts, config.updates, place)?;
        Ok((rate, descents))
    })?;

    let values: Vec<_> = (grounds.iter())
        .map(|ground| |x: f64, y: f64| ground.function.value([x, y]))
        .collect();
    let mut found = found.into_iter().zip(tuned);
    let landscapes = config.in_order().zip(&values);
    let landscapes = landscapes.map(|((name, function), value)| Landscape {
        name: name.to_owned(),
        formula: shown_formula(&function.function),
        function: value,
        x: (function.x[0], function.x[1]),
        y: (function.y[0], function.y[1]),
        minimum: function.minimum,
        minima: function.minima.iter().map(|[x, y]| (*x, *y)).collect(),
        methods: (found.by_ref().take(methods.len()))
            .map(|((rate, descents), tried)| LandscapeDescents {
                rate,
                tried: tried.to_vec(),
                descents,
            })
            .collect(),
    });
    let report = LandscapesReport {
        about: About {
            device: device::describe(plan.backend, &device),
            seeds: plan.seeds.clone(),
            ..about(arguments, plan)
        },
        updates: config.updates,
        tolerance: config.tolerance,
        tuning: config.tuning_starts.map(|starts| LandscapeTuning {
            starts: starts * plan.seeds.len(),
            rates: rates.clone(),
        }),
        methods: (methods.iter())
            .map(|method| LandscapeMethod {
                name: method.name.clone(),
                changes: method.changes.clone(),
            })
            .collect(),
        landscapes: landscapes.collect(),
    };
    out.say(&format!("\n{}\n", report.text()));
    write(
        &ReportFiles {
            name: report_name_of(plan, &[&config_toml(plan)]),
            csv: report.csv(),
            page: report.html(),
            pictures: report.pictures(),
            findings: report.findings(),
        },
        store,
        out,
    )?;
    out.say(&format!(
        "time: {}\n",
        downhill_report::duration(began.elapsed().as_secs_f64())
    ));
    Ok(Done::Finished)
}

/// Refuses what cannot descend: makes the first update of each method on each function.
pub(crate) fn check(plan: &Plan, config: &LandscapesConfig) -> Result<(), TrainError> {
    let device = device::open(plan.backend)?;
    let place = Place {
        backend: plan.backend,
        device: &device,
    };
    for ground in grounds(plan, config)? {
        for method in &plan.methods {
            let descent = at_rate(method, config.learning_rates.first().copied())?;
            ground.descents(&descent, &ground.starts[..1], 1, place)?;
        }
    }
    Ok(())
}

/// The functions with their starts, at each of which they must be finite.
fn grounds(plan: &Plan, config: &LandscapesConfig) -> Result<Vec<Ground>, TrainError> {
    let ground = |(name, written): (&str, &LandscapeConfig)| {
        let of_seeds = |number: usize, draw: &dyn Fn(u64, usize) -> Vec<[f64; 2]>| {
            let seeds = plan.seeds.iter();
            seeds.flat_map(|seed| draw(*seed, number)).collect()
        };
        let ground = Ground {
            function: written.function(name, &plan.tables)?,
            goal: written.minimum + config.tolerance,
            starts: of_seeds(config.starts, &|seed, number| written.starts(seed, number)),
            tuning_starts: of_seeds(config.tuning_starts.unwrap_or(0), &|seed, number| {
                written.tuning_starts(seed, number)
            }),
        };
        let mut starts = ground.starts.iter().chain(&ground.tuning_starts);
        match starts.find(|start| !ground.function.is_finite_at(**start)) {
            Some([x, y]) => {
                let path = format!("landscapes.functions.{name}.function");
                let message = format!(
                    "{path}: the function or its gradient is not finite at the start ({x}, {y}); \
                     give it another region"
                );
                Err(plan.tables.blame(&path, &message))
            }
            None => Ok(ground),
        }
    };
    config.in_order().map(ground).collect()
}

impl Ground {
    /// Descends from each start, each time with a new optimizer.
    fn descents(
        &self,
        descent: &DescentConfig,
        starts: &[[f64; 2]],
        updates: u64,
        place: Place<'_>,
    ) -> Result<Vec<LandscapeDescent>, TrainError> {
        let is_reached = |point: [f64; 2]| self.function.value(point) <= self.goal;
        let from = |(index, start): (usize, &[f64; 2])| {
            let mut points = path(descent, &self.function, *start, updates, place, &is_reached)?;
            let made = points.len() as u64 - 1;
            let end = points.last().copied().unwrap_or(*start);
            let reached = is_reached(end);
            if index >= LandscapesReport::PATHS {
                points = vec![*start, end];
            }
            Ok(LandscapeDescent {
                diverged: !reached && made < updates,
                reached: reached.then_some(made),
                value: self.function.value(end),
                points: points.into_iter().map(|[x, y]| (x, y)).collect(),
            })
        };
        starts.iter().enumerate().map(from).collect()
    }
}

/// The whole recipe of a method, at another learning rate if there is one.
fn at_rate(method: &MethodPlan, rate: Option<f64>) -> Result<DescentConfig, TrainError> {
    let mut descent = method.config.descent();
    if let Some(rate) = rate
        && !descent.optimizer.set("learning_rate", rate)
    {
        return Err(TrainError::Config(format!(
            "landscapes.learning_rates: {}, the optimizer of method `{}`, has no learning rate to \
             choose; remove the method, or landscapes.learning_rates",
            descent.optimizer.name(),
            method.name
        )));
    }
    Ok(descent)
}

/// How the descents at a rate went.
fn tried_rate(rate: f64, descents: &[LandscapeDescent]) -> TriedRate {
    let updates = descents.iter().map(LandscapeDescent::cost);
    let costs: Costs = (0..).zip(updates).collect();
    let values: Vec<f64> = descents.iter().map(LandscapeDescent::final_value).collect();
    TriedRate {
        rate,
        reached: describe_costs(&costs).map_or(0, |costs| costs.reached),
        median_updates: describe_costs(&costs).map_or(f64::INFINITY, |costs| costs.median),
        median_value: median(&values).unwrap_or(f64::INFINITY),
    }
}

/// The rate at which most descents reach the minimum; of several, that with the fewest updates by
/// the median, then that with the lowest median of the last values, then the first.
fn chosen(tried: &[TriedRate]) -> Option<f64> {
    let best = tried.iter().min_by(|one, other| {
        (other.reached.cmp(&one.reached))
            .then(one.median_updates.total_cmp(&other.median_updates))
            .then(one.median_value.total_cmp(&other.median_value))
    });
    best.map(|best| best.rate)
}

/// Does jobs on several threads. The results are in the order of the jobs, and do not depend on the
/// number of workers.
fn side_by_side<T: Send>(
    workers: usize,
    jobs: usize,
    work: &(dyn Fn(usize) -> Result<T, TrainError> + Sync),
) -> Result<Vec<T>, TrainError> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let job = next.fetch_add(1, Ordering::Relaxed);
            if job >= jobs {
                return done;
            }
            let result = work(job);
            if result.is_err() {
                next.store(jobs, Ordering::Relaxed);
            }
            done.push((job, result));
        }
    };
    let mut done = thread::scope(|scope| {
        let started = (0..workers.clamp(1, jobs.max(1))).map(|_| start(scope, worker));
        let started: Vec<_> = started.collect::<Result<_, _>>()?;
        let joined = started.into_iter().map(|handle| match handle.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        Ok::<Vec<_>, TrainError>(joined.flatten().collect())
    })?;
    done.sort_by_key(|(job, _)| *job);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_jobs_for_any_number_of_workers() {
        for workers in [1, 2, 7] {
            let squares = side_by_side(workers, 20, &|job| Ok(job * job)).unwrap();
            let expected: Vec<usize> = (0..20).map(|job| job * job).collect();
            assert_eq!(squares, expected, "{workers}");
            assert!(side_by_side(workers, 0, &|job| Ok(job)).unwrap().is_empty());
            let failed = side_by_side(workers, 20, &|job| match job {
                3 => Err(TrainError::WrongGradient),
                job => Ok(job),
            });
            assert!(failed.is_err());
        }
    }

    #[test]
    fn the_rate_that_reaches_most_is_chosen_then_the_quickest_then_the_lowest() {
        let tried = |rate, reached, median_updates, median_value| TriedRate {
            rate,
            reached,
            median_updates,
            median_value,
        };
        let never = f64::INFINITY;
        let reaches = [tried(0.1, 3, never, 0.5), tried(0.2, 4, never, 0.9)];
        assert_eq!(chosen(&reaches), Some(0.2));
        let quick = [tried(0.1, 4, 90.0, 0.1), tried(0.2, 4, 80.0, 0.2)];
        assert_eq!(chosen(&quick), Some(0.2));
        let low = [
            tried(0.1, 0, never, never),
            tried(0.2, 0, never, 0.2),
            tried(0.3, 0, never, 0.2),
        ];
        assert_eq!(chosen(&low), Some(0.2));
        assert_eq!(chosen(&[]), None);
    }
}
