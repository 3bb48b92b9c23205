//! Wrong config files, and what is said about them.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use downhill::OptimizerConfig;
use downhill_trainer::config::training::TrainingConfig;
use downhill_trainer::{TrainArguments, TrainError, train};
use toml::{Table, Value};

/// Words of serde and of Rust, which a reader of config files need not know.
const FOREIGN: [&str; 22] = [
    "usize",
    "u64",
    "f64",
    "i64",
    "variant",
    "struct",
    "tuple",
    "sequence",
    "untagged",
    "newtype",
    "invalid type",
    "invalid value",
    "invalid length",
    "missing field",
    "unknown field",
    "duplicate field",
    "expected",
    "floating point",
    "boolean",
    "map",
    "element",
    "Table(",
];

/// A config file that is refused.
pub(crate) struct Case<'a> {
    /// What the error must say.
    says: Vec<&'a str>,
    pub(crate) overrides: Vec<String>,
    pub(crate) text: String,
}

impl Case<'_> {
    /// What the error must name: a line of the file, or the override.
    fn place(&self) -> String {
        match self.overrides.first() {
            Some(over) => format!("--set {over}"),
            None => {
                let mut lines = self.text.lines();
                let line = lines.position(|line| line.ends_with("# here"));
                format!("wrong.toml:{}", line.expect("a line with `# here`") + 1)
            }
        }
    }
}

pub(crate) fn cases() -> Vec<Case<'static>> {
    let all = include_str!("wrong_configs.txt").split("\n## ").skip(1);
    let case = |case: &'static str| {
        let (says, text) = case.split_once('\n').expect("words, then a config");
        let is_override = |line: &&str| line.starts_with("--set ");
        let overrides = text.lines().filter(is_override);
        let lines = text.lines().filter(|line| !is_override(line));
        Case {
            says: says.split(" | ").collect(),
            overrides: overrides
                .map(|line| line["--set ".len()..].to_owned())
                .collect(),
            text: lines.map(|line| format!("{line}\n")).collect(),
        }
    };
    all.map(case).collect()
}

/// The error of a dry run, with its exit code.
fn refused(directory: &Path, text: &str, overrides: &[String]) -> Option<(u8, String)> {
    let path = directory.join("wrong.toml");
    fs::write(&path, text).expect("a config");
    let arguments = TrainArguments {
        config: path.display().to_string(),
        overrides: overrides.to_vec(),
        dry_run: true,
        runs_dir: directory.join("runs"),
        ..TrainArguments::default()
    };
    let done = train(&arguments, &mut Vec::new(), &AtomicBool::new(false));
    done.err()
        .map(|error: TrainError| (error.exit_code(), error.to_string()))
}

fn foreign_words(message: &str) -> Vec<&'static str> {
    let words = FOREIGN.iter().filter(|word| message.contains(**word));
    words.copied().collect()
}

#[test]
fn every_wrong_config_is_refused_with_its_line_and_in_words() {
    let directory = tempfile::tempdir().expect("a directory");
    let cases = cases();
    assert!(cases.len() > 200, "{}", cases.len());
    let mut wrong = String::new();
    for case in &cases {
        let place = case.place();
        let Some((code, message)) = refused(directory.path(), &case.text, &case.overrides) else {
            wrong += &format!("{}\n  is not refused\n", case.text);
            continue;
        };
        let lacks = |words: &&&str| !message.contains(**words);
        let mut lacking: Vec<&str> = case.says.iter().filter(lacks).copied().collect();
        if !message.contains(&place) {
            lacking.push(&place);
        }
        let foreign = match message.contains("invalid TOML") || message.contains("KEY=VALUE") {
            true => Vec::new(),
            false => foreign_words(&message),
        };
        if code != 2 || !lacking.is_empty() || !foreign.is_empty() {
            wrong += &format!(
                "{}{:?}\n  {message}\n  exit code {code}, lacks {lacking:?}, has {foreign:?}\n",
                case.text, case.overrides
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Every key of a training with its default: `optimizer.adam.beta_1` and the like.
fn keys(table: &Table, path: &str, found: &mut Vec<String>) {
    for (key, value) in table {
        let path = match path {
            "" => key.clone(),
            path => format!("{path}.{key}"),
        };
        if let Value::Table(inner) = value {
            keys(inner, &path, found);
        }
        found.push(path);
    }
}

#[test]
fn every_key_says_in_words_and_with_its_line_what_it_may_be() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut table = Table::try_from(TrainingConfig::default()).expect("a table");
    let optimizers: Table = OptimizerConfig::all()
        .iter()
        .flat_map(|it| Table::try_from(it).expect("a table"))
        .collect();
    table.insert("optimizer".into(), Value::Table(optimizers));
    let mut paths = Vec::new();
    keys(&table, "", &mut paths);
    paths.extend(["accuracy", "on"].map(|key| format!("target.{key}")));
    assert!(paths.len() > 300, "{}", paths.len());
    let mut wrong = String::new();
    for path in &paths {
        // None of these is a value of any key, except words and tables of some.
        for value in ["'?'", "nan", "[[]]", "{ '?' = 1 }", "2024-02-30"] {
            let text = format!("# A\n\n{path} = {value}\n");
            let Some((code, message)) = refused(directory.path(), &text, &[]) else {
                wrong += &format!("{path} = {value} is not refused\n");
                continue;
            };
            let foreign = match message.contains("invalid TOML") {
                true => Vec::new(),
                false => foreign_words(&message),
            };
            if code != 2 || !foreign.is_empty() || !message.contains("wrong.toml:3") {
                wrong += &format!("{path} = {value}\n  {message}\n  {code}, has {foreign:?}\n");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
