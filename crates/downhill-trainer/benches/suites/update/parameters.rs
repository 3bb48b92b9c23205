//! Parameters in Burn, stepped by gradients that are made afresh.

use std::time::Instant;

use burn::module::{Module, Param, ParamId};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use downhill::OptimizerConfig;
use downhill_data::{Purpose, Stream};

use crate::contender::{Contender, Turn};
use crate::failure::Failure;
use crate::training::{Step, by_burn, by_descent};
use crate::workload::SEED;

/// Matrices and vectors, as a network has them.
#[derive(Module, Debug)]
struct Parameters {
    matrices: Vec<Param<Tensor<2>>>,
    vectors: Vec<Param<Tensor<1>>>,
}

/// Parameters and what steps them, in a pool of one thread.
pub(crate) struct Updating {
    name: &'static str,
    work: Work,
    pool: rayon::ThreadPool,
}

struct Work {
    /// Taken out for each update, so that its tensors are never shared and can change in place.
    parameters: Option<Parameters>,
    matrices: Vec<(ParamId, Tensor<2>)>,
    vectors: Vec<(ParamId, Tensor<1>)>,
    step: Step<Parameters>,
}

impl Updating {
    pub(crate) fn ours(optimizer: OptimizerConfig, shapes: &[Vec<usize>]) -> Result<Self, Failure> {
        Self::new("ours", by_descent(optimizer)?, shapes)
    }

    pub(crate) fn burns(
        optimizer: ModuleOptimizer,
        shapes: &[Vec<usize>],
    ) -> Result<Self, Failure> {
        Self::new("Burn's own", by_burn(optimizer), shapes)
    }

    fn new(
        name: &'static str,
        step: Step<Parameters>,
        shapes: &[Vec<usize>],
    ) -> Result<Self, Failure> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
        let work = Work::new(step, shapes);
        Ok(Self { name, work, pool })
    }
}

impl Contender for Updating {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn turn(&mut self, steps: usize) -> Result<Turn, Failure> {
        let Self { work, pool, .. } = self;
        Ok(Turn::of(pool.install(|| work.updates(steps))?))
    }
}

impl Work {
    fn new(step: Step<Parameters>, shapes: &[Vec<usize>]) -> Self {
        let mut parameters = Parameters {
            matrices: Vec::new(),
            vectors: Vec::new(),
        };
        let (mut matrices, mut vectors) = (Vec::new(), Vec::new());
        let mut numbers = Stream::new(SEED, Purpose::InitialWeights, 0);
        for shape in shapes {
            if shape.len() == 1 {
                let (value, gradient) = parameter(shape, &mut numbers);
                parameters.vectors.push(value);
                vectors.push(gradient);
            } else {
                let (value, gradient) = parameter(shape, &mut numbers);
                parameters.matrices.push(value);
                matrices.push(gradient);
            }
        }
        Self {
            parameters: Some(parameters),
            matrices,
            vectors,
            step,
        }
    }

    fn updates(&mut self, steps: usize) -> Result<f64, Failure> {
        let mut seconds = 0.0;
        for _ in 0..steps {
            let gradients = self.gradients();
            let parameters = self.parameters.take().ok_or("its last turn failed")?;
            let start = Instant::now();
            self.parameters = Some((self.step)(parameters, gradients));
            seconds += start.elapsed().as_secs_f64();
        }
        Ok(seconds)
    }

    /// In buffers of their own.
    fn gradients(&self) -> GradientsParams {
        let mut gradients = GradientsParams::new();
        for (id, gradient) in &self.matrices {
            gradients.register(*id, gradient.clone().mul_scalar(1.0));
        }
        for (id, gradient) in &self.vectors {
            gradients.register(*id, gradient.clone().mul_scalar(1.0));
        }
        gradients
    }
}

/// A parameter and its gradient.
fn parameter<const D: usize>(
    shape: &[usize],
    numbers: &mut Stream,
) -> (Param<Tensor<D>>, (ParamId, Tensor<D>)) {
    let device = Device::flex();
    let mut data = || {
        let values = (0..shape.iter().product()).map(|_| 0.1 * numbers.normal() as f32);
        TensorData::new(values.collect::<Vec<f32>>(), shape.to_vec())
    };
    let value = Param::from_data(data(), &device.clone().autodiff());
    let gradient = (value.id, Tensor::from_data(data(), &device));
    (value, gradient)
}
