//! Calls as people write them, and what is wrong with others.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use super::grammar::{Call, Kind};
use super::{LIBRARIES, Library};
use crate::schedule::{
    Cosine, CosineEnd, CosineRestarts, Exponential, Joined, Linear, MultiStep, Polynomial, Step,
    WarmUp,
};
use crate::{
    Accumulate, AdaGradConfig, AdamConfig, AdamWConfig, AdamaxConfig, AdaptiveClip, Amsgrad,
    DescentConfig, Ema, GlobalNorm, GradientStage, LionConfig, Lookahead, MomentumConfig,
    MuonConfig, MuonScale, NesterovConfig, OptimizerConfig, Preset, RmsPropConfig, Schedule,
    SgdConfig, WeightDecay,
};

/// Each function with its arguments and their defaults, as PyTorch 2.15.0, Keras 3.15.1 and optax
/// 0.2.8 declare them, and pytorch_optimizer 4.1.0. A rate without a default is 0.125 here.
const SIGNATURES: &str = include_str!("signatures.txt");

#[track_caller]
fn read(call: &str) -> DescentConfig {
    DescentConfig::from_call(call).unwrap_or_else(|error| panic!("{call}: {error}"))
}

#[track_caller]
fn assert_reads(call: &str, expected: impl Into<OptimizerConfig>) {
    assert_eq!(read(call), DescentConfig::new(expected), "{call}");
}

#[track_caller]
fn assert_schedule(call: &str, rate: f64, expected: impl Into<Schedule>) {
    let sgd = SgdConfig::optax().with_learning_rate(rate);
    let expected = DescentConfig::new(sgd).with_schedule("learning_rate", expected);
    assert_eq!(
        read(&alloc::format!("optax.sgd({call})")),
        expected,
        "{call}"
    );
}

#[track_caller]
fn assert_refuses(call: &str, expected: &str) {
    let error = DescentConfig::from_call(call).err();
    assert_eq!(
        error.map(|error| error.to_string()).as_deref(),
        Some(expected),
        "{call}"
    );
}

