//! The vector instructions that a fused step is compiled for.

#![expect(
    unsafe_code,
    reason = "code that is compiled for instructions which this processor may not have"
)]

/// Work that is to be compiled once for each set of instructions.
pub(super) trait Work {
    /// Does the work; always inlined, so that it is compiled for the caller's instructions.
    fn run(self);
}

/// A set of vector instructions. None of them changes a result: nothing is contracted or reordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instructions {
    /// Registers of 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// Registers of 256 bits.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// The instructions that every processor of the target has.
    Any,
}

impl Instructions {
    /// Returns the widest set that this processor has. The standard library caches the detection.
    pub(super) fn widest() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if has_avx512() {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") {
                return Self::Avx2;
            }
        }
        Self::Any
    }

    /// Returns all sets that this processor has.
    #[cfg(test)]
    pub(super) fn all() -> alloc::vec::Vec<Self> {
        let mut all = alloc::vec![Self::Any];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                all.push(Self::Avx2);
            }
            if has_avx512() {
                all.push(Self::Avx512);
            }
        }
        all
    }

    /// Does the work with these instructions.
    ///
    /// # Panics
    ///
    /// If the processor does not have them.
    pub(super) fn run(self, work: impl Work) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                assert!(has_avx512(), "the processor has these instructions");
                // SAFETY: It has all that the function is compiled for.
                unsafe { by_avx512(work) }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                assert!(is_x86_feature_detected!("avx2"), "the processor has these");
                // SAFETY: It has all that the function is compiled for.
                unsafe { by_avx2(work) }
            }
            Self::Any => work.run(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw")]
fn by_avx512(work: impl Work) {
    work.run();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn by_avx2(work: impl Work) {
    work.run();
}
