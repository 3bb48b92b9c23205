//! The parameters of a module in the order in which a walk meets them.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The way through the fields of a module to where a walk is, such as `hidden.0.linear.weight`.
#[derive(Debug, Default)]
pub(crate) struct Path {
    text: String,
    /// How long it was before each part.
    lengths: Vec<usize>,
}

impl Path {
    pub(crate) fn enter(&mut self, name: &str) {
        let length = self.text.len();
        if !self.lengths.is_empty() {
            self.text.push('.');
        }
        self.lengths.push(length);
        self.text.push_str(name);
    }

    pub(crate) fn exit(&mut self) {
        let before = self.lengths.pop();
        self.text.truncate(before.unwrap_or_default());
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

/// What a descent has found out about a parameter.
#[derive(Clone, Debug)]
pub(super) struct Known {
    path: String,
    rank: usize,
    /// Its group, 0 for none.
    pub(super) group: usize,
    /// Where what is kept of it lies, once there is something.
    place: Option<usize>,
}

/// The parameters that the last walk met. The next one most often meets the same, and then nothing
/// has to be looked up by its path.
#[derive(Clone, Debug, Default)]
pub(super) struct Order(Vec<Known>);

impl Order {
    /// The parameter that a walk meets as its `index`th, at this path and of this rank.
    pub(super) fn meet(
        &mut self,
        index: usize,
        path: &str,
        rank: usize,
        group: impl FnOnce() -> usize,
    ) -> &Known {
        let expected = self.0.get(index);
        if expected.is_none_or(|known| known.rank != rank || known.path != path) {
            self.0.truncate(index);
            self.0.push(Known {
                path: path.to_string(),
                rank,
                group: group(),
                place: None,
            });
        }
        &self.0[index]
    }

    /// Where what is kept of the parameter met as the `index`th lies.
    pub(super) fn place_of(&mut self, index: usize, find: impl FnOnce() -> usize) -> usize {
        *self.0[index].place.get_or_insert_with(find)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_names_entered_and_not_left() {
        let mut path = Path::default();
        assert_eq!(path.as_str(), "");
        path.enter("hidden");
        path.enter("0");
        assert_eq!(path.as_str(), "hidden.0");
        path.exit();
        path.enter("10");
        path.enter("weight");
        assert_eq!(path.as_str(), "hidden.10.weight");
        path.exit();
        path.exit();
        path.exit();
        path.enter("output");
        assert_eq!(path.as_str(), "output");
    }

    #[test]
    fn what_has_moved_is_met_anew() {
        let mut order = Order::default();
        let known = || unreachable!("it is known");
        assert_eq!(order.meet(0, "a", 2, || 1).group, 1);
        assert_eq!(order.place_of(0, || 7), 7);
        assert_eq!(order.meet(1, "b", 1, || 2).group, 2);
        assert_eq!(order.meet(0, "a", 2, known).group, 1);
        assert_eq!(order.place_of(0, known), 7);
        // Another rank may mean another group, and another path another memory.
        assert_eq!(order.meet(0, "a", 1, || 3).group, 3);
        assert_eq!(order.meet(1, "c", 1, || 0).group, 0);
        assert_eq!(order.place_of(1, || 8), 8);
    }
}
