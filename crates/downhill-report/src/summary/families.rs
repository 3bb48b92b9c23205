//! The methods of an experiment with a grid, by family and value.

use std::collections::BTreeMap;

use crate::experiment::{Experiment, Grid};

/// The methods of an experiment by family (a method of the config file) and value of the grid.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Families {
    pub(crate) grid: Grid,
    /// Names in the experiment's order.
    pub(crate) names: Vec<String>,
    /// All values, rising.
    pub(crate) values: Vec<f64>,
    /// Places in the experiment's list of methods, by places in the two lists above.
    methods: BTreeMap<(usize, usize), usize>,
}

impl Families {
    /// `None` without a grid, and where a method is in no cell of it.
    pub(crate) fn of(experiment: &Experiment) -> Option<Self> {
        let grid = experiment.grid.clone()?;
        let cells = experiment.methods.iter().map(|method| method.cell.as_ref());
        let cells: Vec<_> = cells.collect::<Option<_>>()?;
        let mut names: Vec<String> = Vec::new();
        let mut values: Vec<f64> = Vec::new();
        for cell in &cells {
            if !names.contains(&cell.family) {
                names.push(cell.family.clone());
            }
            if !values.contains(&cell.value) {
                values.push(cell.value);
            }
        }
        values.sort_by(f64::total_cmp);
        let places = cells.iter().enumerate().filter_map(|(at, cell)| {
            let family = names.iter().position(|name| *name == cell.family)?;
            let value = values.iter().position(|value| *value == cell.value)?;
            Some(((family, value), at))
        });
        let methods = places.collect();
        (!names.is_empty()).then_some(Self {
            grid,
            names,
            values,
            methods,
        })
    }

    /// Returns the place of the method of a family at a value, if there is one.
    pub(crate) fn method(&self, family: usize, value: usize) -> Option<usize> {
        self.methods.get(&(family, value)).copied()
    }

    /// Returns the values of a family, rising, each with the place of its method.
    pub(crate) fn row(&self, family: usize) -> impl Iterator<Item = (f64, usize)> {
        let values = self.values.iter().enumerate();
        values.filter_map(move |(at, value)| Some((*value, self.method(family, at)?)))
    }
}
