//! The command `runs`: the finished runs by their records.

mod calendar;
mod found;
mod table;

use std::io::Write;

use downhill_cli::commands::RunsArguments;
use downhill_cli::print::print;
use downhill_report::RunObject;
use serde::Serialize;

use crate::code::versions;
use crate::commands::runs::calendar::seconds;
use crate::commands::runs::found::{Found, Unfinished, found, groups};
use crate::commands::runs::table::table;
use crate::error::TrainError;
use crate::runs::store::Store;

/// Prints the finished runs to `out`: a line per experiment and method, a line per run, or a JSON
/// object per run.
///
/// # Errors
///
/// A directory that cannot be read; after the list, the damaged records.
pub fn list_runs(arguments: &RunsArguments, out: &mut dyn Write) -> Result<(), TrainError> {
    let store = Store::new(&arguments.runs_dir);
    let (runs, unfinished, damaged) = found(&store)?;
    let text = if arguments.json {
        runs.iter().map(|run| json(run) + "\n").collect()
    } else if runs.is_empty() {
        format!("no finished runs in {}\n", arguments.runs_dir.display())
    } else {
        let groups = match arguments.each {
            true => runs.iter().map(|run| vec![run]).collect(),
            false => groups(&runs),
        };
        table(&groups) + &also(&runs, unfinished)
    };
    print(out, &text).map_err(TrainError::output)?;
    TrainError::of_damaged(damaged)
}

/// The numbers of finished and unfinished runs.
fn also(runs: &[Found], unfinished: Unfinished) -> String {
    let mut text = format!("{} finished runs", runs.len());
    if unfinished.runs > 0 {
        text.push_str(&format!(", {} unfinished", unfinished.runs));
    }
    if unfinished.saved > 0 {
        text.push_str(&format!(" ({} with a checkpoint)", unfinished.saved));
    }
    let own = versions();
    let by_other = |run: &&Found| !run.record.header.versions.is_same_code(&own);
    match runs.iter().filter(by_other).count() {
        0 => text + "\n",
        others => format!(
            "{text}; {others} were made by other code than that of this program, which trains \
             them again\n"
        ),
    }
}

/// A run with `--json`.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    run: RunObject<'a>,
    /// Seconds since the beginning of 1970.
    trained: u64,
    directory: String,
}

fn json(run: &Found) -> String {
    let listed = Listed {
        run: RunObject::of(&run.record),
        trained: seconds(run.trained),
        directory: run.directory.display().to_string(),
    };
    serde_json::to_string(&listed).expect("a run has string keys only")
}
