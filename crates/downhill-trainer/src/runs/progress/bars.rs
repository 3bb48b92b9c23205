//! Bars on a terminal: one for the whole plan, one for each current run, and above them the test
//! accuracy of one run as a curve.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use console::Term;
use downhill_cli::print::print_error;
use downhill_report::record::Evaluation;
use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use crate::runs::progress::curve::curve;

/// The largest number of bars of runs; an ensemble may train more runs at a time.
const MAX_BARS: usize = 8;

/// Lines of the curve without its title.
const CURVE_ROWS: usize = 4;
/// Columns of the curve without its labels.
const CURVE_COLUMNS: usize = 60;
/// Smallest terminal that shows the curve.
const TERMINAL_COLUMNS: u16 = 80;
const TERMINAL_ROWS: u16 = 20;

/// All bars of a command.
#[derive(Debug)]
pub(super) struct Bars {
    all: MultiProgress,
    plan: ProgressBar,
    runs: usize,
    shown: AtomicUsize,
    /// Title and lines of the curve; empty if the terminal cannot show it.
    curve: Vec<ProgressBar>,
    /// Number of the run whose curve is shown.
    drawn: Mutex<Option<usize>>,
    begun: AtomicUsize,
}

impl Bars {
    pub(super) fn new(runs: usize, updates: u64) -> Self {
        Self::on(MultiProgress::new(), runs, updates, can_draw())
    }

    fn on(all: MultiProgress, runs: usize, updates: u64, can_draw: bool) -> Self {
        let plan = all.add(ProgressBar::new(updates));
        plan.set_style(style(
            "{bar:24} {percent:>3} %  {human_pos} of {human_len} updates, {rate}, {eta} left  \
             {wide_msg}",
        ));
        plan.set_message(format!("0 of {runs} runs"));
        plan.enable_steady_tick(Duration::from_millis(250));
        let lines = if can_draw { CURVE_ROWS + 1 } else { 0 };
        let line = |_| {
            let line = all.insert_before(&plan, ProgressBar::new(1));
            line.set_style(style("{wide_msg}"));
            line
        };
        let curve = (0..lines).map(line).collect();
        Self {
            all,
            plan,
            runs,
            shown: AtomicUsize::new(0),
            curve,
            drawn: Mutex::new(None),
            begun: AtomicUsize::new(0),
        }
    }

    pub(super) fn begin(&self, name: &str, updates: u64) -> RunBar<'_> {
        let shown = self.shown.fetch_add(1, Ordering::Relaxed);
        let bar = (shown < MAX_BARS).then(|| {
            let bar = self
                .all
                .insert_before(&self.plan, ProgressBar::new(updates));
            bar.set_style(style(
                "{bar:24} {percent:>3} %  {prefix}: {rate}, {eta} left  {wide_msg}",
            ));
            bar.set_prefix(name.to_owned());
            bar
        });
        RunBar {
            bars: self,
            number: self.begun.fetch_add(1, Ordering::Relaxed),
            updates,
            bar,
        }
    }

    pub(super) fn skip(&self, updates: u64) {
        self.plan.inc(updates);
    }

    pub(super) fn ended(&self, ended: usize) {
        (self.plan).set_message(format!("{ended} of {} runs", self.runs));
    }

    /// Prints a line above the bars, which stays.
    pub(super) fn print(&self, line: &str) {
        self.plan.suspend(|| print_error(&format!("{line}\n")));
    }

    pub(super) fn clear(&self) {
        self.curve.iter().for_each(ProgressBar::finish_and_clear);
        self.plan.finish_and_clear();
    }

    /// Whether the curve of this run is shown; the first run to ask is chosen.
    fn draws(&self, number: usize) -> bool {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        *drawn.get_or_insert(number) == number
    }
}

/// The bar of a run; beyond the largest number of bars, only its part of the plan's bar.
#[derive(Debug)]
pub(super) struct RunBar<'a> {
    bars: &'a Bars,
    number: usize,
    updates: u64,
    bar: Option<ProgressBar>,
}

