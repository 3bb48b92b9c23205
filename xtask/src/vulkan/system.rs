//! What of Vulkan is on a machine.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use crate::cargo::target_directory;

/// A machine: its files, its environment, and where this project builds.
#[derive(Debug)]
pub(crate) struct System {
    /// `/`, but in tests.
    root: PathBuf,
    variables: Vec<(OsString, OsString)>,
    unpacked: PathBuf,
}

/// The parts of Vulkan that a machine has.
#[derive(Debug)]
pub(crate) struct Vulkan {
    /// The files that describe a driver each.
    manifests: Vec<PathBuf>,
    has_loader: bool,
    /// The variable that names the manifests, where one does.
    named_by: Option<&'static str>,
}

impl Vulkan {
    /// Whether a driver can be loaded.
    pub(crate) fn is_complete(&self) -> bool {
        self.has_loader && !self.manifests.is_empty()
    }

    /// The variable that names manifests, none of which is there: no driver that is got will help.
    pub(crate) fn misnamed_by(&self) -> Option<&'static str> {
        self.named_by.filter(|_| self.manifests.is_empty())
    }

    /// What is not there, to be said where it is not complete.
    pub(crate) fn missing(&self) -> String {
        let driver = match self.misnamed_by() {
            Some(variable) => format!("found no Vulkan driver where {variable} points"),
            None => "found no Vulkan driver".to_owned(),
        };
        match (self.manifests.is_empty(), self.has_loader) {
            (true, true) => driver,
            (true, false) => format!("{driver} and no loader (libvulkan.so.1)"),
            (false, _) => "found no Vulkan loader (libvulkan.so.1)".to_owned(),
        }
    }
}

impl System {
    /// The machine that this runs on.
    pub(crate) fn this() -> Self {
        Self {
            root: "/".into(),
            variables: env::vars_os().collect(),
            unpacked: target_directory().join("vulkan"),
        }
    }

    /// Whether wgpu takes Vulkan here: elsewhere Metal or DirectX is there already.
    pub(crate) fn needs_vulkan(&self) -> bool {
        cfg!(all(unix, not(target_os = "macos")))
    }

    /// Whether packages come by apt.
    pub(crate) fn has_apt(&self) -> bool {
        self.at("/usr/bin/apt-get").is_file() && self.at("/usr/bin/dpkg").is_file()
    }

    /// Where a driver may be unpacked.
    pub(crate) fn unpacked_directory(&self) -> &Path {
        &self.unpacked
    }

    /// What of Vulkan is there, by the rules of the loader.
    pub(crate) fn vulkan(&self) -> Vulkan {
        Vulkan {
            manifests: self.manifests(),
            has_loader: self.has_loader(),
            named_by: self.naming_variable(),
        }
    }

    /// Whether there is a GPU, and a driver that is not a software one.
    pub(crate) fn has_gpu(&self) -> bool {
        let render_nodes = entries(&self.at("/dev/dri"));
        let mut render_nodes = render_nodes.filter(|path| name(path).starts_with("renderD"));
        let has_node = render_nodes.next().is_some() || self.at("/dev/nvidia0").exists();
        let is_hardware = |path: &PathBuf| {
            let name = name(path);
            !["lvp_", "lavapipe", "swiftshader"]
                .iter()
                .any(|software| name.contains(software))
        };
        has_node && self.manifests().iter().any(is_hardware)
    }

