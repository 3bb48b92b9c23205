//! A function of numbers, and its gradient by reverse-mode differentiation.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::error::FormulaError;
use super::graph::{Graph, Id, Node, One, Place, Two};
use super::lexer::{Kind, Text, is_word};
use super::parser::{FUNCTIONS_OF_NUMBERS, Names, Parser};

/// The most variables.
const MOST_VARIABLES: usize = 64;

/// A function of some numbers that is written as a formula, such as
/// `(1 - x)^2 + 100 * (y - x^2)^2`, with its gradient.
///
/// ```
/// use downhill::FormulaFunction;
///
/// let rosenbrock = FormulaFunction::new("(1 - x)^2 + 100 * (y - x^2)^2", &["x", "y"])?;
/// assert_eq!(rosenbrock.value(&[1.0, 2.0]), 100.0);
/// assert_eq!(rosenbrock.gradient(&[1.0, 2.0]), [-400.0, 200.0]);
///
/// let error = FormulaFunction::new("x^2 + z^2", &["x", "y"]).unwrap_err();
/// let expected = "function, line 1, column 7: unknown name `z`; known here: pi, x, y";
/// assert_eq!(error.to_string(), expected);
/// # Ok::<(), downhill::FormulaError>(())
/// ```
///
/// It is one expression in `f64`, on one line or several, with the numbers, operators, precedence
/// and comments of a [`FormulaConfig`](crate::FormulaConfig). It knows its variables, `pi`, and the
/// functions `sqrt abs sign exp log sin cos min max clamp where`. At most 64 variables, 500
/// operations and 10,000 bytes.
///
/// Where a function has no derivative, [`gradient`](Self::gradient) uses:
///
/// ```text
/// abs(a)          0 where a = 0
/// sign(a)         0 everywhere
/// max(a, b)       that of a where a = b, as has min(a, b); clamp(a, least, most), too, has that of
///                 a where a is one of its bounds
/// where(..)       that of the chosen result; none of the numbers compared
/// sqrt(a), a^b    infinite where a = 0 (with b < 1 and not 0)
/// a^b by b        0 where a = 0 and b > 0; not a number where a < 0
/// ```
///
/// What does not contribute to the value contributes nothing to the gradient, even if its own
/// derivative is infinite: `where(x > 0, sqrt(x), 0)` has the gradient 0 where x = 0. Where the
/// value is not a number, the gradient means nothing.
#[derive(Clone, Debug)]
pub struct FormulaFunction {
    graph: Graph,
    variables: usize,
}

impl FormulaFunction {
    /// A function of these variables.
    ///
    /// # Errors
    ///
    /// If the text is not an expression of the variables, or a variable cannot have its name. The
    /// error names the place and the remedy.
    pub fn new(text: &str, variables: &[&str]) -> Result<Self, FormulaError> {
        let mut graph = Graph::default();
        let mut known = BTreeMap::new();
        let nowhere = || Place {
            key: "function".to_owned(),
            start: 0,
            end: 0,
        };
        let pi = Node::Number(core::f64::consts::PI);
        known.insert("pi".to_owned(), graph.add(pi, nowhere));
        if variables.len() > MOST_VARIABLES {
            let message = format!(
                "there are {}, and {MOST_VARIABLES} are allowed",
                variables.len()
            );
            return Err(FormulaError::of("variables", message));
        }
        for (place, name) in variables.iter().enumerate() {
            let message = if !is_word(name) {
                format!("`{name}` is not a name: letters, digits and `_`, and no digit first")
            } else if FUNCTIONS_OF_NUMBERS.contains(name) {
                format!("`{name}` is a function; take another name")
            } else if known.contains_key(*name) {
                format!("`{name}` stands for something else already; take another name")
            } else {
                known.insert((*name).to_owned(), graph.add(Node::Setting(place), nowhere));
                continue;
            };
            return Err(FormulaError::of("variables", message));
        }
        let text = Text {
            key: "function",
            text,
        };
        let mut tokens = text.tokens()?;
        // An expression may go on in the next line.
        tokens.retain(|token| {
            token.kind != Kind::LineEnd || &text.text[token.start..token.end] != "\n"
        });
        let equals = tokens.iter().find(|token| token.kind == Kind::Sign("="));
        if let Some(equals) = equals {
            let message = "a function is one expression: leave out `=` and what is before it";
            return Err(text.error(equals.start, message));
        }
        let names = Names {
            known,
            settings: &[],
            functions: &FUNCTIONS_OF_NUMBERS,
        };
        graph.value = Parser::new(text, &tokens, &mut graph, names).single()?;
        Ok(Self {
            graph,
            variables: variables.len(),
        })
    }

