//! A small network learns a sine, once with an optimizer of downhill in Burn's `ModuleOptimizer`
//! and once with a `Descent`.
//!
//! Configs are made by constructors and setters, and matches have an arm for the rest, so that a
//! new setting or variant of downhill does not break this program.

use std::error::Error;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use downhill::schedule::WarmUp;
use downhill::{
    AdaBeliefConfig, AdamWConfig, DescentConfig, Ema, EmaStart, GradientStage, Group, Parameters,
    StepOutcome, Units,
};

#[derive(Module, Debug)]
struct Network {
    hidden: Linear,
    output: Linear,
}

impl Network {
    fn new(device: &Device) -> Self {
        device.seed(7);
        Self {
            hidden: LinearConfig::new(1, 16).init(device),
            output: LinearConfig::new(16, 1).init(device),
        }
    }

    /// Points as `[points, 1]`.
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.output.forward(self.hidden.forward(x).tanh())
    }

    fn loss(&self, x: &Tensor<2>) -> Tensor<1> {
        (self.forward(x.clone()) - x.clone().sin()).square().mean()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::flex().autodiff();
    let points: Vec<f32> = (0..64).map(|index| index as f32 / 10.0 - 3.2).collect();
    let x = Tensor::<1>::from_floats(points.as_slice(), &device).unsqueeze_dim(1);
    let loss_of = |network: &Network| -> f32 { network.loss(&x).into_scalar() };

    let config = AdaBeliefConfig::optax().with_learning_rate(0.02);
    let mut optimizer = config.init()?;
    let mut network = Network::new(&device);
    let before = loss_of(&network);
    for _ in 0..300 {
        let gradients = GradientsParams::from_grads(network.loss(&x).backward(), &network);
        network = optimizer.step(config.learning_rate, network, gradients);
    }
    fell("AdaBelief", before, loss_of(&network))?;

    let adamw = AdamWConfig::torch().with_learning_rate(0.02);
    let warm_up = WarmUp::new(20).with_start_factor(0.05);
    let mut descent = DescentConfig::new(adamw)
        .with_decay_from_rank(2)
        .with_max_global_norm(1.0)
        .with_schedule("learning_rate", warm_up)
        .with_gradients(GradientStage::Centralize(Units::Last))
        .with_weights(Ema::new(0.9).with_start(EmaStart::ZeroCorrected))
        .with_group(Group::new(Parameters::Like("output.*".into())).with_setting("beta_1", 0.8))
        .build()?;
    let mut network = Network::new(&device);
    let before = loss_of(&network);
    for step in 0..300 {
        let gradients = GradientsParams::from_grads(network.loss(&x).backward(), &network);
        let outcome;
        (network, outcome) = descent.step(network, gradients)?;
        match outcome {
            StepOutcome::Stepped => {}
            StepOutcome::Skipped(paths) => return Err(format!("step {step}: {paths:?}").into()),
            other => return Err(format!("step {step}: {other:?}").into()),
        }
    }
    fell(
        "AdamW, its weights averaged",
        before,
        loss_of(&descent.averaged(network)),
    )
}

fn fell(what: &str, before: f32, after: f32) -> Result<(), Box<dyn Error>> {
    println!("{what}: the loss fell from {before:.4} to {after:.4}");
    // So written, a loss that is not a number fails too.
    if after < 0.05 * before {
        return Ok(());
    }
    Err(format!("{what}: {before} to {after} is too little").into())
}
