//! downhill
