//! The schedules of optax and Keras that are the same here.

use alloc::vec::Vec;

use super::bound::{Bound, number_of};
use super::error::CallError;
use super::grammar::{Call, Kind};
use crate::Schedule;
use crate::schedule::{
    Cosine, CosineEnd, CosineRestarts, Exponential, Joined, Linear, MultiStep, Polynomial, Step,
    WarmUp,
};
use crate::similar::similar;

/// A schedule with the value that it changes.
pub(super) struct Curve {
    pub(super) base: f64,
    pub(super) schedule: Schedule,
}

type Reader = fn(&Bound<'_>) -> Result<Curve, CallError>;

/// A function: its module, its name, its parameters, and how it is read.
type Function = (&'static str, &'static str, &'static [&'static str], Reader);

const OPTAX: &str = "optax";
const KERAS: &str = "schedules";

const FUNCTIONS: &[Function] = &[
    (OPTAX, "constant_schedule", &["value"], |bound| {
        Ok(Curve::new(bound.needed("value")?, Schedule::Constant))
    }),
    (
        OPTAX,
        "linear_schedule",
        &[
            "init_value",
            "end_value",
            "transition_steps",
            "transition_begin",
        ],
        |bound| polynomial(bound, 1.0),
    ),
    (
        OPTAX,
        "polynomial_schedule",
        &[
            "init_value",
            "end_value",
            "power",
            "transition_steps",
            "transition_begin",
        ],
        |bound| polynomial(bound, bound.needed("power")?),
    ),
    (
        OPTAX,
        "exponential_decay",
        &[
            "init_value",
            "transition_steps",
            "decay_rate",
            "transition_begin",
            "staircase",
            "end_value",
        ],
        |bound| exponential(bound, "init_value", "transition_steps"),
    ),
    (
        OPTAX,
        "cosine_decay_schedule",
        &["init_value", "decay_steps", "alpha", "exponent"],
        |bound| {
            bound.only("exponent", &["1"])?;
            cosine(bound, "init_value")
        },
    ),
    (
        OPTAX,
        "piecewise_constant_schedule",
        &["init_value", "boundaries_and_scales"],
        piecewise,
    ),
    (
        OPTAX,
        "warmup_constant_schedule",
        &["init_value", "peak_value", "warmup_steps"],
        |bound| warm_up(bound, "init_value", "peak_value", Schedule::Constant),
    ),
    (
        OPTAX,
        "warmup_cosine_decay_schedule",
        &[
            "init_value",
            "peak_value",
            "warmup_steps",
            "decay_steps",
            "end_value",
            "exponent",
        ],
        |bound| {
            bound.only("exponent", &["1"])?;
            let steps = bound.needed_count("decay_steps")?;
            let steps = steps.saturating_sub(bound.needed_count("warmup_steps")?);
            if steps == 0 {
                return Err(bound.must_be("decay_steps", "more than the steps of the warm-up"));
            }
            let end = bound.number("end_value")?.unwrap_or(0.0);
            let cosine = Cosine::new(steps)
                .with_end_value(end)
                .with_after(CosineEnd::Hold);
            warm_up(bound, "init_value", "peak_value", cosine)
        },
    ),
    (
        OPTAX,
        "warmup_exponential_decay_schedule",
        &[
            "init_value",
            "peak_value",
            "warmup_steps",
            "transition_steps",
            "decay_rate",
            "transition_begin",
            "staircase",
            "end_value",
        ],
        |bound| {
            let then = exponential(bound, "peak_value", "transition_steps")?;
            warm_up(bound, "init_value", "peak_value", then.schedule)
        },
    ),
    (
        OPTAX,
        "join_schedules",
        &["schedules", "boundaries"],
        joined,
    ),
    (
        KERAS,
        "ExponentialDecay",
        &[
            "initial_learning_rate",
            "decay_steps",
            "decay_rate",
            "staircase",
            "name",
        ],
        |bound| exponential(bound, "initial_learning_rate", "decay_steps"),
    ),
    (
        KERAS,
        "PiecewiseConstantDecay",
        &["boundaries", "values", "name"],
        boundaries,
    ),
    (
        KERAS,
        "PolynomialDecay",
        &[
            "initial_learning_rate",
            "decay_steps",
            "end_learning_rate",
            "power",
            "cycle",
            "name",
        ],
        |bound| {
            bound.only("cycle", &["False"])?;
            let steps = steps(bound, "decay_steps")?;
            let end = bound.number("end_learning_rate")?.unwrap_or(1e-4);
            let power = bound.number("power")?.unwrap_or(1.0);
            let polynomial = Polynomial::new(steps).with_end_value(end).with_power(power);
            Ok(Curve::new(
                bound.needed("initial_learning_rate")?,
                polynomial,
            ))
        },
    ),
    (
        KERAS,
        "CosineDecay",
        &[
            "initial_learning_rate",
            "decay_steps",
            "alpha",
            "name",
            "warmup_target",
            "warmup_steps",
        ],
        |bound| match bound.some("warmup_target") {
            Some(_) => {
                let then = cosine(bound, "warmup_target")?;
                warm_up(
                    bound,
                    "initial_learning_rate",
                    "warmup_target",
                    then.schedule,
                )
            }
            None => cosine(bound, "initial_learning_rate"),
        },
    ),
    (
        KERAS,
        "CosineDecayRestarts",
        &[
            "initial_learning_rate",
            "first_decay_steps",
            "t_mul",
            "m_mul",
            "alpha",
            "name",
        ],
        |bound| {
            bound.only("m_mul", &["1"])?;
            let base = bound.needed("initial_learning_rate")?;
            let restarts = CosineRestarts::new(steps(bound, "first_decay_steps")?)
                .with_period_factor(bound.count("t_mul")?.unwrap_or(2))
                .with_end_value(bound.number("alpha")?.unwrap_or(0.0) * base);
            Ok(Curve::new(base, restarts))
        },
    ),
];

