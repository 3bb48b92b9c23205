use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};

use burn::tensor::{DType, Device, Tensor, TensorData};
use serde_json::{Value, json};

use super::*;
use crate::custom::{CustomConfig, CustomOptimizer, ElementRule, Real};
use crate::rule::elementwise_step::step_tensors;
use crate::{OptimizerConfig, Preset};

/// The two ways of an elementwise rule that must give the same bits.
pub(crate) trait ByTensorsAndInPlace {
    fn by_tensors(
        &self,
        learning_rate: f64,
        x: Tensor<1>,
        g: Tensor<1>,
        memory: &mut Memory,
    ) -> Tensor<1>;

    fn in_place(
        &self,
        instructions: Instructions,
        learning_rate: f64,
        x: &mut FlexTensor,
        g: &FlexTensor,
        memory: &mut Memory,
    ) -> bool;
}

impl<E: Elementwise> ByTensorsAndInPlace for E {
    fn by_tensors(
        &self,
        learning_rate: f64,
        x: Tensor<1>,
        g: Tensor<1>,
        memory: &mut Memory,
    ) -> Tensor<1> {
        step_tensors(self, learning_rate, x, g, memory)
    }

    fn in_place(
        &self,
        instructions: Instructions,
        learning_rate: f64,
        x: &mut FlexTensor,
        g: &FlexTensor,
        memory: &mut Memory,
    ) -> bool {
        step_by(instructions, self, learning_rate, x, g, memory)
    }
}

fn is_elementwise(config: &OptimizerConfig) -> bool {
    config.rule().unwrap().as_elementwise().is_some()
}

#[test]
fn a_rule_steps_in_place_if_it_is_elementwise() {
    let mut elementwise = 0;
    for config in OptimizerConfig::all() {
        let (x, g) = (numbers(DType::F32, 3, 0), numbers(DType::F32, 3, 1));
        let rule = config.rule().unwrap();
        let mut memory = after(0);
        memory.time = 1;
        let stepped = on_flex(x, g, |x, g| rule.step_in_place(0.1, x, g, &mut memory));
        assert_eq!(
            stepped.is_ok(),
            is_elementwise(&config),
            "{}",
            config.name()
        );
        elementwise += usize::from(stepped.is_ok());
    }
    // 28 rules, Adam's under two names.
    assert_eq!(elementwise, 29);
}

#[test]
fn every_preset_steps_as_tensors_do_at_every_size() {
    for config in presets() {
        for dtype in [DType::F32, DType::F64] {
            for elements in [1, 7, 16, 33, 1000] {
                check(&config, dtype, elements);
            }
        }
    }
}

#[test]
fn every_form_of_a_rule_steps_as_tensors_do() {
    let mut forms: Vec<OptimizerConfig> = Vec::new();
    for preset in presets() {
        for one in forms_of(&preset) {
            // Two at once, for what one of them does may depend on another.
            for config in forms_of(&one).into_iter().chain([one]) {
                if !forms.contains(&config) {
                    forms.push(config);
                }
            }
        }
    }
    assert!(forms.len() > 1000, "{}", forms.len());
    for config in forms {
        for dtype in [DType::F32, DType::F64] {
            check(&config, dtype, 307);
        }
    }
}

#[test]
fn threads_change_nothing() {
    let config = OptimizerConfig::from(crate::AdamConfig::torch());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build();
    pool.unwrap()
        .install(|| check(&config, DType::F32, 3 * pass::LEAST_OF_A_THREAD + 5));
}

#[test]
fn what_others_hold_stays_as_it_is() {
    for config in presets() {
        let (x, g) = (numbers(DType::F32, 33, 0), numbers(DType::F32, 33, 1));
        let (mut memory, mut now) = (after(0), x);
        for _ in 0..3 {
            memory.time += 1;
            let held = (now.clone(), g.clone(), memory.clone());
            let before = [bits(&held.0), bits(&held.1)].concat();
            let remembered = contents(&held.2);
            let step = |x: &mut FlexTensor, g: &FlexTensor| step_of(&config, x, g, &mut memory);
            now = on_flex(now, g.clone(), step).unwrap();
            assert_eq!([bits(&held.0), bits(&held.1)].concat(), before);
            assert_eq!(contents(&held.2), remembered, "{}", config.name());
        }
    }
}

