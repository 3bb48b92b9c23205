//! The fingerprint of the code that computes a run. The build script uses this file, too.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Where the numbers of a run come from, below the root of the workspace: optimizers, networks,
/// data and their order, the training itself.
pub(crate) const SOURCES: [&str; 5] = [
    "crates/downhill/src",
    "crates/downhill-model/src",
    "crates/downhill-data/src",
    "crates/downhill-trainer/src/training",
    "crates/downhill-trainer/src/device",
];

/// The file that pins the versions of the dependencies.
pub(crate) const LOCK: &str = "Cargo.lock";

/// Returns twelve hexadecimal digits that change with the sources that compute, and with the
/// versions of Burn and CubeCL. Lines of comments, blank lines and tests are left out.
///
/// # Errors
///
/// A directory or file that cannot be read.
pub(crate) fn fingerprint(root: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    for directory in SOURCES {
        let mut files = Vec::new();
        sources(&root.join(directory), &mut files)?;
        files.sort();
        for file in files {
            let name = file.strip_prefix(root).unwrap_or(&file);
            hasher.update(name.to_string_lossy().replace('\\', "/"));
            for line in lines(&fs::read_to_string(&file)?) {
                hasher.update("\n");
                hasher.update(line);
            }
        }
    }
    for package in fs::read_to_string(root.join(LOCK))?.split("\n\n") {
        let of = |name: &str| package.contains(&format!("\nname = \"{name}"));
        if of("burn") || of("cubecl") {
            hasher.update(package.replace('\r', ""));
        }
    }
    let digest = hasher.finalize();
    Ok(digest[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// The lines of a source file that compute.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with("//"))
}

/// Adds the Rust files of a directory, without those of tests.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
        if path.is_dir() && !is_test {
            sources(&path, found)?;
        } else if path.extension().is_some_and(|end| end == "rs") && !is_test {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(text: &str, lock: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for directory in SOURCES {
            let directory = root.path().join(directory);
            fs::create_dir_all(directory.join("tests")).unwrap();
            fs::write(directory.join("adam.rs"), text).unwrap();
            fs::write(directory.join("tests/adam.rs"), format!("// {text}")).unwrap();
        }
        fs::write(root.path().join(LOCK), lock).unwrap();
        root
    }

    fn of(text: &str, lock: &str) -> String {
        fingerprint(workspace(text, lock).path()).unwrap()
    }

    #[test]
    fn the_fingerprint_changes_with_code_and_with_burn_alone() {
        let lock = "\n[[package]]\nname = \"burn-flex\"\nversion = \"1\"\n\n[[package]]\nname = \
                    \"clap\"\nversion = \"1\"\n";
        let first = of("fn a() {\n    1\n}\n", lock);
        assert_eq!(first.len(), 12);
        // Comments, blank lines, indentation, line ends, and tests of other contents.
        let same = "//! A.\n\nfn a() {\r\n  // One.\n  1\n}\n";
        assert_eq!(of(same, &lock.replace("clap", "other")), first);
        assert_ne!(of("fn a() {\n    2\n}\n", lock), first);
        assert_ne!(
            of("fn a() {\n    1\n}\n", &lock.replacen('1', "2", 1)),
            first
        );
    }

    #[test]
    fn a_file_that_moves_changes_the_fingerprint() {
        let root = workspace("fn a() {}", "");
        let before = fingerprint(root.path()).unwrap();
        let directory = root.path().join(SOURCES[0]);
        fs::rename(directory.join("adam.rs"), directory.join("b.rs")).unwrap();
        assert_ne!(fingerprint(root.path()).unwrap(), before);
        fs::remove_dir_all(directory).unwrap();
        fingerprint(root.path()).unwrap_err();
    }

    #[test]
    fn the_sources_of_this_program_have_its_fingerprint() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        assert_eq!(fingerprint(&root).unwrap(), env!("DOWNHILL_CODE"));
    }
}
