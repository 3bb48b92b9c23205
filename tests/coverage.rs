//! `crates/downhill/COVERAGE.md`: every optimizer of other libraries, what follows it here, and how
//! closely. The tests on each backend take their bounds from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::reference::Case;

const TABLE: &str = include_str!("../crates/downhill/COVERAGE.md");

/// The public optimizers, by the module that has them.
static NAMES: LazyLock<BTreeMap<String, BTreeSet<String>>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("reference/names.json")).expect("names.py wrote it")
});

/// The bounds of the table by the name of a function: of the departure in `f64`, and of that in
/// `f32` as a part of the distance travelled.
static BOUNDS: LazyLock<BTreeMap<&str, [Option<f64>; 2]>> = LazyLock::new(|| {
    let rows = TABLE.lines().map(|line| line.split('|').map(str::trim));
    let rows = rows.map(Iterator::collect::<Vec<_>>);
    let bounds = rows.filter(|row| row.len() == 7).map(|row| {
        let bounds = [row[4], row[5]].map(|cell| cell.parse().ok());
        (row[1].trim_matches('`'), bounds)
    });
    bounds.collect()
});

/// How far a case may depart in `f32`, as a part of the distance travelled.
pub(crate) fn bound_in_f32(case: &Case) -> f64 {
    let name = full_name(case);
    let bounds = BOUNDS.get(name.as_str()).copied().unwrap_or_default();
    bounds[1].unwrap_or_else(|| panic!("COVERAGE.md has no bound for {name}"))
}

/// What a case is about, as one writes it there.
fn full_name(case: &Case) -> String {
    let name = &case.name;
    match (case.library, name.as_str()) {
        ("torch", "clip_grad_norm_") => format!("torch.nn.utils.{name}"),
        ("torch", "AveragedModel") => format!("torch.optim.swa_utils.{name}"),
        ("keras", _) => format!("keras.optimizers.{name}"),
        ("pytorch_optimizer", _) => format!("pytorch_optimizer.{name}"),
        ("optax", _) if NAMES["optax.contrib"].contains(name) => format!("optax.contrib.{name}"),
        ("optax", _) => format!("optax.{name}"),
        _ => name.clone(),
    }
}

#[cfg(feature = "flex")]
mod table {
    use std::fmt::Write;

    use burn::tensor::DType;
    use downhill_trainer::Backend;

    use super::*;
    use crate::backend::open;
    use crate::burn_presets;
    use crate::document::assert_up_to_date;
    use crate::numbers::Place;
    use crate::peers;
    use crate::reference::REFERENCES;
    use crate::trajectories::every_variant;

    const HEAD: &str = "\
# Coverage

Every public optimizer of PyTorch 2.15.0, Keras 3.15.1, optax 0.2.8 and burn-optim 0.22.1, and those
of pytorch_optimizer 4.1.0 that are here, what corresponds to it, the number of recorded
trajectories (20 steps of 8 parameters, 60 steps of 24) that are followed, and bounds on how far
these depart. In `f64` a bound is an absolute number,
or a part of the largest parameter where that is above 1; it is checked on flex, and on ndarray one
of 1e-10 is. Trajectories that a library rounds to `f32` itself have no part in it; they are
followed to 1e-6. In `f32` a bound is a part of the distance travelled, and is checked on flex,
ndarray and wgpu. Burn's own optimizers run side by side with ours; Burn computes powers of beta in
`f32`. Shampoo depends on the small eigenvalues of sums of squares, which `f32` rounds away where
gradients of unlike sizes meet.

`DescentConfig::from_call` reads calls of the optimizers of PyTorch, Keras, optax and
pytorch_optimizer that have trajectories.
";

    const NOT_COVERED: [(&str, &[&str]); 5] = [
        (
            "The library draws no random numbers, so it adds no noise.",
            &[
                "optax.noisy_sgd",
                "optax.contrib.dpsgd",
                "optax.contrib.differentially_private_aggregate",
            ],
        ),
        (
            "The diagonal of the Hessian is estimated by the caller.",
            &["optax.contrib.hutchinson_estimator_diag_hessian"],
        ),
        (
            "`LbfgsConfig` follows PyTorch's L-BFGS and its line search alone.",
            &["optax.lbfgs", "burn::optim::LBFGSConfig"],
        ),
        (
            "`SamConfig` follows the paper and `Plateau` PyTorch; optax has forms of its own.",
            &["optax.contrib.sam", "optax.contrib.reduce_on_plateau"],
        ),
        (
            "Burn has no complex parameters.",
            &["optax.contrib.split_real_and_imaginary"],
        ),
    ];

