//! A formula as a rule.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

#[cfg(feature = "flex")]
use burn::backend::flex::FlexTensor;
use burn::optim::{LearningRate, Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};

use super::FormulaConfig;
use super::compiled::{Compiled, STATES};
use super::tensors::{self, Inputs, is_finite};
use crate::rule::{
    Decays, Memory, Names, Parameter, Reach, Recorded, Rule, read_state, step_alone, write_state,
};
#[cfg(feature = "_cubecl")]
use crate::rule::{can_step_on_cube, launch_one_on_cube, prepare_for_cube};
#[cfg(feature = "flex")]
use crate::rule::{on_flex, step_by_program};
use crate::weight_decay::WeightDecay;

/// An optimizer made of a formula; see [`FormulaConfig`].
#[derive(Clone, Debug)]
pub struct Formula {
    pub(super) config: FormulaConfig,
}

impl Formula {
    fn compiled(&self) -> &Arc<Compiled> {
        &self.config.compiled
    }

    fn names(&self) -> &'static [&'static str] {
        &STATES[..self.config.state.len()]
    }

    /// The results of the formula that are scalars, at the step of this memory.
    fn numbers(&self, learning_rate: f64, time: u64) -> Vec<f64> {
        let settings: Vec<f64> = self.config.settings.values().copied().collect();
        (self.compiled().graph).scalars(&settings, learning_rate, time)
    }

    /// Whether there is no state yet.
    fn starts(&self, memory: &Memory) -> bool {
        memory.time <= 1
            || self
                .names()
                .iter()
                .any(|name| memory.tensor(name).is_none())
    }

    /// The step as a program; `None` if it looks at whole tensors.
    #[cfg_attr(
        not(any(feature = "flex", feature = "_cubecl")),
        allow(dead_code, reason = "what steps by a program is left out")
    )]
    fn recorded(&self, learning_rate: f64, memory: &Memory) -> Option<Recorded> {
        let [first, later] = self.compiled().programs.as_ref()?;
        let lowered = if self.starts(memory) { first } else { later };
        let numbers = self.numbers(learning_rate, memory.time);
        Some(Recorded {
            program: lowered.program.clone(),
            scalars: lowered.scalars.iter().map(|id| numbers[*id]).collect(),
            names: self.names().to_vec(),
        })
    }

    fn step_tensors(
        &self,
        learning_rate: f64,
        x: Tensor<1>,
        g: Tensor<1>,
        memory: &mut Memory,
    ) -> Tensor<1> {
        let numbers = self.numbers(learning_rate, memory.time);
        let states = match self.starts(memory) {
            true => Vec::new(),
            false => self
                .names()
                .iter()
                .filter_map(|name| memory.take(name))
                .collect(),
        };
        let inputs = Inputs { x, g, states };
        let (x, states) = tensors::step(&self.compiled().graph, &numbers, &inputs);
        for (name, state) in self.names().iter().zip(states) {
            memory.put(name, state);
        }
        x
    }
}

impl Names for Formula {
    fn tensors(&self) -> &'static [&'static str] {
        Formula::names(self)
    }

    fn always(&self) -> usize {
        Formula::names(self).len()
    }

    fn numbers(&self) -> &'static [&'static str] {
        &[]
    }
}

impl Decays for Formula {
    fn weight_decay(&self) -> WeightDecay {
        WeightDecay::None
    }
}