    /// The variable that names manifests instead of the directories; the second is deprecated.
    fn naming_variable(&self) -> Option<&'static str> {
        let variables = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];
        let mut set = variables
            .into_iter()
            .filter(|name| self.variable(name).is_some());
        set.next()
    }

    /// The manifests of all drivers.
    fn manifests(&self) -> Vec<PathBuf> {
        let named = self.naming_variable().and_then(|name| self.variable(name));
        let places = match named {
            Some(places) => self.split(places),
            None => self.manifest_directories(),
        };
        let files = places.into_iter().flat_map(|place| match place.is_dir() {
            true => entries(&place).collect(),
            false => vec![place],
        });
        let is_manifest =
            |path: &PathBuf| path.extension() == Some("json".as_ref()) && path.is_file();
        files.filter(is_manifest).collect()
    }

    fn manifest_directories(&self) -> Vec<PathBuf> {
        let home = self.variable("HOME").map(|home| self.at(home));
        let in_home = |variable, default| match self.variable(variable) {
            Some(directory) => Some(self.at(directory)),
            None => home.as_ref().map(|home| home.join(default)),
        };
        let listed = |variable, default: &str| {
            self.split(self.variable(variable).unwrap_or(default.as_ref()))
        };
        let mut directories = Vec::new();
        directories.extend(in_home("XDG_CONFIG_HOME", ".config"));
        directories.extend(listed("XDG_CONFIG_DIRS", "/etc/xdg"));
        directories.push(self.at("/etc"));
        directories.push(self.at("/usr/local/etc"));
        directories.extend(in_home("XDG_DATA_HOME", ".local/share"));
        directories.extend(listed("XDG_DATA_DIRS", "/usr/local/share:/usr/share"));
        directories.extend(["/usr/local/share", "/usr/share"].map(|place| self.at(place)));
        let mut unique = Vec::new();
        for directory in directories {
            let directory = directory.join("vulkan/icd.d");
            if !unique.contains(&directory) {
                unique.push(directory);
            }
        }
        unique
    }

    fn has_loader(&self) -> bool {
        let mut directories = match self.variable("LD_LIBRARY_PATH") {
            Some(listed) => self.split(listed),
            None => Vec::new(),
        };
        for directory in ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"] {
            let directory = self.at(directory);
            let is_multiarch = |path: &PathBuf| name(path).contains("-linux-");
            directories.extend(entries(&directory).filter(is_multiarch));
            directories.push(directory);
        }
        for file in entries(&self.at("/etc/ld.so.conf.d")) {
            let text = fs::read_to_string(file).unwrap_or_default();
            let lines = text.lines().map(str::trim);
            let lines = lines.filter(|line| line.starts_with('/'));
            directories.extend(lines.map(|line| self.at(line)));
        }
        let mut loaders = directories.iter().map(|place| place.join("libvulkan.so.1"));
        loaders.any(|path| path.is_file())
    }

    /// A variable that is set and not empty.
    fn variable(&self, name: &str) -> Option<&OsStr> {
        let mut named = self.variables.iter().filter(|(key, _)| key == name);
        let (_, value) = named.next()?;
        (!value.is_empty()).then_some(value)
    }

    fn split(&self, listed: &OsStr) -> Vec<PathBuf> {
        let places = env::split_paths(listed);
        let places = places.filter(|place| !place.as_os_str().is_empty());
        places.map(|place| self.at(place)).collect()
    }

    fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

/// What lies in a directory, in the order of the names; nothing where there is none.
pub(super) fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths.into_iter()
}

