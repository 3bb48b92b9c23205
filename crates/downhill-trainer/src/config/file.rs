//! Config files.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Table;

use crate::config::keys::check_experiment;
use crate::config::lines::Lines;
use crate::config::recipe::spell_out;
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

impl ExperimentFile {
    /// Reads a config, given as a path or as the name of a file in `configs/`, here or in a
    /// directory above.
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
        let Some(directory) = configs_directory() else {
            return Err(TrainError::Config(format!(
                "no experiment `{config}`: there is no `configs` directory here or above; give the \
                 path of a config file"
            )));
        };
        let file = directory.join(config).with_extension("toml");
        if file.is_file() {
            return Self::read(&file);
        }
        let stems = stems(&directory);
        let known = stems.iter().map(String::as_str);
        let meant = match did_you_mean(config, known) {
            Some(meant) => format!("did you mean `{meant}`? "),
            None => String::new(),
        };
        Err(TrainError::Config(format!(
            "no experiment `{config}`: {meant}{} holds\n{}",
            directory.display(),
            questions(&directory, &stems)
        )))
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

fn stems(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut stems: Vec<String> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    stems.sort();
    stems
}

/// The experiments of a directory, a line each with its question.
fn questions(directory: &Path, stems: &[String]) -> String {
    let width = stems.iter().map(String::len).max().unwrap_or(0);
    let line = |stem: &String| {
        let text = fs::read_to_string(directory.join(stem).with_extension("toml"));
        let question = first_comment(&text.unwrap_or_default());
        format!("  {stem:width$}  {question}").trim_end().to_owned()
    };
    stems.iter().map(line).collect::<Vec<_>>().join("\n")
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
        let stems = stems(directory.path());
        assert_eq!(
            questions(directory.path(), &stems),
            "  b     Which is best?\n  long"
        );
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