    /// Settings whose recorded trajectories are not followed, of what else is.
    const NOT_COVERED_SETTINGS: [(&str, &str); 2] = [
        ("torch.optim.Muon", "the iteration in bfloat16"),
        (
            "keras.optimizers.SGD",
            "`gradient_accumulation_steps` with `use_ema`",
        ),
    ];

    /// What no trajectory is about: what corresponds to it, and where it is compared.
    const ELSEWHERE: [(&str, &str, &str); 4] = [
        ("torch.optim.LBFGS", "`LbfgsConfig`", "`tests/lbfgs.rs`"),
        ("keras.optimizers.MultiOptimizer", "groups", "not compared"),
        ("optax.nadam", "`adam`", "`optax.adam(nesterov=True)`"),
        ("optax.nadamw", "`adamw`", "`optax.adamw(nesterov=True)`"),
    ];

    /// What stands around an optimizer.
    const AROUND: [(&str, &str); 16] = [
        ("keras.optimizers.LossScaleOptimizer", "`loss_scale`"),
        ("torch.nn.utils.clip_grad_norm_", "`clip-global-norm`"),
        ("torch.optim.swa_utils.AveragedModel", "`ema`, `swa`"),
        ("optax.MultiSteps", "`accumulate`"),
        ("optax.adaptive_grad_clip", "`clip-adaptive`"),
        ("optax.add_decayed_weights", "`weight_decay`"),
        ("optax.apply_if_finite", "`non_finite`"),
        ("optax.centralize", "`centralize`"),
        ("optax.contrib.normalize", "`normalize`"),
        ("optax.clip", "`clip-value`"),
        ("optax.clip_by_block_rms", "`clip-rms`"),
        (
            "optax.clip_by_global_norm",
            "`clip-global-norm`, `clip-norm`",
        ),
        ("optax.ema", "`ema`"),
        ("optax.lookahead", "`lookahead`"),
        ("optax.contrib.mechanize", "`mechanic`"),
        ("optax.contrib.schedule_free", "`schedule-free`"),
    ];

    /// What was found of one function.
    #[derive(Default)]
    struct Found {
        keys: BTreeSet<&'static str>,
        cases: usize,
        apart: [f64; 2],
    }

    fn all_found() -> BTreeMap<String, Found> {
        let device = open(Backend::Flex);
        let places = [DType::F64, DType::F32].map(|dtype| Place::new(&device, dtype));
        let mut all: BTreeMap<String, Found> = BTreeMap::new();
        for variant in every_variant() {
            let found = all.entry(full_name(variant.case)).or_default();
            found.keys.insert(variant.config.optimizer.name());
            found.cases += 1;
            let measures = [variant.largest().max(1.0), variant.travelled()];
            for at in 0..2 {
                let way = variant.walk(&variant.config, &places[at]);
                let apart = variant.departure(&way) / measures[at];
                if at == 1 || !variant.case.is_rounded() {
                    found.apart[at] = found.apart[at].max(apart);
                }
            }
        }
        all
    }

    /// The bound of the table if it holds and is not far off, else a new one: 1, 2 or 5 times a
    /// power of ten, at least three times what was found.
    fn bound(name: &str, at: usize, apart: f64) -> f64 {
        let least = [1e-14, 1e-7][at];
        let stated = BOUNDS.get(name).and_then(|bounds| bounds[at]);
        let is_near = |bound: &f64| apart < *bound && *bound <= f64::max(1000.0 * apart, least);
        stated.filter(is_near).unwrap_or_else(|| {
            let steps = (-15..1).flat_map(|power| [1, 2, 5].map(|digit| (digit, power)));
            let bounds = steps.map(|(digit, power)| format!("{digit}e{power}"));
            let mut bounds = bounds.map(|text| text.parse().expect("a number"));
            let fits = |bound: &f64| *bound >= f64::max(3.0 * apart, least);
            bounds.find(fits).expect("no departure is above 1")
        })
    }

