//! The step of each parameter of a module.

#[cfg(feature = "_cubecl")]
use core::iter::Peekable;

use burn::module::{Module, Param};
use burn::tensor::{DType, Tensor};

use super::averages::Made;
use super::members::{OwnRates, are_alike};
use super::slots::{Context, is_trained};
#[cfg(feature = "_cubecl")]
use super::together::Together;
use super::visit::{ParamMapper, map_params};
use super::walk::{Gradient, Gradients, Walk};
use super::{Descent, StepMask, StepOutcome, WeightStage};
use crate::rule::{Parameter, Real, is_narrow};

impl Descent {
    /// Steps the parameters that have a gradient, at each group's rate and with what its rule has
    /// measured.
    pub(super) fn update<M: Module>(
        &mut self,
        module: M,
        gradients: Gradients,
        rates: &[f64],
        sums: &[Vec<f64>],
    ) -> (M, StepOutcome) {
        #[cfg(feature = "_cubecl")]
        let (stepped, gradients) = self.step_together(&module, gradients, rates);
        let own_rates = OwnRates::new(&self.config.members);
        let mut stepper = Stepper {
            walk: Walk::new(self),
            own_rates,
            #[cfg(feature = "_cubecl")]
            stepped,
            gradients,
            rates,
            sums,
            has_stepped: false,
        };
        let module = map_params(module, &mut stepper);
        if !stepper.has_stepped {
            return (module, StepOutcome::NoGradients);
        }
        self.steps += 1;
        (module, StepOutcome::Stepped)
    }
}

struct Stepper<'a> {
    walk: Walk<'a>,
    own_rates: OwnRates,
    /// Parameters that have been stepped already, in the order of the module.
    #[cfg(feature = "_cubecl")]
    stepped: Peekable<std::vec::IntoIter<Together>>,
    gradients: Gradients,
    rates: &'a [f64],
    sums: &'a [Vec<f64>],
    has_stepped: bool,
}

impl ParamMapper for Stepper<'_> {
    fn map<const D: usize>(&mut self, path: &str, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        #[cfg(feature = "_cubecl")]
        if let Some(stepped) = self.stepped.next_if(|next| next.id == param.id) {
            let group = self.walk.group_of_next(path, D);
            self.has_stepped = true;
            let (id, old, mapper) = param.consume();
            let context = Context::of(&old);
            let value = self.end(group, old.inner(), stepped);
            return Param::from_mapped_value(id, context.lift(value, id), mapper);
        }
        let gradient = self.gradients.take(param.id);
        if !is_trained(&param, || gradient.is_some()) {
            return param;
        }
        let group = self.walk.group_of_next(path, D);
        if self.walk.descent.groups[group].frozen {
            return param;
        }
        let Some(gradient) = gradient else {
            return param;
        };
        self.has_stepped = true;
        let place = self.walk.place_of_last(path, group, &param);
        // The raw value: a reparameterization is mapped by itself. It is taken out of the module,
        // so that nobody else holds it and it can be changed in place.
        let (id, old, mapper) = param.consume();
        let context = Context::of(&old);
        let dtype = old.dtype();
        let value = match is_narrow(dtype) {
            true => self.step_narrow(group, place, old.inner(), gradient),
            false => self.step(group, place, old.inner(), gradient),
        };
        Param::from_mapped_value(id, context.lift(value, id), mapper)
    }
}

