//! A figure: panels side by side with a caption, as a part of a page and as a picture.

use maud::{Markup, PreEscaped, html};

use crate::drawing::chart::key;
use crate::drawing::colors::picture_style;
use crate::drawing::labels::text_width;
use crate::drawing::marks::{Look, coordinate};
use crate::drawing::panel::Panel;
use crate::text::columns::lines_of;

/// A figure as an SVG document of its own, with a white background and its text as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// What it shows, as part of a file's name, such as `accuracy`.
    pub name: String,
    /// The SVG document.
    pub svg: String,
    /// What it shows, in words, for those who do not see it.
    pub alt: String,
}

/// How panels are arranged on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// As many of about 340 units as there is room for.
    Panels,
    /// At most two side by side.
    Pairs,
    /// Wide ones, at most two side by side.
    Wide,
    /// Small multiples, four side by side at most.
    Multiples,
    /// Three side by side at most, but four as two pairs.
    Thirds,
}

impl Layout {
    fn class(self) -> &'static str {
        match self {
            Self::Panels | Self::Thirds => "panels",
            Self::Pairs => "panels pairs",
            Self::Wide => "panels wide",
            Self::Multiples => "panels multiples",
        }
    }

    fn columns(self, panels: usize) -> usize {
        match self {
            Self::Multiples => panels.min(4),
            Self::Thirds if panels != 4 => panels.min(3),
            _ => panels.min(2),
        }
    }
}

/// Panels and what is said below them.
pub(crate) struct Figure {
    /// Unique on the page, and the picture's name.
    pub(crate) name: String,
    /// What it shows.
    pub(crate) title: String,
    pub(crate) layout: Layout,
    /// Names of the lines with their looks, above all panels; none where the panels name them.
    pub(crate) key: Vec<(String, Look)>,
    pub(crate) panels: Vec<Panel>,
    pub(crate) caption: String,
}

/// Space around panels in a picture, in SVG units.
const SPACE: f64 = 10.0;
/// Height of a line below the panels.
const LINE: f64 = 16.0;
const SMALL: f64 = 11.5;

impl Figure {
    /// As a part of a page.
    pub(crate) fn on_page(&self) -> Markup {
        let panels = self.panels.iter().enumerate();
        let panels = panels.map(|(index, panel)| (format!("{}-{index}", self.name), panel));
        html! {
            figure {
                @if !self.key.is_empty() {
                    ul.key { @for (name, look) in &self.key { li { (sample_of(*look)) (name) } } }
                }
                div class=(self.layout.class()) {
                    @for (id, panel) in panels { (framed(&id, panel)) }
                }
                figcaption { (self.caption) }
            }
        }
    }

    /// As a document of its own, with the caption below the panels.
    pub(crate) fn picture(&self) -> Picture {
        let columns = self.layout.columns(self.panels.len()).max(1);
        let mut placed: Vec<(f64, f64, &Panel)> = Vec::new();
        let mut top = SPACE;
        let mut width = 0.0_f64;
        let widths = self
            .panels
            .iter()
            .take(columns)
            .map(|panel| panel.size.0 + SPACE);
        let key = (!self.key.is_empty()).then(|| key(&self.key, widths.sum::<f64>() - SPACE));
        if let Some(key) = &key {
            placed.push((SPACE, top, key));
            top += key.size.1 + SPACE;
        }
        for row in self.panels.chunks(columns) {
            let mut left = SPACE;
            for panel in row {
                placed.push((left, top, panel));
                left += panel.size.0 + SPACE;
            }
            width = width.max(left);
            let heights = row.iter().map(|panel| panel.size.1);
            top += heights.fold(0.0, f64::max) + SPACE;
        }
        let average = text_width("The quick brown fox jumps", SMALL) / 25.0;
        let caption = lines_of(&self.caption, ((width - 2.0 * SPACE) / average) as usize);
        let height = top + LINE * caption.len() as f64 + SPACE;
        let drawing = html! {
            @for (left, top, panel) in &placed {
                g transform={ "translate(" (coordinate(*left)) " " (coordinate(*top)) ")" } {
                    (panel.drawing)
                }
            }
            @for (line, text) in (1..).zip(&caption) {
                text class="small" x=(SPACE) y=(coordinate(top + LINE * f64::from(line) - 4.0)) { (text) }
            }
        };
        let alt = self.alt();
        Picture {
            svg: document((width, height), &self.title, &alt, &drawing),
            name: self.name.clone(),
            alt,
        }
    }

    fn alt(&self) -> String {
        let sentence = |panel: &Panel| format!("{}: {}", panel.title, panel.description);
        let panels: Vec<String> = self.panels.iter().map(sentence).collect();
        panels.join(" ")
    }
}

/// A piece of a line with its marker, next to its name.
fn sample_of(look: Look) -> Markup {
    html! {
        svg class=(look.class()) viewBox="0 0 34 14" width="34" height="14" aria-hidden="true" {
            path class="line" stroke-dasharray=[look.dash()] d="M0 7L34 7" {}
            (look.marker((17.0, 7.0), 3.4))
        }
    }
}

/// An `svg` element of a page with its title and description.
pub(crate) fn framed(id: &str, panel: &Panel) -> Markup {
    let (width, height) = panel.size;
    html! {
        svg viewBox={ "0 0 " (coordinate(width)) " " (coordinate(height)) } role="img"
            aria-labelledby={ (id) "-title" } aria-describedby={ (id) "-description" } {
            title id={ (id) "-title" } { (panel.title) }
            desc id={ (id) "-description" } { (panel.description) }
            (panel.drawing)
        }
    }
}

/// An SVG document with a white background.
pub(crate) fn document(
    (width, height): (f64, f64),
    title: &str,
    description: &str,
    drawing: &Markup,
) -> String {
    let (width, height) = (coordinate(width), coordinate(height));
    let markup = html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(width) height=(height)
            viewBox={ "0 0 " (width) " " (height) } role="img" aria-labelledby="title description" {
            title id="title" { (title) }
            desc id="description" { (description) }
            style { (PreEscaped(picture_style(&drawing.0))) }
            rect width=(width) height=(height) fill="#ffffff" {}
            (drawing)
        }
    };
    as_xml(markup.into_string()) + "\n"
}

/// Replaces the characters that XML does not allow.
fn as_xml(text: String) -> String {
    let is_allowed = |letter: char| match letter {
        '\n' | '\t' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        letter => !letter.is_control(),
    };
    match text.chars().all(is_allowed) {
        true => text,
        false => text.replace(|letter| !is_allowed(letter), "\u{fffd}"),
    }
}
