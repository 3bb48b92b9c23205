//! An elementwise rule is a rule for a parameter: in one pass on flex, in one kernel on CubeCL's
//! backends, by operations on whole tensors elsewhere.

#[cfg(feature = "flex")]
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;

#[cfg(feature = "_cubecl")]
use super::Recorded;
#[cfg(feature = "_cubecl")]
use super::cube;
use super::elementwise::{self, fields};
#[cfg(feature = "flex")]
use super::fused;
use super::{Elementwise, Layout, Memory, Parameter, Reach, Remembered, Rule};

impl<E: Elementwise> Layout for E {
    const TENSORS: &'static [&'static str] = <E::Remembers<f64> as Remembered<f64>>::NAMES;
    const ALWAYS: usize = <E::Remembers<f64> as Remembered<f64>>::ALWAYS;
    const NUMBERS: &'static [&'static str] = <E as Elementwise>::NUMBERS;
}

impl<E: Elementwise> Rule for E {
    fn reach(&self) -> Reach {
        match E::PROPORTIONAL {
            true => Reach::Proportional,
            false => Reach::Itself,
        }
    }

    fn hessian_decay(&self) -> Option<f64> {
        Elementwise::hessian_decay(self)
    }

    fn needs(&self, tensor: &str) -> bool {
        let first = &mut Memory::default();
        first.time = 1;
        let scalars = self.scalars(1.0, first);
        let names = <E as Layout>::TENSORS;
        fields(self, &scalars).any(|field| names.get(field) == Some(&tensor))
    }

    fn step(
        &self,
        learning_rate: f64,
        parameter: Parameter<'_>,
        memory: Memory,
        _sums: &[f64],
    ) -> (Tensor<1>, Memory) {
        step(self, learning_rate, parameter, memory)
    }

    #[cfg(feature = "flex")]
    fn step_in_place(
        &self,
        learning_rate: f64,
        value: &mut FlexTensor,
        gradient: &FlexTensor,
        memory: &mut Memory,
    ) -> bool {
        fused::step(self, learning_rate, value, gradient, memory)
    }

    #[cfg(feature = "_cubecl")]
    fn record(&self, learning_rate: f64, memory: &mut Memory) -> Option<Recorded> {
        (!lacks_a_field(self, memory)).then(|| cube::record(self, learning_rate, memory))
    }

    #[cfg(all(test, feature = "flex"))]
    fn as_elementwise(&self) -> Option<&dyn fused::tests::ByTensorsAndInPlace> {
        Some(self)
    }
}

/// Steps a whole parameter by an elementwise rule.
fn step<E: Elementwise>(
    rule: &E,
    learning_rate: f64,
    parameter: Parameter<'_>,
    mut memory: Memory,
) -> (Tensor<1>, Memory) {
    let Parameter {
        value: x,
        gradient: g,
        ..
    } = parameter;
    #[cfg(feature = "flex")]
    let (x, g) = match fused::on_flex(x, g, |x, g| {
        fused::step(rule, learning_rate, x, g, &mut memory)
    }) {
        Ok(x) => return (x, memory),
        Err(both) => both,
    };
    #[cfg(feature = "_cubecl")]
    if cube::can_step(&x, &g, E::Remembers::<f64>::NAMES.len(), &memory)
        && !lacks_a_field(rule, &memory)
    {
        let recorded = cube::record(rule, learning_rate, &mut memory);
        let step = cube::prepare(recorded, x, g, &mut memory);
        let x = cube::launch_one(step, &mut memory);
        return (x, memory);
    }
    let x = step_tensors(rule, learning_rate, x, g, &mut memory);
    (x, memory)
}

/// The same by operations on whole tensors.
pub(super) fn step_tensors<E: Elementwise>(
    rule: &E,
    learning_rate: f64,
    x: Tensor<1>,
    g: Tensor<1>,
    memory: &mut Memory,
) -> Tensor<1> {
    let scalars = rule.scalars(learning_rate, memory);
    let names = E::Remembers::<Tensor<1>>::NAMES;
    let remembered = match memory.begins() {
        true => None,
        false => {
            for field in fields(rule, &scalars) {
                // Settings changed on the way may need what they did not need before.
                if E::Remembers::<f64>::ALWAYS <= field && memory.tensor(names[field]).is_none() {
                    memory.put(names[field], x.zeros_like());
                }
            }
            E::Remembers::gather(|field| memory.take(names[field]))
        }
    };
    let remembered = remembered.unwrap_or_else(|| rule.start(&scalars, &x, &g));
    let (x, remembered) =
        elementwise::step_either_way(rule, &scalars, learning_rate, x, g, remembered);
    remembered.scatter(|field, tensor| memory.put(names[field], tensor));
    x
}

/// Whether the settings need a field that they did not need before.
#[cfg(feature = "_cubecl")]
fn lacks_a_field<E: Elementwise>(rule: &E, memory: &Memory) -> bool {
    let names = E::Remembers::<f64>::NAMES;
    let lacks = |field: usize| memory.tensor(names[field]).is_none();
    let scalars = rule.scalars(0.0, &mut memory.clone());
    let mut fields = fields(rule, &scalars);
    !memory.begins() && fields.any(|field| E::Remembers::<f64>::ALWAYS <= field && lacks(field))
}
