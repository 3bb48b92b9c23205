//! A pass by a program that is interpreted, block by block.
//!
//! The operations of a program are done one after another on a block, between registers that hold a
//! block each. A block is large enough that finding out what to do costs little, and small enough
//! that the registers stay in the processor's nearest cache.

use alloc::vec;
use alloc::vec::Vec;

use super::instructions::{Instructions, Work};
use super::lanes::Number;
use super::pass::LEAST_OF_A_THREAD;
use crate::rule::{Node, Operation, Recorded};

/// Number of values in a block.
const BLOCK: usize = 512;

/// The memory that a pass goes over, each part with as many elements.
pub(super) struct Operands<'a, T> {
    pub(super) x: &'a mut [T],
    pub(super) g: &'a [T],
    pub(super) fields: Vec<&'a mut [T]>,
}

impl<'a, T> Operands<'a, T> {
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
}

/// Where an operand is.
#[derive(Clone, Copy)]
enum At<T> {
    Register(usize),
    Scalar(T),
}

/// What is done to a block, and the register for the result.
#[derive(Clone, Copy)]
struct Step<T> {
    todo: Todo<T>,
    into: usize,
}

#[derive(Clone, Copy)]
enum Todo<T> {
    /// Takes a block of the parameter.
    Value,
    Gradient,
    /// Takes a block of the state.
    Memory(usize),
    Add(At<T>, At<T>),
    Sub(At<T>, At<T>),
    Mul(At<T>, At<T>),
    Div(At<T>, At<T>),
    Power(At<T>, At<T>),
    Max(At<T>, At<T>),
    Min(At<T>, At<T>),
    Square(usize),
    Neg(usize),
    Sqrt(usize),
    Abs(usize),
    Sign(usize),
    Exp(usize),
    Log(usize),
    /// Of the registers: the comparison, its two operands, then both results.
    If(Comparison, [usize; 4]),
}

#[derive(Clone, Copy)]
enum Comparison {
    Above,
    AtLeast,
}

/// A program with a register for each result.
pub(super) struct Interpreter<T> {
    steps: Vec<Step<T>>,
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
        Assignment::new(recorded).finish(recorded, instructions)
    }

    /// Steps all elements.
    pub(super) fn over(&self, operands: Operands<'_, T>) {
        let threads = (operands.x.len() / LEAST_OF_A_THREAD).min(rayon::current_num_threads());
        self.over_part(operands, threads);
    }

    fn over_part(&self, operands: Operands<'_, T>, threads: usize) {
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
            || self.over_part(first, threads / 2),
            || self.over_part(second, threads - threads / 2),
        );
    }
}

/// Finds a register for each result. A register is free again after the last use of what it holds.
struct Assignment<T> {
    /// The last operation that uses a result.
    last_uses: Vec<usize>,
    /// The register of each result that has one.
    registers: Vec<Option<usize>>,
    free: Vec<usize>,
    used: usize,
    constants: Vec<(usize, T)>,
}

impl<T: Number> Assignment<T> {
    fn new(recorded: &Recorded) -> Self {
        let operations = &recorded.program.operations;
        let mut last_uses = vec![0; operations.len()];
        for (at, operation) in operations.iter().enumerate() {
            for operand in operands(*operation).into_iter().flatten() {
                last_uses[operand] = at;
            }
        }
        for result in recorded
            .program
            .memory
            .iter()
            .chain([&recorded.program.value])
        {
            last_uses[*result] = usize::MAX;
        }
        Self {
            last_uses,
            registers: vec![None; operations.len()],
            free: Vec::new(),
            used: 0,
            constants: Vec::new(),
        }
    }

