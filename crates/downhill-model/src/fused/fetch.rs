//! Asking the memory ahead of time.

/// Asks for what lies at a place, which need not exist, without waiting for it.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn fetch(place: *const f32) {
    use core::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
    // SAFETY: a hint, which reads nothing.
    #[allow(unsafe_code)]
    unsafe {
        _mm_prefetch::<_MM_HINT_T1>(place.cast());
    }
}

/// Asks for all of a slice without waiting for it.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn fetch_all<T>(numbers: &[T]) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    for line in numbers.chunks((64 / size_of::<T>()).max(1)) {
        // SAFETY: a hint, which reads nothing.
        #[allow(unsafe_code)]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast());
        }
    }
}

/// Elsewhere nothing is asked for.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn fetch(_place: *const f32) {}

/// Elsewhere nothing is asked for.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn fetch_all<T>(_numbers: &[T]) {}
