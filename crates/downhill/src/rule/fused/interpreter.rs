//! A pass by a program that is interpreted, block by block.
//!
//! The operations of a program are done one after another on a block, between registers that hold a
//! block each. A block is large enough that finding out what to do costs little, and small enough
//! that the registers stay in the processor's nearest cache.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::instructions::{Instructions, Work};
use super::lanes::Number;
use super::pass::LEAST_OF_A_THREAD;
use crate::rule::{Node, Operation, Recorded};

/// Number of values in a block.
const BLOCK: usize = 256;

type Block<T> = [T; BLOCK];

/// A block none of whose vectors lies in two lines of the cache.
#[repr(align(64))]
struct Register<T>(Block<T>);

/// The memory that a pass goes over, each part with as many elements.
pub(super) struct Operands<'a, T> {
    pub(super) x: &'a mut [T],
    pub(super) g: &'a [T],
    pub(super) fields: Vec<&'a mut [T]>,
}

impl<'a, T: Number> Operands<'a, T> {
    /// Splits into the first `first` elements and the others.
    fn split_at(self, first: usize) -> (Self, Self) {
        let (x, other_x) = self.x.split_at_mut(first);
        let (g, other_g) = self.g.split_at(first);
        let fields = self.fields.into_iter();
        let (fields, other_fields) = fields.map(|field| field.split_at_mut(first)).unzip();
        let others = Self {
            x: other_x,
            g: other_g,
            fields: other_fields,
        };
        (Self { x, g, fields }, others)
    }

    /// Steps elements that do not fill a block, in a copy padded with zeros.
    fn in_a_whole_block(self, step: impl FnOnce(Operands<'_, T>)) {
        let filled_up = |part: &[T]| {
            let mut block = Box::new([T::ZERO; BLOCK]);
            block[..part.len()].copy_from_slice(part);
            block
        };
        let (mut x, g) = (filled_up(self.x), filled_up(self.g));
        let mut blocks: Vec<_> = self.fields.iter().map(|field| filled_up(field)).collect();
        step(Operands {
            x: &mut *x,
            g: &*g,
            fields: blocks.iter_mut().map(|block| &mut block[..]).collect(),
        });
        for (part, block) in self
            .fields
            .into_iter()
            .chain([self.x])
            .zip(blocks.iter().chain([&x]))
        {
            part.copy_from_slice(&block[..part.len()]);
        }
    }
}

/// Where an operand is.
#[derive(Clone, Copy)]
enum At<T> {
    /// In the memory that the pass goes over: the value, the gradient, then the state.
    Input(usize),
    Register(usize),
    Scalar(T),
}

/// What is done to a block.
#[derive(Clone, Copy, PartialEq)]
enum What {
    Copy,
    Add,
    Sub,
    Mul,
    Div,
    Power,
    Max,
    Min,
    Neg,
    Sqrt,
    Abs,
    Sign,
    Exp,
    Log,
    /// Of a block, another and its factor: the first plus, or minus, the product.
    AddProduct,
    SubProduct,
    /// Of a block, another and its factor: the product divided by the first.
    DivProduct,
    /// Of a block and a term: the sum of its root and the term.
    AddToRoot,
    /// Of two blocks, each followed by its factor: the sum of both products.
    AddProducts,
    /// Of the two numbers compared, then both results.
    IfAbove,
    IfAtLeast,
}

/// Something to do.
struct Step<A> {
    what: What,
    operands: Vec<A>,
}

/// A program with a register for each result.
pub(super) struct Interpreter<T> {
    /// Each with the register of its result.
    steps: Vec<(Step<At<T>>, usize)>,
    /// Scalars that registers hold throughout, with their registers.
    constants: Vec<(usize, T)>,
    registers: usize,
    /// The registers of the new value and of the new state.
    value: usize,
    memory: Vec<usize>,
    instructions: Instructions,
}

impl<T: Number> Interpreter<T> {
    pub(super) fn new(recorded: &Recorded, instructions: Instructions) -> Self {
        let steps = steps_of(recorded);
        let program = &recorded.program;
        let mut last_uses = vec![0; program.operations.len()];
        for (at, (step, _)) in steps.iter().enumerate() {
            for operand in &step.operands {
                last_uses[*operand] = at;
            }
        }
        let mut assignment = Assignment {
            recorded,
            registers: vec![None; program.operations.len()],
            free: Vec::new(),
            used: 0,
            constants: Vec::new(),
        };
        let is_output = |node: Node| program.value == node || program.memory.contains(&node);
        let mut done = Vec::with_capacity(steps.len());
        for (at, (step, result)) in steps.into_iter().enumerate() {
            let operands = assignment.operands(&step);
            // Its register is none of those of its operands.
            let into = assignment.take();
            assignment.registers[result] = Some(into);
            for node in step.operands {
                if last_uses[node] == at && !is_output(node) {
                    assignment.release(node);
                }
            }
            let what = step.what;
            done.push((Step { what, operands }, into));
        }
        let mut output = |node: Node| match assignment.at(node) {
            At::Register(register) => register,
            // Memory is written when all of a block has been read.
            At::Input(_) => {
                let (what, operands) = (What::Copy, vec![assignment.at(node)]);
                let into = assignment.take();
                done.push((Step { what, operands }, into));
                into
            }
            At::Scalar(_) => assignment.constant(node),
        };
        let value = output(program.value);
        let memory = program.memory.iter().map(|node| output(*node)).collect();
        Self {
            steps: done,
            constants: assignment.constants,
            registers: assignment.used,
            value,
            memory,
            instructions,
        }
    }