    fn finish(mut self, recorded: &Recorded, instructions: Instructions) -> Interpreter<T> {
        let program = &recorded.program;
        let mut steps = Vec::with_capacity(program.operations.len());
        for (at, operation) in program.operations.iter().enumerate() {
            let Some(todo) = self.todo(recorded, *operation) else {
                continue;
            };
            // Its register is none of those of its operands.
            let into = self.take();
            self.registers[at] = Some(into);
            let done = operands(*operation);
            for operand in 0..done.len() {
                let Some(node) = done[operand] else {
                    continue;
                };
                let again = done[..operand].contains(&Some(node));
                if let (true, false, Some(register)) =
                    (self.last_uses[node] == at, again, self.registers[node])
                {
                    self.free.push(register);
                }
            }
            steps.push(Step { todo, into });
        }
        let value = self.register(recorded, program.value);
        let memory = program.memory.iter();
        let memory = memory.map(|node| self.register(recorded, *node)).collect();
        Interpreter {
            steps,
            constants: self.constants,
            registers: self.used,
            value,
            memory,
            instructions,
        }
    }

    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.used += 1;
            self.used - 1
        })
    }

    /// The register that holds a result, or a scalar from the beginning.
    fn register(&mut self, recorded: &Recorded, node: Node) -> usize {
        if let Some(register) = self.registers[node] {
            return register;
        }
        let Operation::Scalar(place) = recorded.program.operations[node] else {
            unreachable!("all other results have registers");
        };
        // A register of its own, which is never free.
        self.used += 1;
        let register = self.used - 1;
        self.registers[node] = Some(register);
        self.last_uses[node] = usize::MAX;
        self.constants
            .push((register, T::rounded(recorded.scalars[place])));
        register
    }

    fn at(&self, recorded: &Recorded, node: Node) -> At<T> {
        match (recorded.program.operations[node], self.registers[node]) {
            (Operation::Scalar(place), None) => At::Scalar(T::rounded(recorded.scalars[place])),
            (_, register) => At::Register(register.expect("it comes before its use")),
        }
    }

    /// What to do for an operation; `None` for a scalar, which is an operand of others.
    fn todo(&mut self, recorded: &Recorded, operation: Operation) -> Option<Todo<T>> {
        let pair = |this: &mut Self, a, b| {
            // One operand at least is in a register.
            let both = (this.at(recorded, a), this.at(recorded, b));
            match both {
                (At::Scalar(_), At::Scalar(_)) => {
                    (At::Register(this.register(recorded, a)), both.1)
                }
                both => both,
            }
        };
        let mut one = |node| self.register(recorded, node);
        Some(match operation {
            Operation::Value => Todo::Value,
            Operation::Gradient => Todo::Gradient,
            Operation::Memory(field) => Todo::Memory(field),
            Operation::Scalar(_) => return None,
            Operation::Mul(a, b) if a == b => Todo::Square(one(a)),
            Operation::Add(a, b) => {
                let (a, b) = pair(self, a, b);
                Todo::Add(a, b)
            }
            Operation::Sub(a, b) => {
                let (a, b) = pair(self, a, b);
                Todo::Sub(a, b)
            }
            Operation::Mul(a, b) => {
                let (a, b) = pair(self, a, b);
                Todo::Mul(a, b)
            }
            Operation::Div(a, b) => {
                let (a, b) = pair(self, a, b);
                Todo::Div(a, b)
            }
            Operation::Power(a, b) => {
                let (a, b) = pair(self, a, b);
                Todo::Power(a, b)
            }
            Operation::Max(a, b) => {
                let (a, b) = pair(self, a, b);
                Todo::Max(a, b)
            }
            Operation::Min(a, b) => {
                let (a, b) = pair(self, a, b);
                Todo::Min(a, b)
            }
            Operation::Neg(a) => Todo::Neg(one(a)),
            Operation::Sqrt(a) => Todo::Sqrt(one(a)),
            Operation::Abs(a) => Todo::Abs(one(a)),
            Operation::Sign(a) => Todo::Sign(one(a)),
            Operation::Exp(a) => Todo::Exp(one(a)),
            Operation::Log(a) => Todo::Log(one(a)),
            Operation::PositiveOr(..) => {
                unreachable!("only rules have it, which are not interpreted")
            }
            Operation::IfAbove(a, b, yes, no) => {
                Todo::If(Comparison::Above, [a, b, yes, no].map(one))
            }
            Operation::IfAtLeast(a, b, yes, no) => {
                Todo::If(Comparison::AtLeast, [a, b, yes, no].map(one))
            }
        })
    }
}

/// The results that an operation uses.
fn operands(operation: Operation) -> [Option<Node>; 4] {
    match operation {
        Operation::Value | Operation::Gradient | Operation::Memory(_) | Operation::Scalar(_) => {
            [None; 4]
        }
        Operation::Neg(a)
        | Operation::Sqrt(a)
        | Operation::Abs(a)
        | Operation::Sign(a)
        | Operation::Exp(a)
        | Operation::Log(a) => [Some(a), None, None, None],
        Operation::Add(a, b)
        | Operation::Sub(a, b)
        | Operation::Mul(a, b)
        | Operation::Div(a, b)
        | Operation::Power(a, b)
        | Operation::Max(a, b)
        | Operation::Min(a, b) => [Some(a), Some(b), None, None],
        Operation::PositiveOr(a, b, c) => [Some(a), Some(b), Some(c), None],
        Operation::IfAbove(a, b, c, d) | Operation::IfAtLeast(a, b, c, d) => {
            [Some(a), Some(b), Some(c), Some(d)]
        }
    }
}

type Block<T> = [T; BLOCK];

/// A pass over elements.
struct Blocks<'a, T> {
    interpreter: &'a Interpreter<T>,
    operands: Operands<'a, T>,
}