impl Stepper<'_> {
    /// Returns the new value of a parameter that was stepped together with others.
    #[cfg(feature = "_cubecl")]
    fn end<const D: usize>(
        &mut self,
        group: usize,
        old: Tensor<D>,
        together: Together,
    ) -> Tensor<D> {
        let Together {
            place,
            masked_by,
            done,
            ..
        } = together;
        let looks_back = self.looks_back();
        let before = looks_back.then_some(old);
        let descent = &mut *self.walk.descent;
        let x: Tensor<D> = done.into_value(&mut descent.state[place].rule);
        if !looks_back && descent.config.weights.is_empty() {
            return x;
        }
        let shape = x.shape();
        let elements = [shape.num_elements()];
        let stepped = Stepped {
            group,
            place,
            shape: &shape,
            before: before.map(|before| before.reshape(elements)),
            masked_by,
        };
        self.after_rule(stepped, x.reshape(elements)).reshape(shape)
    }

    /// Returns the new value of the last parameter of the walk, whose type has 16 bits.
    fn step_narrow<const D: usize>(
        &mut self,
        group: usize,
        place: usize,
        old: Tensor<D>,
        gradient: Gradient<D>,
    ) -> Tensor<D> {
        let (dtype, shape) = (old.dtype(), old.shape());
        let state = &mut self.walk.descent.state[place];
        state.rule = core::mem::take(&mut state.rule).widened();
        let value = match state.master.take() {
            Some(master) => master.reshape(shape.clone()),
            None => old.cast(DType::F32),
        };
        let value = self.step(group, place, value, gradient.in_f32());
        let descent = &mut *self.walk.descent;
        if descent.config.master_weights {
            let elements = [shape.num_elements()];
            descent.state[place].master = Some(value.clone().reshape(elements));
        }
        value.cast(dtype)
    }

    /// Returns the new value of the last parameter of the walk.
    fn step<const D: usize>(
        &mut self,
        group: usize,
        place: usize,
        value: Tensor<D>,
        gradient: Gradient<D>,
    ) -> Tensor<D> {
        let rate = self.rates[group];
        let descent = &mut *self.walk.descent;
        let config = &descent.config;
        let rule = &*descent.groups[group].rule;
        let state = &mut descent.state[place];
        // A rule that measures has counted this step already.
        if !rule.measures() {
            state.rule.time += 1;
        }
        let is_masked = config.mask == StepMask::Cautious;
        #[cfg(feature = "flex")]
        let is_followed = is_masked || !are_alike(&config.members) || !config.weights.is_empty();
        #[cfg(feature = "flex")]
        let (value, gradient) = if is_followed {
            (value, gradient)
        } else {
            let memory = &mut state.rule;
            match gradient.on_flex(value, |x, g| rule.step_in_place(rate, x, g, memory)) {
                Ok(value) => return value,
                Err(both) => both,
            }
        };
        let shape = value.shape();
        let elements = shape.num_elements();
        if elements == 0 {
            return value;
        }
        let value = value.reshape([elements]);
        let gradient = gradient.flat(&value);
        let before = self.looks_back().then(|| value.clone());
        let masked_by = is_masked.then(|| gradient.clone());
        let parameter = Parameter {
            value,
            gradient,
            shape: &shape,
        };
        let sums = self.sums.get(group).map_or(&[][..], Vec::as_slice);
        let descent = &mut *self.walk.descent;
        let rule = &*descent.groups[group].rule;
        let state = &mut descent.state[place];
        let memory = core::mem::take(&mut state.rule);
        let (x, memory) = rule.step(rate, parameter, memory, sums);
        state.rule = memory;
        let stepped = Stepped {
            group,
            place,
            shape: &shape,
            before,
            masked_by,
        };
        self.after_rule(stepped, x).reshape(shape)
    }

    /// Whether what follows the rule needs the parameter from before the step.
    fn looks_back(&self) -> bool {
        let config = &self.walk.descent.config;
        config.mask == StepMask::Cautious
            || !are_alike(&config.members)
            || config.weights.iter().any(WeightStage::looks_back)
    }

    /// Returns the value after all that follows the rule.
    fn after_rule(&mut self, stepped: Stepped<'_>, mut x: Tensor<1>) -> Tensor<1> {
        let descent = &mut *self.walk.descent;
        let config = &descent.config;
        let before = stepped.before;
        if let (false, Some(before)) = (are_alike(&config.members), &before) {
            x = self.own_rates.apply(before, x);
        }
        let rule = &descent.groups[stepped.group].rule;
        let waits = rule.waits(descent.state[stepped.place].rule.time);
        if let (false, Some(gradient), Some(before)) = (waits, stepped.masked_by, &before) {
            let rate = self.rates[stepped.group];
            let (decay, rate) = rule.weight_decay_of(stepped.shape, rate);
            let decayed = decay.alone(rate, before.clone(), &x);
            x = cautiously(decayed, x, gradient);
        }
        let made = Made {
            before: before.as_ref(),
            rate: self.rates[stepped.group],
        };
        let memories = &mut descent.state[stepped.place].weights;
        for (stage, memory) in config.weights.iter().zip(memories) {
            memory.time += 1;
            x = stage.after(&made, x, memory);
        }
        x
    }
}

/// A parameter that its rule has stepped.
struct Stepped<'a> {
    group: usize,
    /// The place of its state.
    place: usize,
    shape: &'a [usize],
    /// Its elements before the step, if they are needed.
    before: Option<Tensor<1>>,
    /// Its gradient, if the step is masked.
    masked_by: Option<Tensor<1>>,
}

