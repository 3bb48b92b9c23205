//! Walks over the float parameters of a module, each with its path.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// What is done at each float parameter of a module.
pub(crate) trait ParamVisitor {
    fn visit<const D: usize>(&mut self, path: &str, param: &Param<Tensor<D>>);
}

/// What each float parameter of a module becomes.
pub(crate) trait ParamMapper {
    fn map<const D: usize>(&mut self, path: &str, param: Param<Tensor<D>>) -> Param<Tensor<D>>;
}

/// Visits the float parameters in the order of the module.
pub(crate) fn visit_params<M: Module>(module: &M, visitor: &mut impl ParamVisitor) {
    let path = Path::default();
    module.visit(&mut WithPath { path, visitor });
}

/// Maps the float parameters in the order of the module.
pub(crate) fn map_params<M: Module>(module: M, mapper: &mut impl ParamMapper) -> M {
    let (path, visitor) = (Path::default(), mapper);
    module.map(&mut WithPath { path, visitor })
}

struct WithPath<'a, V> {
    path: Path,
    visitor: &'a mut V,
}

impl<V: ParamVisitor> ModuleVisitor for WithPath<'_, V> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.visitor.visit(&self.path.text, param);
    }
}

impl<V: ParamMapper> ModuleMapper for WithPath<'_, V> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.visitor.map(&self.path.text, param)
    }
}

/// The names of the fields that lead to a parameter, such as `hidden.0.linear.weight`.
#[derive(Debug, Default)]
struct Path {
    text: String,
    /// The length of the text before each name.
    lengths: Vec<usize>,
}

impl Path {
    fn enter(&mut self, name: &str) {
        let length = self.text.len();
        if !self.lengths.is_empty() {
            self.text.push('.');
        }
        self.lengths.push(length);
        self.text.push_str(name);
    }

    fn exit(&mut self) {
        let before = self.lengths.pop();
        self.text.truncate(before.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_names_entered_and_not_left() {
        let mut path = Path::default();
        assert_eq!(path.text, "");
        path.enter("hidden");
        path.enter("0");
        assert_eq!(path.text, "hidden.0");
        path.exit();
        path.enter("10");
        path.enter("weight");
        assert_eq!(path.text, "hidden.10.weight");
        path.exit();
        path.exit();
        path.exit();
        path.enter("output");
        assert_eq!(path.text, "output");
    }
}
