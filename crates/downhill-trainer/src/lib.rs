//! downhill-trainer
