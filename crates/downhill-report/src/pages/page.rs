//! The frame that all kinds of report share: one HTML file, no script, nothing fetched.
//!
//! ```text
//! question, answer, main picture, table, details, how it was made, what it does not show
//! ```

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::drawing::colors::style;
use crate::drawing::figure::Figure;
use crate::pages::about::About;
use crate::text::numbers::{count, duration, seed_ranges};

/// The content of a page, except where its numbers come from.
pub(crate) struct Page<'a> {
    pub(crate) about: &'a About,
    /// What kind of report it is, such as `experiment report`.
    pub(crate) kind: &'a str,
    /// The answer in words, then what else was found.
    pub(crate) found: Vec<String>,
    pub(crate) sections: Vec<Section>,
    /// More about how it was made.
    pub(crate) made: Vec<(&'static str, Markup)>,
    /// What follows the list of how it was made.
    pub(crate) made_details: Markup,
    pub(crate) limits: Vec<String>,
    /// What it was made from, such as `the run records`.
    pub(crate) source: &'a str,
}

/// A part of a page under a heading.
pub(crate) struct Section {
    pub(crate) id: &'static str,
    pub(crate) title: String,
    pub(crate) content: Markup,
}

impl Section {
    pub(crate) fn new(id: &'static str, title: &str, content: Markup) -> Self {
        Self {
            id,
            title: title.into(),
            content,
        }
    }

    /// A section of figures alone.
    pub(crate) fn of_figures(id: &'static str, title: &str, figures: &[Figure]) -> Self {
        let content = html! { @for figure in figures { (figure.on_page()) } };
        Self::new(id, title, content)
    }
}

/// Largest number of entries below the answer that are not folded.
const MOST_ENTRIES: usize = 12;

/// A longer config is folded.
const MOST_OPEN_LINES: usize = 150;

impl Page<'_> {
    /// The HTML file.
    pub(crate) fn html(&self) -> String {
        self.html_with(Some(&Section::new(
            "provenance",
            "How it was made",
            self.how_it_was_made(),
        )))
    }

    /// The same where the sections say how it was made.
    pub(crate) fn html_without_provenance(&self) -> String {
        self.html_with(None)
    }

    fn html_with(&self, made: Option<&Section>) -> String {
        let about = self.about;
        let found = Section::new("found", "What was found", found(&self.found));
        let limits = Section::new("limits", "What these runs do not show", list(&self.limits));
        let markup = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    (PreEscaped("<meta charset=\"utf-8\"/>"))
                    (PreEscaped("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>"))
                    title { (about.name) " – " (self.kind) }
                    style { (PreEscaped(style(true))) (PreEscaped(include_str!("page.css"))) }
                }
                body {
                    header {
                        h1 { (about.name) }
                        p class="question" { (about.question) }
                    }
                    main {
                        (section(&found))
                        @for part in &self.sections { (section(part)) }
                        @if let Some(made) = made { (section(made)) }
                        @if !self.limits.is_empty() { (section(&limits)) }
                    }
                    footer { p { "Made by downhill " (about.versions.downhill) " from " (self.source) "." } }
                }
            }
        };
        markup.into_string() + "\n"
    }

    fn how_it_was_made(&self) -> Markup {
        let about = self.about;
        html! {
            dl {
                dt { "Command" } dd { (code(&about.command)) }
                dt { "Backend and device" } dd { (about.backend) ", " (about.device) }
                dt { "Versions" }
                dd { (about.versions) }
                @for (name, value) in &self.made { dt { (name) } dd { (value) } }
                @if !about.seeds.is_empty() { dt { "Seeds" } dd { (seed_ranges(about.seeds.iter().copied())) } }
                @if let Some(seconds) = about.seconds {
                    dt { (if about.seeds.is_empty() { "Time" } else { "Training time, all runs together" }) } dd { (duration(seconds)) }
                } @else if about.data.is_some() {
                    dt { "Training time" } dd { "unknown: a run has no usable timing.json" }
                }
            }
            (self.made_details)
            @let is_short = about.config_toml.lines().count() <= MOST_OPEN_LINES;
            details open=[is_short.then_some("open")] { summary { "Resolved config" } pre tabindex="0" { (about.config_toml) } }
        }
    }
}

fn section(section: &Section) -> Markup {
    html! {
        section class=(section.id) aria-labelledby=(section.id) {
            h2 id=(section.id) { (section.title) }
            (section.content)
        }
    }
}

fn found(found: &[String]) -> Markup {
    let Some((answer, details)) = found.split_first() else {
        return html! {};
    };
    let (shown, folded) = details.split_at(details.len().min(MOST_ENTRIES));
    html! {
        p class="answer" { (answer) }
        @if !shown.is_empty() { (list(shown)) }
        @if !folded.is_empty() {
            details { summary { (count(folded.len())) " more" } (list(folded)) }
        }
    }
}

pub(crate) fn list(sentences: &[String]) -> Markup {
    html! { ul { @for sentence in sentences { li { (sentence) } } } }
}

/// A table that scrolls inside its box; the first cell of a row names it.
pub(crate) fn table(note: &str, heads: &[&str], rows: &[Vec<String>]) -> Markup {
    // Columns of words start at the left, numbers end at the right.
    let is_words = |cell: &String| cell.starts_with(|first: char| first.is_ascii_lowercase());
    let of_words: Vec<bool> = (0..heads.len())
        .map(|at| at > 0 && rows.iter().any(|row| is_words(&row[at])))
        .collect();
    html! {
        div class="scroll" role="region" aria-label=(format!("Table with the columns {}", heads.join(", ")))
            tabindex="0" {
            table {
                thead {
                    tr {
                        @for (head, is_words) in heads.iter().zip(&of_words) {
                            th scope="col" class=[is_words.then_some("words")] { (head) }
                        }
                    }
                }
                tbody {
                    @for row in rows {
                        tr {
                            @for (index, cell) in row.iter().enumerate() {
                                @if index == 0 { th scope="row" { (cell) } } @else {
                                    td class=[of_words[index].then_some("words")] { (cell) }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if !note.is_empty() { p class="note" { (note) } }
    }
}

pub(crate) fn code(text: &str) -> Markup {
    html! { code { (text) } }
}

/// The settings in which a method differs from the base config.
pub(crate) fn changes(changes: &[String]) -> Markup {
    html! {
        @if changes.is_empty() { "nothing: it runs the config as written" }
        @for (index, change) in changes.iter().enumerate() {
            @if index > 0 { ", " }
            (code(change))
        }
    }
}
