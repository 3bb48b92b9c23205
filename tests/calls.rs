//! Calls of other libraries as optimizers of experiments, and the optimizers as they are listed.
#![cfg(feature = "flex")]

use downhill::schedule::{Cosine, CosineEnd};
use downhill::{
    AdamConfig, AdamWConfig, GradientStage, MomentumConfig, OptimizerConfig, Schedule, SgdConfig,
    WeightDecay,
};
use downhill_trainer::cli::commands::OptimizersArguments;
use downhill_trainer::list_optimizers;
use downhill_trainer::plan::Plan;

use crate::command::Bench;
use crate::recipe::{plan, resolved};

fn dry_run(config: &str, overrides: &[&str]) -> String {
    let mut bench = Bench::new(downhill_trainer::Backend::Flex, config);
    bench.arguments.dry_run = true;
    bench.arguments.overrides = overrides.iter().map(|text| (*text).to_owned()).collect();
    bench.train().expect("a dry run").1
}

fn of_method<'a>(plan: &'a Plan, name: &str) -> &'a OptimizerConfig {
    let method = plan.methods.iter().find(|method| method.name == name);
    &method.expect("a method").config.optimizer
}

#[test]
fn a_call_is_an_optimizer_wherever_one_may_be_named() {
    let adamw = AdamWConfig::torch()
        .with_learning_rate(3e-4)
        .with_beta_2(0.95)
        .with_weight_decay(WeightDecay::Decoupled(0.1));
    let call = "torch.optim.AdamW(lr=3e-4, betas=(0.9, 0.95), weight_decay=0.1)";
    let read =
        |text: &str, overrides: &[&str]| resolved(text, overrides).expect("a config").optimizer;
    let expected = OptimizerConfig::from(adamw);
    assert_eq!(read(&format!("optimizer = \"{call}\""), &[]), expected);
    assert_eq!(read("", &[&format!("optimizer={call}")]), expected);
    assert_eq!(read("", &[&format!("optimizer=\"{call}\"")]), expected);

    let text = "
        optimizer = 'optax.sgd(0.1)'
        [methods.plain]
        [methods.own]
        optimizer = 'keras.optimizers.Adam()'
        [methods.set]
        optimizer = 'keras.optimizers.Adam()'
        [[methods.plain.groups]]
        parameters.rank-at-most = 1
        optimizer = 'torch.optim.SGD(params, 0.5, momentum=0.9)'
    ";
    let set = "methods.set.optimizer=optax.adam(0.2)";
    let plan = plan(text, &[set, "methods.own.optimizer.adam.beta_1=0.5"]).expect("a plan");
    let optimizers = ["plain", "own", "set"].map(|name| of_method(&plan, name).clone());
    assert_eq!(
        optimizers,
        [
            SgdConfig::optax().with_learning_rate(0.1).into(),
            AdamConfig::keras().with_beta_1(0.5).into(),
            AdamConfig::optax().with_learning_rate(0.2).into(),
        ]
    );
    let momentum = MomentumConfig::torch()
        .with_learning_rate(0.5)
        .with_momentum(0.9);
    let group = &plan.methods[0].config.descent().groups[0];
    assert_eq!(group.optimizer, Some(momentum.into()));
}

#[test]
fn what_a_call_says_besides_the_optimizer_is_part_of_the_recipe() {
    let text = "
        weights = [{ ema = 0.9 }]
        schedules.beta_1.linear = { steps = 5 }
        optimizer = '''keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(0.1, 100),
            global_clipnorm=1.0,
        )'''
    ";
    let config = resolved(text, &[]).expect("a config").descent();
    assert_eq!(
        config.optimizer,
        AdamConfig::keras().with_learning_rate(0.1).into()
    );
    assert_eq!(
        config.gradients,
        [GradientStage::from(downhill::GlobalNorm::new(1.0))]
    );
    assert_eq!(config.weights.len(), 1);
    let cosine = Cosine::new(100).with_after(CosineEnd::Hold);
    assert_eq!(config.schedules["learning_rate"], Schedule::from(cosine));
    assert!(config.schedules.contains_key("beta_1"));

    let config = resolved("optimizer = 'torch.optim.Adam(maximize=True)'", &[]);
    assert_eq!(
        config.expect("a config").descent().gradients,
        [GradientStage::Maximize]
    );
}

/// A call is the whole optimizer: nothing is left of the same optimizer below it.
#[test]
fn a_call_replaces_the_settings_of_the_same_optimizer() {
    let text = "
        optimizer.adam = { preset = 'keras', learning_rate = 0.01, beta_1 = 0.5 }
        [methods.pasted]
        optimizer = 'torch.optim.Adam(lr=0.001)'
        [methods.plain]
        [methods.momentum]
        optimizer = 'momentum'
    ";
    let torch: OptimizerConfig = AdamConfig::torch().into();
    let pasted = plan(text, &[]).expect("a plan");
    assert_eq!(*of_method(&pasted, "pasted"), torch);
    // Also by `--set`, for one method whatever it is trained with.
    let set = |name: &str| format!("methods.{name}.optimizer=torch.optim.Adam(betas=(0.9, 0.999))");
    let set = [set("plain"), set("momentum")];
    let set: Vec<&str> = set.iter().map(String::as_str).collect();
    let set = plan(text, &set).expect("a plan");
    for name in ["plain", "momentum"] {
        assert_eq!(*of_method(&set, name), torch, "{name}");
    }
}

