//! Words of other libraries for settings.

/// Words for settings, in any library, and the settings.
const WORDS: [(&str, &str); 14] = [
    ("lr", "learning_rate"),
    ("rate", "learning_rate"),
    ("b1", "beta_1"),
    ("beta1", "beta_1"),
    ("betas", "beta_1"),
    ("b2", "beta_2"),
    ("beta2", "beta_2"),
    ("b3", "beta_3"),
    ("eps", "epsilon"),
    ("wd", "weight_decay"),
    ("decay", "weight_decay"),
    ("clip_norm", "clipnorm"),
    ("max_norm", "global_clipnorm"),
    ("alpha", "rho"),
];

/// Returns the setting that a word stands for.
pub(super) fn setting(word: &str) -> &str {
    let found = WORDS.iter().find(|(other, _)| *other == word);
    found.map_or(word, |(_, setting)| setting)
}
