use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::*;
use crate::OptimizerConfig;

const LION: &str = "
    # Lion
    d = sign(beta_1 * m + (1 - beta_1) * g)
    m = beta_2 * m + (1 - beta_2) * g
    x = x - learning_rate * d
";

fn lion(update: &str) -> Result<FormulaConfig, FormulaError> {
    let settings = [("beta_1", 0.9), ("beta_2", 0.99)];
    FormulaConfig::new(1e-3, &settings, &[("m", "0")], update)
}

/// A formula of the parameter and the gradient alone.
fn plain(update: &str) -> Result<FormulaConfig, FormulaError> {
    FormulaConfig::new(1.0, &[], &[], update)
}

/// The value after one step at a learning rate of 1, from x = 3 with g = 2.
fn value(expression: &str) -> f64 {
    let update = format!("x = x * 0 + learning_rate * ({expression})");
    let rule = plain(&update).unwrap().build().unwrap();
    let numbers = |number: f64| {
        let data = burn::tensor::TensorData::new(alloc::vec![number], [1]);
        let device = burn::tensor::Device::flex();
        burn::tensor::Tensor::<1>::from_data(data, (&device, burn::tensor::DType::F64))
    };
    let (x, _) = burn::optim::Optimizer::step(&rule, 1.0, numbers(3.0), numbers(2.0), None);
    x.into_data().iter::<f64>().next().unwrap()
}

#[test]
fn an_expression_means_what_it_means_on_paper() {
    for (expression, expected) in [
        ("1 + 2 * x", 7.0),
        ("x - g - 1", 0.0),
        ("x / g / 2", 0.75),
        ("-x^2", -9.0),
        ("(-x)^2", 9.0),
        ("g^x^2", 512.0),
        ("g^-1", 0.5),
        ("2^-g", 0.25),
        ("2 * -x", -6.0),
        ("- - x", 3.0),
        ("x^3 + x^1 - x^0", 29.0),
        ("x^-2 * 9", 1.0),
        ("(x + 1)^0.5", 2.0),
        ("(x + 1)^-0.5", 0.5),
        ("x^1.5 - x * sqrt(x)", 0.0),
        ("exp(0 * x) + log(exp(x))", 4.0),
        ("abs(-x) + sign(-x) + sign(0 * x)", 2.0),
        ("min(x, g) + 10 * max(x, g)", 32.0),
        ("clamp(x, -1, 1) + 10 * clamp(-x, -1, 1)", -9.0),
        ("where(x > g, 1, 2)", 1.0),
        ("where(x < g, 1, 2)", 2.0),
        ("where(x >= 3, x, g) + where(x <= 2, 10, 20)", 23.0),
        ("where(t >= 1, 1, 2) + where(1 > t, 10, 20) + 0 * x", 21.0),
        ("norm(x) + mean(g) + sum(x) + rms(2 * g)", 12.0),
        ("1.5e1 + .5 + 2. * x", 21.5),
        ("1 # and more", 1.0),
        ("(1 +\n x)", 4.0),
    ] {
        let found = value(&expression.replace(" # and more", ""));
        assert!((found - expected).abs() < 1e-12, "{expression}: {found}");
    }
}

#[test]
fn lines_see_what_those_above_have_assigned() {
    let device = burn::tensor::Device::flex();
    let ones = || burn::tensor::Tensor::<1>::ones([1], &device);
    let update = "a = x + 1; x = a * 2; a = a + x; b = x\n\n x = b + a * learning_rate # 4 + 6";
    let rule = plain(update).unwrap().build().unwrap();
    let (x, _) = burn::optim::Optimizer::step(&rule, 1.0, ones(), ones(), None);
    assert_eq!(x.into_scalar::<f64>(), 10.0);
}