impl Curve {
    fn new(base: f64, schedule: impl Into<Schedule>) -> Self {
        let schedule = schedule.into();
        Self { base, schedule }
    }

    /// A value that does not change.
    pub(super) fn constant(base: f64) -> Self {
        Self::new(base, Schedule::Constant)
    }

    /// Reads a rate, a number or a schedule.
    pub(super) fn of_rate(bound: &Bound<'_>, name: &str) -> Result<Self, CallError> {
        match bound.get(name).map(|value| &value.kind) {
            Some(Kind::Call(call)) => Self::read(call),
            _ => Ok(Self::constant(bound.needed(name)?)),
        }
    }

    /// Reads a call of a function that makes a schedule.
    pub(super) fn read(call: &Call<'_>) -> Result<Self, CallError> {
        let module = call.module();
        let kind = match module.rsplit('.').next().unwrap_or(module) {
            "optax" => OPTAX,
            "schedules" if module.starts_with(OPTAX) => OPTAX,
            "schedules" => KERAS,
            _ => {
                let message = alloc::format!(
                    "`{}` is not a schedule that is read; write one of optax or of \
                     keras.optimizers.schedules, or a number",
                    call.name
                );
                return Err(call.error(message));
            }
        };
        let own = || FUNCTIONS.iter().filter(|(module, ..)| *module == kind);
        let name = call.function();
        let Some((_, _, parameters, read)) = own().find(|(_, other, ..)| *other == name) else {
            let names: Vec<&str> = own().map(|(_, name, ..)| *name).collect();
            let remedy = match similar(name, names.iter().copied()) {
                Some(meant) => alloc::format!("did you mean `{meant}`?"),
                None => alloc::format!("those that are read are {}", super::bound::list(&names)),
            };
            let name = call.name;
            return Err(call.error(alloc::format!(
                "the schedule {name} is not covered; {remedy}"
            )));
        };
        let curve = read(&Bound::new(call, parameters, &[])?)?;
        let wrong = curve.schedule.check().err();
        match wrong {
            Some(wrong) => Err(call.error(alloc::format!("{}: {wrong}", call.name))),
            None => Ok(curve),
        }
    }

    /// The schedule for another value that it changes.
    fn of(self, base: f64) -> Schedule {
        if self.base == base {
            return self.schedule;
        }
        let factor = self.base / base;
        let scaled = Linear::new(1)
            .with_start_factor(factor)
            .with_end_factor(factor);
        Schedule::from(scaled).times(self.schedule)
    }
}

/// A number of steps, at least 1.
fn steps(bound: &Bound<'_>, name: &str) -> Result<u64, CallError> {
    match bound.needed_count(name)? {
        0 => Err(bound.must_be(name, "at least 1")),
        steps => Ok(steps),
    }
}

/// A schedule that begins after `transition_begin` steps.
fn begun(bound: &Bound<'_>, schedule: impl Into<Schedule>) -> Result<Schedule, CallError> {
    match bound.count("transition_begin")?.unwrap_or(0) {
        0 => Ok(schedule.into()),
        begin => Ok(Joined::new(Schedule::Constant)
            .then_at(begin, schedule)
            .into()),
    }
}

fn polynomial(bound: &Bound<'_>, power: f64) -> Result<Curve, CallError> {
    let (start, end) = (bound.needed("init_value")?, bound.needed("end_value")?);
    let steps = steps(bound, "transition_steps")?;
    if start > 0.0 {
        let polynomial = Polynomial::new(steps).with_end_value(end).with_power(power);
        return Ok(Curve::new(start, begun(bound, polynomial)?));
    }
    if power != 1.0 || bound.count("transition_begin")?.unwrap_or(0) > 0 {
        return Err(bound.must_be("init_value", "greater than 0"));
    }
    Ok(Curve::new(
        end,
        Linear::new(steps).with_start_factor(start / end),
    ))
}