    /// Steps all elements.
    pub(super) fn over(&self, operands: Operands<'_, T>) {
        let whole = operands.x.len() / BLOCK * BLOCK;
        let (blocks, rest) = operands.split_at(whole);
        let threads = (whole / LEAST_OF_A_THREAD).min(rayon::current_num_threads());
        self.over_blocks(blocks, threads);
        if !rest.x.is_empty() {
            rest.in_a_whole_block(|block| self.over_blocks(block, 1));
        }
    }

    fn over_blocks(&self, operands: Operands<'_, T>, threads: usize) {
        if threads <= 1 {
            let interpreter = self;
            return self.instructions.run(Blocks {
                interpreter,
                operands,
            });
        }
        let first = operands.x.len() / BLOCK * (threads / 2) / threads * BLOCK;
        let (first, second) = operands.split_at(first);
        rayon::join(
            || self.over_blocks(first, threads / 2),
            || self.over_blocks(second, threads - threads / 2),
        );
    }
}

/// What a program does, with the operands and the result as nodes. A product with a scalar that is
/// only added, subtracted or divided is part of that step, and so is a root that a scalar is only
/// added to: it is rounded as before, but not stored.
fn steps_of(recorded: &Recorded) -> Vec<(Step<Node>, Node)> {
    let program = &recorded.program;
    let operations = &program.operations;
    let mut uses = vec![0; operations.len()];
    for operation in operations {
        if let Some((_, operands)) = step_of(*operation) {
            operands.iter().for_each(|operand| uses[*operand] += 1);
        }
    }
    for output in program.memory.iter().chain([&program.value]) {
        uses[*output] += 1;
    }
    let is_scalar = |node: Node| matches!(operations[node], Operation::Scalar(_));
    // A block and its factor, if their product has one use.
    let scaled = |node: Node| match operations[node] {
        Operation::Mul(a, b) if uses[node] == 1 && is_scalar(b) && !is_scalar(a) => Some([a, b]),
        Operation::Mul(a, b) if uses[node] == 1 && is_scalar(a) && !is_scalar(b) => Some([b, a]),
        _ => None,
    };
    let root_of = |node: Node| match operations[node] {
        Operation::Sqrt(a) if uses[node] == 1 && !is_scalar(a) => Some(a),
        _ => None,
    };
    let mut parts = vec![false; operations.len()];
    let mut steps = Vec::with_capacity(operations.len());
    for (node, operation) in operations.iter().enumerate() {
        let Some((mut what, mut operands)) = step_of(*operation) else {
            continue;
        };
        if let &[a, b] = operands.as_slice() {
            let joined = match (what, scaled(a), scaled(b)) {
                (What::Add, Some([p, s]), Some([q, t])) => {
                    Some((What::AddProducts, vec![p, s, q, t], vec![a, b]))
                }
                (What::Add, Some([p, s]), None) if !is_scalar(b) => {
                    Some((What::AddProduct, vec![b, p, s], vec![a]))
                }
                (What::Add, None, Some([q, t])) if !is_scalar(a) => {
                    Some((What::AddProduct, vec![a, q, t], vec![b]))
                }
                (What::Add, None, None) => match (root_of(a), root_of(b)) {
                    (Some(of), _) if is_scalar(b) => Some((What::AddToRoot, vec![of, b], vec![a])),
                    (_, Some(of)) if is_scalar(a) => Some((What::AddToRoot, vec![of, a], vec![b])),
                    _ => None,
                },
                (What::Sub, _, Some([q, t])) if !is_scalar(a) => {
                    Some((What::SubProduct, vec![a, q, t], vec![b]))
                }
                (What::Div, Some([p, s]), _) if !is_scalar(b) => {
                    Some((What::DivProduct, vec![b, p, s], vec![a]))
                }
                _ => None,
            };
            if let Some((step, of, joins)) = joined {
                (what, operands) = (step, of);
                joins.into_iter().for_each(|node| parts[node] = true);
            }
        }
        steps.push((Step { what, operands }, node));
    }
    steps.retain(|(_, node)| !parts[*node]);
    steps
}

/// What an operation does to a block; `None` if it is an input or a scalar.
fn step_of(operation: Operation) -> Option<(What, Vec<Node>)> {
    Some(match operation {
        Operation::Value | Operation::Gradient | Operation::Memory(_) | Operation::Scalar(_) => {
            return None;
        }
        Operation::Add(a, b) => (What::Add, vec![a, b]),
        Operation::Sub(a, b) => (What::Sub, vec![a, b]),
        Operation::Mul(a, b) => (What::Mul, vec![a, b]),
        Operation::Div(a, b) => (What::Div, vec![a, b]),
        Operation::Power(a, b) => (What::Power, vec![a, b]),
        Operation::Max(a, b) => (What::Max, vec![a, b]),
        Operation::Min(a, b) => (What::Min, vec![a, b]),
        Operation::Neg(a) => (What::Neg, vec![a]),
        Operation::Sqrt(a) => (What::Sqrt, vec![a]),
        Operation::Abs(a) => (What::Abs, vec![a]),
        Operation::Sign(a) => (What::Sign, vec![a]),
        Operation::Exp(a) => (What::Exp, vec![a]),
        Operation::Log(a) => (What::Log, vec![a]),
        Operation::PositiveOr(..) => unreachable!("only rules have it, which are not interpreted"),
        Operation::IfAbove(a, b, yes, no) => (What::IfAbove, vec![a, b, yes, no]),
        Operation::IfAtLeast(a, b, yes, no) => (What::IfAtLeast, vec![a, b, yes, no]),
    })
}

/// Finds a register for each result. A register is free again after the last use of what it holds.
struct Assignment<'a, T> {
    recorded: &'a Recorded,
    /// The register of each result that has one now.
    registers: Vec<Option<usize>>,
    free: Vec<usize>,
    used: usize,
    constants: Vec<(usize, T)>,
}