#[test]
fn calls_are_read_as_people_write_them() {
    let adam = AdamConfig::torch;
    assert_reads("torch.optim.Adam(model.parameters(), lr=1e-3)", adam());
    assert_reads("optim.Adam(params, 0.01)", adam().with_learning_rate(0.01));
    assert_reads("torch.optim.Adam(net.parameters(), 3E-4, (.8, 0.95),)", {
        adam()
            .with_learning_rate(3e-4)
            .with_beta_1(0.8)
            .with_beta_2(0.95)
    });
    assert_reads(
        "torch.optim.AdamW(weight_decay = 0.1 , betas=[0.9, 0.95], lr = 3e-4)",
        AdamWConfig::torch()
            .with_learning_rate(3e-4)
            .with_beta_2(0.95)
            .with_weight_decay(WeightDecay::Decoupled(0.1)),
    );
    assert_reads(
        "torch.optim.Adam(model.parameters(), amsgrad=True, weight_decay=5e-4, fused=True)",
        adam()
            .with_amsgrad(Amsgrad::Raw)
            .with_weight_decay(WeightDecay::L2(5e-4)),
    );
    assert_reads(
        "torch.optim.SGD(params, lr=0.1)",
        SgdConfig::torch().with_learning_rate(0.1),
    );
    assert_reads(
        "torch.optim.SGD(\n    model.parameters(),\n    lr=0.1,  # as in the paper\n    \
         momentum=0.9,\n)",
        MomentumConfig::torch()
            .with_learning_rate(0.1)
            .with_momentum(0.9),
    );
    assert_reads(
        "torch.optim.SGD(params, 0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)",
        NesterovConfig::torch()
            .with_learning_rate(0.1)
            .with_momentum(0.9)
            .with_weight_decay(WeightDecay::L2(5e-4)),
    );
    assert_reads(
        "torch.optim.Muon(params, adjust_lr_fn='match_rms_adamw')",
        MuonConfig::torch().with_scale(MuonScale::Rms(0.2)),
    );
    assert_reads(
        "torch.optim.Muon(params, adjust_lr_fn='spectral_unclamped', ns_coefficients=(3, -4, 1.5))",
        MuonConfig::torch()
            .with_scale(MuonScale::AspectUnclamped)
            .with_ns_coefficients(vec![[3.0, -4.0, 1.5]]),
    );
    assert_reads(
        "optax.contrib.muon(0.02, ns_coeffs=((4.0, -6.5, 2.8), (2.9, -3.1, 1.2)), adaptive=True)",
        MuonConfig::optax()
            .with_ns_steps(2)
            .with_ns_coefficients(vec![[4.0, -6.5, 2.8], [2.9, -3.1, 1.2]])
            .with_adaptive(true),
    );
    assert_reads("keras.optimizers.Adam()", AdamConfig::keras());
    assert_reads(
        "tf.keras.optimizers.Adam(name=\"adam\")",
        AdamConfig::keras(),
    );
    assert_reads(
        "optimizers.RMSprop(1e-3, centered=True)",
        RmsPropConfig::keras().with_centered(true),
    );
    assert_reads(
        "keras.optimizers.SGD(0.1, 0.9)",
        MomentumConfig::keras()
            .with_learning_rate(0.1)
            .with_momentum(0.9),
    );
    assert_reads(
        "keras.optimizers.Adagrad(learning_rate=1_0e-1, initial_accumulator_value=0.)",
        AdaGradConfig::keras()
            .with_learning_rate(1.0)
            .with_initial_accumulator(0.0),
    );
    assert_reads(
        "optax.adamw(1e-3, b2=0.95)",
        AdamWConfig::optax()
            .with_learning_rate(1e-3)
            .with_beta_2(0.95),
    );
    assert_reads("  optax . adam ( 1e-3 )  ".replace(" . ", ".").as_str(), {
        AdamConfig::optax().with_learning_rate(1e-3)
    });
    assert_reads(
        "optax.amsgrad(learning_rate=+0.01)",
        AdamConfig::optax()
            .with_learning_rate(0.01)
            .with_amsgrad(Amsgrad::Corrected),
    );
    assert_reads(
        "optax.adamaxw(0.01)",
        AdamaxConfig::optax()
            .with_learning_rate(0.01)
            .with_weight_decay(WeightDecay::Decoupled(1e-4)),
    );
    assert_reads("optax.lion(1e-4, 0.95, 0.98, weight_decay=1)", {
        let lion = LionConfig::optax()
            .with_learning_rate(1e-4)
            .with_beta_1(0.95);
        lion.with_beta_2(0.98)
            .with_weight_decay(WeightDecay::Decoupled(1.0))
    });
    assert_eq!(
        "optax.sgd(0.5)".parse(),
        Ok(DescentConfig::new(
            SgdConfig::optax().with_learning_rate(0.5)
        ))
    );
}

#[test]
fn what_stands_around_an_optimizer_is_read() {
    let sgd = || DescentConfig::new(SgdConfig::optax().with_learning_rate(0.1));
    for (call, expected) in [
        (
            "optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(0.1))",
            sgd().with_gradients(GlobalNorm::new(1.0)),
        ),
        (
            "optax.chain(optax.centralize(), optax.chain(optax.clip(0.5), optax.sgd(0.1)))",
            sgd()
                .with_gradients(GradientStage::Centralize(crate::Units::First))
                .with_gradients(GradientStage::ClipValue(0.5)),
        ),
        (
            "optax.chain(optax.clip_by_block_rms(2), optax.adaptive_grad_clip(0.01, eps=1), \
             optax.sgd(0.1),)",
            sgd()
                .with_gradients(GradientStage::ClipRms(2.0))
                .with_gradients(AdaptiveClip::new(0.01).with_min_norm(1.0)),
        ),
        (
            "optax.MultiSteps(optax.sgd(0.1), every_k_schedule=4)",
            sgd().with_accumulation(4),
        ),
        (
            "optax.lookahead(optax.sgd(0.1), sync_period=5, slow_step_size=0.5)",
            sgd().with_weights(Lookahead::new(5, 0.5)),
        ),
    ] {
        assert_eq!(read(call), expected, "{call}");
    }
    assert_reads(
        "optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.1))",
        SgdConfig::optax()
            .with_learning_rate(0.1)
            .with_weight_decay(WeightDecay::L2(0.1)),
    );
    let adam = AdamConfig::optax().with_learning_rate(0.1);
    for call in [
        "optax.chain(optax.scale_by_adam(), optax.scale(-0.1))",
        "optax.chain(optax.scale_by_adam(), optax.scale_by_learning_rate(0.1))",
    ] {
        assert_reads(call, adam.clone());
    }
    let decayed = adam
        .with_beta_1(0.8)
        .with_weight_decay(WeightDecay::Decoupled(0.2));
    assert_eq!(
        read(
            "optax.chain(optax.clip(1.0), optax.scale_by_adam(0.8), \
             optax.add_decayed_weights(0.2), \
             optax.scale_by_learning_rate(optax.exponential_decay(0.1, 1, 0.9)))"
        ),
        DescentConfig::new(decayed)
            .with_gradients(GradientStage::ClipValue(1.0))
            .with_schedule("learning_rate", Exponential::new(0.9))
    );
    assert_reads(
        "optax.chain(optax.scale_by_lion(b2=0.98), optax.scale(-1e-4))",
        LionConfig::optax()
            .with_learning_rate(1e-4)
            .with_beta_2(0.98)
            .with_weight_decay(WeightDecay::None),
    );
    let adam = DescentConfig::new(AdamConfig::keras());
    assert_eq!(
        read("keras.optimizers.Adam(clipnorm=1.0, gradient_accumulation_steps=4)"),
        adam.clone()
            .with_gradients(GradientStage::ClipNorm(1.0))
            .with_accumulation(4)
    );
    assert_eq!(
        read("keras.optimizers.Adam(use_ema=True, ema_overwrite_frequency=100)"),
        adam.with_weights(Ema::new(0.99).with_overwrite_every(100))
    );
    let maximized = read("torch.optim.Adam(params, maximize=True)");
    assert_eq!(maximized.gradients, [GradientStage::Maximize]);
    assert_eq!(maximized.accumulate, Accumulate::default());
}

