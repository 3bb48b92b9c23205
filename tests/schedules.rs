//! Schedules against those of PyTorch, and as TOML says them. No backend has a part in it.

use std::collections::BTreeMap;

use downhill::schedule::{Cosine, Exponential, Noam};
use downhill::{PlateauConfig, Schedule};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What PyTorch 1.13.1 gave: the rate of each step, from the first on.
#[derive(Deserialize)]
struct Reference {
    base_lr: f64,
    schedules: BTreeMap<String, Vec<f64>>,
}

/// A schedule among other settings, as in a config file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    schedule: Schedule,
}

/// Where the metric decides.
const PLATEAU: &str = "ReduceLROnPlateau(factor=.5,patience=2) metric=max(0,5-i)";

/// The same schedules in PyTorch's words and in ours, and the base where it is not `base_lr`.
const SAME: [(&str, &str, Option<f64>); 10] = [
    (
        "StepLR(step_size=10,gamma=.5)",
        "step = { period = 10, factor = 0.5 }",
        None,
    ),
    (
        "MultiStepLR([5,12],.1)",
        "multi-step = { milestones = [5, 12] }",
        None,
    ),
    ("ExponentialLR(.9)", "exponential = { factor = 0.9 }", None),
    (
        "ConstantLR(factor=1/3,total_iters=5)",
        "constant-factor = { steps = 5 }",
        None,
    ),
    (
        "LinearLR(1/3->1,total_iters=5)",
        "linear = { steps = 5 }",
        None,
    ),
    (
        "PolynomialLR(total_iters=20,power=2)",
        "polynomial = { steps = 20, power = 2 }",
        None,
    ),
    (
        "CosineAnnealingLR(T_max=20,eta_min=.001)",
        "cosine = { steps = 20, end_value = 0.001 }",
        None,
    ),
    (
        "CosineAnnealingWarmRestarts(T_0=5,T_mult=2,eta_min=.001)",
        "cosine-restarts = { first_period = 5, period_factor = 2, end_value = 0.001 }",
        None,
    ),
    (
        "CyclicLR(.01,.1,step_size_up=5,triangular2,cycle_momentum=False)",
        "cyclic = { peak = 0.1, steps_up = 5, shape = 'triangular2' }",
        Some(0.01),
    ),
    (
        "OneCycleLR(max_lr=.1,total_steps=30)",
        "one-cycle = { steps = 30 }",
        None,
    ),
];

/// One of each kind, with no setting at its default.
const EACH: [&str; 16] = [
    "schedule = 'constant'",
    "schedule = { step = { period = 10, factor = 0.5 } }",
    "schedule = { multi-step = { milestones = [5, 12], factor = 0.3 } }",
    "schedule = { exponential = { factor = 0.9, period = 7 } }",
    "schedule = { constant-factor = { steps = 5, factor = 0.25 } }",
    "schedule = { linear = { steps = 5, start_factor = 0.1, end_factor = 0.7 } }",
    "schedule = { polynomial = { steps = 20, power = 2.5, end_value = 0.01 } }",
    "schedule = { cosine = { steps = 20, end_value = 0.001, after = 'hold' } }",
    "schedule = { cosine-restarts = { first_period = 5, period_factor = 2, end_value = 0.001 } }",
    "schedule = { cyclic = { peak = 1.0, steps_up = 5, steps_down = 3, shape = { exp-range = 0.9 } } }",
    "schedule = { one-cycle = { steps = 30, rise_share = 0.2, start_divisor = 10.0, \
     end_divisor = 100.0, anneal = 'linear', phases = 'three' } }",
    "schedule = { warm-up = { steps = 3, start_factor = 0.1, then = { exponential = { factor = 0.9, period = 1 } } } }",
    "schedule = { joined = { milestones = [4], schedules = ['constant', { exponential = { factor = 0.9, period = 2 } }] } }",
    "schedule = { product = [{ step = { period = 10, factor = 0.5 } }, 'constant'] }",
    "schedule = { noam = { model_size = 512, warm_up_steps = 4000 } }",
    "schedule = { inverse-square-root = { warm_up_steps = 100, start_factor = 0.01 } }",
];

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/torch_schedulers.json"))
        .expect("the reference is JSON of this form")
}

