//! The tables: methods by functions, then the methods of each function.

use maud::Markup;

use crate::pages::landscapes::descents::{Landscape, LandscapeDescents, LandscapesReport};
use crate::pages::page::table;
use crate::pages::valley::value_text;
use crate::statistics::{Interval, describe_costs, median, share_interval};
use crate::tables::target::cost_cell;
use crate::text::columns::{NONE, TextTable};
use crate::text::numbers::{cost, count, fixed, setting_value};

impl LandscapesReport<'_> {
    /// Which starts reach the minimum, and how soon, as a table for the terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let mut heads = vec!["method"];
        heads.extend(
            self.landscapes
                .iter()
                .map(|landscape| landscape.name.as_str()),
        );
        let rows = self.methods.iter().enumerate().map(|(at, method)| {
            let cells = self.landscapes.iter().map(|landscape| {
                let found = &landscape.methods[at];
                let median = describe_costs(&found.costs()).map(|costs| costs.median);
                match median.filter(|median| median.is_finite()) {
                    Some(median) => format!("{}, {}", reached(found), cost(median)),
                    None => reached(found),
                }
            });
            [method.name.clone()].into_iter().chain(cells).collect()
        });
        let table = TextTable::of_numbers(&heads, rows.collect());
        format!("{table}\nStarts that reach the minimum, and the median of their updates.\n")
    }

    /// How many starts of each function and of all reach the minimum.
    pub(super) fn overview(&self) -> Markup {
        let mut heads = vec!["method"];
        heads.extend(
            self.landscapes
                .iter()
                .map(|landscape| landscape.name.as_str()),
        );
        if self.landscapes.len() > 1 {
            heads.push("all");
        }
        let rows: Vec<Vec<String>> = (self.methods.iter().enumerate())
            .map(|(at, method)| {
                let found = self
                    .landscapes
                    .iter()
                    .map(|landscape| &landscape.methods[at]);
                let mut cells = vec![method.name.clone()];
                cells.extend(found.clone().map(reached));
                if self.landscapes.len() > 1 {
                    let of: usize = found.clone().map(|it| it.descents.len()).sum();
                    let all: usize = found.map(LandscapeDescents::reached).sum();
                    cells.push(format!("{} of {}", count(all), count(of)));
                }
                cells
            })
            .collect();
        let note = format!(
            "Starts from which a method comes within {} of the minimum, in at most {} updates.",
            self.tolerance,
            count(self.updates)
        );
        table(&note, &heads, &rows)
    }

    /// The methods on a function.
    pub(super) fn table_of(&self, landscape: &Landscape<'_>) -> Markup {
        let heads = [
            "method",
            "learning rate",
            "reach it",
            "share, %",
            "updates",
            "last f, median",
            "diverged",
        ];
        let rows: Vec<Vec<String>> = (self.methods.iter().zip(&landscape.methods))
            .map(|(method, found)| {
                let rate = found.rate.map_or_else(|| NONE.into(), setting_value);
                let rate = match found.end_of_rates() {
                    Some(end) => format!("{rate} ({end})"),
                    None => rate,
                };
                let values: Vec<f64> = found.descents.iter().map(|it| it.final_value()).collect();
                vec![
                    method.name.clone(),
                    rate,
                    reached(found),
                    share(found),
                    cost_cell(&found.costs()),
                    median(&values).map_or_else(|| NONE.into(), last_value),
                    count(found.diverged()),
                ]
            })
            .collect();
        let note = format!(
            "The least value is {}. Shares with their 95 % intervals by Wilson's score. \
             Updates: the median over all starts and its 95 % interval; a start that does not \
             reach the minimum counts as ∞ and is not left out, and so does the last f of a \
             descent that diverged.{}",
            setting_value(landscape.minimum),
            match self.tuning {
                Some(_) => " (lowest), (highest): the rate is at an end of those tried.",
                None => "",
            }
        );
        table(&note, &heads, &rows)
    }

    /// How many of the starts for the choice reach the minimum at each rate.
    pub(super) fn tried_on(&self, landscape: &Landscape<'_>, starts: usize) -> Markup {
        let rates = landscape.methods.first().map(|found| &found.tried);
        let mut heads = vec!["method".to_owned()];
        heads.extend(rates.into_iter().flatten().map(|it| setting_value(it.rate)));
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        let rows: Vec<Vec<String>> = (self.methods.iter().zip(&landscape.methods))
            .map(|(method, found)| {
                let tried = found.tried.iter().map(|tried| {
                    let chosen = if found.rate == Some(tried.rate) {
                        " ✓"
                    } else {
                        ""
                    };
                    format!("{}{chosen}", count(tried.reached))
                });
                [method.name.clone()].into_iter().chain(tried).collect()
            })
            .collect();
        let note = format!(
            "How many of the {} starts for the choice reach the minimum at each rate; ✓ is the \
             rate chosen.",
            count(starts)
        );
        table(&note, &heads, &rows)
    }
}

impl LandscapeDescents {
    /// Which end of the rates tried the chosen one is.
    pub(super) fn end_of_rates(&self) -> Option<&'static str> {
        let rate = self.rate.filter(|_| self.tried.len() > 1)?;
        let rates = || self.tried.iter().map(|tried| tried.rate);
        if rates().all(|other| rate >= other) {
            Some("highest")
        } else if rates().all(|other| rate <= other) {
            Some("lowest")
        } else {
            None
        }
    }
}

/// The last value of a function; infinite after a descent that diverged.
fn last_value(value: f64) -> String {
    match value.is_finite() {
        true => value_text(value),
        false => cost(f64::INFINITY),
    }
}

/// How many starts reach the minimum: `31 of 32`.
pub(super) fn reached(found: &LandscapeDescents) -> String {
    format!(
        "{} of {}",
        count(found.reached()),
        count(found.descents.len())
    )
}

/// The share of starts that reach the minimum, with its interval: `97 [84, 99]`.
fn share(found: &LandscapeDescents) -> String {
    let (reached, of) = (found.reached(), found.descents.len());
    match share_interval(reached, of) {
        Some(Interval { lower, upper }) => format!(
            "{} [{}, {}]",
            fixed(100.0 * reached as f64 / of as f64, 0),
            fixed(100.0 * lower, 0),
            fixed(100.0 * upper, 0)
        ),
        None => NONE.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_table_has_a_row_for_each_method_and_flags_the_ends_of_the_rates() {
        let report = sample::landscapes();
        let text = report.text();
        for method in &report.methods {
            assert!(text.contains(&method.name), "{text}");
        }
        let page = report.html();
        let ends = report.landscapes.iter().flat_map(|it| &it.methods);
        let ends = ends.filter(|found| found.end_of_rates() == Some("highest"));
        assert!(ends.count() > 0 && page.contains(" (highest)<"));
        let first = &report.landscapes[0].methods[0];
        assert_eq!(reached(first), "8 of 8");
        assert_eq!(share(first), "100 [68, 100]");
    }
}
