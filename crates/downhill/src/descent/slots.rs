//! The parameters of a module side by side, with their gradients.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

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
        path: Vec::new(),
        gradients,
        chosen,
    });
}

struct Pending<'a, F> {
    path: Vec<String>,
    gradients: &'a mut GradientsParams,
    chosen: F,
}

impl<F: Fn(&str) -> bool> ModuleVisitor for Pending<'_, F> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let missing = || self.gradients.get::<D>(param.id).is_none();
        if param.is_require_grad() && (self.chosen)(&self.path.join(".")) && missing() {
            let nothing = param.base().inner().zeros_like();
            self.gradients.register::<D>(param.id, nothing);
        }
    }
}

/// The trained parameters that have a gradient, in the order of the module; their gradients are
/// taken out.
pub(crate) fn collect<M: Module>(module: &M, gradients: &mut GradientsParams) -> Vec<Slot> {
    let mut collector = Collector {
        path: Vec::new(),
        gradients,
        slots: Vec::new(),
    };
    module.visit(&mut collector);
    collector.slots
}

struct Collector<'a> {
    path: Vec<String>,
    gradients: &'a mut GradientsParams,
    slots: Vec<Slot>,
}

impl ModuleVisitor for Collector<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !param.is_require_grad() {
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
            path: self.path.join("."),
            id: param.id,
            gradient: gradient.to_device(&value.device()).reshape(elements),
            value: value.reshape(elements),
            shape: shape.to_vec(),
        });
    }
}

/// The module with the values of these slots, which are in its order.
pub(crate) fn write_back<M: Module>(module: M, slots: Vec<Slot>) -> M {
    let mut slots = slots.into_iter();
    let next = slots.next();
    module.map(&mut Writer { slots, next })
}

struct Writer {
    slots: alloc::vec::IntoIter<Slot>,
    next: Option<Slot>,
}

impl ModuleMapper for Writer {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(slot) = self.next.take_if(|slot| slot.id == param.id) else {
            return param;
        };
        self.next = self.slots.next();
        let (id, old, mapper) = param.consume();
        let value: Tensor<D> = slot.value.reshape(old.shape());
        Param::from_mapped_value(id, lifted(value, &old, id), mapper)
    }
}

/// A new value with what autodiff knew of the old one, as Burn's own optimizers put it back
/// (`burn-optim` 0.22.1, `parameter_context.rs`).
fn lifted<const D: usize>(value: Tensor<D>, old: &Tensor<D>, id: ParamId) -> Tensor<D> {
    if !old.is_autodiff() {
        return value;
    }
    let mut new = Tensor::from_inner(value);
    if let Some(strategy) = old.gradient_checkpointing_strategy() {
        new = new.with_gradient_checkpointing_strategy(strategy);
    }
    if old.is_require_grad() {
        new = new.require_grad();
    }
    #[cfg(feature = "std")]
    if old.is_distributed() {
        new = new.set_distributed(id);
    }
    #[cfg(not(feature = "std"))]
    let _ = id;
    new
}

/// The module with the parameters that `change` gives another value, by path and flattened value.
pub(crate) fn map_values<M: Module>(
    module: M,
    change: impl FnMut(&str, Tensor<1>) -> Tensor<1>,
) -> M {
    module.map(&mut Changer {
        path: Vec::new(),
        change,
    })
}

struct Changer<F> {
    path: Vec<String>,
    change: F,
}

impl<F: FnMut(&str, Tensor<1>) -> Tensor<1>> ModuleMapper for Changer<F> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, old, mapper) = param.consume();
        let inner = match old.is_autodiff() {
            true => old.clone().inner(),
            false => old.clone(),
        };
        let shape = inner.shape();
        let flat = inner.reshape([shape.num_elements()]);
        let value: Tensor<D> = (self.change)(&self.path.join("."), flat).reshape(shape);
        Param::from_mapped_value(id, lifted(value, &old, id), mapper)
    }
}
