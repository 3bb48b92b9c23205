//! `crates/downhill/OPTIMIZERS.md` agrees with the code.
#![cfg(feature = "flex")]

use std::fmt::Write;

use burn::tensor::{DType, Device};
use burn_pack::Reader;
use downhill::{DescentConfig, OptimizerConfig, Preset};
use downhill_trainer::Backend;

use crate::backend::open;
use crate::document::assert_up_to_date;
use crate::numbers::{Numbers, Place, descend};

/// A shape that tells rows, columns, whole tensors and single numbers apart, and is large enough
/// for optax's Adafactor to factor it.
const SHAPE: [usize; 2] = [128, 130];

const HEAD: &str = "\
# Optimizers

State is what the optimizer keeps for one matrix, in tensors of its shape, besides the step count;
`rows` and `columns` mean one number per row or column, `rows^2` and `columns^2` one per pair. If
the state differs among presets, each kind is listed. Settings that no preset turns on, such as
AMSGrad, may add to it.

The first preset is the default.

An optimizer can also be written as a formula, with the key `formula`; see `FormulaConfig`.

| key | config | state | presets | source |
| --- | --- | --- | --- | --- |
";

#[test]
fn the_table_of_optimizers_is_up_to_date() {
    assert_up_to_date("OPTIMIZERS.md", &table());
}

fn table() -> String {
    let device = open(Backend::Flex);
    let mut table = HEAD.to_owned();
    for config in OptimizerConfig::all() {
        let row = row(&config, &device);
        let line = format!("| {} |", row.join(" | ")).replace("|  |", "| |");
        writeln!(table, "{line}").expect("text grows");
    }
    table
}

fn row(default: &OptimizerConfig, device: &Device) -> [String; 5] {
    let name = default.name();
    let mut presets: Vec<(Preset, OptimizerConfig)> = Preset::ALL
        .iter()
        .filter_map(|preset| Some((*preset, OptimizerConfig::preset(name, *preset)?.ok()?)))
        .collect();
    presets.sort_by_key(|(_, config)| config != default);
    let mut states: Vec<String> = presets
        .iter()
        .map(|(_, config)| state(config, device))
        .collect();
    states.sort();
    states.dedup();
    let presets: Vec<&str> = presets.iter().map(|(preset, _)| preset.name()).collect();
    [
        format!("`{name}`"),
        format!("`{}`", config_type(default)),
        states.join(" or "),
        presets.join(", "),
        linked(default.source()),
    ]
}

/// A reference to arXiv as a link.
fn linked(source: &str) -> String {
    match source.split_once("arXiv:") {
        Some((authors, number)) => {
            format!("{authors}[arXiv:{number}](https://arxiv.org/abs/{number})")
        }
        None => source.into(),
    }
}

/// The name of the config's type, with which its debug form begins: `Adam(AdamConfig { .. })`.
fn config_type(config: &OptimizerConfig) -> String {
    let debug = format!("{config:?}");
    let name = debug.split(['(', ' ']).nth(1);
    name.expect("a variant holds a config").into()
}

/// What is remembered after two steps, in words.
fn state(config: &OptimizerConfig, device: &Device) -> String {
    if config.name() == "galore" {
        // It depends on a setting: see its documentation.
        return "rank (long + 2 short)".into();
    }
    let [rows, columns] = SHAPE;
    let place = Place::new(device, DType::F32);
    let numbers: Vec<f64> = (1..=rows * columns).map(|number| number as f64).collect();
    let start = Numbers::new(&numbers, &[SHAPE.to_vec()], &place);
    let mut descent = DescentConfig::new(config.clone())
        .build()
        .expect("presets are within bounds");
    descend(&mut descent, start, &vec![numbers; 2], &place);
    let saved = descent.to_bytes().expect("it can be saved");
    let saved = Reader::from_bytes(saved).expect("and read");
    let is_of_the_rule = |name: &str| name.contains(".rule.") && !name.ends_with(".time");
    let scalars = saved.scalars().keys();
    let scalars = scalars.filter(|name| is_of_the_rule(name)).count();
    let tensors = saved.into_tensors().expect("it is whole").into_iter();
    let tensors = tensors.filter(|tensor| is_of_the_rule(&tensor.name));
    let lengths: Vec<usize> = tensors.map(|tensor| tensor.shape.num_elements()).collect();
    let of = |length: usize| lengths.iter().filter(|own| **own == length).count();
    let sums = [of(rows), of(columns)];
    let squares = [of(rows * rows), of(columns * columns)];
    let (wholes, single) = (of(rows * columns), of(1));
    let [row_sums, column_sums] = sums;
    let others = sums.iter().chain(&squares).sum::<usize>();
    assert_eq!(others + wholes + single, lengths.len(), "{lengths:?}");
    let mut parts = Vec::new();
    if wholes > 0 || others == 0 {
        parts.push(wholes.to_string());
    }
    for (count, what) in squares.into_iter().zip(["rows^2", "columns^2"]) {
        parts.extend((count > 0).then(|| format!("{count} {what}")));
    }
    for (count, what) in [(row_sums, "rows"), (column_sums, "columns")] {
        assert!(count <= 1, "{lengths:?}");
        parts.extend((count == 1).then(|| what.to_owned()));
    }
    match single + scalars {
        0 => {}
        1 => parts.push("a number".into()),
        numbers => parts.push(format!("{numbers} numbers")),
    }
    parts.join(" + ")
}