fn read(text: &str) -> Schedule {
    toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn settings(text: &str) -> Settings {
    toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[track_caller]
fn assert_near(value: f64, expected: f64, what: &str, step: usize) {
    let departure = (value - expected).abs();
    let near = departure <= 1e-10 * expected.abs();
    assert!(near, "{what}, step {step}: {value}, not {expected}");
}

#[test]
fn every_schedule_is_that_of_pytorch() {
    let mut reference = reference();
    for (theirs, ours, base) in SAME {
        let rates = reference.schedules.remove(theirs).expect(theirs);
        assert!(rates.len() >= 29, "{theirs} was recorded");
        let schedule = read(ours);
        schedule.check().expect(ours);
        let base = base.unwrap_or(reference.base_lr);
        for (step, &rate) in rates.iter().enumerate() {
            assert_near(schedule.value(base, step as u64), rate, ours, step);
        }
    }
    let rates = reference.schedules.remove(PLATEAU).expect(PLATEAU);
    let config: PlateauConfig = toml::from_str("factor = 0.5\npatience = 2").expect(PLATEAU);
    let mut plateau = config.build(reference.base_lr).expect(PLATEAU);
    for (step, &rate) in rates.iter().enumerate() {
        assert_near(plateau.value(), rate, PLATEAU, step);
        plateau.observe((5.0 - step as f64).max(0.0));
    }
    let left: Vec<_> = reference.schedules.keys().collect();
    assert!(left.is_empty(), "not compared: {left:?}");
}

#[test]
fn toml_and_json_say_every_schedule() {
    for text in EACH {
        let settings = settings(text);
        settings.schedule.check().expect(text);
        let written = toml::to_string(&settings).expect(text);
        assert_eq!(
            toml::from_str::<Settings>(&written).expect(&written),
            settings
        );
        let written = serde_json::to_string(&settings).expect(text);
        assert_eq!(
            serde_json::from_str::<Settings>(&written).expect(&written),
            settings
        );
    }
}

#[test]
fn every_setting_is_kept() {
    // The text has all settings, so that it must come back as it was.
    for text in EACH {
        let value = |text: &str| toml::from_str::<toml::Value>(text).expect("it is TOML");
        let written = toml::to_string(&settings(text)).expect(text);
        assert_eq!(value(&written), value(text));
    }
}

#[test]
fn unknown_keys_are_refused() {
    let mut kinds = 0;
    for text in EACH {
        let mut value = serde_json::to_value(settings(text).schedule).expect(text);
        let Some(tagged) = value.as_object_mut() else {
            continue;
        };
        let Some(inner) = tagged.values_mut().next().and_then(Value::as_object_mut) else {
            continue;
        };
        inner.insert("gamma".into(), 0.5.into());
        let error = serde_json::from_value::<Schedule>(value).expect_err(text);
        assert!(error.to_string().contains("`gamma`"), "{text}: {error}");
        kinds += 1;
    }
    // All but the constant, which has no settings, and the product, which is a list.
    assert_eq!(kinds, EACH.len() - 2);
    let error = toml::from_str::<Schedule>("cosinus = { steps = 3 }").unwrap_err();
    assert!(error.to_string().contains("`cosinus`"), "{error}");
    let error = toml::from_str::<PlateauConfig>("min_lr = 0.1").unwrap_err();
    assert!(error.to_string().contains("`min_lr`"), "{error}");
}

#[test]
fn defaults_are_those_of_pytorch() {
    for (short, long) in [
        (
            "step = { period = 3 }",
            "step = { period = 3, factor = 0.1 }",
        ),
        (
            "multi-step = { milestones = [3] }",
            "multi-step = { milestones = [3], factor = 0.1 }",
        ),
        (
            "exponential = { factor = 0.9 }",
            "exponential = { factor = 0.9, period = 1 }",
        ),
        (
            "polynomial = { steps = 3 }",
            "polynomial = { steps = 3, power = 1, end_value = 0 }",
        ),
        (
            "cosine = { steps = 3 }",
            "cosine = { steps = 3, end_value = 0, after = 'cycle' }",
        ),
        (
            "cosine-restarts = { first_period = 3 }",
            "cosine-restarts = { first_period = 3, period_factor = 1, end_value = 0 }",
        ),
        (
            "cyclic = { peak = 1, steps_up = 3 }",
            "cyclic = { peak = 1, steps_up = 3, shape = 'triangular' }",
        ),
        (
            "one-cycle = { steps = 3 }",
            "one-cycle = { steps = 3, rise_share = 0.3, start_divisor = 25, end_divisor = 1e4, \
             anneal = 'cosine', phases = 'two' }",
        ),
    ] {
        assert_eq!(read(short), read(long));
    }
    let plateau = "mode = 'min'\nfactor = 0.1\npatience = 10\nthreshold = 1e-4\n\
                   threshold_mode = 'relative'\ncooldown = 0\nminimum = 0\nepsilon = 1e-8";
    let plateau: PlateauConfig = toml::from_str(plateau).expect("it names all settings");
    assert_eq!(plateau, PlateauConfig::default());
}

#[test]
fn lengths_have_no_default() {
    for (text, field) in [
        ("step = {}", "period"),
        ("linear = {}", "steps"),
        ("cosine = { end_value = 0.1 }", "steps"),
        ("cyclic = { peak = 0.1 }", "steps_up"),
        ("warm-up = { start_factor = 0.1 }", "steps"),
        ("noam = { model_size = 3 }", "warm_up_steps"),
    ] {
        let error = toml::from_str::<Schedule>(text).expect_err(text);
        let missing = format!("missing field `{field}`");
        assert!(error.to_string().contains(&missing), "{text}: {error}");
    }
}

#[test]
fn errors_name_the_field_however_deep() {
    let inner = "product = [{ warm-up = { steps = 3, start_factor = 0.1, then = \
                 { joined = { milestones = [2], schedules = ['constant', { cosine = { steps = 0 } }] } } } }]";
    let error = read(inner).check().unwrap_err();
    assert_eq!(error.to_string(), "cosine.steps must be at least 1, got 0");
    let error = read("linear = { steps = 4, start_factor = nan }").check();
    assert_eq!(error.unwrap_err().name, "linear.start_factor");
}

#[test]
fn a_warm_up_is_a_line_joined_with_the_rest() {
    let rest = "{ cosine-restarts = { first_period = 4, end_value = 0.02 } }";
    let warm_up = read(&format!(
        "warm-up = {{ steps = 5, start_factor = 0.2, then = {rest} }}"
    ));
    let line = "{ linear = { steps = 5, start_factor = 0.2 } }";
    let joined = read(&format!(
        "joined = {{ milestones = [5], schedules = [{line}, {rest}] }}"
    ));
    for step in 0..20 {
        assert_eq!(warm_up.value(0.1, step), joined.value(0.1, step));
    }
    assert!(warm_up.value(0.1, 4) < warm_up.value(0.1, 5));
}

#[test]
fn cycles_move_the_momentum_of_pytorch() {
    // The momentum of SGD beside the rate, in PyTorch 2.9.1.
    // OneCycleLR(optimizer, 0.1, 10)
    let one_cycle = [
        0.95,
        0.9,
        0.85,
        0.854951556604879,
        0.8688255099070633,
        0.8888739533021842,
        0.9111260466978157,
        0.9311744900929366,
        0.945048443395121,
        0.95,
    ];
    let start_divisor = 0.85 / 0.95;
    let settings = format!("steps = 10, start_divisor = {start_divisor}, end_divisor = 1");
    let schedule = read(&format!("one-cycle = {{ {settings} }}"));
    for (step, &momentum) in one_cycle.iter().enumerate() {
        assert_near(
            schedule.value(0.85, step as u64),
            momentum,
            "one cycle",
            step,
        );
    }
    // CyclicLR(optimizer, 0.01, 0.1, 2, 3, mode="triangular2")
    let cyclic = [
        0.9,
        0.85,
        0.8,
        0.8333333333333334,
        0.8666666666666667,
        0.9,
        0.875,
        0.85,
        0.8666666666666667,
        0.8833333333333333,
        0.9,
        0.8875,
    ];
    let settings = "peak = 0.8, steps_up = 2, steps_down = 3, shape = 'triangular2'";
    let schedule = read(&format!("cyclic = {{ {settings} }}"));
    for (step, &momentum) in cyclic.iter().enumerate() {
        assert_near(schedule.value(0.9, step as u64), momentum, "cyclic", step);
    }
}

#[test]
fn factors_scale_with_the_base() {
    let schedules = [
        Schedule::Cosine(Cosine::new(10)),
        Schedule::Exponential(Exponential::new(0.9)),
        Schedule::Noam(Noam::new(64, 5)),
    ];
    for schedule in schedules {
        for step in 0..20 {
            let (one, four) = (schedule.value(1.0, step), schedule.value(4.0, step));
            assert_eq!(4.0 * one, four, "{schedule:?}, step {step}");
        }
    }
}
