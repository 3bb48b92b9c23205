//! The layers of the crates: which folder may import which, and no circle between files.

mod source;
mod table;
mod tree;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use crate::cargo::workspace;
use table::{CRATES, Crate};
use tree::{Arrow, arrows};

/// Returns what is wrong, a paragraph each.
pub(crate) fn violations() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for member in CRATES {
        let directory = workspace().join(member.directory);
        found.extend(of_crate(member, &directory)?);
    }
    Ok(found)
}

fn of_crate(member: &Crate, directory: &Path) -> Result<Vec<String>> {
    let arrows = arrows(directory)?;
    let mut found = Vec::new();
    for room in arrows
        .iter()
        .map(|arrow| room(&arrow.from))
        .collect::<BTreeSet<_>>()
    {
        if member.room(room).is_none() {
            found.push(format!(
                "{}: `{room}` is in no layer; add it to xtask/src/layers/table.rs",
                member.directory
            ));
        }
    }
    for arrow in &arrows {
        found.extend(forbidden(member, arrow));
    }
    let circle = circle(&arrows);
    if !circle.is_empty() {
        let lines = circle
            .iter()
            .map(|arrow| format!("\n  {}: `{}` of `{}`", arrow.place, arrow.path, arrow.to));
        found.push(format!(
            "{}: files import each other in a circle; turn one of these imports, or move what they \
             share into a file of its own:{}",
            member.directory,
            lines.collect::<String>()
        ));
    }
    Ok(found)
}

/// The first folder or file on the way to a module.
fn room(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

/// Returns what is wrong with an import between folders.
fn forbidden(member: &Crate, arrow: &Arrow) -> Option<String> {
    let (from, to) = (room(&arrow.from), room(&arrow.to));
    // The root may import everything, and what it defines is for all.
    if from == to || from.is_empty() || to.is_empty() {
        return None;
    }
    let allowed = member.room(from)?;
    if allowed.imports.contains(&to) {
        return None;
    }
    let allowed = match allowed.imports {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    };
    Some(format!(
        "{}: `{}` imports `{}`: `{from}` may import {allowed} (xtask/src/layers/table.rs)",
        arrow.place, arrow.from, arrow.path
    ))
}

/// Returns the arrows that are part of cycles.
fn circle(arrows: &[Arrow]) -> Vec<Arrow> {
    let mut left = arrows.to_vec();
    loop {
        let starts: BTreeSet<_> = left.iter().map(|arrow| arrow.from.clone()).collect();
        let ends: BTreeSet<_> = left.iter().map(|arrow| arrow.to.clone()).collect();
        let before = left.len();
        left.retain(|arrow| starts.contains(&arrow.to) && ends.contains(&arrow.from));
        if left.len() == before {
            return left;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::table::Room;
    use super::*;

    const ROOMS: &[Room] = &[
        Room {
            name: "above",
            imports: &["below"],
        },
        Room {
            name: "below",
            imports: &[],
        },
    ];
    const CRATE: Crate = Crate {
        directory: "made/up",
        rooms: ROOMS,
    };

    /// What is wrong with a crate of these files.
    fn found(member: &Crate, files: &[(&str, &str)]) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        for (file, text) in files {
            let file = root.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        of_crate(member, root.path()).unwrap()
    }

    const ROOT: (&str, &str) = (
        "lib.rs",
        "mod above; mod below; pub use above::A; pub use below::B;",
    );

    #[test]
    fn an_import_downwards_is_allowed_and_a_turned_one_is_named() {
        let downwards = [
            ROOT,
            ("above.rs", "use crate::below::B;"),
            ("below.rs", "struct B;"),
        ];
        assert_eq!(found(&CRATE, &downwards), [""; 0]);
        let turned = [
            ROOT,
            ("above.rs", "struct A;"),
            ("below.rs", "\nuse crate::A;"),
        ];
        let found = found(&CRATE, &turned);
        let [text] = &found[..] else {
            panic!("{found:?}")
        };
        assert!(
            text.contains("below.rs:2: `below` imports `crate::A`: `below` may import nothing"),
            "{text}"
        );
    }

    #[test]
    fn a_circle_of_files_is_named() {
        let circle = [
            ("lib.rs", "mod above;"),
            ("above/mod.rs", "mod one; mod two; mod three;"),
            ("above/one.rs", "use super::two::T;"),
            ("above/two.rs", "fn f() { crate::above::one::g() }"),
            ("above/three.rs", "use super::one::O;"),
        ];
        let text = found(&CRATE, &circle).join("");
        assert!(text.contains("circle") && text.contains("one.rs:1") && text.contains("two.rs:1"));
        assert!(!text.contains("three.rs"), "{text}");
    }

    #[test]
    fn a_folder_without_a_line_in_the_table_is_named() {
        let files = [
            ("lib.rs", "mod other; mod below;"),
            ("other.rs", "use crate::below::B;"),
            ("below.rs", ""),
        ];
        let text = found(&CRATE, &files).join("");
        assert!(text.contains("`other` is in no layer"), "{text}");
    }

    #[test]
    fn the_crates_hold_their_layers() {
        let found = violations().unwrap();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    #[test]
    fn every_crate_has_a_table() {
        let crates = fs::read_dir(workspace().join("crates")).unwrap();
        for member in crates {
            let name = member.unwrap().file_name().display().to_string();
            let directory = format!("crates/{name}/src");
            assert!(
                CRATES.iter().any(|known| known.directory == directory),
                "{directory}"
            );
        }
    }
}