#[test]
fn what_nobody_else_holds_is_stepped_where_it_lies() {
    for config in presets() {
        let (mut x, g) = (numbers(DType::F32, 33, 0), numbers(DType::F32, 33, 1));
        let mut memory = after(1);
        let step = |x: &mut FlexTensor, g: &FlexTensor| step_of(&config, x, g, &mut memory);
        x = on_flex(x, g.clone(), step).unwrap();
        let (at, before) = (address(&x), addresses(&memory));
        memory.time = 2;
        let step = |x: &mut FlexTensor, g: &FlexTensor| step_of(&config, x, g, &mut memory);
        x = on_flex(x, g, step).unwrap();
        assert_eq!(address(&x), at, "{}", config.name());
        assert_eq!(addresses(&memory), before, "{}", config.name());
    }
}

#[test]
fn views_are_stepped_row_by_row() {
    let config = OptimizerConfig::from(crate::AdamConfig::torch());
    let matrix = |seed| numbers(DType::F32, 63, seed).reshape([9, 7]).transpose();
    // A part of something larger.
    let rows = |seed| {
        numbers(DType::F32, 91, seed)
            .reshape([13, 7])
            .slice([2..9, 0..7])
    };
    for (x, g) in [(matrix(0), matrix(1)), (rows(0), rows(1).transpose())] {
        let flat = (x.clone().reshape([x.shape().num_elements()]), g.clone());
        let flat = (flat.0, flat.1.reshape([g.shape().num_elements()]));
        let (mut memory, mut expected_memory) = (after(1), after(1));
        let rule = config.rule().unwrap();
        let rule = rule.as_elementwise().unwrap();
        let expected = rule.by_tensors(0.1, flat.0, flat.1, &mut expected_memory);
        let stepped = on_flex(x, g, |x: &mut FlexTensor, g: &FlexTensor| {
            step_of(&config, x, g, &mut memory)
        })
        .unwrap();
        let elements = stepped.shape().num_elements();
        assert_eq!(bits(&stepped.reshape([elements])), bits(&expected));
        assert_eq!(contents(&memory), contents(&expected_memory));
    }
}

#[test]
fn what_does_not_fit_is_left_to_tensors() {
    let config = OptimizerConfig::from(crate::AdamConfig::torch());
    let declines = |x: Tensor<1>, g: Tensor<1>, mut memory: Memory| {
        let remembered = contents(&memory);
        memory.time += 1;
        let step = on_flex(x, g, |x: &mut FlexTensor, g: &FlexTensor| {
            step_of(&config, x, g, &mut memory)
        });
        assert!(step.is_err());
        assert_eq!(contents(&memory), remembered);
    };
    let f32 = |elements| numbers(DType::F32, elements, 0);
    declines(f32(0), f32(0), after(0));
    declines(f32(3), numbers(DType::F64, 3, 0), after(0));
    declines(f32(3).cast(DType::F16), f32(3).cast(DType::F16), after(0));
    declines(Tensor::from_inner(f32(3)), f32(3), after(0));
    let mut memory = after(1);
    memory.put("first_moment", f32(3));
    memory.put("second_moment", numbers(DType::F64, 3, 0));
    declines(f32(3), f32(3), memory);
}

/// Three steps by all instructions that this processor has, and by tensors.
#[track_caller]
fn check(config: &OptimizerConfig, dtype: DType, elements: usize) {
    let rule = config.rule().unwrap();
    let rule = rule.as_elementwise().unwrap();
    for instructions in Instructions::all() {
        let (mut memory, mut expected_memory) = (after(0), after(0));
        let (mut x, mut expected) = (numbers(dtype, elements, 0), numbers(dtype, elements, 0));
        for step in 1..=3 {
            let g = numbers(dtype, elements, step);
            memory.time += 1;
            expected_memory.time += 1;
            expected = rule.by_tensors(0.1, expected, g.clone(), &mut expected_memory);
            let in_place = |x: &mut FlexTensor, g: &FlexTensor| {
                rule.in_place(instructions, 0.1, x, g, &mut memory)
            };
            x = on_flex(x, g, in_place).unwrap();
            let about = || format!("{instructions:?} {dtype:?} {elements} {config:?}");
            assert_eq!(bits(&x), bits(&expected), "{}", about());
            assert_eq!(contents(&memory), contents(&expected_memory), "{}", about());
        }
    }
}

fn step_of(
    config: &OptimizerConfig,
    x: &mut FlexTensor,
    g: &FlexTensor,
    memory: &mut Memory,
) -> bool {
    config.rule().unwrap().step_in_place(0.1, x, g, memory)
}

