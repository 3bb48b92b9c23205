//! Estimates of the Hessian's diagonal.

use burn::module::Module;
use burn::optim::GradientsParams;

use super::slots::collect;
use super::{Descent, StepError, not_finite};

impl Descent {
    /// Takes an estimate of the diagonal of the loss's Hessian into the mean that
    /// [`Sophia`](crate::Sophia) divides by from the next step on. The estimate has the form of
    /// gradients: a tensor of the shape of each parameter, by the parameter's id. It is called
    /// between steps, usually every ten, with what Hutchinson's or another estimator returns.
    ///
    /// Parameters that are not in the estimate, that are not trained or that have another optimizer
    /// keep what they have. Where gradients that are not finite are skipped, such an estimate is
    /// left out.
    ///
    /// ```
    /// use burn::nn::{Initializer, LinearConfig};
    /// use burn::optim::GradientsParams;
    /// use burn::tensor::{Device, Tensor};
    /// use downhill::{DescentConfig, SophiaConfig};
    ///
    /// let mut descent = DescentConfig::new(SophiaConfig::optax()).build()?;
    /// let device = Device::flex().autodiff();
    /// let start = Initializer::Ones;
    /// let mut model = LinearConfig::new(3, 1).with_initializer(start).init(&device);
    /// let input = Tensor::<2>::ones([4, 3], &device);
    /// for step in 0..20 {
    ///     if step % 10 == 0 {
    ///         // The mean of (w * x)^2 has the second derivatives 2 x^2.
    ///         let mut diagonal = GradientsParams::new();
    ///         let of_weight = model.weight.val().inner().ones_like().mul_scalar(2.0);
    ///         diagonal.register(model.weight.id, of_weight);
    ///         descent.tell_hessian_diagonal(&model, diagonal)?;
    ///     }
    ///     let loss = model.forward(input.clone()).square().mean();
    ///     let gradients = GradientsParams::from_grads(loss.backward(), &model);
    ///     (model, _) = descent.step(model, gradients)?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the module does not fit the config or a state that was loaded, as for
    /// [`step`](Self::step). Nothing has changed then.
    ///
    /// # Panics
    ///
    /// If the estimate of a parameter has another number of elements.
    pub fn tell_hessian_diagonal<M: Module>(
        &mut self,
        module: &M,
        mut diagonal: GradientsParams,
    ) -> Result<(), StepError> {
        self.check_module(module, &diagonal)?;
        let mut slots = collect(module, &mut diagonal);
        slots.retain(|slot| !slot.is_empty() && !self.groups[self.group_of(slot)].frozen);
        if self.skips() && !not_finite(&slots).is_empty() {
            return Ok(());
        }
        for slot in &slots {
            let rule = self.groups[self.group_of(slot)].rule.clone();
            let Some(decay) = rule.hessian_decay() else {
                continue;
            };
            let memory = &mut self.state_mut(slot).rule;
            if memory.tensor(DIAGONAL).is_none() {
                // The first step takes this for the state that it would make.
                for name in &rule.tensors()[..rule.always()] {
                    memory.put(name, slot.value.zeros_like());
                }
            }
            memory.mix(DIAGONAL, decay, slot.gradient.clone());
        }
        Ok(())
    }

    /// Whether an optimizer of the config uses the diagonal of the Hessian, as
    /// [`Sophia`](crate::Sophia) does.
    pub fn uses_hessian_diagonal(&self) -> bool {
        let uses = |group: &super::GroupState| group.rule.hessian_decay().is_some();
        (self.groups.iter()).any(|group| !group.frozen && uses(group))
    }
}

/// What a rule calls the mean.
const DIAGONAL: &str = "hessian_diagonal";
