//! What makes a rule an optimizer of Burn.

/// Implements Burn's `Optimizer` for a rule with a field `config`. If Burn has the optimizer, the
/// braces say how its state is read; see [`BurnLayout`](crate::rule::BurnLayout).
macro_rules! optimizer {
    ($rule:ident) => {
        $crate::burn_optimizer::optimizer!(@ $rule, None, |_| false);
    };
    ($rule:ident, burn {
        $(time: $time:literal,)?
        tensors: [$($burns:literal => $here:literal),* $(,)?],
        where: $meaning:expr $(,)?
    }) => {
        $crate::burn_optimizer::optimizer!(
            @ $rule,
            Some($crate::rule::BurnLayout {
                time: [$($time,)?].first().copied(),
                tensors: &[$(($burns, $here)),*],
            }),
            $meaning
        );
    };
    (@ $rule:ident, $layout:expr, $meaning:expr) => {
        impl $crate::rule::Decays for $rule {
            #[inline(always)]
            fn weight_decay(&self) -> $crate::WeightDecay {
                $crate::settings::Settings::weight_decay(&self.config)
            }
        }

        impl $crate::rule::BurnState for $rule {
            const LAYOUT: Option<$crate::rule::BurnLayout> = $layout;

            fn has_burns_meaning(&self) -> bool {
                let meaning: fn(&Self) -> bool = $meaning;
                meaning(self)
            }
        }

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
