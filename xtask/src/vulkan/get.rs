//! Getting the software driver by apt.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::system::entries;
use super::unpacked::Unpacked;
use super::{PACKAGES, System};
use crate::cargo::{exit_code, line, run};

/// Installs the packages as root, else unpacks them.
pub(super) fn get(system: &System) -> Result<()> {
    if is_root() {
        install()
    } else {
        unpack(system.unpacked_directory())
    }
}

fn is_root() -> bool {
    let user = Command::new("id").arg("-u").stderr(Stdio::null()).output();
    user.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn install() -> Result<()> {
    let apt = || {
        let mut command = Command::new("apt-get");
        command.arg("-q").env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    must(apt().arg("update"))?;
    must(
        apt()
            .args(["install", "-y", "--no-install-recommends"])
            .args(PACKAGES),
    )
}

/// Downloads the packages, with those libraries that they need and that are not installed, and
/// unpacks them. apt keeps its lists and the downloads in the directory too, so that it needs no
/// rights beyond it.
fn unpack(directory: &Path) -> Result<()> {
    let lists = directory.join("apt/lists");
    let cache = directory.join("apt/cache");
    let files = Unpacked::files(directory);
    for place in [
        &lists.join("partial"),
        &cache.join("archives/partial"),
        &files,
    ] {
        fs::create_dir_all(place).with_context(|| format!("cannot make {}", place.display()))?;
    }
    let option = |name: &str, place: &Path| {
        let mut option = std::ffi::OsString::from(format!("-oDir::{name}="));
        option.push(place);
        option
    };
    let apt = || {
        let mut command = Command::new("apt-get");
        command
            .args(["-q", "-oDebug::NoLocking=1"])
            .arg(option("State::Lists", &lists))
            .arg(option("Cache", &cache));
        command
    };
    must(apt().arg("update"))?;
    must(
        apt()
            .args([
                "install",
                "-y",
                "--download-only",
                "--no-install-recommends",
            ])
            .args(PACKAGES),
    )?;
    for package in entries(&cache.join("archives")) {
        if package.extension() == Some("deb".as_ref()) {
            must(Command::new("dpkg").arg("-x").arg(package).arg(&files))?;
        }
    }
    Unpacked::complete(directory)?;
    // What apt kept has served its purpose: leaving it would only take room.
    let _ = fs::remove_dir_all(directory.join("apt"));
    Ok(())
}

fn must(command: &mut Command) -> Result<()> {
    match exit_code(run(command)?) {
        0 => Ok(()),
        code => bail!("`{}` failed (exit code {code})", line(command)),
    }
}