    fn table() -> String {
        let mut all = all_found();
        let mut text = HEAD.to_owned();
        let head = "\n| library | downhill | trajectories | `f64` | `f32` |\n| --- | --- | --- | --- | --- |\n";
        let row = |text: &mut String, name: &str, found: Found| {
            let around = AROUND.iter().find(|(around, _)| *around == name);
            let keys = found.keys.iter().map(|key| format!("`{key}`"));
            let here = match around {
                Some((_, here)) => (*here).to_owned(),
                None => keys.collect::<Vec<_>>().join(", "),
            };
            let [of_f64, of_f32] = [0, 1].map(|at| bound(name, at, found.apart[at]));
            let cases = found.cases;
            writeln!(
                text,
                "| `{name}` | {here} | {cases} | {of_f64:e} | {of_f32:e} |"
            )
            .expect("text grows");
        };
        for (module, names) in NAMES
            .iter()
            .filter(|(module, _)| !module.starts_with("burn"))
        {
            write!(text, "\n## {module}\n{head}").expect("text grows");
            for name in names {
                let name = format!("{module}.{name}");
                match all.remove(&name) {
                    Some(found) => row(&mut text, &name, found),
                    None => text += &without_cases(&name),
                }
            }
        }
        write!(text, "\n## burn::optim\n{head}").expect("text grows");
        let departures = burn_presets::departures();
        for name in &NAMES["burn::optim"] {
            text += &of_burn(name, &departures);
        }
        let (others, of_the_book): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(name, _)| name.contains('.'));
        for (title, rows) in [
            ("Parts around an optimizer", others),
            (
                "\"Deep Learning from Scratch\" and its version for Theano",
                of_the_book,
            ),
        ] {
            write!(text, "\n## {title}\n{head}").expect("text grows");
            for (name, found) in rows {
                row(&mut text, &name, found);
            }
        }
        text += "\n## Not covered\n\n| library | why |\n| --- | --- |\n";
        for (why, names) in NOT_COVERED {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            writeln!(text, "| {} | {why} |", names.join(", ")).expect("text grows");
        }
        let settings = NOT_COVERED_SETTINGS.map(|(name, setting)| format!("{setting} of `{name}`"));
        let settings = settings.join(", ");
        writeln!(
            text,
            "| {settings} | Trajectories with these are not followed. |"
        )
        .expect("text grows");
        text
    }

    fn is_left_out(name: &str) -> bool {
        NOT_COVERED.iter().any(|(_, names)| names.contains(&name))
    }

    /// The row of a name that no trajectory is about.
    fn without_cases(name: &str) -> String {
        let elsewhere = ELSEWHERE.iter().find(|(own, ..)| *own == name);
        match elsewhere {
            Some((_, here, compared)) => format!("| `{name}` | {here} | {compared} | | |\n"),
            None if is_left_out(name) => format!("| `{name}` | not covered | | | |\n"),
            None => panic!("{name} is neither followed nor named as not covered"),
        }
    }

    fn of_burn(config: &str, departures: &[(&str, f64, f64)]) -> String {
        let name = format!("burn::optim::{config}");
        let is_own = |key: &str| {
            let config = config.to_lowercase();
            config == format!("{}config", key.replace('-', ""))
        };
        let own = departures.iter().filter(|(key, _, _)| {
            // Burn's SGD has a momentum.
            is_own(key) || (config == "SgdConfig" && *key == "momentum")
        });
        let own: Vec<_> = own.collect();
        if own.is_empty() {
            return without_cases(&name);
        }
        let keys: Vec<String> = own.iter().map(|(key, _, _)| format!("`{key}`")).collect();
        let apart = own.iter().map(|(_, apart, _)| *apart).fold(0.0, f64::max);
        let of_f64 = bound(&name, 0, apart);
        format!(
            "| `{name}` | {} | side by side | {of_f64:e} | |\n",
            keys.join(", ")
        )
    }

    #[test]
    fn the_table_of_coverage_is_up_to_date() {
        assert_up_to_date("COVERAGE.md", &table());
    }

    /// What is said not to be covered is a name of a library, and no trajectory follows it.
    #[test]
    fn what_is_not_covered_is_a_name_that_nothing_follows() {
        let known = |name: &str| {
            let names = NAMES.iter();
            names
                .flat_map(|(module, names)| names.iter().map(move |own| (module, own)))
                .any(|(module, own)| {
                    name == format!("{module}.{own}") || name == format!("{module}::{own}")
                })
        };
        let cases = || REFERENCES.iter().flat_map(|reference| &reference.cases);
        let (followed, not): (Vec<_>, Vec<_>) =
            cases().partition(|case| peers::config(case).is_ok());
        let [followed, not] = [followed, not].map(|cases| {
            cases
                .into_iter()
                .map(full_name)
                .collect::<BTreeSet<String>>()
        });
        for (name, _) in AROUND {
            assert!(followed.contains(name), "{name} is not followed");
        }
        for (name, ..) in ELSEWHERE {
            assert!(known(name), "{name} is no public name");
            assert!(!followed.contains(name), "{name} is followed");
        }
        for name in NOT_COVERED.iter().flat_map(|(_, names)| *names) {
            assert!(known(name), "{name} is no public name");
            assert!(!followed.contains(*name), "{name} is followed");
        }
        let in_part: BTreeSet<&str> = (not.iter().map(String::as_str))
            .filter(|name| !is_left_out(name) && *name != "Nesterov_wegralee")
            .collect();
        assert_eq!(in_part, NOT_COVERED_SETTINGS.map(|(name, _)| name).into());
    }
}
