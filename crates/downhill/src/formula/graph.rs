//! A checked formula: what is computed, each from earlier results.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// The place of a result among the nodes.
pub(super) type Id = usize;

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Node {
    Number(f64),
    /// A setting, by its place.
    Setting(usize),
    LearningRate,
    /// The number of the step, from 1.
    Time,
    /// The parameter.
    Value,
    Gradient,
    /// A tensor of the state before the step, by its place.
    State(usize),
    One(One, Id),
    Two(Two, Id, Id),
    /// The third where the comparison of the first two holds, else the fourth.
    If(Comparison, [Id; 4]),
    /// Of all elements of a tensor.
    Over(Reduction, Id),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum One {
    Neg,
    Sqrt,
    Abs,
    Sign,
    Exp,
    Log,
    Sin,
    Cos,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Two {
    Add,
    Sub,
    Mul,
    Div,
    Power,
    Max,
    Min,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Above,
    AtLeast,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reduction {
    Norm,
    Mean,
    Sum,
    Rms,
}

impl Node {
    /// The results that it is computed from.
    pub(super) fn operands(&self) -> impl Iterator<Item = Id> + use<> {
        let (all, count) = match *self {
            Self::One(_, a) | Self::Over(_, a) => ([a; 4], 1),
            Self::Two(_, a, b) => ([a, b, b, b], 2),
            Self::If(_, all) => (all, 4),
            _ => ([0; 4], 0),
        };
        all.into_iter().take(count)
    }
}

/// How many numbers a result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Extent {
    /// One, computed in `f64` from the settings and the step.
    Scalar,
    /// One of each parameter.
    Whole,
    /// One of each element.
    Element,
}

/// A part of a text of the config.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    /// The key whose text it is.
    pub(super) key: String,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The most nodes.
pub(super) const MOST_NODES: usize = 500;

/// All that is computed in a step, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) extents: Vec<Extent>,
    /// Where each node is written first.
    pub(super) places: Vec<Place>,
    /// The new value of the parameter.
    pub(super) value: Id,
    /// The new state.
    pub(super) states: Vec<Id>,
    /// The state before the first step.
    pub(super) starts: Vec<Id>,
}

impl Graph {
    /// Returns the place of a node, which is added unless it is there.
    pub(super) fn add(&mut self, node: Node, place: impl FnOnce() -> Place) -> Id {
        if let Some(there) = self.nodes.iter().position(|there| *there == node) {
            return there;
        }
        let extent = match node {
            Node::Value | Node::Gradient | Node::State(_) => Extent::Element,
            Node::Over(..) => Extent::Whole,
            _ => {
                let operands = node.operands().map(|operand| self.extents[operand]);
                operands.max().unwrap_or(Extent::Scalar)
            }
        };
        self.nodes.push(node);
        self.extents.push(extent);
        self.places.push(place());
        self.nodes.len() - 1
    }

    /// Whether anything is computed of all elements of a tensor.
    pub(super) fn reduces(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node, Node::Over(..)))
    }

    /// The node that holds a result: of the state at the first step, that of its start.
    pub(super) fn resolve(&self, id: Id, starts: bool) -> Id {
        match self.nodes[id] {
            Node::State(state) if starts => self.starts[state],
            _ => id,
        }
    }

    /// Which results are needed for the new value and state.
    pub(super) fn needed(&self, starts: bool) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        let mut waiting: Vec<Id> = self.states.iter().copied().chain([self.value]).collect();
        while let Some(id) = waiting.pop() {
            let id = self.resolve(id, starts);
            if !core::mem::replace(&mut needed[id], true) {
                waiting.extend(self.nodes[id].operands());
            }
        }
        needed
    }

    /// The scalars of a step. Other results are NaN here.
    pub(super) fn scalars(&self, settings: &[f64], learning_rate: f64, time: u64) -> Vec<f64> {
        let mut numbers: Vec<f64> = Vec::with_capacity(self.nodes.len());
        for (node, extent) in self.nodes.iter().zip(&self.extents) {
            let of = |id: Id| numbers[id];
            numbers.push(match *node {
                _ if *extent != Extent::Scalar => f64::NAN,
                Node::Number(number) => number,
                Node::Setting(place) => settings[place],
                Node::LearningRate => learning_rate,
                Node::Time => time as f64,
                Node::One(one, a) => one.of(of(a)),
                Node::Two(two, a, b) => two.of(of(a), of(b)),
                Node::If(comparison, [a, b, yes, no]) => match comparison.holds(of(a), of(b)) {
                    true => of(yes),
                    false => of(no),
                },
                Node::Value | Node::Gradient | Node::State(_) | Node::Over(..) => f64::NAN,
            });
        }
        numbers
    }
}

impl One {
    pub(super) fn of(self, a: f64) -> f64 {
        match self {
            Self::Neg => -a,
            Self::Sqrt => libm::sqrt(a),
            Self::Abs => libm::fabs(a),
            Self::Sign if a > 0.0 => 1.0,
            Self::Sign if a < 0.0 => -1.0,
            Self::Sign => 0.0,
            Self::Exp => libm::exp(a),
            Self::Log => libm::log(a),
            Self::Sin => libm::sin(a),
            Self::Cos => libm::cos(a),
        }
    }
}

impl Two {
    pub(super) fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::Mul => a * b,
            Self::Div => a / b,
            Self::Power => libm::pow(a, b),
            Self::Max if a < b => b,
            Self::Min if b < a => b,
            Self::Max | Self::Min => a,
        }
    }
}

impl Comparison {
    pub(super) fn holds(self, a: f64, b: f64) -> bool {
        match self {
            Self::Above => a > b,
            Self::AtLeast => a >= b,
        }
    }
}
