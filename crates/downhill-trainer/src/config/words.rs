//! Values of the wrong type, in words: which setting, what it may be, and what it is.

use serde::de::DeserializeOwned;
use toml::Value;

use crate::config::similar::{alike, did_you_mean};

/// Longest value that is shown in full, in characters.
const SHOWN: usize = 200;

/// Most words that are listed with their forms.
const LISTED: usize = 12;

/// Reads a value; `key` is its path in the config.
///
/// # Errors
///
/// The path of the wrong value, and a message that begins with it.
pub(crate) fn typed<T: DeserializeOwned>(root: &Value, key: &str) -> Result<T, (String, String)> {
    read(root).map_err(|(mut place, reason)| {
        let mut whole = root.clone();
        let above = place.rsplit_once('.').unwrap_or(("", &place));
        // A word where a table belongs fails one step below.
        if find(&mut whole, &place).is_none()
            && find(&mut whole, above.0).is_some_and(|it| it.as_str() == Some(above.1))
        {
            place = above.0.to_owned();
        }
        let path = match (key, place.as_str()) {
            (key, "") => key.to_owned(),
            ("", place) => place.to_owned(),
            (key, place) => format!("{key}.{place}"),
        };
        let found = find(&mut whole, &place).map(|value| value.clone());
        let probe = |value: Value| {
            let mut other = root.clone();
            *find(&mut other, &place)? = value;
            let (at, reason) = read::<T>(&other).err()?;
            at.starts_with(&place).then_some(reason)
        };
        let message = worded(&path, found.as_ref(), &reason, &probe);
        (path, message)
    })
}

/// Reads a value, or gives the path and the reason of the first error.
fn read<T: DeserializeOwned>(root: &Value) -> Result<T, (String, String)> {
    serde_path_to_error::deserialize(root.clone()).map_err(|error| {
        let place = match error.path().to_string() {
            place if place == "." => String::new(),
            place => place,
        };
        (place, error.inner().message().trim_end().to_owned())
    })
}

/// The value at a path such as `model.hidden[1]`; keys may hold dots.
fn find<'a>(value: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    let path = path.strip_prefix('.').unwrap_or(path);
    if path.is_empty() {
        return Some(value);
    }
    match value {
        Value::Table(table) => {
            let is_first = |key: &&String| {
                let rest = path.strip_prefix(key.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            };
            let key = table
                .keys()
                .filter(is_first)
                .max_by_key(|key| key.len())?
                .clone();
            find(table.get_mut(&key)?, &path[key.len()..])
        }
        Value::Array(list) => {
            let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
            find(list.get_mut(index.parse::<usize>().ok()?)?, rest)
        }
        _ => None,
    }
}

/// The message about a value, from the reason of serde. `probe` gives the reason why another value
/// in its place is refused, or `None` if it is not.
fn worded(
    path: &str,
    found: Option<&Value>,
    reason: &str,
    probe: &dyn Fn(Value) -> Option<String>,
) -> String {
    let got = found.map_or_else(String::new, |found| format!(", got {}", shown(found)));
    if let Some(key) = reason.strip_prefix("missing field ") {
        return format!("{path} needs the key {key}");
    }
    if reason.starts_with("unknown field ") {
        let known = quoted(reason).split_off(1);
        let key = path.rsplit('.').next().unwrap_or(path);
        let remedy = match did_you_mean(key, known.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("known here: {}", known.join(", ")),
        };
        return format!("unknown key `{path}`; {remedy}");
    }
    let words = probe(Value::from("?")).filter(|reason| reason.starts_with("unknown variant "));
    if let Some(words) = words {
        let words = quoted(&words).split_off(1);
        return of_choice(path, found, &got, &words, probe);
    }
    match reason.split_once(", expected ") {
        Some((_, "fewer elements in array")) => {
            let mut list = found.and_then(Value::as_array).cloned().unwrap_or_default();
            let is_long = |list: &Vec<Value>| {
                let reason = probe(Value::Array(list.clone()));
                reason.is_some_and(|reason| reason.contains("fewer elements"))
            };
            while is_long(&list) {
                list.pop();
            }
            format!("{path} must be a list of {} values{got}", list.len())
        }
        Some((_, expected)) => {
            let expected = plain(expected);
            let of_training = ["model.", "optimizer.", "training."];
            let may_vary = expected.ends_with("number") || expected.starts_with("a whole number");
            let hint = match found {
                Some(Value::Array(_))
                    if may_vary && of_training.iter().any(|table| path.starts_with(table)) =>
                {
                    "; `[grid]` trains several values of a setting"
                }
                _ => "",
            };
            format!("{path} must be {expected}{got}{hint}")
        }
        None if reason.starts_with("a ") => format!("{path} must be {reason}{got}"),
        None => format!("{path}: {reason}"),
    }
}

