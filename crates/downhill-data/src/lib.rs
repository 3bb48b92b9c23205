//! downhill-data
