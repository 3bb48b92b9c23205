//! Known words that are like another.

/// Similarity from which a word is suggested, from 0 to 1.
const SIMILAR: f64 = 0.7;

/// Words of other libraries, each with the one that has its place here.
const SYNONYMS: [(&str, &str); 12] = [
    ("kaiming", "he"),
    ("glorot", "xavier"),
    ("normal", "std"),
    ("gaussian", "std"),
    ("logistic", "sigmoid"),
    ("swish", "silu"),
    ("shuffled", "shuffled-epochs"),
    ("shuffle", "shuffled-epochs"),
    ("replacement", "with-replacement"),
    ("tensorflow", "keras"),
    ("pytorch", "torch"),
    ("jax", "optax"),
];

/// Returns the known word that is most similar to `word`; `None` if none is similar.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let score = |other: &str| strsim::jaro_winkler(&word.to_lowercase(), other);
    known
        .into_iter()
        .map(|other| (score(other), other))
        .filter(|(score, _)| *score >= SIMILAR)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, other)| other)
}

/// Returns the known word that a word stands for or differs from by at most two letters.
pub(crate) fn alike<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let word = word.to_lowercase();
    let synonym = SYNONYMS.iter().find(|(other, _)| *other == word);
    let synonym = synonym.and_then(|(_, own)| known.clone().into_iter().find(|it| it == own));
    let distance = |other: &&str| strsim::damerau_levenshtein(&word, other);
    let nearest = known.into_iter().min_by_key(distance);
    synonym.or_else(|| nearest.filter(|it| distance(it) <= 2 && it.len() > 2))
}
