//! A plan as text, for `--dry-run` and the report.

use std::borrow::Cow;
use std::fmt::Write;

use toml::Value;

use crate::config::layers::{DEFAULT, Layers};
use crate::config::recipe::RECIPE;
use crate::config::tables::kind::Kind;
use crate::plan::ensemble::may_share;
use crate::plan::{Plan, schedules};

/// Returns the plan as a config file: the settings that methods share, those that each changes,
/// then the other tables. Each value of a grid is a method of its own.
pub fn config_toml(plan: &Plan) -> String {
    let mut text = match plan.seeds.as_slice() {
        _ if matches!(plan.kind, Kind::Valley(_)) => String::new(),
        seeds if seeds.iter().copied().eq(0..seeds.len() as u64) => {
            format!("seeds = {}\n", seeds.len())
        }
        seeds => format!("seeds = {seeds:?}\n"),
    };
    if plan.may_diverge {
        text.push_str("may_diverge = true\n");
    }
    if let Some(baseline) = &plan.baseline {
        let _ = writeln!(text, "baseline = {}", Value::from(baseline.as_str()));
    }
    for (path, value) in base(plan) {
        let _ = writeln!(text, "{path} = {value}");
    }
    for method in &plan.methods {
        let _ = write!(text, "\n[methods.{}]\n", key(&method.name));
        for change in &method.changes {
            let _ = writeln!(text, "{change}");
        }
    }
    let mut tables = plan.tables.table.clone();
    tables.remove("grid");
    if plan.published.is_none() {
        tables.remove("published");
    }
    let published = tables.get_mut("published").and_then(Value::as_table_mut);
    let published = published.and_then(|it| it.get_mut("methods")?.as_table_mut());
    if let Some(published) = published {
        published.retain(|name, _| plan.methods.iter().any(|method| method.name == *name));
    }
    if !tables.is_empty() {
        let _ = write!(text, "\n{tables}");
    }
    text
}

/// The shared settings that the experiment uses.
fn base(plan: &Plan) -> Vec<(String, Value)> {
    let mut leaves = plan.base.leaves();
    leaves.retain(|(path, _)| match plan.kind {
        Kind::Training | Kind::Search(_) => true,
        Kind::Valley(_) | Kind::Landscapes(_) => {
            let key = path.split('.').next().unwrap_or(path);
            key == "optimizer" || RECIPE.contains(&key)
        }
        Kind::GradientCheck(_) => false,
    });
    leaves
}

/// A name as a TOML key, quoted if necessary.
fn key(name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !name.is_empty() && name.bytes().all(bare) {
        return name.to_owned();
    }
    format!("{name:?}")
}

/// Returns the text of `--dry-run`: every value with its origin, the methods and the runs.
pub fn dry_run(plan: &Plan) -> String {
    let mut text = format!("{}: {}\n\n", plan.name, plan.question);
    write_rows(&mut text, "", &with_origins(&plan.base, base(plan)));
    for method in &plan.methods {
        let baseline = match &plan.baseline {
            Some(baseline) if *baseline == method.name => " (baseline)",
            _ => "",
        };
        let _ = write!(text, "\nmethod {}{baseline}\n", method.name);
        let mut leaves = method.layers().leaves();
        leaves.retain(|(path, value)| method.changes.contains(&format!("{path} = {value}")));
        let rows = with_origins(method.layers(), leaves);
        write_rows(&mut text, "  ", &rows);
        if rows.is_empty() {
            text.push_str("  no changes\n");
        }
    }
    text.push_str(&schedules::text(plan));
    let tables = with_origins(&plan.tables, plan.tables.leaves());
    if !tables.is_empty() {
        text.push('\n');
        write_rows(&mut text, "", &tables);
    }
    let (backend, ensembles) = (plan.backend.name(), ensembles(plan));
    let _ = writeln!(text, "\n{}, on {backend}{ensembles}", amount(plan));
    text
}

/// Settings as TOML, each with its origin.
fn with_origins(layers: &Layers, leaves: Vec<(String, Value)>) -> Vec<(String, String)> {
    let rows = leaves.into_iter().map(|(path, value)| {
        // The exact path first: it may also be the prefix of another.
        let origin = layers.origins.get(&path).map(String::as_str);
        let origin = origin.or_else(|| layers.origin(&path));
        let mut origin = origin.unwrap_or(DEFAULT).to_owned();
        if let Some(notes) = layers.notes.get(&path) {
            let _ = write!(origin, " ({})", notes.join(", "));
        }
        (format!("{} = {value}", readable(&path)), origin)
    });
    rows.collect()
}

