//! The command `new`: a config file to start from.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::repeat::{program, quoted};

/// What the file holds.
pub const TEMPLATE: &str = include_str!("template.toml");

/// Arguments of `new`.
#[derive(Args, Clone, Debug)]
pub struct NewArguments {
    /// Name of the experiment. The file is `configs/NAME.toml` if there is a directory `configs`
    /// here, else `NAME.toml`
    #[arg(value_name = "NAME")]
    pub name: String,
}

impl NewArguments {
    /// Writes the file. Returns what to print.
    ///
    /// # Errors
    ///
    /// What is wrong with the name, or why the file cannot be written. One that exists is kept.
    pub fn write(&self) -> Result<String, String> {
        let file = Path::new(&self.name).file_name();
        let ends_it = |file: &OsStr| self.name.as_bytes().ends_with(file.as_encoded_bytes());
        if !file.is_some_and(ends_it) || self.name.chars().any(char::is_control) {
            return Err(format!(
                "the name of an experiment must be a word or a path without control characters, \
                 got {:?}",
                self.name
            ));
        }
        let file = self.file(Path::new("configs").is_dir());
        let shown = file.display();
        let written =
            File::create_new(&file).and_then(|mut file| file.write_all(TEMPLATE.as_bytes()));
        written.map_err(|error: io::Error| match error.kind() {
            ErrorKind::AlreadyExists => format!("{shown} exists; choose another name"),
            ErrorKind::NotFound => format!("cannot write {shown}: its directory does not exist"),
            _ => format!("cannot write {shown}: {error}"),
        })?;
        Ok(format!(
            "wrote {shown}; train it with `{} train {}`\n",
            program(),
            quoted(&file_argument(&file))
        ))
    }

    /// The path of the file: a path or a file name is taken as it is.
    fn file(&self, has_configs: bool) -> PathBuf {
        let path = Path::new(&self.name);
        if path.components().count() > 1 || path.extension().is_some_and(|end| end == "toml") {
            return path.to_path_buf();
        }
        let file = format!("{}.toml", self.name);
        match has_configs {
            true => Path::new("configs").join(file),
            false => file.into(),
        }
    }
}

/// A path as an argument, which must not look like an option.
fn file_argument(file: &Path) -> String {
    match file.display().to_string() {
        option if option.starts_with('-') => format!("./{option}"),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_word_or_a_path() {
        for name in ["", "..", "mine/", "mine/.", "a\nb", "\u{1b}[31m"] {
            let name = name.to_owned();
            let error = NewArguments { name }.write().expect_err("no name");
            assert!(
                error.starts_with("the name of an experiment must"),
                "{error}"
            );
            assert!(!error.contains(char::is_control), "{error}");
        }
        assert_eq!(file_argument(Path::new("-x.toml")), "./-x.toml");
        assert_eq!(file_argument(Path::new("x.toml")), "x.toml");
    }

    #[test]
    fn a_name_is_a_file_among_the_configs_and_a_path_is_itself() {
        let file = |name: &str, has_configs| {
            let name = name.to_owned();
            let file = NewArguments { name }.file(has_configs);
            file.display().to_string().replace('\\', "/")
        };
        assert_eq!(file("mine", true), "configs/mine.toml");
        assert_eq!(file("mine", false), "mine.toml");
        assert_eq!(file("mine.v2", false), "mine.v2.toml");
        assert_eq!(file("mine.toml", true), "mine.toml");
        assert_eq!(file("some/mine.toml", true), "some/mine.toml");
    }

    #[test]
    fn a_file_that_exists_is_kept() {
        let path = std::env::temp_dir().join(format!("downhill-new-{}.toml", std::process::id()));
        let name = path.display().to_string();
        let new = NewArguments { name };
        let said = new.write().expect("it is new");
        assert!(said.contains("train it with `cargo xtask train "), "{said}");
        std::fs::write(&path, "mine").expect("it is written");
        let error = new.write().expect_err("it exists");
        assert!(error.ends_with("exists; choose another name"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).expect("it is there"), "mine");
        std::fs::remove_file(&path).ok();
        let name = path.join("none/new.toml").display().to_string();
        let error = NewArguments { name }.write().expect_err("no directory");
        assert!(error.ends_with("its directory does not exist"), "{error}");
    }
}
