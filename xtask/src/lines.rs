//! The width of lines that rustfmt does not wrap: comments, and the running text of Markdown.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::workspace;

/// The last column of a line.
const WIDTH: usize = 100;

/// Returns the lines that are too long, as `file:line: columns`.
pub(crate) fn too_long() -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "*.rs", "*.md"])
        .current_dir(workspace());
    let output = git.output().context("cannot run git")?;
    if !output.status.success() {
        bail!("`git ls-files` failed; the check of line widths needs a checkout of git");
    }
    let mut found = Vec::new();
    for file in String::from_utf8_lossy(&output.stdout).lines() {
        // A file that is deleted and not yet committed.
        let Ok(text) = fs::read_to_string(workspace().join(file)) else {
            continue;
        };
        let lines = match file.ends_with(".rs") {
            true => in_rust(&text),
            false => in_markdown(&text),
        };
        found.extend(
            lines
                .iter()
                .map(|(line, width)| format!("{file}:{line}: {width} columns")),
        );
    }
    Ok(found)
}

/// Lines and widths of comments that are too long, except code in them.
fn in_rust(text: &str) -> Vec<(usize, usize)> {
    let mut in_code = false;
    wide(text, |line| {
        let Some(comment) = line.trim_start().strip_prefix("//") else {
            in_code = false;
            return false;
        };
        let fence = comment
            .trim_start_matches(['/', '!'])
            .trim_start()
            .starts_with("```");
        in_code ^= fence;
        !in_code && !fence && can_wrap(line)
    })
}

/// Lines and widths of running text that is too long, except tables and code.
fn in_markdown(text: &str) -> Vec<(usize, usize)> {
    let mut in_code = false;
    wide(text, |line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        let is_code = in_code || fence || line.starts_with("    ");
        !is_code && !line.trim_start().starts_with(['|', '#', '!']) && can_wrap(line)
    })
}

fn wide(text: &str, mut is_checked: impl FnMut(&str) -> bool) -> Vec<(usize, usize)> {
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| is_checked(line));
    let widths = lines.map(|(number, line)| (number + 1, line.chars().count()));
    widths.filter(|&(_, width)| width > WIDTH).collect()
}

/// Whether a line is not part of a table and can be wrapped: a link cannot.
fn can_wrap(line: &str) -> bool {
    let text = line
        .trim_start()
        .trim_start_matches(['/', '!'])
        .trim_start();
    !text.starts_with('|') && !line.contains("://") && text.contains(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(start: &str) -> String {
        format!("{start}{}\n", " word".repeat(30))
    }

    #[test]
    fn comments_are_measured_and_code_is_not() {
        assert_eq!(in_rust(&long("    /// a")), [(1, 159)]);
        assert_eq!(in_rust(&long("//! | a")), []);
        assert_eq!(in_rust(&long("let x = f();")), []);
        assert_eq!(in_rust(&long("// see https://example.org/")), []);
        assert_eq!(in_rust(&format!("/// ```\n{}/// ```", long("/// a"))), []);
        assert_eq!(in_rust(&format!("// {}", "x".repeat(100))), []);
    }

    #[test]
    fn running_text_is_measured_and_tables_and_code_are_not() {
        let text = format!("a\n{}```\n{}```\n", long("Text"), long("code"));
        assert_eq!(in_markdown(&text), [(2, 154)]);
        for start in ["| a", "    code", "# Title", "![picture]"] {
            assert_eq!(in_markdown(&long(start)), [], "{start}");
        }
    }
}
