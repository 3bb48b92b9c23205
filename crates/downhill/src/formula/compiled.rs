//! A formula, checked and ready to step.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::Start;
use super::error::FormulaError;
use super::graph::{Comparison, Extent, Graph, Id, Node, One, Place, Two};
use super::lexer::{Text, is_word, on_one_line};
use super::parser::{FUNCTIONS, Names, Parser, RESERVED};
use crate::rule::{Operation, Program};

/// The names under which the tensors of a state are saved. There are no more than these.
pub(super) const STATES: [&str; 8] = [
    "state_1", "state_2", "state_3", "state_4", "state_5", "state_6", "state_7", "state_8",
];

/// The most settings.
const MOST_SETTINGS: usize = 64;

/// A formula that has been checked.
pub(super) struct Compiled {
    pub(super) graph: Graph,
    /// The first step and all others as programs; `None` if the formula looks at whole tensors.
    pub(super) programs: Option<[Lowered; 2]>,
    /// The formula and the names of its state on one line.
    pub(super) form: String,
}

/// A step as a program.
pub(super) struct Lowered {
    pub(super) program: Program,
    /// The scalars of the program among the results of the graph.
    pub(super) scalars: Vec<Id>,
}

impl fmt::Debug for Compiled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.form)
    }
}

/// Checks a formula with its settings and its state.
pub(super) fn compile(
    settings: &BTreeMap<String, f64>,
    states: &BTreeMap<String, Start>,
    update: &str,
) -> Result<Compiled, FormulaError> {
    let of_setting = |name: &str| format!("settings.{name}");
    let of_state = |name: &str| format!("state.{name}");
    for name in settings.keys() {
        check_name(&of_setting(name), name)?;
    }
    for name in states.keys() {
        check_name(&of_state(name), name)?;
        if settings.contains_key(name) {
            let message = format!("`{name}` is a setting as well; give one of them another name");
            return Err(FormulaError::of(of_state(name), message));
        }
    }
    let too_many = |key: &str, number: usize, most: usize| {
        let message = format!("there are {number}, and {most} are allowed");
        Err(FormulaError::of(key, message))
    };
    if settings.len() > MOST_SETTINGS {
        return too_many("settings", settings.len(), MOST_SETTINGS);
    }
    if states.len() > STATES.len() {
        return too_many("state", states.len(), STATES.len());
    }
    for (name, value) in settings {
        if !value.is_finite() {
            let message = format!("it must be finite, got {value}");
            return Err(FormulaError::of(of_setting(name), message));
        }
    }

    let names: Vec<&str> = settings.keys().map(String::as_str).collect();
    let state_names: Vec<&str> = states.keys().map(String::as_str).collect();
    let mut graph = Graph::default();
    let mut known = BTreeMap::new();
    let nowhere = || Place {
        key: "update".to_owned(),
        start: 0,
        end: 0,
    };
    let all =
        RESERVED
            .into_iter()
            .zip([Node::Value, Node::Gradient, Node::Time, Node::LearningRate]);
    for (name, node) in all {
        known.insert(name.to_owned(), graph.add(node, nowhere));
    }
    let mut of_settings = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let id = graph.add(Node::Setting(place), nowhere);
        of_settings.push(id);
        known.insert((*name).to_owned(), id);
    }
    for (name, start) in states {
        let key = of_state(name);
        let text = start.text();
        let text = Text {
            key: &key,
            text: &text,
        };
        let tokens = text.tokens()?;
        let names = Names {
            known: known.clone(),
            settings: &names,
            functions: &FUNCTIONS,
        };
        let start = Parser::new(text, &tokens, &mut graph, names).single()?;
        graph.starts.push(start);
    }
    let mut before = Vec::new();
    for (place, name) in state_names.iter().enumerate() {
        let id = graph.add(Node::State(place), nowhere);
        before.push(id);
        known.insert((*name).to_owned(), id);
    }
    let text = Text {
        key: "update",
        text: update,
    };
    let tokens = text.tokens()?;
    let names_in_update = Names {
        known,
        settings: &names,
        functions: &FUNCTIONS,
    };
    let parser = Parser::new(text, &tokens, &mut graph, names_in_update);
    let (known, assigned) = parser.lines()?;
    let is_assigned = |name: &str| assigned.iter().any(|assigned| assigned == name);
    if !is_assigned("x") {
        let message = "`x` is never assigned; end with a line such as `x = x - learning_rate * g`";
        return Err(FormulaError::of("update", message));
    }
    for name in &state_names {
        if !is_assigned(name) {
            let message =
                format!("it is never assigned; add a line such as `{name} = ..`, or remove it");
            return Err(FormulaError::of(of_state(name), message));
        }
    }
    graph.value = known["x"];
    graph.states = state_names.iter().map(|name| known[*name]).collect();
    if graph.extents[graph.value] != Extent::Element {
        let message = "`x` becomes one number for all elements; begin with `x = x - ..`";
        return Err(FormulaError::of("update", message));
    }
    let needed = {
        let [first, later] = [true, false].map(|starts| graph.needed(starts));
        move |id: Id| first[id] || later[id]
    };
    for (name, id) in names.iter().zip(of_settings) {
        if !needed(id) {
            let message = "nothing depends on it; use it in `update`, or remove it";
            return Err(FormulaError::of(of_setting(name), message));
        }
    }
    let rate = graph
        .nodes
        .iter()
        .position(|node| *node == Node::LearningRate);
    if !rate.is_some_and(needed) {
        let message = "nothing depends on it; multiply the step by it: it may be 1";
        return Err(FormulaError::of("learning_rate", message));
    }
    let programs = match graph.reduces() {
        true => None,
        false => Some([true, false].map(|starts| lower(&graph, starts))),
    };
    let form = format!(
        "formula {}: {}",
        state_names.join(","),
        on_one_line(update, &tokens)
    );
    Ok(Compiled {
        graph,
        programs,
        form,
    })
}