#[test]
fn an_error_names_the_place_and_the_remedy() {
    let cases = [
        // Names.
        (
            "d = sign(beta1 * m)",
            "update, line 1, column 10: unknown name `beta1`; did you mean `beta_1`?",
        ),
        (
            "x = x - learning_rate * q",
            "update, line 1, column 25: unknown name `q`; known here: beta_1, beta_2, g, \
             learning_rate, m, t, x",
        ),
        (
            "\n  x = x - sgn(g)",
            "update, line 2, column 11: unknown function `sgn`; did you mean `sign`?",
        ),
        (
            "x = x - sign * g",
            "update, line 1, column 9: `sign` is a function: write `sign(..)`",
        ),
        (
            "x = x - m(g)",
            "update, line 1, column 9: `m` is a number and not a function: write `m * (..)`",
        ),
        (
            "x = x - d\nd = g",
            "update, line 1, column 9: `d` is used before it is assigned, in line 2; if it is \
             remembered from step to step, add it to `state`",
        ),
        // Assignments.
        (
            "g = g + x",
            "update, line 1, column 1: `g` is the gradient and cannot be assigned; take another \
             name",
        ),
        (
            "x = x; t = 1",
            "update, line 1, column 8: `t` is the number of the step and cannot be assigned; take \
             another name",
        ),
        (
            "learning_rate = 1",
            "update, line 1, column 1: `learning_rate` is the learning rate and cannot be \
             assigned; take another name",
        ),
        (
            "beta_1 = 1",
            "update, line 1, column 1: `beta_1` is a setting and cannot be assigned; take another \
             name",
        ),
        (
            "norm = 1",
            "update, line 1, column 1: `norm` is a function and cannot be assigned; take another \
             name",
        ),
        (
            "m = beta_1 * beta_2 * g",
            "update: `x` is never assigned; end with a line such as `x = x - learning_rate * g`",
        ),
        (
            "m = beta_1 * beta_2 * g\nx = learning_rate",
            "update: `x` becomes one number for all elements; begin with `x = x - ..`",
        ),
        (
            "x = x - learning_rate * beta_1 * beta_2 * g",
            "state.m: it is never assigned; add a line such as `m = ..`, or remove it",
        ),
        (
            "m = beta_1 * g; x = x - learning_rate * m",
            "settings.beta_2: nothing depends on it; use it in `update`, or remove it",
        ),
        (
            "m = beta_1 * g; d = beta_2 * m; x = x - m",
            "settings.beta_2: nothing depends on it; use it in `update`, or remove it",
        ),
        (
            "m = beta_1 * g; x = x - beta_2 * m",
            "learning_rate: nothing depends on it; multiply the step by it: it may be 1",
        ),
        // Functions.
        (
            "x = clamp(x, 1)",
            "update, line 1, column 5: `clamp` takes 3 numbers, got 2",
        ),
        (
            "x = sqrt(x, g)",
            "update, line 1, column 5: `sqrt` takes one number, got 2",
        ),
        (
            "x = max()",
            "update, line 1, column 5: `max` takes 2 numbers, got 0",
        ),
        (
            "x = where(x > 1, g)",
            "update, line 1, column 5: `where` takes a comparison and two numbers, got 2",
        ),
        (
            "x = where(x, g, m)",
            "update, line 1, column 5: `where` takes a comparison first: `where(a > b, yes, no)`",
        ),
        (
            "x = x * norm(beta_1)",
            "update, line 1, column 9: `norm` is of a whole tensor, and what it takes here is one \
             number",
        ),
        // Syntax.
        ("x = x - (g", "update, line 1, column 9: `(` is not closed"),
        (
            "x = x - max(g",
            "update, line 1, column 12: `(` is not closed",
        ),
        (
            "x = x -\nm = g",
            "update, line 1, column 8: a number, a name or `(` must come here, got the end of the line",
        ),
        (
            "x = x g",
            "update, line 1, column 7: an operator or the end of the line must come here, got `g`",
        ),
        (
            "x = (x g)",
            "update, line 1, column 8: an operator or `)` must come here, got `g`",
        ),
        (
            "x = max(x g)",
            "update, line 1, column 11: `,` or `)` must come here, got `g`",
        ),
        (
            "x = x > g",
            "update, line 1, column 7: a comparison stands first in `where(a > b, yes, no)`, and \
             nowhere else",
        ),
        (
            "x = where(x == g, 1, 2)",
            "update, line 1, column 13: `==` is not there, for numbers are hardly ever equal; \
             compare with <, <=, > or >=",
        ),
        (
            "x = g ** 2",
            "update, line 1, column 7: write a power as `a ^ b`",
        ),
        (
            "x -= g",
            "update, line 1, column 1: a line begins with a name and `=`, such as `m = ..`",
        ),
        (
            "(x) = g",
            "update, line 1, column 1: a line begins with a name and `=`, such as `m = ..`, and \
             not with `(`",
        ),
        (
            "x = x - 2µ",
            "update, line 1, column 10: `µ` has no meaning here",
        ),
        (
            "x = 2x",
            "update, line 1, column 5: `2x` is not a number; write `*` between factors",
        ),
        (
            "x = 1.2.3",
            "update, line 1, column 5: `1.2.3` is not a number; write `*` between factors",
        ),
        // Numbers.
        (
            "x = x * 1e999",
            "update, line 1, column 9: `1e999` is beyond the range of f64",
        ),
        (
            "x = x + 1e-999",
            "update, line 1, column 9: `1e-999` is beyond the range of f64",
        ),
    ];
    for (update, expected) in cases {
        let error = lion(update).expect_err(update).to_string();
        assert_eq!(error, expected, "{update}");
    }
}

