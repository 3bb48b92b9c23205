//! A plan in words, for `--dry-run` and the report.

use std::fmt::Write;

use toml::Value;

use crate::kind::Kind;
use crate::plan::Plan;

/// The settings as TOML that could be read back: what all methods share, then what each changes.
pub fn config_toml(plan: &Plan) -> String {
    let mut text = match plan.seeds.as_slice() {
        [seed] => format!("seeds = 1  # seed {seed}\n"),
        seeds => format!("seeds = {}\n", seeds.len()),
    };
    if let Some(baseline) = &plan.baseline {
        let _ = writeln!(text, "baseline = {}", Value::from(baseline.as_str()));
    }
    for (path, value) in plan.base.leaves() {
        let _ = writeln!(text, "{path} = {value}");
    }
    for method in &plan.methods {
        let _ = write!(text, "\n[methods.{}]\n", key(&method.name));
        for change in &method.changes {
            let _ = writeln!(text, "{change}");
        }
    }
    text
}

/// A name as a TOML key, in quotes where it must be.
fn key(name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !name.is_empty() && name.bytes().all(bare) {
        return name.to_owned();
    }
    format!("{name:?}")
}

/// What `--dry-run` prints: every value with its origin, then the methods and the runs.
pub fn dry_run(plan: &Plan) -> String {
    let mut text = format!("{}: {}\n\n", plan.name, plan.question);
    let rows: Vec<(String, &str)> = plan
        .base
        .leaves()
        .into_iter()
        .map(|(path, value)| {
            let origin = plan.base.origin(&path).unwrap_or("default");
            (format!("{path} = {value}"), origin)
        })
        .collect();
    write_rows(&mut text, "", &rows);
    for method in &plan.methods {
        let baseline = match &plan.baseline {
            Some(baseline) if *baseline == method.name => " (baseline)",
            _ => "",
        };
        let _ = write!(text, "\nmethod {}{baseline}\n", method.name);
        let rows: Vec<(String, &str)> = method
            .layers()
            .leaves()
            .into_iter()
            .map(|(path, value)| (format!("{path} = {value}"), path))
            .filter(|(setting, _)| method.changes.contains(setting))
            .map(|(setting, path)| (setting, method.origin(&path).unwrap_or("default")))
            .collect();
        write_rows(&mut text, "  ", &rows);
        if rows.is_empty() {
            text.push_str("  as above\n");
        }
    }
    let (backend, ensembles) = (plan.backend.name(), ensembles(plan.ensemble));
    let _ = writeln!(text, "\n{}, on {backend}{ensembles}", amount(plan));
    text
}

/// How much there is to do.
fn amount(plan: &Plan) -> String {
    let (methods, seeds) = (plan.methods.len(), plan.seeds.len());
    let updates = plan
        .methods
        .iter()
        .map(|method| method.config.training.updates);
    match &plan.kind {
        Kind::Training => format!(
            "{methods} methods x {seeds} seeds = {} runs, {} updates in all",
            plan.runs(),
            updates.sum::<u64>() * seeds as u64
        ),
        Kind::Search(search) => format!(
            "{seeds} seeds x {} rounds x {} trials = {} runs, {} updates in all",
            search.rounds,
            search.trials,
            plan.runs(),
            updates.sum::<u64>() * plan.runs() as u64
        ),
        Kind::Valley(valley) => format!("{} updates of each method", valley.updates),
        Kind::GradientCheck(_) => format!("gradients of {seeds} seeds"),
    }
}

fn ensembles(members: usize) -> String {
    match members {
        1 => String::new(),
        _ => format!(", up to {members} alike as one ensemble"),
    }
}

fn write_rows(text: &mut String, indent: &str, rows: &[(String, &str)]) {
    let width = rows.iter().map(|(setting, _)| setting.len()).max();
    let width = width.unwrap_or(0);
    for (setting, origin) in rows {
        let _ = writeln!(text, "{indent}{setting:width$}  # {origin}");
    }
}
