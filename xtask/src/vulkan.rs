//! The Vulkan driver that wgpu needs on Linux and its like.

mod get;
mod system;
mod unpacked;

use std::ffi::OsString;

use anyhow::{Result, bail};

use crate::say;
pub(crate) use system::System;
use unpacked::Unpacked;

/// The packages of Debian and Ubuntu that hold the software driver and the loader.
pub(crate) const PACKAGES: [&str; 2] = ["mesa-vulkan-drivers", "libvulkan1"];

/// Where a driver is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    /// Installed, or named by the environment: the loader finds it.
    System,
    /// Unpacked under the target directory.
    Unpacked(Unpacked),
}

impl Driver {
    /// The variables with which a program finds the driver.
    pub(crate) fn environment(&self) -> Vec<(&'static str, OsString)> {
        match self {
            Self::System => Vec::new(),
            Self::Unpacked(unpacked) => unpacked.environment(),
        }
    }
}

/// The driver that is there.
pub(crate) fn find(system: &System) -> Option<Driver> {
    if system.vulkan().is_complete() {
        return Some(Driver::System);
    }
    Unpacked::find(system.unpacked_directory()).map(Driver::Unpacked)
}

/// The driver that is there, else the software driver, got from the distribution.
pub(crate) fn find_or_get(system: &System, no_setup: bool) -> Result<Driver> {
    if let Some(driver) = find(system) {
        return Ok(driver);
    }
    let missing = system.vulkan().missing();
    if let Some(variable) = system.vulkan().misnamed_by() {
        bail!("{missing}; correct the variable {variable} or unset it");
    }
    let packages = PACKAGES.join(" ");
    if no_setup {
        bail!("{missing}, and --no-setup forbids to get one (Debian, Ubuntu: {packages})");
    }
    if !system.has_apt() {
        bail!(
            "{missing}; install a Vulkan driver and the loader libvulkan.so.1 with your package \
             manager (on Debian and Ubuntu they are in {packages})"
        );
    }
    say(&format!(
        "xtask: {missing}; getting a software driver: {packages}"
    ));
    get::get(system)?;
    match find(system) {
        Some(driver) => Ok(driver),
        None => bail!("got {packages}, and yet: {}", system.vulkan().missing()),
    }
}
