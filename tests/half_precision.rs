//! Parameters of type `f16` and `bf16` follow those of type `f64`, and
//! `crates/downhill/PRECISION.md` says how closely.

#[cfg(feature = "flex")]
use std::fmt::Write;

#[cfg(feature = "flex")]
use burn::tensor::Device;
use burn::tensor::{DType, TensorData};
use downhill::{DescentConfig, OptimizerConfig};
use downhill_trainer::Backend;

use crate::backend::open;
#[cfg(feature = "flex")]
use crate::document::assert_up_to_date;
use crate::numbers::{Numbers, Place};

const NARROW: [DType; 2] = [DType::F16, DType::BF16];

/// A matrix, that optimizers for matrices are seen as well.
const SHAPE: [usize; 2] = [2, 3];
const START: [f64; 6] = [0.5, -1.0, 0.25, 2.0, -0.75, 1.5];
const TARGET: [f64; 6] = [-0.5, 1.0, 1.25, 0.5, 0.75, -1.0];
/// The gradient of each element at a distance of 1 and more from its target, in sizes.
const SLOPE: [f64; 6] = [1.0, 0.5, 1.0, 0.25, 0.5, 1.0];
const SIZES: [f64; 8] = [1e-6, 1e-5, 1e-4, 1e-3, 0.1, 1.0, 300.0, 3e4];
const STEPS: usize = 100;

/// Rules whose rate is estimated from the distance travelled. While that is below the resolution of
/// the type, the estimate does not grow.
const FROM_DISTANCES: [&str; 3] = ["dog", "dowg", "prodigy"];

/// Those that compute with whole matrices.
const OF_MATRICES: [&str; 4] = ["normuon", "adamuon", "shampoo", "soap"];

/// What divides the noise of `f32` by its own size, in directions that have nothing else.
const OF_NOISE: [&str; 1] = ["soap"];

/// The way in `f64`, and the gradients on it as a narrow type has them.
struct Right {
    gradients: Vec<Vec<f64>>,
    parameters: Vec<Vec<f64>>,
}

impl Right {
    /// The gradient of an element falls to 0 at its target.
    fn new(config: &DescentConfig, size: f64, dtype: DType) -> Self {
        // WebGPU has no doubles.
        let place = Place::new(&open(Backend::Flex), DType::F64);
        let mut descent = config.build().expect("within bounds");
        let mut module = Numbers::new(&START, &[SHAPE.to_vec()], &place);
        let mut right = Self {
            gradients: Vec::new(),
            parameters: Vec::new(),
        };
        for _ in 0..STEPS {
            let from_targets = module.values().into_iter().zip(TARGET.iter().zip(SLOPE));
            let gradients =
                from_targets.map(|(x, (target, slope))| size * slope * (x - target).clamp(-1., 1.));
            let gradients = rounded(gradients.collect(), dtype);
            let given = module.gradients(&gradients, &place);
            descent.tell_loss(1.0);
            module = descent.step(module, given).expect("within bounds").0;
            right.gradients.push(gradients);
            right.parameters.push(module.values());
        }
        right
    }

    /// Half the distance between neighbours in the type, at the largest value of each element until
    /// this step.
    fn half_ulps(&self, step: usize, dtype: DType) -> [f64; 6] {
        std::array::from_fn(|index| {
            let on_the_way = self.parameters[..step].iter().map(|x| x[index].abs());
            half_ulp(on_the_way.fold(START[index].abs(), f64::max), dtype)
        })
    }
}

fn rounded(numbers: Vec<f64>, dtype: DType) -> Vec<f64> {
    let length = numbers.len();
    let data = TensorData::new(numbers, [length]).convert_dtype(dtype);
    data.iter::<f64>().collect()
}

/// Half the distance between neighbours at this number.
fn half_ulp(number: f64, dtype: DType) -> f64 {
    let (digits, least_exponent) = match dtype {
        DType::F16 => (11, -14),
        _ => (8, -126),
    };
    let exponent = (number.abs().log2().floor() as i32).max(least_exponent);
    2.0_f64.powi(exponent - digits)
}

/// The parameters after the first step and every tenth.
fn walk(config: &DescentConfig, right: &Right, place: &Place) -> Vec<(usize, Vec<f64>)> {
    let mut descent = config.build().expect("within bounds");
    let mut module = Numbers::new(&START, &[SHAPE.to_vec()], place);
    let mut read = Vec::new();
    for (step, gradients) in (1..).zip(&right.gradients) {
        let gradients = module.gradients(gradients, place);
        descent.tell_loss(1.0);
        module = descent.step(module, gradients).expect("within bounds").0;
        if step == 1 || step % 10 == 0 {
            read.push((step, module.values()));
        }
    }
    read
}