#[test]
fn a_setting_or_a_state_that_cannot_be_is_named() {
    let step = "m = m + g; x = x - learning_rate * a * m";
    let error = |setting: (&str, f64), state: (&str, &str)| {
        let settings = [setting];
        FormulaConfig::new(1.0, &settings, &[state], step)
            .unwrap_err()
            .to_string()
    };
    for (name, expected) in [
        (
            "x",
            "settings.x: every formula knows `x` as something else; take another name",
        ),
        (
            "learning_rate",
            "settings.learning_rate: every formula knows `learning_rate` as something \
          else; take another name",
        ),
        (
            "exp",
            "settings.exp: `exp` is a function; take another name",
        ),
        (
            "a-b",
            "settings.a-b: `a-b` is not a name: letters, digits and `_`, and no digit first",
        ),
        (
            "1a",
            "settings.1a: `1a` is not a name: letters, digits and `_`, and no digit first",
        ),
        (
            "",
            "settings.: `` is not a name: letters, digits and `_`, and no digit first",
        ),
    ] {
        assert_eq!(error((name, 1.0), ("m", "0")), expected);
        let of_state = expected.replace("settings.", "state.");
        assert_eq!(error(("a", 1.0), (name, "0")), of_state);
    }
    assert_eq!(
        error(("m", 1.0), ("m", "0")),
        "state.m: `m` is a setting as well; give one of them another name"
    );
    assert_eq!(
        error(("a", f64::INFINITY), ("m", "0")),
        "settings.a: it must be finite, got inf"
    );
    assert_eq!(
        error(("a", 1.0), ("m", "g^2 + h")),
        "state.m, line 1, column 7: unknown name `h`; known here: a, g, learning_rate, t, x"
    );
    assert_eq!(
        error(("a", 1.0), ("m", "g g")),
        "state.m, line 1, column 3: an operator or the end must come here, got `g`"
    );
}

#[test]
fn no_formula_overflows_the_stack_or_grows_without_bound() {
    let deep = "update, line 1, column 55: it is nested more than 50 deep; write it with fewer \
                parentheses and signs";
    let error = |update: &str| plain(update).unwrap_err().to_string();
    for (open, close) in [("(", ")"), ("-", ""), ("2^", "")] {
        // As long as a text may be.
        let times = 9_900 / (open.len() + close.len());
        let update = format!("x = {}x{}", open.repeat(times), close.repeat(times));
        let error = error(&update);
        match open {
            "2^" => assert!(error.contains("nested more than 50 deep"), "{error}"),
            _ => assert_eq!(error, deep),
        }
    }
    let long = format!("x = {}x", "(".repeat(10_000));
    assert_eq!(
        error(&long),
        "update: it has 10005 bytes, and 10000 are allowed"
    );
    let many: String = (0..600).map(|at| format!("+ x * {at}")).collect();
    let error = error(&format!("x = learning_rate * x {many}"));
    assert!(
        error.ends_with("the formula has more than 500 operations"),
        "{error}"
    );

    let names: Vec<String> = (0..9).map(|at| format!("m{at}")).collect();
    let states: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "0")).collect();
    let error = FormulaConfig::new(1.0, &[], &states, "x = x").unwrap_err();
    assert_eq!(error.to_string(), "state: there are 9, and 8 are allowed");
}