#[test]
fn a_call_without_its_end_is_said_to_be_one() {
    let error = plan("", &["optimizer=torch.optim.AdamW(lr=3e-4"]).expect_err("no end");
    let error = error.to_string();
    assert!(error.contains("`(` has no `)`"), "{error}");
}

#[test]
fn a_dry_run_shows_what_a_call_says_and_where_it_comes_from() {
    let text = "seeds = 1\noptimizer = 'keras.optimizers.AdamW(0.01, clipvalue=0.5)'\n";
    let shown = dry_run(text, &[]);
    for (setting, origin) in [
        ("optimizer.adamw.learning_rate = 0.01", "small.toml"),
        ("gradients = [{ clip-value = 0.5 }]", "small.toml"),
        (
            "optimizer.adamw.weight_decay.decoupled = 0.004",
            "small.toml",
        ),
    ] {
        let line = shown
            .lines()
            .find(|line| line.trim_start().starts_with(setting));
        let line = line.unwrap_or_else(|| panic!("{setting} in\n{shown}"));
        assert!(line.contains(origin), "{line}");
    }
    let set = "optimizer=optax.lion(1e-3)";
    let shown = dry_run("seeds = 1\n", &[set]);
    let line = shown
        .lines()
        .find(|line| line.contains("lion.learning_rate = 0.001"));
    assert!(
        line.is_some_and(|line| line.contains(&format!("--set {set}"))),
        "{shown}"
    );
}

fn listed(name: Option<&str>) -> Result<String, String> {
    let mut out = Vec::new();
    let arguments = OptimizersArguments {
        name: name.map(str::to_owned),
    };
    match list_optimizers(&arguments, &mut out) {
        Ok(()) => Ok(String::from_utf8(out).expect("text")),
        Err(error) => Err(format!("{error} ({})", error.exit_code())),
    }
}

#[test]
fn every_optimizer_is_listed_with_its_presets_and_source() {
    let list = listed(None).expect("a list");
    let all = OptimizerConfig::all();
    // After a head and a rule. A source that is too long goes on in the next line.
    let mut rows: Vec<String> = Vec::new();
    for line in list.lines().skip(2) {
        assert!(line.chars().count() <= 100, "{line}");
        match (line.strip_prefix("    "), rows.last_mut()) {
            (Some(more), Some(row)) => row.extend([" ", more.trim_start()]),
            _ => rows.push(line.to_owned()),
        }
    }
    assert_eq!(rows.len(), all.len());
    for (row, config) in rows.iter().zip(&all) {
        assert!(row.starts_with(config.name()), "{row}");
        assert!(row.ends_with(config.source()), "{row}");
    }
    let lion = list
        .lines()
        .find(|line| line.starts_with("lion"))
        .expect("lion");
    let words: Vec<&str> = lion.split_whitespace().take(4).collect();
    assert_eq!(words, ["lion", "optax", "keras", "burn"]);
}

#[test]
fn an_optimizer_is_listed_with_its_presets_side_by_side_and_the_words_of_others() {
    let shown = listed(Some("rmsprop")).expect("settings");
    let row = |start: &str, at: usize| {
        let mut rows = shown.lines().filter(|line| line.starts_with(start));
        let row = rows
            .nth(at)
            .unwrap_or_else(|| panic!("{start} in\n{shown}"));
        row.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let presets = ["torch", "book", "theano", "keras", "optax", "burn"];
    assert_eq!(row("setting", 0)[1..], presets);
    assert_eq!(
        row("rho", 0)[1..],
        ["0.99", "0.99", "0.99", "0.9", "0.9", "0.99", "(f32)"]
    );
    assert_eq!(row("epsilon", 0)[1..4], ["1e-8", "1e-7", "1e-8"]);
    let functions = [
        "torch.optim.RMSprop",
        "keras.optimizers.RMSprop",
        "optax.rmsprop",
    ];
    assert_eq!(row("setting", 1)[1..], functions);
    assert_eq!(row("rho", 1), ["rho", "alpha", "rho", "decay"]);
    for config in OptimizerConfig::all() {
        let shown = listed(Some(config.name())).expect("settings");
        // After the name and the source.
        let widest = shown.lines().skip(2).map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{widest:?}\n{shown}");
        assert!(shown.contains("learning_rate"), "{shown}");
    }
}

#[test]
fn an_unknown_optimizer_is_answered_with_the_one_that_is_meant() {
    for (name, expected) in [
        ("adm", "no optimizer `adm`; did you mean `adam`? (2)"),
        (
            "signum",
            "no optimizer `signum`; it is optimizer.sign-sgd = { preset = \"optax\", momentum = \
             0.9 } here (2)",
        ),
        ("signsgd", "no optimizer `signsgd`; it is sign-sgd here (2)"),
    ] {
        assert_eq!(listed(Some(name)), Err(expected.to_owned()));
    }
}
