//! Reports of experiments that are not a comparison of methods.

use downhill_cli::repeat::command;
use downhill_cli::train::TrainArguments;
use downhill_report::{About, Picture};
use serde::Serialize;

use crate::code::versions;
use crate::error::TrainError;
use crate::experiments::output::Output;
use crate::plan::Plan;
use crate::plan::text::config_toml;
use crate::runs::store::Store;

/// Returns what is known of an experiment before anything is computed.
pub(crate) fn about(arguments: &TrainArguments, plan: &Plan) -> About {
    About {
        name: plan.name.clone(),
        question: plan.question.clone(),
        command: command(arguments),
        backend: plan.backend.name().to_owned(),
        device: String::new(),
        versions: versions(),
        data: None,
        config_toml: config_toml(plan),
        seconds: None,
        seeds: Vec::new(),
    }
}

/// The files and findings of a report.
pub(crate) struct ReportFiles {
    /// Name of the files without their endings.
    pub(crate) name: String,
    /// The numbers as CSV.
    pub(crate) csv: String,
    pub(crate) page: String,
    pub(crate) pictures: Vec<Picture>,
    pub(crate) findings: Vec<String>,
}

pub(crate) fn write(
    files: &ReportFiles,
    store: &Store,
    out: &mut Output<'_>,
) -> Result<(), TrainError> {
    for finding in &files.findings {
        out.say(&format!("- {finding}\n"));
    }
    let name = &files.name;
    store.write_report(&format!("{name}.csv"), &files.csv)?;
    store.write_report(&format!("{name}.html"), &files.page)?;
    let page = store.report(&format!("{name}.html"));
    out.say(&format!("\nreport: {}\n", page.display()));
    out.object(&Summary {
        kind: "summary",
        report: page.display().to_string(),
        findings: &files.findings,
    });
    for sentence in store.write_pictures(name, &files.pictures)? {
        out.say(&format!("{sentence}\n"));
    }
    Ok(())
}

/// The last object with `--json`.
#[derive(Serialize)]
struct Summary<'a> {
    kind: &'static str,
    report: String,
    findings: &'a [String],
}