/// A path that `--set` reads: the setting that a search varies is one key, with dots.
fn readable(path: &str) -> Cow<'_, str> {
    let range = path.strip_prefix("search.ranges.");
    match range.and_then(|range| range.rsplit_once('.')) {
        Some((setting, end)) => format!("search.ranges.{}.{end}", key(setting)).into(),
        None => path.into(),
    }
}

/// The amount of work.
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
        Kind::Landscapes(landscapes) => format!(
            "{methods} methods x {} functions = {} descents, tuning included, each of at most {} \
             updates",
            landscapes.functions.len(),
            methods * landscapes.descents(seeds),
            landscapes.updates
        ),
        Kind::GradientCheck(_) => format!("gradients with {seeds} seeds"),
    }
}

fn ensembles(plan: &Plan) -> String {
    let members = plan.ensemble;
    if members == 1 {
        return String::new();
    }
    let alone = plan.methods.iter();
    let alone = alone.filter(|method| !may_share(&method.config, members));
    let alone: Vec<&str> = alone.map(|method| method.name.as_str()).collect();
    match alone.is_empty() {
        true => format!(", up to {members} similar runs as one ensemble"),
        false => format!(
            ", up to {members} similar runs as one ensemble; one by one: {}",
            alone.join(", ")
        ),
    }
}

