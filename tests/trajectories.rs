//! Each optimizer, and what stands around it, goes the way of the library that its settings name.

use burn::tensor::DType;
use downhill::{DescentConfig, StepOutcome, WeightStage};
use downhill_trainer::Backend;

use crate::backend::{distance, open};
use crate::coverage;
use crate::numbers::{Numbers, Place, Way, go, step_each};
use crate::peers;
use crate::reference::{Case, REFERENCES, Reference};

/// One of our configs with the reference that it must match.
pub(crate) struct Variant {
    pub(crate) title: String,
    pub(crate) config: DescentConfig,
    pub(crate) reference: &'static Reference,
    pub(crate) case: &'static Case,
}

/// Every case that is covered, of the first set and of what only the second has.
pub(crate) fn variants() -> Vec<Variant> {
    of_references(|reference, case| reference.kept.is_none() || case.new)
}

/// The cases of the first set in the second: from another start, by other gradients, over 60 steps.
fn in_second_set() -> Vec<Variant> {
    of_references(|reference, case| reference.kept.is_some() && !case.new)
}

/// All of both sets.
pub(crate) fn every_variant() -> Vec<Variant> {
    of_references(|_, _| true)
}

fn of_references(belongs: impl Fn(&Reference, &Case) -> bool) -> Vec<Variant> {
    let mut variants = Vec::new();
    for reference in REFERENCES.iter() {
        for case in (reference.cases.iter()).filter(|case| belongs(reference, case)) {
            if let Ok(config) = peers::config(case) {
                let title = case.title();
                variants.push(Variant {
                    title,
                    config,
                    reference,
                    case,
                });
            }
        }
    }
    variants
}

impl Variant {
    /// The gradients as the case has them.
    fn gradients(&self) -> Vec<Vec<f64>> {
        let scale = self.case.gradient_scale.unwrap_or(1.0);
        let scaled = |numbers: &Vec<f64>| numbers.iter().map(|number| scale * number).collect();
        let mut gradients: Vec<Vec<f64>> = self.reference.grads.iter().map(scaled).collect();
        for step in &self.case.nan_at {
            gradients[step - 1][0] = f64::NAN;
        }
        gradients
    }

    fn start(&self, place: &Place) -> Numbers {
        Numbers::new(&self.reference.init, &self.case.shapes(), place)
    }

    /// Where another config goes from the same start by the same gradients.
    pub(crate) fn walk(&self, config: &DescentConfig, place: &Place) -> Way {
        let mut descent = config
            .build()
            .expect("the settings are within their bounds");
        let averages = self.case.expected_average_after_each_step.is_some();
        let start = self.start(place);
        let (gradients, losses) = (self.gradients(), &self.case.values);
        go(&mut descent, start, &gradients, losses, place, averages)
    }

    /// How far a way is from the reference, parameters and averages, over all steps.
    pub(crate) fn departure(&self, way: &Way) -> f64 {
        let case = self.case;
        let expected = &case.expected_params_after_each_step;
        let mut of_parameters = departure(&self.kept(&way.parameters), expected);
        if let Some(scales) = &case.expected_scale_after_each_step {
            let apart = self.kept(&way.scales).into_iter().zip(scales);
            let apart = apart.map(|(scale, expected)| (scale / expected - 1.0).abs());
            of_parameters = apart.fold(of_parameters, f64::max);
        }
        match &case.expected_average_after_each_step {
            Some(expected) => of_parameters.max(departure(&self.kept(&way.evaluations), expected)),
            None => of_parameters,
        }
    }

    /// What the reference has of this.
    fn kept<T: Clone>(&self, of_all_steps: &[T]) -> Vec<T> {
        match &self.reference.kept {
            Some(kept) => kept
                .iter()
                .map(|step| of_all_steps[step - 1].clone())
                .collect(),
            None => of_all_steps.to_vec(),
        }
    }

    pub(crate) fn largest(&self) -> f64 {
        let all = self.case.expected_params_after_each_step.iter().flatten();
        all.fold(0.0, |largest: f64, value| largest.max(value.abs()))
    }

    /// The largest distance of a parameter from its start.
    pub(crate) fn travelled(&self) -> f64 {
        let steps = self.case.expected_params_after_each_step.iter();
        let distances = steps.map(|parameters| distance(parameters, &self.reference.init));
        distances.fold(0.0, f64::max)
    }
}

/// The largest distance over all steps.
pub(crate) fn departure(walked: &[Vec<f64>], expected: &[Vec<f64>]) -> f64 {
    assert_eq!(walked.len(), expected.len());
    let departures = walked.iter().zip(expected);
    departures.map(|(a, b)| distance(a, b)).fold(0.0, f64::max)
}