impl<T: Number> Assignment<'_, T> {
    fn at(&self, node: Node) -> At<T> {
        match self.recorded.program.operations[node] {
            Operation::Value => At::Input(0),
            Operation::Gradient => At::Input(1),
            Operation::Memory(field) => At::Input(2 + field),
            Operation::Scalar(place) => At::Scalar(T::rounded(self.recorded.scalars[place])),
            _ => At::Register(self.registers[node].expect("it comes before its use")),
        }
    }

    /// Where the operands of a step are. Scalars are in registers where only those will do.
    fn operands(&mut self, step: &Step<Node>) -> Vec<At<T>> {
        let mut operands: Vec<At<T>> = step.operands.iter().map(|node| self.at(*node)).collect();
        let all_scalars = (operands.iter()).all(|operand| matches!(operand, At::Scalar(_)));
        let compares = matches!(step.what, What::IfAbove | What::IfAtLeast);
        for (operand, node) in operands.iter_mut().zip(&step.operands) {
            if (all_scalars || compares) && matches!(operand, At::Scalar(_)) {
                *operand = At::Register(self.constant(*node));
            }
        }
        operands
    }

    /// A register that holds a scalar, and nothing else.
    fn constant(&mut self, node: Node) -> usize {
        if let Some(register) = self.registers[node] {
            return register;
        }
        let Operation::Scalar(place) = self.recorded.program.operations[node] else {
            unreachable!("it is a scalar");
        };
        let register = self.used;
        self.used += 1;
        self.registers[node] = Some(register);
        let constant = T::rounded(self.recorded.scalars[place]);
        self.constants.push((register, constant));
        register
    }

    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.used += 1;
            self.used - 1
        })
    }

    fn release(&mut self, node: Node) {
        if matches!(self.recorded.program.operations[node], Operation::Scalar(_)) {
            return;
        }
        self.free.extend(self.registers[node].take());
    }
}