/// Largest distance from the numbers expected after the same steps, in half ulps, divided by what
/// is given for the step. NaN is infinitely far.
fn departure(
    found: &[(usize, Vec<f64>)],
    expected: impl Fn(usize) -> Vec<f64>,
    half_ulps: impl Fn(usize) -> [f64; 6],
    per: impl Fn(usize) -> f64,
) -> f64 {
    let mut largest = 0.0;
    for (step, found) in found {
        let apart = found.iter().zip(expected(*step)).zip(half_ulps(*step));
        for ((found, expected), half_ulp) in apart {
            let departure = (found - expected).abs() / half_ulp / per(*step);
            let departure = if departure.is_nan() {
                f64::INFINITY
            } else {
                departure
            };
            largest = f64::max(largest, departure);
        }
    }
    largest
}

/// With master weights the parameter is that of type `f32`, rounded. Without, each step rounds it:
/// it is at most half an ulp per step away.
pub(crate) fn parameters_of_16_bits_follow_f64(backend: Backend) {
    let device = open(backend);
    let (supported, lacking): (Vec<DType>, Vec<DType>) = NARROW
        .into_iter()
        .partition(|dtype| device.supports_dtype(*dtype));
    if !lacking.is_empty() {
        say_lacking(backend, &lacking);
    }
    let mut departed = Vec::new();
    for optimizer in OptimizerConfig::all() {
        let name = optimizer.name();
        let config = DescentConfig::new(optimizer);
        let mastered = config.clone().with_master_weights(true);
        for dtype in supported.iter().copied() {
            for size in SIZES {
                // Their many small operations take minutes on a driver in software.
                if backend == Backend::Wgpu && OF_MATRICES.contains(&name) && size != 1.0 {
                    continue;
                }
                let right = Right::new(&config, size, dtype);
                let half_ulps = |step| right.half_ulps(step, dtype);
                let in_f64 = |step: usize| right.parameters[step - 1].clone();
                let narrow = Place::new(&device, dtype);
                let in_f32 = walk(&config, &right, &Place::new(&device, DType::F32));
                let in_f32 = |step| {
                    let there = in_f32.iter().find(|(read, _)| *read == step);
                    there.expect("read after the same steps").1.clone()
                };
                let with = walk(&mastered, &right, &narrow);
                let with = departure(&with, in_f32, half_ulps, |_| 1.0);
                let without = walk(&config, &right, &narrow);
                let without = departure(&without, in_f64, half_ulps, |step| step as f64);
                let is_known = FROM_DISTANCES.contains(&name) || OF_NOISE.contains(&name);
                let bound = if is_known { f64::MAX } else { 1.01 };
                if with > 1.001 || without > bound {
                    let title = format!("{name} in {dtype:?}, gradients of {size:e}");
                    departed.push(format!("{title}: {with} with, {without} without"));
                }
            }
        }
    }
    assert!(departed.is_empty(), "{}", departed.join("\n"));
}

#[expect(clippy::print_stderr, reason = "what was not tested must be seen")]
fn say_lacking(backend: Backend, lacking: &[DType]) {
    eprintln!("{} has no {lacking:?} here: not tested", backend.name());
}

#[cfg(feature = "flex")]
const HEAD: &str = "\
# Precision

Parameters of type `f16` and `bf16` are stepped in `f32`: gradients, norms and all memory are `f32`,
and only the new value is rounded. None becomes NaN or infinite where a parameter of type `f64` does
not.

- **With master weights** (`DescentConfig::with_master_weights`), the descent keeps an `f32` copy. A
  parameter is that of type `f32`, given the same gradients, rounded once: half an ulp away. An ulp
  is the distance between neighbouring numbers of the type.
- **Without**, each step rounds the parameter, so that after `t` steps it is at most `t / 2` ulps
  away. A step smaller than half an ulp is lost. If all are, **the parameter stands still**. Half an
  ulp is 1/4096 to 1/2048 of the parameter in `f16`, and 1/512 to 1/256 in `bf16`: Adam at its rate
  of 1e-3 does not move parameters of 0.5 and more in `bf16`. Use master weights, or keep the
  parameters in `f32` and convert them for the forward pass.
- DoG, DoWG and Prodigy estimate their rate from the distance travelled. Without master weights the
  first steps are lost and the estimate does not grow: DoG and Prodigy **do not start**, DoWG starts
  late. Use master weights. With them, DoG and Prodigy depart like parameters of type `f32`: by up
  to 2 % of the distance travelled, because the first distances are close to the resolution of
  `f32`.
- SOAP's first steps along a direction in which the first gradient of a matrix has no component are
  of the size of the rate, whatever the gradient: `f32` has noise there, which SOAP divides by its
  own size. The table has a matrix with one such direction.