#[test]
fn a_file_says_the_same_and_is_written_as_it_was_read() {
    let text = format!(
        "[formula]\nlearning_rate = 1e-3\nsettings = {{ beta_1 = 0.9, beta_2 = 0.99 }}\n\
         state = {{ m = 0 }}\nupdate = \"\"\"{LION}\"\"\""
    );
    let config: OptimizerConfig = toml::from_str(&text).unwrap();
    assert_eq!((config.name(), config.learning_rate()), ("formula", 1e-3));
    let written = toml::to_string(&config).unwrap();
    assert_eq!(toml::from_str::<OptimizerConfig>(&written).unwrap(), config);
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(
        serde_json::from_str::<OptimizerConfig>(&json).unwrap(),
        config
    );

    let error = |from: &str, to: &str| {
        let error = toml::from_str::<OptimizerConfig>(&text.replace(from, to)).unwrap_err();
        error.message().to_string()
    };
    assert_eq!(
        error("beta_2 * m", "beta_2 * n"),
        "update, line 3, column 18: unknown name `n`; known here: beta_1, beta_2, d, g, \
         learning_rate, m, t, x"
    );
    assert_eq!(
        error("m = 0", "m = true"),
        "invalid type: boolean `true`, expected a number or an expression such as \"g^2\""
    );
    assert_eq!(
        error("update", "rule"),
        "unknown field `rule`, expected one of `learning_rate`, `settings`, `state`, `update`"
    );
    assert_eq!(
        error("learning_rate = 1e-3\n", ""),
        "missing field `learning_rate`"
    );
}

#[test]
fn settings_are_set_by_name_and_there_are_no_presets() {
    let mut config = OptimizerConfig::from(lion(LION).unwrap());
    assert!(config.set("beta_1", 0.5) && config.set("learning_rate", 2.0));
    assert_eq!(config.get("beta_1"), Some(0.5));
    assert_eq!(config.learning_rate(), 2.0);
    assert!(!config.set("beta_3", 0.5) && config.get("m").is_none());
    assert!(config.set("beta_1", f64::NAN));
    let error = config.init().err().unwrap();
    assert_eq!(error.to_string(), "settings must be finite, got NaN");
    let error = OptimizerConfig::preset("formula", Preset::Keras)
        .unwrap()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "formula has no preset `keras`; it has none: write its settings"
    );
}

/// Otherwise each step would compile a kernel, and parameters of one formula would be launched one
/// by one.
#[cfg(feature = "_cubecl")]
#[test]
fn a_formula_leaves_the_same_program_at_every_step() {
    use crate::rule::Memory;

    let update = "m = beta_1^t * m + (1 - beta_1^t) * g; x = x - learning_rate * beta_2 * m / 3";
    let rule = lion(update).unwrap().build().unwrap();
    let record = |time| {
        let mut memory = Memory::default();
        memory.time = time;
        if time > 1 {
            let device = burn::tensor::Device::flex();
            memory.put("state_1", burn::tensor::Tensor::zeros([3], &device));
        }
        rule.record(0.1, &mut memory).unwrap()
    };
    let [first, second, third] = [1, 2, 3].map(record);
    assert!(first.program.starts && !second.program.starts);
    assert_eq!(second.program, third.program);
    assert_ne!(second.scalars, third.scalars);
    let whole = lion("m = beta_1 * g; x = x - learning_rate * beta_2 * m / norm(m)").unwrap();
    let mut memory = Memory::default();
    assert!(whole.build().unwrap().record(0.1, &mut memory).is_none());
}

mod descents {
    use burn::module::{Module, Param};
    use burn::optim::{GradientsParams, ModuleOptimizer};
    use burn::tensor::{DType, Device, Tensor, TensorData};

    use super::*;
    use crate::schedule::Linear;
    use crate::{
        AdamConfig, Descent, DescentConfig, FailedStep, LionConfig, Misfit, OptimizerConfig,
        Parameters, StepError,
    };

    #[derive(Module, Debug)]
    struct Two {
        matrix: Param<Tensor<2>>,
        vector: Param<Tensor<1>>,
    }