/// A pass over elements that fill blocks.
struct Blocks<'a, T> {
    interpreter: &'a Interpreter<T>,
    operands: Operands<'a, T>,
}

impl<T: Number> Work for Blocks<'_, T> {
    #[inline(always)]
    fn run(self) {
        let Interpreter {
            steps,
            constants,
            value,
            memory,
            ..
        } = self.interpreter;
        let mut registers: Vec<Register<T>> = Vec::new();
        registers.resize_with(self.interpreter.registers, || Register([T::ZERO; BLOCK]));
        for (register, constant) in constants {
            registers[*register].0.fill(*constant);
        }
        let (x, _) = self.operands.x.as_chunks_mut::<BLOCK>();
        let (g, _) = self.operands.g.as_chunks::<BLOCK>();
        let fields = self.operands.fields.into_iter();
        let mut fields: Vec<&mut [Block<T>]> = fields.map(|it| it.as_chunks_mut().0).collect();
        for (index, (x, g)) in x.iter_mut().zip(g).enumerate() {
            for (step, into) in steps {
                let (before, rest) = registers.split_at_mut(*into);
                let (out, after) = rest.split_first_mut().expect("each step has a register");
                let sources = Sources {
                    x,
                    g,
                    fields: &fields,
                    index,
                    before,
                    after,
                };
                compute(step, &mut out.0, &sources);
            }
            *x = registers[*value].0;
            // An iterator over both would not be inlined here.
            for at in 0..fields.len() {
                fields[at][index] = registers[memory[at]].0;
            }
        }
    }
}

/// What the operands of a step are read from.
struct Sources<'a, T> {
    x: &'a Block<T>,
    g: &'a Block<T>,
    fields: &'a [&'a mut [Block<T>]],
    /// The place of the block in the fields.
    index: usize,
    /// The registers before that of the result, and those after it.
    before: &'a [Register<T>],
    after: &'a [Register<T>],
}

impl<'a, T: Number> Sources<'a, T> {
    #[inline(always)]
    fn operand(&self, step: &Step<At<T>>, operand: usize) -> Operand<'a, T> {
        Operand::Block(match step.operands[operand] {
            At::Input(0) => self.x,
            At::Input(1) => self.g,
            At::Input(field) => &self.fields[field - 2][self.index],
            At::Register(register) => match register.checked_sub(self.before.len() + 1) {
                Some(place) => &self.after[place].0,
                None => &self.before[register].0,
            },
            At::Scalar(scalar) => return Operand::Scalar(scalar),
        })
    }

    #[inline(always)]
    fn block(&self, step: &Step<At<T>>, operand: usize) -> &'a Block<T> {
        match self.operand(step, operand) {
            Operand::Block(block) => block,
            Operand::Scalar(_) => unreachable!("it has a register"),
        }
    }

    #[inline(always)]
    fn scalar(&self, step: &Step<At<T>>, operand: usize) -> T {
        match self.operand(step, operand) {
            Operand::Scalar(scalar) => scalar,
            Operand::Block(_) => unreachable!("it is a scalar"),
        }
    }
}

/// What an operation takes.
#[derive(Clone, Copy)]
enum Operand<'a, T> {
    Block(&'a Block<T>),
    Scalar(T),
}

