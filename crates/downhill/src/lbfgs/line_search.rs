//! The length of a step by the strong Wolfe conditions.

use super::objective::Point;
use super::vector::Vector;

/// A point on a line.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    /// Distance from the start, in directions.
    pub(super) step_size: f64,
    pub(super) point: Point,
    /// The derivative of the loss along the direction.
    pub(super) slope: f64,
}

/// A line search: its line, and what ends it.
pub(super) struct Line<'a> {
    pub(super) start: &'a Point,
    pub(super) slope: f64,
    pub(super) direction: &'a Vector,
    /// The largest element of the direction.
    pub(super) longest: f64,
    pub(super) tolerance_change: f64,
    /// Maximum of evaluations after the first.
    pub(super) most: usize,
}

/// Required share of the decrease that the slope at the start promises.
const DECREASE: f64 = 1e-4;
/// Largest share of the slope at the start that may be left.
const CURVATURE: f64 = 0.9;

impl Line<'_> {
    /// Returns the step to take; `None` if a loss or gradient is not finite.
    ///
    /// Goes ahead until a minimum is enclosed, then narrows the bracket, each time by the cubic
    /// through both ends.
    pub(super) fn search(
        &self,
        first: f64,
        mut evaluate: impl FnMut(f64) -> Point,
    ) -> Option<Trial> {
        let mut looked = 0;
        // A point outside the domain of the loss bounds the step: the next one is halfway back.
        let mut look = |from: f64, to: f64, looked: &mut usize| {
            let mut step_size = to;
            loop {
                let point = evaluate(step_size);
                let slope = point.gradient.dot(self.direction);
                if point.is_finite() && slope.is_finite() {
                    return Some(Trial {
                        step_size,
                        slope,
                        point,
                    });
                }
                if *looked >= self.most {
                    return None;
                }
                *looked += 1;
                step_size = from + 0.5 * (step_size - from);
            }
        };
        let start = Trial {
            step_size: 0.0,
            point: self.start.clone(),
            slope: self.slope,
        };
        let mut previous = start.clone();
        let mut trial = look(0.0, first, &mut looked)?;
        let mut bracket = loop {
            if looked == self.most {
                break [start, trial];
            }
            let rises = looked > 1 && trial.point.loss >= previous.point.loss;
            if self.is_too_high(&trial) || rises {
                break [previous, trial];
            }
            if self.is_flat(&trial) {
                return Some(trial);
            }
            if trial.slope >= 0.0 {
                break [previous, trial];
            }
            let here = trial.step_size;
            let bounds = (here + 0.01 * (here - previous.step_size), here * 10.0);
            let next = lowest_of_cubic(&previous, &trial, bounds);
            let next = look(here, next, &mut looked)?;
            previous = core::mem::replace(&mut trial, next);
            looked += 1;
        };

        let mut low = lower(&bracket);
        let mut was_near_an_end = false;
        while looked < self.most {
            let [a, b] = [bracket[0].step_size, bracket[1].step_size];
            let (left, right) = (a.min(b), a.max(b));
            if (right - left) * self.longest < self.tolerance_change {
                break;
            }
            let mut next = lowest_of_cubic(&bracket[0], &bracket[1], (left, right));
            let margin = 0.1 * (right - left);
            let is_near_an_end = (right - next).min(next - left) < margin;
            if is_near_an_end && (was_near_an_end || next >= right || next <= left) {
                let right_is_nearer = (next - right).abs() < (next - left).abs();
                next = match right_is_nearer {
                    true => right - margin,
                    false => left + margin,
                };
                was_near_an_end = false;
            } else {
                was_near_an_end = is_near_an_end;
            }

            let from = bracket[low].step_size;
            let trial = look(from, next, &mut looked)?;
            looked += 1;
            let high = 1 - low;
            if self.is_too_high(&trial) || trial.point.loss >= bracket[low].point.loss {
                bracket[high] = trial;
                low = lower(&bracket);
                continue;
            }
            if self.is_flat(&trial) {
                return Some(trial);
            }
            let towards_high = bracket[high].step_size - bracket[low].step_size;
            if trial.slope * towards_high >= 0.0 {
                bracket[high] = bracket[low].clone();
            }
            bracket[low] = trial;
        }
        let [a, b] = bracket;
        Some(if low == 0 { a } else { b })
    }

    fn is_too_high(&self, trial: &Trial) -> bool {
        trial.point.loss > self.start.loss + DECREASE * trial.step_size * self.slope
    }

    fn is_flat(&self, trial: &Trial) -> bool {
        trial.slope.abs() <= -CURVATURE * self.slope
    }
}

/// Returns the end with the lower loss.
fn lower(bracket: &[Trial; 2]) -> usize {
    usize::from(bracket[0].point.loss > bracket[1].point.loss)
}

/// Returns the minimum of the cubic through both points with their slopes; the middle of the bounds
/// if it has none.
fn lowest_of_cubic(a: &Trial, b: &Trial, (least, most): (f64, f64)) -> f64 {
    let (left, right) = match a.step_size <= b.step_size {
        true => (a, b),
        false => (b, a),
    };
    let width = right.step_size - left.step_size;
    let secant = 3.0 * (a.point.loss - b.point.loss) / (a.step_size - b.step_size);
    let mean = a.slope + b.slope - secant;
    let root = libm::sqrt(mean * mean - a.slope * b.slope);
    let share = (right.slope + root - mean) / (right.slope - left.slope + 2.0 * root);
    let lowest = right.step_size - width * share;
    if lowest.is_finite() {
        lowest.max(least).min(most)
    } else {
        (least + most) / 2.0
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    fn trial(step_size: f64, loss: f64, slope: f64) -> Trial {
        let gradient = Vector::default();
        Trial {
            step_size,
            point: Point { loss, gradient },
            slope,
        }
    }

    #[test]
    fn the_cubic_is_met_exactly() {
        // x^3 - 3 x is lowest at 1.
        let at = |x: f64| trial(x, x * x * x - 3.0 * x, 3.0 * x * x - 3.0);
        for (a, b) in [(0.0, 3.0), (3.0, 0.0), (0.5, 1.25)] {
            let found = lowest_of_cubic(&at(a), &at(b), (0.0, 3.0));
            assert!((found - 1.0).abs() < 1e-14, "{found}");
        }
        assert_eq!(lowest_of_cubic(&at(0.0), &at(3.0), (1.5, 3.0)), 1.5);
    }

    #[test]
    fn a_cubic_without_a_minimum_gives_the_middle() {
        // A line, and x^3 + x.
        let line = lowest_of_cubic(&trial(0.0, 0.0, 1.0), &trial(2.0, 2.0, 1.0), (0.0, 2.0));
        let rising = lowest_of_cubic(&trial(0.0, 0.0, 1.0), &trial(1.0, 2.0, 4.0), (0.0, 1.0));
        assert_eq!((line, rising), (1.0, 0.5));
    }
}
