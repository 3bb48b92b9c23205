//! A step by operations on whole tensors.

use alloc::vec::Vec;

use burn::tensor::{Bool, Tensor};

use super::graph::{Comparison, Extent, Graph, Id, Node, One, Place, Reduction, Two};
use crate::rule::{norm, root_mean_square};

/// A result: one number, or a tensor of one number or of one for each element.
#[derive(Clone)]
#[allow(
    clippy::large_enum_variant,
    reason = "there are a few of them, and most are tensors"
)]
pub(super) enum Value {
    Scalar(f64),
    Tensor(Tensor<1>),
}

impl Value {
    /// Returns a tensor of as many elements as this one has.
    fn like(self, x: &Tensor<1>) -> Tensor<1> {
        match self {
            Self::Scalar(number) => x.full_like(number),
            Self::Tensor(tensor) if tensor.dims() == x.dims() => tensor,
            Self::Tensor(tensor) => tensor.expand(x.dims()),
        }
    }
}

/// The tensors that a step is computed from.
pub(super) struct Inputs {
    pub(super) x: Tensor<1>,
    pub(super) g: Tensor<1>,
    /// The state; empty at the first step.
    pub(super) states: Vec<Tensor<1>>,
}

/// Returns the new value and the new state.
pub(super) fn step(graph: &Graph, numbers: &[f64], inputs: &Inputs) -> (Tensor<1>, Vec<Tensor<1>>) {
    let results = evaluate(graph, numbers, inputs, false);
    let starts = inputs.states.is_empty();
    let result = |id: Id| {
        let value = results[graph.resolve(id, starts)].clone();
        value.expect("it is needed").like(&inputs.x)
    };
    let states = graph.states.iter().map(|id| result(*id)).collect();
    (result(graph.value), states)
}

/// Returns where an expression is that makes the new value or state infinite or not a number,
/// although all that it is computed from is finite.
pub(super) fn not_finite<'a>(
    graph: &'a Graph,
    numbers: &[f64],
    inputs: &Inputs,
) -> Option<&'a Place> {
    let results = evaluate(graph, numbers, inputs, true);
    let starts = inputs.states.is_empty();
    let is_bad = |id: &Id| match &results[graph.resolve(*id, starts)] {
        Some(Value::Scalar(number)) => !number.is_finite(),
        Some(Value::Tensor(tensor)) => !is_finite(tensor),
        None => false,
    };
    let mut ends = graph.states.iter().copied().chain([graph.value]);
    let mut at = ends.find(is_bad)?;
    while let Some(operand) = graph.nodes[graph.resolve(at, starts)]
        .operands()
        .find(is_bad)
    {
        at = operand;
    }
    Some(&graph.places[graph.resolve(at, starts)])
}

pub(super) fn is_finite(tensor: &Tensor<1>) -> bool {
    tensor.clone().is_finite().all().into_scalar::<bool>()
}

/// Computes all results that are needed, in order. Those that others use are dropped after their
/// last use, unless all are kept.
fn evaluate(
    graph: &Graph,
    numbers: &[f64],
    inputs: &Inputs,
    keeps_all: bool,
) -> Vec<Option<Value>> {
    let starts = inputs.states.is_empty();
    let needed = graph.needed(starts);
    let mut last_uses: Vec<Id> = (0..graph.nodes.len()).collect();
    for (id, node) in graph.nodes.iter().enumerate().filter(|(id, _)| needed[*id]) {
        for operand in node.operands() {
            last_uses[graph.resolve(operand, starts)] = id;
        }
    }
    for result in graph.states.iter().chain([&graph.value]) {
        last_uses[graph.resolve(*result, starts)] = Id::MAX;
    }
    let mut results: Vec<Option<Value>> = alloc::vec![None; graph.nodes.len()];
    for (id, node) in graph.nodes.iter().enumerate() {
        if !needed[id] {
            continue;
        }
        let of = |operand: Id| {
            let value = results[graph.resolve(operand, starts)].clone();
            value.expect("it comes before its use")
        };
        let value = match *node {
            _ if graph.extents[id] == Extent::Scalar => Value::Scalar(numbers[id]),
            Node::Value => Value::Tensor(inputs.x.clone()),
            Node::Gradient => Value::Tensor(inputs.g.clone()),
            Node::State(state) => Value::Tensor(inputs.states[state].clone()),
            Node::One(function, a) => one(function, of(a)),
            Node::Two(function, a, b) => two(function, of(a), of(b)),
            Node::If(comparison, all) => choose(comparison, all.map(of)),
            Node::Over(reduction, a) => over(reduction, of(a).like(&inputs.x)),
            Node::Number(_) | Node::Setting(_) | Node::LearningRate | Node::Time => {
                unreachable!("these are scalars")
            }
        };
        results[id] = Some(value);
        for operand in node.operands() {
            let operand = graph.resolve(operand, starts);
            if last_uses[operand] == id && !keeps_all {
                results[operand] = None;
            }
        }
    }
    results
}