impl Rule for Formula {
    fn reach(&self) -> Reach {
        match self.compiled().programs {
            Some(_) => Reach::Itself,
            None => Reach::Others,
        }
    }

    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        mut memory: Memory,
        _sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        let Parameter {
            value: x,
            gradient: g,
            ..
        } = parameter;
        #[cfg(feature = "flex")]
        let (x, g) = match on_flex(x, g, |x, g| {
            self.step_in_place(learning_rate, x, g, &mut memory)
        }) {
            Ok(x) => return (x, memory),
            Err(both) => both,
        };
        #[cfg(feature = "_cubecl")]
        if can_step_on_cube(&x, &g, Formula::names(self).len(), &memory)
            && let Some(recorded) = self.recorded(learning_rate, &memory)
        {
            let step = prepare_for_cube(recorded, x, g, &mut memory);
            let x = launch_one_on_cube(step, &mut memory);
            return (x, memory);
        }
        let x = self.step_tensors(learning_rate, x, g, &mut memory);
        (x, memory)
    }

    #[cfg(feature = "flex")]
    fn step_in_place(
        &self,
        learning_rate: f64,
        value: &mut FlexTensor,
        gradient: &FlexTensor,
        memory: &mut Memory,
    ) -> bool {
        let recorded = self.recorded(learning_rate, memory);
        recorded.is_some_and(|recorded| step_by_program(&recorded, value, gradient, memory))
    }

    #[cfg(feature = "_cubecl")]
    fn record(&self, learning_rate: f64, memory: &mut Memory) -> Option<Recorded> {
        self.recorded(learning_rate, memory)
    }

    fn may_not_be_finite(&self) -> bool {
        true
    }

    fn not_finite(&self, learning_rate: f64, parameter: Parameter<'_>) -> Option<String> {
        let Parameter {
            value: x,
            gradient: g,
            ..
        } = parameter;
        if !is_finite(&x) || !is_finite(&g) {
            return None;
        }
        let states = Vec::new();
        let inputs = Inputs { x, g, states };
        let numbers = self.numbers(learning_rate, 1);
        let (x, states) = tensors::step(&self.compiled().graph, &numbers, &inputs);
        if is_finite(&x) && states.iter().all(is_finite) {
            return None;
        }
        let place = tensors::not_finite(&self.compiled().graph, &numbers, &inputs)?;
        Some(self.config.not_finite_at(place).to_string())
    }

    #[cfg(all(test, feature = "flex"))]
    fn as_elementwise(&self) -> Option<&dyn crate::rule::ByTensorsAndInPlace> {
        self.compiled().programs.as_ref().map(|_| self as _)
    }
}

#[cfg(all(test, feature = "flex"))]
impl crate::rule::ByTensorsAndInPlace for Formula {
    fn by_tensors(
        &self,
        learning_rate: f64,
        x: Tensor<1>,
        g: Tensor<1>,
        memory: &mut Memory,
    ) -> Tensor<1> {
        self.step_tensors(learning_rate, x, g, memory)
    }

    fn in_place(
        &self,
        instructions: crate::rule::Instructions,
        learning_rate: f64,
        x: &mut FlexTensor,
        g: &FlexTensor,
        memory: &mut Memory,
    ) -> bool {
        let recorded = self
            .recorded(learning_rate, memory)
            .expect("it is elementwise");
        crate::rule::step_by_program_with(instructions, &recorded, x, g, memory)
    }
}

/// The state of a [`Formula`] for one parameter.
#[derive(Clone, Debug)]
pub struct FormulaState {
    memory: Memory,
    /// The number of the formula that left it.
    formula: u64,
}

const FORMULA: &str = "formula";

fn key_of(formula: u64) -> String {
    format!("rule-Formula-{formula:016x}")
}

impl RecordState for FormulaState {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        out.push_scalar(prefix, FORMULA, burn_pack::Scalar::from(self.formula));
        write_state(&self.memory, &key_of(self.formula), prefix, out);
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, device: &Device) -> Option<Self> {
        let formula = u64::try_from(source.take_scalar(prefix, FORMULA)?).ok()?;
        let memory = read_state(&key_of(formula), &STATES, prefix, source, device)?;
        Some(Self { memory, formula })
    }
}

/// The FNV-1a hash of a text.
fn hash(text: &str) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325;
    text.bytes().fold(start, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl Optimizer for Formula {
    type State<const D: usize> = FormulaState;

    /// A state that another formula left is not used.
    fn step<const D: usize>(
        &self,
        learning_rate: LearningRate,
        x: Tensor<D>,
        g: Tensor<D>,
        state: Option<FormulaState>,
    ) -> (Tensor<D>, Option<FormulaState>) {
        let formula = hash(&self.compiled().form);
        let state = state.filter(|state| state.formula == formula);
        let memory = state.map(|state| state.memory);
        let (x, memory) = step_alone(self, learning_rate, x, g, memory);
        (x, Some(FormulaState { memory, formula }))
    }

    fn to_device<const D: usize>(state: FormulaState, device: &Device) -> FormulaState {
        FormulaState {
            memory: state.memory.moved_to(device),
            ..state
        }
    }
}
