//! Text in columns and lines of a terminal.

use crate::tables::TABLE_WIDTH;

const SPACE: &str = "  ";

/// Rows of cells; the first column is names, aligned to the left, the others to the right.
pub(crate) struct Grid {
    rows: Vec<Vec<String>>,
    widths: Vec<usize>,
}

impl Grid {
    /// The first column gets what the others leave, as far as it needs it.
    pub(crate) fn new(heads: &[&str], cells: Vec<Vec<String>>) -> Self {
        let mut rows = vec![heads.iter().map(ToString::to_string).collect::<Vec<_>>()];
        rows.extend(cells);
        let column = |at: usize| rows.iter().map(move |row| length(&row[at]));
        let mut widths: Vec<usize> = (0..heads.len())
            .map(|at| column(at).max().unwrap_or(0))
            .collect();
        let others: usize = widths[1..].iter().map(|width| width + SPACE.len()).sum();
        widths[0] = widths[0].min(TABLE_WIDTH.saturating_sub(others).max(1));
        Self { rows, widths }
    }

    /// The rows, below the heads and a rule.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            self.push_row(&mut text, row);
            if index == 0 {
                let rule = self
                    .widths
                    .iter()
                    .map(|width| "─".repeat(*width))
                    .collect::<Vec<_>>();
                self.push_row(&mut text, &rule);
            }
        }
        text
    }

    fn push_row(&self, text: &mut String, row: &[String]) {
        for (index, name) in lines_of(&row[0], self.widths[0]).iter().enumerate() {
            let mut line = padded(name, self.widths[0]);
            if index == 0 {
                for (cell, width) in row.iter().zip(&self.widths).skip(1) {
                    let padding = " ".repeat(width - length(cell));
                    line = format!("{line}{SPACE}{padding}{cell}");
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
}

/// The text in lines of at most `width` characters, broken between words where that is possible.
pub(crate) fn lines_of(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && length(&line) + 1 + length(word) > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for character in word.chars() {
            if length(&line) == width {
                lines.push(std::mem::take(&mut line));
            }
            line.push(character);
        }
    }
    lines.push(line);
    lines
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(length(text))))
}

/// How many characters the text has.
pub(crate) fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_broken_only_where_they_must() {
        assert_eq!(lines_of("ab cd efghijk l", 5), ["ab cd", "efghi", "jk l"]);
        assert_eq!(lines_of("", 5), [""]);
    }
}
