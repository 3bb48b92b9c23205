//! The report of a gradient check: the differences between backpropagation and numerical
//! differentiation.

use maud::html;

use crate::drawing::axis::Axis;
use crate::drawing::chart::WIDE;
use crate::drawing::figure::{Figure, Layout, Picture};
use crate::drawing::labels::fitted;
use crate::drawing::marks::{Look, coordinate, cross, line};
use crate::drawing::panel::Panel;
use crate::export::csv::{finite, quoted};
use crate::pages::about::About;
use crate::pages::page::{Page, Section, table};
use crate::text::numbers::{count, counted, listed};

/// A gradient check of a network's parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientReport {
    /// Where the numbers come from.
    pub about: About,
    /// One row for each parameter that was checked.
    pub rows: Vec<GradientRow>,
}

/// The difference between two gradients of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientRow {
    /// The kind of network or layer, such as `batch normalization`.
    pub layer: String,
    /// The parameter, such as `layers.0.weight`.
    pub parameter: String,
    /// How many of its numbers were compared.
    pub numbers: usize,
    /// The largest absolute difference; not finite if one of the gradients was not.
    pub largest_difference: f64,
    /// The limit that it must be below.
    pub limit: f64,
}

impl GradientRow {
    fn is_within(&self) -> bool {
        self.largest_difference < self.limit
    }

    /// The difference, and infinity for one that is not a number.
    fn worst_case(&self) -> f64 {
        let difference = self.largest_difference;
        if difference.is_nan() {
            f64::INFINITY
        } else {
            difference
        }
    }

    fn name(&self) -> String {
        format!("{}, {}", self.layer, self.parameter)
    }
}

/// A difference of 0 is drawn as if it were this.
const LEAST: f64 = 1e-18;
const TOP: f64 = 46.0;
const ROW: f64 = 19.0;
const AXIS: f64 = 44.0;
/// Where the names end and the values begin.
const LEFT: f64 = 252.0;
const RIGHT: f64 = WIDE.0 - 18.0;
/// More rows than this go on in another panel.
const MOST_ROWS: usize = 24;

impl GradientReport {
    /// The report as one HTML file.
    #[must_use]
    pub fn html(&self) -> String {
        let heads = [
            "layer",
            "parameter",
            "numbers compared",
            "largest difference",
            "limit",
            "within it",
        ];
        let rows: Vec<Vec<String>> = (self.rows.iter())
            .map(|row| {
                vec![
                    row.layer.clone(),
                    row.parameter.clone(),
                    count(row.numbers),
                    scientific(row.largest_difference),
                    scientific(row.limit),
                    if row.is_within() { "yes" } else { "no" }.into(),
                ]
            })
            .collect();
        let note = "The largest absolute difference between the gradient by backpropagation and that by \
                    central differences, over the numbers compared.";
        let page = Page {
            about: &self.about,
            kind: "gradient check",
            found: self.findings(),
            sections: vec![
                Section::of_figures("differences", "Largest differences", &self.figures()),
                Section::new("results", "Results", table(note, &heads, &rows)),
            ],
            made: Vec::new(),
            made_details: html! {},
            limits: vec![
                "A gradient that agrees shows that the derivative of the computed function is \
                 right, not that the right function was computed."
                    .into(),
                "Numerical differentiation has limited precision itself, and where a ReLU switches \
                 within the step, the two differ although neither is wrong."
                    .into(),
                "Only these networks, batches and elements of their parameters were compared."
                    .into(),
            ],
            source: "the differences",
        };
        page.html()
    }

    /// The figures as pictures of their own.
    #[must_use]
    pub fn pictures(&self) -> Vec<Picture> {
        self.figures().iter().map(Figure::picture).collect()
    }

