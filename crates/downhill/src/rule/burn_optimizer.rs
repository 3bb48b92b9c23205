//! What makes a rule an optimizer of Burn.

/// Implements Burn's `Optimizer`, and for an elementwise rule [`Rule`](super::Rule) before that.
macro_rules! optimizer {
    ($rule:ident, elementwise) => {
        impl $crate::rule::Rule for $rule {
            const TENSORS: &'static [&'static str] =
                <<$rule as $crate::rule::Elementwise>::Remembers<f64> as $crate::rule::Remembered<
                    f64,
                >>::NAMES;
            const NUMBERS: &'static [&'static str] =
                <$rule as $crate::rule::Elementwise>::NUMBERS;

            fn step(
                &self,
                learning_rate: f64,
                parameter: $crate::rule::Parameter<'_>,
                memory: $crate::rule::Memory,
                _sums: &[f64],
            ) -> (burn::tensor::Tensor<1>, $crate::rule::Memory) {
                $crate::rule::step_elementwise(self, learning_rate, parameter, memory)
            }

            #[cfg(feature = "flex")]
            fn step_in_place(
                &self,
                learning_rate: f64,
                value: &mut burn::backend::flex::FlexTensor,
                gradient: &burn::backend::flex::FlexTensor,
                memory: &mut $crate::rule::Memory,
            ) -> bool {
                $crate::rule::step_fused(self, learning_rate, value, gradient, memory)
            }

            #[cfg(feature = "_cubecl")]
            fn record(
                &self,
                learning_rate: f64,
                memory: &mut $crate::rule::Memory,
            ) -> Option<$crate::rule::Recorded> {
                Some($crate::rule::record(self, learning_rate, memory))
            }

            fn weight_decay(&self) -> $crate::WeightDecay {
                $crate::rule::Elementwise::weight_decay(self)
            }
        }

        $crate::rule::optimizer!($rule);
    };
    ($rule:ident) => {
        impl burn::optim::Optimizer for $rule {
            type State<const D: usize> = $crate::rule::State<$rule>;

            fn step<const D: usize>(
                &self,
                learning_rate: burn::optim::LearningRate,
                x: burn::tensor::Tensor<D>,
                g: burn::tensor::Tensor<D>,
                state: Option<$crate::rule::State<$rule>>,
            ) -> (burn::tensor::Tensor<D>, Option<$crate::rule::State<$rule>>) {
                let memory = state.map(|state| state.memory);
                let (x, memory) = $crate::rule::step_alone(self, learning_rate, x, g, memory);
                (x, Some(memory.into()))
            }

            fn to_device<const D: usize>(
                state: $crate::rule::State<$rule>,
                device: &burn::tensor::Device,
            ) -> $crate::rule::State<$rule> {
                state.memory.moved_to(device).into()
            }
        }
    };
}

pub(crate) use optimizer;