/// Does one operation on whole blocks. Each does what burn-flex 0.22.1 does to an element.
///
/// The loops count, and `operand` is no closure: the compiler does not always inline iterators over
/// two blocks and closures into a function that is compiled for other instructions.
#[inline(always)]
fn compute<T: Number>(step: &Step<At<T>>, out: &mut Block<T>, sources: &Sources<'_, T>) {
    match step.what {
        What::Copy => *out = *sources.block(step, 0),
        What::Add => two(step, out, sources, |a, b| a + b),
        What::Sub => two(step, out, sources, |a, b| a - b),
        What::Mul => two(step, out, sources, |a, b| a * b),
        What::Div => two(step, out, sources, |a, b| a / b),
        // An exponent that the compiler knew would let it compute something else than `pow`.
        What::Power => two(step, out, sources, |a, b| a.power(core::hint::black_box(b))),
        // Of two numbers that do not compare, which is when one is NaN, the first is taken.
        What::Max => two(step, out, sources, |a, b| if a < b { b } else { a }),
        What::Min => two(step, out, sources, |a, b| if b < a { b } else { a }),
        What::Neg => one(out, sources.block(step, 0), |a| -a),
        What::Sqrt => one(out, sources.block(step, 0), T::sqrt),
        What::Abs => one(out, sources.block(step, 0), T::abs),
        What::Sign => one(out, sources.block(step, 0), T::sign),
        What::Exp => one(out, sources.block(step, 0), T::exp),
        What::Log => one(out, sources.block(step, 0), T::log),
        What::AddProduct => {
            let factor = sources.scalar(step, 2);
            two(step, out, sources, |a, b| a + b * factor);
        }
        What::SubProduct => {
            let factor = sources.scalar(step, 2);
            two(step, out, sources, |a, b| a - b * factor);
        }
        What::DivProduct => {
            let factor = sources.scalar(step, 2);
            two(step, out, sources, |a, b| b * factor / a);
        }
        What::AddToRoot => {
            let term = sources.scalar(step, 1);
            one(out, sources.block(step, 0), |a| a.sqrt() + term);
        }
        What::AddProducts => {
            let (a, first) = (sources.block(step, 0), sources.scalar(step, 1));
            let (b, second) = (sources.block(step, 2), sources.scalar(step, 3));
            for at in 0..BLOCK {
                out[at] = a[at] * first + b[at] * second;
            }
        }
        What::IfAbove => choose(step, out, sources, |a, b| a > b),
        What::IfAtLeast => choose(step, out, sources, |a, b| a >= b),
    }
}

#[inline(always)]
fn one<T: Number>(out: &mut Block<T>, a: &Block<T>, change: impl Fn(T) -> T) {
    for at in 0..BLOCK {
        out[at] = change(a[at]);
    }
}

#[inline(always)]
fn two<T: Number>(
    step: &Step<At<T>>,
    out: &mut Block<T>,
    sources: &Sources<'_, T>,
    combine: impl Fn(T, T) -> T,
) {
    match (sources.operand(step, 0), sources.operand(step, 1)) {
        (Operand::Block(a), Operand::Block(b)) => {
            for at in 0..BLOCK {
                out[at] = combine(a[at], b[at]);
            }
        }
        (Operand::Block(a), Operand::Scalar(b)) => one(out, a, |a| combine(a, b)),
        (Operand::Scalar(a), Operand::Block(b)) => one(out, b, |b| combine(a, b)),
        (Operand::Scalar(_), Operand::Scalar(_)) => unreachable!("both have registers"),
    }
}

/// The third block where the comparison of the first two holds, else the fourth.
#[inline(always)]
fn choose<T: Number>(
    step: &Step<At<T>>,
    out: &mut Block<T>,
    sources: &Sources<'_, T>,
    holds: impl Fn(T, T) -> bool,
) {
    let (a, b) = (sources.block(step, 0), sources.block(step, 1));
    let (yes, no) = (sources.block(step, 2), sources.block(step, 3));
    for at in 0..BLOCK {
        out[at] = if holds(a[at], b[at]) { yes[at] } else { no[at] };
    }
}
