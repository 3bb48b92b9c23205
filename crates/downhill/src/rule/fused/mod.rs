//! A step of a whole parameter in one pass over its memory, on the flex backend.
//!
//! In a chain of tensor operations, each operation reads and writes all elements again. Here the
//! same [`update`](Elementwise::update) of a rule runs over blocks of numbers instead of tensors,
//! and changes a parameter and its state in place. The result is bit for bit the same, except for
//! the bits of a NaN.
//!
//! ```text
//! mod.rs            tensors of flex -> slices of numbers
//! pass.rs           slices -> blocks, on one or several threads
//! lanes.rs          a block as a value that a rule computes with
//! interpreter.rs    the same for a program, in place of a rule
//! instructions.rs   the vector instructions that this is compiled for
//! ```

mod instructions;
mod interpreter;
mod lanes;
mod pass;
mod slices;
#[cfg(test)]
pub(crate) mod tests;

use alloc::vec::Vec;

use burn::backend::flex::FlexTensor;
use burn::tensor::{DType, Shape, Tensor};

pub(crate) use instructions::Instructions;
use interpreter::{Interpreter, Operands};
use lanes::Number;
use pass::Pass;
use slices::Slices;

use super::elementwise::{self, MOST_FIELDS};
use super::flex_tensor::{flex, is_laid_out, tensor};
use super::{Elementwise, Memory, Recorded, Remembered};

/// Passes tensors of any rank to a step on flex, if both are on flex and without autodiff. Returns
/// both tensors if they are not, or if the step returns `false`.
pub(crate) fn on_flex<const D: usize, const G: usize>(
    x: Tensor<D>,
    g: Tensor<G>,
    step: impl FnOnce(&mut FlexTensor, &FlexTensor) -> bool,
) -> Result<Tensor<D>, (Tensor<D>, Tensor<G>)> {
    match (flex(x), flex(g)) {
        (Ok(mut x), Ok(g)) => match step(&mut x, &g) {
            true => Ok(tensor(x)),
            false => Err((tensor(x), tensor(g))),
        },
        (x, g) => Err((x.map_or_else(|x| x, tensor), g.map_or_else(|g| g, tensor))),
    }
}

/// Steps a parameter and its `memory` if the element type allows it. Returns whether it did.
pub(crate) fn step<E: Elementwise>(
    rule: &E,
    learning_rate: f64,
    x: &mut FlexTensor,
    g: &FlexTensor,
    memory: &mut Memory,
) -> bool {
    step_by(Instructions::widest(), rule, learning_rate, x, g, memory)
}

fn step_by<E: Elementwise>(
    instructions: Instructions,
    rule: &E,
    learning_rate: f64,
    x: &mut FlexTensor,
    g: &FlexTensor,
    memory: &mut Memory,
) -> bool {
    let pass_over = match x.dtype() {
        DType::F32 => pass_over::<E, f32>,
        DType::F64 => pass_over::<E, f64>,
        _ => return false,
    };
    let elements = x.layout().num_elements();
    if elements == 0 || !alike(x, g) {
        return false;
    }
    let names = <E::Remembers<f64> as Remembered<f64>>::NAMES;
    let always = <E::Remembers<f64> as Remembered<f64>>::ALWAYS;
    let begins = memory.begins();
    let mut fields = Fields::default();
    if !take(memory, names, x, &mut fields) {
        return false;
    }
    let scalars = rule.scalars(learning_rate, memory);
    let starts = begins || fields[..always].iter().any(Option::is_none);
    if starts {
        fields = Fields::default();
    }
    // Settings changed on the way may need what they did not need before.
    for field in elementwise::fields(rule, &scalars) {
        let zeros = || FlexTensor::zeros(Shape::new([elements]), x.dtype());
        fields[field].get_or_insert_with(zeros);
    }
    let pass = Pass {
        rule,
        scalars,
        learning_rate,
        starts,
        instructions,
    };
    pass_over(&pass, x, g, &mut fields);
    put_back(memory, names, &mut fields);
    true
}

/// Steps a parameter and its `memory` by a program if the element type allows it. Returns whether
/// it did.
pub(crate) fn step_by_program(
    recorded: &Recorded,
    x: &mut FlexTensor,
    g: &FlexTensor,
    memory: &mut Memory,
) -> bool {
    step_by_program_with(Instructions::widest(), recorded, x, g, memory)
}

