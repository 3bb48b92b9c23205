//! A training step by hand.

use std::sync::Arc;
use std::time::Instant;

use downhill_data::{Batches, Purpose, Stream};

use super::layer::Layer;
use super::passes::{cross_entropy, gather, mask};
use crate::contender::{Contender, Turn};
use crate::data::Data;
use crate::failure::Failure;
use crate::workload::{CLASSES, LEARNING_RATE, SEED, Workload};

/// A network without regularization, trained by Adam.
pub(crate) struct Floor {
    network: Network,
    pool: rayon::ThreadPool,
}

struct Network {
    layers: Vec<Layer>,
    /// `[batch, pixels]`.
    images: Vec<f32>,
    all_images: Arc<Vec<f32>>,
    labels: Vec<u16>,
    image_size: usize,
    batches: Batches,
    updates: u64,
    threads: usize,
}

impl Floor {
    pub(crate) fn new(data: &Data, workload: &Workload) -> Result<Self, Failure> {
        let image_size = data.images.image_size();
        let mut normal = Stream::new(SEED, Purpose::InitialWeights, 0);
        let mut inputs = image_size;
        let mut layers = Vec::new();
        for &outputs in workload.hidden.iter().chain([&CLASSES]) {
            layers.push(Layer::new(inputs, outputs, workload.batch, &mut normal));
            inputs = outputs;
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(workload.threads);
        let network = Network {
            layers,
            images: vec![0.0; workload.batch * image_size],
            all_images: Arc::clone(&data.numbers),
            labels: data.images.labels().to_vec(),
            image_size,
            batches: workload.batches(&data.images)?,
            updates: 0,
            threads: workload.threads,
        };
        let pool = pool.build()?;
        Ok(Self { network, pool })
    }
}

impl Contender for Floor {
    fn name(&self) -> String {
        "floor, by hand".to_owned()
    }

    fn turn(&mut self, steps: usize) -> Result<Turn, Failure> {
        let Self { network, pool } = self;
        Ok(pool.install(|| network.updates(steps)))
    }
}

impl Network {
    /// One update; the loss before it.
    fn update(&mut self) -> f32 {
        let rows = self.batches.indices(self.updates);
        gather(&mut self.images, &self.all_images, &rows, self.image_size);
        let last = self.layers.len() - 1;
        for index in 0..=last {
            let (before, rest) = self.layers.split_at_mut(index);
            let x = before.last().map_or(&self.images, |layer| &layer.output);
            rest[0].forward(x, index < last, self.threads);
        }
        let output = &mut self.layers[last];
        let loss = cross_entropy(&mut output.output, &self.labels, &rows);
        std::mem::swap(&mut output.output, &mut output.gradient);
        for index in (0..=last).rev() {
            let (before, rest) = self.layers.split_at_mut(index);
            let layer = &mut rest[0];
            match before.last_mut() {
                Some(before) => {
                    layer.backward(&before.output, self.threads);
                    layer.back_to(&mut before.gradient, self.threads);
                    mask(&mut before.gradient, &before.output);
                }
                None => layer.backward(&self.images, self.threads),
            }
        }
        self.updates += 1;
        for layer in &mut self.layers {
            layer.step(LEARNING_RATE, self.updates as i32, self.threads);
        }
        loss
    }

    fn updates(&mut self, steps: usize) -> Turn {
        let start = Instant::now();
        let sum: f32 = (0..steps).map(|_| self.update()).sum();
        let seconds = start.elapsed().as_secs_f64();
        Turn::of(seconds).with_loss(Some(f64::from(sum) / steps as f64))
    }
}
