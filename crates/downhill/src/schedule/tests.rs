//! What the tests of all schedules share.

use alloc::boxed::Box;
use alloc::vec;

use super::*;

/// Compares the first values to 11 digits.
#[track_caller]
pub(super) fn assert_values(curve: &dyn Curve, base: f64, expected: &[f64]) {
    curve.check().unwrap();
    for (step, &expected) in expected.iter().enumerate() {
        let value = curve.value(base, step as u64);
        let departure = (value - expected).abs();
        assert!(
            departure <= 1e-11 * expected.abs(),
            "step {step}: {value}, not {expected}"
        );
    }
}

/// Schedules that `check` refuses, and what it says.
fn refused() -> Vec<(Schedule, &'static str)> {
    let zero = || Schedule::Step(Step::new(0));
    let joined = |milestones, count| {
        Schedule::Joined(Joined {
            milestones,
            schedules: vec![Schedule::Constant; count],
        })
    };
    let shape = |shape| {
        Schedule::Cyclic(Cyclic {
            shape,
            ..Cyclic::new(1.0, 2)
        })
    };
    let three_phases = OneCycle {
        rise_share: 0.6,
        phases: Phases::Three,
        ..OneCycle::new(10)
    };
    vec![
        (zero(), "step.period must be at least 1, got 0"),
        (
            Schedule::MultiStep(MultiStep::new(vec![3, 5, 5])),
            "multi-step.milestones must rise from one to the next, got 5",
        ),
        (
            Schedule::Exponential(Exponential::new(-0.5)),
            "exponential.factor must be finite and at least 0, got -0.5",
        ),
        (
            Schedule::ConstantFactor(ConstantFactor::new(0)),
            "constant-factor.steps must be at least 1, got 0",
        ),
        (
            Schedule::Linear(Linear::new(0)),
            "linear.steps must be at least 1, got 0",
        ),
        (
            Schedule::Polynomial(Polynomial {
                power: 0.0,
                ..Polynomial::new(3)
            }),
            "polynomial.power must be finite and greater than 0, got 0",
        ),
        (
            Schedule::Polynomial(Polynomial::new(0)),
            "polynomial.steps must be at least 1, got 0",
        ),
        (
            Schedule::Cosine(Cosine::new(0)),
            "cosine.steps must be at least 1, got 0",
        ),
        (
            Schedule::Cosine(Cosine {
                end_value: f64::INFINITY,
                ..Cosine::new(3)
            }),
            "cosine.end_value must be finite, got inf",
        ),
        (
            Schedule::CosineRestarts(CosineRestarts {
                period_factor: 0,
                ..CosineRestarts::new(3)
            }),
            "cosine-restarts.period_factor must be at least 1, got 0",
        ),
        (
            Schedule::CosineRestarts(CosineRestarts::new(0)),
            "cosine-restarts.first_period must be at least 1, got 0",
        ),
        (
            Schedule::Cyclic(Cyclic {
                steps_down: Some(0),
                ..Cyclic::new(1.0, 0)
            }),
            "cyclic.steps_up must be at least 1, got 0",
        ),
        (
            shape(CyclicShape::ExpRange(1.5)),
            "cyclic.shape.exp-range must lie in (0, 1], got 1.5",
        ),
        (
            Schedule::OneCycle(OneCycle::new(0)),
            "one-cycle.steps must be at least 1, got 0",
        ),
        (
            Schedule::OneCycle(three_phases),
            "one-cycle.rise_share must lie in [0, 0.5] with three phases, got 0.6",
        ),
        (
            Schedule::OneCycle(OneCycle {
                start_divisor: 0.0,
                ..OneCycle::new(10)
            }),
            "one-cycle.start_divisor must be finite and greater than 0, got 0",
        ),
        (
            Schedule::WarmUp(WarmUp {
                steps: 5,
                start_factor: 0.1,
                then: Box::new(zero()),
            }),
            "step.period must be at least 1, got 0",
        ),
        (
            joined(vec![3], 1),
            "joined.milestones must be one fewer than the schedules, got 1",
        ),
        (
            joined(vec![0], 2),
            "joined.milestones must be at least 1, got 0",
        ),
        (
            joined(vec![7, 4], 3),
            "joined.milestones must rise from one to the next, got 4",
        ),
        (
            joined(vec![], 0),
            "joined.milestones must be one fewer than the schedules, got 0",
        ),
        (
            Schedule::Product(vec![Schedule::Constant, zero()]),
            "step.period must be at least 1, got 0",
        ),
        (
            Schedule::Product(vec![]),
            "product must have a schedule, got 0",
        ),
        (
            Schedule::Noam(Noam {
                model_size: 0,
                warm_up_steps: 0,
            }),
            "noam.model_size must be at least 1, got 0",
        ),
        (
            Schedule::InverseSquareRoot(InverseSquareRoot::new(0)),
            "inverse-square-root.warm_up_steps must be at least 1, got 0",
        ),
    ]
}

#[test]
fn errors_name_schedule_and_field() {
    for (schedule, message) in refused() {
        let error = schedule.check().expect_err(message);
        assert_eq!(error.to_string(), message);
    }
}

/// It cannot fail otherwise than by a panic.
#[test]
fn no_schedule_panics_even_where_it_is_refused() {
    for (schedule, _) in refused() {
        for step in [0, 1, 2, 5, 6, u64::MAX - 1, u64::MAX] {
            let _ = schedule.value(0.1, step);
        }
    }
}

#[test]
fn far_steps_have_values() {
    let cycles = Cyclic {
        shape: CyclicShape::Triangular2,
        ..Cyclic::new(1.0, u64::MAX)
    };
    let restarts = CosineRestarts {
        period_factor: 3,
        ..CosineRestarts::new(1)
    };
    let schedules = [
        Schedule::Cyclic(cycles),
        Schedule::CosineRestarts(restarts),
        Schedule::Cosine(Cosine::new(u64::MAX)),
        Schedule::OneCycle(OneCycle::new(u64::MAX)),
    ];
    for schedule in schedules {
        schedule.check().unwrap();
        let value = schedule.value(0.1, u64::MAX);
        assert!((0.0..=1.0).contains(&value), "{schedule:?}: {value}");
    }
}