    fn tensor<const D: usize>(shape: [usize; D], seed: usize, dtype: DType) -> Tensor<D> {
        let numbers = (0..shape.iter().product::<usize>())
            .map(|index| libm::sin((1 + index * 7 + seed * 13) as f64))
            .collect::<Vec<f64>>();
        Tensor::from_data(TensorData::new(numbers, shape), (&Device::flex(), dtype))
    }

    fn two_of(dtype: DType) -> Two {
        Two {
            matrix: Param::from_tensor(Tensor::from_inner(tensor([5, 7], 0, dtype))),
            vector: Param::from_tensor(Tensor::from_inner(tensor([7], 1, dtype))),
        }
    }

    fn two() -> Two {
        two_of(DType::F32)
    }

    fn gradients(module: &Two, step: usize) -> GradientsParams {
        let dtype = module.vector.dtype();
        let mut gradients = GradientsParams::new();
        gradients.register(module.matrix.id, tensor([5, 7], 2 * step, dtype));
        gradients.register(module.vector.id, tensor([7], 2 * step + 1, dtype));
        gradients
    }

    fn walk(descent: &mut Descent, mut module: Two, steps: core::ops::Range<usize>) -> Two {
        for step in steps {
            let gradients = gradients(&module, step);
            module = descent.step(module, gradients).unwrap().0;
        }
        module
    }

    fn numbers(module: &Two) -> Vec<f64> {
        let matrix = module.matrix.val().into_data();
        let vector = module.vector.val().into_data();
        let numbers = matrix.iter::<f64>().chain(vector.iter::<f64>());
        numbers.collect()
    }

    fn of(update: &str) -> DescentConfig {
        DescentConfig::new(lion(update).unwrap())
    }

    #[test]
    fn a_state_goes_on_where_it_was_saved() {
        let config = of(LION);
        let mut descent = config.build().unwrap();
        let half = walk(&mut descent, two(), 1..4);
        let saved = descent.to_bytes().unwrap();
        let expected = numbers(&walk(&mut descent, half.clone(), 4..7));
        let mut loaded = config.build().unwrap();
        loaded.load_bytes(saved, &Device::flex()).unwrap();
        assert_eq!(numbers(&walk(&mut loaded, half.clone(), 4..7)), expected);
        let fresh = numbers(&walk(&mut config.build().unwrap(), half, 4..7));
        assert_ne!(fresh, expected);
    }

    #[test]
    fn a_state_of_another_formula_is_refused_and_of_other_words_or_settings_is_not() {
        let mut descent = of(LION).build().unwrap();
        walk(&mut descent, two(), 1..3);
        let saved = || descent.to_bytes().unwrap();
        let load = |config: &DescentConfig| {
            let mut other = config.build().unwrap();
            other.load_bytes(saved(), &Device::flex())
        };
        let same = "d=sign(beta_1*m+(1-beta_1)*g);m=beta_2*m+(1-beta_2)*g # Lion\n
                    x=x-learning_rate*d;";
        let mut other_settings = of(same);
        assert!(other_settings.optimizer.set("beta_1", 0.5));
        assert!(load(&of(same)).is_ok() && load(&other_settings).is_ok());

        let other = of(&LION.replace("x - learning_rate", "x - 2 * learning_rate"));
        let error = load(&other).unwrap_err().to_string();
        let form = "formula m: d = sign ( beta_1 * m + ( 1 - beta_1 ) * g ) ; m = beta_2 * m + ( 1 - \
                    beta_2 ) * g ; x = x - ";
        let form = form.replace(" ;", ";");
        assert_eq!(
            error,
            format!(
                "the state does not fit:\n  `matrix` was stepped by `{form}learning_rate * d`, and \
                 here is stepped by `{form}2 * learning_rate * d`\n  `vector` was stepped by \
                 `{form}learning_rate * d`, and here is stepped by `{form}2 * learning_rate * d`"
            )
        );
        assert!(load(&DescentConfig::new(LionConfig::keras())).is_err());
        let mut adam = DescentConfig::new(AdamConfig::torch()).build().unwrap();
        walk(&mut adam, two(), 1..3);
        let bytes = adam.to_bytes().unwrap();
        let mut formula = of(LION).build().unwrap();
        let misfits = formula
            .load_bytes_for(bytes, &two(), &Device::flex())
            .unwrap();
        assert!(matches!(
            misfits[..],
            [Misfit::Optimizer { .. }, Misfit::Optimizer { .. }]
        ));
    }

