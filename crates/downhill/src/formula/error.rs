//! Formulas that cannot be used, and where.

use alloc::borrow::ToOwned;
use alloc::string::String;

/// A formula that cannot be used, or one of its settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}{}: {message}", place(.line_and_column))]
#[non_exhaustive]
pub struct FormulaError {
    /// The key of the config: `update`, `state.NAME`, `settings.NAME` or `learning_rate`; of a
    /// [`FormulaFunction`](crate::FormulaFunction), `function` or `variables`.
    pub key: String,
    /// The line and column in the text of the key, counted from 1; `None` if it is about all of it.
    pub line_and_column: Option<(usize, usize)>,
    /// What is wrong, and the remedy.
    pub message: String,
}

impl FormulaError {
    /// An error about a key as a whole.
    pub(super) fn of(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            line_and_column: None,
            message: message.into(),
        }
    }
}

fn place(line_and_column: &Option<(usize, usize)>) -> String {
    match line_and_column {
        Some((line, column)) => alloc::format!(", line {line}, column {column}"),
        None => String::new(),
    }
}

/// Returns the remedy for a word that is not known: the most similar of those that are.
pub(super) fn did_you_mean(word: &str, known: &[&str]) -> String {
    let nearest = known.iter().min_by_key(|other| distance(word, other));
    match nearest {
        Some(other) if distance(word, other) <= 2.min(word.chars().count() / 2) => {
            alloc::format!("did you mean `{other}`?")
        }
        _ if known.is_empty() => "none is known here".to_owned(),
        _ => alloc::format!("known here: {}", known.join(", ")),
    }
}

/// The number of letters to add, remove, replace or swap with the next to get one word from the
/// other. Case counts for nothing.
fn distance(one: &str, other: &str) -> usize {
    let letters = |word: &str| -> alloc::vec::Vec<char> { word.to_lowercase().chars().collect() };
    let (one, other) = (letters(one), letters(other));
    let mut rows = alloc::vec![(0..=other.len()).collect::<alloc::vec::Vec<_>>()];
    for i in 1..=one.len() {
        let mut row = alloc::vec![i];
        for j in 1..=other.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_as_far_as_its_wrong_letters() {
        for (one, other, expected) in [
            ("beta1", "beta_1", 1),
            ("sqr", "sqrt", 1),
            ("sgin", "sign", 1),
            ("SQRT", "sqrt", 0),
            ("", "abc", 3),
            ("m", "v", 1),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
        assert_eq!(did_you_mean("m", &["v"]), "known here: v");
    }
}
