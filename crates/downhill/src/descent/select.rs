//! Selections of parameters of a module.

use burn::module::{Module, Param, ParamGroup, ParamId};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::visit::{ParamVisitor, visit_params};

/// Parameters of a module, selected by path and rank.
///
/// The path of a parameter is made of the fields that lead to it, such as `hidden.0.linear.weight`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Parameters {
    /// All.
    All,
    /// The one at this path.
    Path(String),
    /// Those whose whole path matches this pattern; `*` stands for any number of characters.
    Like(String),
    /// Those of this rank: biases and norms have 1, weights of linear layers 2.
    Rank(usize),
    /// Those of this rank or a smaller one.
    RankAtMost(usize),
    /// Those in any of these.
    Any(Vec<Self>),
    /// Those in every one of these.
    Every(Vec<Self>),
    /// Those not in this one.
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

    /// Returns a path or a pattern in it that none of these paths has.
    pub(super) fn unmatched(&self, paths: &[String]) -> Option<&str> {
        match self {
            Self::Path(one) => (!paths.contains(one)).then_some(one),
            Self::Like(pattern) => {
                let is_met = paths.iter().any(|path| like(pattern, path));
                (!is_met).then_some(pattern)
            }
            Self::Any(several) | Self::Every(several) => {
                several.iter().find_map(|one| one.unmatched(paths))
            }
            Self::Not(one) => one.unmatched(paths),
            Self::All | Self::Rank(_) | Self::RankAtMost(_) => None,
        }
    }

    /// Returns the float parameters of a module that are in one of Burn's groups, by their paths.
    ///
    /// ```
    /// use burn::module::ParamGroup;
    /// use burn::nn::LinearConfig;
    /// use burn::tensor::Device;
    /// use downhill::Parameters;
    ///
    /// let model = LinearConfig::new(3, 2).init(&Device::flex());
    /// let biases = Parameters::from_param_group(&ParamGroup::from_predicate("bias"), &model);
    /// assert_eq!(biases, Parameters::Any(vec![Parameters::Path("bias".into())]));
    /// let vectors = Parameters::RankAtMost(1).to_param_group(&model);
    /// assert!(vectors.matches(&model.bias.as_ref().unwrap().id, Some("bias")));
    /// ```
    pub fn from_param_group<M: Module>(group: &ParamGroup, module: &M) -> Self {
        let paths = paths(module, |param| group.matches(&param.id, Some(param.path)));
        Self::Any(paths.into_iter().map(Self::Path).collect())
    }

    /// Returns the parameters of a module that are among these, as one of Burn's groups.
    pub fn to_param_group<M: Module>(&self, module: &M) -> ParamGroup {
        ParamGroup::from_paths(paths(module, |param| self.include(param.path, param.rank)))
    }
}

/// Returns the paths of all float parameters.
pub(super) fn all_paths<M: Module>(module: &M) -> Vec<String> {
    paths(module, |_| true)
}

/// Returns the path that has the most of its beginning and end in common with a selection.
pub(super) fn nearest(selection: &str, paths: &[String]) -> Option<String> {
    let common = |path: &&String| {
        let equal = |pair: &(char, char)| pair.0 == pair.1;
        let start = selection
            .chars()
            .zip(path.chars())
            .take_while(equal)
            .count();
        let ends = selection.chars().rev().zip(path.chars().rev());
        let share = start + ends.take_while(equal).count();
        (share, usize::MAX - path.len().abs_diff(selection.len()))
    };
    paths.iter().max_by_key(common).cloned()
}

/// A parameter of a module.
struct Found<'a> {
    path: &'a str,
    id: ParamId,
    rank: usize,
}

/// Returns the paths of the float parameters that are chosen.
fn paths<M: Module>(module: &M, chosen: impl Fn(Found<'_>) -> bool) -> Vec<String> {
    let paths = Vec::new();
    let mut chooser = Chooser { chosen, paths };
    visit_params(module, &mut chooser);
    chooser.paths
}

struct Chooser<F> {
    chosen: F,
    paths: Vec<String>,
}

impl<F: Fn(Found<'_>) -> bool> ParamVisitor for Chooser<F> {
    fn visit<const D: usize>(&mut self, path: &str, param: &Param<Tensor<D>>) {
        let id = param.id;
        if (self.chosen)(Found { path, id, rank: D }) {
            self.paths.push(path.to_string());
        }
    }
}

/// Whether the whole text matches the pattern, in which `*` stands for any characters.
fn like(pattern: &str, text: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(before) else {
        return false;
    };
    // Each part between stars takes the first place that fits, the last one takes the end.
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
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
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