/// In `f64` to 1e-10, of the largest parameter where that is above 1; where the library itself
/// rounds a part to `f32`, to 1e-6.
fn in_f64(backend: Backend) {
    let place = Place::new(&open(backend), DType::F64);
    let mut departed = Vec::new();
    for variant in every_variant() {
        let way = variant.walk(&variant.config, &place);
        let departure = variant.departure(&way);
        let bound = if variant.case.is_rounded() {
            1e-6
        } else {
            1e-10
        };
        if is_far(departure, bound * variant.largest().max(1.0)) {
            departed.push(format!("{}: {departure:e}", variant.title));
        }
    }
    assert!(departed.is_empty(), "{}", departed.join("\n"));
}

#[cfg(feature = "flex")]
#[test]
fn every_variant_follows_its_reference_in_f64_on_flex() {
    in_f64(Backend::Flex);
}

#[cfg(feature = "ndarray")]
#[test]
fn every_variant_follows_its_reference_in_f64_on_ndarray() {
    in_f64(Backend::Ndarray);
}

/// In `f32`, to the part of the distance travelled that COVERAGE.md has for the function. The cases
/// of `variants` are also stepped by Burn, parameter by parameter.
pub(crate) fn every_variant_follows_its_reference_in_f32_also_when_burn_steps(backend: Backend) {
    let place = Place::new(&open(backend), DType::F32);
    let mut all = variants();
    if backend == Backend::Wgpu {
        all.retain(|variant| !has_many_products(variant));
    }
    let mut compared = 0;
    // At most 2e-6 of the largest parameter and 3e-4 of the distance travelled. Less where the rate
    // is estimated and grows a thousandfold on the way, and what was rounded with it: DoG and
    // Prodigy travel 1e-5, a hundred times the resolution of the parameters.
    let most = |variant: &Variant| {
        let (of_largest, of_travelled) = match variant.config.optimizer.name() {
            "dog" => (2e-6, 0.1),
            // Small eigenvalues are rounded away.
            "shampoo" => (0.1, 1.0),
            "prodigy" => (1e-5, 0.1),
            _ if has_mechanic(&variant.config) => (2e-6, 0.01),
            "d-adapt-adam" => (1e-5, 0.02),
            _ => (2e-6, 3e-4),
        };
        f64::min(
            of_largest * variant.largest(),
            of_travelled * variant.travelled(),
        )
    };
    follow_in_f32(&all, &place, most, |variant, way| {
        if let Some(by_burn) = by_burn(variant, &place) {
            assert_eq!(way.parameters, by_burn, "{}", variant.title);
            compared += 1;
        }
    });
    assert!(compared > 200, "{compared}");
}

/// Mechanic begins with steps of 1e-6 or 1e-2 of the optimizer's, whose rounding it divides by
/// that.
fn has_mechanic(config: &DescentConfig) -> bool {
    let is_mechanic = |stage: &WeightStage| matches!(stage, WeightStage::Mechanic(_));
    config.weights.iter().any(is_mechanic)
}

/// SOAP and Shampoo of a matrix, a cube and a hypercube by themselves. A driver in software takes
/// seconds to tune each new shape of a product of matrices; a matrix with a cube is enough.
fn has_many_products(variant: &Variant) -> bool {
    let shapes = variant.case.shapes();
    let is_by_itself = shapes.len() == 1 && shapes[0].len() > 1;
    ["soap", "shampoo"].contains(&variant.config.optimizer.name()) && is_by_itself
}

/// The same from another start, by other gradients and over sixty steps.
pub(crate) fn every_variant_follows_the_second_set_in_f32(backend: Backend) {
    let place = Place::new(&open(backend), DType::F32);
    let all = in_second_set();
    // At most 3e-5 of the distance travelled, and 3e-4 with clipping, with which they travel less.
    let most = |variant: &Variant| {
        let of_travelled = match variant.config.optimizer.name() {
            "dog" | "prodigy" => 0.02,
            _ if has_mechanic(&variant.config) => 0.01,
            "shampoo" => 1.0,
            _ if !variant.config.gradients.is_empty() => 3e-4,
            _ => 3e-5,
        };
        of_travelled * variant.travelled()
    };
    follow_in_f32(&all, &place, most, |_, _| {});
    assert!(all.len() > 340, "{}", all.len());
}

/// Walks all, and compares each with its bound of COVERAGE.md and with `most`.
fn follow_in_f32(
    all: &[Variant],
    place: &Place,
    most: impl Fn(&Variant) -> f64,
    mut look: impl FnMut(&Variant, &Way),
) {
    let mut departed = Vec::new();
    for variant in all {
        let way = variant.walk(&variant.config, place);
        look(variant, &way);
        let departure = variant.departure(&way);
        let bound = coverage::bound_in_f32(variant.case) * variant.travelled();
        if is_far(departure, bound.min(most(variant))) {
            let title = &variant.title;
            departed.push(format!("{title}: {departure:e}, not {bound:e}"));
        }
    }
    assert!(departed.is_empty(), "{}", departed.join("\n"));
}

