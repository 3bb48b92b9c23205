//! `crates/downhill/OPTIMIZERS.md` is what the code says.
#![cfg(feature = "flex")]

use std::fmt::Write;
use std::fs;
use std::path::Path;

use burn::optim::Optimizer;
use burn::tensor::Device;
use downhill::rule::{Memory, State};
use downhill::{OptimizerConfig, Preset};
use downhill_trainer::Backend;

use crate::backend::{open, tensor};

/// A shape that tells rows, columns, whole tensors and single numbers apart, and is large enough for
/// optax's Adafactor to factor it.
const SHAPE: [usize; 2] = [128, 130];

const HEAD: &str = "\
# Optimizers

Written by `DOWNHILL_WRITE=1 cargo test -p downhill-tests --test backends -- optimizer_table`.

State is what is remembered of a matrix, in tensors of its shape, beside the count of steps; rows and
columns stand for one number each. Where presets differ in it, each kind is given. Settings that
remember more, such as AMSGrad or a momentum that no preset has, add to it.

The first preset has the settings that are there where none is named.

| key | type | state | presets | source |
| --- | --- | --- | --- | --- |
";

#[test]
fn the_table_of_optimizers_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/downhill/OPTIMIZERS.md");
    let table = table();
    if std::env::var_os("DOWNHILL_WRITE").is_some() {
        fs::write(&path, table).expect("the table can be written");
        return;
    }
    // Git may have changed the ends of lines.
    let found = fs::read_to_string(&path).expect("the table is there");
    assert!(
        found.lines().eq(table.lines()),
        "{} is not what the code says; write it anew with\n\
         DOWNHILL_WRITE=1 cargo test -p downhill-tests --test backends -- optimizer_table",
        path.display(),
    );
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
        .into_iter()
        .filter_map(|preset| Some((preset, OptimizerConfig::preset(name, preset)?.ok()?)))
        .collect();
    presets.sort_by_key(|(_, config)| config != default);
    let mut states: Vec<String> = presets
        .iter()
        .map(|(_, config)| state(&config_memory(config, device).1))
        .collect();
    states.sort();
    states.dedup();
    let presets: Vec<&str> = presets.iter().map(|(preset, _)| preset.name()).collect();
    [
        format!("`{name}`"),
        format!("`{}`", config_memory(default, device).0),
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

/// What is remembered, in words.
fn state(memory: &Memory) -> String {
    let [rows, columns] = SHAPE;
    let lengths: Vec<usize> = memory
        .tensors()
        .map(|(_, tensor)| tensor.dims()[0])
        .collect();
    let of = |length: usize| lengths.iter().filter(|own| **own == length).count();
    let parts = [of(rows * columns), of(rows), of(columns), of(1)];
    assert_eq!(parts.iter().sum::<usize>(), lengths.len(), "{lengths:?}");
    let [wholes, row_sums, column_sums, single] = parts;
    let mut parts = Vec::new();
    if wholes > 0 || row_sums + column_sums == 0 {
        parts.push(wholes.to_string());
    }
    for (count, what) in [(row_sums, "rows"), (column_sums, "columns")] {
        assert!(count <= 1, "{lengths:?}");
        parts.extend((count == 1).then(|| what.to_owned()));
    }
    match single + memory.numbers().count() {
        0 => {}
        1 => parts.push("a number".into()),
        numbers => parts.push(format!("{numbers} numbers")),
    }
    parts.join(" + ")
}

/// The type of a rule, and what it remembers after two steps.
fn rule_memory<R: Optimizer<State<2> = State<R>>>(rule: &R, device: &Device) -> (String, Memory) {
    let elements = SHAPE.iter().product();
    let numbers: Vec<f64> = (0..elements)
        .map(|index: usize| index as f64 + 1.0)
        .collect();
    let mut x = tensor(&numbers, SHAPE, device);
    let mut state = None;
    for _ in 0..2 {
        let gradient = tensor(&numbers, SHAPE, device);
        (x, state) = rule.step(0.1, x, gradient, state);
    }
    let path = std::any::type_name::<R>();
    let name = path.rsplit("::").next().expect("a path has a last part");
    (name.into(), state.expect("a rule counts its steps").memory)
}

macro_rules! for_each_kind {
    ($config:ident, $device:ident: $($kind:ident)+) => {
        match $config {
            $(OptimizerConfig::$kind(config) => {
                rule_memory(&config.build().expect("presets are within bounds"), $device)
            })+
            other => panic!("{} is to be named here", other.name()),
        }
    };
}

fn config_memory(config: &OptimizerConfig, device: &Device) -> (String, Memory) {
    for_each_kind!(config, device:
        Sgd Momentum Nesterov AdaGrad RmsProp AdaDelta Adam AdamW Adamax NAdam RAdam AdaBelief Yogi
        Adan Adopt AdEmaMix Lion SignSgd Rprop Asgd Ftrl Madgrad ScheduleFree NovoGrad Lars Lamb Sm3
        Adafactor Muon Dog Dowg DAdaptAdam Prodigy Cocob
    )
}
