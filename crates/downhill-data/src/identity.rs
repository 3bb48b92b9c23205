//! Which data a run used: names and checksums.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// What a file of an image set is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Images to train on.
    TrainImages,
    /// Their labels.
    TrainLabels,
    /// Images to test on.
    TestImages,
    /// Their labels.
    TestLabels,
}

impl Role {
    /// All four, in the order in which they are read and hashed.
    pub const ALL: [Self; 4] = [
        Self::TrainImages,
        Self::TrainLabels,
        Self::TestImages,
        Self::TestLabels,
    ];

    /// The names under which the file may lie, in the order in which they are looked for: as its
    /// authors named it and with the dot that some archives give it, each raw and gzip.
    pub fn file_names(self) -> [String; 4] {
        let (stem, format) = match self {
            Self::TrainImages => ("train-images", "idx3-ubyte"),
            Self::TrainLabels => ("train-labels", "idx1-ubyte"),
            Self::TestImages => ("t10k-images", "idx3-ubyte"),
            Self::TestLabels => ("t10k-labels", "idx1-ubyte"),
        };
        [
            format!("{stem}-{format}"),
            format!("{stem}-{format}.gz"),
            format!("{stem}.{format}"),
            format!("{stem}.{format}.gz"),
        ]
    }

    /// The SHA-256 of the decompressed file in the canonical MNIST, in hexadecimal.
    pub fn mnist_sha256(self) -> &'static str {
        match self {
            Self::TrainImages => "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            Self::TrainLabels => "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            Self::TestImages => "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            Self::TestLabels => "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        }
    }
}

/// Which data a run used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataIdentity {
    /// `mnist` for the one shipped inside, else the directory as it was given.
    pub name: String,
    /// The SHA-256 of the four decompressed files one after the other, in the order of
    /// [`Role::ALL`], in hexadecimal.
    pub sha256: String,
    /// The four files, in the order of [`Role::ALL`].
    pub files: [FileIdentity; 4],
}

impl DataIdentity {
    /// Whether these are, byte for byte, the four files of the canonical MNIST.
    pub fn is_canonical_mnist(&self) -> bool {
        self.files.iter().all(FileIdentity::is_canonical_mnist)
    }
}

/// One file of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    /// What the file is for.
    pub role: Role,
    /// The file's name, without its directory.
    pub name: String,
    /// `[images, rows, columns]` or `[labels]`.
    pub dimensions: Vec<usize>,
    /// The SHA-256 of the decompressed file, in hexadecimal.
    pub sha256: String,
}

impl FileIdentity {
    /// Whether this is, byte for byte, the file of the canonical MNIST.
    pub fn is_canonical_mnist(&self) -> bool {
        self.sha256 == self.role.mnist_sha256()
    }
}

/// The SHA-256 of several pieces one after the other, in lowercase hexadecimal.
pub(crate) fn sha256_hex<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    for piece in pieces {
        hasher.update(piece);
    }
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
    }
    text
}
