//! Known words that are like another.

/// Similarity from which a word is suggested, from 0 to 1.
const SIMILAR: f64 = 0.7;

/// Fewest letters of a part of a word that is looked for in others.
const PART: usize = 3;

/// Words of other libraries, each with those that have its place here.
const SYNONYMS: [(&str, &[&str]); 43] = [
    ("clip", &["clip-global-norm"]),
    ("clip_grad_norm", &["clip-global-norm"]),
    ("max_grad_norm", &["clip-global-norm"]),
    ("kaiming", &["he"]),
    ("glorot", &["xavier"]),
    ("normal", &["std"]),
    ("gaussian", &["std"]),
    ("logistic", &["sigmoid"]),
    ("swish", &["silu"]),
    ("shuffled", &["shuffled-epochs"]),
    ("shuffle", &["shuffled-epochs", "batch_order"]),
    ("replacement", &["with-replacement"]),
    ("tensorflow", &["keras"]),
    ("pytorch", &["torch"]),
    ("jax", &["optax"]),
    ("steps", &["updates"]),
    ("max_steps", &["updates"]),
    ("iterations", &["updates"]),
    ("iters", &["updates"]),
    ("num_steps", &["updates"]),
    ("batch_size", &["batch"]),
    ("train", &["training"]),
    ("layers", &["hidden"]),
    ("units", &["hidden"]),
    ("widths", &["hidden"]),
    ("nonlinearity", &["activation"]),
    ("init", &["initialization"]),
    ("l2", &["weight_decay"]),
    ("l1", &["l1_decay"]),
    ("wd", &["weight_decay"]),
    ("p", &["probability"]),
    ("rate", &["probability", "learning_rate"]),
    ("filters", &["channels"]),
    ("stddev", &["std"]),
    ("std", &["pixel_deviation"]),
    ("noise", &["corruption"]),
    ("alpha", &["rho", "learning_rate"]),
    ("b1", &["beta_1"]),
    ("b2", &["beta_2"]),
    ("eps", &["epsilon"]),
    ("decay", &["weight_decay"]),
    ("lambda", &["weight_decay"]),
    ("split", &["validation_images"]),
];

/// Returns the known key that a word stands for or is most similar to; `None` if none is similar.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let score = |other: &str| strsim::jaro_winkler(&word.to_lowercase(), other);
    let is_part = |other: &&str| {
        other
            .split('_')
            .any(|part| word.len() >= PART && part == word)
    };
    let similar = known.clone().into_iter();
    let similar = similar
        .map(|other| (score(other), other))
        .filter(|(score, _)| *score >= SIMILAR)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    alike(word, &known)
        .or_else(|| known.into_iter().find(is_part))
        .or(similar.map(|(_, other)| other))
}

/// Returns the known word that a word stands for, differs from by at most two letters, begins with
/// or begins.
pub(crate) fn alike<'a>(
    word: &str,
    known: &(impl IntoIterator<Item = &'a str> + Clone),
) -> Option<&'a str> {
    let word = word.to_lowercase();
    let all = || known.clone().into_iter();
    let stands_for = |word: &str| {
        let (_, own) = SYNONYMS.iter().find(|(other, _)| *other == word)?;
        own.iter().find_map(|own| all().find(|it| it == own))
    };
    let distance = |other: &&str| strsim::damerau_levenshtein(&word, other);
    let nearest = all().min_by_key(distance);
    // Two of three letters would make any word another.
    let most = if word.len() > 3 { 2 } else { 1 };
    let nearest = nearest.filter(|it| distance(it) <= most && it.len() > 2);
    let first = word.split(['_', '-']).next().unwrap_or(&word);
    let begins = |it: &&str| {
        (word.len() >= PART && it.starts_with(&word))
            || (it.len() >= PART && word.starts_with(it))
            || *it == first
    };
    stands_for(&word)
        .or(nearest)
        .or_else(|| stands_for(first))
        .or_else(|| all().filter(begins).min_by_key(|it| it.len()))
}

/// Says that an experiment has no method of this name, and which it has. A number at the end of a
/// name is a value of a grid, for which no other stands.
pub(crate) fn no_method(name: &str, known: &[&str]) -> String {
    let family = |name: &str| {
        let (family, value) = name.rsplit_once(' ')?;
        value.parse::<f64>().is_ok().then(|| family.to_owned())
    };
    let mut relatives = known.to_vec();
    if let Some(own) = family(name) {
        relatives.retain(|other| family(other).as_ref() == Some(&own));
    } else {
        relatives.clear();
    }
    let remedy = match (relatives.as_slice(), known) {
        (_, []) => "it has no methods".to_owned(),
        ([], known) => match (did_you_mean(name, known.iter().copied()), known) {
            (Some(meant), _) => format!("did you mean `{meant}`?"),
            (None, [only]) => format!("its only method is `{only}`"),
            (None, all) => format!("its methods are `{}`", all.join("`, `")),
        },
        (relatives, _) => format!("there are `{}`", relatives.join("`, `")),
    };
    format!("the experiment has no method `{name}`; {remedy}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_of_a_grid_stands_for_another() {
        let known = ["adam 0.001", "adam 0.01", "sgd 0.1"];
        for (name, remedy) in [
            ("adam 0.0001", "there are `adam 0.001`, `adam 0.01`"),
            ("adm 0.001", "did you mean `adam 0.001`?"),
            ("sgd", "did you mean `sgd 0.1`?"),
        ] {
            let expected = format!("the experiment has no method `{name}`; {remedy}");
            assert_eq!(no_method(name, &known), expected);
        }
    }

    #[test]
    fn a_word_is_meant_if_it_is_near_a_synonym_or_a_part() {
        let keys = [
            "learning_rate",
            "weight_decay",
            "beta_1",
            "beta_2",
            "dog",
            "pixel_mean",
        ];
        let meant = |word: &str| did_you_mean(word, keys.iter().copied());
        for (word, expected) in [
            ("learnig_rate", Some("learning_rate")),
            ("rate", Some("learning_rate")),
            ("wd", Some("weight_decay")),
            ("b2", Some("beta_2")),
            ("mean", Some("pixel_mean")),
            ("dg", Some("dog")),
            ("foo", None),
            ("zzz", None),
        ] {
            assert_eq!(meant(word), expected, "{word}");
        }
        let words = [
            "he",
            "xavier",
            "std",
            "relu",
            "validation",
            "validation_and_test",
        ];
        let meant = |word: &str| alike(word, &words.iter().copied());
        for (word, expected) in [
            ("kaiming_uniform", Some("he")),
            ("HE_normal", Some("he")),
            ("xavier-uniform", Some("xavier")),
            ("gaussian", Some("std")),
            ("val", Some("validation")),
            ("rleu", Some("relu")),
            ("swish", None),
        ] {
            assert_eq!(meant(word), expected, "{word}");
        }
    }
}
