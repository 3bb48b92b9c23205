//! A linear layer with its buffers.

use downhill_data::Stream;

use super::adam::Parameter;
use super::passes::{add_bias, sum_of_rows};
use super::product::{Matrix, multiply};

/// `[inputs, outputs]` weights and `[outputs]` biases.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    inputs: usize,
    outputs: usize,
    weights: Parameter,
    biases: Parameter,
    /// What it gave last, `[batch, outputs]`, after the activation.
    pub(crate) output: Vec<f32>,
    /// The gradient with respect to that, then to what was before the activation.
    pub(crate) gradient: Vec<f32>,
}

impl Layer {
    /// Makes a layer with the initial weights of one of our networks.
    pub(crate) fn new(inputs: usize, outputs: usize, batch: usize, normal: &mut Stream) -> Self {
        let std = (2.0 / inputs as f64).sqrt();
        let weights = (0..inputs * outputs).map(|_| (std * normal.normal()) as f32);
        Self {
            inputs,
            outputs,
            weights: Parameter::new(weights.collect()),
            biases: Parameter::new(vec![0.0; outputs]),
            output: vec![0.0; batch * outputs],
            gradient: vec![0.0; batch * outputs],
        }
    }

    pub(crate) fn forward(&mut self, x: &[f32], relu: bool, threads: usize) {
        let weights = Matrix::new(&self.weights.values, self.outputs);
        multiply(
            &mut self.output,
            Matrix::new(x, self.inputs),
            weights,
            threads,
        );
        add_bias(&mut self.output, &self.biases.values, relu);
    }

    /// The gradients of weights and biases, from `gradient` and what came in.
    pub(crate) fn backward(&mut self, x: &[f32], threads: usize) {
        let x = Matrix::new(x, self.inputs).transposed();
        let gradient = Matrix::new(&self.gradient, self.outputs);
        multiply(&mut self.weights.gradient, x, gradient, threads);
        sum_of_rows(&mut self.biases.gradient, &self.gradient);
    }

    /// The gradient with respect to what came in.
    pub(crate) fn back_to(&self, gradient: &mut [f32], threads: usize) {
        let weights = Matrix::new(&self.weights.values, self.outputs).transposed();
        multiply(
            gradient,
            Matrix::new(&self.gradient, self.outputs),
            weights,
            threads,
        );
    }

    pub(crate) fn step(&mut self, rate: f64, number: i32, threads: usize) {
        self.weights.step(rate, number, threads);
        self.biases.step(rate, number, 1);
    }
}
