//! Running statistics of batch normalization.

use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::tensor::{DType, Tensor};

use crate::descent::{ParamMapper, ParamVisitor, map_params, visit_params};

/// The running statistics of a module's batch normalization: the float tensors that require no
/// gradient. A frozen parameter is one of them, and as it does not change, nothing is done to it.
///
/// Burn updates running statistics in each forward pass on the tape, and all clones of a module
/// share them. A pass that is not one of training leaves its mark, too: the second pass of
/// [SAM](crate::SamConfig), the evaluations of [L-BFGS](crate::Lbfgs), a batch whose gradients are
/// [not finite](crate::NonFinite). This keeps them as they were:
///
/// ```
/// use burn::nn::{BatchNorm, BatchNormConfig};
/// use burn::tensor::{Device, Tensor};
/// use downhill::BatchStatistics;
///
/// let device = Device::flex().autodiff();
/// let model: BatchNorm = BatchNormConfig::new(1).init(&device);
/// model.forward(Tensor::<2>::from_data([[1.0], [3.0]], &device));
/// let statistics = BatchStatistics::of(&model);
/// model.forward(Tensor::<2>::from_data([[100.0], [300.0]], &device));
/// let model = statistics.restore(model);
/// let mean: f32 = model.running_mean.value_sync().into_scalar();
/// assert!((mean - 0.2).abs() < 1e-6, "0.9 * 0 + 0.1 * 2");
/// ```
///
/// Averaged weights need statistics of their own, see [`recompute`](Self::recompute).
#[derive(Clone, Debug)]
pub struct BatchStatistics(BTreeMap<String, Tensor<1>>);

impl BatchStatistics {
    /// Returns those of a module on the tape.
    pub fn of<M: Module>(module: &M) -> Self {
        synchronize(module);
        let mut reader = Reader(BTreeMap::new());
        visit_params(module, &mut reader);
        Self(reader.0)
    }

    /// Returns the module with these statistics. Clones of the module have them as well.
    pub fn restore<M: Module>(&self, module: M) -> M {
        synchronize(&module);
        map_params(module, &mut Writer(&self.0))
    }

    /// Returns a module on the tape with statistics that belong to its weights: the means of those
    /// of these batches, as by PyTorch's `update_bn`. Clones of the module have them as well, so do
    /// this with a module that is not trained further, or restore the statistics afterwards.
    ///
    /// `forward` runs the module on a batch; once more on the first, to find out how much of a
    /// batch a layer takes in. A layer with momentum 0 stays as it is, and so does everything if
    /// there is no batch.
    ///
    /// ```
    /// use burn::nn::{BatchNorm, BatchNormConfig};
    /// use burn::tensor::{Device, Tensor};
    /// use downhill::BatchStatistics;
    ///
    /// let device = Device::flex().autodiff();
    /// let model: BatchNorm = BatchNormConfig::new(1).init(&device);
    /// let batches = [[[1.0], [3.0]], [[4.0], [8.0]]];
    /// let model = BatchStatistics::recompute(model, batches, |model, batch| {
    ///     model.forward(Tensor::<2>::from_data(batch, &device));
    /// });
    /// let mean: f32 = model.running_mean.value_sync().into_scalar();
    /// assert!((mean - 4.0).abs() < 1e-5);
    /// let variance: f32 = model.running_var.value_sync().into_scalar();
    /// assert!((variance - 2.5).abs() < 1e-5, "Burn's variances are 1 and 4");
    /// ```
    pub fn recompute<M: Module, B: Clone>(
        module: M,
        batches: impl IntoIterator<Item = B>,
        mut forward: impl FnMut(&M, B),
    ) -> M {
        let before = Self::of(&module);
        let mut module = module;
        let mut shares: Option<BTreeMap<String, f64>> = None;
        let mut sums: BTreeMap<String, Tensor<1>> = BTreeMap::new();
        let mut number = 0.0;
        for batch in batches {
            // A layer makes of `s` and the statistics `b` of a batch `(1 - share) s + share * b`.
            let mut pass = |start: f64, batch: B| {
                let at = Self(before.each(|value| value.zeros_like().add_scalar(start)));
                module = at.restore(module.clone());
                forward(&module, batch);
                Self::of(&module)
            };
            if shares.is_none() {
                let zero = pass(0.0, batch.clone());
                let far = pass(FAR, batch.clone());
                let share = |(path, value): (&String, &Tensor<1>)| {
                    let moved = value.clone() - zero.0[path].clone();
                    let kept: f64 = moved.cast(DType::F64).mean().into_scalar::<f64>() / FAR;
                    (path.clone(), 1.0 - kept)
                };
                shares = Some(far.0.iter().map(share).collect());
            }
            for (path, value) in pass(0.0, batch).0 {
                let sum = match sums.remove(&path) {
                    Some(sum) => sum + value,
                    None => value,
                };
                sums.insert(path, sum);
            }
            number += 1.0;
        }
        let shares = shares.unwrap_or_default();
        let mut all = before.0;
        for (path, sum) in sums {
            // Half a unit in the last place of `FAR` counts as nothing.
            if let Some(share) = shares.get(&path).filter(|share| **share > 1e-6) {
                all.insert(path, sum.div_scalar(share * number));
            }
        }
        Self(all).restore(module)
    }

