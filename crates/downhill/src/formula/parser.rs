//! From the texts of a config to a checked formula.
//!
//! ```text
//! update     = [NAME "=" expression] (line end [NAME "=" expression])*
//! expression = operand (("+" | "-" | "*" | "/" | "^") operand)*     "^" binds most, then "-" before
//!                                                                    an operand, "* /", "+ -"
//! operand    = NUMBER | NAME | "-" operand | "(" expression ")" | NAME "(" arguments ")"
//! ```
//!
//! Results are nodes of a graph as soon as they are read; there is no tree, and parentheses may be
//! nested only so deep, so that no text overflows the stack.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::error::{FormulaError, did_you_mean};
use super::graph::{Comparison, Extent, Graph, Id, MOST_NODES, Node, One, Place, Reduction, Two};
use super::lexer::{Kind, Text, Token};

/// The deepest nesting of parentheses, signs and powers.
const DEEPEST: usize = 50;

/// The largest whole exponent that becomes products.
const MOST_PRODUCTS: f64 = 16.0;

/// The names that every formula knows.
pub(super) const RESERVED: [&str; 4] = ["x", "g", "t", "learning_rate"];

/// A function, and what it makes of its arguments.
#[derive(Clone, Copy)]
enum Function {
    One(One),
    Two(Two),
    Clamp,
    Where,
    Over(Reduction),
}

/// The functions of an optimizer's formula.
pub(super) const FUNCTIONS: [&str; 13] = [
    "sqrt", "abs", "sign", "exp", "log", "min", "max", "clamp", "where", "norm", "mean", "sum",
    "rms",
];

/// The functions of a function of numbers.
pub(super) const FUNCTIONS_OF_NUMBERS: [&str; 11] = [
    "sqrt", "abs", "sign", "exp", "log", "sin", "cos", "min", "max", "clamp", "where",
];

fn function(name: &str) -> Option<Function> {
    Some(match name {
        "sqrt" => Function::One(One::Sqrt),
        "abs" => Function::One(One::Abs),
        "sign" => Function::One(One::Sign),
        "exp" => Function::One(One::Exp),
        "log" => Function::One(One::Log),
        "sin" => Function::One(One::Sin),
        "cos" => Function::One(One::Cos),
        "min" => Function::Two(Two::Min),
        "max" => Function::Two(Two::Max),
        "clamp" => Function::Clamp,
        "where" => Function::Where,
        "norm" => Function::Over(Reduction::Norm),
        "mean" => Function::Over(Reduction::Mean),
        "sum" => Function::Over(Reduction::Sum),
        "rms" => Function::Over(Reduction::Rms),
        _ => return None,
    })
}

impl Function {
    fn arguments(self) -> usize {
        match self {
            Self::One(_) | Self::Over(_) => 1,
            Self::Two(_) => 2,
            Self::Clamp | Self::Where => 3,
        }
    }
}

/// What the names of a text stand for.
pub(super) struct Names<'a> {
    /// The names now, each with its result.
    pub(super) known: BTreeMap<String, Id>,
    /// The names of the settings.
    pub(super) settings: &'a [&'a str],
    /// The names of the functions.
    pub(super) functions: &'static [&'static str],
}

/// Reads one text into a graph.
pub(super) struct Parser<'a> {
    pub(super) text: Text<'a>,
    pub(super) tokens: &'a [Token],
    pub(super) graph: &'a mut Graph,
    pub(super) names: Names<'a>,
    at: usize,
    depth: usize,
}

type Parsed<T> = Result<T, FormulaError>;

impl<'a> Parser<'a> {
    pub(super) fn new(
        text: Text<'a>,
        tokens: &'a [Token],
        graph: &'a mut Graph,
        names: Names<'a>,
    ) -> Self {
        Self {
            text,
            tokens,
            graph,
            names,
            at: 0,
            depth: 0,
        }
    }

    /// Reads a text that is one expression.
    pub(super) fn single(mut self) -> Parsed<Id> {
        while self.kind() == &Kind::LineEnd {
            self.at += 1;
        }
        let id = self.expression(0)?;
        while self.kind() == &Kind::LineEnd {
            self.at += 1;
        }
        match self.kind() {
            Kind::End => Ok(id),
            _ => Err(self.unexpected("an operator or the end")),
        }
    }

