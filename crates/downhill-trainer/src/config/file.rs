//! Config files.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Table;

use crate::config::built_in;
use crate::config::keys::check_experiment;
use crate::config::lines::Lines;
use crate::config::recipe::{read_calls, spell_out};
use crate::config::similar::did_you_mean;
use crate::error::TrainError;

/// The largest size of a config file, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// A config file whose keys are all known.
#[derive(Clone, Debug)]
pub struct ExperimentFile {
    /// The file's stem.
    pub name: String,
    /// The path of the file.
    pub path: PathBuf,
    /// The first paragraph of the comment at the top of the file.
    pub question: String,
    pub(crate) table: Table,
    pub(crate) lines: Arc<Lines>,
}

/// Why no experiment is known by name.
const NO_EXPERIMENTS: &str = "there is no `configs` directory here or above, and this program was \
    built without the experiments (`cargo install --path crates/downhill-trainer` installs one with \
    them); give the path of a config file, or write one with `new`";

/// Says that a config file of this name is here.
fn file_beside(config: &str) -> String {
    let file = format!("{config}.toml");
    match Path::new(&file).is_file() {
        true => format!("; the config file here is `{file}`"),
        false => String::new(),
    }
}

impl ExperimentFile {
    /// Reads a config, given as a path, or as the name of a file in `configs/`, here or in a
    /// directory above, or of an experiment inside this program.
    ///
    /// # Errors
    ///
    /// A file that cannot be found, read or parsed, and an unknown key.
    pub fn find(config: &str) -> Result<Self, TrainError> {
        let path = Path::new(config);
        if path.is_file() {
            return Self::read(path);
        }
        if path.components().count() > 1 || path.extension().is_some() {
            return Err(TrainError::Config(format!(
                "no config file {config}; give the path of a file, or the name of an experiment in \
                 `configs`"
            )));
        }
        let directory = configs_directory();
        if let Some(file) = directory.as_ref().map(|it| file_of(it, config))
            && file.is_file()
        {
            return Self::read(&file);
        }
        if let Some(text) = built_in::text(config) {
            return Self::parse(
                &Path::new("built-in").join(format!("{config}.toml")),
                text.into(),
            );
        }
        let known = experiments(directory.as_deref());
        if known.is_empty() {
            return Err(TrainError::Config(format!(
                "no experiment `{config}`: {NO_EXPERIMENTS}{}",
                file_beside(config)
            )));
        }
        let meant = match did_you_mean(config, known.keys().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`? "),
            None => String::new(),
        };
        Err(TrainError::Config(format!(
            "no experiment `{config}`{}: {meant}the experiments are\n{}",
            file_beside(config),
            lines_of(&known)
        )))
    }

    /// Returns the experiments that [`find`](Self::find) knows by name, a line each with its
    /// question.
    ///
    /// # Errors
    ///
    /// No experiment at all.
    pub fn list() -> Result<String, TrainError> {
        let known = experiments(configs_directory().as_deref());
        match known.is_empty() {
            false => Ok(lines_of(&known) + "\n"),
            true => Err(TrainError::Config(NO_EXPERIMENTS.to_owned())),
        }
    }

    fn read(path: &Path) -> Result<Self, TrainError> {
        let failed = |error| TrainError::file("cannot read", path)(error);
        let file = File::open(path).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(TrainError::Config(format!(
                "{}: a config file must have at most {MAX_BYTES} bytes; check that it is one",
                path.display()
            )));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let offset = error.utf8_error().valid_up_to();
            let shown = path.display();
            TrainError::Config(format!(
                "{shown}: invalid UTF-8 at byte {offset}; save the file as UTF-8"
            ))
        })?;
        Self::parse(path, text)
    }

    /// Parses the text of a config file.
    ///
    /// # Errors
    ///
    /// Text that is not TOML, and an unknown key.
    pub fn parse(path: &Path, text: String) -> Result<Self, TrainError> {
        let shown = path.display();
        let table: Table = (text.parse()).map_err(|error: toml::de::Error| {
            let before = &text[..error.span().map_or(0, |span| span.start)];
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|it| *it != '\n').count() + 1;
            let message = error.message().lines().collect::<Vec<_>>().join("; ");
            TrainError::Config(format!(
                "{shown}:{line}: invalid TOML at column {column}: {message}"
            ))
        })?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let mut file = Self {
            name: stem.into_owned(),
            path: path.to_path_buf(),
            question: first_comment(&text),
            table,
            lines: Arc::new(Lines {
                path: path.display().to_string(),
                text,
            }),
        };
        check_experiment(&file.table, &|path| file.lines.place(path))?;
        read_calls(&mut file.table, &|path| file.lines.place(path))?;
        spell_out(&mut file.table);
        Ok(file)
    }
}

/// The directory `configs` here or in the nearest directory above that has one.
fn configs_directory() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let (depth, _) = here
        .ancestors()
        .enumerate()
        .find(|(_, directory)| directory.join("configs").is_dir())?;
    Some(PathBuf::from("../".repeat(depth)).join("configs"))
}

fn file_of(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.toml"))
}

/// The questions of the experiments of a directory, and of those inside this program that it does
/// not have, by their names.
fn experiments(directory: Option<&Path>) -> BTreeMap<String, String> {
    let built_in = built_in::names().map(|name| {
        let question = first_comment(built_in::text(name).unwrap_or_default());
        (name.to_owned(), question)
    });
    let mut known: BTreeMap<String, String> = built_in.collect();
    let entries = directory.and_then(|it| fs::read_dir(it).ok());
    for entry in entries.into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|end| end == "toml") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let text = fs::read_to_string(&path).unwrap_or_default();
            known.insert(name.into_owned(), first_comment(&text));
        }
    }
    known
}

/// Experiments, a line each with its question.
fn lines_of(known: &BTreeMap<String, String>) -> String {
    let width = known.keys().map(String::len).max().unwrap_or(0);
    let line = |(name, question): (&String, &String)| {
        format!("  {name:width$}  {question}").trim_end().to_owned()
    };
    known.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The first paragraph of the comment at the top, on one line.
fn first_comment(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines()
        .map_while(|line| line.strip_prefix('#'))
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ExperimentFile, TrainError> {
        ExperimentFile::parse(Path::new("configs/some.toml"), text.to_owned())
    }

    #[test]
    fn the_question_is_the_first_paragraph() {
        let file = parse("# What is\n# this?\n#\n# More.\n\nseeds = 2\n").unwrap();
        assert_eq!(file.question, "What is this?");
        assert_eq!(file.name, "some");
        assert_eq!(parse("seeds = 2").unwrap().question, "");
    }

    #[test]
    fn an_unknown_key_is_found_on_its_line() {
        let text = "seeds = 2\n\n[optimizer.sgd]\nlearning_rate = 1\n\n[training]\nupdate = 3\n";
        let message = parse(text).unwrap_err().to_string();
        assert_eq!(
            message,
            "configs/some.toml:7: unknown key `training.update`; did you mean `updates`?"
        );
        let text = "[methods.a]\nmodel.hidden = []\n[methods.b]\nmodel.hiden = []\n";
        let message = parse(text).unwrap_err().to_string();
        assert!(
            message.starts_with("configs/some.toml:4: unknown key"),
            "{message}"
        );
    }

    #[test]
    fn experiments_are_listed_with_their_questions() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        write("b.toml", "# Which is\n# best?\n#\n# More.\nseeds = 1\n");
        write("long.toml", "seeds = 1\n");
        write("other.txt", "");
        write("overfitting.toml", "# Mine?\n");
        let text = lines_of(&experiments(Some(directory.path())));
        let of = |name: &str| {
            let mut lines = text.lines();
            let line = lines.find(|line| line.split_whitespace().next() == Some(name));
            line.map(|line| line.trim().trim_start_matches(name).trim())
        };
        assert_eq!(of("b"), Some("Which is best?"));
        assert_eq!(of("long"), Some(""));
        assert_eq!(of("other"), None);
        assert_eq!(of("overfitting"), Some("Mine?"));
        assert_eq!(of("dropout").is_some(), cfg!(feature = "configs"));
    }

    #[cfg(feature = "configs")]
    #[test]
    fn every_config_is_inside_the_program() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
        let mut number = 0;
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy();
            assert_eq!(
                built_in::text(&name),
                Some(&*fs::read_to_string(&path).unwrap())
            );
            number += 1;
        }
        assert_eq!(built_in::names().count(), number);
    }

    #[test]
    fn the_template_is_a_config() {
        let file = parse(downhill_cli::new::TEMPLATE).unwrap();
        assert_eq!(file.question, "Does a decaying learning rate help AdamW?");
    }

    #[test]
    fn bad_syntax_is_shown_with_its_place() {
        let message = parse("seeds = \n").unwrap_err().to_string();
        assert!(
            message.starts_with("configs/some.toml:1: invalid TOML at column 9: "),
            "{message}"
        );
    }
}