/// The message about a setting that is one of several words, some of them with a value.
fn of_choice(
    path: &str,
    found: Option<&Value>,
    got: &str,
    words: &[String],
    probe: &dyn Fn(Value) -> Option<String>,
) -> String {
    let is_plain = |word: &str| probe(Value::from(word)).is_none();
    let form = |word: &String| match is_plain(word) {
        true => format!("\"{word}\""),
        false => format!("{{ {word} = ... }}"),
    };
    let forms = match words.len() > LISTED && !words.iter().any(|word| is_plain(word)) {
        true => format!("a table with one of the keys {}", words.join(", ")),
        false => words.iter().map(form).collect::<Vec<_>>().join(" or "),
    };
    match found {
        Some(Value::String(word)) if words.contains(word) => {
            format!("{path} must be a table such as {{ {word} = ... }}{got}")
        }
        Some(Value::String(word)) => match alike(word, &words.iter().map(String::as_str)) {
            Some(meant) => {
                let meant = match is_plain(meant) {
                    true => format!("`{meant}`"),
                    false => form(&meant.to_owned()),
                };
                format!("{path}: unknown word `{word}`; did you mean {meant}?")
            }
            None => format!("{path} must be {forms}{got}"),
        },
        Some(Value::Table(table)) if table.keys().any(|key| !words.contains(key)) => {
            let unknown = table.keys().find(|key| !words.contains(key));
            let key = unknown.map_or("", String::as_str);
            match alike(key, &words.iter().map(String::as_str)) {
                Some(meant) => {
                    format!("{path}: unknown key `{key}`; did you mean `{meant}`?")
                }
                None => format!("{path}: unknown key `{key}`; it must be {forms}"),
            }
        }
        Some(Value::Table(table)) if table.len() != 1 => {
            let keys: Vec<&str> = table.keys().map(String::as_str).collect();
            match keys.is_empty() {
                true => format!("{path} must be {forms}, got an empty table"),
                false => format!("{path} must have one key, got {}", keys.join(" and ")),
            }
        }
        _ => format!("{path} must be {forms}{got}"),
    }
}

/// What is expected, in the words of a config file.
fn plain(expected: &str) -> String {
    let number = |text: &str| text.split(|it: char| !it.is_ascii_digit()).find_map(count);
    match expected {
        "usize" | "u64" | "u32" | "u16" | "u8" => "a whole number of at least 0".to_owned(),
        "isize" | "i64" | "i32" | "i16" | "i8" => "a whole number".to_owned(),
        "f64" | "f32" => "a number".to_owned(),
        "a boolean" | "bool" => "true or false".to_owned(),
        "a string" | "string" | "str" => "a word in quotes".to_owned(),
        "a sequence" => "a list".to_owned(),
        _ if expected.starts_with("struct ") || expected.contains("map") => "a table".to_owned(),
        _ if expected.starts_with("an array of") || expected.starts_with("a tuple of") => {
            match number(expected) {
                Some(length) => format!("a list of {length} values"),
                None => "a list".to_owned(),
            }
        }
        _ => expected.to_owned(),
    }
}

fn count(text: &str) -> Option<usize> {
    text.parse().ok()
}

/// The words between backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// A value as in a config file, shortened.
pub(crate) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