- **A decoupled or cautious weight decay** is added to the step before both meet the parameter. So
  it also acts if it is smaller than half an ulp: AdamW of optax at a rate of 1e-4 takes 1e-8 of a
  parameter off per step, half an ulp of `f32` is 3e-8 or more. PyTorch and Keras lose it. Here it
  is lost if the steps are smaller than an ulp, as in `f16` and `bf16` without master weights, or
  all of one size (Lion, sign SGD), and in ASGD, COCOB, FTRL, MADGRAD and the schedule-free
  optimizers. The remedy for `f16` and `bf16` is master weights, otherwise a larger decay or `f64`.

The table has the largest distance from `f64` in ulps, rounded up to 0.5, 1, 3, 10, 30 and so on,
and the gradients at which one of the parameters stands still without master weights although that
of type `f64` moves by more than half an ulp. Six parameters between 0.25 and 2 take 100 steps, each
optimizer with its default settings, in a bowl whose gradients are 1e-6, 1e-5, 1e-4, 1e-3, 0.1, 1,
300 or 30,000 at a distance of 1 and more from its minimum and fall to 0 there. An ulp is that of
the largest value on the way.

| optimizer | with: `f16` | `bf16` | without: `f16` | `bf16` | stands still: `f16` | `bf16` |
| --- | --- | --- | --- | --- | --- | --- |
";

#[cfg(feature = "flex")]
#[test]
fn the_table_of_precision_is_up_to_date() {
    assert_up_to_date("PRECISION.md", &document());
}

#[cfg(feature = "flex")]
fn document() -> String {
    let device = open(Backend::Flex);
    let mut document = HEAD.to_owned();
    for optimizer in OptimizerConfig::all() {
        let name = optimizer.name();
        let config = DescentConfig::new(optimizer);
        let mastered = config.clone().with_master_weights(true);
        let [with_16, with_b16] = NARROW.map(|dtype| largest(&mastered, dtype, &device).0);
        let [without_16, without_b16] = NARROW.map(|dtype| largest(&config, dtype, &device));
        let (without_16, still_16) = without_16;
        let (without_b16, still_b16) = without_b16;
        let departures = [with_16, with_b16, without_16, without_b16].map(rounded_up);
        let cells = departures.join(" | ");
        let line = format!("| `{name}` | {cells} | {still_16} | {still_b16} |");
        writeln!(
            document,
            "{}",
            line.replace("|  |", "| |").replace("|  |", "| |")
        )
        .expect("text grows");
    }
    document
}

/// Largest departure from `f64` in ulps, and the sizes of gradients at which a parameter stays
/// where it is although that in `f64` moves by more than half an ulp.
#[cfg(feature = "flex")]
fn largest(config: &DescentConfig, dtype: DType, device: &Device) -> (f64, String) {
    let place = Place::new(device, dtype);
    let mut largest = 0.0;
    let mut still = Vec::new();
    for size in SIZES {
        let right = Right::new(config, size, dtype);
        let found = walk(config, &right, &place);
        let half_ulps = |step| right.half_ulps(step, dtype);
        let in_f64 = |step: usize| right.parameters[step - 1].clone();
        largest = f64::max(largest, departure(&found, in_f64, half_ulps, |_| 2.0));
        let ends = found.last().zip(right.parameters.last());
        let (found, right) = ends.expect("a hundred steps");
        let is_still = |index: usize| {
            let moved = (right[index] - START[index]).abs();
            found.1[index] == START[index] && moved > half_ulp(START[index], dtype)
        };
        still.push((0..START.len()).any(is_still));
    }
    (largest, still_at(&still))
}

/// The sizes that are marked, in words.
#[cfg(feature = "flex")]
fn still_at(marked: &[bool]) -> String {
    if marked.iter().all(|marked| *marked) {
        return "all".into();
    }
    let mut runs = Vec::new();
    let mut first = 0;
    for run in marked.chunk_by(|a, b| a == b) {
        let last = first + run.len() - 1;
        if run[0] {
            runs.push(match first == last {
                true => shown(SIZES[first]),
                false => format!("{} to {}", shown(SIZES[first]), shown(SIZES[last])),
            });
        }
        first = last + 1;
    }
    runs.join(", ")
}

#[cfg(feature = "flex")]
fn shown(size: f64) -> String {
    match (0.1..1e4).contains(&size) {
        true => size.to_string(),
        false => format!("{size:e}"),
    }
}

/// Rounds up to 0.5, 1, 3, 10, 30 and so on, which another processor's rounding does not change.
#[cfg(feature = "flex")]
fn rounded_up(ulps: f64) -> String {
    // A value halfway between its neighbours in `f16` may be rounded the other way.
    if ulps < 0.52 {
        return "0.5".into();
    }
    let mut bound = 1.0;
    while bound < ulps {
        bound = if bound.log10().fract() == 0.0 {
            3.0 * bound
        } else {
            (bound / 3.0) * 10.0
        };
    }
    bound.to_string()
}
