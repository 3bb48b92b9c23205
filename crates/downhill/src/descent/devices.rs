//! Gradients of several devices, and parameters that change theirs.

use burn::module::{Module, Param};
use burn::optim::{GradientsParams, MultiGradientsParams};
use burn::tensor::Tensor;

use super::slots::Context;
use super::visit::{ParamMapper, map_params};
use super::{Descent, FailedStep, StepOutcome};

impl Descent {
    /// Like [`step`](Self::step), with gradients from several devices, such as those of
    /// `MultiDeviceOptim::OptimSharded`. The gradients of a parameter are added as Burn's
    /// `ModuleOptimizer::step_multi` adds them: on a device that its id determines. The parameter
    /// and its memory are moved there.
    ///
    /// ```
    /// use burn::nn::{Initializer, LinearConfig};
    /// use burn::optim::{GradientsParams, MultiGradientsParams};
    /// use burn::tensor::{Device, Tensor};
    /// use downhill::{DescentConfig, SgdConfig};
    ///
    /// let devices = [Device::flex().autodiff(), Device::flex().autodiff()];
    /// let start = LinearConfig::new(3, 1).with_initializer(Initializer::Ones);
    /// let model = start.init(&devices[0]);
    /// let mut gradients = MultiGradientsParams::default();
    /// for device in devices {
    ///     let loss = model.forward(Tensor::<2>::ones([4, 3], &device)).mean();
    ///     let own = GradientsParams::from_grads(loss.backward(), &model);
    ///     gradients.grads.push((own, device));
    /// }
    /// let sgd = SgdConfig::torch().with_learning_rate(0.25);
    /// let mut descent = DescentConfig::new(sgd).build()?;
    /// let (model, _) = descent.step_multi(model, gradients)?;
    /// assert_eq!(model.weight.val().into_data().iter::<f32>().next(), Some(0.5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`step`](Self::step).
    pub fn step_multi<M: Module>(
        &mut self,
        module: M,
        gradients: MultiGradientsParams,
    ) -> Result<(M, StepOutcome), FailedStep<M>> {
        let (module, gradients) = gather(module, gradients);
        self.step(module, gradients)
    }
}

/// Adds the gradients of each parameter on one device, and moves the parameter there.
pub(crate) fn gather<M: Module>(
    module: M,
    gradients: MultiGradientsParams,
) -> (M, GradientsParams) {
    let mut gatherer = Gatherer {
        gradients,
        sums: GradientsParams::new(),
    };
    let module = map_params(module, &mut gatherer);
    (module, gatherer.sums)
}

struct Gatherer {
    gradients: MultiGradientsParams,
    sums: GradientsParams,
}

impl ParamMapper for Gatherer {
    fn map<const D: usize>(&mut self, _path: &str, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some((gradient, _)) = self.gradients.remove::<D>(param.id) else {
            return param;
        };
        let device = gradient.device();
        self.sums.register(param.id, gradient);
        let (id, old, mapper) = param.consume();
        let context = Context::of(&old);
        let value = old.inner();
        let value = match value.device() == device {
            true => value,
            false => value.to_device(&device),
        };
        Param::from_mapped_value(id, context.lift(value, id), mapper)
    }
}
