//! Functions of two variables, by coefficients or as a formula.

use downhill::FormulaFunction;

use crate::config::layers::Layers;
use crate::error::TrainError;

/// A function of `x` and `y`.
#[derive(Clone, Debug)]
pub(crate) enum PlaneFunction {
    /// `a x^2 + b y^2`.
    Quadratic([f64; 2]),
    Formula(FormulaFunction),
}

impl PlaneFunction {
    /// Reads a formula, which is written at a path.
    pub(crate) fn read(text: &str, path: &str, experiment: &Layers) -> Result<Self, TrainError> {
        let function = FormulaFunction::new(text, &["x", "y"]).map_err(|mut error| {
            error.key = path.to_owned();
            experiment.blame(path, &error.to_string())
        })?;
        Ok(Self::Formula(function))
    }

    pub(crate) fn value(&self, [x, y]: [f64; 2]) -> f64 {
        match self {
            Self::Quadratic([a, b]) => a * x * x + b * y * y,
            Self::Formula(function) => function.value(&[x, y]),
        }
    }

    pub(crate) fn gradient(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        match self {
            Self::Quadratic([a, b]) => [x * (2.0 * a), y * (2.0 * b)],
            Self::Formula(function) => {
                let gradient = function.gradient(&[x, y]);
                [gradient[0], gradient[1]]
            }
        }
    }

    /// Whether the value and the gradient at a point are finite.
    pub(crate) fn is_finite_at(&self, point: [f64; 2]) -> bool {
        self.value(point).is_finite() && self.gradient(point).iter().all(|it| it.is_finite())
    }
}

/// A formula on one line, without its comments: `f(x, y) = x^2 + y^2`.
pub(crate) fn shown_formula(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or(""));
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    format!("f(x, y) = {}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_and_their_formula_are_the_same_function() {
        let formula = FormulaFunction::new("0.05 * x^2 + y^2", &["x", "y"]).unwrap();
        let both = [
            PlaneFunction::Quadratic([0.05, 1.0]),
            PlaneFunction::Formula(formula),
        ];
        for function in both {
            assert!((function.value([-7.0, 2.0]) - 6.45).abs() < 1e-12);
            let [x, y] = function.gradient([-7.0, 2.0]);
            assert!(
                (x + 0.7).abs() < 1e-12 && (y - 4.0).abs() < 1e-12,
                "{x} {y}"
            );
            assert!(function.is_finite_at([1.0, 1.0]));
            assert!(!function.is_finite_at([1e200, 0.0]));
        }
    }

    #[test]
    fn a_formula_is_shown_on_one_line() {
        let text = "\n  (1 - x)^2   # a parabola\n  + y^2\n";
        assert_eq!(shown_formula(text), "f(x, y) = (1 - x)^2 + y^2");
    }
}
