//! States that an earlier version saved: they are continued to the numbers that it reached.

use std::fs;
use std::path::Path;

use burn::tensor::{Bytes, DType};
use downhill::Checkpoint;
use downhill_trainer::Backend;

use crate::backend::{distance, open};
use crate::contract::{Row, START, gradients, rows};
use crate::numbers::{Numbers, Place, descend};

/// Steps before a state is saved: two, so that accumulated gradients are part of it.
const BEFORE: usize = 2;
const STEPS: usize = 7;

/// The end of the name of a state.
const STATE: &str = " state";

/// How far the numbers may be from the saved ones: powers and roots differ between systems.
const WITHIN: f64 = 1e-12;

const SHAPES: [&[usize]; 2] = [&[4], &[2, 4]];

/// For each optimizer and each part of a descent: the state, and the numbers then and at the end.
///
/// Whoever changes what a state holds keeps these readable. If this fails because an optimizer is
/// new, the file with its state is in `target/tmp`; the message has the command that copies it.
#[test]
fn states_of_earlier_versions_are_continued() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("saved/descents");
    let bytes = fs::read(&path).expect("the file is there");
    let names: Vec<String> = rows().iter().map(state).collect();
    for part in parts(&bytes) {
        let is_known = !part.ends_with(STATE) || names.contains(&part);
        assert!(is_known, "nothing here is the `{part}` of earlier versions");
    }
    let mut saved = Checkpoint::from_bytes(&bytes).expect("it is a checkpoint");
    let place = Place::new(&open(Backend::Flex), DType::F64);
    let mut new = Vec::new();
    for row in rows() {
        if saved.bytes(&state(&row)).is_none() {
            saved = save(&row, saved, &place);
            new.push(row.name);
            continue;
        }
        let (at, end): (Vec<f64>, Vec<f64>) =
            (saved.value(&numbers(&row))).expect("the numbers are there");
        let bytes = saved.bytes(&state(&row)).expect("it is there").to_vec();
        let mut descent = row.config.build().expect("within bounds");
        let loaded = descent.load_bytes(Bytes::from_bytes_vec(bytes), &place.device);
        loaded.unwrap_or_else(|error| panic!("{}: {error}", row.name));
        let module = Numbers::new(&at, &SHAPES.map(<[usize]>::to_vec), &place);
        let way = descend(&mut descent, module, &gradients(STEPS)[BEFORE..], &place);
        let reached = way.evaluations.last().expect("a step");
        let off = distance(reached, &end);
        assert!(off <= WITHIN, "{}: {off:e}", row.name);
    }
    if !new.is_empty() {
        let expected = Path::new(env!("CARGO_TARGET_TMPDIR")).join("descents");
        fs::write(&expected, saved.to_bytes()).expect("the file can be written");
        let (from, to) = (expected.display(), path.display());
        panic!(
            "no states of {}; add them with\ncp {from} {to}",
            new.join(", ")
        );
    }
}

fn state(row: &Row) -> String {
    format!("{}{STATE}", row.name)
}

/// The names of the parts, from the second line of the file.
fn parts(checkpoint: &[u8]) -> Vec<String> {
    let second = checkpoint.split(|byte| *byte == b'\n').nth(1);
    let manifest: serde_json::Value =
        serde_json::from_slice(second.expect("two lines")).expect("it is JSON");
    let parts = manifest["parts"].as_array().expect("a list of parts");
    let name = |part: &serde_json::Value| part[0].as_str().expect("a name").to_owned();
    parts.iter().map(name).collect()
}

fn numbers(row: &Row) -> String {
    format!("{} numbers", row.name)
}

fn save(row: &Row, saved: Checkpoint, place: &Place) -> Checkpoint {
    let mut descent = row.config.build().expect("within bounds");
    let start = Numbers::new(&START, &SHAPES.map(<[usize]>::to_vec), place);
    let gradients = gradients(STEPS);
    let before = descend(&mut descent, start, &gradients[..BEFORE], place);
    let at = before.parameters.last().expect("a step");
    let saved = saved.with_descent(&state(row), &descent);
    let module = Numbers::new(at, &SHAPES.map(<[usize]>::to_vec), place);
    let after = descend(&mut descent, module, &gradients[BEFORE..], place);
    let end = after.evaluations.last().expect("a step");
    let saved = saved.and_then(|saved| saved.with_value(&numbers(row), &(at, end)));
    saved.expect("it can be saved")
}