#[test]
fn schedules_are_read_as_the_learning_rate() {
    let hold = |steps| Cosine::new(steps).with_after(CosineEnd::Hold);
    assert_schedule("optax.cosine_decay_schedule(0.1, 1000)", 0.1, hold(1000));
    assert_schedule(
        "learning_rate=optax.cosine_decay_schedule(0.5, decay_steps=1e3, alpha=0.5)",
        0.5,
        hold(1000).with_end_value(0.25),
    );
    assert_schedule(
        "optax.warmup_cosine_decay_schedule(0.0, 0.1, 100, 1000, end_value=1e-3)",
        0.1,
        WarmUp::new(100).then(hold(900).with_end_value(1e-3)),
    );
    assert_schedule(
        "optax.linear_schedule(0.1, 0.01, 50, transition_begin=10)",
        0.1,
        Joined::new(Schedule::Constant).then_at(10, Polynomial::new(50).with_end_value(0.01)),
    );
    assert_schedule(
        "optax.exponential_decay(0.1, 20, 0.9)",
        0.1,
        Exponential::new(0.9).with_period(20),
    );
    assert_schedule(
        "optax.exponential_decay(0.1, 20, 0.9, staircase=True)",
        0.1,
        Step::new(20).with_factor(0.9),
    );
    assert_schedule(
        "optax.piecewise_constant_schedule(0.1, {30: 0.1, 60: 0.1})",
        0.1,
        MultiStep::new(alloc::vec![30, 60]),
    );
    assert_schedule(
        "optax.join_schedules([optax.linear_schedule(0.0, 0.1, 10), \
         optax.cosine_decay_schedule(0.1, 90)], boundaries=[10])",
        0.1,
        Joined::new(Linear::new(10).with_start_factor(0.0)).then_at(10, hold(90)),
    );
    let keras = |call: &str| {
        let call = alloc::format!("keras.optimizers.SGD(keras.optimizers.schedules.{call})");
        read(&call).schedules.remove("learning_rate")
    };
    assert_eq!(
        keras("CosineDecay(0.0, 900, warmup_target=0.1, warmup_steps=100)"),
        Some(WarmUp::new(100).then(hold(900)).into())
    );
    assert_eq!(
        keras("CosineDecayRestarts(0.1, 10)"),
        Some(CosineRestarts::new(10).with_period_factor(2).into())
    );
    let constant = read("optax.sgd(optax.constant_schedule(0.1))");
    assert_eq!(constant, read("optax.sgd(0.1)"));
}

