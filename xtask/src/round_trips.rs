//! `cargo xtask test --long`: what we write for others, read by them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::cargo::{cargo, exit_code, line, run as run_command, target_directory, workspace};
use crate::part::part;
use crate::say::say;
use crate::summary::{Outcome, Part};

/// Scripts in `tests/round_trips`, and the programs that they use.
const SCRIPTS: [(&str, &str); 3] = [
    ("events", "TensorBoard"),
    ("weights", "PyTorch"),
    ("schema", "jsonschema"),
];

/// The packages that the scripts import.
const PACKAGES: &str = "jsonschema numpy safetensors tensorboard torch";

/// Builds the trainer and runs each script with it.
pub(crate) fn run(python: Option<&Path>) -> Result<Vec<Part>> {
    let python = match python {
        Some(python) => named(python),
        None => environment(),
    };
    let python = match python {
        Ok(python) => python,
        Err(error) => {
            say(&format!("\nxtask: round trips: {error:#}"));
            return Ok(SCRIPTS.map(|(_, reader)| not_run(reader)).into());
        }
    };
    let mut parts = vec![part("trainer", trainer())?];
    if parts.iter().any(|part| part.outcome != Outcome::Passed) {
        return Ok(parts);
    }
    for (script, reader) in SCRIPTS {
        let work = target_directory().join("round-trips-work").join(script);
        if work.exists() {
            fs::remove_dir_all(&work)
                .with_context(|| format!("cannot empty {}", work.display()))?;
        }
        fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
        parts.push(part(reader, command(&python, script, &work))?);
    }
    Ok(parts)
}

fn not_run(reader: &str) -> Part {
    Part {
        name: reader.into(),
        outcome: Outcome::NotRun("no Python with the packages".into()),
        seconds: 0.0,
        cpu_seconds: Some(0.0),
    }
}

fn trainer() -> Command {
    let mut command = cargo("build");
    command
        .args(["--release", "-p", "downhill-trainer", "--bin", "downhill"])
        .args(["--no-default-features", "--features", "flex,schema"]);
    command
}

fn command(python: &Path, script: &str, work: &Path) -> Command {
    let binary = format!("downhill{}", std::env::consts::EXE_SUFFIX);
    let mut command = Command::new(python);
    command
        .arg(directory().join(script).with_extension("py"))
        .arg("--downhill")
        .arg(target_directory().join("release").join(binary))
        .arg("--work")
        .arg(work)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn directory() -> PathBuf {
    workspace().join("tests/round_trips")
}

/// The interpreter that the user named, if it has the packages.
fn named(python: &Path) -> Result<PathBuf> {
    // A path keeps its meaning wherever it is run from, a name is looked up.
    let python = match python.components().count() {
        1 => python.to_path_buf(),
        _ => std::path::absolute(python)?,
    };
    let shown = python.display();
    let script = "import importlib.util, sys; assert sys.version_info >= (3, 11), 'not 3.11'; \
                  print(*[name for name in sys.argv[1:] if not importlib.util.find_spec(name)])";
    let mut command = Command::new(&python);
    command
        .args(["-c", script])
        .args(PACKAGES.split(' '))
        .stdin(Stdio::null());
    let output = command.output();
    let output = output.with_context(|| format!("cannot run {shown}"))?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    judged(
        &shown.to_string(),
        output.status.success(),
        &text(&output.stdout),
        &text(&output.stderr),
    )?;
    Ok(python)
}

/// Checks that an interpreter has all packages, from its output: the packages that it lacks.
fn judged(shown: &str, success: bool, missing: &str, complaint: &str) -> Result<()> {
    if !success {
        let why = complaint.lines().last().unwrap_or("it does not work");
        bail!("{shown} must be Python 3.11 or later: {why}");
    }
    match missing.trim() {
        "" => Ok(()),
        missing => bail!(
            "{shown} has no {missing}; get them by `{shown} -m pip install -r \
             tests/round_trips/requirements.txt`"
        ),
    }
}

/// Returns an environment under `target` with the packages of the scripts; makes it if it does not
/// exist.
fn environment() -> Result<PathBuf> {
    let environment = target_directory().join("round-trips");
    let python = match cfg!(windows) {
        true => environment.join("Scripts/python.exe"),
        false => environment.join("bin/python"),
    };
    let requirements = directory().join("requirements.txt");
    let wanted = fs::read(&requirements)?;
    // Written last: an installation that was interrupted is taken up again.
    let installed = environment.join("requirements.txt");
    if fs::read(&installed).is_ok_and(|there| there == wanted) {
        return Ok(python);
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv"]).arg(&environment);
    let mut install = Command::new(&python);
    install
        .args(["-m", "pip", "install", "--disable-pip-version-check", "-r"])
        .arg(&requirements);
    for mut command in [make, install] {
        say(&format!("\nxtask: {}", line(&command)));
        let code = exit_code(run_command(&mut command)?);
        if code != 0 {
            bail!(
                "{} ended with exit code {code}; name an interpreter that has {PACKAGES} with \
                 --python",
                line(&command)
            );
        }
    }
    fs::write(&installed, wanted)?;
    named(&python)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_is_run_and_every_package_pinned() {
        let mut found: Vec<_> = (fs::read_dir(directory()).unwrap())
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
            .map(|path| path.file_stem().unwrap().display().to_string())
            .filter(|stem| stem != "laboratory")
            .collect();
        found.sort();
        let mut expected = SCRIPTS.map(|(script, _)| script);
        expected.sort();
        assert_eq!(found, expected);
        let text = fs::read_to_string(directory().join("requirements.txt")).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let names: Vec<_> = lines.map(|line| line.split_once("==").unwrap().0).collect();
        assert_eq!(names.join(" "), PACKAGES);
    }

    #[test]
    fn an_interpreter_without_a_package_is_refused_with_its_name() {
        let refused = |success, missing: &str, complaint: &str| {
            let error = judged("some/python", success, missing, complaint);
            error.unwrap_err().to_string()
        };
        assert_eq!(
            refused(true, "numpy torch\n", ""),
            "some/python has no numpy torch; get them by `some/python -m pip install -r \
             tests/round_trips/requirements.txt`"
        );
        assert_eq!(
            refused(false, "", "Traceback\nAssertionError: not 3.11\n"),
            "some/python must be Python 3.11 or later: AssertionError: not 3.11"
        );
        assert!(judged("some/python", true, "\n", "").is_ok());
        let error = named(Path::new("/nowhere/python")).unwrap_err();
        assert_eq!(error.to_string(), "cannot run /nowhere/python");
    }
}
