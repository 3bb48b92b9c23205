//! Contour lines of any function of two variables, by marching squares.

use std::collections::BTreeMap;

use crate::drawing::axis::ends;

/// Number of points of the grid on which the function is evaluated, across and up.
const COLUMNS: usize = 121;
const ROWS: usize = 81;
/// Number of lines.
const LEVELS: usize = 10;

/// A rectangle of the plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Region {
    pub(crate) x: (f64, f64),
    pub(crate) y: (f64, f64),
}

/// The values of a function on a grid.
pub(crate) struct Field {
    region: Region,
    values: Vec<f64>,
}

/// Two neighbors of the grid between which a line passes: the lower left one and whether the other
/// lies above it (or else to its right).
type Edge = (usize, usize, bool);

impl Field {
    pub(crate) fn of(function: &dyn Fn(f64, f64) -> f64, region: Region) -> Self {
        let mut field = Self {
            region,
            values: Vec::with_capacity(COLUMNS * ROWS),
        };
        for row in 0..ROWS {
            for column in 0..COLUMNS {
                let (x, y) = field.place(column as f64, row as f64);
                field.values.push(function(x, y));
            }
        }
        field
    }

    /// Levels from the least to the greatest value, with growing distances, so that the lines
    /// around a minimum of a quadratic function are evenly spaced.
    pub(crate) fn levels(&self) -> Vec<f64> {
        let Some((least, most)) = ends(self.values.iter().copied()) else {
            return Vec::new();
        };
        let level = |step: usize| {
            let share = step as f64 / (LEVELS + 1) as f64;
            least + (most - least) * share * share
        };
        if least < most {
            (1..=LEVELS).map(level).collect()
        } else {
            Vec::new()
        }
    }

    /// Levels between which a growing part of the region lies, so that there are lines around low
    /// minima of a function that is high elsewhere.
    pub(crate) fn levels_by_area(&self, number: usize) -> Vec<f64> {
        let mut values: Vec<f64> = (self.values.iter().copied())
            .filter(|value| value.is_finite())
            .collect();
        values.sort_by(f64::total_cmp);
        let Some(least) = values.first().copied() else {
            return Vec::new();
        };
        let level = |step: usize| {
            let share = step as f64 / (number + 1) as f64;
            values[(share * share * (values.len() - 1) as f64) as usize]
        };
        let mut levels: Vec<f64> = (1..=number).map(level).collect();
        levels.retain(|level| *level > least);
        levels.dedup();
        levels
    }

    /// The lines on which the function has this value. A cell with a value that is not finite has
    /// none.
    pub(crate) fn lines(&self, level: f64) -> Vec<Vec<(f64, f64)>> {
        let mut neighbors: BTreeMap<Edge, Vec<Edge>> = BTreeMap::new();
        for row in 0..ROWS - 1 {
            for column in 0..COLUMNS - 1 {
                for (from, to) in self.crossings(column, row, level) {
                    neighbors.entry(from).or_default().push(to);
                    neighbors.entry(to).or_default().push(from);
                }
            }
        }
        let place = |edge: &Edge| self.crossing(*edge, level);
        let lines = chained(neighbors);
        lines
            .iter()
            .map(|line| line.iter().map(place).collect())
            .collect()
    }

    /// The pairs of a cell's edges that the line of a level joins.
    fn crossings(&self, column: usize, row: usize, level: f64) -> Vec<(Edge, Edge)> {
        let corners = [(0, 0), (1, 0), (1, 1), (0, 1)];
        let values = corners.map(|(right, up)| self.at(column + right, row + up));
        if values.iter().any(|value| !value.is_finite()) {
            return Vec::new();
        }
        // Edges in the order of the corners: below, right, above, left.
        let edges = [
            (column, row, false),
            (column + 1, row, true),
            (column, row + 1, false),
            (column, row, true),
        ];
        let is_above = values.map(|value| value >= level);
        let crossed: Vec<usize> = (0..4)
            .filter(|at| is_above[*at] != is_above[(at + 1) % 4])
            .collect();
        match crossed.as_slice() {
            [from, to] => vec![(edges[*from], edges[*to])],
            // A saddle: the mean of the corners says which of them are joined.
            [_, _, _, _] => {
                let is_joined = values.iter().sum::<f64>() / 4.0 >= level;
                if is_joined == is_above[0] {
                    vec![(edges[0], edges[1]), (edges[2], edges[3])]
                } else {
                    vec![(edges[3], edges[0]), (edges[1], edges[2])]
                }
            }
            _ => Vec::new(),
        }
    }

