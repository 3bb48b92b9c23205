//! A software driver unpacked from packages, without installing them.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::system::entries;

/// The manifest that names the unpacked driver by its full path.
const MANIFEST: &str = "software_driver.json";

/// Below the directory, what the packages hold.
const FILES: &str = "files";

/// A driver that lies in a directory of its own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unpacked {
    manifest: PathBuf,
    libraries: Vec<PathBuf>,
}

impl Unpacked {
    /// The driver in a directory, where it is complete.
    pub(super) fn find(directory: &Path) -> Option<Self> {
        let manifest = directory.join(MANIFEST);
        let libraries = library_directories(directory);
        let has_loader = libraries
            .iter()
            .any(|place| place.join("libvulkan.so.1").is_file());
        (has_loader && manifest.is_file()).then_some(Self {
            manifest,
            libraries,
        })
    }

    /// Where packages are to be unpacked.
    pub(super) fn files(directory: &Path) -> PathBuf {
        directory.join(FILES)
    }

    /// Writes the manifest, once all packages are unpacked.
    pub(super) fn complete(directory: &Path) -> Result<()> {
        let manifests = directory.join(FILES).join("usr/share/vulkan/icd.d");
        let lavapipe = entries(&manifests).find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("lvp_icd") && name.ends_with(".json")
        });
        let original = lavapipe.context("the packages hold no software driver (lvp_icd)")?;
        let text = fs::read_to_string(&original)
            .with_context(|| format!("cannot read {}", original.display()))?;
        let mut libraries = library_directories(directory).into_iter();
        let library = libraries.find_map(|place| {
            let path = place.join(library_name(&text)?);
            path.is_file().then_some(path)
        });
        let library = library.context("the packages hold no library for their software driver")?;
        let text =
            with_library(&text, &library).context("the driver's manifest is not readable")?;
        let manifest = directory.join(MANIFEST);
        fs::write(&manifest, text).with_context(|| format!("cannot write {}", manifest.display()))
    }

    /// The variables with which a program finds this driver and no other.
    pub(super) fn environment(&self) -> Vec<(&'static str, OsString)> {
        let known = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let known = env::split_paths(&known).filter(|place| !place.as_os_str().is_empty());
        let libraries = env::join_paths(self.libraries.iter().cloned().chain(known));
        let mut variables = vec![
            ("VK_DRIVER_FILES", self.manifest.clone().into()),
            ("VK_ICD_FILENAMES", self.manifest.clone().into()),
        ];
        // A path with a colon in it cannot be listed; the loader will say what it misses.
        variables.extend(libraries.ok().map(|list| ("LD_LIBRARY_PATH", list)));
        variables
    }
}

/// The directories with shared libraries: those named for the machine, as on Debian.
fn library_directories(directory: &Path) -> Vec<PathBuf> {
    let parents = ["usr/lib", "lib"].map(|parent| directory.join(FILES).join(parent));
    let children = parents.iter().flat_map(|parent| entries(parent));
    let children = children.filter(|path| path.is_dir());
    let is_multiarch = |path: &PathBuf| path.to_string_lossy().contains("-linux-gnu");
    children.filter(is_multiarch).collect()
}

/// The file name of the library that a manifest names.
fn library_name(manifest: &str) -> Option<&str> {
    let (from, to) = library_span(manifest)?;
    manifest[from..to].rsplit('/').next()
}

/// The manifest with another library.
fn with_library(manifest: &str, library: &Path) -> Option<String> {
    let (from, to) = library_span(manifest)?;
    let library = library.to_str()?.replace('\\', "\\\\").replace('"', "\\\"");
    Some(format!("{}{library}{}", &manifest[..from], &manifest[to..]))
}

/// Where in a manifest the library stands, without its quotes. A manifest is JSON, but of one
/// form, in which the key comes once and the path without escapes.
fn library_span(manifest: &str) -> Option<(usize, usize)> {
    let key = "\"library_path\"";
    let after_key = manifest.find(key)? + key.len();
    let from = after_key + manifest[after_key..].find('"')? + 1;
    let to = from + manifest[from..].find('"')?;
    Some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAVAPIPE: &str = r#"{
    "ICD": {
        "api_version": "1.3.230",
        "library_path": "/usr/lib/x86_64-linux-gnu/libvulkan_lvp.so"
    },
    "file_format_version": "1.0.0"
}"#;

    fn unpack(directory: &Path, files: &[(&str, &str)]) {
        for (file, text) in files {
            let path = Unpacked::files(directory).join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    #[test]
    fn a_manifest_gets_the_full_path_of_its_library() {
        let text = with_library(LAVAPIPE, Path::new("/a \"b\"/lvp.so")).unwrap();
        assert_eq!(
            text,
            LAVAPIPE.replace(
                "/usr/lib/x86_64-linux-gnu/libvulkan_lvp.so",
                r#"/a \"b\"/lvp.so"#
            )
        );
        assert_eq!(library_name(LAVAPIPE), Some("libvulkan_lvp.so"));
        assert_eq!(library_name("{}"), None);
    }

    #[test]
    fn an_unpacked_driver_is_found_only_once_it_is_complete() {
        let target = tempfile::tempdir().unwrap();
        let directory = target.path();
        assert_eq!(Unpacked::find(directory), None);
        assert!(Unpacked::complete(directory).is_err());
        let libraries = "usr/lib/x86_64-linux-gnu";
        unpack(
            directory,
            &[
                ("usr/share/vulkan/icd.d/intel_icd.x86_64.json", "{}"),
                ("usr/share/vulkan/icd.d/lvp_icd.x86_64.json", LAVAPIPE),
                (&format!("{libraries}/libvulkan.so.1"), ""),
            ],
        );
        assert!(Unpacked::complete(directory).is_err());
        assert_eq!(Unpacked::find(directory), None);
        unpack(directory, &[(&format!("{libraries}/libvulkan_lvp.so"), "")]);
        Unpacked::complete(directory).unwrap();

        let unpacked = Unpacked::find(directory).unwrap();
        let text = fs::read_to_string(&unpacked.manifest).unwrap();
        let library = Unpacked::files(directory)
            .join(libraries)
            .join("libvulkan_lvp.so");
        assert!(text.contains(library.to_str().unwrap()), "{text}");
        let variables = unpacked.environment();
        let [
            ("VK_DRIVER_FILES", first),
            ("VK_ICD_FILENAMES", second),
            ("LD_LIBRARY_PATH", list),
        ] = &variables[..]
        else {
            panic!("{variables:?}");
        };
        assert_eq!(
            (Path::new(first), second),
            (unpacked.manifest.as_path(), first)
        );
        let mut listed = env::split_paths(list);
        assert_eq!(
            listed.next(),
            Some(Unpacked::files(directory).join(libraries))
        );
    }
}
