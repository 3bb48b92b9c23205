//! The device of a backend, or why there is none.

use std::fs;

use burn::tensor::Device;

use crate::{Backend, TrainError};

/// The backend's device, without autodiff.
///
/// # Errors
///
/// A backend that this binary was built without, or that does not start on this machine.
pub fn open(backend: Backend) -> Result<Device, TrainError> {
    match backend {
        #[cfg(feature = "flex")]
        Backend::Flex => Ok(Device::flex()),
        #[cfg(feature = "ndarray")]
        Backend::Ndarray => {
            // Deprecated since Burn 0.22.0 and kept because users ask for it by name.
            #[allow(deprecated)]
            Ok(Device::ndarray())
        }
        #[cfg(feature = "wgpu")]
        Backend::Wgpu => open_wgpu(),
        #[allow(unreachable_patterns)]
        absent => Err(TrainError::Config(format!(
            "this binary was built without the {name} backend; `cargo xtask train --backend \
             {name}` builds the one that has it",
            name = absent.name()
        ))),
    }
}

#[cfg(feature = "wgpu")]
fn open_wgpu() -> Result<Device, TrainError> {
    Device::wgpu_options().init().map_err(|error| {
        TrainError::Backend(format!(
            "the wgpu backend does not start: {error}. It needs a GPU driver: Vulkan (on Debian \
             and Ubuntu the package mesa-vulkan-drivers, which also holds a software driver), \
             Metal or DirectX 12"
        ))
    })
}

/// What computes: the processor's name, or the GPU's.
pub fn describe(backend: Backend, device: &Device) -> String {
    match backend {
        Backend::Flex | Backend::Ndarray => processor(),
        Backend::Wgpu => match device.identity() {
            Some(identity) => identity.name.clone(),
            None => "unnamed GPU".to_owned(),
        },
    }
}

fn processor() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = about
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or(std::env::consts::ARCH, |(_, name)| name.trim());
    format!("{name}, {cores} cores")
}
