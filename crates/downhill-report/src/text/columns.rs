//! Text in columns and lines of a terminal.

use std::fmt;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The most columns of a terminal that a line takes.
pub const TABLE_WIDTH: usize = 100;
/// Stands for a number that does not exist.
pub(crate) const NONE: &str = "—";

const SPACE: &str = "  ";
/// What a column that is broken has at least.
const LEAST_WIDTH: usize = 10;

/// A table for a terminal: a head, a rule and rows of cells.
///
/// Widths are those of the terminal's columns, in which some characters take two and some none.
#[derive(Clone, Debug)]
pub struct TextTable {
    rows: Vec<Vec<String>>,
    widths: Vec<usize>,
    /// The column whose cells are broken into several lines.
    broken: usize,
    has_numbers: bool,
}

impl TextTable {
    /// Returns a table whose cells are all aligned to the left.
    #[must_use]
    pub fn of_words(heads: &[&str], cells: Vec<Vec<String>>) -> Self {
        let mut rows = vec![heads.iter().map(ToString::to_string).collect::<Vec<_>>()];
        rows.extend(cells);
        let width = |at: usize| rows.iter().map(|row| row[at].width()).max().unwrap_or(0);
        Self {
            widths: (0..heads.len()).map(width).collect(),
            rows,
            broken: 0,
            has_numbers: false,
        }
    }

    /// Returns a table whose cells are all aligned to the left. The last column is broken into
    /// several lines where a row would exceed [`TABLE_WIDTH`].
    #[must_use]
    pub fn of_sentences(heads: &[&str], cells: Vec<Vec<String>>) -> Self {
        Self::of_words(heads, cells).broken_at(heads.len() - 1)
    }

    /// Returns a table whose first column is aligned to the left and all others to the right. The
    /// first column is broken into several lines where a row would exceed [`TABLE_WIDTH`].
    #[must_use]
    pub fn of_numbers(heads: &[&str], cells: Vec<Vec<String>>) -> Self {
        let table = Self::of_words(heads, cells).broken_at(0);
        Self {
            has_numbers: true,
            ..table
        }
    }

    /// Breaks the cells of a column where a row would exceed [`TABLE_WIDTH`].
    fn broken_at(mut self, broken: usize) -> Self {
        let others = self.widths.iter().enumerate();
        let others = others.filter(|(column, _)| *column != broken);
        let others: usize = others.map(|(_, width)| width + SPACE.len()).sum();
        let room = TABLE_WIDTH.saturating_sub(others).max(LEAST_WIDTH);
        self.widths[broken] = self.widths[broken].min(room);
        self.broken = broken;
        self
    }

    fn write_row(&self, formatter: &mut fmt::Formatter<'_>, row: &[String]) -> fmt::Result {
        let parts = lines_of(&row[self.broken], self.widths[self.broken]);
        for (index, part) in parts.iter().enumerate() {
            let cells = self.widths.iter().enumerate().map(|(at, width)| {
                let cell = match index {
                    _ if at == self.broken => part.as_str(),
                    0 => row[at].as_str(),
                    _ => "",
                };
                let padding = padding(cell, *width);
                match self.has_numbers && at > 0 {
                    true => padding + cell,
                    false => format!("{cell}{padding}"),
                }
            });
            let line = cells.collect::<Vec<_>>().join(SPACE);
            writeln!(formatter, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

impl fmt::Display for TextTable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (head, rows) = self.rows.split_first().expect("a table has a head");
        let rule: Vec<String> = self.widths.iter().map(|width| "─".repeat(*width)).collect();
        self.write_row(formatter, head)?;
        self.write_row(formatter, &rule)?;
        rows.iter()
            .try_for_each(|row| self.write_row(formatter, row))
    }
}

/// Breaks a text into lines that take at most `width` columns, between words where possible.
pub(crate) fn lines_of(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for character in word.chars() {
            if !line.is_empty() && line.width() + character.width().unwrap_or(0) > width {
                lines.push(std::mem::take(&mut line));
            }
            line.push(character);
        }
    }
    lines.push(line);
    lines
}

/// Breaks a text into lines of [`TABLE_WIDTH`], each with its line feed.
pub(crate) fn wrapped(text: &str) -> String {
    lines_of(text, TABLE_WIDTH).join("\n") + "\n"
}

fn padding(text: &str, width: usize) -> String {
    " ".repeat(width.saturating_sub(text.width()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(cells: &[[&str; 2]]) -> Vec<Vec<String>> {
        let row = |row: &[&str; 2]| row.iter().map(ToString::to_string).collect();
        cells.iter().map(row).collect()
    }

    #[test]
    fn words_are_broken_only_where_they_must() {
        assert_eq!(lines_of("ab cd efghijk l", 5), ["ab cd", "efghi", "jk l"]);
        assert_eq!(lines_of("", 5), [""]);
        // Each of these characters takes two columns.
        assert_eq!(lines_of("学習率の", 5), ["学習", "率の"]);
    }

    #[test]
    fn cells_line_up_by_the_columns_that_they_take() {
        let cells = rows(&[["学習率", "1.5"], ["a", "−10"]]);
        let numbers = TextTable::of_numbers(&["method", "n"], cells.clone());
        let expected = "method    n\n──────  ───\n学習率  1.5\na       −10\n";
        assert_eq!(numbers.to_string(), expected);
        let words = TextTable::of_words(&["method", "n"], cells);
        let expected = "method  n\n──────  ───\n学習率  1.5\na       −10\n";
        assert_eq!(words.to_string(), expected);
    }

    #[test]
    fn a_long_name_goes_on_in_the_next_line() {
        let long = "word ".repeat(30);
        let table = TextTable::of_numbers(&["method", "n"], rows(&[[&long, "12"]]));
        let widths = table.to_string();
        let widths = widths.lines().map(UnicodeWidthStr::width);
        assert_eq!(widths.max(), Some(TABLE_WIDTH));
        let table = TextTable::of_sentences(&["n", "source"], rows(&[["12", &long]]));
        let text = table.to_string();
        assert_eq!(
            text.lines().nth(3).map(str::trim),
            Some("word ".repeat(11).trim())
        );
        assert!(
            text.lines().all(|line| line.width() <= TABLE_WIDTH),
            "{text}"
        );
    }
}