    fn each(&self, change: impl Fn(&Tensor<1>) -> Tensor<1>) -> BTreeMap<String, Tensor<1>> {
        let changed = |(path, value): (&String, &Tensor<1>)| (path.clone(), change(value));
        self.0.iter().map(changed).collect()
    }
}

/// Large against the statistics of a batch, which differ between passes if there is dropout before.
const FAR: f64 = 1_048_576.0;

/// Burn (0.22.1, `burn-core/src/module/param/running.rs`) holds an update back until the next one,
/// or until the module is made one of validation.
fn synchronize<M: Module>(module: &M) {
    let _ = module.valid();
}

fn is_statistic<const D: usize>(param: &Param<Tensor<D>>) -> bool {
    Tensor::is_autodiff(param) && !param.is_require_grad()
}

struct Reader(BTreeMap<String, Tensor<1>>);

impl ParamVisitor for Reader {
    fn visit<const D: usize>(&mut self, path: &str, param: &Param<Tensor<D>>) {
        if is_statistic(param) {
            let value = param.base().inner();
            let elements = [value.shape().num_elements()];
            self.0.insert(path.to_string(), value.reshape(elements));
        }
    }
}

struct Writer<'a>(&'a BTreeMap<String, Tensor<1>>);

impl ParamMapper for Writer<'_> {
    fn map<const D: usize>(&mut self, path: &str, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(value) = self.0.get(path).filter(|_| is_statistic(&param)) else {
            return param;
        };
        let (id, old, mapper) = param.consume();
        let value = value.clone().to_device(&old.device()).reshape(old.shape());
        Param::from_mapped_value(id, Tensor::from_inner(value), mapper)
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::module::Initializer;
    use burn::nn::{BatchNorm, BatchNormConfig, Dropout, DropoutConfig, Linear, LinearConfig};
    use burn::optim::GradientsParams;
    use burn::tensor::Device;

    use super::*;
    use crate::{DescentConfig, NonFinite, SamConfig, SgdConfig, StepOutcome};

    #[derive(Module, Debug)]
    struct Model {
        linear: Linear,
        dropout: Dropout,
        norm: BatchNorm,
    }

    fn device() -> Device {
        Device::flex().autodiff()
    }

    fn model(dropout: f64, momentum: f64) -> Model {
        let start = LinearConfig::new(1, 2).with_initializer(Initializer::Constant { value: 1.0 });
        Model {
            linear: start.init(&device()),
            dropout: DropoutConfig::new(dropout).init(),
            norm: BatchNormConfig::new(2)
                .with_momentum(momentum)
                .init(&device()),
        }
    }

    impl Model {
        fn forward(&self, input: [f64; 4]) -> Tensor<2> {
            let input = Tensor::<1>::from_data(input, &device()).reshape([4, 1]);
            let hidden = self.dropout.forward(self.linear.forward(input));
            self.norm.forward(hidden)
        }

        fn gradients(&self, input: [f64; 4]) -> GradientsParams {
            let loss = self.forward(input).powi_scalar(3).sum();
            GradientsParams::from_grads(loss.backward(), self)
        }

        fn means(&self) -> Vec<f64> {
            let of_clones = self.norm.running_mean.value_sync();
            of_clones.into_data().iter::<f64>().collect()
        }
    }

    fn near(found: &[f64], right: f64) {
        let is_near = |x: &f64| (x - right).abs() < 2e-6 * right.abs().max(1.0);
        assert!(found.iter().all(is_near), "{found:?} {right}");
    }

    #[test]
    fn the_second_pass_of_sam_leaves_no_mark() {
        let model = model(0.0, 0.1);
        let gradients = model.gradients([1.0, 1.0, 0.0, 2.0]);
        let statistics = BatchStatistics::of(&model);
        let ascended = SamConfig::default()
            .ascend(model.clone(), gradients)
            .unwrap();
        ascended.gradients([1.0, 1.0, 0.0, 2.0]);
        // The mean of the batch is 2.
        near(&model.means(), 0.2 + 0.9 * 0.2);
        near(&statistics.restore(model).means(), 0.2);
    }

    #[test]
    fn a_skipped_batch_leaves_no_mark() {
        let model = model(0.0, 0.1);
        let statistics = BatchStatistics::of(&model);
        let gradients = model.gradients([1.0, f64::NAN, 0.0, 2.0]);
        let config = DescentConfig::new(SgdConfig::torch()).with_non_finite(NonFinite::Skip);
        let (model, outcome) = config.build().unwrap().step(model, gradients).unwrap();
        assert!(matches!(outcome, StepOutcome::Skipped(_)));
        assert!(model.means()[0].is_nan());
        near(&statistics.restore(model).means(), 0.0);
    }

    #[test]
    fn averaged_weights_have_statistics_of_their_own() {
        let config = DescentConfig::new(SgdConfig::torch().with_learning_rate(0.01)).with_ema(0.9);
        let mut descent = config.build().unwrap();
        let mut model = model(0.0, 0.1);
        let batches = [
            [1.0, 1.0, 0.0, 2.0],
            [3.0, 5.0, 0.5, -4.0],
            [0.0, -1.0, 1.0, 2.5],
        ];
        for batch in batches.into_iter().cycle().take(9) {
            let gradients = model.gradients(batch);
            model = descent.step(model, gradients).unwrap().0;
        }
        let trained = BatchStatistics::of(&model);
        let averaged = descent.averaged(model.clone());
        let averaged = BatchStatistics::recompute(averaged, batches, |model, batch| {
            model.forward(batch);
        });
        let found = averaged.means();
        let weights: Vec<f64> = averaged.linear.weight.val().into_data().iter().collect();
        let bias = averaged.linear.bias.as_ref().unwrap().val();
        let biases: Vec<f64> = bias.into_data().iter().collect();
        let mean = batches.iter().flatten().sum::<f64>() / 12.0;
        for (found, (weight, bias)) in found.iter().zip(weights.iter().zip(biases)) {
            near(&[*found], weight * mean + bias);
        }
        // Clones share the statistics.
        let before: Vec<f64> = trained.0["norm.running_mean"].to_data().iter().collect();
        assert_ne!(before, model.means());
        assert_eq!(trained.restore(model).means(), before);
    }

    #[test]
    fn dropout_and_any_momentum_are_allowed() {
        for momentum in [0.01, 0.1, 0.5, 1.0] {
            let model = BatchStatistics::recompute(
                model(0.5, momentum),
                vec![[1.0; 4]; 400],
                |model, batch| {
                    model.forward(batch);
                },
            );
            // 0 or 4 each, because dropout scales what it leaves.
            for mean in model.means() {
                assert!((mean - 2.0).abs() < 0.2, "{mean} at {momentum}");
            }
        }
        // Nothing is taken in.
        let still = BatchStatistics::recompute(model(0.0, 0.0), [[1.0; 4]], |model, batch| {
            model.forward(batch);
        });
        near(&still.means(), 0.0);
        let none: [[f64; 4]; 0] = [];
        let still = BatchStatistics::recompute(still, none, |_, _| unreachable!());
        near(&still.means(), 0.0);
    }
}
