//! The backends by name, without Burn.

use clap::ValueEnum;

/// Where tensors live and are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// Burn's pure-Rust CPU backend
    Flex,
    /// Burn's older CPU backend, deprecated upstream
    Ndarray,
    /// The GPU by Vulkan, Metal or DirectX; software Vulkan where there is none
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
}
