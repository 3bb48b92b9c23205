//! Adam by hand.

use std::time::Instant;

use crate::contender::{Contender, Turn};
use crate::failure::Failure;
use crate::floor::Parameter;
use crate::workload::LEARNING_RATE;

/// Parameters with gradients that are made afresh.
pub(crate) struct ByHand {
    parameters: Vec<Parameter>,
    gradients: Vec<Vec<f32>>,
    steps: i32,
}

impl ByHand {
    pub(crate) fn new(shapes: &[Vec<usize>]) -> Self {
        let sizes = shapes.iter().map(|shape| shape.iter().product());
        let values = |size| (0..size).map(|index| 1e-3 * (index % 100) as f32).collect();
        let gradients: Vec<Vec<f32>> = sizes.map(values).collect();
        Self {
            parameters: gradients.iter().cloned().map(Parameter::new).collect(),
            gradients,
            steps: 0,
        }
    }
}

impl Contender for ByHand {
    fn name(&self) -> String {
        "floor, by hand".to_owned()
    }

    fn turn(&mut self, steps: usize) -> Result<Turn, Failure> {
        let mut seconds = 0.0;
        for _ in 0..steps {
            for (parameter, gradient) in self.parameters.iter_mut().zip(&self.gradients) {
                parameter.gradient.copy_from_slice(gradient);
            }
            self.steps += 1;
            let start = Instant::now();
            for parameter in &mut self.parameters {
                parameter.step(LEARNING_RATE, self.steps, 1);
            }
            seconds += start.elapsed().as_secs_f64();
        }
        Ok(Turn::of(seconds))
    }
}