    #[test]
    fn a_bare_optimizer_saves_its_state_and_ignores_that_of_another_formula() {
        let walk = |optimizer: &mut ModuleOptimizer, mut module: Two, steps| {
            for step in steps {
                let gradients = gradients(&module, step);
                module = optimizer.step(1e-3, module, gradients);
            }
            module
        };
        let mut optimizer = lion(LION).unwrap().init().unwrap();
        let half = walk(&mut optimizer, two(), 1..4);
        let saved = optimizer.into_bytes().unwrap();
        let expected = numbers(&walk(&mut optimizer, half.clone(), 4..7));
        let load = |update: &str| {
            let other = lion(update).unwrap().init().unwrap();
            let mut other = other.from_bytes(saved.clone()).unwrap();
            numbers(&walk(&mut other, half.clone(), 4..7))
        };
        assert_eq!(load(LION), expected);
        let other = LION.replace("(1 - beta_2)", "1.0 * (1 - beta_2)");
        let mut fresh = lion(&other).unwrap().init().unwrap();
        let fresh = numbers(&walk(&mut fresh, half.clone(), 4..7));
        assert_eq!(load(&other), fresh);
        assert_ne!(fresh, expected);
    }

    /// Each setting by itself, as constants would.
    #[test]
    fn a_schedule_of_a_setting_changes_it_at_each_step() {
        let update = "x = x - learning_rate * k * g * t";
        let formula = |k: f64| FormulaConfig::new(0.1, &[("k", k)], &[], update).unwrap();
        let schedule = Linear::new(4).with_start_factor(1.0).with_end_factor(0.0);
        let config = DescentConfig::new(formula(2.0)).with_schedule("k", schedule);
        let mut descent = config.build().unwrap();
        let mut module = two();
        for (step, k) in [(1, 2.0), (2, 1.5), (3, 1.0)] {
            let before = numbers(&module);
            assert_eq!(descent.get("k"), Some(k));
            module = walk(&mut descent, module, step..step + 1);
            let g = gradients(&module, step).get::<1>(module.vector.id).unwrap();
            let g: Vec<f64> = g.into_data().iter().collect();
            let moved = before.iter().zip(numbers(&module)).skip(35).zip(g);
            for ((before, after), g) in moved {
                let expected = before - 0.1 * k * g * step as f64;
                assert!((after - expected).abs() < 1e-6, "{after} and {expected}");
            }
        }
        let error = DescentConfig::new(formula(1.0)).with_schedule("q", Linear::new(4));
        assert_eq!(
            error.build().err().unwrap().to_string(),
            "formula has no numeric setting `q`"
        );
    }

    #[test]
    fn a_group_has_settings_of_its_own_and_clipping_comes_before() {
        let update = "x = x - learning_rate * k * g";
        let formula = |k: f64| FormulaConfig::new(0.1, &[("k", k)], &[], update).unwrap();
        let vectors = || Parameters::RankAtMost(1);
        let walked = |config: DescentConfig| {
            let module = walk(&mut config.build().unwrap(), two(), 1..3);
            numbers(&module)
        };
        let all = |k| walked(DescentConfig::new(formula(k)));
        let grouped = DescentConfig::new(formula(2.0)).with_setting(vectors(), "k", 0.5);
        assert_eq!(walked(grouped), [&all(2.0)[..35], &all(0.5)[35..]].concat());
        let clipped = DescentConfig::new(formula(1.0)).with_max_global_norm(0.5);
        let sgd = DescentConfig::new(crate::SgdConfig::torch().with_learning_rate(0.1));
        assert_eq!(walked(clipped), walked(sgd.with_max_global_norm(0.5)));
    }

