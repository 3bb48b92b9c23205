//! Training in Burn: as the trainer does it, and as Burn is shipped.

use std::time::Instant;

use burn::optim::{self, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Int, Tensor, TensorData};
use downhill::{AdamConfig, DescentConfig, OptimizerConfig};
use downhill_data::{Batches, Purpose, Stream};
use downhill_model::{KeepMask, Mlp, Network, loss};
use downhill_trainer::training::step;

use crate::contender::{Contender, Turn};
use crate::data::Data;
use crate::failure::Failure;
use crate::workload::{CLASSES, LEARNING_RATE, SEED, Workload};

/// A network in training, in a pool of as many threads as its workload says.
pub(crate) struct Training {
    name: String,
    /// Taken out for each update, so that its tensors are never shared and can change in place.
    model: Option<Network>,
    gradients: Gradients,
    step: Step<Network>,
    batches: Batches,
    updates: u64,
    pool: rayon::ThreadPool,
}

/// The loss of a network on a batch of rows, `[1]`, and its gradients.
type Gradients = Box<
    dyn FnMut(&mut Network, &[usize], &mut KeepMask<'_>) -> (Tensor<1>, GradientsParams) + Send,
>;

/// A step of a module by its gradients.
pub(crate) type Step<M> = Box<dyn FnMut(M, GradientsParams) -> M + Send>;

impl Training {
    /// As the trainer trains, by Adam.
    pub(crate) fn ours(data: &Data, workload: &Workload) -> Result<Self, Failure> {
        Self::ours_by(AdamConfig::torch().into(), data, workload)
    }

    /// As the trainer trains.
    pub(crate) fn ours_by(
        optimizer: OptimizerConfig,
        data: &Data,
        workload: &Workload,
    ) -> Result<Self, Failure> {
        let images = data.ours.clone();
        let gradients: Gradients = Box::new(move |model, rows, keep_mask| {
            step::gradients(model, &images, rows, keep_mask)
        });
        let mut ours = Self::new("ours", gradients, by_descent(optimizer)?, data, workload)?;
        ours.model = ours.model.map(|model| step::prepared(model, &data.ours));
        Ok(ours)
    }

    /// By Burn's own tensors and its Adam.
    pub(crate) fn as_shipped(data: &Data, workload: &Workload) -> Result<Self, Failure> {
        let adam = optim::AdamConfig::new().with_epsilon(1e-8);
        Self::as_shipped_by(adam.init(), data, workload)
    }

    /// By Burn's own tensors and one of its optimizers.
    pub(crate) fn as_shipped_by(
        optimizer: ModuleOptimizer,
        data: &Data,
        workload: &Workload,
    ) -> Result<Self, Failure> {
        let [images, targets] = data.tensors.clone();
        let gradients: Gradients = Box::new(move |model, rows, keep_mask| {
            let numbers: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
            let rows = TensorData::new(numbers, [rows.len()]);
            let rows = Tensor::<1, Int>::from_data(rows, &images.device());
            let batch = images.clone().select(0, rows.clone());
            let targets = targets.clone().select(0, rows);
            let logits = model.forward(Tensor::from_inner(batch), keep_mask);
            let loss = loss::cross_entropy(logits, Tensor::from_inner(targets));
            let loss = match model.penalty() {
                Some(penalty) => loss + penalty,
                None => loss,
            };
            let gradients = GradientsParams::from_grads(loss.backward(), model);
            (loss.inner(), gradients)
        });
        Self::new(
            "Burn as shipped",
            gradients,
            by_burn(optimizer),
            data,
            workload,
        )
    }

    fn new(
        name: &str,
        gradients: Gradients,
        step: Step<Network>,
        data: &Data,
        workload: &Workload,
    ) -> Result<Self, Failure> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(workload.threads);
        Ok(Self {
            name: name.to_owned(),
            model: Some(Network::Mlp(network(workload, data.images.image_size())?)),
            gradients,
            step,
            batches: workload.batches(&data.images)?,
            updates: 0,
            pool: pool.build()?,
        })
    }
}

impl Contender for Training {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn turn(&mut self, steps: usize) -> Result<Turn, Failure> {
        let Self {
            model,
            gradients,
            step,
            batches,
            updates,
            pool,
            ..
        } = self;
        pool.install(|| {
            let mut losses = Vec::with_capacity(steps);
            let mut network = model.take().ok_or("its last turn failed")?;
            let start = Instant::now();
            for _ in 0..steps {
                let rows = batches.indices(*updates);
                let mut masks = Stream::new(SEED, Purpose::DropoutMask, *updates);
                let mut keep_mask = |length, probability| masks.keep_mask(length, probability);
                let (loss, known) = gradients(&mut network, &rows, &mut keep_mask);
                losses.push(loss);
                network = step(network, known);
                *updates += 1;
            }
            let losses = Tensor::cat(losses, 0).mean().into_data();
            let seconds = start.elapsed().as_secs_f64();
            *model = Some(network);
            Ok(Turn::of(seconds).with_loss(losses.iter::<f64>().next()))
        })
    }
}

/// The network of a workload before its first update.
pub(crate) fn network(workload: &Workload, inputs: usize) -> Result<Mlp, Failure> {
    let device = Device::flex().autodiff();
    let mut weights = Stream::new(SEED, Purpose::InitialWeights, 0);
    let mut normal = || weights.normal();
    let config = workload.model();
    Ok(Mlp::new(&config, inputs, CLASSES, &device, &mut normal)?)
}

/// As the trainer steps.
pub(crate) fn by_descent<M: burn::module::Module>(
    mut optimizer: OptimizerConfig,
) -> Result<Step<M>, Failure> {
    // Those without a learning rate of their own keep what they have.
    optimizer.set("learning_rate", LEARNING_RATE);
    let mut descent = DescentConfig::new(optimizer).build()?;
    Ok(Box::new(move |module, gradients| {
        let stepped = descent.step(module, gradients);
        stepped.expect("there is no schedule").0
    }))
}

pub(crate) fn by_burn<M: burn::module::Module>(mut optimizer: ModuleOptimizer) -> Step<M> {
    Box::new(move |module, gradients| optimizer.step(LEARNING_RATE, module, gradients))
}
