//! The imports of a source file, read as text.

/// A word, `::` or a single character, with its line.
type Token = (String, usize);

/// What a file declares and imports outside its tests.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// Modules in files of their own.
    pub(super) modules: Vec<String>,
    /// Those of them that only tests have.
    pub(super) test_modules: Vec<String>,
    pub(super) imports: Vec<Import>,
}

/// A path to something in the same crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Import {
    /// As written: begins with `crate`, `super`, `self` or a module.
    pub(super) path: Vec<String>,
    /// The name that it has here; `None` if it is not a `use`.
    pub(super) name: Option<String>,
    /// Whether it is only a re-export: `pub use`, and nothing else in the file mentions the name.
    pub(super) hands_on: bool,
    pub(super) line: usize,
}

impl Source {
    pub(super) fn read(text: &str) -> Self {
        let mut source = Self::default();
        let tokens = source.without_tests(&tokens(text));
        source.read_imports(&tokens);
        source
    }

    /// Drops all items for tests.
    fn without_tests(&mut self, tokens: &[Token]) -> Vec<Token> {
        let mut kept = Vec::new();
        let mut place = 0;
        while place < tokens.len() {
            let Some(end) = test_attribute(&tokens[place..]) else {
                kept.push(tokens[place].clone());
                place += 1;
                continue;
            };
            place += end;
            let item = item(&tokens[place..]);
            let words: Vec<_> = item.iter().map(|(word, _)| &word[..]).collect();
            if let [.., "mod", name, ";"] = words[..] {
                self.test_modules.push(name.to_owned());
            }
            place += item.len();
        }
        kept
    }

    fn read_imports(&mut self, tokens: &[Token]) {
        let word = |place: usize| tokens.get(place).map_or("", |(word, _)| &word[..]);
        for place in 0..tokens.len() {
            if word(place) == "mod" && word(place + 2) == ";" {
                self.modules.push(word(place + 1).to_owned());
            }
        }
        let mut others: Vec<&str> = Vec::new();
        let mut place = 0;
        while place < tokens.len() {
            let line = tokens[place].1;
            if word(place) == "use" {
                let is_public = place > 0 && ["pub", ")"].contains(&word(place - 1));
                let end = (place..tokens.len()).find(|&end| word(end) == ";");
                let end = end.unwrap_or(tokens.len());
                let mut found = Vec::new();
                leaves(&tokens[place + 1..end], 0, &[], &mut found);
                for (path, name) in found {
                    self.imports.push(Import {
                        path,
                        name: Some(name),
                        hands_on: is_public,
                        line,
                    });
                }
                place = end + 1;
                continue;
            }
            let follows_path = place > 0 && word(place - 1) == "::";
            let mut path = vec![word(place).to_owned()];
            let mut end = place + 1;
            while word(end) == "::" && is_word(word(end + 1)) {
                path.push(word(end + 1).to_owned());
                end += 2;
            }
            let is_ours = ["crate", "super", "self"].contains(&&path[0][..])
                || self.modules.contains(&path[0]);
            if path.len() > 1 && is_ours && !follows_path {
                self.imports.push(Import {
                    path,
                    name: None,
                    hands_on: false,
                    line,
                });
                place = end;
            } else {
                others.push(word(place));
                place += 1;
            }
        }
        for import in &mut self.imports {
            let name = import.name.as_deref();
            import.hands_on &= name.is_some_and(|name| !others.contains(&name));
        }
        let modules = &self.modules;
        self.imports.retain(|import| {
            let first = &import.path[0];
            ["crate", "super", "self"].contains(&&first[..]) || modules.contains(first)
        });
    }
}

/// Returns the length of a `#[cfg(test)]` or `#[test]` at the beginning.
fn test_attribute(tokens: &[Token]) -> Option<usize> {
    let words: Vec<_> = tokens.iter().take(40).map(|(word, _)| &word[..]).collect();
    let ["#", "[", inside @ ..] = &words[..] else {
        return None;
    };
    let mut depth = 1;
    let end = inside.iter().position(|word| {
        depth += i32::from(*word == "[") - i32::from(*word == "]");
        depth == 0
    })?;
    let inside = &inside[..end];
    let is_test = match inside {
        ["test"] => true,
        ["cfg", ..] => inside.contains(&"test") && !inside.contains(&"not"),
        _ => false,
    };
    is_test.then_some(end + 3)
}

/// The item at the beginning, with its attributes: up to its `;` or the end of its braces.
fn item(tokens: &[Token]) -> &[Token] {
    let mut depth = 0;
    for (place, (word, _)) in tokens.iter().enumerate() {
        match &word[..] {
            "{" | "(" | "[" => depth += 1,
            ")" | "]" => depth -= 1,
            "}" => {
                depth -= 1;
                if depth == 0 {
                    return &tokens[..=place];
                }
            }
            ";" if depth == 0 => return &tokens[..=place],
            _ => {}
        }
    }
    tokens
}

