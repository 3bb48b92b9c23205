//! Prefetching.

/// Prefetches an address, which need not be valid.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn fetch(place: *const f32) {
    use core::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
    // SAFETY: a prefetch is a hint and reads nothing.
    #[allow(unsafe_code)]
    unsafe {
        _mm_prefetch::<_MM_HINT_T1>(place.cast());
    }
}

/// Prefetches a slice.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn fetch_all<T>(numbers: &[T]) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    for line in numbers.chunks((64 / size_of::<T>()).max(1)) {
        // SAFETY: a prefetch is a hint and reads nothing.
        #[allow(unsafe_code)]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast());
        }
    }
}

/// Does nothing on other architectures.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn fetch(_place: *const f32) {}

/// Does nothing on other architectures.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn fetch_all<T>(_numbers: &[T]) {}
