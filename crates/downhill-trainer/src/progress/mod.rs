//! What the user sees while runs train: a bar on a terminal, a line per evaluation elsewhere.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use downhill_report::record::{Evaluation, Outcome, RunEnd, RunHeader};
use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};

/// Shows how all runs of a command go; shared by those that train at the same time.
#[derive(Debug)]
pub struct Progress {
    /// On a terminal.
    bar: Option<ProgressBar>,
}

impl Progress {
    /// For so many updates in all.
    pub fn new(updates: u64) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(updates);
            bar.set_style(style());
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self { bar }
    }

    /// Shows nothing.
    pub fn silent() -> Self {
        let bar = Some(ProgressBar::hidden());
        Self { bar }
    }

    pub(crate) fn updated(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    pub(crate) fn evaluated(&self, run: &RunHeader, updates: u64, evaluation: &Evaluation) {
        let Evaluation { train, test, .. } = evaluation;
        let name = format!("{} seed {}", run.method, run.seed);
        match &self.bar {
            Some(bar) => bar.set_message(format!(
                "{name}: train {:.1} %, test {:.1} %",
                100.0 * train.accuracy,
                100.0 * test.accuracy
            )),
            None => line(&format!(
                "{name}: update {}/{updates}, loss {:.4}, train {:.4}, test {:.4}",
                evaluation.updates, train.loss, train.accuracy, test.accuracy
            )),
        }
    }

    /// A run ended with so many of its updates left.
    pub(crate) fn ended(&self, run: &RunHeader, left: u64, end: &RunEnd) {
        self.skipped(left);
        if let Outcome::Diverged { update } = end.outcome {
            let text = format!(
                "{} seed {}: the loss stopped being finite at update {update}",
                run.method, run.seed
            );
            match &self.bar {
                Some(bar) => bar.println(text),
                None => line(&text),
            }
        }
    }

    /// So many updates need not be made.
    pub(crate) fn skipped(&self, updates: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(updates);
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style() -> ProgressStyle {
    let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        let _ = write!(out, "{}/s", HumanCount(state.per_sec() as u64));
    };
    ProgressStyle::with_template(
        "{bar:30} {percent:>3} %  {human_pos} of {human_len} updates, {rate}, {eta} left  {wide_msg}",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar())
    .with_key("rate", rate)
}

/// A reader that is gone is no reason to stop training.
fn line(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
