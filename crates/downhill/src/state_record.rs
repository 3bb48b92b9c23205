//! How optimizer states are saved and loaded.
//!
//! Burn 0.22.1's `#[derive(RecordState)]` rebuilds each tensor in the device's default float type
//! (`burn-derive` 0.22.1, `src/record_state/mod.rs`: `from_data(data, device)`), so an `f64` state
//! comes back rounded to `f32` and a resumed training departs from an uninterrupted one. The macro
//! here does the same work and keeps the type that was saved.

use burn::optim::StateSource;
use burn::tensor::{Device, Tensor};

/// The tensor saved as `prefix.leaf`, in the float type in which it was saved.
pub(crate) fn take_tensor<const D: usize>(
    source: &mut StateSource,
    prefix: &str,
    leaf: &str,
    device: &Device,
) -> Option<Tensor<D>> {
    let data = source.take_tensor(prefix, leaf)?;
    if data.rank() != D {
        return None;
    }
    let dtype = data.dtype();
    Some(Tensor::from_data(data, (device, dtype)))
}

/// The count saved as `prefix.leaf`.
pub(crate) fn take_count(source: &mut StateSource, prefix: &str, leaf: &str) -> Option<u64> {
    u64::try_from(source.take_scalar(prefix, leaf)?).ok()
}

/// Saving, loading and moving for a state made of tensors of rank `D` and step counts.
macro_rules! record_state {
    ($state:ident { tensors: [$($tensor:ident),+], counts: [$($count:ident),*] }) => {
        impl<const D: usize> burn::optim::RecordState for $state<D> {
            fn state_flatten(&self, prefix: &str, out: &mut burn::optim::StateSink) {
                $(out.push_tensor(prefix, stringify!($tensor), self.$tensor.to_data());)+
                $(out.push_scalar(prefix, stringify!($count), burn_pack::Scalar::from(self.$count));)*
            }

            fn state_unflatten(
                prefix: &str,
                source: &mut burn::optim::StateSource,
                device: &burn::tensor::Device,
            ) -> Option<Self> {
                Some(Self {
                    $($tensor: $crate::state_record::take_tensor(source, prefix, stringify!($tensor), device)?,)+
                    $($count: $crate::state_record::take_count(source, prefix, stringify!($count))?,)*
                })
            }
        }

        impl<const D: usize> $state<D> {
            pub(crate) fn moved_to(self, device: &burn::tensor::Device) -> Self {
                Self {
                    $($tensor: self.$tensor.to_device(device),)+
                    $($count: self.$count,)*
                }
            }
        }
    };
}

pub(crate) use record_state;