    fn at(&self, column: usize, row: usize) -> f64 {
        self.values[row * COLUMNS + column]
    }

    fn place(&self, column: f64, row: f64) -> (f64, f64) {
        let between = |(lower, upper): (f64, f64), share: f64| lower + (upper - lower) * share;
        (
            between(self.region.x, column / (COLUMNS - 1) as f64),
            between(self.region.y, row / (ROWS - 1) as f64),
        )
    }

    /// Where on an edge the function has the value, if it is linear along it.
    fn crossing(&self, (column, row, is_up): Edge, level: f64) -> (f64, f64) {
        let from = self.at(column, row);
        let to = if is_up {
            self.at(column, row + 1)
        } else {
            self.at(column + 1, row)
        };
        let share = (level - from) / (to - from);
        let (column, row) = (column as f64, row as f64);
        if is_up {
            self.place(column, row + share)
        } else {
            self.place(column + share, row)
        }
    }
}

/// Joins pairs of edges into lines: first the open ones, then the closed ones.
fn chained(mut neighbors: BTreeMap<Edge, Vec<Edge>>) -> Vec<Vec<Edge>> {
    let mut lines = Vec::new();
    loop {
        let end = neighbors.iter().find(|(_, others)| others.len() == 1);
        let any = end.or_else(|| neighbors.iter().next());
        let Some(mut at) = any.map(|(edge, _)| *edge) else {
            return lines;
        };
        let mut line = vec![at];
        while let Some(next) = neighbors.get(&at).and_then(|others| others.last().copied()) {
            part(&mut neighbors, at, next);
            part(&mut neighbors, next, at);
            line.push(next);
            at = next;
        }
        lines.push(line);
    }
}

fn part(neighbors: &mut BTreeMap<Edge, Vec<Edge>>, edge: Edge, other: Edge) {
    if let Some(others) = neighbors.get_mut(&edge) {
        if let Some(at) = others.iter().position(|known| *known == other) {
            others.remove(at);
        }
        if others.is_empty() {
            neighbors.remove(&edge);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: Region = Region {
        x: (-10.0, 10.0),
        y: (-4.0, 4.0),
    };

    #[test]
    fn lines_of_a_valley_are_closed_and_lie_on_their_level() {
        let valley = |x: f64, y: f64| x * x / 20.0 + y * y;
        let lines = Field::of(&valley, REGION).lines(2.0);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].first(), lines[0].last());
        for (x, y) in &lines[0] {
            assert!((valley(*x, *y) - 2.0).abs() < 0.01, "{x} {y}");
        }
        // Half the ellipse's axes are sqrt(40) and sqrt(2).
        let (left, right) = ends(lines[0].iter().map(|(x, _)| *x)).unwrap();
        assert!((left + 40_f64.sqrt()).abs() < 0.01 && (right - 40_f64.sqrt()).abs() < 0.01);
    }

    #[test]
    fn a_saddle_has_two_lines_that_do_not_cross() {
        let saddle = |x: f64, y: f64| x * y;
        let lines = Field::of(&saddle, REGION).lines(1.0);
        assert_eq!(lines.len(), 2);
        for line in lines {
            let is_right = line[0].0 > 0.0;
            assert!(
                line.iter()
                    .all(|(x, y)| (*x > 0.0) == is_right && (*y > 0.0) == is_right)
            );
        }
    }

    #[test]
    fn levels_spread_and_a_level_function_has_none() {
        let levels = Field::of(&|x, y| x * x + y * y, REGION).levels();
        assert_eq!(levels.len(), LEVELS);
        assert!(
            levels
                .windows(3)
                .all(|three| three[2] - three[1] > three[1] - three[0])
        );
        assert!(Field::of(&|_, _| 1.0, REGION).levels().is_empty());
        assert!(Field::of(&|_, _| 1.0, REGION).levels_by_area(6).is_empty());
        let steep = |x: f64, y: f64| (x * x + y * y).powi(4);
        let below = |level: f64| {
            let field = Field::of(&steep, REGION);
            let values = field.values.iter();
            values.filter(|value| **value < level).count() as f64 / (COLUMNS * ROWS) as f64
        };
        let levels = Field::of(&steep, REGION).levels_by_area(6);
        assert_eq!(levels.len(), 6);
        assert!((below(levels[3]) - 16.0 / 49.0).abs() < 0.01);
        assert!(Field::of(&|_, _| f64::NAN, REGION).levels().is_empty());
    }
}
