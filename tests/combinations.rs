//! Each optimizer with each part of a descent, and each part with each other: every pair works, or
//! is refused with words.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use burn::tensor::DType;
use downhill::schedule::WarmUp;
use downhill::{
    AdamConfig, AdaptiveClip, DescentConfig, Ema, GlobalNorm, GradientStage, Lookahead, LossScale,
    Mars, Mechanic, NonFinite, OptimizerConfig, Parameters, ScheduleFreeAverage, SgdConfig,
    StepMask, Swa, Units, WeightDecay,
};
use downhill_trainer::Backend;

use crate::backend::open;
use crate::contract::{START, gradients};
use crate::document::assert_up_to_date;
use crate::numbers::{Numbers, Place, descend};

const HEAD: &str = "\
# Combinations

Each optimizer is stepped with each part of a descent, and each part with each other part: six
steps, saved after three and continued to the same numbers. `DescentConfig::build` refuses the pairs
below, with the error of the first column, in which `..` is the part that it names. All other pairs
work; parts are paired around Adam. `members` are the networks of an ensemble.
";

type Part = (&'static str, fn(DescentConfig) -> DescentConfig);

/// What may stand around an optimizer, by its name in a file.
const PARTS: [Part; 26] = [
    ("accumulate", |config| config.with_accumulation(2)),
    ("non_finite = skip", |config| {
        config.with_non_finite(NonFinite::Skip)
    }),
    ("loss_scale", |config| {
        config.with_loss_scale(LossScale::new().with_growth_steps(2))
    }),
    ("maximize", |config| {
        config.with_gradients(GradientStage::Maximize)
    }),
    ("clip-value", |config| {
        config.with_gradients(GradientStage::ClipValue(1.0))
    }),
    ("clip-norm", |config| {
        config.with_gradients(GradientStage::ClipNorm(1.0))
    }),
    ("clip-rms", |config| {
        config.with_gradients(GradientStage::ClipRms(1.0))
    }),
    ("clip-global-norm", |config| {
        config.with_gradients(GlobalNorm::new(1.0))
    }),
    ("clip-adaptive", |config| {
        config.with_gradients(AdaptiveClip::new(0.1))
    }),
    ("normalize", |config| {
        config.with_gradients(GradientStage::Normalize)
    }),
    ("centralize", |config| {
        config.with_gradients(GradientStage::Centralize(Units::Last))
    }),
    ("mars", |config| {
        config.with_gradients(Mars::new().with_from_rank(1))
    }),
    ("mask = cautious", |config| {
        config.with_mask(StepMask::Cautious)
    }),
    ("ema", |config| config.with_ema(0.9)),
    ("ema that overwrites", |config| {
        config.with_weights(Ema::new(0.9).with_overwrite_every(2))
    }),
    ("swa", |config| config.with_weights(Swa::new())),
    ("lookahead", |config| {
        config.with_weights(Lookahead::new(2, 0.5))
    }),
    ("schedule-free", |config| {
        config.with_weights(ScheduleFreeAverage::new())
    }),
    ("mechanic", |config| {
        config.with_weights(Mechanic::new().with_initial_scale(0.1))
    }),
    ("schedules", |config| {
        let warm_up = WarmUp::new(3).with_start_factor(0.5);
        config.with_schedule("learning_rate", warm_up)
    }),
    ("cautious decay", |mut config| {
        let decay = serde_json::to_value(WeightDecay::Cautious(0.1)).expect("a decay");
        // Optimizers without a weight decay stay as they are.
        if let Some(with) = with_setting(&config.optimizer, "weight_decay", decay) {
            config.optimizer = with;
        }
        config
    }),
    ("a group with a rate", |config| {
        config.with_setting(matrices(), "learning_rate", 0.1)
    }),
    ("a group with an optimizer", |config| {
        config.with_optimizer(matrices(), SgdConfig::torch())
    }),
    ("a frozen group", |config| config.with_frozen(matrices())),
    ("master_weights", |config| config.with_master_weights(true)),
    ("members", |config| config.with_members(vec![1.0; 4])),
];

fn matrices() -> Parameters {
    Parameters::Rank(2)
}

fn with_setting(
    optimizer: &OptimizerConfig,
    setting: &str,
    value: serde_json::Value,
) -> Option<OptimizerConfig> {
    let mut written = serde_json::to_value(optimizer).ok()?;
    let settings = written.as_object_mut()?.values_mut().next()?;
    settings.as_object_mut()?.get(setting)?;
    settings[setting] = value;
    serde_json::from_value(written).ok()
}

/// Builds it, goes six steps, and the last three of them again from a saved state. Returns the
/// words of a refusal.
fn walk(title: &str, config: &DescentConfig) -> Result<(), String> {
    let place = Place::new(&open(Backend::Flex), DType::F64);
    let shapes = [vec![4], vec![4, 2]];
    let gradients = gradients(6);
    let mut descent = config.build().map_err(|error| error.to_string())?;
    let start = Numbers::new(&START, &shapes, &place);
    let way = descend(&mut descent, start, &gradients, &place);
    let end = &way.parameters[5];
    assert!(end.iter().all(|number| number.is_finite()), "{title}");
    assert_ne!(end, &START, "{title} does not move");
    for outcome in &way.outcomes {
        assert!(outcome.is_ok(), "{title}: {outcome:?}");
    }

    let mut before = config.build().expect("it was built before");
    let start = Numbers::new(&START, &shapes, &place);
    descend(&mut before, start, &gradients[..3], &place);
    let mut after = config.build().expect("it was built before");
    let bytes = before.to_bytes().expect("it can be saved");
    after.load_bytes(bytes, &place.device).expect("and loaded");
    let middle = Numbers::new(&way.parameters[2], &shapes, &place);
    let rest = descend(&mut after, middle, &gradients[3..], &place);
    assert_eq!(rest.parameters, way.parameters[3..], "{title}");
    assert_eq!(rest.evaluations, way.evaluations[3..], "{title}");
    Ok(())
}

#[test]
fn every_pair_works_or_is_refused_with_words() {
    let mut refused: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut pair = |first: &str, second: &str, config: &DescentConfig| {
        let title = format!("{first} with {second}");
        if let Err(words) = walk(&title, config) {
            let named = [first, second]
                .iter()
                .find_map(|name| words.strip_prefix(name));
            let words = named.map_or(words.clone(), |rest| format!("..{rest}"));
            refused.entry(words).or_default().push(title);
        }
    };
    for optimizer in OptimizerConfig::all() {
        let alone = DescentConfig::new(optimizer);
        for (name, with) in PARTS {
            pair(alone.optimizer.name(), name, &with(alone.clone()));
        }
    }
    for (index, (first, with_first)) in PARTS.into_iter().enumerate() {
        for (second, with_second) in &PARTS[index..] {
            let adam = DescentConfig::new(AdamConfig::torch());
            pair(first, second, &with_second(with_first(adam)));
        }
    }
    let mut text = format!("{HEAD}\n| error | pairs |\n| --- | --- |\n");
    for (words, pairs) in refused {
        writeln!(text, "| {words} | {} |", pairs.join(", ")).expect("text grows");
    }
    assert_up_to_date("COMBINATIONS.md", &text);
}
