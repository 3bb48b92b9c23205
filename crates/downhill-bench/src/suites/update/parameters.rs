//! Parameters in Burn, stepped by gradients that are written afresh.

use std::time::Instant;

use burn::backend::Flex;
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
    /// Off the tape until their turn comes, see [`go_backward`]. Taken out then, so that their
    /// tensors are never shared and can change in place.
    parameters: Option<Parameters>,
    is_on_tape: bool,
    matrices: Vec<Gradient<2>>,
    vectors: Vec<Gradient<1>>,
    memory: GradientMemory,
    step: Step<Parameters>,
}

/// Where a backward pass writes the gradients.
#[derive(Clone, Copy)]
enum GradientMemory {
    /// Into tensors that nobody else has, as that of Burn's own tensors does: Burn's optimizers
    /// compute in them.
    New,
    /// Into tensors that are lent and taken again, as that of a fused network does.
    Lent,
}

/// The gradient of a parameter.
struct Gradient<const D: usize> {
    id: ParamId,
    source: Tensor<D>,
    lent: Option<Tensor<D>>,
}

impl<const D: usize> Gradient<D> {
    fn written(&mut self, memory: GradientMemory) -> Result<Tensor<D>, Failure> {
        let back = match memory {
            GradientMemory::New => None,
            GradientMemory::Lent => self.lent.take(),
        };
        let Some(back) = back else {
            let new = self.source.clone().mul_scalar(1.0);
            self.lent = Some(new.clone()).filter(|_| matches!(memory, GradientMemory::Lent));
            return Ok(new);
        };
        let flex = |tensor: Tensor<D>| {
            let primitive = tensor.try_into_primitive::<Flex>();
            primitive.map_err(|_| "it is not on flex")
        };
        let (source, mut back) = (flex(self.source.clone())?, flex(back)?);
        let numbers = back
            .try_storage_mut::<f32>()
            .ok_or("it was not given back")?;
        numbers.copy_from_slice(source.storage());
        let written = Tensor::from_primitive::<Flex>(back);
        self.lent = Some(written.clone());
        Ok(written)
    }
}

impl Updating {
    /// As the trainer has them: off the tape.
    pub(crate) fn ours(optimizer: OptimizerConfig, shapes: &[Vec<usize>]) -> Result<Self, Failure> {
        let step = by_descent(optimizer)?;
        let mut ours = Self::new("ours", step, GradientMemory::Lent, shapes)?;
        ours.work.is_on_tape = false;
        Ok(ours)
    }

    /// The same of an optimizer that is written in another way.
    pub(crate) fn written(
        name: &'static str,
        optimizer: OptimizerConfig,
        shapes: &[Vec<usize>],
    ) -> Result<Self, Failure> {
        Ok(Self {
            name,
            ..Self::ours(optimizer, shapes)?
        })
    }

    /// As whoever trains by Burn's autodiff has them.
    pub(crate) fn ours_on_tape(
        optimizer: OptimizerConfig,
        shapes: &[Vec<usize>],
    ) -> Result<Self, Failure> {
        let step = by_descent(optimizer)?;
        Self::new("ours, on the tape", step, GradientMemory::Lent, shapes)
    }

    pub(crate) fn burns(
        optimizer: ModuleOptimizer,
        shapes: &[Vec<usize>],
    ) -> Result<Self, Failure> {
        let step = by_burn(optimizer);
        Self::new("Burn's own", step, GradientMemory::New, shapes)
    }

    fn new(
        name: &'static str,
        step: Step<Parameters>,
        memory: GradientMemory,
        shapes: &[Vec<usize>],
    ) -> Result<Self, Failure> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
        let work = Work::new(step, memory, shapes);
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
    fn new(step: Step<Parameters>, memory: GradientMemory, shapes: &[Vec<usize>]) -> Self {
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
            parameters: Some(parameters.valid()),
            is_on_tape: true,
            matrices,
            vectors,
            memory,
            step,
        }
    }

    fn updates(&mut self, steps: usize) -> Result<f64, Failure> {
        let mut parameters = self.parameters.take().ok_or("its last turn failed")?;
        if self.is_on_tape {
            parameters = parameters.train();
        }
        let mut seconds = 0.0;
        for _ in 0..steps {
            let gradients = self.gradients()?;
            go_backward();
            let start = Instant::now();
            parameters = (self.step)(parameters, gradients);
            seconds += start.elapsed().as_secs_f64();
        }
        self.parameters = Some(parameters.valid());
        Ok(seconds)
    }

    fn gradients(&mut self) -> Result<GradientsParams, Failure> {
        let mut gradients = GradientsParams::new();
        for gradient in &mut self.matrices {
            gradients.register(gradient.id, gradient.written(self.memory)?);
        }
        for gradient in &mut self.vectors {
            gradients.register(gradient.id, gradient.written(self.memory)?);
        }
        Ok(gradients)
    }
}

/// The least backward pass, at the end of which Burn's autodiff forgets the parameters of the last
/// update, as it does in each step of a training. Without it they pile up, in new memory. It looks
/// at all parameters of the process that are on the tape.
fn go_backward() {
    let device = Device::flex().autodiff();
    Tensor::<1>::zeros([1], &device).require_grad().backward();
}

/// A parameter and its gradient.
fn parameter<const D: usize>(
    shape: &[usize],
    numbers: &mut Stream,
) -> (Param<Tensor<D>>, Gradient<D>) {
    let device = Device::flex();
    let mut data = || {
        let values = (0..shape.iter().product()).map(|_| 0.1 * numbers.normal() as f32);
        TensorData::new(values.collect::<Vec<f32>>(), shape.to_vec())
    };
    let value = Param::from_data(data(), &device.clone().autodiff());
    let gradient = Gradient {
        id: value.id,
        source: Tensor::from_data(data(), &device),
        lent: None,
    };
    (value, gradient)
}