    /// What was found, in words, the answer first.
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        let worst = (self.rows.iter())
            .max_by(|left, right| left.worst_case().total_cmp(&right.worst_case()));
        let Some(worst) = worst else {
            return vec!["Nothing was compared.".into()];
        };
        let numbers: usize = self.rows.iter().map(|row| row.numbers).sum();
        let of = format!(
            "of {} in {}",
            counted(numbers, "number"),
            counted(self.rows.len(), "parameter")
        );
        let largest = format!(
            "The largest difference {of} is {}, in the parameter {} of {}",
            scientific(worst.largest_difference),
            worst.parameter,
            worst.layer
        );
        let beyond: Vec<String> = (self.rows.iter())
            .filter(|row| !row.is_within())
            .map(GradientRow::name)
            .collect();
        if beyond.is_empty() {
            return vec![format!(
                "Backpropagation agrees with numerical differentiation everywhere. {largest}, below its limit \
                 of {}.",
                scientific(worst.limit)
            )];
        }
        let places = counted(beyond.len(), "parameter");
        vec![
            format!(
                "Backpropagation does not agree with numerical differentiation in {places}. {largest}."
            ),
            format!("Above the limit: {}.", listed(&beyond)),
        ]
    }

    /// Returns the parameters as comma-separated values by RFC 4180, a row each. A difference that
    /// is not finite is an empty field.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut text = "layer,parameter,numbers,largest_difference,limit\r\n".to_owned();
        for row in &self.rows {
            let fields = [
                quoted(&row.layer),
                quoted(&row.parameter),
                row.numbers.to_string(),
                finite(row.largest_difference),
                finite(row.limit),
            ];
            text.push_str(&fields.join(","));
            text.push_str("\r\n");
        }
        text
    }

    fn figures(&self) -> Vec<Figure> {
        let panels: Vec<Panel> = self
            .rows
            .chunks(MOST_ROWS)
            .map(|rows| self.panel(rows))
            .collect();
        if panels.is_empty() {
            return Vec::new();
        }
        vec![Figure {
            name: "differences".into(),
            title: format!("{}: largest difference of each parameter", self.about.name),
            layout: Layout::Wide,
            key: Vec::new(),
            panels,
            caption: "Largest absolute difference of each parameter on a logarithmic axis. The \
                      dashed line is the limit: a difference above it, or one that is not finite, \
                      is a cross instead of a square. A difference of exactly 0 is drawn at the \
                      left edge."
                .into(),
        }]
    }

    fn panel(&self, rows: &[GradientRow]) -> Panel {
        let height = TOP + ROW * rows.len() as f64 + AXIS;
        let bottom = height - AXIS;
        let values = self
            .rows
            .iter()
            .flat_map(|row| [row.largest_difference, row.limit]);
        let values = values
            .filter(|value| value.is_finite())
            .map(|value| value.max(LEAST));
        let axis = Axis::log("largest absolute difference (log)", values);
        let scale = axis.scale((LEFT, RIGHT));
        let look = Look::of(0, None);
        let drawing = html! {
            rect class="back" width=(WIDE.0) height=(coordinate(height)) rx="4" {}
            text class="name" x="10" y="19" { "Largest difference of each parameter" }
            @for tick in axis.horizontal_ticks(&scale) {
                @let x = scale.at(tick);
                path class="grid" d=(line([(x, TOP - 6.0), (x, bottom)])) {}
                text class="small middle" x=(coordinate(x)) y=(coordinate(bottom + 16.0)) { (axis.tick(tick)) }
            }
            path class="axis" d=(line([(LEFT, bottom), (RIGHT, bottom)])) {}
            text class="small middle" x=(coordinate((LEFT + RIGHT) / 2.0)) y=(coordinate(bottom + 34.0)) { (axis.label) }
            @for (index, row) in rows.iter().enumerate() {
                @let y = TOP + ROW * (index as f64 + 0.5);
                @let limit = scale.at(row.limit);
                text class="small end" x=(LEFT - 8.0) y=(coordinate(y + 4.0)) { (fitted(&row.name(), LEFT - 16.0, 11.5)) }
                path class="range" d=(line([(limit, y - ROW / 2.0), (limit, y + ROW / 2.0)])) {}
                @let at = (scale.at(row.worst_case().max(LEAST)), y);
                g class=(look.class()) {
                    @if row.is_within() { (look.marker(at, 4.0)) } @else { (cross(at)) }
                }
            }
            @if let Some(first) = rows.first() {
                @let x = scale.at(first.limit);
                text paint-order="stroke" class="small end halo" x=(coordinate(x - 4.0)) y=(TOP - 9.0) { "limit " (scientific(first.limit)) }
            }
        };
        let sentence =
            |row: &GradientRow| format!("{}: {}.", row.name(), scientific(row.largest_difference));
        let sentences: Vec<String> = rows.iter().map(sentence).collect();
        Panel {
            title: "Largest difference of each parameter".into(),
            description: sentences.join(" "),
            size: (WIDE.0, height),
            drawing,
        }
    }
}

/// A number with two significant digits and its power of ten: `3.2e−10`.
fn scientific(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    if !value.is_finite() {
        return "not finite".into();
    }
    format!("{value:.1e}").replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_answer_names_the_largest_difference_and_where_it_is() {
        let mut report = sample::gradient_check();
        let found = report.findings();
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains("everywhere. The largest difference of"),
            "{}",
            found[0]
        );
        let last = report.rows.len() - 1;
        report.rows[last].largest_difference = f64::NAN;
        let found = report.findings();
        assert!(
            found[0].contains("is not finite, in the parameter"),
            "{}",
            found[0]
        );
        assert!(found[1].starts_with("Above the limit: "), "{}", found[1]);
        report.rows.clear();
        assert_eq!(report.findings(), ["Nothing was compared."]);
    }

    #[test]
    fn numbers_are_short() {
        let texts = [3.21e-10, 1e-7, 0.0, f64::NAN].map(scientific);
        assert_eq!(texts, ["3.2e−10", "1.0e−7", "0", "not finite"]);
    }

    #[test]
    fn a_parameter_is_a_row() {
        let mut report = sample::gradient_check();
        report.rows[0].largest_difference = f64::NAN;
        let text = report.csv();
        assert_eq!(text.lines().count(), 1 + report.rows.len());
        let first = text.lines().nth(1).unwrap();
        assert!(first.split(',').nth(3).unwrap().is_empty(), "{text}");
    }
}
