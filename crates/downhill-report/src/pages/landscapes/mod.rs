//! The report of descents of several functions from many starts: which methods reach the minimum.

mod descents;
mod figures;
mod findings;
mod tables;

use maud::{Markup, html};

use crate::drawing::figure::{Figure, Picture};
use crate::export::csv::{finite, quoted as field};
use crate::pages::page::{Page, Section, changes};
use crate::text::numbers::{count, counted};

pub use crate::pages::landscapes::descents::{
    Landscape, LandscapeDescent, LandscapeDescents, LandscapeMethod, LandscapeTuning,
    LandscapesReport, TriedRate,
};

impl LandscapesReport<'_> {
    /// The report as one HTML file.
    #[must_use]
    pub fn html(&self) -> String {
        let sections = vec![
            Section::new("results", "Starts that reach the minimum", self.overview()),
            Section::new("functions", "Each function", self.each_function()),
        ];
        let formulas = html! {
            ul { @for landscape in &self.landscapes { li { (landscape.name) ": " (landscape.formula) } } }
        };
        let made_details = html! {
            h3 { "What each method changes" }
            @if self.tuning.is_some() {
                p { "The learning rates chosen above replace those of the settings." }
            }
            ul { @for method in &self.methods { li { (method.name) ": " (changes(&method.changes)) } } }
        };
        let page = Page {
            about: &self.about,
            kind: "descents of functions",
            found: self.findings(),
            sections,
            made: vec![
                ("Functions", formulas),
                ("Learning rates", html! { (self.how_tuned()) }),
            ],
            made_details,
            limits: self.limits(),
            source: "the descents",
        };
        page.html()
    }

    /// The figure and the table of each function, and how its rates were chosen.
    fn each_function(&self) -> Markup {
        html! {
            @for landscape in &self.landscapes {
                h3 { (landscape.name) }
                @if !landscape.methods.is_empty() { (self.figure(landscape).on_page()) }
                (self.table_of(landscape))
                @if let Some(tuning) = &self.tuning {
                    details {
                        summary { "Learning rates tried on " (landscape.name) }
                        (self.tried_on(landscape, tuning.starts))
                    }
                }
            }
        }
    }

    /// The figures as pictures of their own.
    #[must_use]
    pub fn pictures(&self) -> Vec<Picture> {
        self.figures().iter().map(Figure::picture).collect()
    }

    /// Returns the descents as comma-separated values by RFC 4180, a row each. The updates of a
    /// descent that does not reach the minimum are an empty field.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut text =
            "function,method,learning_rate,start,x,y,reached,updates,end_x,end_y,f\r\n".to_owned();
        for landscape in &self.landscapes {
            for (method, found) in self.methods.iter().zip(&landscape.methods) {
                for (start, descent) in found.descents.iter().enumerate() {
                    let (Some(first), Some(last)) = (descent.points.first(), descent.points.last())
                    else {
                        continue;
                    };
                    let updates = descent.reached.map(|updates| updates.to_string());
                    let fields = [
                        field(&landscape.name),
                        field(&method.name),
                        found.rate.map_or_else(String::new, finite),
                        start.to_string(),
                        finite(first.0),
                        finite(first.1),
                        if descent.reached.is_some() {
                            "yes"
                        } else {
                            "no"
                        }
                        .to_owned(),
                        updates.unwrap_or_default(),
                        finite(last.0),
                        finite(last.1),
                        finite(descent.final_value()),
                    ];
                    text.push_str(&fields.join(","));
                    text.push_str("\r\n");
                }
            }
        }
        text
    }

    fn limits(&self) -> Vec<String> {
        let mut limits = vec![
            "A function of two variables without noise is not a network: its gradient is exact, \
             and nothing here says how the methods do with mini-batches."
                .to_owned(),
            format!(
                "A start counts as a miss if it needs more than {}. With more updates, or another \
                 tolerance than {}, the methods may rank differently.",
                counted(self.updates as usize, "update"),
                self.tolerance
            ),
            "A descent ends where it first reaches the minimum: it is not said whether it would \
             stay there."
                .to_owned(),
            "The intervals are of starts drawn uniformly from the region of the function. From \
             other regions the shares may differ."
                .to_owned(),
        ];
        limits.push(match self.tuning {
            Some(_) => "Only the learning rate was chosen. All other hyperparameters are those of \
                        the config."
                .to_owned(),
            None => "No hyperparameter was tuned: a method may be far behind for its rate alone."
                .to_owned(),
        });
        if self.landscapes.len() > 1 {
            limits.push(format!(
                "The sums over the {} functions depend on which functions there are.",
                count(self.landscapes.len())
            ));
        }
        limits
    }
}

#[cfg(test)]
mod tests {
    use crate::sample;

    #[test]
    fn a_descent_is_a_row() {
        let report = sample::landscapes();
        let text = report.csv();
        let descents = report.landscapes.iter().flat_map(|it| &it.methods);
        let descents: usize = descents.map(|it| it.descents.len()).sum();
        assert_eq!(text.lines().count(), 1 + descents);
        let columns = text.lines().next().unwrap().split(',').count();
        assert!(text.lines().all(|row| row.split(',').count() == columns));
        assert!(text.contains(",no,,"), "{text}");
    }
}
