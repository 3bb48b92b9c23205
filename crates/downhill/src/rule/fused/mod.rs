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

use alloc::vec::Vec;

use burn::backend::flex::FlexTensor;
use burn::backend::{BackendTensor, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind};
use burn::tensor::{DType, Shape, Tensor};

use instructions::Instructions;
use lanes::Number;
use pass::Pass;
use slices::{MOST_FIELDS, Slices};

use super::{Elementwise, Memory, Remembered};

/// The parameter after a step, if it can be done so; then `memory` is that after it, too. Else the
/// parameter and its gradient as they came.
pub(super) fn step<E: Elementwise>(
    rule: &E,
    learning_rate: f64,
    scalars: E::Scalars,
    x: Tensor<1>,
    g: Tensor<1>,
    memory: &mut Memory,
) -> Result<Tensor<1>, (Tensor<1>, Tensor<1>)> {
    let instructions = Instructions::widest();
    step_by(instructions, rule, learning_rate, scalars, x, g, memory)
}

fn step_by<E: Elementwise>(
    instructions: Instructions,
    rule: &E,
    learning_rate: f64,
    scalars: E::Scalars,
    x: Tensor<1>,
    g: Tensor<1>,
    memory: &mut Memory,
) -> Result<Tensor<1>, (Tensor<1>, Tensor<1>)> {
    let x = match flex(x) {
        Ok(x) => x,
        Err(x) => return Err((x, g)),
    };
    let g = match flex(g) {
        Ok(g) => g,
        Err(g) => return Err((tensor(x), g)),
    };
    let step = match x.dtype() {
        DType::F32 => pass_over::<E, f32>,
        DType::F64 => pass_over::<E, f64>,
        _ => return Err((tensor(x), tensor(g))),
    };
    let elements = x.layout().num_elements();
    if elements == 0 || !alike(&x, &g) {
        return Err((tensor(x), tensor(g)));
    }
    let names = <E::Remembers<f64> as Remembered<f64>>::NAMES;
    let mut fields = match taken(memory, names, &x) {
        Some(fields) => fields,
        None => return Err((tensor(x), tensor(g))),
    };
    let always = <E::Remembers<f64> as Remembered<f64>>::ALWAYS;
    let starts = fields[..always].iter().any(Option::is_none) || memory.time == 1;
    if starts {
        fields = Default::default();
        // Which fields these settings have, a number tells as well as a tensor.
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
    let x = step(&pass, x, g, &mut fields);
    for (name, field) in names.iter().zip(fields) {
        if let Some(field) = field {
            memory.put(name, tensor(field));
        }
    }
    Ok(tensor(x))
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
fn flex(tensor: Tensor<1>) -> Result<FlexTensor, Tensor<1>> {
    match tensor.into_dispatch() {
        DispatchTensor {
            kind: DispatchTensorKind::Flex(BackendTensor::Float(tensor)),
            autodiff: DispatchAutodiffContext::Disabled,
        } => Ok(tensor),
        other => Err(Tensor::from_dispatch(other)),
    }
}

fn tensor(tensor: FlexTensor) -> Tensor<1> {
    Tensor::from_dispatch(DispatchTensor {
        kind: DispatchTensorKind::Flex(BackendTensor::Float(tensor)),
        autodiff: DispatchAutodiffContext::Disabled,
    })
}