    /// Reads lines of assignments. Returns what is known at the end, and the names assigned.
    pub(super) fn lines(mut self) -> Parsed<(BTreeMap<String, Id>, Vec<String>)> {
        let mut assigned = Vec::new();
        loop {
            match self.kind() {
                Kind::LineEnd => self.at += 1,
                Kind::End => return Ok((self.names.known, assigned)),
                _ => {
                    let (name, id) = self.line()?;
                    self.names.known.insert(name.clone(), id);
                    assigned.push(name);
                    if !matches!(self.kind(), Kind::LineEnd | Kind::End) {
                        return Err(self.unexpected("an operator or the end of the line"));
                    }
                }
            }
        }
    }

    fn line(&mut self) -> Parsed<(String, Id)> {
        let start = self.token().start;
        let (Kind::Name(name), Kind::Sign("=")) = (self.kind().clone(), self.kind_after()) else {
            let message = match self.kind() {
                Kind::Name(_) => "a line begins with a name and `=`, such as `m = ..`".to_owned(),
                _ => format!(
                    "a line begins with a name and `=`, such as `m = ..`, and not with {}",
                    self.shown()
                ),
            };
            return Err(self.text.error(start, message));
        };
        let refused = match name.as_str() {
            "x" => None,
            "g" => Some("the gradient"),
            "t" => Some("the number of the step"),
            "learning_rate" => Some("the learning rate"),
            name if self.names.settings.contains(&name) => Some("a setting"),
            name if self.names.functions.contains(&name) => Some("a function"),
            _ => None,
        };
        if let Some(what) = refused {
            let message = format!("`{name}` is {what} and cannot be assigned; take another name");
            return Err(self.text.error(start, message));
        }
        self.at += 2;
        Ok((name, self.expression(0)?))
    }

