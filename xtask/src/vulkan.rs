//! The Vulkan driver that wgpu needs on Linux and its like.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::cargo::{exit_code, line, run};
use crate::say::say;

/// The packages of Debian and Ubuntu with a software driver and the loader.
pub(crate) const PACKAGES: [&str; 2] = ["mesa-vulkan-drivers", "libvulkan1"];

/// How to get results without a driver.
const WITHOUT: &str = "`cargo xtask test --backend flex --backend ndarray` tests without wgpu";

/// Whether wgpu uses Vulkan on this system; elsewhere it uses Metal or DirectX, which are always
/// available.
pub(crate) const IS_USED: bool = cfg!(all(unix, not(target_os = "macos")));

/// The Vulkan installation of a machine.
#[derive(Debug)]
pub(crate) struct Vulkan {
    /// The manifests of the drivers.
    drivers: Vec<PathBuf>,
    has_loader: bool,
    has_gpu_node: bool,
}

impl Vulkan {
    /// This machine's.
    pub(crate) fn here() -> Self {
        Self {
            drivers: match named() {
                Some(files) => files.into_iter().filter(|file| file.exists()).collect(),
                None => manifests(Path::new("/")),
            },
            has_loader: has_loader(),
            has_gpu_node: has_gpu_node(Path::new("/dev")),
        }
    }

    /// Returns what is missing; `None` if a driver can be loaded.
    pub(crate) fn missing(&self) -> Option<&'static str> {
        match (self.drivers.is_empty(), self.has_loader) {
            (false, true) => None,
            (true, _) if named().is_some() => {
                Some("VK_DRIVER_FILES or VK_ICD_FILENAMES names no existing Vulkan driver")
            }
            (true, _) => Some("no Vulkan driver is installed"),
            (false, false) => Some("the Vulkan loader libvulkan.so.1 is not installed"),
        }
    }

    /// Whether there is a GPU with its own driver, in addition to a software driver.
    pub(crate) fn has_gpu(&self) -> bool {
        let is_hardware = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            !["lvp_", "lavapipe", "swiftshader"]
                .iter()
                .any(|software| name.contains(software))
        };
        self.has_gpu_node && self.drivers.iter().any(is_hardware)
    }
}

/// Installs the software driver if there is no driver.
///
/// # Errors
///
/// If one is missing and cannot be installed; says how to install it and how to test without it.
pub(crate) fn find_or_install(no_setup: bool) -> Result<()> {
    let Some(missing) = Vulkan::here().missing() else {
        return Ok(());
    };
    let packages = PACKAGES.join(" ");
    if no_setup || named().is_some() {
        bail!("{missing} (Debian, Ubuntu: `apt-get install {packages}`); {WITHOUT}");
    }
    let Some(apt_get) = apt_get() else {
        bail!(
            "{missing}; install one with your package manager (Debian, Ubuntu: `sudo apt-get \
             install {packages}`); {WITHOUT}"
        );
    };
    say(&format!("xtask: {missing}; installing {packages}"));
    install(apt_get)?;
    match Vulkan::here().missing() {
        None => Ok(()),
        Some(missing) => bail!("{packages} are installed, but {missing}; {WITHOUT}"),
    }
}

/// Returns the command that starts `apt-get` as root; `None` without apt or without the permission.
fn apt_get() -> Option<&'static [&'static str]> {
    let succeeds = |words: &[&str]| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdin(Stdio::null());
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    };
    let user = Command::new("id").arg("-u").output();
    let is_root = user.is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    if !succeeds(&["apt-get", "--version"]) {
        None
    } else if is_root {
        Some(&["apt-get"])
    } else if succeeds(&["sudo", "-n", "true"]) {
        Some(&["sudo", "-n", "apt-get"])
    } else {
        None
    }
}

