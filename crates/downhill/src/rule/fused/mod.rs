//! A step of a whole parameter in one pass over its memory, on the flex backend.
//!
//! A chain of tensor operations reads and writes everything again for each of them. Here a rule's
//! [`update`](Elementwise::update), the same definition, runs over blocks of numbers instead of over
//! tensors, and a parameter and what is remembered of it are changed where they lie. The result is
//! the same to the bit (but for which NaN a NaN is).
//!
//! ```text
//! mod.rs            tensors of flex -> slices of numbers
//! pass.rs           slices -> blocks, on one or several threads
//! lanes.rs          a block as what a rule computes with
//! instructions.rs   the vector instructions that this is compiled for
//! ```

mod instructions;
mod lanes;
mod pass;
mod slices;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use burn::backend::flex::FlexTensor;
use burn::backend::{BackendTensor, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind};
use burn::tensor::{DType, Shape, Tensor};

use instructions::Instructions;
use lanes::Number;
use pass::Pass;
use slices::{MOST_FIELDS, Slices};

use super::{Elementwise, Memory, Remembered};

/// A step that could not be done so, with the parameter and the gradient as they came.
type Declined<T> = (T, T);

/// Leads tensors of any rank to a step of flex's, if both are flex's and off the tape.
pub(crate) fn on_flex<const D: usize, const G: usize>(
    x: Tensor<D>,
    g: Tensor<G>,
    step: impl FnOnce(FlexTensor, FlexTensor) -> Result<FlexTensor, Declined<FlexTensor>>,
) -> Result<Tensor<D>, (Tensor<D>, Tensor<G>)> {
    match (flex(x), flex(g)) {
        (Ok(x), Ok(g)) => match step(x, g) {
            Ok(x) => Ok(tensor(x)),
            Err((x, g)) => Err((tensor(x), tensor(g))),
        },
        (x, g) => Err((x.map_or_else(|x| x, tensor), g.map_or_else(|g| g, tensor))),
    }
}

/// The parameter after a step, if its numbers are of a kind that can be stepped so; then `memory`
/// is that after it, too.
pub(crate) fn step<E: Elementwise>(
    rule: &E,
    learning_rate: f64,
    x: FlexTensor,
    g: FlexTensor,
    memory: &mut Memory,
) -> Result<FlexTensor, Declined<FlexTensor>> {
    step_by(Instructions::widest(), rule, learning_rate, x, g, memory)
}

fn step_by<E: Elementwise>(
    instructions: Instructions,
    rule: &E,
    learning_rate: f64,
    x: FlexTensor,
    g: FlexTensor,
    memory: &mut Memory,
) -> Result<FlexTensor, Declined<FlexTensor>> {
    let pass_over = match x.dtype() {
        DType::F32 => pass_over::<E, f32>,
        DType::F64 => pass_over::<E, f64>,
        _ => return Err((x, g)),
    };
    let elements = x.layout().num_elements();
    if elements == 0 || !alike(&x, &g) {
        return Err((x, g));
    }
    let names = <E::Remembers<f64> as Remembered<f64>>::NAMES;
    let always = <E::Remembers<f64> as Remembered<f64>>::ALWAYS;
    let Some(mut fields) = taken(memory, names, &x) else {
        return Err((x, g));
    };
    let scalars = rule.scalars(learning_rate, memory);
    let starts = memory.time == 1 || fields[..always].iter().any(Option::is_none);
    if starts {
        // Which fields these settings have, a number tells as well as a tensor.
        fields = Fields::default();
        let remembered = rule.start(&scalars, &0.0, &0.0);
        remembered.scatter(|field, _: f64| {
            let shape = Shape::new([elements]);
            fields[field] = Some(FlexTensor::zeros(shape, x.dtype()));
        });
    }
    let pass = Pass {
        rule,
        scalars,
        learning_rate,
        starts,
        instructions,
    };
    let x = pass_over(&pass, x, g, &mut fields);
    for (name, field) in names.iter().zip(fields) {
        if let Some(field) = field {
            memory.put(name, tensor(field));
        }
    }
    Ok(x)
}

type Fields = [Option<FlexTensor>; MOST_FIELDS];

/// Takes what is remembered out of the memory, if all of it is like the parameter.
fn taken(memory: &mut Memory, names: &[&'static str], x: &FlexTensor) -> Option<Fields> {
    let mut fields = Fields::default();
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
    if others.is_empty() {
        return Some(fields);
    }
    for (name, other) in others {
        memory.put(name, other);
    }
    for (field, name) in fields.into_iter().zip(names) {
        if let Some(field) = field {
            memory.put(name, tensor(field));
        }
    }
    None
}

fn alike(one: &FlexTensor, other: &FlexTensor) -> bool {
    one.dtype() == other.dtype() && one.layout().num_elements() == other.layout().num_elements()
}

/// Steps where the tensors lie. One that somebody else holds too is copied before it is written.
fn pass_over<E: Elementwise, T: Number>(
    pass: &Pass<'_, E>,
    x: FlexTensor,
    g: FlexTensor,
    fields: &mut Fields,
) -> FlexTensor {
    let (mut x, g) = (laid_out(x), laid_out(g));
    for field in fields.iter_mut() {
        *field = field.take().map(laid_out);
    }
    let fields = fields.each_mut();
    pass.over(Slices {
        x: T::all_mut(&mut x),
        g: T::all(&g),
        fields: fields.map(|field| field.as_mut().map_or(&mut [][..], T::all_mut)),
    });
    x
}

/// The tensor with its elements one after another, and no others around them.
fn laid_out(tensor: FlexTensor) -> FlexTensor {
    let layout = tensor.layout();
    let size = layout.num_elements() * tensor.dtype().size();
    if layout.is_contiguous() && layout.start_offset() == 0 && size == tensor.bytes().len() {
        return tensor;
    }
    tensor.to_contiguous()
}

/// The tensor as flex has it, if it is one of flex's, off the tape.
fn flex<const D: usize>(tensor: Tensor<D>) -> Result<FlexTensor, Tensor<D>> {
    match tensor.into_dispatch() {
        DispatchTensor {
            kind: DispatchTensorKind::Flex(BackendTensor::Float(tensor)),
            autodiff: DispatchAutodiffContext::Disabled,
        } => Ok(tensor),
        other => Err(Tensor::from_dispatch(other)),
    }
}

fn tensor<const D: usize>(tensor: FlexTensor) -> Tensor<D> {
    Tensor::from_dispatch(DispatchTensor {
        kind: DispatchTensorKind::Flex(BackendTensor::Float(tensor)),
        autodiff: DispatchAutodiffContext::Disabled,
    })
}