fn one(function: One, a: Value) -> Value {
    let a = match a {
        Value::Scalar(a) => return Value::Scalar(function.of(a)),
        Value::Tensor(a) => a,
    };
    Value::Tensor(match function {
        One::Neg => a.neg(),
        One::Sqrt => a.sqrt(),
        One::Abs => a.abs(),
        One::Sign => a.sign(),
        One::Exp => a.exp(),
        One::Log => a.log(),
        One::Sin => a.sin(),
        One::Cos => a.cos(),
    })
}

fn two(function: Two, a: Value, b: Value) -> Value {
    Value::Tensor(match (function, a, b) {
        (_, Value::Scalar(a), Value::Scalar(b)) => return Value::Scalar(function.of(a, b)),
        (Two::Add, Value::Tensor(a), Value::Scalar(b))
        | (Two::Add, Value::Scalar(b), Value::Tensor(a)) => a.add_scalar(b),
        (Two::Sub, Value::Tensor(a), Value::Scalar(b)) => a.sub_scalar(b),
        (Two::Sub, Value::Scalar(a), Value::Tensor(b)) => b.neg().add_scalar(a),
        (Two::Mul, Value::Tensor(a), Value::Scalar(b))
        | (Two::Mul, Value::Scalar(b), Value::Tensor(a)) => a.mul_scalar(b),
        (Two::Div, Value::Tensor(a), Value::Scalar(b)) => a.div_scalar(b),
        (Two::Add, Value::Tensor(a), Value::Tensor(b)) => a + b,
        (Two::Sub, Value::Tensor(a), Value::Tensor(b)) => a - b,
        (Two::Mul, Value::Tensor(a), Value::Tensor(b)) => a * b,
        (Two::Div, Value::Tensor(a), Value::Tensor(b)) => a / b,
        (_, a, b) => {
            let [a, b] = alike([a, b]);
            match function {
                Two::Power => a.powf(b),
                Two::Max => a.max_pair(b),
                Two::Min => a.min_pair(b),
                _ => a / b,
            }
        }
    })
}

fn choose(comparison: Comparison, all: [Value; 4]) -> Value {
    let [a, b, yes, no] = match all {
        [Value::Scalar(a), Value::Scalar(b), yes, no] => {
            return if comparison.holds(a, b) { yes } else { no };
        }
        all => alike(all),
    };
    let holds: Tensor<1, Bool> = match comparison {
        Comparison::Above => a.greater(b),
        Comparison::AtLeast => a.greater_equal(b),
    };
    Value::Tensor(no.mask_where(holds, yes))
}

/// Gives all values the largest number of elements among them. One of them is a tensor.
fn alike<const N: usize>(values: [Value; N]) -> [Tensor<1>; N] {
    let tensors = values.iter().filter_map(|value| match value {
        Value::Tensor(tensor) => Some(tensor),
        Value::Scalar(_) => None,
    });
    let largest = tensors.max_by_key(|tensor| tensor.dims()[0]).cloned();
    let largest = largest.expect("one of them is a tensor");
    values.map(|value| value.like(&largest))
}

fn over(reduction: Reduction, a: Tensor<1>) -> Value {
    Value::Tensor(match reduction {
        Reduction::Norm => norm(a),
        Reduction::Mean => a.mean(),
        Reduction::Sum => a.sum(),
        Reduction::Rms => root_mean_square(a),
    })
}
