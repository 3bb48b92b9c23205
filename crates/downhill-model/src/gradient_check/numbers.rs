//! Random values at which gradients are checked.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, Tensor, TensorData};

/// A source of random values.
pub(super) struct Numbers<'a> {
    /// Supplies numbers of mean 0 and variance 1.
    pub(super) normal: &'a mut dyn FnMut() -> f64,
    /// A device with autodiff.
    pub(super) device: &'a Device,
}

/// Returns the values of a tensor.
pub(super) fn of<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

impl Numbers<'_> {
    /// Draws `number` values, multiplied by `factor` and rounded to `f32`, so that results in `f32`
    /// can be compared.
    pub(super) fn some(&mut self, number: usize, factor: f64) -> Vec<f64> {
        let one = |_| f64::from((factor * (self.normal)()) as f32);
        (0..number).map(one).collect()
    }

    pub(super) fn tensor<const D: usize>(&self, numbers: Vec<f64>, shape: [usize; D]) -> Tensor<D> {
        let options = (self.device, DType::F64);
        Tensor::from_data(TensorData::new(numbers, shape), options)
    }

    /// Makes a trained parameter.
    pub(super) fn input(&self, numbers: Vec<f64>, shape: [usize; 2]) -> Param<Tensor<2>> {
        Param::from_tensor(self.tensor(numbers, shape))
    }

    pub(super) fn drawn(&mut self, shape: [usize; 2]) -> Param<Tensor<2>> {
        let numbers = self.some(shape[0] * shape[1], 1.0);
        self.input(numbers, shape)
    }

    /// Draws the factors that turn a layer's output into a loss, by a weighted sum.
    pub(super) fn upstream(&mut self, shape: [usize; 2]) -> Tensor<2> {
        let numbers = self.some(shape[0] * shape[1], 1.0);
        self.tensor(numbers, shape)
    }

    /// Returns values in random order that are 0.1 apart.
    pub(super) fn apart(&mut self, number: usize) -> Vec<f64> {
        let drawn = self.some(number, 1.0);
        let mut order: Vec<usize> = (0..number).collect();
        order.sort_by(|&a, &b| drawn[a].total_cmp(&drawn[b]));
        let mut apart = vec![0.0; number];
        for (rank, index) in order.into_iter().enumerate() {
            apart[index] = 0.1 * (rank as f64 - 0.5 * number as f64);
        }
        apart
    }

    /// Draws a mask of 0 and 1, equally likely.
    pub(super) fn mask(&mut self, number: usize) -> Vec<f32> {
        let one = |_| f32::from(u8::from((self.normal)() > 0.0));
        (0..number).map(one).collect()
    }

    /// Replaces the trained parameters of a module by random values, multiplied by `factor`, and
    /// casts all parameters to `f64`.
    pub(super) fn fill<M: Module>(&mut self, module: M, factor: f64) -> M {
        let numbers = self;
        module.map(&mut Fill { numbers, factor })
    }
}

struct Fill<'a, 'b> {
    numbers: &'a mut Numbers<'b>,
    factor: f64,
}

impl ModuleMapper for Fill<'_, '_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let is_trained = param.is_require_grad();
        param.map(|old| {
            if !is_trained {
                return old.cast(DType::F64);
            }
            let numbers = self.numbers.some(old.shape().num_elements(), self.factor);
            self.numbers.tensor(numbers, old.dims()).require_grad()
        })
    }
}

/// Casts a module to `f32`.
#[cfg(feature = "flex")]
pub(super) fn in_f32<M: Module>(module: M) -> M {
    module.map(&mut InF32)
}

#[cfg(feature = "flex")]
struct InF32;

#[cfg(feature = "flex")]
impl ModuleMapper for InF32 {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let is_trained = param.is_require_grad();
        param.map(|old| {
            let rounded = old.cast(DType::F32).detach();
            rounded.set_require_grad(is_trained)
        })
    }
}
