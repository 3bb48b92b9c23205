//! Runs whose loss is not finite: the others go on, and the comparison counts them.

use downhill::OptimizerConfig;
use downhill_report::record::RunOutcome;
use downhill_report::{RunRecord, read_record};
use downhill_trainer::{Backend, Done};

use crate::command::{Bench, CONFIG};
use crate::experiments::SEARCH;

fn records(bench: &Bench) -> Vec<RunRecord> {
    let texts = bench.records().into_iter();
    let read = texts.map(|(_, text)| read_record(text.as_bytes()).expect("a record"));
    read.collect()
}

#[test]
fn every_optimizer_at_a_rate_of_a_million_ends_its_run_and_no_other() {
    let sane = "[methods.sane.optimizer.sgd]\nlearning_rate = 0.1\n";
    let settings = CONFIG
        .split("baseline")
        .next()
        .expect("a question and seeds");
    let settings = format!(
        "{settings}{}",
        &CONFIG[CONFIG.find("\n[data]").expect("data")..CONFIG.find("[optimizer").expect("one")]
    );
    let training = "[training]\nbatch = 20\nupdates = 30\nevaluate_every = 10\n";
    let mut config = format!("{settings}{training}{sane}");
    let mut all = OptimizerConfig::all();
    // No experiment estimates the Hessian that it needs.
    all.retain(|optimizer| optimizer.name() != "sophia");
    for optimizer in &all {
        let name = optimizer.name();
        config += &format!("[methods.{name}.optimizer.{name}]\nlearning_rate = 1e6\n");
        // The eigenvectors of the 784 pixels take seconds without optimization.
        if ["soap", "shampoo"].contains(&name) {
            config += "max_precondition_dim = 100\n";
        }
    }
    let bench = Bench::new(Backend::Flex, &config);
    let (done, said) = bench.train().expect("divergence is no failure");
    let found = records(&bench);
    assert_eq!(found.len(), 2 * (all.len() + 1));
    let diverged = found.iter().filter(|run| run.end.outcome.is_diverged());
    let diverged = diverged.count();
    assert_eq!(done, Done::Diverged { runs: diverged });
    assert!(diverged > 5, "{diverged} of {}: {said}", found.len());
    assert!(
        said.contains("\nmethod "),
        "a column has room for names: {said}"
    );
    for run in &found {
        let method = &run.header.method;
        match &run.end.outcome {
            RunOutcome::Diverged { update } => {
                assert!((1..=30).contains(update), "{method}: {update}");
                assert_ne!(method, "sane");
            }
            RunOutcome::Finished => {
                let last = run.final_evaluation().expect("an evaluation");
                assert!(last.train.loss.is_finite(), "{method}");
            }
        }
    }
    // What runs beside them is not changed by them.
    let alone = Bench::new(Backend::Flex, &format!("{settings}{training}{sane}"));
    alone.train().expect("it trains");
    let evaluations = |all: Vec<RunRecord>| -> Vec<_> {
        let sane = all.into_iter().filter(|run| run.header.method == "sane");
        sane.map(|run| (run.header.seed, run.evaluations)).collect()
    };
    let (mut found, mut alone) = (evaluations(found), evaluations(records(&alone)));
    found.sort_by_key(|run| run.0);
    alone.sort_by_key(|run| run.0);
    assert_eq!(found, alone);
    // They are finished: nothing is trained again, and the exit code is the same.
    let (again, said) = bench.train().expect("nothing to train");
    assert_eq!(again, done);
    assert!(said.contains("nothing to train"), "{said}");
}

#[test]
fn a_run_diverges_at_the_loss_after_the_step_that_was_infinite() {
    for step in 1..=20_u64 {
        let mut bench = Bench::new(Backend::Flex, CONFIG);
        bench.arguments.methods = vec!["none".into()];
        bench.arguments.seeds = Some(1);
        let jump = format!(
            "schedules.learning_rate={{ multi-step = {{ milestones = [{step}], factor = 1e300 }} }}"
        );
        bench.arguments.overrides = vec!["training.updates=30".into(), jump];
        let (done, _) = bench.train().expect("divergence is no failure");
        assert_eq!(done, Done::Diverged { runs: 1 });
        let found = records(&bench);
        // The step after `step` steps is infinite, and the loss after it shows it.
        let expected = RunOutcome::Diverged { update: step + 1 };
        assert_eq!(found[0].end.outcome, expected);
        // All evaluations before are kept.
        let updates: Vec<u64> = found[0].evaluations.iter().map(|it| it.updates).collect();
        assert!(updates.iter().all(|at| *at <= step + 1), "{updates:?}");
        assert!(updates.len() as u64 > step / 5, "{updates:?}");
    }
}

#[test]
fn a_search_goes_on_after_trials_that_diverge() {
    let rate = "'optimizer.*.learning_rate' = { from = 1e-4, to = 1.0 }";
    assert!(SEARCH.contains(rate));
    let config = SEARCH.replace(
        rate,
        "'optimizer.*.learning_rate' = { from = 1e-2, to = 1e30 }",
    );
    let bench = Bench::new(Backend::Flex, &config);
    let (done, said) = bench.train().expect("divergence is no failure");
    assert!(matches!(done, Done::Diverged { .. }), "{done:?}");
    let found = records(&bench);
    assert_eq!(found.len(), 16, "all trials of two rounds: {said}");
    let diverged = found.iter().filter(|run| run.end.outcome.is_diverged());
    assert!((1..16).contains(&diverged.count()));
    assert!(said.contains("report: "), "{said}");
}
