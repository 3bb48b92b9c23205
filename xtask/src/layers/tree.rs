//! The files of a crate and what each imports of the others.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::source::{Import, Source};

/// An import of one file by another, both as modules: `runs::store`; a crate's root is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arrow {
    pub(super) from: String,
    pub(super) to: String,
    /// Where it stands: file and line.
    pub(super) place: String,
    /// The path as written.
    pub(super) path: String,
}

/// The modules of a crate that have a file of their own.
struct Tree(BTreeMap<String, (PathBuf, Source)>);

/// Reads the arrows among the files of a source directory, those of tests left out.
pub(super) fn arrows(directory: &Path) -> Result<Vec<Arrow>> {
    let mut tree = Tree(BTreeMap::new());
    for root in ["lib.rs", "main.rs"] {
        let file = directory.join(root);
        if file.is_file() {
            tree.add("", &file, directory)?;
            break;
        }
    }
    let mut arrows = Vec::new();
    for (from, (file, source)) in &tree.0 {
        for import in source.imports.iter().filter(|import| !import.hands_on) {
            let Some(to) = tree.resolve(from, import, 0) else {
                continue;
            };
            // What lies in a folder of one's own is a part, not a layer below.
            if to != *from && !to.starts_with(&joined(from, "")) {
                arrows.push(Arrow {
                    from: from.clone(),
                    to,
                    place: format!("{}:{}", file.display(), import.line),
                    path: import.path.join("::"),
                });
            }
        }
    }
    Ok(arrows)
}

impl Tree {
    /// Adds a file and, by its `mod` lines, those below it.
    fn add(&mut self, module: &str, file: &Path, children: &Path) -> Result<()> {
        let text = fs::read_to_string(file);
        let text = text.with_context(|| format!("cannot read {}", file.display()))?;
        let source = Source::read(&text);
        for child in source.modules.clone() {
            let name = joined(module, &child);
            let below = children.join(&child);
            let plain = below.with_extension("rs");
            let file = match plain.is_file() {
                true => plain,
                false => below.join("mod.rs"),
            };
            self.add(&name, &file, &below)?;
        }
        self.0.insert(module.to_owned(), (file.to_owned(), source));
        Ok(())
    }

    /// The file that an import is of: of a name that is handed on, the one that it comes from.
    fn resolve(&self, from: &str, import: &Import, depth: usize) -> Option<String> {
        let mut words = import.path.iter();
        let mut module = from.to_owned();
        let mut rest = words.as_slice();
        while let Some(word) = words.next() {
            match &word[..] {
                "crate" => module.clear(),
                "self" => {}
                "super" => module = parent(&module),
                _ => break,
            }
            rest = words.as_slice();
        }
        for (place, word) in rest.iter().enumerate() {
            let child = joined(&module, word);
            if self.0.contains_key(&child) {
                module = child;
                continue;
            }
            let (_, source) = self.0.get(&module)?;
            let mut imports = source.imports.iter();
            let handed_on = imports.find(|import| import.name.as_ref() == Some(word));
            let next = handed_on.filter(|handed_on| depth < 8 && *handed_on != import);
            let Some(next) = next else { break };
            let mut path = next.path.clone();
            path.extend_from_slice(&rest[place + 1..]);
            let next = Import {
                path,
                ..next.clone()
            };
            return self.resolve(&module, &next, depth + 1).or(Some(module));
        }
        Some(module)
    }
}

fn joined(module: &str, child: &str) -> String {
    match module {
        "" => child.to_owned(),
        module => format!("{module}::{child}"),
    }
}

fn parent(module: &str) -> String {
    module
        .rsplit_once("::")
        .map_or("", |(parent, _)| parent)
        .to_owned()
}