fn name(path: &Path) -> std::borrow::Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    impl System {
        /// A machine whose files lie in a directory.
        pub(crate) fn under(root: &Path, variables: &[(&str, &str)]) -> Self {
            let variables = variables.iter();
            Self {
                root: root.into(),
                variables: variables
                    .map(|(key, value)| (key.into(), value.into()))
                    .collect(),
                unpacked: root.join("work/target/vulkan"),
            }
        }
    }

    /// A machine with these files, all empty.
    fn machine(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        root
    }

    const LOADER: &str = "usr/lib/x86_64-linux-gnu/libvulkan.so.1";

    #[test]
    fn a_driver_needs_manifest_and_loader() {
        let cases: [(&[&str], &str); 4] = [
            (&[], "found no Vulkan driver and no loader (libvulkan.so.1)"),
            (&[LOADER], "found no Vulkan driver"),
            (
                &["usr/share/vulkan/icd.d/lvp_icd.json"],
                "found no Vulkan loader (libvulkan.so.1)",
            ),
            (
                &[LOADER, "usr/share/vulkan/icd.d/README"],
                "found no Vulkan driver",
            ),
        ];
        for (files, missing) in cases {
            let root = machine(files);
            let vulkan = System::under(root.path(), &[]).vulkan();
            assert!(!vulkan.is_complete(), "{files:?}");
            assert_eq!(vulkan.missing(), missing);
        }
    }

    #[test]
    fn manifests_are_found_where_the_loader_looks() {
        for directory in [
            "etc/vulkan/icd.d",
            "etc/xdg/vulkan/icd.d",
            "usr/share/vulkan/icd.d",
            "usr/local/share/vulkan/icd.d",
            "home/me/.local/share/vulkan/icd.d",
            "home/me/.config/vulkan/icd.d",
        ] {
            let root = machine(&[LOADER, &format!("{directory}/lvp_icd.json")]);
            let vulkan = System::under(root.path(), &[("HOME", "/home/me")]).vulkan();
            assert!(vulkan.is_complete(), "{directory}");
        }
        let root = machine(&[LOADER, "data/vulkan/icd.d/lvp_icd.json"]);
        for variable in [
            "XDG_DATA_HOME",
            "XDG_DATA_DIRS",
            "XDG_CONFIG_HOME",
            "XDG_CONFIG_DIRS",
        ] {
            let vulkan = System::under(root.path(), &[(variable, "/data")]).vulkan();
            assert!(vulkan.is_complete(), "{variable}");
        }
    }

    #[test]
    fn the_environment_names_drivers_instead_of_the_directories() {
        let root = machine(&[
            LOADER,
            "usr/share/vulkan/icd.d/lvp_icd.json",
            "my/driver.json",
        ]);
        for variable in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
            for (value, is_complete) in [
                ("/my/driver.json", true),
                ("/my", true),
                ("/nowhere.json:/my/driver.json", true),
                ("/nowhere.json", false),
                ("", true),
            ] {
                let vulkan = System::under(root.path(), &[(variable, value)]).vulkan();
                assert_eq!(vulkan.is_complete(), is_complete, "{variable}={value}");
                let misnamed_by = (!is_complete).then_some(variable);
                assert_eq!(vulkan.misnamed_by(), misnamed_by);
            }
        }
    }

    #[test]
    fn the_loader_is_found_where_libraries_lie() {
        let manifest = "usr/share/vulkan/icd.d/lvp_icd.json";
        for directory in [
            "lib",
            "usr/lib64",
            "usr/local/lib",
            "usr/lib/aarch64-linux-gnu",
            "mine",
        ] {
            let root = machine(&[manifest, &format!("{directory}/libvulkan.so.1")]);
            let system = System::under(root.path(), &[("LD_LIBRARY_PATH", "/else:/mine")]);
            assert!(system.vulkan().is_complete(), "{directory}");
        }
        let root = machine(&[
            manifest,
            "opt/lib/libvulkan.so.1",
            "etc/ld.so.conf.d/opt.conf",
        ]);
        fs::write(
            root.path().join("etc/ld.so.conf.d/opt.conf"),
            "# opt\n/opt/lib\n",
        )
        .unwrap();
        assert!(System::under(root.path(), &[]).vulkan().is_complete());
    }

    #[test]
    fn a_gpu_is_a_node_with_a_driver_of_its_own() {
        let software = "usr/share/vulkan/icd.d/lvp_icd.x86_64.json";
        let hardware = "usr/share/vulkan/icd.d/nvidia_icd.json";
        let cases: [(&[&str], bool); 5] = [
            (&["dev/nvidia0", hardware], true),
            (&["dev/dri/renderD128", hardware, software], true),
            (&["dev/nvidia0", software], false),
            (&["dev/dri/card0", hardware], false),
            (&[hardware], false),
        ];
        for (files, has_gpu) in cases {
            let root = machine(files);
            assert_eq!(
                System::under(root.path(), &[]).has_gpu(),
                has_gpu,
                "{files:?}"
            );
        }
    }
}