/// The values of the libraries themselves.
#[test]
fn schedules_have_the_values_of_their_libraries() {
    let values = |call: &str, steps: &[u64]| -> Vec<f64> {
        let config = read(call);
        let base = config.optimizer.learning_rate();
        let schedule = &config.schedules["learning_rate"];
        steps
            .iter()
            .map(|step| schedule.value(base, *step))
            .collect()
    };
    let assert_values = |call: &str, expected: &[(u64, f64)]| {
        let steps: Vec<u64> = expected.iter().map(|(step, _)| *step).collect();
        for (value, (step, expected)) in values(call, &steps).iter().zip(expected) {
            let near = (value - expected).abs() <= 1e-12 * expected.abs();
            assert!(near, "{call} at {step}: {value}, not {expected}");
        }
    };
    // The value after a boundary is that of the step after it.
    assert_values(
        "keras.optimizers.SGD(keras.optimizers.schedules.PiecewiseConstantDecay([3, 5], \
         [0.4, 0.2, 0.01]))",
        &[
            (0, 0.4),
            (3, 0.4),
            (4, 0.2),
            (5, 0.2),
            (6, 0.01),
            (100, 0.01),
        ],
    );
    // 0.1 * 0.5, then times 0.2.
    assert_values(
        "optax.sgd(optax.piecewise_constant_schedule(0.1, {2: 0.5, 4: 0.2}))",
        &[(1, 0.1), (2, 0.05), (3, 0.05), (4, 0.01)],
    );
    // A peak of 0.2, and from step 4 on 0.05 * 0.5 ** ((t - 4) / 2).
    assert_values(
        "optax.sgd(optax.join_schedules([optax.linear_schedule(0.1, 0.2, 4), \
         optax.exponential_decay(0.05, 2, 0.5)], [4]))",
        &[(0, 0.1), (2, 0.15), (4, 0.05), (6, 0.025)],
    );
}

