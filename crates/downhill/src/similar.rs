//! Names that are like another.

use alloc::vec::Vec;

/// Returns the name that is most like a word: it differs in at most two letters, and in at most
/// half of those of the word, whatever their case.
pub(crate) fn similar<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = 2.min(word.chars().count() / 2);
    let near = |name: &'a str| (distance(word, name), name);
    let near = names.into_iter().map(near).min_by_key(|(apart, _)| *apart);
    near.filter(|(apart, _)| *apart <= most)
        .map(|(_, name)| name)
}

/// The number of letters to insert, delete, replace or swap with a neighbor.
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
        let names = ["lr", "momentum"];
        for (word, expected) in [
            ("m", None),
            ("Lr", Some("lr")),
            ("l", None),
            ("mometnum", Some("momentum")),
            ("moment", Some("momentum")),
            ("mom", None),
        ] {
            assert_eq!(similar(word, names), expected, "{word}");
        }
    }
}