impl<T: Number> Work for Blocks<'_, T> {
    #[inline(always)]
    fn run(mut self) {
        let interpreter = self.interpreter;
        let mut registers = vec![[T::ZERO; BLOCK]; interpreter.registers];
        for (register, constant) in &interpreter.constants {
            registers[*register] = [*constant; BLOCK];
        }
        let elements = self.operands.x.len();
        for first in (0..elements).step_by(BLOCK) {
            let part = first..elements.min(first + BLOCK);
            let length = part.len();
            for step in &interpreter.steps {
                match step.todo {
                    Todo::Value => {
                        registers[step.into][..length]
                            .copy_from_slice(&self.operands.x[part.clone()]);
                    }
                    Todo::Gradient => {
                        registers[step.into][..length]
                            .copy_from_slice(&self.operands.g[part.clone()]);
                    }
                    Todo::Memory(field) => {
                        let field = &self.operands.fields[field];
                        registers[step.into][..length].copy_from_slice(&field[part.clone()]);
                    }
                    todo => compute(&mut registers, step.into, todo),
                }
            }
            self.operands.x[part.clone()].copy_from_slice(&registers[interpreter.value][..length]);
            for (field, register) in self.operands.fields.iter_mut().zip(&interpreter.memory) {
                field[part.clone()].copy_from_slice(&registers[*register][..length]);
            }
        }
    }
}

/// Does one operation on whole blocks. Each does what burn-flex 0.22.1 does to an element.
#[inline(always)]
fn compute<T: Number>(registers: &mut [Block<T>], into: usize, todo: Todo<T>) {
    match todo {
        Todo::Value | Todo::Gradient | Todo::Memory(_) => unreachable!("these read memory"),
        Todo::Add(a, b) => two(registers, into, a, b, |a, b| a + b),
        Todo::Sub(a, b) => two(registers, into, a, b, |a, b| a - b),
        Todo::Mul(a, b) => two(registers, into, a, b, |a, b| a * b),
        Todo::Div(a, b) => two(registers, into, a, b, |a, b| a / b),
        // An exponent that the compiler knew would let it compute something else than `pow`.
        Todo::Power(a, b) => two(registers, into, a, b, |a, b| {
            a.power(core::hint::black_box(b))
        }),
        // Of two numbers that do not compare, which is when one is NaN, the first is taken.
        Todo::Max(a, b) => two(registers, into, a, b, |a, b| if a < b { b } else { a }),
        Todo::Min(a, b) => two(registers, into, a, b, |a, b| if b < a { b } else { a }),
        Todo::Square(a) => one(registers, into, a, |a| a * a),
        Todo::Neg(a) => one(registers, into, a, |a| -a),
        Todo::Sqrt(a) => one(registers, into, a, T::sqrt),
        Todo::Abs(a) => one(registers, into, a, T::abs),
        Todo::Sign(a) => one(registers, into, a, T::sign),
        Todo::Exp(a) => one(registers, into, a, T::exp),
        Todo::Log(a) => one(registers, into, a, T::log),
        Todo::If(Comparison::Above, of) => choose(registers, into, of, |a, b| a > b),
        Todo::If(Comparison::AtLeast, of) => choose(registers, into, of, |a, b| a >= b),
    }
}

#[inline(always)]
fn one<T: Number>(registers: &mut [Block<T>], into: usize, a: usize, change: impl Fn(T) -> T) {
    let [out, a] = registers
        .get_disjoint_mut([into, a])
        .expect("a result has a register of its own");
    for (out, a) in out.iter_mut().zip(&*a) {
        *out = change(*a);
    }
}

#[inline(always)]
fn two<T: Number>(
    registers: &mut [Block<T>],
    into: usize,
    a: At<T>,
    b: At<T>,
    combine: impl Fn(T, T) -> T,
) {
    match (a, b) {
        (At::Register(a), At::Register(b)) if a == b => {
            one(registers, into, a, |a| combine(a, a));
        }
        (At::Register(a), At::Register(b)) => {
            let [out, a, b] = registers
                .get_disjoint_mut([into, a, b])
                .expect("a result has a register of its own");
            for (out, (a, b)) in out.iter_mut().zip(a.iter().zip(&*b)) {
                *out = combine(*a, *b);
            }
        }
        (At::Register(a), At::Scalar(b)) => one(registers, into, a, |a| combine(a, b)),
        (At::Scalar(a), At::Register(b)) => one(registers, into, b, |b| combine(a, b)),
        (At::Scalar(_), At::Scalar(_)) => unreachable!("one of them has a register"),
    }
}

/// The third register where the comparison of the first two holds, else the fourth.
#[inline(always)]
fn choose<T: Number>(
    registers: &mut [Block<T>],
    into: usize,
    [a, b, yes, no]: [usize; 4],
    holds: impl Fn(T, T) -> bool,
) {
    let mut chosen = registers[no];
    let (a, b) = (&registers[a], &registers[b]);
    let operands = a.iter().zip(b).zip(&registers[yes]);
    for (chosen, ((a, b), yes)) in chosen.iter_mut().zip(operands) {
        if holds(*a, *b) {
            *chosen = *yes;
        }
    }
    registers[into] = chosen;
}
