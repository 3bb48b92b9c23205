//! Names that are like another.

use alloc::vec::Vec;

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

/// Returns the name that differs from a word by at most two letters, whatever their case.
pub(super) fn similar<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Two of three letters would make any word another.
    let most = if word.len() > 3 { 2 } else { 1 };
    let near = |name: &'a str| (distance(word, name), name);
    let near = names.into_iter().map(near).min_by_key(|(apart, _)| *apart);
    near.filter(|(apart, _)| *apart <= most)
        .map(|(_, name)| name)
}

/// The number of letters to insert, delete, replace or swap with a neighbour.
fn distance(a: &str, b: &str) -> usize {
    let letters = |word: &str| word.to_lowercase().chars().collect::<Vec<_>>();
    let (a, b) = (letters(a), letters(b));
    let mut rows: Vec<Vec<usize>> = alloc::vec![(0..=b.len()).collect()];
    for (i, left) in a.iter().enumerate() {
        let mut row = alloc::vec![i + 1];
        for (j, right) in b.iter().enumerate() {
            let replaced = rows[i][j] + usize::from(left != right);
            let mut least = replaced.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *left == b[j - 1] && a[i - 1] == *right {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}