    #[test]
    fn a_first_step_that_is_not_finite_names_the_expression() {
        let error = |update: &str| {
            let config = FormulaConfig::new(0.1, &[], &[("v", "0")], update).unwrap();
            let mut descent = DescentConfig::new(config).build().unwrap();
            let (module, before) = (two(), numbers(&two()));
            let gradients = gradients(&module, 1);
            let Err(FailedStep { module, error, .. }) = descent.step(module, gradients) else {
                panic!("{update} is finite");
            };
            assert_eq!((numbers(&module), descent.steps()), (before, 0));
            assert!(matches!(error, StepError::NotFinite { .. }));
            error.to_string()
        };
        let end = "is infinite or not a number at the first step, although x and g are finite (of \
                   the parameter `matrix`)";
        assert_eq!(
            error("v = v + g^2\nx = x - learning_rate * g / (v - v)"),
            format!("update, line 2, column 9: `learning_rate * g / (v - v)` {end}")
        );
        assert_eq!(
            error("x = x - learning_rate * g / v\n v = g^2"),
            format!("update, line 1, column 9: `learning_rate * g / v` {end}")
        );
        assert_eq!(
            error("v = g; x = x - learning_rate * log(-abs(g)) * 2"),
            format!("update, line 1, column 32: `log(-abs(g))` {end}")
        );
        assert_eq!(
            error("v = g; x = x - learning_rate * g / (1 - 1^t)"),
            format!("update, line 1, column 16: `learning_rate * g / (1 - 1^t)` {end}")
        );
        assert_eq!(
            error("v = 1 / (t - 1) * g; x = x - learning_rate * v"),
            format!("update, line 1, column 5: `1 / (t - 1)` {end}")
        );
        // What is chosen counts, and a gradient that is not finite is another matter.
        let config = |update| FormulaConfig::new(0.1, &[], &[], update).unwrap();
        let chosen = "x = x - learning_rate * where(t > 1, g / (t - 1), g)";
        let mut descent = DescentConfig::new(config(chosen)).build().unwrap();
        assert!(
            numbers(&walk(&mut descent, two(), 1..4))
                .iter()
                .all(|x| x.is_finite())
        );
        let mut descent = DescentConfig::new(config(chosen)).build().unwrap();
        let module = two();
        let mut gradients = gradients(&module, 1);
        let infinite = tensor([7], 0, DType::F32).mul_scalar(f64::INFINITY);
        gradients.register(module.vector.id, infinite);
        assert!(descent.step(module, gradients).is_ok());
    }

    /// Adafactor's clipping, LARS and the like, by what is summed over a whole tensor.
    #[test]
    fn whole_tensors_are_looked_at_one_by_one() {
        let update =
            "x = x - learning_rate * norm(x) / (norm(g) + 1e-9) * g + 0 * mean(g) * sum(x)";
        let config = FormulaConfig::new(0.1, &[], &[], update).unwrap();
        let mut descent = DescentConfig::new(config).build().unwrap();
        let module = walk(&mut descent, two(), 1..2);
        let x: Vec<f64> = numbers(&two()).split_off(35);
        let g: Vec<f64> = tensor([7], 3, DType::F32).into_data().iter().collect();
        let norm = |of: &[f64]| of.iter().map(|a| a * a).sum::<f64>().sqrt();
        let rate = 0.1 * norm(&x) / norm(&g);
        for ((x, g), after) in x.iter().zip(&g).zip(&numbers(&module)[35..]) {
            assert!((x - rate * g - after).abs() < 1e-6);
        }
    }

    #[test]
    fn parameters_of_16_bits_are_stepped_in_f32() {
        let update = "v = 0.9 * v + 0.1 * g^2; x = x - learning_rate * g / (sqrt(v) + 1e-8)";
        let config = FormulaConfig::new(0.01, &[], &[("v", "0")], update).unwrap();
        let walked = |dtype| {
            let mut descent = DescentConfig::new(config.clone()).build().unwrap();
            numbers(&walk(&mut descent, two_of(dtype), 1..5))
        };
        let apart = walked(DType::F16).into_iter().zip(walked(DType::F32));
        for (half, single) in apart {
            assert!((half - single).abs() < 4e-3, "{half} and {single}");
        }
    }

    #[test]
    fn all_that_is_written_is_an_optimizer_of_a_descent() {
        let text =
            "optimizer.formula = { learning_rate = 1, update = 'x = x - learning_rate * g' }";
        let config: DescentConfig = toml::from_str(text).unwrap();
        assert!(matches!(config.optimizer, OptimizerConfig::Formula(_)));
        assert_eq!(config.build().unwrap().learning_rate(), 1.0);
    }
}
