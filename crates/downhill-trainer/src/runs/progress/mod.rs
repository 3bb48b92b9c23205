//! Progress of training on stderr: bars and a curve on a terminal, else a line per finished run and
//! one from time to time.

mod bars;
mod curve;

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use downhill_cli::print::print_error;
use downhill_report::record::{Evaluation, RunEnd, RunHeader, RunOutcome};
use downhill_report::{RunRecord, duration};

use crate::runs::progress::bars::{Bars, RunBar};

/// Time between lines without a terminal.
const EVERY: Duration = Duration::from_secs(20);

/// Shows the progress of all runs of a command; shared by the workers.
#[derive(Debug)]
pub(crate) struct Progress {
    show: Show,
    runs: usize,
    ended: AtomicUsize,
    /// Receives each finished run.
    listener: Mutex<Option<Sender<RunRecord>>>,
}

#[derive(Debug)]
enum Show {
    Nothing,
    Lines(Lines),
    Bars(Bars),
}

/// How far all runs are, in a line from time to time.
#[derive(Debug)]
struct Lines {
    updates: u64,
    done: AtomicU64,
    start: Instant,
    every: Duration,
    /// When the last line was printed.
    last: Mutex<Instant>,
}

impl Lines {
    fn new(updates: u64, every: Duration) -> Self {
        let start = Instant::now();
        Self {
            updates,
            done: AtomicU64::new(0),
            start,
            every,
            last: Mutex::new(start),
        }
    }

    /// Counts updates. Returns a line if it is time for one.
    fn updated(&self, updates: u64) -> Option<String> {
        let done = self.done.fetch_add(updates, Ordering::Relaxed) + updates;
        let mut last = self.last.try_lock().ok()?;
        if last.elapsed() < self.every {
            return None;
        }
        *last = Instant::now();
        let seconds = self.start.elapsed().as_secs_f64();
        let left = self.updates.saturating_sub(done) as f64 * seconds / done.max(1) as f64;
        Some(format!(
            "{done} of {} updates, about {} left",
            self.updates,
            duration(left)
        ))
    }
}

impl Progress {
    /// Shows `runs` runs with `updates` updates in total: bars on a terminal, else lines.
    pub(crate) fn new(runs: usize, updates: u64) -> Self {
        let show = match io::stderr().is_terminal() {
            true => Show::Bars(Bars::new(runs, updates)),
            false => Show::Lines(Lines::new(updates, EVERY)),
        };
        Self::of(show, runs)
    }

    /// Shows nothing.
    pub(crate) fn silent() -> Self {
        Self::of(Show::Nothing, 0)
    }

    fn of(show: Show, runs: usize) -> Self {
        Self {
            show,
            runs,
            ended: AtomicUsize::new(0),
            listener: Mutex::new(None),
        }
    }

    /// Also sends each finished run to a listener, until [`finish`](Self::finish).
    pub(crate) fn with_listener(self, listener: Sender<RunRecord>) -> Self {
        Self {
            listener: Mutex::new(Some(listener)),
            ..self
        }
    }

    /// Begins to show a run of `updates` updates.
    pub(crate) fn begin(&self, run: &RunHeader, updates: u64) -> RunProgress<'_> {
        let name = format!("{} seed {}", run.method, run.seed);
        let bar = match &self.show {
            Show::Bars(bars) => Some(bars.begin(&name, updates)),
            Show::Nothing | Show::Lines(_) => None,
        };
        RunProgress {
            progress: self,
            name,
            start: Instant::now(),
            left: updates,
            bar,
            header: run.clone(),
            evaluations: Vec::new(),
        }
    }

    /// Counts a run of `updates` updates that another process has finished.
    pub(crate) fn finished_elsewhere(&self, updates: u64, record: Option<RunRecord>) {
        match &self.show {
            Show::Bars(bars) => bars.skip(updates),
            Show::Lines(lines) => self.say(lines, updates),
            Show::Nothing => {}
        }
        self.count();
        if let Some(record) = record {
            self.tell(record);
        }
    }

    /// Sends a finished run to the listener.
    fn tell(&self, record: RunRecord) {
        let listener = self.listener.lock();
        if let Some(listener) = &*listener.unwrap_or_else(PoisonError::into_inner) {
            // The listener may be gone.
            let _ = listener.send(record);
        }
    }

    /// Prints a line, unless progress is hidden.
    pub(crate) fn note(&self, line: &str) {
        match &self.show {
            Show::Nothing => {}
            Show::Lines(_) => print_error(&format!("{line}\n")),
            Show::Bars(bars) => bars.print(line),
        }
    }

    /// Removes the bars. May be called several times.
    pub(crate) fn finish(&self) {
        if let Show::Bars(bars) = &self.show {
            bars.clear();
        }
        let listener = self.listener.lock();
        *listener.unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn say(&self, lines: &Lines, updates: u64) {
        if let Some(line) = lines.updated(updates) {
            let ended = self.ended.load(Ordering::Relaxed);
            print_error(&format!("{ended} of {} runs, {line}\n", self.runs));
        }
    }

    /// Counts a run that has ended. Returns its number.
    fn count(&self) -> usize {
        let ended = self.ended.fetch_add(1, Ordering::Relaxed) + 1;
        if let Show::Bars(bars) = &self.show {
            bars.ended(ended);
        }
        ended
    }
}

