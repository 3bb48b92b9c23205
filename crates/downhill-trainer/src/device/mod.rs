//! Devices of the backends.

pub mod set;
pub(crate) mod shared;

use std::fs;
#[cfg(feature = "wgpu")]
use std::sync::{Mutex, PoisonError};

use burn::tensor::Device;
use downhill_cli::backend::Backend;

use crate::error::TrainError;

/// Opens the device of a backend, without autodiff.
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
            // Deprecated since Burn 0.22.0, but users ask for it by name.
            #[allow(deprecated)]
            Ok(Device::ndarray())
        }
        #[cfg(feature = "wgpu")]
        Backend::Wgpu => open_wgpu(),
        #[allow(unreachable_patterns)]
        absent => Err(TrainError::Config(format!(
            "this binary was built without the {name} backend; build one that has it with \
             `cargo xtask train --backend {name}`",
            name = absent.name()
        ))),
    }
}

/// Starts the runtime, which a process can do once; later calls return the same device.
#[cfg(feature = "wgpu")]
fn open_wgpu() -> Result<Device, TrainError> {
    static STARTED: Mutex<Option<Device>> = Mutex::new(None);
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(device) = &*started {
        return Ok(device.clone());
    }
    let device = Device::wgpu_options().init().map_err(|error| {
        TrainError::Backend(format!(
            "the wgpu backend does not start: {error}; install a GPU driver for Vulkan (on Debian \
             and Ubuntu the package mesa-vulkan-drivers, which includes a software driver), Metal \
             or DirectX 12"
        ))
    })?;
    Ok(started.insert(device).clone())
}

/// Returns the name of the processor or GPU.
pub fn describe(backend: Backend, device: &Device) -> String {
    match backend {
        Backend::Flex | Backend::Ndarray => processor(),
        Backend::Wgpu => graphics_processor(device),
    }
}

#[cfg(feature = "wgpu")]
fn graphics_processor(device: &Device) -> String {
    let identity = device.identity();
    identity.map_or_else(|| "unnamed GPU".to_owned(), |identity| identity.name)
}

#[cfg(not(feature = "wgpu"))]
fn graphics_processor(_device: &Device) -> String {
    "a GPU".to_owned()
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
