//! The parameters of a module as a list, with their gradients.

use burn::module::{Module, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{DType, GradientCheckpointingStrategy, Tensor};

use crate::rule::{in_type, is_narrow, widened};

use super::visit::{ParamMapper, ParamVisitor, map_params, visit_params};

/// A parameter that is to be stepped.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// Its path through the fields of the module.
    pub(crate) path: String,
    pub(crate) id: ParamId,
    pub(crate) shape: Vec<usize>,
    /// Its elements, row by row, without autodiff, in `f32` if their type has 16 bits.
    pub(crate) value: Tensor<1>,
    /// Its gradient, in the same order.
    pub(crate) gradient: Tensor<1>,
}

/// The type of a slot's tensors, for a parameter of this type.
pub(crate) fn type_of_a_slot(dtype: DType) -> DType {
    if is_narrow(dtype) { DType::F32 } else { dtype }
}

impl Slot {
    /// Whether it has no elements.
    pub(crate) fn is_empty(&self) -> bool {
        self.value.dims() == [0]
    }
}

/// Returns the sum of numbers on a device, `[1]` each, fetched at once if they have one type and
/// device.
pub(crate) fn sum(numbers: Vec<Tensor<1>>) -> f64 {
    let alike = |a: &Tensor<1>, b: &Tensor<1>| a.dtype() == b.dtype() && a.device() == b.device();
    let all_alike = numbers.windows(2).all(|pair| alike(&pair[0], &pair[1]));
    if numbers.is_empty() {
        0.0
    } else if all_alike {
        Tensor::cat(numbers, 0).into_data().iter::<f64>().sum()
    } else {
        numbers.into_iter().map(Tensor::into_scalar::<f64>).sum()
    }
}

/// Adds a gradient of 0 for each trained parameter that has none and whose path is chosen.
pub(crate) fn add_pending<M: Module>(
    module: &M,
    gradients: &mut GradientsParams,
    chosen: impl Fn(&str) -> bool,
) {
    visit_params(module, &mut Pending { gradients, chosen });
}

struct Pending<'a, F> {
    gradients: &'a mut GradientsParams,
    chosen: F,
}

impl<F: Fn(&str) -> bool> ParamVisitor for Pending<'_, F> {
    fn visit<const D: usize>(&mut self, path: &str, param: &Param<Tensor<D>>) {
        let missing = || self.gradients.get::<D>(param.id).is_none();
        // Off the tape a parameter with a gradient is trained, and the chosen ones had one.
        let is_trained = param.is_require_grad() || !Tensor::is_autodiff(param);
        if is_trained && (self.chosen)(path) && missing() {
            let zero = param.base().inner().zeros_like();
            self.gradients.register::<D>(param.id, zero);
        }
    }
}

/// Whether a parameter is trained: on the tape if it requires a gradient, off the tape if it has
/// one.
pub(crate) fn is_trained<const D: usize>(
    param: &Param<Tensor<D>>,
    has_gradient: impl FnOnce() -> bool,
) -> bool {
    param.is_require_grad() || !Tensor::is_autodiff(param) && has_gradient()
}

/// Takes the gradients of the trained parameters, in the order of the module.
pub(crate) fn collect<M: Module>(module: &M, gradients: &mut GradientsParams) -> Vec<Slot> {
    let slots = Vec::new();
    let mut collector = Collector { gradients, slots };
    visit_params(module, &mut collector);
    collector.slots
}

struct Collector<'a> {
    gradients: &'a mut GradientsParams,
    slots: Vec<Slot>,
}

impl ParamVisitor for Collector<'_> {
    fn visit<const D: usize>(&mut self, path: &str, param: &Param<Tensor<D>>) {
        if !is_trained(param, || self.gradients.get::<D>(param.id).is_some()) {
            return;
        }
        let Some(gradient) = self.gradients.remove::<D>(param.id) else {
            return;
        };
        // The raw value: a reparameterization is visited by itself.
        let value = widened(param.base().inner());
        let shape = value.shape();
        let elements = [shape.num_elements()];
        let gradient = match is_narrow(param.dtype()) {
            true => in_type(gradient, DType::F32),
            false => gradient,
        };
        self.slots.push(Slot {
            path: path.to_string(),
            id: param.id,
            gradient: gradient.to_device(&value.device()).reshape(elements),
            value: value.reshape(elements),
            shape: shape.to_vec(),
        });
    }
}

/// The autodiff settings of a parameter, for its next value, as in Burn's own optimizers
/// (`burn-optim` 0.22.1, `parameter_context.rs`).
pub(super) struct Context {
    /// How it is checkpointed. `None` off the tape.
    strategy: Option<GradientCheckpointingStrategy>,
    is_trained: bool,
    is_distributed: bool,
}

impl Context {
    pub(super) fn of<const D: usize>(value: &Tensor<D>) -> Self {
        let strategy = value.gradient_checkpointing_strategy();
        Self {
            strategy,
            is_trained: value.is_require_grad(),
            // Burn answers this on the tape only.
            is_distributed: strategy.is_some() && value.is_distributed(),
        }
    }

    pub(super) fn lift<const D: usize>(&self, value: Tensor<D>, id: ParamId) -> Tensor<D> {
        let Some(strategy) = self.strategy else {
            return value;
        };
        let mut new = Tensor::from_inner(value).with_gradient_checkpointing_strategy(strategy);
        if self.is_trained {
            new = new.require_grad();
        }
        if self.is_distributed {
            new = new.set_distributed(id);
        }
        new
    }
}

/// Maps the flattened value of each parameter, in `f32` if its type has 16 bits.
pub(crate) fn map_values<M: Module>(
    module: M,
    change: impl FnMut(&str, Tensor<1>) -> Tensor<1>,
) -> M {
    map_params(module, &mut Changer(change))
}

struct Changer<F>(F);

impl<F: FnMut(&str, Tensor<1>) -> Tensor<1>> ParamMapper for Changer<F> {
    fn map<const D: usize>(&mut self, path: &str, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, old, mapper) = param.consume();
        let context = Context::of(&old);
        let shape = old.shape();
        let dtype = old.dtype();
        let flat = widened(old.inner()).reshape([shape.num_elements()]);
        let value: Tensor<D> = in_type((self.0)(path, flat), dtype).reshape(shape);
        Param::from_mapped_value(id, context.lift(value, id), mapper)
    }
}
