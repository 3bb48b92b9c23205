//! The network written out in `f64` loops, as a second opinion on every formula of the model.

use burn::module::Param;
use burn::tensor::Tensor;
use downhill_model::{Activation, BatchNormConvention, DropoutKind, Mlp, MlpConfig};

use crate::backend::values;

/// A network as plain numbers.
#[derive(Clone)]
pub(crate) struct PlainNetwork {
    config: MlpConfig,
    /// Every trained parameter, in the order of [`PlainNetwork::of`].
    pub(crate) parameters: Vec<Vec<f64>>,
}

/// The trained parameters of a network: of each hidden layer weight, bias, scale and shift, then
/// weight and bias of the output. `D` is the rank.
pub(crate) trait Visit {
    fn visit<const D: usize>(&mut self, parameter: &Param<Tensor<D>>);
}

pub(crate) fn visit(mlp: &Mlp, visitor: &mut impl Visit) {
    for layer in &mlp.hidden {
        visitor.visit(&layer.linear.weight);
        visitor.visit(layer.linear.bias.as_ref().expect("layers have biases"));
        if let Some(norm) = &layer.norm {
            visitor.visit(&norm.scale);
            visitor.visit(&norm.shift);
        }
    }
    visitor.visit(&mlp.output.weight);
    visitor.visit(mlp.output.bias.as_ref().expect("layers have biases"));
}

struct Collect(Vec<Vec<f64>>);

impl Visit for Collect {
    fn visit<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        self.0.push(values(parameter.val()));
    }
}

impl PlainNetwork {
    pub(crate) fn new(config: &MlpConfig, parameters: Vec<Vec<f64>>) -> Self {
        let config = config.clone();
        Self { config, parameters }
    }

    pub(crate) fn of(mlp: &Mlp, config: &MlpConfig) -> Self {
        let mut collect = Collect(Vec::new());
        visit(mlp, &mut collect);
        Self::new(config, collect.0)
    }

    /// The loss in training, penalty included. `images` row by row; a mask of `[batch, units]` for
    /// each hidden layer.
    pub(crate) fn training_loss(&self, images: &[f64], labels: &[u16], masks: &[Vec<f32>]) -> f64 {
        let logits = self.logits(images, labels.len(), Some(masks));
        let penalty: f64 = self.weights().flatten().map(|w| w * w).sum();
        cross_entropy(&logits, labels) + 0.5 * self.config.weight_decay * penalty
    }

    /// The mean loss in evaluation of a network without batch normalization.
    pub(crate) fn evaluation_loss(&self, images: &[f64], labels: &[u16]) -> f64 {
        assert_eq!(self.config.batch_norm, BatchNormConvention::None);
        cross_entropy(&self.logits(images, labels.len(), None), labels)
    }

    fn per_layer(&self) -> usize {
        match self.config.batch_norm {
            BatchNormConvention::None => 2,
            BatchNormConvention::Book | BatchNormConvention::Torch => 4,
        }
    }

    fn weights(&self) -> impl Iterator<Item = &Vec<f64>> {
        self.parameters.iter().step_by(self.per_layer())
    }

    fn logits(&self, images: &[f64], batch: usize, masks: Option<&[Vec<f32>]>) -> Vec<f64> {
        let mut x = images.to_vec();
        let keep = 1.0 - self.config.dropout.probability;
        for layer in 0..self.config.hidden.len() {
            let parameters = &self.parameters[layer * self.per_layer()..];
            x = linear(&x, batch, &parameters[0], &parameters[1]);
            if self.config.batch_norm != BatchNormConvention::None {
                let epsilon = match self.config.batch_norm {
                    BatchNormConvention::Torch => 1e-5,
                    _ => 1e-6,
                };
                normalize(&mut x, batch, epsilon, &parameters[2], &parameters[3]);
            }
            for value in &mut x {
                *value = match self.config.activation {
                    Activation::Relu => value.max(0.0),
                    Activation::Sigmoid => 1.0 / (1.0 + (-*value).exp()),
                    Activation::Tanh => value.tanh(),
                };
            }
            match (masks, self.config.dropout.kind) {
                (Some(masks), kind) if keep < 1.0 => {
                    let scale = if kind == DropoutKind::Inverted {
                        1.0 / keep
                    } else {
                        1.0
                    };
                    for (value, mask) in x.iter_mut().zip(&masks[layer]) {
                        *value *= f64::from(*mask) * scale;
                    }
                }
                (None, DropoutKind::Classic) => x.iter_mut().for_each(|value| *value *= keep),
                _ => {}
            }
        }
        let [.., weight, bias] = self.parameters.as_slice() else {
            panic!("a network has an output layer");
        };
        linear(&x, batch, weight, bias)
    }
}

fn linear(x: &[f64], batch: usize, weight: &[f64], bias: &[f64]) -> Vec<f64> {
    let inputs = x.len() / batch;
    let mut y = Vec::with_capacity(batch * bias.len());
    for row in x.chunks_exact(inputs) {
        let mut out = bias.to_vec();
        for (value, weights) in row.iter().zip(weight.chunks_exact(bias.len())) {
            if *value != 0.0 {
                out.iter_mut()
                    .zip(weights)
                    .for_each(|(out, weight)| *out += value * weight);
            }
        }
        y.extend(out);
    }
    y
}

fn normalize(x: &mut [f64], batch: usize, epsilon: f64, scale: &[f64], shift: &[f64]) {
    let units = scale.len();
    for unit in 0..units {
        let column = || (0..batch).map(|row| row * units + unit);
        let mean = column().map(|at| x[at]).sum::<f64>() / batch as f64;
        let variance = column().map(|at| (x[at] - mean).powi(2)).sum::<f64>() / batch as f64;
        for at in column() {
            x[at] = scale[unit] * (x[at] - mean) / (variance + epsilon).sqrt() + shift[unit];
        }
    }
}

fn cross_entropy(logits: &[f64], labels: &[u16]) -> f64 {
    let classes = logits.len() / labels.len();
    let rows = logits.chunks_exact(classes).zip(labels);
    let sum: f64 = rows
        .map(|(row, &label)| {
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let exps: f64 = row.iter().map(|logit| (logit - largest).exp()).sum();
            largest + exps.ln() - row[usize::from(label)]
        })
        .sum();
    sum / labels.len() as f64
}