    /// The value at a point: a number for each variable, in their order.
    ///
    /// # Panics
    ///
    /// If there are not as many numbers as variables.
    pub fn value(&self, point: &[f64]) -> f64 {
        self.results(point)[self.graph.value]
    }

    /// The derivative by each variable at a point.
    ///
    /// # Panics
    ///
    /// If there are not as many numbers as variables.
    pub fn gradient(&self, point: &[f64]) -> Vec<f64> {
        let results = self.results(point);
        // The derivative of the value by each result. Results come after their operands, so in
        // reverse each is complete before it is handed on.
        let mut slopes = vec![0.0; results.len()];
        slopes[self.graph.value] = 1.0;
        let mut gradient = vec![0.0; self.variables];
        for (id, node) in self.graph.nodes.iter().enumerate().rev() {
            let slope = slopes[id];
            if slope == 0.0 {
                continue;
            }
            let mut add = |to: Id, by: f64| slopes[to] += slope * by;
            match *node {
                Node::Setting(place) => gradient[place] = slope,
                Node::One(one, a) => add(a, one_slope(one, results[a], results[id])),
                Node::Two(two, a, b) => {
                    let [by_a, by_b] = two_slopes(two, results[a], results[b], results[id]);
                    if by_a != 0.0 {
                        add(a, by_a);
                    }
                    if by_b != 0.0 {
                        add(b, by_b);
                    }
                }
                Node::If(comparison, [a, b, yes, no]) => {
                    match comparison.holds(results[a], results[b]) {
                        true => add(yes, 1.0),
                        false => add(no, 1.0),
                    }
                }
                _ => {}
            }
        }
        gradient
    }

    /// All results at a point.
    fn results(&self, point: &[f64]) -> Vec<f64> {
        assert_eq!(
            point.len(),
            self.variables,
            "a point must have a number for each variable"
        );
        self.graph.scalars(point, f64::NAN, 0)
    }
}

/// The derivative of a function of one number at `a`, where it is `result`.
fn one_slope(one: One, a: f64, result: f64) -> f64 {
    match one {
        One::Neg => -1.0,
        One::Sqrt => 0.5 / result,
        One::Abs => One::Sign.of(a),
        One::Sign => 0.0,
        One::Exp => result,
        One::Log => 1.0 / a,
        One::Sin => libm::cos(a),
        One::Cos => -libm::sin(a),
    }
}

