//! The lines of the keys of a config file.

use toml::de::{DeTable, DeValue};

/// The text of a config file, for errors that name a line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines {
    /// The path of the file as errors show it.
    pub(crate) path: String,
    /// The text of the file.
    pub(crate) text: String,
}

impl Lines {
    /// An origin of a setting with the line in this file, such as `configs/x.toml:12, method y`;
    /// `None` if the origin is not in this file.
    pub(crate) fn placed(&self, path: &str, origin: &str) -> Option<String> {
        let shown = &self.path;
        let rest = origin.strip_prefix(shown.as_str())?;
        let line = match rest.strip_prefix(", ") {
            None if rest.is_empty() => line_of(&self.text, path),
            None => None,
            Some("grid") => line_of(&self.text, "grid.values"),
            Some(method) => {
                let name = method.strip_prefix("method ")?;
                line_of(&self.text, &format!("methods.{name}.{path}"))
            }
        };
        line.map(|line| format!("{shown}:{line}{rest}"))
    }

    /// The file and line of a key, such as `configs/x.toml:12`.
    pub(crate) fn place(&self, path: &str) -> String {
        match line_of(&self.text, path) {
            Some(line) => format!("{}:{line}", self.path),
            None => self.path.clone(),
        }
    }
}

/// The line of the key at a path, or of the value above it that is not a table. Lines are counted
/// from 1. Keys may hold dots.
fn line_of(text: &str, path: &str) -> Option<usize> {
    let table = DeTable::parse(text).ok()?;
    let start = start_of(table.get_ref(), path).or_else(|| {
        // The length of a run may be written in epochs.
        let above = path.strip_suffix("training.updates")?;
        start_of(table.get_ref(), &format!("{above}training.epochs"))
    })?;
    Some(text[..start].matches('\n').count() + 1)
}

fn start_of(table: &DeTable<'_>, path: &str) -> Option<usize> {
    table.iter().find_map(|(key, value)| {
        let below = path.strip_prefix(key.get_ref().as_ref())?;
        let start = key.span().start;
        match (below, value.get_ref()) {
            ("", _) => Some(start),
            (below, DeValue::Table(inner)) => start_of(inner, below.strip_prefix('.')?),
            (below, DeValue::Array(list)) if below.starts_with('[') => {
                let (index, below) = below[1..].split_once(']')?;
                let element = list.get(index.parse::<usize>().ok()?)?;
                let inner = element.get_ref().as_table();
                let within = inner.zip(below.strip_prefix('.'));
                let within = within.and_then(|(inner, below)| start_of(inner, below));
                Some(within.unwrap_or(element.span().start))
            }
            (below, _) => below.starts_with('.').then_some(start),
        }
    })
}
