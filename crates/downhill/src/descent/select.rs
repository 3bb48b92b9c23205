//! Which parameters of a module are meant.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// Parameters of a module, by their place and shape.
///
/// A parameter's path is the way to it through the fields of the module, such as
/// `hidden.0.linear.weight`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Parameters {
    /// All.
    All,
    /// The one at this path.
    Path(String),
    /// Those whose whole path is this pattern; `*` stands for any characters, also none.
    Like(String),
    /// Those of this rank: biases and norms have 1, weights of linear layers 2.
    Rank(usize),
    /// Those of this rank or less.
    RankAtMost(usize),
    /// Those that one of these means.
    Any(Vec<Self>),
    /// Those that all of these mean.
    Every(Vec<Self>),
    /// All but these.
    Not(Box<Self>),
}

impl Parameters {
    /// Whether a parameter is one of them.
    pub fn include(&self, path: &str, rank: usize) -> bool {
        match self {
            Self::All => true,
            Self::Path(one) => one == path,
            Self::Like(pattern) => like(pattern, path),
            Self::Rank(one) => *one == rank,
            Self::RankAtMost(most) => rank <= *most,
            Self::Any(some) => some.iter().any(|one| one.include(path, rank)),
            Self::Every(all) => all.iter().all(|one| one.include(path, rank)),
            Self::Not(others) => !others.include(path, rank),
        }
    }
}

/// Whether the whole text is the pattern, with `*` for any characters.
fn like(pattern: &str, text: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(before) else {
        return false;
    };
    // The parts between stars may stand at the first place that fits, the last one at the end.
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return text.ends_with(part);
        }
        match text.find(part) {
            Some(place) => text = &text[place + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, fits) in [
            ("a.weight", "a.weight", true),
            ("a.weight", "a.weights", false),
            ("*.bias", "hidden.0.bias", true),
            ("*.bias", "hidden.0.weight", false),
            ("*", "", true),
            ("hidden.*.weight", "hidden.0.linear.weight", true),
            ("hidden.*.weight", "output.weight", false),
            ("*norm*", "layer.norm.scale", true),
            ("*norm*", "layer.linear.weight", false),
            ("a*a", "a", false),
            ("a*b*b", "ab", false),
            ("a*b*b", "abxb", true),
        ] {
            assert_eq!(like(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn selections_combine() {
        let biases = Parameters::Like("*.bias".into());
        let norms = Parameters::Like("*norm*".into());
        let both = Parameters::Any(vec![biases, norms]);
        assert!(both.include("a.bias", 1) && both.include("a.norm.scale", 1));
        assert!(!both.include("a.weight", 2));
        let matrices = Parameters::Not(Box::new(Parameters::RankAtMost(1)));
        assert!(matrices.include("a.weight", 2) && !matrices.include("a.bias", 1));
        let hidden = Parameters::Every(vec![Parameters::Like("hidden.*".into()), matrices]);
        assert!(hidden.include("hidden.weight", 2) && !hidden.include("hidden.bias", 1));
    }
}