/// The derivatives of a function of two numbers at `a` and `b`, where it is `result`.
fn two_slopes(two: Two, a: f64, b: f64, result: f64) -> [f64; 2] {
    match two {
        Two::Add => [1.0, 1.0],
        Two::Sub => [1.0, -1.0],
        Two::Mul => [b, a],
        Two::Div => [1.0 / b, -result / b],
        Two::Power => {
            let by_a = match b {
                0.0 => 0.0,
                _ => b * libm::pow(a, b - 1.0),
            };
            let by_b = match a {
                0.0 if b > 0.0 => 0.0,
                _ => result * libm::log(a),
            };
            [by_a, by_b]
        }
        Two::Max if a < b => [0.0, 1.0],
        Two::Min if b < a => [0.0, 1.0],
        Two::Max | Two::Min => [1.0, 0.0],
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn of_x_and_y(text: &str) -> FormulaFunction {
        FormulaFunction::new(text, &["x", "y"]).unwrap()
    }

    #[test]
    fn known_functions_have_their_values() {
        let half_pi = core::f64::consts::FRAC_PI_2;
        for (text, point, expected) in [
            ("(1 - x)^2 + 100 * (y - x^2)^2", [-1.0, 2.0], 104.0),
            ("(x^2 + y - 11)^2 + (x + y^2 - 7)^2", [3.0, 2.0], 0.0),
            ("x^2 - y^2 + y^4 / 4", [0.0, 2_f64.sqrt()], -1.0),
            ("sin(x) + cos(y)", [half_pi, 0.0], 2.0),
            ("pi", [0.0, 0.0], core::f64::consts::PI),
            ("  # a comment\n x\n\n + y\n", [7.0, 1.0], 8.0),
            ("-x^2", [3.0, 0.0], -9.0),
        ] {
            let found = of_x_and_y(text).value(&point);
            assert!((found - expected).abs() < 1e-12, "{text}: {found}");
        }
    }

    #[test]
    fn gradients_are_those_of_central_differences() {
        let points = [[-1.3, 2.1], [0.4, -0.7], [2.6, 0.3], [-0.2, -1.9]];
        for text in [
            "(1 - x)^2 + 100 * (y - x^2)^2",
            "(1.5 - x + x * y)^2 + (2.25 - x + x * y^2)^2 + (2.625 - x + x * y^3)^2",
            "(x^2 + y - 11)^2 + (x + y^2 - 7)^2",
            "20 + x^2 + y^2 - 10 * (cos(2 * pi * x) + cos(2 * pi * y))",
            "x^2 - y^2 + y^4 / 4",
            "x + y",
            "x - y",
            "x * y",
            "x / y",
            "-x + 3 * x",
            "abs(x)^y",
            "x^3 + y^-2",
            "2^x + x^0 + x^1",
            "sqrt(abs(x))",
            "abs(x) + abs(y)",
            "x + sign(y)",
            "exp(x) * y",
            "log(abs(x))",
            "sin(x * y)",
            "cos(x / 2)",
            "min(x, y) + max(x * y, x)",
            "clamp(x, -1, 1) + clamp(y, x, 1)",
            "where(x > y, x^2, x * y) + where(x <= 0, y, x)",
        ] {
            let function = of_x_and_y(text);
            for point in points {
                let found = function.gradient(&point);
                for place in 0..2 {
                    let step = 1e-6;
                    let at = |shift: f64| {
                        let mut point = point;
                        point[place] += shift;
                        function.value(&point)
                    };
                    let expected = (at(step) - at(-step)) / (2.0 * step);
                    let bound = 1e-5 * expected.abs().max(1.0);
                    assert!(
                        (found[place] - expected).abs() < bound,
                        "{text} at {point:?}: {found:?}, and {expected} by {place}"
                    );
                }
            }
        }
    }

    #[test]
    fn kinks_have_the_documented_derivatives() {
        for (text, point, expected) in [
            ("abs(x)", [0.0, 0.0], [0.0, 0.0]),
            ("sign(x)", [0.0, 0.0], [0.0, 0.0]),
            ("max(x, y)", [1.0, 1.0], [1.0, 0.0]),
            ("min(x, y)", [1.0, 1.0], [1.0, 0.0]),
            ("clamp(x, 0, y)", [0.0, 1.0], [1.0, 0.0]),
            ("clamp(x, 0, y)", [1.0, 1.0], [1.0, 0.0]),
            ("where(x > y, 2 * x, 3 * y)", [1.0, 1.0], [0.0, 3.0]),
            ("where(x >= y, 2 * x, 3 * y)", [1.0, 1.0], [2.0, 0.0]),
            ("where(x > 0, sqrt(x), 0)", [0.0, 0.0], [0.0, 0.0]),
            ("sqrt(x)", [0.0, 0.0], [f64::INFINITY, 0.0]),
            ("x^0.5", [0.0, 0.0], [f64::INFINITY, 0.0]),
            ("x^0", [0.0, 0.0], [0.0, 0.0]),
            ("x^1", [0.0, 0.0], [1.0, 0.0]),
            ("x^y", [0.0, 2.0], [0.0, 0.0]),
            ("0 * sqrt(x) + y", [0.0, 0.0], [0.0, 1.0]),
        ] {
            let found = of_x_and_y(text).gradient(&point);
            assert_eq!(found, expected, "{text} at {point:?}");
        }
        assert!(of_x_and_y("x^y").gradient(&[-1.0, 2.0])[1].is_nan());
        assert!(of_x_and_y("x^2").gradient(&[-1.0, 2.0])[0] == -2.0);
    }

    #[test]
    fn what_is_not_a_function_is_refused_at_its_place() {
        for (text, expected) in [
            (
                "",
                "line 1, column 1: a number, a name or `(` must come here",
            ),
            ("x +", "line 1, column 4: a number, a name or `(` must come"),
            ("x + z", "line 1, column 5: unknown name `z`"),
            ("x\n+ (y", "line 2, column 3: `(` is not closed"),
            (
                "x\ny",
                "line 2, column 1: an operator or the end must come here, got `y`",
            ),
            (
                "x; y",
                "line 1, column 4: an operator or the end must come here, got `y`",
            ),
            (
                "(x\n+ yy)",
                "line 2, column 3: unknown name `yy`; did you mean `y`?",
            ),
            ("f = x^2", "line 1, column 3: a function is one expression"),
            (
                "coz(x)",
                "line 1, column 1: unknown function `coz`; did you mean `cos`?",
            ),
            ("norm(x)", "line 1, column 1: unknown function `norm`"),
            (
                "sin(x, y)",
                "line 1, column 1: `sin` takes one number, got 2",
            ),
            (
                "sin",
                "line 1, column 1: `sin` is a function: write `sin(..)`",
            ),
            (
                "pi(2)",
                "line 1, column 1: `pi` is a number and not a function",
            ),
            (
                "learning_rate * x",
                "line 1, column 1: unknown name `learning_rate`",
            ),
            (
                "2x",
                "line 1, column 1: `2x` is not a number; write `*` between",
            ),
            ("x ** 2", "line 1, column 3: write a power as `a ^ b`"),
            (
                "x > y",
                "line 1, column 3: a comparison stands first in `where",
            ),
        ] {
            let error = FormulaFunction::new(text, &["x", "y"]).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(error.starts_with("function, "), "{error}");
        }
        for (deep, what) in [
            ("(".repeat(2_000), "nested more than 50 deep"),
            ("-".repeat(2_000), "nested more than 50 deep"),
            ("x + ".repeat(3_000), "bytes, and 10000 are allowed"),
            ("sin(".repeat(60), "nested more than 50 deep"),
        ] {
            let error = FormulaFunction::new(&deep, &["x"]).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn variables_need_names_of_their_own() {
        for (variables, expected) in [
            (
                &["x", "x"][..],
                "variables: `x` stands for something else already",
            ),
            (&["pi"], "variables: `pi` stands for something else already"),
            (&["cos"], "variables: `cos` is a function"),
            (&["2x"], "variables: `2x` is not a name"),
            (&[""], "variables: `` is not a name"),
        ] {
            let error = FormulaFunction::new("1", variables).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        let many = ["x"; 65];
        let error = FormulaFunction::new("1", &many).unwrap_err();
        assert!(error.to_string().contains("64 are allowed"), "{error}");
    }

    #[test]
    fn formulas_of_optimizers_know_no_sine() {
        let update = "x = x - learning_rate * sin(g)";
        let error = crate::FormulaConfig::new(0.1, &[], &[], update).unwrap_err();
        let expected = "update, line 1, column 25: unknown function `sin`";
        assert!(error.to_string().contains(expected), "{error}");
        let error = crate::FormulaConfig::new(0.1, &[], &[], "x = x - pi * g").unwrap_err();
        assert!(error.to_string().contains("unknown name `pi`"), "{error}");
    }
}