/// Installs the packages. Updates the package lists only if the installation fails without.
fn install(apt_get: &[&str]) -> Result<()> {
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new(apt_get[0]);
        command.args(&apt_get[1..]).arg("-q").args(arguments);
        let code = exit_code(run(command.env("DEBIAN_FRONTEND", "noninteractive"))?);
        Ok::<_, anyhow::Error>((code, line(&command)))
    };
    let mut words = vec!["install", "-y", "--no-install-recommends"];
    words.extend(PACKAGES);
    if apt_get(&words)?.0 == 0 {
        return Ok(());
    }
    for words in [&["update"], &words[..]] {
        let (code, line) = apt_get(words)?;
        if code != 0 {
            bail!("`{line}` failed (exit code {code}); {WITHOUT}");
        }
    }
    Ok(())
}

/// Returns the manifests that the environment names; `None` if it names none.
fn named() -> Option<Vec<PathBuf>> {
    let mut variables = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].into_iter();
    let files = variables.find_map(|name| env::var_os(name).filter(|files| !files.is_empty()))?;
    Some(env::split_paths(&files).collect())
}

/// The manifests in the directories of the system.
fn manifests(root: &Path) -> Vec<PathBuf> {
    let directories = ["etc", "usr/share", "usr/local/share"];
    let directories = directories.map(|place| root.join(place).join("vulkan/icd.d"));
    let files = directories.iter().flat_map(|directory| entries(directory));
    files
        .filter(|file| file.extension() == Some(OsStr::new("json")))
        .collect()
}

/// Whether the dynamic linker knows the loader. Without `ldconfig` it is assumed to exist.
fn has_loader() -> bool {
    let known = ["ldconfig", "/sbin/ldconfig"].iter().find_map(|program| {
        let output = Command::new(program).arg("-p").output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).contains("libvulkan.so.1"))
    });
    let path = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    known.unwrap_or(true)
        || env::split_paths(&path).any(|place| place.join("libvulkan.so.1").is_file())
}

/// Whether the kernel offers a GPU.
fn has_gpu_node(devices: &Path) -> bool {
    let is_node = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with("renderD")
    };
    devices.join("nvidia0").exists() || entries(&devices.join("dri")).any(is_node)
}

/// The entries of a directory; none if it does not exist.
fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(drivers: &[&str], has_loader: bool, has_gpu_node: bool) -> Vulkan {
        Vulkan {
            drivers: drivers.iter().map(PathBuf::from).collect(),
            has_loader,
            has_gpu_node,
        }
    }

    #[test]
    fn a_driver_needs_manifest_and_loader() {
        let missing = |drivers: &[&str], loader| machine(drivers, loader, false).missing();
        assert_eq!(missing(&["lvp_icd.json"], true), None);
        let loader = missing(&["lvp_icd.json"], false).unwrap();
        assert!(loader.contains("libvulkan.so.1"), "{loader}");
        let driver = missing(&[], true).unwrap();
        assert!(driver.contains("driver"), "{driver}");
    }

    #[test]
    fn a_gpu_is_a_node_with_a_driver_of_its_own() {
        let software = "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json";
        let hardware = "/usr/share/vulkan/icd.d/nvidia_icd.json";
        assert!(machine(&[hardware], true, true).has_gpu());
        assert!(machine(&[software, hardware], true, true).has_gpu());
        assert!(!machine(&[software], true, true).has_gpu());
        assert!(!machine(&[hardware], true, false).has_gpu());
    }

    #[test]
    fn manifests_and_devices_are_found() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        assert!(manifests(root).is_empty() && !has_gpu_node(&root.join("dev")));
        for file in [
            "etc/vulkan/icd.d/a.json",
            "usr/share/vulkan/icd.d/b.json",
            "usr/share/vulkan/icd.d/README",
            "usr/local/share/vulkan/icd.d/c.json",
            "dev/dri/renderD128",
        ] {
            let file = root.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        assert_eq!(manifests(root).len(), 3);
        assert!(has_gpu_node(&root.join("dev")));
    }
}
