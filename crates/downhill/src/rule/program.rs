//! A step on each element as a list of operations, which a kernel is made of or which is
//! interpreted.
//!
//! Values that all elements share (learning rate, bias corrections) are not part of the program:
//! they are its scalars, which are passed to each step. So the program of a rule, and its kernel,
//! stay the same from step to step.

use alloc::vec::Vec;

/// The place of an earlier result in a program.
pub(crate) type Node = usize;

/// An operation on numbers, by the places of its operands in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    /// The parameter.
    Value,
    Gradient,
    /// A tensor of the state, by its place among the tensors of the step.
    Memory(usize),
    /// A scalar, by its place among the scalars.
    Scalar(usize),
    Add(Node, Node),
    Sub(Node, Node),
    Mul(Node, Node),
    Div(Node, Node),
    Neg(Node),
    Sqrt(Node),
    Abs(Node),
    Sign(Node),
    Exp(Node),
    /// The natural logarithm.
    Log(Node),
    Power(Node, Node),
    Max(Node, Node),
    Min(Node, Node),
    /// The second operand where the first is above 0, else the third. Only rules have it.
    #[cfg_attr(
        not(feature = "_cubecl"),
        allow(dead_code, reason = "rules are recorded for CubeCL alone")
    )]
    PositiveOr(Node, Node, Node),
    /// The third operand where the first is above the second, else the fourth.
    IfAbove(Node, Node, Node, Node),
    /// The third operand where the first is at least the second, else the fourth.
    IfAtLeast(Node, Node, Node, Node),
}

/// The operations of a step on each element, in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Program {
    pub(crate) operations: Vec<Operation>,
    /// The new value.
    pub(crate) value: Node,
    /// The new state.
    pub(crate) memory: Vec<Node>,
    /// Whether it is the first step, before which there is no state.
    pub(crate) starts: bool,
}

/// A step of a parameter as a program, with the numbers of this step.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) program: Program,
    pub(crate) scalars: Vec<f64>,
    /// The names of the tensors of the state, in the order of the program.
    pub(crate) names: Vec<&'static str>,
}

#[cfg(feature = "_cubecl")]
impl Recorded {
    /// Whether both steps do the same to each element. Scalars are compared by bits, so that NaN
    /// equals itself.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let bits = |recorded: &Self| -> Vec<u64> {
            recorded
                .scalars
                .iter()
                .map(|scalar| scalar.to_bits())
                .collect()
        };
        self.names == other.names && self.program == other.program && bits(self) == bits(other)
    }
}