fn write_rows(text: &mut String, indent: &str, rows: &[(String, String)]) {
    // A text of several lines is followed by its origin, too.
    let last = |setting: &str| setting.len() - setting.rfind('\n').map_or(0, |at| at + 1);
    let width = rows.iter().map(|(setting, _)| last(setting)).max();
    for (setting, origin) in rows {
        let room = width.unwrap_or(0) - last(setting);
        let _ = writeln!(text, "{indent}{setting}{:room$}  # {origin}", "");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;

    use super::*;
    use crate::config::file::ExperimentFile;
    use downhill_cli::train::TrainArguments;

    #[derive(Parser)]
    struct Words {
        #[command(flatten)]
        arguments: TrainArguments,
    }

    fn plan(path: &Path, text: String, words: &[&str]) -> Plan {
        let file = ExperimentFile::parse(path, text).unwrap();
        let words = Words::parse_from([&["downhill", &file.name], words].concat());
        Plan::resolve(&file, &words.arguments).unwrap()
    }

    #[test]
    fn a_method_without_the_recipe_of_the_experiment_says_so() {
        let text = "
            optimizer = 'adam'
            accumulate = 2
            mask = 'cautious'
            sam = 0.1
            schedules.learning_rate.cosine.steps = 'rest'
            gradients = [{ clip-global-norm = 1.0 }]
            weights = [{ ema = 0.9 }]
            groups = [{ parameters = 'all', frozen = true }]
            [methods.recipe]
            [methods.plain]
            accumulate = 1
            sam = false
            mask = 'none'
            schedules = {}
            gradients = []
            weights = []
            groups = []";
        let path = std::path::Path::new("some.toml");
        let written = plan(path, text.to_owned(), &[]);
        let again = plan(path, config_toml(&written), &[]);
        for plan in [&written, &again] {
            let [recipe, plain] = &plan.methods[..] else {
                panic!("two methods");
            };
            let descent = plain.config.descent();
            assert_eq!(
                descent,
                downhill::DescentConfig::new(plain.config.optimizer.clone())
            );
            assert_eq!(recipe.config.groups.len(), 1);
            assert_eq!(
                (recipe.config.sam.is_some(), &plain.config.sam),
                (true, &None)
            );
            assert_eq!(plain.changes.len(), 7, "{:?}", plain.changes);
        }
    }

    #[test]
    fn what_is_resolved_reads_back_as_the_same_experiment() {
        let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
        let mut read = 0;
        for entry in configs.read_dir().unwrap() {
            let path = entry.unwrap().path();
            let plan_of = |text: String| plan(&path, text, &[]);
            let as_written = plan_of(std::fs::read_to_string(&path).unwrap());
            let resolved = config_toml(&as_written);
            let again = plan_of(format!("# {}\n\n{resolved}", as_written.question));
            let methods = |plan: &Plan| -> Vec<_> {
                let methods = plan.methods.iter();
                methods
                    .map(|it| (it.name.clone(), it.config.clone()))
                    .collect()
            };
            let name = &as_written.name;
            assert_eq!(methods(&again), methods(&as_written), "{name}");
            assert_eq!(again.seeds, as_written.seeds, "{name}");
            assert_eq!(again.may_diverge, as_written.may_diverge, "{name}");
            assert_eq!(again.baseline, as_written.baseline, "{name}");
            assert_eq!(again.kind, as_written.kind, "{name}");
            assert_eq!(again.target, as_written.target, "{name}");
            assert_eq!(again.published, as_written.published, "{name}");
            read += 1;
        }
        assert!(read >= 21, "{read}");
    }

    #[test]
    fn the_ranges_of_a_search_are_shown_as_they_are_set() {
        let text = "data.validation_images = 10\n[methods.adam]\noptimizer = 'adam'\n[search]\ntrials = 2\nranges.\
                    'optimizer.learning_rate' = { from = 1e-3, to = 1.0 }";
        let shown = dry_run(&plan(Path::new("some.toml"), text.to_owned(), &[]));
        let setting = "search.ranges.\"optimizer.learning_rate\".from";
        assert!(shown.contains(&format!("{setting} = 0.001")), "{shown}");
        let set = format!("{setting}=0.01");
        let changed = plan(Path::new("some.toml"), text.to_owned(), &["--set", &set]);
        assert!(dry_run(&changed).contains(&format!("{setting} = 0.01")));
    }

    #[test]
    fn seeds_are_a_number_or_a_list() {
        for (text, words, expected, resolved) in [
            ("seeds = 3", &[][..], &[0, 1, 2][..], "seeds = 3\n"),
            (
                "seeds = [42, 1337]",
                &[],
                &[42, 1337],
                "seeds = [42, 1337]\n",
            ),
            ("seeds = [1]", &["--seeds", "2"], &[0, 1], "seeds = 2\n"),
            ("seeds = 3", &["--seed", "7"], &[7], "seeds = [7]\n"),
            (
                "seeds = 3",
                &["--set", "seeds=[5, 0]"],
                &[5, 0],
                "seeds = [5, 0]\n",
            ),
        ] {
            let found = plan(Path::new("some.toml"), text.to_owned(), words);
            assert_eq!(found.seeds, expected);
            assert!(config_toml(&found).starts_with(resolved), "{resolved}");
        }
    }

    #[test]
    fn every_shipped_training_can_have_a_grid() {
        let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
        let grid = [
            "--set",
            "grid.setting=training.updates",
            "--set",
            "grid.values=[10,20]",
        ];
        let mut with_grid = 0;
        for entry in configs.read_dir().unwrap() {
            let path = entry.unwrap().path();
            let text = || std::fs::read_to_string(&path).unwrap();
            let alone = plan(&path, text(), &[]);
            if alone.kind != Kind::Training || alone.grid.is_some() {
                continue;
            }
            let both = plan(&path, text(), &grid);
            assert_eq!(both.methods.len(), 2 * alone.methods.len(), "{path:?}");
            assert_eq!((both.baseline.as_ref(), &both.published), (None, &None));
            let left_out = alone.baseline.iter().len()
                + alone
                    .published
                    .map_or(0, |published| published.figures.len());
            assert_eq!(both.left_out.len(), left_out, "{path:?}");
            let resolved = config_toml(&both);
            plan(&path, format!("# Which?\n\n{resolved}"), &[]);
            with_grid += 1;
        }
        assert!(with_grid >= 10, "{with_grid}");
    }

    #[test]
    fn what_is_resolved_of_some_methods_names_no_others() {
        let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
        let path = configs.join("optimizers.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let plan_of_adam = plan(&path, text, &["--method", "adam"]);
        assert_eq!(plan_of_adam.methods.len(), 1);
        let resolved = config_toml(&plan_of_adam);
        assert!(resolved.contains("[published.methods.adam"), "{resolved}");
        assert!(!resolved.contains("sgd]"), "{resolved}");
        plan(&path, format!("# Which?\n\n{resolved}"), &[]);
    }
}
