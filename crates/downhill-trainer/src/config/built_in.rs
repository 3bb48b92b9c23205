//! The experiments inside the program: the files of `configs/`, if it was built with the feature
//! `configs`.

include!(concat!(env!("OUT_DIR"), "/configs.rs"));

/// The text of an experiment.
pub(crate) fn text(name: &str) -> Option<&'static str> {
    let found = CONFIGS.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text)
}

/// The names of all, in alphabetical order.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    CONFIGS.iter().map(|(name, _)| *name)
}
