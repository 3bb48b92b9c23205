//! One kernel that steps several parameters of one program.

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::ir::ElemType;
use burn_cubecl::cubecl::prelude::*;

use crate::rule::program::{Operation, Program};

/// Steps all parameters. Each has its own cubes, with one unit for each of its elements.
/// `first_cubes` holds the first cube of each parameter, then the end of the last parameter's
/// cubes. The state is a sequence of tensors: all of the first parameter, then all of the second.
#[allow(clippy::needless_pass_by_value, reason = "so the kernel takes it")]
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn step_all<F: Float>(
    values: &Sequence<Box<[F]>>,
    gradients: &Sequence<Box<[F]>>,
    results: &mut Sequence<Box<[F]>>,
    memory: &mut Sequence<Box<[F]>>,
    lengths: &Sequence<u32>,
    first_cubes: &Sequence<u32>,
    scalars: &Sequence<InputScalar>,
    #[comptime] program: Program,
    #[define(F)] _type: ElemType,
) {
    let cube = CUBE_POS as u32;
    let fields = comptime!(program.memory.len());
    // Found for each parameter in turn, so that the program itself is there once.
    let value = RuntimeCell::<F>::new(F::from_int(0));
    let gradient = RuntimeCell::<F>::new(F::from_int(0));
    let mut remembered = Sequence::<RuntimeCell<F>>::new();
    #[unroll]
    for _ in 0..fields {
        remembered.push(RuntimeCell::<F>::new(F::from_int(0)));
    }
    #[unroll]
    for parameter in 0..values.len() {
        let first = first_cubes[parameter];
        if cube >= first && cube < first_cubes[parameter + 1] {
            let at = (cube - first) as usize * CUBE_DIM as usize + UNIT_POS as usize;
            if at < lengths[parameter] as usize {
                value.store(values[parameter][at]);
                gradient.store(gradients[parameter][at]);
                if comptime!(!program.starts) {
                    #[unroll]
                    for field in 0..fields {
                        remembered[field].store(memory[parameter * fields + field][at]);
                    }
                }
            }
        }
    }

    let mut past = Sequence::<F>::new();
    #[unroll]
    for field in 0..fields {
        past.push(remembered[field].read());
    }
    let (value, gradient) = (value.read(), gradient.read());
    let mut nodes = Sequence::<F>::new();
    #[unroll]
    for node in 0..comptime!(program.operations.len()) {
        let operation = comptime!(program.operations[node]);
        let result = compute::<F>(&nodes, value, gradient, &past, scalars, operation);
        nodes.push(result);
    }

    #[unroll]
    for parameter in 0..values.len() {
        let first = first_cubes[parameter];
        if cube >= first && cube < first_cubes[parameter + 1] {
            let at = (cube - first) as usize * CUBE_DIM as usize + UNIT_POS as usize;
            if at < lengths[parameter] as usize {
                let result = results.index_mut(parameter);
                result[at] = nodes[comptime!(program.value)];
                #[unroll]
                for field in 0..fields {
                    let node = comptime!(program.memory[field]);
                    let into = memory.index_mut(parameter * fields + field);
                    into[at] = nodes[node];
                }
            }
        }
    }
}

/// The result of one operation. Each does what Burn's kernels do to an element.
#[cube]
fn compute<F: Float>(
    nodes: &Sequence<F>,
    value: F,
    gradient: F,
    past: &Sequence<F>,
    scalars: &Sequence<InputScalar>,
    #[comptime] operation: Operation,
) -> F {
    match operation {
        Operation::Value => value,
        Operation::Gradient => gradient,
        Operation::Memory(field) => past[field],
        Operation::Scalar(scalar) => scalars[scalar].get::<F>(),
        Operation::Add(a, b) => nodes[a] + nodes[b],
        Operation::Sub(a, b) => nodes[a] - nodes[b],
        Operation::Mul(a, b) => nodes[a] * nodes[b],
        Operation::Div(a, b) => nodes[a] / nodes[b],
        Operation::Neg(a) => -nodes[a],
        Operation::Sqrt(a) => nodes[a].sqrt(),
        Operation::Abs(a) => nodes[a].abs(),
        Operation::Sign(a) => {
            let zero = F::from_int(0);
            let below = select(nodes[a] < zero, F::from_int(-1), zero);
            select(nodes[a] > zero, F::from_int(1), below)
        }
        Operation::Exp(a) => nodes[a].exp(),
        Operation::Log(a) => nodes[a].ln(),
        Operation::Power(a, exponent) => nodes[a].powf(nodes[exponent]),
        // Of two numbers that do not compare, which is when one is NaN, the first is taken.
        Operation::Max(a, b) => select(nodes[a] < nodes[b], nodes[b], nodes[a]),
        Operation::Min(a, b) => select(nodes[b] < nodes[a], nodes[b], nodes[a]),
        Operation::PositiveOr(test, yes, no) => {
            select(nodes[test] > F::from_int(0), nodes[yes], nodes[no])
        }
        Operation::IfAbove(a, b, yes, no) => select(nodes[a] > nodes[b], nodes[yes], nodes[no]),
        Operation::IfAtLeast(a, b, yes, no) => select(nodes[a] >= nodes[b], nodes[yes], nodes[no]),
    }
}