/// Whether a departure is not below a bound; NaN is not.
fn is_far(departure: f64, bound: f64) -> bool {
    departure.is_nan() || departure >= bound
}

/// As an optimizer of Burn's own kind, parameter by parameter, each takes the same steps, bit for
/// bit; except those that share sums over all parameters, where there are several. `None` for
/// these, and for what is more than an optimizer.
fn by_burn(variant: &Variant, place: &Place) -> Option<Vec<Vec<f64>>> {
    let shares = ["dog", "dowg", "d-adapt-adam", "prodigy"];
    let optimizer = &variant.config.optimizer;
    let split = variant.case.split.is_some();
    let alone = DescentConfig::new(optimizer.clone());
    let is_told = !variant.case.values.is_empty() || optimizer.name() == "sophia";
    if is_told || alone != variant.config || (split && shares.contains(&optimizer.name())) {
        return None;
    }
    let mut by_burn = optimizer.init().expect("it is within bounds");
    let (rate, start) = (optimizer.learning_rate(), variant.start(place));
    Some(step_each(
        &mut by_burn,
        rate,
        start,
        &variant.gradients(),
        place,
    ))
}

/// What is not followed, and why; nothing else is left out.
#[test]
fn every_case_is_followed_or_named() {
    let mut counts = [(0, 0); 2];
    let mut left_out: Vec<String> = Vec::new();
    for reference in REFERENCES.iter() {
        let (followed, not) = &mut counts[usize::from(reference.kept.is_some())];
        for case in &reference.cases {
            match peers::config(case) {
                Ok(_) => *followed += 1,
                Err(peers::NotCovered(why)) => {
                    *not += 1;
                    left_out.push(format!("{}: {why}", case.title()));
                }
            }
        }
    }
    println!(
        "{counts:?} cases followed and not:\n{}",
        left_out.join("\n")
    );
    let followed_all = |case: &Case| peers::config(case).is_ok();
    assert_eq!(REFERENCES[1].cases.len(), 31);
    assert!(REFERENCES[1].cases.iter().all(followed_all));
    let seed_left: Vec<_> = left_out
        .iter()
        .filter(|title| title.starts_with("seed"))
        .collect();
    assert_eq!(seed_left.len(), 1, "{seed_left:?}");
    assert_eq!(counts, [(405, 4), (501, 3)]);
}

/// All but the book's and the Theano cousin's, which have no call; in both sets.
#[test]
fn every_case_of_another_library_is_read_from_its_call() {
    let followed = |library: &str, second: bool| {
        let sets = REFERENCES.iter().filter(|set| set.kept.is_some() == second);
        let of_library = sets
            .flat_map(|set| &set.cases)
            .filter(|case| case.library == library);
        of_library
            .filter(|case| peers::config(case).is_ok())
            .count()
    };
    let libraries = ["torch", "keras", "optax", "pytorch_optimizer"];
    let both = libraries.map(|it| [followed(it, false), followed(it, true)]);
    assert_eq!(both, [[80, 89], [95, 96], [218, 261], [0, 55]]);
}

/// A mistake of a fork, and a rate that is ignored.
#[cfg(feature = "flex")]
#[test]
fn widespread_mistakes_are_not_followed() {
    let place = Place::new(&open(Backend::Flex), DType::F64);
    let all = variants();
    let seed = |name: &str| {
        let found = all
            .iter()
            .find(|variant| variant.case.library == "seed" && variant.case.name == name);
        found.expect("the file has it")
    };
    let mistaken = REFERENCES[0]
        .cases
        .iter()
        .find(|case| case.name == "Nesterov_wegralee");
    let mistaken = mistaken.expect("the file has it");
    let nesterov = seed("Nesterov_oreilly");
    let way = nesterov.walk(&nesterov.config, &place);
    assert!(departure(&way.parameters, &mistaken.expected_params_after_each_step) > 1e-3);

    let sgd = seed("theano_SGD");
    let mut given = sgd.config.clone();
    assert!(given.optimizer.set("learning_rate", 0.5));
    assert!(sgd.departure(&sgd.walk(&given, &place)) > 1e-3);
}

/// Gradients that are not finite are said where they are, and nothing comes of them.
#[cfg(feature = "flex")]
#[test]
fn what_is_skipped_is_told() {
    let place = Place::new(&open(Backend::Flex), DType::F64);
    let mut skipped = 0;
    for variant in variants() {
        let way = variant.walk(&variant.config, &place);
        for (index, outcome) in way.outcomes.iter().enumerate() {
            if variant.case.nan_at.contains(&(index + 1)) {
                let expected = StepOutcome::Skipped(vec!["vectors.0".into()]);
                assert_eq!(*outcome, Ok(expected));
                skipped += 1;
            }
        }
    }
    assert_eq!(skipped, 9);
}
