//! The public interface of `downhill`, read from the pages that rustdoc writes and compared with
//! the snapshot in the repository.
//!
//! The pages hold what the macros generate and leave out what is private or hidden, and stable
//! rustdoc writes them. Its JSON would need a nightly compiler.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::cargo::{target_directory, workspace};

/// The snapshot, from the root of the workspace.
const SNAPSHOT: &str = "crates/downhill/interface.txt";

/// Returns the lines by which the documented interface differs from the snapshot, each after `+`
/// or `-`, and the remedy. The interface is read from pages that `cargo doc` has just written.
pub(crate) fn changes() -> Result<Vec<String>> {
    let pages = target_directory().join("doc/downhill");
    let mut items = Vec::new();
    read_pages(&pages, "downhill", &mut items)
        .with_context(|| format!("cannot read the pages in {}", pages.display()))?;
    items.sort();
    let now = items.concat();
    let snapshot = workspace().join(SNAPSHOT);
    let before = fs::read_to_string(&snapshot).unwrap_or_default();
    let mut changes = differences(&before, &now);
    if !changes.is_empty() {
        let file = target_directory().join("interface.txt");
        fs::write(&file, now).with_context(|| format!("cannot write {}", file.display()))?;
        changes.push(format!(
            "If this change is intended, describe it in CHANGELOG.md and run\ncp {} {}",
            file.display(),
            snapshot.display()
        ));
    }
    Ok(changes)
}

/// Adds the items of a module, one text each.
fn read_pages(directory: &Path, module: &str, items: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            read_pages(&entry.path(), &format!("{module}::{name}"), items)?;
        } else if let Some((kind, item)) = name
            .strip_suffix(".html")
            .and_then(|name| name.split_once('.'))
        {
            let page = fs::read_to_string(entry.path())?;
            items.extend(item_of(&page, kind, &format!("{module}::{item}")));
        }
    }
    Ok(())
}

/// The text of an item: kind and path, its declaration, its public functions and its traits. None
/// for a page that forwards to another.
fn item_of(page: &str, kind: &str, path: &str) -> Option<String> {
    let declaration = between(page, "<pre class=\"rust item-decl\">", "</pre>").next()?;
    // Below are the traits that the compiler or other crates implement for every type.
    let end = ["synthetic-implementations-list", "blanket-implementations"]
        .iter()
        .filter_map(|id| page.find(&format!("id=\"{id}")))
        .min();
    let own = &page[..end.unwrap_or(page.len())];
    let mut text = format!("{kind} {path}\n    {}\n", plain(declaration));
    // The declaration of a trait contains its functions.
    let headings = between(own, "class=\"code-header\">", "</h").map(plain);
    let mut headings: Vec<_> = headings
        .filter(|heading| heading.starts_with("pub ") || heading.contains(" for "))
        .collect();
    headings.sort();
    headings.dedup();
    for heading in headings {
        text += &format!("    {heading}\n");
    }
    Some(text)
}

/// The parts of a text between two marks.
fn between<'a>(text: &'a str, open: &'a str, close: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(open)
        .skip(1)
        .filter_map(move |rest| rest.split(close).next())
}

/// The text of a piece of HTML, on one line.
fn plain(html: &str) -> String {
    let mut text = String::new();
    for (index, part) in html.split('<').enumerate() {
        match part.split_once('>') {
            Some((_, after)) if index > 0 => text += after,
            _ => text += part,
        }
    }
    for (entity, character) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, character);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The lines that only one of the texts has, each with the item that it belongs to.
fn differences(before: &str, now: &str) -> Vec<String> {
    let mut changes = Vec::new();
    for (sign, these, others) in [('-', before, now), ('+', now, before)] {
        let others: HashSet<_> = with_items(others).collect();
        changes.extend(
            with_items(these)
                .filter(|line| !others.contains(line))
                .map(|(item, line)| format!("{sign} {item}: {}", line.trim_start())),
        );
    }
    changes
}

/// Each line with the item that it belongs to.
fn with_items(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().scan("", |item, line| {
        if !line.starts_with(' ') {
            *item = line;
        }
        Some((*item, line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r##"<pre class="rust item-decl"><code><div class="code-attributes">#[non_exhaustive]</div>pub struct <a class="struct" href="#">Ema</a> {
    pub decay: <a href="#">f64</a>,
}</code></pre>
<h3 class="code-header">impl <a href="#">Ema</a></h3>
<h4 class="code-header">pub fn <a href="#">init</a>(&amp;self) -&gt; <a href="#">Option</a>&lt;f64&gt;</h4>
<h3 class="code-header">impl <a href="#">Clone</a> for <a href="#">Ema</a></h3>
<h4 class="code-header">fn <a href="#">clone</a>(&amp;self) -&gt; Ema</h4>
<h2 id="synthetic-implementations">Auto</h2>
<div id="synthetic-implementations-list"><h3 class="code-header">impl Send for Ema</h3></div>"##;

    #[test]
    fn a_page_gives_declaration_functions_and_traits() {
        let text = item_of(PAGE, "struct", "downhill::Ema").unwrap();
        assert_eq!(
            text,
            "struct downhill::Ema\n    \
             #[non_exhaustive]pub struct Ema { pub decay: f64, }\n    \
             impl Clone for Ema\n    \
             pub fn init(&self) -> Option<f64>\n"
        );
        assert_eq!(item_of("<p>Redirecting to</p>", "struct", "Ema"), None);
    }

    #[test]
    fn a_changed_line_is_named_with_its_item() {
        let before = "struct A\n    pub fn one()\nstruct B\n    pub fn one()\n";
        let now = "struct A\n    pub fn one()\nstruct B\n    pub fn two()\n";
        assert_eq!(
            differences(before, now),
            ["- struct B: pub fn one()", "+ struct B: pub fn two()"]
        );
        assert!(differences(before, before).is_empty());
    }
}