/// Returns the step from `from` to `to`, masked where it does not go against the gradient.
fn cautiously(from: Tensor<1>, to: Tensor<1>, gradient: Tensor<1>) -> Tensor<1> {
    let step = to - from.clone();
    let along = -(step.clone() * gradient);
    let mask = along.clone().positive_or(along.fill(1.0), along.zero());
    let share = mask.clone().mean().clamp_min(1e-3);
    from + step * mask / share
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::backend::Flex;
    use burn::nn::{Initializer, Linear, LinearConfig};
    use burn::optim::GradientsParams;
    use burn::tensor::Device;

    use super::*;
    use crate::{AdamConfig, DescentConfig, OptimizerConfig, StepOutcome};

    fn model() -> Linear {
        let device = Device::flex().autodiff();
        let start = Initializer::Ones;
        LinearConfig::new(5, 7)
            .with_initializer(start)
            .init(&device)
    }

    fn step(descent: &mut Descent, model: Linear) -> Linear {
        let input = Tensor::<2>::ones([3, 5], &Device::flex().autodiff());
        let loss = model.forward(input).square().mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        let stepped = descent.step(model, gradients);
        let (model, outcome) = stepped.expect("there is no schedule");
        assert_eq!(outcome, StepOutcome::Stepped);
        model
    }

    fn addresses(model: &Linear) -> [usize; 2] {
        let bias = model.bias.as_ref().expect("it has a bias");
        let weight = model.weight.base().inner().try_into_primitive::<Flex>();
        let bias = bias.base().inner().try_into_primitive::<Flex>();
        [weight, bias].map(|value| value.expect("it is on flex").bytes().as_ptr() as usize)
    }

    #[test]
    fn a_step_is_made_where_the_parameter_lies() {
        let plain = DescentConfig::new(AdamConfig::torch());
        let clipped = plain.clone().with_max_global_norm(0.1);
        let averaged = plain.clone().with_ema(0.9);
        for config in [plain, clipped, averaged] {
            let mut descent = config.build().unwrap();
            let mut model = model();
            // An average begins as the weights after the first step, and shares their memory with
            // them until the second.
            for _ in 0..2 {
                model = step(&mut descent, model);
            }
            let before = addresses(&model);
            model = step(&mut descent, model);
            assert_eq!(addresses(&model), before, "{config:?}");
        }
    }

    /// Off the tape gradients come from elsewhere; there they decide what is trained.
    #[test]
    fn a_step_off_the_tape_is_the_same() {
        let of = |optimizer: OptimizerConfig| DescentConfig::new(optimizer);
        let adam = || of(AdamConfig::torch().into());
        let mut configs: Vec<DescentConfig> = OptimizerConfig::all().into_iter().map(of).collect();
        configs.extend([adam().with_max_global_norm(0.1), adam().with_ema(0.9)]);
        for config in configs {
            let (mut on, mut off) = (config.build().unwrap(), config.build().unwrap());
            let (mut model, mut plain) = (model(), None);
            for _ in 0..3 {
                let input = Tensor::<2>::ones([3, 5], &Device::flex().autodiff());
                let loss = model.forward(input).square().mean();
                let gradients = GradientsParams::from_grads(loss.backward(), &model);
                let mut same = GradientsParams::new();
                let weight = gradients.get::<2>(model.weight.id).unwrap();
                same.register(model.weight.id, weight.mul_scalar(1.0));
                let bias = model.bias.as_ref().unwrap().id;
                same.register(bias, gradients.get::<1>(bias).unwrap().mul_scalar(1.0));
                let before = plain.unwrap_or_else(|| model.valid());
                on.tell_loss(1.0);
                off.tell_loss(1.0);
                model = on.step(model, gradients).unwrap().0;
                plain = Some(off.step(before, same).unwrap().0);
                let after = plain.as_ref().unwrap();
                assert!(!after.weight.val().is_autodiff());
                let data = |model: &Linear| {
                    let bias = model.bias.as_ref().unwrap().val();
                    (model.weight.val().into_data(), bias.into_data())
                };
                assert_eq!(data(after), data(&model), "{config:?}");
            }
            // What has no gradient stays.
            let before = plain.unwrap();
            off.tell_loss(1.0);
            let stepped = off.step(before.clone(), GradientsParams::new());
            let after = stepped.unwrap().0;
            assert_eq!(
                after.weight.val().into_data(),
                before.weight.val().into_data()
            );
        }
    }

    #[test]
    fn what_was_accumulated_off_the_tape_is_stepped_when_it_is_due() {
        let config = DescentConfig::new(AdamConfig::torch()).with_accumulation(2);
        let stepped = |mut model: Linear| {
            let mut descent = config.build().unwrap();
            let weight = model.weight.id;
            // The second call has no gradient of it.
            for gradient in [Some(1.0), None] {
                let mut gradients = GradientsParams::new();
                if let Some(gradient) = gradient {
                    let gradient = Tensor::<2>::ones([5, 7], &Device::flex()).mul_scalar(gradient);
                    gradients.register(weight, gradient);
                }
                model = descent.step(model, gradients).unwrap().0;
            }
            model.weight.val().into_data()
        };
        let start = model().weight.val().into_data();
        let (on, off) = (stepped(model()), stepped(model().valid()));
        assert_eq!(on, off);
        assert_ne!(off, start);
    }

    #[test]
    fn a_step_leaves_a_clone_as_it_was() {
        let mut descent = DescentConfig::new(AdamConfig::torch()).build().unwrap();
        let mut model = model();
        for _ in 0..3 {
            let clone = model.clone();
            let before = clone.weight.val().into_data();
            model = step(&mut descent, model);
            assert_eq!(clone.weight.val().into_data(), before);
            assert_ne!(model.weight.val().into_data(), before);
        }
    }
}
