//! How the parts of a test run ended: one line each.

use std::fmt;
use std::process::ExitCode;

/// The exit code if a program, a driver or a file is missing.
pub(crate) const MISSING: u8 = 5;

/// How a part ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// With its exit code.
    Failed(u8),
    /// It could not be run, for this reason.
    NotRun(String),
}

/// A part of a test run that has ended.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) outcome: Outcome,
    pub(crate) seconds: f64,
    /// Seconds of processors, where they can be measured.
    pub(crate) cpu_seconds: Option<f64>,
}

/// All parts in their order. Displays a line for each, and the verdict as the last line.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) parts: Vec<Part>,
}

impl Summary {
    /// 0 if all parts passed, 1 if one failed, else 5: one could not be run.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    fn code(&self) -> u8 {
        let codes = self.parts.iter().map(|part| match part.outcome {
            Outcome::Passed => 0,
            Outcome::Failed(_) => 1,
            Outcome::NotRun(_) => MISSING,
        });
        codes.filter(|&code| code != 0).min().unwrap_or(0)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            let (verdict, detail) = match &part.outcome {
                Outcome::Passed => ("passed", String::new()),
                Outcome::Failed(code) => ("FAILED", format!("  (exit code {code})")),
                Outcome::NotRun(reason) => ("NOT RUN", format!("  ({reason})")),
            };
            let Part { name, seconds, .. } = part;
            let cpu = match part.cpu_seconds {
                Some(cpu) => format!("{:>6.1} CPU-min", cpu / 60.0),
                None => String::new(),
            };
            writeln!(
                formatter,
                "{name:<22} {verdict:<7} {seconds:>7.1} s{cpu}{detail}"
            )?;
        }
        let passed = self.parts.iter();
        let passed = passed
            .filter(|part| part.outcome == Outcome::Passed)
            .count();
        let cpu: Option<f64> = self.parts.iter().map(|part| part.cpu_seconds).sum();
        if let Some(cpu) = cpu {
            writeln!(formatter, "{:.1} CPU-min in all", cpu / 60.0)?;
        }
        write!(formatter, "{passed} of {} parts passed", self.parts.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(outcomes: &[Outcome]) -> Summary {
        let parts = outcomes.iter().zip(["flex", "ndarray", "wgpu"]);
        let parts = parts.map(|(outcome, backend)| Part {
            name: format!("backends on {backend}"),
            outcome: outcome.clone(),
            seconds: 12.34,
            cpu_seconds: (backend == "flex").then_some(90.0),
        });
        Summary {
            parts: parts.collect(),
        }
    }

    #[test]
    fn every_part_is_a_line_and_the_verdict_the_last() {
        let reason = "no driver".to_owned();
        let text = summary(&[
            Outcome::Passed,
            Outcome::Failed(101),
            Outcome::NotRun(reason),
        ]);
        assert_eq!(
            text.to_string(),
            "backends on flex       passed     12.3 s   1.5 CPU-min\n\
             backends on ndarray    FAILED     12.3 s  (exit code 101)\n\
             backends on wgpu       NOT RUN    12.3 s  (no driver)\n\
             1 of 3 parts passed"
        );
    }

    #[test]
    fn the_exit_code_is_0_only_where_all_passed() {
        let not_run = || Outcome::NotRun(String::new());
        assert_eq!(summary(&[Outcome::Passed, Outcome::Passed]).code(), 0);
        assert_eq!(summary(&[Outcome::Passed, Outcome::Failed(101)]).code(), 1);
        assert_eq!(summary(&[not_run(), Outcome::Passed]).code(), 5);
        assert_eq!(summary(&[not_run(), Outcome::Failed(101)]).code(), 1);
    }
}
