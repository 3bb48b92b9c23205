//! The lines of the keys of a config file.

use toml::de::DeTable;

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

/// The line of the key at a path, counted from 1. Keys may hold dots.
fn line_of(text: &str, path: &str) -> Option<usize> {
    let start = start_of(DeTable::parse(text).ok()?.get_ref(), path)?;
    Some(text[..start].matches('\n').count() + 1)
}

fn start_of(table: &DeTable<'_>, path: &str) -> Option<usize> {
    table.iter().find_map(
        |(key, value)| match path.strip_prefix(key.get_ref().as_ref())? {
            "" => Some(key.span().start),
            below => start_of(value.get_ref().as_table()?, below.strip_prefix('.')?),
        },
    )
}
