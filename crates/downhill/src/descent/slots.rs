//! The parameters of a module side by side, with their gradients.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{GradientCheckpointingStrategy, Tensor};

use super::order::Path;

/// A parameter that is to be stepped.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// The way to it through the module.
    pub(crate) path: String,
    pub(crate) id: ParamId,
    pub(crate) shape: Vec<usize>,
    /// Its elements, row by row, without autodiff.
    pub(crate) value: Tensor<1>,
    /// Its gradient, in the same order.
    pub(crate) gradient: Tensor<1>,
}

impl Slot {
    /// Whether it has no elements.
    pub(crate) fn is_empty(&self) -> bool {
        self.value.dims() == [0]
    }
}

/// The sum of numbers that lie on a device, `[1]` each, fetched at once where they are of one kind.
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

/// Adds a gradient of 0 for each trained parameter that has none but is chosen by its path.
pub(crate) fn add_pending<M: Module>(
    module: &M,
    gradients: &mut GradientsParams,
    chosen: impl Fn(&str) -> bool,
) {
    module.visit(&mut Pending {
        path: Path::default(),
        gradients,
        chosen,
    });
}

struct Pending<'a, F> {
    path: Path,
    gradients: &'a mut GradientsParams,
    chosen: F,
}

impl<F: Fn(&str) -> bool> ModuleVisitor for Pending<'_, F> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let missing = || self.gradients.get::<D>(param.id).is_none();
        // Off the tape those with a gradient are trained, and the chosen had one.
        let is_trained = param.is_require_grad() || !Tensor::is_autodiff(param);
        if is_trained && (self.chosen)(self.path.as_str()) && missing() {
            let nothing = param.base().inner().zeros_like();
            self.gradients.register::<D>(param.id, nothing);
        }
    }
}

/// Whether a parameter is trained: on the tape that it requires a gradient says so, off the tape that it
/// has one.
pub(super) fn is_trained<const D: usize>(
    param: &Param<Tensor<D>>,
    has_gradient: impl FnOnce() -> bool,
) -> bool {
    param.is_require_grad() || !Tensor::is_autodiff(param) && has_gradient()
}

/// The trained parameters that have a gradient, in the order of the module; their gradients are
/// taken out.
pub(crate) fn collect<M: Module>(module: &M, gradients: &mut GradientsParams) -> Vec<Slot> {
    let mut collector = Collector {
        path: Path::default(),
        gradients,
        slots: Vec::new(),
    };
    module.visit(&mut collector);
    collector.slots
}

struct Collector<'a> {
    path: Path,
    gradients: &'a mut GradientsParams,
    slots: Vec<Slot>,
}

impl ModuleVisitor for Collector<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !is_trained(param, || self.gradients.get::<D>(param.id).is_some()) {
            return;
        }
        let Some(gradient) = self.gradients.remove::<D>(param.id) else {
            return;
        };
        // The raw value: a reparameterization is visited by itself.
        let value = param.base().inner();
        let shape = value.shape();
        let elements = [shape.num_elements()];
        self.slots.push(Slot {
            path: self.path.as_str().to_string(),
            id: param.id,
            gradient: gradient.to_device(&value.device()).reshape(elements),
            value: value.reshape(elements),
            shape: shape.to_vec(),
        });
    }
}

/// What autodiff knows of a parameter, to be put back onto its next value as Burn's own optimizers
/// do it (`burn-optim` 0.22.1, `parameter_context.rs`).
pub(super) struct Context {
    /// How it is checkpointed; none off the tape.
    strategy: Option<GradientCheckpointingStrategy>,
    is_trained: bool,
    #[cfg(feature = "std")]
    is_distributed: bool,
}

impl Context {
    pub(super) fn of<const D: usize>(value: &Tensor<D>) -> Self {
        let strategy = value.gradient_checkpointing_strategy();
        Self {
            strategy,
            is_trained: value.is_require_grad(),
            #[cfg(feature = "std")]
            // Only what is on the tape can be asked.
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
        #[cfg(feature = "std")]
        if self.is_distributed {
            new = new.set_distributed(id);
        }
        #[cfg(not(feature = "std"))]
        let _ = id;
        new
    }
}

/// The module with the parameters that `change` gives another value, by path and flattened value.
pub(crate) fn map_values<M: Module>(
    module: M,
    change: impl FnMut(&str, Tensor<1>) -> Tensor<1>,
) -> M {
    module.map(&mut Changer {
        path: Path::default(),
        change,
    })
}

struct Changer<F> {
    path: Path,
    change: F,
}

impl<F: FnMut(&str, Tensor<1>) -> Tensor<1>> ModuleMapper for Changer<F> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, old, mapper) = param.consume();
        let context = Context::of(&old);
        let shape = old.shape();
        let flat = old.inner().reshape([shape.num_elements()]);
        let value: Tensor<D> = (self.change)(self.path.as_str(), flat).reshape(shape);
        Param::from_mapped_value(id, context.lift(value, id), mapper)
    }
}