    /// Reads operands and operators that bind more than `least`.
    fn expression(&mut self, least: u8) -> Parsed<Id> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let message = format!(
                "it is nested more than {DEEPEST} deep; write it with fewer parentheses and signs"
            );
            return Err(self.text.error(self.token().start, message));
        }
        let start = self.token().start;
        let mut left = self.operand()?;
        while let Kind::Sign(sign) = *self.kind() {
            // The one that a right operand must exceed: "^" takes another "^" to its right.
            let (strength, right, two) = match sign {
                "+" => (1, 1, Two::Add),
                "-" => (1, 1, Two::Sub),
                "*" => (2, 2, Two::Mul),
                "/" => (2, 2, Two::Div),
                "^" => (4, 3, Two::Power),
                _ => break,
            };
            if strength <= least {
                break;
            }
            self.at += 1;
            let right = self.expression(right)?;
            left = match two {
                Two::Power => self.power(start, left, right)?,
                Two::Div => self.quotient(start, left, right)?,
                _ => self.add(start, Node::Two(two, left, right))?,
            };
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operand(&mut self) -> Parsed<Id> {
        let start = self.token().start;
        match self.kind().clone() {
            Kind::Number(number) => {
                self.at += 1;
                self.add(start, Node::Number(number))
            }
            Kind::Sign("-") => {
                self.at += 1;
                let of = self.expression(3)?;
                match self.graph.nodes[of] {
                    Node::Number(number) => self.add(start, Node::Number(-number)),
                    _ => self.add(start, Node::One(One::Neg, of)),
                }
            }
            Kind::Sign("(") => {
                self.at += 1;
                let inner = self.expression(0)?;
                self.expect(")", start)?;
                Ok(inner)
            }
            Kind::Name(name) => {
                self.at += 1;
                match self.kind() {
                    Kind::Sign("(") => self.call(start, &name),
                    _ => self.named(start, &name),
                }
            }
            _ => Err(self.unexpected("a number, a name or `(`")),
        }
    }

    /// What a name stands for.
    fn named(&mut self, start: usize, name: &str) -> Parsed<Id> {
        if let Some(id) = self.names.known.get(name) {
            return Ok(*id);
        }
        if self.names.functions.contains(&name) {
            let message = format!("`{name}` is a function: write `{name}(..)`");
            return Err(self.text.error(start, message));
        }
        if let Some(line) = self.assigned_later(name) {
            let message = format!(
                "`{name}` is used before it is assigned, in line {line}; if it is remembered from \
                 step to step, add it to `state`"
            );
            return Err(self.text.error(start, message));
        }
        let known: Vec<&str> = self.names.known.keys().map(String::as_str).collect();
        let message = format!("unknown name `{name}`; {}", did_you_mean(name, &known));
        Err(self.text.error(start, message))
    }

    /// The line of this or a later assignment to a name.
    fn assigned_later(&self, name: &str) -> Option<usize> {
        let is_it = |pair: &&[Token]| {
            matches!(&pair[0].kind, Kind::Name(its) if its == name)
                && pair[1].kind == Kind::Sign("=")
        };
        let found = self.tokens.windows(2).find(is_it)?;
        let error = self.text.error(found[0].start, "");
        error.line_and_column.map(|(line, _)| line)
    }

    fn call(&mut self, start: usize, name: &str) -> Parsed<Id> {
        let known = self.names.functions.contains(&name);
        let Some(function) = function(name).filter(|_| known) else {
            let message = match self.names.known.contains_key(name) {
                true => format!("`{name}` is a number and not a function: write `{name} * (..)`"),
                false => format!(
                    "unknown function `{name}`; {}",
                    did_you_mean(name, self.names.functions)
                ),
            };
            return Err(self.text.error(start, message));
        };
        let open = self.token().start;
        self.at += 1;
        let mut comparison = None;
        let mut arguments = Vec::new();
        while self.kind() != &Kind::Sign(")") {
            if !arguments.is_empty() {
                self.expect(",", open)?;
            }
            arguments.push(self.expression(0)?);
            if let (1, Function::Where, Some((kind, swapped))) =
                (arguments.len(), function, self.comparison())
            {
                self.at += 1;
                let other = self.expression(0)?;
                comparison = Some(match swapped {
                    true => (kind, other, arguments[0]),
                    false => (kind, arguments[0], other),
                });
            }
        }
        self.at += 1;
        let takes = function.arguments();
        if arguments.len() != takes {
            let message = format!(
                "`{name}` takes {}, got {}",
                match (function, takes) {
                    (Function::Where, _) => "a comparison and two numbers".to_owned(),
                    (_, 1) => "one number".to_owned(),
                    (_, takes) => format!("{takes} numbers"),
                },
                arguments.len()
            );
            return Err(self.text.error(start, message));
        }
        match function {
            Function::One(one) => self.add(start, Node::One(one, arguments[0])),
            Function::Two(two) => self.add(start, Node::Two(two, arguments[0], arguments[1])),
            Function::Clamp => {
                let raised = self.add(start, Node::Two(Two::Max, arguments[0], arguments[1]))?;
                self.add(start, Node::Two(Two::Min, raised, arguments[2]))
            }
            Function::Where => {
                let Some((kind, a, b)) = comparison else {
                    let message = "`where` takes a comparison first: `where(a > b, yes, no)`";
                    return Err(self.text.error(start, message));
                };
                self.add(start, Node::If(kind, [a, b, arguments[1], arguments[2]]))
            }
            Function::Over(reduction) => {
                if self.graph.extents[arguments[0]] != Extent::Element {
                    let message = format!(
                        "`{name}` is of a whole tensor, and what it takes here is one number"
                    );
                    return Err(self.text.error(start, message));
                }
                self.add(start, Node::Over(reduction, arguments[0]))
            }
        }
    }

    /// The comparison that comes next, and whether its sides change places.
    fn comparison(&self) -> Option<(Comparison, bool)> {
        match self.kind() {
            Kind::Sign(">") => Some((Comparison::Above, false)),
            Kind::Sign("<") => Some((Comparison::Above, true)),
            Kind::Sign(">=") => Some((Comparison::AtLeast, false)),
            Kind::Sign("<=") => Some((Comparison::AtLeast, true)),
            _ => None,
        }
    }

    /// A quotient; by a scalar, the product with its inverse.
    fn quotient(&mut self, start: usize, a: Id, b: Id) -> Parsed<Id> {
        let extents = [a, b].map(|id| self.graph.extents[id]);
        if extents[0] == Extent::Scalar || extents[1] != Extent::Scalar {
            return self.add(start, Node::Two(Two::Div, a, b));
        }
        let one = self.add(start, Node::Number(1.0))?;
        let inverse = self.add(start, Node::Two(Two::Div, one, b))?;
        self.add(start, Node::Two(Two::Mul, a, inverse))
    }

    /// A power; of whole exponents by products, of one half by a root.
    fn power(&mut self, start: usize, base: Id, exponent: Id) -> Parsed<Id> {
        let written = match self.graph.nodes[exponent] {
            Node::Number(number) if self.graph.extents[base] != Extent::Scalar => number,
            _ => return self.add(start, Node::Two(Two::Power, base, exponent)),
        };
        let size = libm::fabs(written);
        if size == 0.5 {
            let root = self.add(start, Node::One(One::Sqrt, base))?;
            return self.inverse_if(written < 0.0, start, root);
        }
        if libm::trunc(size) != size || !(1.0..=MOST_PRODUCTS).contains(&size) {
            return self.add(start, Node::Two(Two::Power, base, exponent));
        }
        let mut left = size as u32;
        let (mut product, mut square) = (None, base);
        loop {
            if left % 2 == 1 {
                product = Some(match product {
                    Some(product) => self.add(start, Node::Two(Two::Mul, product, square))?,
                    None => square,
                });
            }
            left /= 2;
            match (left, product) {
                (0, Some(product)) => return self.inverse_if(written < 0.0, start, product),
                _ => square = self.add(start, Node::Two(Two::Mul, square, square))?,
            }
        }
    }

    fn inverse_if(&mut self, is: bool, start: usize, of: Id) -> Parsed<Id> {
        if !is {
            return Ok(of);
        }
        let one = self.add(start, Node::Number(1.0))?;
        self.add(start, Node::Two(Two::Div, one, of))
    }

    /// Adds a node that is written from this byte to the last token read.
    fn add(&mut self, start: usize, node: Node) -> Parsed<Id> {
        let end = self.tokens[self.at.saturating_sub(1)].end;
        let key = self.text.key;
        let place = || Place {
            key: key.to_owned(),
            start,
            end,
        };
        let id = self.graph.add(node, place);
        if self.graph.nodes.len() > MOST_NODES {
            let message = format!("the formula has more than {MOST_NODES} operations");
            return Err(self.text.error(start, message));
        }
        Ok(id)
    }

    fn expect(&mut self, sign: &'static str, open: usize) -> Parsed<()> {
        if self.kind() == &Kind::Sign(sign) {
            self.at += 1;
            return Ok(());
        }
        if self.kind() == &Kind::End {
            return Err(self.text.error(open, "`(` is not closed"));
        }
        if self.comparison().is_some() {
            let message = "a comparison stands first in `where(a > b, yes, no)`, and nowhere else";
            return Err(self.text.error(self.token().start, message));
        }
        let expected = match sign {
            "," => "`,` or `)`",
            _ => "an operator or `)`",
        };
        Err(self.unexpected(expected))
    }

    fn unexpected(&self, expected: &str) -> FormulaError {
        if self.comparison().is_some() {
            let message = "a comparison stands first in `where(a > b, yes, no)`, and nowhere else";
            return self.text.error(self.token().start, message);
        }
        let message = format!("{expected} must come here, got {}", self.shown());
        self.text.error(self.token().start, message)
    }

    /// The next token, for an error.
    fn shown(&self) -> String {
        let token = self.token();
        match token.kind {
            Kind::End => "the end".to_owned(),
            Kind::LineEnd => "the end of the line".to_owned(),
            _ => format!("`{}`", &self.text.text[token.start..token.end]),
        }
    }

    fn token(&self) -> &'a Token {
        &self.tokens[self.at]
    }

    fn kind(&self) -> &'a Kind {
        &self.token().kind
    }

    fn kind_after(&self) -> &'a Kind {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].kind
    }
}
