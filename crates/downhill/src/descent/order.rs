//! The parameters of a module in the order of a walk.

/// What is known of a parameter from the last walk.
#[derive(Clone, Debug)]
pub(super) struct Known {
    path: String,
    rank: usize,
    /// The group, 0 for none.
    pub(super) group: usize,
    /// The place of its state; `None` until it has one.
    place: Option<usize>,
}

/// The parameters of the last walk. The next walk usually visits the same ones, and then does not
/// look them up by path.
#[derive(Clone, Debug, Default)]
pub(super) struct Order(Vec<Known>);

impl Order {
    /// Returns the `index`th parameter of a walk, which has this path and rank.
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

    /// Returns the place of the state of the `index`th parameter.
    pub(super) fn place_of(&mut self, index: usize, find: impl FnOnce() -> usize) -> usize {
        *self.0[index].place.get_or_insert_with(find)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