#[test]
fn what_cannot_be_read_is_named_with_its_column() {
    for (call, expected) in [
        (
            "Adam(lr=0.1)",
            "column 1: `Adam` does not say its library; write torch.optim.Adam(..) or \
             keras.optimizers.Adam(..)",
        ),
        (
            "adamw(0.1)",
            "column 1: `adamw` does not say its library; write optax.adamw(..)",
        ),
        (
            "jax.adam(0.1)",
            "column 1: the module `jax` of `adam` is not known; write optax.adam(..)",
        ),
        (
            "torch.optim.AdmaW(params)",
            "column 1: the optimizer torch.optim.AdmaW is not covered; did you mean `AdamW`?",
        ),
        (
            "torch.optim.LBFGS(params)",
            "column 1: torch.optim.LBFGS is not covered: it computes the loss several times a \
             step; build it in code, with `LbfgsConfig`, or write `lbfgs = {}` in an experiment",
        ),
        (
            "torch.optim.Adam(params, lr=0.1, beta=(0.9, 0.99))",
            "column 34: torch.optim.Adam has no argument `beta`; did you mean `betas`?",
        ),
        (
            "torch.optim.Adam(params, learning_rate=0.1)",
            "column 26: torch.optim.Adam has no argument `learning_rate`; did you mean `lr`?",
        ),
        (
            "optax.sgd(0.1, dampening=0.1)",
            "column 16: optax.sgd has no argument `dampening`; it has `learning_rate`, \
             `momentum`, `nesterov`, `accumulator_dtype`",
        ),
        (
            "torch.optim.Adam(params, 0.1, lr=0.1)",
            "column 31: `lr` of torch.optim.Adam is given twice",
        ),
        (
            "optax.adagrad(0.1, 0.1, 1e-7, True)",
            "column 31: optax.adagrad takes at most 3 values by position",
        ),
        (
            "torch.optim.Adam(params, lr=\"fast\")",
            "column 29: `lr` of torch.optim.Adam must be a number, got \"fast\"",
        ),
        (
            "torch.optim.Adam(params, betas=0.9)",
            "column 32: `betas` of torch.optim.Adam must be a tuple or list of numbers, got 0.9",
        ),
        (
            "torch.optim.Adam(params, betas=(0.9,))",
            "column 32: `betas` of torch.optim.Adam must be a tuple of 2 numbers, got (0.9,)",
        ),
        (
            "torch.optim.Adam(params, amsgrad=1)",
            "column 34: `amsgrad` of torch.optim.Adam must be True or False, got 1",
        ),
        (
            "torch.optim.Muon(params, ns_coefficients=(3, -4))",
            "column 42: `ns_coefficients` of torch.optim.Muon must be a tuple of three numbers, \
             got (3, -4)",
        ),
        (
            "optax.contrib.muon(0.02, ns_coeffs='polar')",
            "column 36: `ns_coeffs` of optax.contrib.muon must be \"standard\", \"dion\", a tuple of \
             three numbers or a tuple of such tuples, got 'polar'",
        ),
        (
            "optax.contrib.muon(0.02, ns_coeffs='dion', ns_steps=4)",
            "column 36: 5 triples are more than the 4 of `ns_steps`, which optax refuses",
        ),
        (
            "optax.contrib.muon(0.02, preconditioning='none')",
            "column 42: `preconditioning` of optax.contrib.muon must be \"frobenius\", \"spectral\", \
             \"aol\" or \"schatten\", got 'none'",
        ),
        (
            "torch.optim.Muon(params, ns_steps=2.5)",
            "column 35: `ns_steps` of torch.optim.Muon must be a whole number of at least 0, got \
             2.5",
        ),
        (
            "torch.optim.SGD(0.1)",
            "column 17: the first value by position is the parameters; name it, as in `lr=0.001`",
        ),
        (
            "torch.optim.SGD(params, 0.1, nesterov=True)",
            "column 39: `nesterov` requires a momentum and a dampening of 0, as in PyTorch",
        ),
        ("optax.adam()", "column 1: optax.adam needs `learning_rate`"),
        (
            "optax.adamw(0.1, mask=decayed)",
            "column 23: `mask` of optax.adamw must be None, got decayed",
        ),
        (
            "keras.optimizers.Adam(clipnorm=1.0, clipvalue=0.5)",
            "column 47: only one of `clipnorm`, `clipvalue` and `global_clipnorm` may be given",
        ),
        (
            "keras.optimizers.SGD(use_ema=True, gradient_accumulation_steps=4)",
            "column 64: `gradient_accumulation_steps` is not covered here: Keras averages the \
             weights at every call, stepped or not",
        ),
        (
            "optax.chain(optax.scale_by_adam(), optax.sgd(0.1))",
            "column 13: optax.scale_by_adam must be followed by optax.scale_by_learning_rate(..) \
             or optax.scale(..) with a number below 0; between them there may be an \
             optax.add_decayed_weights(..)",
        ),
        (
            "optax.chain(optax.scale_by_trust_ratio(), optax.sgd(0.1))",
            "column 13: optax.scale_by_trust_ratio before an optimizer is not covered; those that \
             are read are `clip`, `clip_by_global_norm`, `clip_by_block_rms`, \
             `adaptive_grad_clip`, `centralize`, `normalize`, `add_decayed_weights`",
        ),
        (
            "optax.chain(optax.scale_by_adam(learning_rate=0.1), optax.scale(-1))",
            "column 33: optax.scale_by_adam has no argument `learning_rate`; it has `b1`, `b2`, \
             `eps`, `eps_root`, `mu_dtype`, `nesterov`",
        ),
        (
            "optax.chain(optax.sgd(0.1), optax.clip(1.0))",
            "column 29: optax.clip must come before the optimizer; the last part of optax.chain \
             is the optimizer",
        ),
        (
            "optax.adam(optax.cosine_schedule(0.1, 10))",
            "column 12: the schedule optax.cosine_schedule is not covered; those that are read \
             are `constant_schedule`, `linear_schedule`, `polynomial_schedule`, \
             `exponential_decay`, `cosine_decay_schedule`, `piecewise_constant_schedule`, \
             `warmup_constant_schedule`, `warmup_cosine_decay_schedule`, \
             `warmup_exponential_decay_schedule`, `join_schedules`",
        ),
        (
            "optax.adam(optax.cosine_decay_schedule(0.1, 10, exponent=2))",
            "column 58: `exponent` of optax.cosine_decay_schedule must be 1, got 2",
        ),
        (
            "torch.optim.Adam(params,\n    lr=1/3)",
            "line 2, column 9: `,` or `)` must follow; nothing is computed, write the number itself",
        ),
        (
            "torch.optim.Adam(params, lr=0.1",
            "column 17: `(` has no `)`",
        ),
        (
            "torch.optim.Adam(lr=0.1, params)",
            "column 26: a value without a name follows one with a name",
        ),
        (
            "optimizer = torch.optim.Adam(params)",
            "column 1: `optimizer` is not a call; leave out the name and the `=` before it",
        ),
        (
            "torch.optim.Adam",
            "column 1: `torch.optim.Adam` is not a call; write the arguments in parentheses after \
             the name",
        ),
        (
            "torch.optim.Adam(params).step()",
            "column 25: nothing may follow the call, got `.`",
        ),
        (
            "",
            "column 1: a value must stand here, got the end of the text",
        ),
    ] {
        assert_refuses(call, expected);
    }
}