fn exponential(bound: &Bound<'_>, base: &str, period: &str) -> Result<Curve, CallError> {
    bound.only("end_value", &["None"])?;
    let (base, period) = (bound.needed(base)?, steps(bound, period)?);
    let factor = bound.needed("decay_rate")?;
    if factor <= 0.0 {
        return Err(bound.must_be("decay_rate", "greater than 0"));
    }
    let schedule: Schedule = match bound.flag("staircase")? {
        true => Step::new(period).with_factor(factor).into(),
        false => Exponential::new(factor).with_period(period).into(),
    };
    Ok(Curve::new(base, begun(bound, schedule)?))
}

fn cosine(bound: &Bound<'_>, base: &str) -> Result<Curve, CallError> {
    let base = bound.needed(base)?;
    let cosine = Cosine::new(steps(bound, "decay_steps")?)
        .with_end_value(bound.number("alpha")?.unwrap_or(0.0) * base)
        .with_after(CosineEnd::Hold);
    Ok(Curve::new(base, cosine))
}

fn warm_up(
    bound: &Bound<'_>,
    start: &str,
    peak: &str,
    then: impl Into<Schedule>,
) -> Result<Curve, CallError> {
    let (start, base) = (bound.needed(start)?, bound.needed(peak)?);
    if base <= 0.0 {
        return Err(bound.must_be(peak, "greater than 0"));
    }
    let steps = bound.count("warmup_steps")?.unwrap_or(0);
    let warm_up = WarmUp::new(steps)
        .with_start_factor(start / base)
        .then(then);
    Ok(Curve::new(base, warm_up))
}

/// A factor at each of some steps.
fn factors(changes: impl IntoIterator<Item = (u64, f64)>) -> Schedule {
    let mut steps: Vec<MultiStep> = Vec::new();
    for (at, factor) in changes {
        match steps.iter_mut().find(|step| step.factor == factor) {
            Some(step) => step.milestones.push(at),
            None => steps.push(MultiStep::new(alloc::vec![at]).with_factor(factor)),
        }
    }
    let mut steps = steps.into_iter().map(Schedule::from);
    let first = steps.next().unwrap_or_default();
    steps.fold(first, Schedule::times)
}

fn piecewise(bound: &Bound<'_>) -> Result<Curve, CallError> {
    let base = bound.needed("init_value")?;
    let name = "boundaries_and_scales";
    let mut changes = Vec::new();
    if let Some(value) = bound.some(name) {
        let expected = "a dictionary of steps and factors, such as {100: 0.1}";
        let Kind::Dictionary(entries) = &value.kind else {
            return Err(bound.must_be(name, expected));
        };
        for (at, factor) in entries {
            match (&at.kind, number_of(factor)) {
                (Kind::Whole(at @ 0..), Some(factor)) => changes.push((*at as u64, factor)),
                _ => return Err(bound.must_be(name, expected)),
            }
        }
    }
    changes.sort_by_key(|(at, _)| *at);
    Ok(Curve::new(base, factors(changes)))
}

/// Keras's values change one step after their boundary.
fn boundaries(bound: &Bound<'_>) -> Result<Curve, CallError> {
    let steps = bound.numbers("boundaries")?.unwrap_or_default();
    let values = bound.numbers("values")?.unwrap_or_default();
    let is_step = |step: &f64| *step >= 0.0 && step % 1.0 == 0.0;
    if !steps.iter().all(is_step) {
        return Err(bound.must_be("boundaries", "a list of whole numbers"));
    }
    if values.len() != steps.len() + 1 || values.iter().any(|value| *value <= 0.0) {
        let expected = "positive numbers, one more than the boundaries";
        return Err(bound.must_be("values", expected));
    }
    let ratios = values.windows(2).map(|pair| pair[1] / pair[0]);
    let changes = steps.iter().map(|step| *step as u64 + 1).zip(ratios);
    Ok(Curve::new(values[0], factors(changes)))
}

fn joined(bound: &Bound<'_>) -> Result<Curve, CallError> {
    let wrong = || bound.must_be("schedules", "a list of schedules");
    let Some(Kind::List(parts)) = bound.get("schedules").map(|value| &value.kind) else {
        return Err(wrong());
    };
    let read = |part: &Kind<'_>| match part {
        Kind::Call(call) => Curve::read(call),
        _ => Err(wrong()),
    };
    let parts: Vec<Curve> = parts
        .iter()
        .map(|part| read(&part.kind))
        .collect::<Result<_, _>>()?;
    let base = parts.iter().map(|part| part.base).fold(0.0, f64::max);
    let steps = bound.numbers("boundaries")?.unwrap_or_default();
    let is_step = |step: &f64| *step >= 1.0 && step % 1.0 == 0.0;
    if parts.len() != steps.len() + 1 || !steps.iter().all(is_step) {
        let expected = "steps of at least 1, one fewer than the schedules";
        return Err(bound.must_be("boundaries", expected));
    }
    let mut parts = parts.into_iter().map(|part| part.of(base));
    let mut joined = Joined::new(parts.next().unwrap_or_default());
    for (step, part) in steps.into_iter().zip(parts) {
        joined = joined.then_at(step as u64, part);
    }
    Ok(Curve::new(base, joined))
}