fn after(time: u64) -> Memory {
    let mut memory = Memory::default();
    memory.time = time;
    memory
}

/// All presets of all elementwise optimizers.
fn presets() -> Vec<OptimizerConfig> {
    let mut presets = Vec::new();
    for config in OptimizerConfig::all() {
        for preset in Preset::ALL {
            match OptimizerConfig::preset(config.name(), *preset) {
                Some(Ok(config)) if is_elementwise(&config) => presets.push(config),
                _ => {}
            }
        }
    }
    presets
}

/// All configs that differ from this one in one choice: a word, a switch, a number that is off.
fn forms_of(config: &OptimizerConfig) -> Vec<OptimizerConfig> {
    // Words that a setting does not know fall out.
    let words = "outside inside corrected uncorrected velocity buffer heavy-ball nesterov none raw \
                 gradient divisor share rest sgd adam-w now late constant";
    let kinds = [
        "l2",
        "decoupled",
        "independent",
        "proximal",
        "cautious",
        "rising",
    ];
    let others: Vec<Value> = words.split_whitespace().map(|word| json!(word)).collect();
    let others: Vec<Value> = others
        .into_iter()
        .chain(kinds.map(|kind| json!({ kind: 0.1 })))
        .collect();
    let whole = serde_json::to_value(config).unwrap();
    let mut forms = Vec::new();
    let name = String::from(config.name());
    for (setting, value) in whole[&name].as_object().unwrap() {
        let changed = match value {
            Value::Bool(is) => vec![json!(!is)],
            Value::Number(number) if number.as_f64() == Some(0.0) => vec![json!(0.1)],
            Value::Number(_) => Vec::new(),
            _ => others.clone(),
        };
        for other in changed {
            let mut whole = whole.clone();
            whole[&name][setting] = other;
            if let Ok(form) = serde_json::from_value::<OptimizerConfig>(whole)
                && form.rule().is_ok()
                && form != *config
            {
                forms.push(form);
            }
        }
    }
    forms
}

/// Numbers of all sorts; which come together differs from seed to seed.
fn numbers(dtype: DType, elements: usize, seed: usize) -> Tensor<1> {
    let special = [
        0.0,
        -0.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e-40,
        -1e-310,
        3e38,
        1e-20,
        -1.0,
    ];
    let place = |index: usize| index / special.len().pow(seed as u32 % 2) + seed / 2;
    let number = |index: usize| match index % 3 {
        0 => special[place(index / 3) % special.len()],
        _ => libm::sin((1 + index * 7 + seed * 13) as f64),
    };
    let numbers: Vec<f64> = (0..elements).map(number).collect();
    let data = TensorData::new(numbers, [elements]);
    Tensor::from_data(data, (&Device::flex(), dtype))
}

/// Returns the bits of the numbers, with the same bits for every NaN.
fn bits(tensor: &Tensor<1>) -> Vec<u64> {
    let bits = |number: f64| match number.is_nan() {
        true => f64::NAN.to_bits(),
        false => number.to_bits(),
    };
    tensor.to_data().iter::<f64>().map(bits).collect()
}

type Contents = (Vec<(&'static str, Vec<u64>)>, Vec<(&'static str, u64)>);

fn contents(memory: &Memory) -> Contents {
    let tensors = memory.tensors().map(|(name, tensor)| (name, bits(tensor)));
    let numbers = memory
        .numbers()
        .map(|(name, number)| (name, number.to_bits()));
    let mut tensors: Vec<_> = tensors.collect();
    tensors.sort();
    (tensors, numbers.collect())
}

fn address(x: &Tensor<1>) -> usize {
    let x = flex(x.clone()).unwrap();
    x.bytes().as_ptr() as usize
}

fn addresses(memory: &Memory) -> Vec<usize> {
    memory
        .tensors()
        .map(|(_, tensor)| address(tensor))
        .collect()
}