/// The same with these instructions.
pub(crate) fn step_by_program_with(
    instructions: Instructions,
    recorded: &Recorded,
    x: &mut FlexTensor,
    g: &FlexTensor,
    memory: &mut Memory,
) -> bool {
    let pass_over = match x.dtype() {
        DType::F32 => interpret::<f32>,
        DType::F64 => interpret::<f64>,
        _ => return false,
    };
    let elements = x.layout().num_elements();
    if elements == 0 || !alike(x, g) {
        return false;
    }
    let names = &recorded.names;
    let mut fields = alloc::vec![None; names.len()];
    if !take(memory, names, x, &mut fields) {
        return false;
    }
    for field in &mut fields {
        if recorded.program.starts || field.is_none() {
            *field = Some(FlexTensor::zeros(Shape::new([elements]), x.dtype()));
        }
    }
    pass_over(instructions, recorded, x, g, &mut fields);
    put_back(memory, names, &mut fields);
    true
}

fn interpret<T: Number>(
    instructions: Instructions,
    recorded: &Recorded,
    x: &mut FlexTensor,
    g: &FlexTensor,
    fields: &mut [Option<FlexTensor>],
) {
    let row_by_row = lay_out(x, g, fields);
    let operands = Operands {
        x: T::all_mut(x),
        g: T::all(row_by_row.as_ref().unwrap_or(g)),
        fields: fields.iter_mut().flatten().map(T::all_mut).collect(),
    };
    Interpreter::new(recorded, instructions).over(operands);
}

type Fields = [Option<FlexTensor>; MOST_FIELDS];

/// Takes the state out of the memory if all of its tensors match the parameter. Returns whether
/// they do.
fn take(
    memory: &mut Memory,
    names: &[&'static str],
    x: &FlexTensor,
    fields: &mut [Option<FlexTensor>],
) -> bool {
    let mut others = Vec::new();
    for (field, name) in fields.iter_mut().zip(names) {
        let Some(remembered) = memory.take(name) else {
            continue;
        };
        match flex(remembered) {
            Ok(remembered) if alike(x, &remembered) => *field = Some(remembered),
            Ok(other) => others.push((name, tensor(other))),
            Err(other) => others.push((name, other)),
        }
    }
    let all_alike = others.is_empty();
    for (name, other) in others {
        memory.put(name, other);
    }
    if !all_alike {
        put_back(memory, names, fields);
    }
    all_alike
}

fn put_back(memory: &mut Memory, names: &[&'static str], fields: &mut [Option<FlexTensor>]) {
    for (field, name) in fields.iter_mut().zip(names) {
        if let Some(field) = field.take() {
            memory.put(name, tensor(field));
        }
    }
}

fn alike(one: &FlexTensor, other: &FlexTensor) -> bool {
    one.dtype() == other.dtype() && one.layout().num_elements() == other.layout().num_elements()
}

/// Steps in place. A tensor with shared memory is copied before it is written.
fn pass_over<E: Elementwise, T: Number>(
    pass: &Pass<'_, E>,
    x: &mut FlexTensor,
    g: &FlexTensor,
    fields: &mut Fields,
) {
    let row_by_row = lay_out(x, g, fields);
    let g = row_by_row.as_ref().unwrap_or(g);
    let mut slices = <[&mut [T]; MOST_FIELDS]>::default();
    for (slice, field) in slices.iter_mut().zip(fields) {
        if let Some(field) = field {
            *slice = T::all_mut(field);
        }
    }
    pass.over(Slices {
        x: T::all_mut(x),
        g: T::all(g),
        fields: slices,
    });
}

/// Lays a parameter and its state out row by row. Returns the gradient laid out as well, unless it
/// is.
fn lay_out(
    x: &mut FlexTensor,
    g: &FlexTensor,
    fields: &mut [Option<FlexTensor>],
) -> Option<FlexTensor> {
    for tensor in fields.iter_mut().flatten().chain([x]) {
        if !is_laid_out(tensor) {
            *tensor = tensor.to_contiguous();
        }
    }
    (!is_laid_out(g)).then(|| g.to_contiguous())
}
