//! A rule's step, recorded as a program from which a kernel is made.
//!
//! A rule is a function over any [`Real`]. Here it runs over symbols instead of numbers, and they
//! record the operations on them.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::ops::{Add, Div, Mul, Neg, Sub};

use crate::rule::elementwise;
use crate::rule::program::{Node, Operation, Program, Recorded};
use crate::rule::real::Sealed;
use crate::rule::{Elementwise, Memory, Real, Remembered};

/// Records the next step of a rule. The time of `memory` is that of this step; afterwards it holds
/// the numbers that the rule remembers. Of its tensors, only their presence is checked.
pub(crate) fn record<E: Elementwise>(
    rule: &E,
    learning_rate: f64,
    memory: &mut Memory,
) -> Recorded {
    let names = <E::Remembers<f64> as Remembered<f64>>::NAMES;
    let always = <E::Remembers<f64> as Remembered<f64>>::ALWAYS;
    let tape = Rc::<RefCell<Tape>>::default();
    let symbol = |operation| Symbol::new(&tape, operation);
    let is_there = |name: &&str| memory.tensor(name).is_some();
    let starts = memory.begins() || !names[..always].iter().all(is_there);
    // Each tensor's place is that among those that are there.
    let mut places = Vec::new();
    for (field, name) in names.iter().enumerate() {
        if !starts && is_there(name) {
            places.push(field);
        }
    }
    let scalars = rule.scalars(learning_rate, memory);
    let (x, g) = (symbol(Operation::Value), symbol(Operation::Gradient));
    let past = match starts {
        true => None,
        false => E::Remembers::gather(|field| {
            let place = places.iter().position(|there| *there == field)?;
            Some(symbol(Operation::Memory(place)))
        }),
    };
    let past = past.unwrap_or_else(|| rule.start(&scalars, &x, &g));
    let (x, next) = elementwise::step_either_way(rule, &scalars, learning_rate, x, g, past);
    let value = x.node;
    let mut remembered = Vec::new();
    next.scatter(|field, symbol: Symbol| remembered.push((field, symbol.node)));
    remembered.sort_unstable();
    let Tape {
        operations,
        scalars,
    } = tape.take();
    Recorded {
        program: Program {
            operations,
            value,
            memory: remembered.iter().map(|(_, node)| *node).collect(),
            starts,
        },
        scalars,
        names: remembered.iter().map(|(field, _)| names[*field]).collect(),
    }
}

/// What has been done so far.
#[derive(Debug, Default)]
struct Tape {
    operations: Vec<Operation>,
    scalars: Vec<f64>,
}

/// A number that is not known yet.
#[derive(Clone, Debug)]
struct Symbol {
    node: Node,
    tape: Rc<RefCell<Tape>>,
}

impl Symbol {
    fn new(tape: &Rc<RefCell<Tape>>, operation: Operation) -> Self {
        let mut written = tape.borrow_mut();
        let node = written.operations.len();
        written.operations.push(operation);
        let tape = Rc::clone(tape);
        Self { node, tape }
    }

    fn then(&self, operation: Operation) -> Self {
        Self::new(&self.tape, operation)
    }

    /// A number of this step. Equal numbers are not merged, because they may differ at another
    /// step.
    fn scalar(&self, number: f64) -> Self {
        let mut tape = self.tape.borrow_mut();
        let place = tape.scalars.len();
        tape.scalars.push(number);
        drop(tape);
        self.then(Operation::Scalar(place))
    }
}

impl Add for Symbol {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.then(Operation::Add(self.node, other.node))
    }
}

impl Sub for Symbol {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.then(Operation::Sub(self.node, other.node))
    }
}

impl Mul for Symbol {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        self.then(Operation::Mul(self.node, other.node))
    }
}

impl Div for Symbol {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        self.then(Operation::Div(self.node, other.node))
    }
}

impl Neg for Symbol {
    type Output = Self;

    fn neg(self) -> Self {
        self.then(Operation::Neg(self.node))
    }
}

impl Sealed for Symbol {}

impl Real for Symbol {
    fn scale(self, factor: f64) -> Self {
        let factor = self.scalar(factor);
        factor * self
    }

    fn shift(self, term: f64) -> Self {
        let term = self.scalar(term);
        self + term
    }

    fn fill(&self, number: f64) -> Self {
        self.scalar(number)
    }

    fn square(self) -> Self {
        self.clone() * self
    }

    fn sqrt(self) -> Self {
        self.then(Operation::Sqrt(self.node))
    }

    fn abs(self) -> Self {
        self.then(Operation::Abs(self.node))
    }

    fn sign(self) -> Self {
        self.then(Operation::Sign(self.node))
    }

    fn exp(self) -> Self {
        self.then(Operation::Exp(self.node))
    }

    fn log(self) -> Self {
        self.then(Operation::Log(self.node))
    }

    fn power(self, exponent: f64) -> Self {
        let exponent = self.scalar(exponent);
        self.then(Operation::Power(self.node, exponent.node))
    }

    fn cube_root(self) -> Self {
        self.power(1.0 / 3.0)
    }

    fn max(self, other: Self) -> Self {
        self.then(Operation::Max(self.node, other.node))
    }

    fn min(self, other: Self) -> Self {
        self.then(Operation::Min(self.node, other.node))
    }

    fn clamp(self, least: f64, most: f64) -> Self {
        let (least, most) = (self.scalar(least), self.scalar(most));
        self.max(least).min(most)
    }

    fn positive_or(self, yes: Self, no: Self) -> Self {
        self.then(Operation::PositiveOr(self.node, yes.node, no.node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AdamConfig, SgdConfig};

    fn memory(time: u64) -> Memory {
        let mut memory = Memory::default();
        memory.time = time;
        memory
    }

    #[test]
    fn plain_descent_is_three_operations_on_its_inputs() {
        let rule = SgdConfig::torch().build().unwrap();
        let recorded = record(&rule, 0.5, &mut memory(1));
        let Recorded {
            program, scalars, ..
        } = recorded;
        assert_eq!(scalars, [0.5]);
        assert_eq!(
            program.operations,
            [
                Operation::Value,
                Operation::Gradient,
                Operation::Scalar(0),
                Operation::Mul(2, 1),
                Operation::Sub(0, 3),
            ]
        );
        assert_eq!((program.value, program.memory), (4, Vec::new()));
    }

    /// Otherwise the search for steps that can be launched together would not end.
    #[test]
    fn a_step_is_the_same_as_itself_whatever_its_scalars_are() {
        let rule = SgdConfig::torch().build().unwrap();
        let [one, other] = [f64::NAN, 0.5].map(|rate| record(&rule, rate, &mut memory(1)));
        assert!(one.is_same(&one.clone()));
        assert!(!one.is_same(&other));
    }

    #[test]
    fn a_program_stays_while_its_scalars_change() {
        let rule = AdamConfig::torch().build().unwrap();
        let first = record(&rule, 0.1, &mut memory(1));
        assert!(first.program.starts);
        assert_eq!(first.names, ["first_moment", "second_moment"]);
        let later = |time| {
            let mut memory = memory(time);
            let device = burn::tensor::Device::flex();
            for name in ["first_moment", "second_moment"] {
                memory.put(name, burn::tensor::Tensor::zeros([3], &device));
            }
            record(&rule, 0.1, &mut memory)
        };
        let (second, third) = (later(2), later(3));
        assert!(!second.program.starts);
        assert_eq!(second.program, third.program);
        assert_ne!(second.scalars, third.scalars);
    }
}
