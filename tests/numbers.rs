//! A module of nothing but numbers, stepped by given gradients.

use burn::module::{Module, Param};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{DType, Device, Tensor, TensorData};
use downhill::{Descent, FailedStep, StepError, StepOutcome};

use crate::backend::values;

/// Parameters of any rank up to 4: `vectors.0`, `matrices.0` and so on by path.
#[derive(Module, Debug)]
pub(crate) struct Numbers {
    pub(crate) vectors: Vec<Param<Tensor<1>>>,
    pub(crate) matrices: Vec<Param<Tensor<2>>>,
    pub(crate) cubes: Vec<Param<Tensor<3>>>,
    pub(crate) blocks: Vec<Param<Tensor<4>>>,
}

/// Where tensors lie, and of what type they are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) device: Device,
    pub(crate) dtype: DType,
}

impl Place {
    pub(crate) fn new(device: &Device, dtype: DType) -> Self {
        let device = device.clone();
        Self { device, dtype }
    }

    pub(crate) fn tensor<const D: usize>(&self, values: &[f64], shape: &[usize]) -> Tensor<D> {
        let data = TensorData::new(values.to_vec(), shape.to_vec()).convert_dtype(self.dtype);
        Tensor::from_data(data, (&self.device, self.dtype))
    }

    fn autodiff(&self) -> Self {
        Self::new(&self.device.clone().autodiff(), self.dtype)
    }
}

impl Numbers {
    /// Parameters of these shapes, which take the numbers in turn.
    pub(crate) fn new(numbers: &[f64], shapes: &[Vec<usize>], place: &Place) -> Self {
        let place = place.autodiff();
        let mut module = Self {
            vectors: Vec::new(),
            matrices: Vec::new(),
            cubes: Vec::new(),
            blocks: Vec::new(),
        };
        let mut rest = numbers;
        for shape in shapes {
            let (own, after) = rest.split_at(shape.iter().product());
            rest = after;
            match shape.len() {
                1 => (module.vectors).push(Param::from_tensor(place.tensor(own, shape))),
                2 => (module.matrices).push(Param::from_tensor(place.tensor(own, shape))),
                3 => (module.cubes).push(Param::from_tensor(place.tensor(own, shape))),
                4 => (module.blocks).push(Param::from_tensor(place.tensor(own, shape))),
                rank => panic!("no parameters of rank {rank}"),
            }
        }
        assert!(rest.is_empty(), "numbers are left");
        module
    }

    /// The gradients that are these numbers, in turn.
    pub(crate) fn gradients(&self, numbers: &[f64], place: &Place) -> GradientsParams {
        let mut gradients = GradientsParams::new();
        let mut rest = numbers;
        fn add<const D: usize>(
            gradients: &mut GradientsParams,
            rest: &mut &[f64],
            params: &[Param<Tensor<D>>],
            place: &Place,
        ) {
            for param in params {
                let shape: Vec<usize> = param.shape().to_vec();
                let (own, after) = rest.split_at(shape.iter().product());
                *rest = after;
                gradients.register::<D>(param.id, place.tensor(own, &shape));
            }
        }
        add(&mut gradients, &mut rest, &self.vectors, place);
        add(&mut gradients, &mut rest, &self.matrices, place);
        add(&mut gradients, &mut rest, &self.cubes, place);
        add(&mut gradients, &mut rest, &self.blocks, place);
        gradients
    }

    /// All numbers.
    pub(crate) fn values(&self) -> Vec<f64> {
        let mut all = Vec::new();
        all.extend(self.vectors.iter().flat_map(|param| values(param.val())));
        all.extend(self.matrices.iter().flat_map(|param| values(param.val())));
        all.extend(self.cubes.iter().flat_map(|param| values(param.val())));
        all.extend(self.blocks.iter().flat_map(|param| values(param.val())));
        all
    }
}

/// Where a descent goes by these gradients, and what it would be evaluated at.
pub(crate) struct Way {
    pub(crate) parameters: Vec<Vec<f64>>,
    pub(crate) evaluations: Vec<Vec<f64>>,
    pub(crate) outcomes: Vec<Result<StepOutcome, StepError>>,
    /// The scale of the loss after each step.
    pub(crate) scales: Vec<f64>,
}

/// Goes the way of a descent.
pub(crate) fn descend(
    descent: &mut Descent,
    module: Numbers,
    gradients: &[Vec<f64>],
    place: &Place,
) -> Way {
    go(descent, module, gradients, &[], place, true)
}

/// Number of steps from one estimate of the Hessian's diagonal to the next.
const HESSIAN_STEPS: usize = 3;

/// Goes the way of a descent, by these gradients times the scale of the loss. What it would be
/// evaluated at is read only if it has `averages`. An optimizer that needs the losses is told
/// these, and 1 after the last. One that uses the diagonal of the Hessian is told the squares of
/// the gradients less 0.1 after the first step and after every third from there.
pub(crate) fn go(
    descent: &mut Descent,
    mut module: Numbers,
    gradients: &[Vec<f64>],
    losses: &[f64],
    place: &Place,
    averages: bool,
) -> Way {
    let mut way = Way {
        parameters: Vec::new(),
        evaluations: Vec::new(),
        outcomes: Vec::new(),
        scales: Vec::new(),
    };
    let losses = losses.iter().copied().chain(std::iter::repeat(1.0));
    for (numbers, loss) in gradients.iter().zip(losses) {
        let scale = descent.loss_scale();
        let scaled: Vec<f64> = numbers.iter().map(|number| scale * number).collect();
        let gradients = module.gradients(&scaled, place);
        if descent.needs_loss() {
            descent.tell_loss(loss);
        }
        let outcome;
        (module, outcome) = match descent.step(module, gradients) {
            Ok((module, outcome)) => (module, Ok(outcome)),
            Err(FailedStep { module, error, .. }) => (module, Err(error)),
        };
        if descent.uses_hessian_diagonal() && way.parameters.len().is_multiple_of(HESSIAN_STEPS) {
            let squares = numbers.iter().map(|number| number * number - 0.1);
            let diagonal = module.gradients(&squares.collect::<Vec<_>>(), place);
            let told = descent.tell_hessian_diagonal(&module, diagonal);
            told.expect("the module fits");
        }
        way.parameters.push(module.values());
        if averages {
            let averaged = descent.averaged(module.clone());
            way.evaluations.push(averaged.values());
        }
        way.outcomes.push(outcome);
        way.scales.push(descent.loss_scale());
    }
    way
}

/// Goes the way of an optimizer of Burn's kind.
pub(crate) fn step_each(
    optimizer: &mut ModuleOptimizer,
    rate: f64,
    mut module: Numbers,
    gradients: &[Vec<f64>],
    place: &Place,
) -> Vec<Vec<f64>> {
    let mut places = Vec::new();
    for numbers in gradients {
        let gradients = module.gradients(numbers, place);
        module = optimizer.step(rate, module, gradients);
        places.push(module.values());
    }
    places
}
