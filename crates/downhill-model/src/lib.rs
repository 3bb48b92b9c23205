//! downhill-model