/// Refuses what cannot be the name of a setting or a state.
fn check_name(key: &str, name: &str) -> Result<(), FormulaError> {
    let message = if !is_word(name) {
        format!("`{name}` is not a name: letters, digits and `_`, and no digit first")
    } else if RESERVED.contains(&name) {
        format!("every formula knows `{name}` as something else; take another name")
    } else if FUNCTIONS.contains(&name) {
        format!("`{name}` is a function; take another name")
    } else {
        return Ok(());
    };
    Err(FormulaError::of(key, message))
}

/// Makes a program of a formula without reductions.
fn lower(graph: &Graph, starts: bool) -> Lowered {
    let needed = graph.needed(starts);
    let mut operations = Vec::new();
    let mut scalars = Vec::new();
    // The place of each result in the program.
    let mut places: Vec<Option<usize>> = alloc::vec![None; graph.nodes.len()];
    let mut scalar = |operations: &mut Vec<Operation>, id: Id| {
        scalars.push(id);
        operations.push(Operation::Scalar(scalars.len() - 1));
        operations.len() - 1
    };
    for (id, node) in graph.nodes.iter().enumerate() {
        if !needed[id] || graph.extents[id] == Extent::Scalar {
            continue;
        }
        let mut at = |operations: &mut Vec<Operation>, id: Id| {
            let id = graph.resolve(id, starts);
            *places[id].get_or_insert_with(|| scalar(operations, id))
        };
        let operation = match *node {
            Node::Value => Operation::Value,
            Node::Gradient => Operation::Gradient,
            Node::State(state) => Operation::Memory(state),
            Node::One(one, a) => {
                let a = at(&mut operations, a);
                match one {
                    One::Neg => Operation::Neg(a),
                    One::Sqrt => Operation::Sqrt(a),
                    One::Abs => Operation::Abs(a),
                    One::Sign => Operation::Sign(a),
                    One::Exp => Operation::Exp(a),
                    One::Log => Operation::Log(a),
                    One::Sin | One::Cos => unreachable!("no optimizer's formula has these"),
                }
            }
            Node::Two(two, a, b) => {
                let (a, b) = (at(&mut operations, a), at(&mut operations, b));
                match two {
                    Two::Add => Operation::Add(a, b),
                    Two::Sub => Operation::Sub(a, b),
                    Two::Mul => Operation::Mul(a, b),
                    Two::Div => Operation::Div(a, b),
                    Two::Power => Operation::Power(a, b),
                    Two::Max => Operation::Max(a, b),
                    Two::Min => Operation::Min(a, b),
                }
            }
            Node::If(comparison, of) => {
                let [a, b, yes, no] = of.map(|id| at(&mut operations, id));
                match comparison {
                    Comparison::Above => Operation::IfAbove(a, b, yes, no),
                    Comparison::AtLeast => Operation::IfAtLeast(a, b, yes, no),
                }
            }
            Node::Number(_) | Node::Setting(_) | Node::LearningRate | Node::Time => {
                unreachable!("these are scalars")
            }
            Node::Over(..) => unreachable!("the formula looks at no whole tensor"),
        };
        operations.push(operation);
        places[id] = Some(operations.len() - 1);
    }
    let mut result = |id: Id| {
        let id = graph.resolve(id, starts);
        *places[id].get_or_insert_with(|| scalar(&mut operations, id))
    };
    let value = result(graph.value);
    let memory = graph.states.iter().map(|id| result(*id)).collect();
    let program = Program {
        operations,
        value,
        memory,
        starts,
    };
    Lowered { program, scalars }
}