/// Reads the trees of a `use` up to the closing brace: the paths behind a prefix, each with its
/// name here. Returns the place after it.
fn leaves(
    tokens: &[Token],
    mut place: usize,
    prefix: &[String],
    found: &mut Vec<(Vec<String>, String)>,
) -> usize {
    let (mut path, mut name) = (prefix.to_vec(), None);
    let mut is_group = false;
    while let Some((word, _)) = tokens.get(place) {
        place += 1;
        match &word[..] {
            "{" => {
                place = leaves(tokens, place, &path, found);
                is_group = true;
            }
            "," | "}" => {
                if !is_group && path.len() > prefix.len() {
                    found.push(leaf(path, name.take()));
                }
                (path, is_group) = (prefix.to_vec(), false);
                if word == "}" {
                    return place;
                }
            }
            "as" => {
                name = tokens.get(place).map(|(word, _)| word.clone());
                place += 1;
            }
            "::" => {}
            _ => path.push(word.clone()),
        }
    }
    if !is_group && path.len() > prefix.len() {
        found.push(leaf(path, name));
    }
    place
}

/// `a::b::self` is `a::b`.
fn leaf(mut path: Vec<String>, name: Option<String>) -> (Vec<String>, String) {
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let name = name.or_else(|| path.last().cloned()).unwrap_or_default();
    (path, name)
}

/// Words and punctuation without comments and texts, each with its line.
fn tokens(text: &str) -> Vec<Token> {
    let letters: Vec<char> = text.chars().collect();
    let at = |place: usize| letters.get(place).copied().unwrap_or('\0');
    let (mut tokens, mut place, mut line) = (Vec::new(), 0, 1);
    while place < letters.len() {
        let start = place;
        let letter = at(place);
        if letter == '/' && at(place + 1) == '/' {
            while place < letters.len() && at(place) != '\n' {
                place += 1;
            }
        } else if letter == '/' && at(place + 1) == '*' {
            let mut depth = 0;
            loop {
                match (at(place), at(place + 1)) {
                    ('/', '*') => (depth, place) = (depth + 1, place + 2),
                    ('*', '/') => (depth, place) = (depth - 1, place + 2),
                    _ => place += 1,
                }
                if depth == 0 || place >= letters.len() {
                    break;
                }
            }
        } else if letter == '"' {
            place += 1;
            while place < letters.len() && at(place) != '"' {
                place += if at(place) == '\\' { 2 } else { 1 };
            }
            place += 1;
        } else if letter == '\'' {
            // A character; otherwise a lifetime.
            place += 1;
            if at(place) == '\\' {
                place += 2;
                while place < letters.len() && at(place) != '\'' {
                    place += 1;
                }
                place += 1;
            } else if at(place + 1) == '\'' {
                place += 2;
            }
        } else if letter.is_alphanumeric() || letter == '_' {
            while at(place).is_alphanumeric() || at(place) == '_' {
                place += 1;
            }
            let word: String = letters[start..place].iter().collect();
            let mut hashes = 0;
            while at(place + hashes) == '#' {
                hashes += 1;
            }
            if ["r", "br", "cr"].contains(&&word[..]) && at(place + hashes) == '"' {
                place += hashes + 1;
                let closes = |place: usize| {
                    at(place) == '"' && (1..=hashes).all(|hash| at(place + hash) == '#')
                };
                while place < letters.len() && !closes(place) {
                    place += 1;
                }
                place += hashes + 1;
            } else {
                tokens.push((word, line));
            }
        } else if letter == ':' && at(place + 1) == ':' {
            tokens.push(("::".to_owned(), line));
            place += 2;
        } else {
            if !letter.is_whitespace() {
                tokens.push((letter.to_string(), line));
            }
            place += 1;
        }
        let passed = letters.len().min(place);
        line += letters[start..passed]
            .iter()
            .filter(|&&letter| letter == '\n')
            .count();
    }
    tokens
}

fn is_word(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        let imports = Source::read(text).imports;
        imports
            .iter()
            .map(|import| import.path.join("::"))
            .collect()
    }

    #[test]
    fn every_way_to_write_an_import_is_read() {
        let text = "mod near; use std::fs; use crate::{a::{self, B as C}, d::*};\n\
                    pub use near::Thing; fn f() -> super::G { crate::h::i(near::j()) }";
        assert_eq!(
            paths(text),
            [
                "crate::a",
                "crate::a::B",
                "crate::d::*",
                "near::Thing",
                "super::G",
                "crate::h::i",
                "near::j"
            ]
        );
    }

    #[test]
    fn comments_texts_and_tests_are_no_imports() {
        let text = "// crate::a::b\n/* /* */ crate::a::b */ fn f<'a>(x: &'a str) {\n\
                    let s = \"\\\" crate::a::b\"; let r = r#\"crate::a\"::b\"#; let c = '\"'; }\n\
                    #[cfg(test)] mod tests { use crate::c::d; }\n#[cfg(all(test, unix))] mod more;\n\
                    use crate::e::f;";
        let source = Source::read(text);
        assert_eq!(paths(text), ["crate::e::f"]);
        assert_eq!((source.test_modules.len(), source.imports[0].line), (1, 6));
    }

    #[test]
    fn a_name_that_is_only_handed_on_is_known() {
        let hands_on = |text| Source::read(text).imports[0].hands_on;
        assert!(hands_on("mod a; pub use a::B;"));
        assert!(!hands_on("mod a; pub use a::B; fn f(b: B) {}"));
        assert!(!hands_on("mod a; use a::B;"));
    }
}