impl RunBar<'_> {
    pub(super) fn updated(&self) {
        self.skip(1);
    }

    pub(super) fn skip(&self, updates: u64) {
        self.bars.plan.inc(updates);
        if let Some(bar) = &self.bar {
            bar.inc(updates);
        }
    }

    pub(super) fn evaluated(&self, name: &str, evaluations: &[Evaluation]) {
        let Some(last) = evaluations.last() else {
            return;
        };
        let test = format!("{:.1} %", 100.0 * last.test.accuracy);
        if !self.bars.curve.is_empty() && self.bars.draws(self.number) {
            let points: Vec<_> = (evaluations.iter())
                .map(|evaluation| (evaluation.updates, evaluation.test.accuracy))
                .collect();
            let rows = curve(&points, self.updates, CURVE_COLUMNS, CURVE_ROWS);
            let title = format!("{name}, accuracy on test images: {test}");
            for (line, text) in self.bars.curve.iter().zip([title].into_iter().chain(rows)) {
                line.set_message(text);
            }
        }
        if let Some(bar) = &self.bar {
            bar.set_message(format!("test {test}"));
        }
    }
}

impl Drop for RunBar<'_> {
    fn drop(&mut self) {
        self.bars.shown.fetch_sub(1, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            self.bars.all.remove(bar);
        }
        let mut drawn = (self.bars.drawn.lock()).unwrap_or_else(PoisonError::into_inner);
        if *drawn == Some(self.number) {
            *drawn = None;
        }
    }
}

/// Whether the terminal has the room and the characters for a curve.
fn can_draw() -> bool {
    let (rows, columns) = Term::stderr().size();
    columns >= TERMINAL_COLUMNS && rows >= TERMINAL_ROWS && speaks_unicode()
}

/// By the POSIX rule: the first of these variables that is set and not empty.
fn speaks_unicode() -> bool {
    if cfg!(not(unix)) {
        return true;
    }
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
    locale.is_some_and(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

fn style(template: &str) -> ProgressStyle {
    let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        let _ = write!(out, "{}/s", HumanCount(state.per_sec() as u64));
    };
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("rate", rate)
}

#[cfg(test)]
mod tests {
    use downhill_report::record::RunOutcome;
    use downhill_sample as sample;
    use indicatif::{InMemoryTerm, ProgressDrawTarget};

    use super::*;

    fn bars(terminal: &InMemoryTerm, can_draw: bool) -> Bars {
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(terminal.clone()), 255);
        Bars::on(MultiProgress::with_draw_target(target), 3, 300, can_draw)
    }

    #[test]
    fn each_run_has_its_bar_and_the_first_its_curve() {
        let terminal = InMemoryTerm::new(24, 100);
        let bars = bars(&terminal, true);
        let run = sample::run(
            "none",
            3,
            &[(0, 0.1, 0.1), (50, 0.9, 0.8)],
            RunOutcome::Finished,
        );
        let first = bars.begin("none seed 3", 100);
        let second = bars.begin("decay seed 3", 100);
        for _ in 0..50 {
            first.updated();
        }
        first.evaluated("none seed 3", &run.evaluations);
        second.evaluated("decay seed 3", &run.evaluations[..1]);
        bars.plan.force_draw();
        let text = terminal.contents();
        for expected in [
            "none seed 3, accuracy on test images: 80.0 %",
            "50 %  none seed 3: ",
            "0 %  decay seed 3: ",
            "50 of 300 updates",
            "0 of 3 runs",
            "█",
        ] {
            assert!(text.contains(expected), "{expected}:\n{text}");
        }
        drop(first);
        bars.ended(1);
        second.evaluated("decay seed 3", &run.evaluations);
        bars.plan.force_draw();
        let text = terminal.contents();
        assert!(!text.contains("none seed 3"), "{text}");
        assert!(text.contains("decay seed 3, accuracy on test"), "{text}");
        assert!(text.contains("1 of 3 runs"), "{text}");
    }

    #[test]
    fn a_small_terminal_shows_no_curve() {
        let terminal = InMemoryTerm::new(24, 60);
        let bars = bars(&terminal, false);
        let run = sample::run("none", 3, &[(50, 0.9, 0.8)], RunOutcome::Finished);
        let first = bars.begin("none seed 3", 100);
        first.evaluated("none seed 3", &run.evaluations);
        bars.plan.force_draw();
        let text = terminal.contents();
        assert!(!text.contains("accuracy on test images"), "{text}");
    }

    #[test]
    fn a_large_ensemble_shows_some_bars() {
        let terminal = InMemoryTerm::new(40, 100);
        let bars = bars(&terminal, false);
        let runs: Vec<_> = (0..20).map(|_| bars.begin("some", 10)).collect();
        bars.plan.force_draw();
        assert_eq!(terminal.contents().matches("some:").count(), MAX_BARS);
        runs.iter().for_each(RunBar::updated);
        assert_eq!(bars.plan.position(), 20);
    }
}
