//! The backends by name, without Burn.

use clap::ValueEnum;

/// Backend that computes with tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// Burn's pure-Rust CPU backend
    Flex,
    /// Burn's older CPU backend, deprecated upstream
    Ndarray,
    /// GPU through Vulkan, Metal or DirectX; software Vulkan without a GPU
    Wgpu,
}

impl Backend {
    /// The backend's name, which is also the cargo feature that builds it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::Ndarray => "ndarray",
            Self::Wgpu => "wgpu",
        }
    }

    /// Number of runs that train at the same time by default: one per core on the CPU, one on a
    /// GPU.
    pub fn default_workers(self) -> usize {
        match self {
            Self::Flex | Self::Ndarray => {
                std::thread::available_parallelism().map_or(1, usize::from)
            }
            Self::Wgpu => 1,
        }
    }

    /// Number of runs that train as one ensemble by default.
    ///
    /// On a GPU, launching kernels dominates the time of a small network, and an ensemble launches
    /// as many kernels as a single network. 32 is a guess, not measured on a GPU: large enough to
    /// hide most launches, small enough that the CPU prepares the batches of all members in time.
    /// On a CPU networks train faster one by one.
    pub fn default_ensemble(self) -> usize {
        match self {
            Self::Flex | Self::Ndarray => 1,
            Self::Wgpu => 32,
        }
    }
}
