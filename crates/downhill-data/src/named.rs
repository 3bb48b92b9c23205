//! Sets that are known by name.

use std::env;
#[cfg(feature = "embedded")]
use std::path::Path;
use std::path::PathBuf;

#[cfg(feature = "embedded")]
use crate::pair::load_mnist;
use crate::pair::{DEFAULT_LIMIT, load_as};
use crate::{DataError, ImagePair, source};

/// A set.
struct Set {
    name: &'static str,
    /// The directory that its authors' archive makes, if it has another name.
    directory: &'static str,
    /// Where to get it.
    remedy: &'static str,
}

const EMNIST: &str =
    "extract gzip.zip of https://www.nist.gov/itl/products-and-services/emnist-dataset";

const SETS: [Set; 9] = [
    Set {
        name: "fashion-mnist",
        directory: "fashion-mnist",
        remedy: "on Debian and Ubuntu, run `sudo apt-get install dataset-fashion-mnist`; elsewhere, \
                 download the four files of https://github.com/zalandoresearch/fashion-mnist",
    },
    Set {
        name: "kmnist",
        directory: "kmnist",
        remedy: "download the four files of https://github.com/rois-codh/kmnist",
    },
    Set {
        name: "qmnist",
        directory: "qmnist",
        remedy: "download the train and test files of https://github.com/facebookresearch/qmnist",
    },
    emnist("emnist-balanced"),
    emnist("emnist-byclass"),
    emnist("emnist-bymerge"),
    emnist("emnist-digits"),
    emnist("emnist-letters"),
    emnist("emnist-mnist"),
];

const fn emnist(name: &'static str) -> Set {
    Set {
        name,
        directory: "emnist",
        remedy: EMNIST,
    }
}

/// The name of the set that is used if no other is asked for.
pub const DEFAULT_SOURCE: &str = "mnist";

/// Returns the names of all sets.
pub fn source_names() -> impl Iterator<Item = &'static str> {
    [DEFAULT_SOURCE]
        .into_iter()
        .chain(SETS.iter().map(|set| set.name))
}

/// Loads a set by its name, one of [`source_names`], or by its directory, as
/// [`load_directory`](crate::load_directory).
///
/// MNIST is inside the crate. The files of another set are looked for in `downhill/NAME` of the
/// user's data directory (`$XDG_DATA_HOME`, or `~/.local/share`) and in `/usr/share/datasets/NAME`.
///
/// # Errors
///
/// A name that is not known, and a set whose files are not there; otherwise as
/// [`load_directory`](crate::load_directory).
#[cfg(feature = "embedded")]
pub fn load(source: &str) -> Result<ImagePair, DataError> {
    if source == DEFAULT_SOURCE {
        return load_mnist();
    }
    match SETS.iter().find(|set| set.name == source) {
        Some(set) => find(set, &roots()),
        None => load_path(source),
    }
}

#[cfg(feature = "embedded")]
fn load_path(source: &str) -> Result<ImagePair, DataError> {
    let path = Path::new(source);
    if path.components().count() < 2 && !path.exists() {
        return Err(DataError::UnknownSource {
            name: source.to_owned(),
            known: source_names().map(str::to_owned).collect(),
        });
    }
    crate::load_directory(path)
}

/// Where sets are looked for.
fn roots() -> Vec<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let home = || Some(PathBuf::from(variable("HOME")?).join(".local/share"));
    let own = variable("XDG_DATA_HOME").map(PathBuf::from).or_else(home);
    let own = own.map(|data| data.join("downhill"));
    own.into_iter()
        .chain(["/usr/share/datasets".into()])
        .collect()
}

fn find(set: &Set, roots: &[PathBuf]) -> Result<ImagePair, DataError> {
    let mut places = Vec::new();
    for root in roots {
        // EMNIST's archive has all its parts in a directory `gzip`.
        let archive = root.join(set.directory);
        for directory in [root.join(set.name), archive.join("gzip"), archive] {
            let prefixed = directory.join(set.name);
            let (_, prefix) = source::directory_and_prefix(&prefixed);
            if prefix.is_some() {
                return load_as(set.name.to_owned(), &prefixed, DEFAULT_LIMIT);
            }
            let is_own = directory.ends_with(set.name);
            if is_own && directory.is_dir() {
                return load_as(set.name.to_owned(), &directory, DEFAULT_LIMIT);
            }
        }
        places.push(root.join(set.name).display().to_string());
    }
    Err(DataError::SourceNotFound {
        name: set.name.to_owned(),
        places,
        remedy: format!("{}, into the first of these directories", set.remedy),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Role;
    use crate::small_set::{self, idx};

    fn set(name: &str) -> &'static Set {
        SETS.iter().find(|set| set.name == name).unwrap()
    }

    #[test]
    fn a_set_is_found_in_a_directory_of_its_own_or_in_that_of_its_archive() {
        let root = tempfile::tempdir().unwrap();
        let roots = [root.path().join("none"), root.path().to_path_buf()];
        let letters = set("emnist-letters");
        let message = find(letters, &roots).unwrap_err().to_string();
        assert!(
            message.starts_with("emnist-letters: not found in "),
            "{message}"
        );
        assert!(message.contains("none/emnist-letters, "), "{message}");
        assert!(message.contains("extract gzip.zip"), "{message}");
        let write = |directory: &str, name: &str, labels: [u8; 5]| {
            let directory = root.path().join(directory);
            fs::create_dir_all(&directory).unwrap();
            let [train, _, test, _] = small_set::files();
            let labels = [idx(&[3], &labels[..3]), idx(&[2], &labels[3..])];
            let files = [&train, &labels[0], &test, &labels[1]];
            for (role, bytes) in Role::ALL.into_iter().zip(files) {
                let file = role.file_names()[0].replace("t10k", "test");
                fs::write(directory.join(format!("{name}{file}")), bytes).unwrap();
            }
        };
        write("emnist/gzip", "emnist-letters-", [1, 2, 26, 3, 4]);
        write("emnist/gzip", "emnist-digits-", [1, 2, 9, 3, 4]);
        let found = find(letters, &roots).unwrap();
        assert_eq!(
            (found.identity.name.as_str(), found.classes()),
            ("emnist-letters", 27)
        );
        assert_eq!(found.unused_labels()[..2], [0, 3]);
        assert_eq!(find(set("emnist-digits"), &roots).unwrap().classes(), 10);
        write("kmnist", "", [1, 2, 9, 3, 4]);
        assert_eq!(find(set("kmnist"), &roots).unwrap().classes(), 10);
        let several = root.path().join("emnist/gzip").display().to_string();
        let message = load(&several).unwrap_err().to_string();
        let expected = "it has the files of several sets (emnist-digits, emnist-letters); choose";
        assert!(message.contains(expected), "{message}");
        assert_eq!(
            load(&format!("{several}/emnist-letters"))
                .unwrap()
                .classes(),
            27
        );
    }

    #[test]
    fn an_unknown_name_is_answered_with_all() {
        let message = load("fashion").unwrap_err().to_string();
        let expected = "fashion: no such set or directory; the sets are mnist, fashion-mnist, ";
        assert!(message.starts_with(expected), "{message}");
    }
}
