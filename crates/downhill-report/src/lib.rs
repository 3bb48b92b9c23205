//! downhill-report
pub mod record;
