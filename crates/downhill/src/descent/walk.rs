//! A walk over the parameters that a descent steps, and their gradients.

#[cfg(feature = "flex")]
use burn::backend::flex::FlexTensor;
use burn::module::{Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Tensor};

use super::Descent;
use super::state::ParameterState;
use crate::rule::in_type;
#[cfg(feature = "flex")]
use crate::rule::on_flex;

/// A walk over the parameters of a module that a descent steps.
pub(super) struct Walk<'a> {
    pub(super) descent: &'a mut Descent,
    /// Number of trained parameters so far.
    met: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(descent: &'a mut Descent) -> Self {
        Self { descent, met: 0 }
    }

    /// Moves to the trained parameter at this path, and returns its group.
    pub(super) fn group_of_next(&mut self, path: &str, rank: usize) -> usize {
        let Descent { order, config, .. } = &mut *self.descent;
        let known = order.meet(self.met, path, rank, || config.group_of(path, rank));
        self.met += 1;
        known.group
    }

    /// Returns the place of the state of the last parameter, which is at this path. The state is on
    /// its device.
    pub(super) fn place_of_last<const D: usize>(
        &mut self,
        path: &str,
        group: usize,
        param: &Param<Tensor<D>>,
    ) -> usize {
        let Descent {
            order,
            state,
            config,
            ..
        } = &mut *self.descent;
        let stages = config.weights.len();
        let new = || ParameterState::new(group, stages);
        let place = order.place_of(self.met - 1, || state.place_of(path, new));
        // A state loaded before the first step has no group yet.
        let state = &mut state[place];
        state.group = group;
        if state.shape.is_none() {
            state.shape = Some(param.shape().to_vec());
        }
        state.move_to(&param.device());
        place
    }
}

/// The gradients of a step.
#[allow(clippy::large_enum_variant, reason = "there is one a step")]
pub(super) enum Gradients {
    /// As given: each is taken when its parameter is stepped.
    AsGiven(GradientsParams),
    /// Flattened, of the parameters to be stepped.
    Prepared(GradientsParams),
}

/// A gradient in its parameter's shape, or flattened.
pub(super) enum Gradient<const D: usize> {
    Shaped(Tensor<D>),
    Flat(Tensor<1>),
}

impl<const D: usize> Gradient<D> {
    pub(super) fn in_f32(self) -> Self {
        match self {
            Self::Shaped(gradient) => Self::Shaped(in_type(gradient, DType::F32)),
            Self::Flat(gradient) => Self::Flat(in_type(gradient, DType::F32)),
        }
    }

    /// Returns it flattened, on the device of the parameter.
    pub(super) fn flat(self, value: &Tensor<1>) -> Tensor<1> {
        match self {
            Self::Shaped(gradient) => (gradient.to_device(&value.device())).reshape(value.dims()),
            Self::Flat(gradient) => gradient,
        }
    }

    /// Gives the parameter and this to a step on flex, see [`on_flex`].
    #[cfg(feature = "flex")]
    pub(super) fn on_flex(
        self,
        value: Tensor<D>,
        step: impl FnOnce(&mut FlexTensor, &FlexTensor) -> bool,
    ) -> Result<Tensor<D>, (Tensor<D>, Self)> {
        match self {
            Self::Shaped(gradient) => on_flex(value, gradient, step)
                .map_err(|(value, gradient)| (value, Self::Shaped(gradient))),
            Self::Flat(gradient) => on_flex(value, gradient, step)
                .map_err(|(value, gradient)| (value, Self::Flat(gradient))),
        }
    }
}

impl Gradients {
    pub(super) fn prepared(gradients: impl IntoIterator<Item = (ParamId, Tensor<1>)>) -> Self {
        let mut prepared = GradientsParams::new();
        for (id, gradient) in gradients {
            prepared.register(id, gradient);
        }
        Self::Prepared(prepared)
    }

    pub(super) fn take<const D: usize>(&mut self, id: ParamId) -> Option<Gradient<D>> {
        match self {
            Self::AsGiven(gradients) => gradients.remove(id).map(Gradient::Shaped),
            Self::Prepared(gradients) => gradients.remove(id).map(Gradient::Flat),
        }
    }

    /// Returns the gradient of a parameter of this shape, flattened.
    pub(super) fn get<const D: usize>(&self, param: &Param<Tensor<D>>) -> Option<Tensor<1>> {
        match self {
            Self::AsGiven(gradients) => {
                let gradient = gradients.get::<D>(param.id)?;
                let elements = gradient.shape().num_elements();
                Some(gradient.reshape([elements]))
            }
            Self::Prepared(gradients) => gradients.get::<1>(param.id),
        }
    }

    /// Returns no gradients, of the same kind.
    #[cfg(feature = "_cubecl")]
    pub(super) fn none_alike(&self) -> Self {
        match self {
            Self::AsGiven(_) => Self::AsGiven(GradientsParams::new()),
            Self::Prepared(_) => Self::Prepared(GradientsParams::new()),
        }
    }

    #[cfg(feature = "_cubecl")]
    pub(super) fn put<const D: usize>(&mut self, id: ParamId, gradient: Gradient<D>) {
        match (self, gradient) {
            (Self::AsGiven(gradients), Gradient::Shaped(gradient)) => {
                gradients.register(id, gradient);
            }
            (Self::AsGiven(gradients) | Self::Prepared(gradients), Gradient::Flat(gradient)) => {
                gradients.register(id, gradient);
            }
            (Self::Prepared(gradients), Gradient::Shaped(gradient)) => {
                gradients.register(id, gradient);
            }
        }
    }
}
