//! What tells runs apart that have the same experiment and method.

use std::collections::BTreeMap;

use downhill_report::record::RunHeader;
use serde_json::Value;

/// The most settings that are named.
const MOST: usize = 3;

/// What tells a run from others of the same name; empty where nothing does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Apart {
    /// The backend, where they differ.
    backend: String,
    /// The data, where they differ.
    pub(super) data: String,
    /// The fingerprint of the code, where they differ.
    pub(super) code: String,
    /// Versions and settings, where they differ.
    pub(super) settings: String,
}

impl Apart {
    /// All of it, separated by commas.
    pub(super) fn text(&self) -> String {
        let parts = [&self.backend, &self.data, &self.code, &self.settings].map(String::as_str);
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(", ")
    }
}

/// Returns for each of these headers what tells it from the others.
pub(super) fn apart(headers: &[&RunHeader]) -> Vec<Apart> {
    let Some(first) = headers.first() else {
        return Vec::new();
    };
    let differ = headers.iter().any(|it| it.data.sha256 != first.data.sha256);
    let are_named = |one: &RunHeader| {
        let mut others = headers.iter().filter(|it| it.data.name == one.data.name);
        others.all(|other| other.data.sha256 == one.data.sha256)
    };
    let data = |header: &RunHeader| match (differ, are_named(header)) {
        (false, _) => String::new(),
        (true, true) => header.data.name.clone(),
        (true, false) => {
            let hash = header.data.sha256.get(..8).unwrap_or_default();
            format!("{} {hash}", header.data.name)
        }
    };
    let backend = |header: &RunHeader| match headers.iter().all(|it| it.backend == first.backend) {
        true => String::new(),
        false => header.backend.clone(),
    };
    let code = |header: &RunHeader| match &header.versions.code {
        code if headers.iter().all(|it| it.versions.code == *code) => String::new(),
        code if code.is_empty() => "unknown code".to_owned(),
        code => format!("code {code}"),
    };
    let all: Vec<BTreeMap<String, String>> =
        headers.iter().map(|header| settings(header)).collect();
    let own = |settings: &BTreeMap<String, String>| {
        let differ =
            |path: &String, value: &String| all.iter().any(|it| it.get(path) != Some(value));
        let own = settings.iter().filter(|(path, value)| differ(path, value));
        let mut own: Vec<String> = own
            .map(|(path, value)| format!("{path} = {value}"))
            .collect();
        if own.len() > MOST {
            own.truncate(MOST);
            own.push("...".to_owned());
        }
        own.join(", ")
    };
    let pairs = headers.iter().zip(&all);
    pairs
        .map(|(header, settings)| Apart {
            backend: backend(header),
            data: data(header),
            code: code(header),
            settings: own(settings),
        })
        .collect()
}

/// The settings of a run by their paths, such as `training.updates`.
fn settings(header: &RunHeader) -> BTreeMap<String, String> {
    let mut found = BTreeMap::from([
        ("downhill".to_owned(), header.versions.downhill.clone()),
        ("burn".to_owned(), header.versions.burn.clone()),
        ("ensemble".to_owned(), header.ensemble.to_string()),
    ]);
    leaves("", &header.config, &mut found);
    found
}

fn leaves(path: &str, value: &Value, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(table) => {
            for (key, value) in table {
                let path = match path {
                    "" => key.clone(),
                    path => format!("{path}.{key}"),
                };
                leaves(&path, value, found);
            }
        }
        value => drop(found.insert(path.to_owned(), value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use downhill_report::record::{DataIdentity, Versions};

    use super::*;

    fn header(data: (&str, &str), config: Value) -> RunHeader {
        RunHeader {
            format: 1,
            run: String::new(),
            experiment: "some".into(),
            method: "adam".into(),
            seed: 0,
            backend: "flex".into(),
            config: config.into(),
            ensemble: false,
            data: DataIdentity {
                name: data.0.into(),
                sha256: data.1.into(),
                train_images: 10,
                test_images: 10,
                duplicates: None,
            },
            versions: Versions {
                downhill: "1".into(),
                burn: "1".into(),
                code: "ab".into(),
                commit: None,
            },
        }
    }

    #[test]
    fn data_and_settings_are_named_where_they_differ() {
        let config =
            |updates: u64| serde_json::json!({"training": {"updates": updates, "batch": 1}});
        let texts = |headers: &[RunHeader]| {
            let all: Vec<&RunHeader> = headers.iter().collect();
            apart(&all).iter().map(Apart::text).collect::<Vec<_>>()
        };
        let mnist = || header(("mnist", "0123456789"), config(5));
        assert_eq!(texts(&[mnist(), mnist()]), ["", ""]);
        let fashion = header(("/data/fashion", "9876543210"), config(5));
        assert_eq!(texts(&[mnist(), fashion]), ["mnist", "/data/fashion"]);
        // The same directory with other files.
        let changed = header(("mnist", "9876543210"), config(7));
        assert_eq!(
            texts(&[mnist(), changed]),
            [
                "mnist 01234567, training.updates = 5",
                "mnist 98765432, training.updates = 7"
            ]
        );
    }
}