#[test]
fn deep_nesting_is_refused_and_no_text_panics() {
    let deep = "optax.chain(".repeat(1000);
    assert_refuses(
        &deep,
        "column 385: more than 32 parentheses inside one another",
    );
    let call = "torch.optim.Adam(params, betas=(0.9, 'ä'), {1: [None]}, lr=-1e-3) # end";
    for end in (0..=call.len()).filter(|end| call.is_char_boundary(*end)) {
        for start in (0..=end).filter(|start| call.is_char_boundary(*start)) {
            let _ = DescentConfig::from_call(&call[start..end]);
        }
    }
}

/// The arguments of a line of `SIGNATURES` as they are written: those by position, then all.
fn arguments(line: &str) -> (Vec<String>, Vec<String>) {
    let whole = line.replace(", *, ", ", star=0, ");
    let call = Call::read(&whole).unwrap();
    let (mut positional, mut all) = (Vec::new(), Vec::new());
    let mut by_position = true;
    for argument in &call.arguments {
        let name = argument.name.unwrap();
        if name == "star" {
            by_position = false;
            continue;
        }
        if by_position {
            positional.push(argument.value.written.to_string());
        }
        all.push(alloc::format!("{name}={}", argument.value.written));
    }
    (positional, all)
}

fn library(call: &Call<'_>) -> &'static Library {
    let of = |it: &&Library| it.modules.contains(&call.module());
    LIBRARIES.iter().find(of).unwrap()
}

#[test]
fn every_argument_and_default_of_a_library_is_known() {
    let mut functions = 0;
    for line in SIGNATURES.lines() {
        let name = line.split('(').next().unwrap();
        let (positional, all) = arguments(line);
        let given = |values: &[String]| alloc::format!("{name}({})", values.join(", "));
        let rate = all[0].clone();
        let bare = match rate.ends_with("=0.125") {
            true => read(&given(&[rate])),
            false => read(&given(&[])),
        };
        assert_eq!(read(&given(&all)), bare, "{line}");
        let mut ordered = positional;
        if name.contains("torch") {
            ordered.insert(0, "params".into());
        }
        assert_eq!(read(&given(&ordered)), bare, "{line}");
        functions += 1;
    }
    assert_eq!(
        functions,
        LIBRARIES
            .iter()
            .map(|it| it.signatures.len())
            .sum::<usize>()
    );
}

#[test]
fn what_is_left_out_is_the_preset() {
    // Calls whose defaults are not the optimizer's own.
    let others = [
        "signum",
        "amsgrad",
        "adamaxw",
        "nadam",
        "nadamw",
        "schedule_free_sgd",
    ];
    for line in SIGNATURES.lines() {
        let name = line.split('(').next().unwrap();
        let first = arguments(line).1[0].clone();
        let call = alloc::format!("{name}({first})");
        let parsed = Call::read(&call).unwrap();
        if others.contains(&parsed.function()) {
            continue;
        }
        let config = read(&call);
        let preset = library(&parsed).rules.preset;
        let mut expected = OptimizerConfig::preset(config.optimizer.name(), preset)
            .unwrap()
            .unwrap();
        if first.ends_with("=0.125") {
            assert!(expected.set("learning_rate", 0.125));
        }
        assert_eq!(config, DescentConfig::new(expected), "{line}");
    }
}

#[test]
fn a_value_of_another_type_is_refused_by_every_argument() {
    let mut refused = 0;
    for line in SIGNATURES.lines() {
        let name = line.split('(').next().unwrap();
        for argument in arguments(line).1 {
            let theirs = argument.split('=').next().unwrap();
            let call = alloc::format!("{name}({theirs}=['no'])");
            let parsed = Call::read(&call).unwrap();
            let signatures = library(&parsed).signatures.iter();
            let signature = signatures
                .clone()
                .find(|it| it.function() == parsed.function())
                .unwrap();
            let known = signature.arguments().find(|it| it.name == theirs).unwrap();
            if matches!(known.meaning, super::signature::Meaning::Ignored) {
                continue;
            }
            assert!(matches!(parsed.arguments[0].value.kind, Kind::List(_)));
            let error = DescentConfig::from_call(&call).expect_err(&call);
            assert!(
                error.message.contains(&alloc::format!("`{theirs}`")),
                "{call}: {error}"
            );
            refused += 1;
        }
    }
    assert!(refused > 300, "{refused}");
}

#[test]
fn every_function_names_its_optimizers_and_settings() {
    let functions = super::Function::all();
    let found = |name: &str| functions.iter().find(|it| it.name == name).unwrap();
    let torch = found("torch.optim.SGD");
    assert_eq!(torch.optimizers, ["sgd", "momentum", "nesterov"]);
    assert_eq!(torch.library, Preset::Torch);
    assert!(
        torch
            .arguments
            .contains(&("dampening", alloc::vec!["dampening"]))
    );
    let adam = found("keras.optimizers.Adam");
    assert!(
        adam.arguments
            .contains(&("epsilon", alloc::vec!["epsilon"]))
    );
    assert_eq!(found("optax.contrib.prodigy").optimizers, ["prodigy"]);
    for function in &functions {
        for optimizer in function.optimizers {
            assert!(
                OptimizerConfig::preset(optimizer, function.library)
                    .unwrap()
                    .is_ok()
            );
        }
        for (argument, settings) in &function.arguments {
            let known = function.optimizers.iter().any(|optimizer| {
                let config = OptimizerConfig::preset(optimizer, function.library).unwrap();
                let written = serde_json::to_value(config.unwrap()).unwrap();
                settings
                    .iter()
                    .all(|setting| written[optimizer].get(setting).is_some())
            });
            assert!(known, "{}: {argument}", function.name);
        }
        let call = alloc::format!("{}(..)", function.name);
        assert_eq!(super::library(&call), Some(function.library));
    }
    assert_eq!(
        super::library("optax.chain(optax.sgd(0.1))"),
        Some(Preset::Optax)
    );
    assert_eq!(super::library("Adam()"), None);
}

/// A wrapper that acts at each update of what is inside, or measures its gradients.
#[test]
fn what_stands_around_what_is_as_in_optax() {
    let clipped = "optax.chain(optax.clip(0.5), optax.contrib.mechanize(optax.sgd(1.0)))";
    let sgd = SgdConfig::optax().with_learning_rate(1.0);
    let expected = DescentConfig::new(sgd).with_gradients(GradientStage::ClipValue(0.5));
    assert_eq!(read(clipped), expected.with_weights(crate::Mechanic::new()));
    for (call, part) in [
        (
            "optax.contrib.mechanize(optax.chain(optax.clip(0.5), optax.sgd(1.0)))",
            "write optax.chain(.., optax.contrib.mechanize(..))",
        ),
        (
            "optax.chain(optax.add_decayed_weights(0.1), optax.contrib.mechanize(optax.sgd(1.0)))",
            "optax.contrib.mechanize must stand around optax.chain, not in it",
        ),
        (
            "optax.contrib.mechanize(optax.MultiSteps(optax.sgd(1.0), 2))",
            "optax.MultiSteps must stand around optax.contrib.mechanize, not in it",
        ),
        (
            "optax.contrib.schedule_free(optax.MultiSteps(optax.sgd(0.1), 2), 0.1)",
            "optax.MultiSteps must stand around optax.contrib.schedule_free, not in it",
        ),
        (
            "optax.contrib.schedule_free(optax.lookahead(optax.sgd(0.1), 5, 0.5), 0.1)",
            "optax.lookahead must stand around optax.contrib.schedule_free, not in it",
        ),
        (
            "optax.contrib.schedule_free(optax.adam(0.1), learning_rate=0.0)",
            "must be above 0, got 0.0",
        ),
        (
            "optax.contrib.schedule_free_sgd(0.1, warmup_steps=0)",
            "must be None or at least 1, got 0",
        ),
        (
            "keras.optimizers.LossScaleOptimizer(keras.optimizers.LossScaleOptimizer(\
             keras.optimizers.SGD()))",
            "write LossScaleOptimizer once",
        ),
    ] {
        let error = DescentConfig::from_call(call).unwrap_err().to_string();
        assert!(error.contains(part), "{call}: {error}");
    }
}
