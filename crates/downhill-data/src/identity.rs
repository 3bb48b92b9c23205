//! Names and checksums of the files of an image set.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The role of a file in an image set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Training images.
    TrainImages,
    /// Labels of the training images.
    TrainLabels,
    /// Test images.
    TestImages,
    /// Labels of the test images.
    TestLabels,
}

impl Role {
    /// All four roles, in the order in which their files are read and hashed.
    pub const ALL: [Self; 4] = [
        Self::TrainImages,
        Self::TrainLabels,
        Self::TestImages,
        Self::TestLabels,
    ];

    /// The file names that errors and documents give for this role: those of MNIST, raw and gzip.
    pub fn file_names(self) -> [String; 2] {
        let format = match self {
            Self::TrainImages | Self::TestImages => "idx3-ubyte",
            Self::TrainLabels | Self::TestLabels => "idx1-ubyte",
        };
        let stem = self.stems()[0];
        [format!("{stem}-{format}"), format!("{stem}-{format}.gz")]
    }

    /// What the names of the files of this role have in common, the usual one first.
    fn stems(self) -> &'static [&'static str] {
        match self {
            Self::TrainImages => &["train-images"],
            Self::TrainLabels => &["train-labels"],
            Self::TestImages => &["t10k-images", "test-images"],
            Self::TestLabels => &["t10k-labels", "test-labels"],
        }
    }

    /// The role of a file by its name, and the prefix of the name, such as `emnist-letters`. Names
    /// are `PREFIX-train-images-idx3-ubyte` or the like, with dots or dashes, raw or gzip.
    pub(crate) fn of(name: &str) -> Option<(&str, Self)> {
        let base = name.strip_suffix(".gz").unwrap_or(name);
        Self::ALL.into_iter().find_map(|role| {
            role.stems().iter().find_map(|stem| {
                let (prefix, rest) = base.split_once(stem)?;
                let format = rest.strip_prefix(['-', '.'])?;
                let is_format = format.starts_with("idx") && !format.contains(['/', ' ']);
                let is_whole = prefix.is_empty() || prefix.ends_with(['-', '_', '.']);
                (is_format && is_whole).then(|| (prefix.trim_end_matches(['-', '_', '.']), role))
            })
        })
    }

    /// The SHA-256 of the decompressed MNIST file, in hexadecimal.
    pub fn mnist_sha256(self) -> &'static str {
        match self {
            Self::TrainImages => "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            Self::TrainLabels => "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            Self::TestImages => "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            Self::TestLabels => "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        }
    }
}

/// The names and checksums of the four files of an [`ImagePair`](crate::ImagePair).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairIdentity {
    /// The name of the set, such as `mnist`, or the directory as given.
    pub name: String,
    /// The SHA-256 of the four decompressed files, concatenated in the order of [`Role::ALL`], in
    /// hexadecimal.
    pub sha256: String,
    /// The four files, in the order of [`Role::ALL`].
    pub files: [FileIdentity; 4],
}

impl PairIdentity {
    /// Whether all four files equal those of MNIST, byte for byte.
    pub fn is_canonical_mnist(&self) -> bool {
        self.files.iter().all(FileIdentity::is_canonical_mnist)
    }
}

/// The name and checksum of one file of an image set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    /// The role of the file.
    pub role: Role,
    /// The name of the file, without its directory.
    pub name: String,
    /// Those of the file, such as `[images, rows, columns]` or `[labels]`.
    pub dimensions: Vec<usize>,
    /// The length of the decompressed file, in bytes.
    pub bytes: usize,
    /// The SHA-256 of the decompressed file, in hexadecimal.
    pub sha256: String,
}

impl FileIdentity {
    /// Whether the file equals that of MNIST, byte for byte.
    pub fn is_canonical_mnist(&self) -> bool {
        self.sha256 == self.role.mnist_sha256()
    }
}

/// Returns the SHA-256 of the concatenated pieces, in lowercase hexadecimal.
pub(crate) fn sha256_hex<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    for piece in pieces {
        hasher.update(piece);
    }
    hex(&hasher.finalize())
}

/// Formats bytes in lowercase hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
    }
    text
}