/// Shows the progress of a run until dropped.
#[derive(Debug)]
pub(crate) struct RunProgress<'a> {
    progress: &'a Progress,
    name: String,
    start: Instant,
    /// Updates that are left.
    left: u64,
    bar: Option<RunBar<'a>>,
    header: RunHeader,
    evaluations: Vec<Evaluation>,
}

impl RunProgress<'_> {
    pub(crate) fn updated(&mut self) {
        self.left = self.left.saturating_sub(1);
        if let Some(bar) = &self.bar {
            bar.updated();
        }
        if let Show::Lines(lines) = &self.progress.show {
            self.progress.say(lines, 1);
        }
    }

    /// The method and the seed.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Shows that the run continues after this many updates and these evaluations.
    pub(crate) fn resume(&mut self, updates: u64, evaluations: Vec<Evaluation>) {
        self.evaluations = evaluations;
        self.left = self.left.saturating_sub(updates);
        if let Some(bar) = &self.bar {
            bar.skip(updates);
        }
        if let Show::Lines(lines) = &self.progress.show {
            lines.done.fetch_add(updates, Ordering::Relaxed);
        }
        let Self { progress, name, .. } = self;
        progress.note(&format!(
            "{name}: continues from its checkpoint, update {updates}"
        ));
    }

    pub(crate) fn evaluated(&mut self, evaluation: &Evaluation) {
        self.evaluations.push(*evaluation);
        if let Some(bar) = &self.bar {
            bar.evaluated(&self.name, &self.evaluations);
        }
    }

    /// Shows that the run has ended and its record is complete.
    pub(crate) fn ended(self, end: RunEnd) {
        if let Some(bar) = &self.bar {
            // The remaining updates of a diverged run are not made.
            bar.skip(self.left);
        }
        let ended = self.progress.count();
        let line = self.line(&end, ended);
        match &self.progress.show {
            Show::Nothing => {}
            Show::Lines(lines) => {
                lines.done.fetch_add(self.left, Ordering::Relaxed);
                print_error(&format!("{line}\n"));
            }
            // The bar has shown the run; a divergence may have been too quick to see.
            Show::Bars(bars) if end.outcome.is_diverged() => bars.print(&line),
            Show::Bars(_) => {}
        }
        self.progress.tell(RunRecord {
            header: self.header,
            evaluations: self.evaluations,
            losses: Vec::new(),
            activations: Vec::new(),
            pretraining: Vec::new(),
            end,
        });
    }

    fn line(&self, end: &RunEnd, ended: usize) -> String {
        let Self { name, progress, .. } = self;
        let seconds = self.start.elapsed().as_secs_f64();
        let of = progress.runs;
        let kept = end.kept.and_then(|kept| {
            let mut evaluations = self.evaluations.iter();
            evaluations.find(|evaluation| evaluation.updates == kept)
        });
        let of_kept = kept.map_or_else(String::new, |kept| {
            format!(", network of update {}", kept.updates)
        });
        match (&end.outcome, kept.or(self.evaluations.last())) {
            (RunOutcome::Diverged { update }, _) => format!(
                "{name}: diverged at update {update}: its loss was not finite ({ended} of {of})"
            ),
            (RunOutcome::Finished, Some(last)) => format!(
                "{name}: test accuracy {:.2} %, train {:.2} %, {} updates in {seconds:.1} s{of_kept} \
                 ({ended} of {of})",
                100.0 * last.test.accuracy,
                100.0 * last.train.accuracy,
                end.updates,
            ),
            (RunOutcome::Finished, None) => format!("{name}: finished ({ended} of {of})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use downhill_sample as sample;

    use super::*;

    #[test]
    fn a_finished_run_is_told_with_its_test_accuracy() {
        let (sender, receiver) = channel();
        let progress = Progress::of(Show::Nothing, 2).with_listener(sender);
        let record = sample::run(
            "none",
            3,
            &[(0, 0.1, 0.1), (5, 0.9, 0.815)],
            RunOutcome::Finished,
        );
        let mut run = progress.begin(&record.header, 5);
        for evaluation in &record.evaluations {
            run.evaluated(evaluation);
        }
        (0..5).for_each(|_| run.updated());
        let line = run.line(&record.end, 1);
        assert!(
            line.starts_with("none seed 3: test accuracy 81.50 %, train 90.00 %, 5 updates in ")
                && line.ends_with(" s (1 of 2)"),
            "{line}"
        );
        run.ended(record.end.clone());
        assert_eq!(receiver.recv(), Ok(record));
        progress.finish();
        assert!(receiver.recv().is_err(), "nothing more is told");
    }

    #[test]
    fn how_far_the_runs_are_is_told_from_time_to_time() {
        let lines = Lines::new(100, Duration::ZERO);
        let line = lines.updated(25).unwrap();
        assert!(line.starts_with("25 of 100 updates, about "), "{line}");
        assert!(line.ends_with(" left"), "{line}");
        let lines = Lines::new(100, Duration::from_secs(3600));
        assert_eq!(lines.updated(25), None);
    }

    #[test]
    fn a_diverged_run_is_told_with_its_update() {
        let progress = Progress::of(Show::Nothing, 1);
        let record = sample::run("a", 0, &[(1, 0.1, 0.1)], RunOutcome::Diverged { update: 7 });
        let run = progress.begin(&record.header, 20);
        assert_eq!(
            run.line(&record.end, 1),
            "a seed 0: diverged at update 7: its loss was not finite (1 of 1)"
        );
    }
}