/// Formulas that use all operations, between tensors and with scalars on either side.
fn formulas() -> Vec<OptimizerConfig> {
    let formula = |update: &str| {
        let settings = [("a", 0.9), ("b", -0.3)];
        let states = [("m", "0"), ("v", "a * g^2 + b"), ("w", "x")];
        let tail = "m = a * m + (1 - a) * g; v = max(v, g^2); w = w + m * learning_rate";
        let update = format!("{tail}; y = b * g; {update}");
        let config = crate::FormulaConfig::new(0.1, &settings, &states, &update).unwrap();
        OptimizerConfig::from(config)
    };
    let expressions = [
        "x + g + m",
        "x - m - a + (b - y)",
        "x * y * a",
        "x / y + y / a + a / y",
        "-x + sqrt(v) + abs(m) + sign(y)",
        "exp(x) + log(v)",
        "v^1.5 + y^3 + y^-2 + v^0.5 + a^x + abs(x)^y",
        "min(x, y) + max(m, v) + min(x, a) + max(b, x)",
        "clamp(x, -1, 1) + clamp(x, y, m)",
        "where(x > y, m, v) + where(x >= m, y, a)",
        "where(x < b, a, m) + where(x <= y, b, a) + where(t > 2, x, y)",
        "x * x + m * m",
        "a * x / (sqrt(v) + a) + x / (b + sqrt(abs(m))) + a * x / b + a * b / y + x / (a * m)",
        "sqrt(a) + a + sqrt(v) + sqrt(a * abs(x)) + m * a / (sqrt(m * m) * b) + (sqrt(a) + y)",
        "a^t * x + learning_rate * (1 - b^t) * g",
        "w",
        "m",
    ];
    (expressions.iter())
        .map(|expression| formula(&format!("x = {expression}")))
        .collect()
}

#[test]
fn every_formula_steps_as_tensors_do_at_every_size() {
    for config in formulas() {
        for dtype in [DType::F32, DType::F64] {
            for elements in [1, 33, 256, 1300] {
                check(&config, dtype, elements);
            }
        }
    }
}

#[test]
fn threads_change_nothing_in_a_formula() {
    let config = formulas().swap_remove(3);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build();
    pool.unwrap()
        .install(|| check(&config, DType::F32, 3 * pass::LEAST_OF_A_THREAD + 5));
}

#[test]
fn a_formula_steps_where_the_parameter_and_its_state_lie_unless_others_hold_them() {
    let config = formulas().swap_remove(0);
    let mut memory = after(1);
    let g = numbers(DType::F32, 33, 1);
    let mut x = numbers(DType::F32, 33, 0);
    let step = |x, memory: &mut Memory| {
        let step = |x: &mut FlexTensor, g: &FlexTensor| step_of(&config, x, g, memory);
        on_flex(x, g.clone(), step).unwrap()
    };
    x = step(x, &mut memory);
    let (at, before) = (address(&x), addresses(&memory));
    memory.time = 2;
    x = step(x, &mut memory);
    assert_eq!((address(&x), addresses(&memory)), (at, before));
    let held = (x.clone(), memory.clone());
    let before = (bits(&held.0), contents(&held.1));
    memory.time = 3;
    x = step(x, &mut memory);
    assert_ne!(address(&x), at);
    assert_eq!((bits(&held.0), contents(&held.1)), before);
}

/// A custom rule with every operation of [`Real`](crate::custom::Real).
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct EveryOperation;

impl ElementRule<2> for EveryOperation {
    const NAMES: [&'static str; 2] = ["a", "b"];
    type Scalars = (f64, f64);

    fn scalars(&self, learning_rate: f64, step: u64) -> (f64, f64) {
        (learning_rate, 1.0 / step as f64)
    }

    fn start<R: Real>(&self, scalars: &(f64, f64), x: &R, g: &R) -> [R; 2] {
        [x.fill(scalars.1), g.clone().abs()]
    }

    #[inline(always)]
    fn update<R: Real>(&self, s: &(f64, f64), x: R, g: R, [a, b]: [R; 2]) -> (R, [R; 2]) {
        let growth = g.clone().clamp(-3.0, 3.0).exp().min(a.clone().shift(2.0));
        let a = a.mix(0.9, growth.max(x.clone().abs().log()));
        let b = b.mix(0.99, g.clone().square()).power(0.75 + s.1 / 8.0);
        let step = a.clone() / b.clone().sqrt().shift(1e-3);
        let step = g.clone().positive_or(step.clone(), -step) * g.sign();
        (x - step.scale(s.0) + b.zero(), [a, b])
    }
}

impl CustomConfig for EveryOperation {
    const NAME: &'static str = "every-operation";

    fn learning_rate(&self) -> f64 {
        0.1
    }

    fn build(&self) -> Result<CustomOptimizer, crate::InvalidHyperparameter> {
        Ok(CustomOptimizer::elementwise(self.clone()))
    }
}

#[test]
fn a_custom_rule_steps_as_tensors_do() {
    for dtype in [DType::F32, DType::F64] {
        for elements in [1, 16, 307] {
            check(&EveryOperation.into(), dtype, elements);
        }
    }
}
