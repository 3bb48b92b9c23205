//! Texts and files from outside that were changed at random: each is read, or refused with its
//! place. Always the same ones; `cargo xtask test --long` tries more of them.

use std::fs;
use std::path::Path;

use downhill::{Checkpoint, DescentConfig, FormulaConfig, FormulaFunction};
use downhill_trainer::TrainArguments;
use downhill_trainer::config::file::ExperimentFile;
use downhill_trainer::plan::Plan;

use crate::wrong_configs;

/// How many of each kind.
fn inputs() -> usize {
    match std::env::var_os("DOWNHILL_LONG") {
        Some(_) => 250_000,
        None => 2_000,
    }
}

/// Numbers drawn at random, always the same ones.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end.max(1)
    }

    fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

/// What is put in place of something else.
const WORDS: [&str; 44] = [
    "0",
    "-1",
    "1",
    "1.5",
    "nan",
    "inf",
    "-inf",
    "1e308",
    "1e-320",
    "18446744073709551616",
    "9223372036854775807",
    "-9223372036854775808",
    "0x7f",
    "1_000",
    "true",
    "\"\"",
    "\"adam\"",
    "\"1 epoch\"",
    "\"100 %\"",
    "\"rest\"",
    "[]",
    "[[]]",
    "{}",
    "{ a = 1 }",
    "[1, 2, 3]",
    "['a', 'b']",
    "=",
    ".",
    ",",
    "\n",
    "\t",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "'",
    "\"",
    "\\",
    "\u{7f}",
    "\u{202e}",
    "é",
    "1979-05-27T07:32:00Z",
];

/// Bounds of the words, numbers and signs of a text.
fn tokens(text: &str) -> Vec<(usize, usize)> {
    let mut tokens: Vec<(usize, usize)> = Vec::new();
    let mut before = None;
    for (at, letter) in text.char_indices() {
        let kind = match letter {
            _ if letter.is_alphanumeric() || "_-.".contains(letter) => 0,
            _ if letter.is_whitespace() => 1,
            _ => 2,
        };
        match tokens.last_mut() {
            Some(last) if before == Some(kind) && kind < 2 => last.1 = at + letter.len_utf8(),
            _ => tokens.push((at, at + letter.len_utf8())),
        }
        before = Some(kind);
    }
    tokens
}

/// Changes a text in one to four places.
fn mutated(random: &mut Random, all: &[&str]) -> String {
    let mut text = random.of(all).to_owned();
    for _ in 0..=random.below(4) {
        let places = tokens(&text);
        let Some(&(start, end)) = places.get(random.below(places.len())) else {
            break;
        };
        let other = random.of(all);
        let others = tokens(other);
        let (from, to) = others[random.below(others.len())];
        match random.below(6) {
            0 => text.replace_range(start..end, ""),
            1 => text.insert_str(start, random.of(&WORDS)),
            2 => text.replace_range(start..end, random.of(&WORDS)),
            3 => text.replace_range(start..end, &other[from..to]),
            4 => text = format!("{}{}", &text[..end], &text[start..]),
            // The rest of a line is cut, or the lines are joined.
            _ => {
                let line = text[start..].find('\n').map_or(text.len(), |it| start + it);
                text.replace_range(start..line, "");
            }
        }
    }
    text
}

/// A message of the library has no characters that control a terminal. The laboratory escapes them
/// where it prints.
fn check_shown(message: &str, input: &str) {
    check(message, input);
    let is_shown = |letter: char| matches!(letter, '\n' | '\t') || !letter.is_control();
    assert!(message.chars().all(is_shown), "{input}\n{message:?}");
}

fn check(message: &str, input: &str) {
    assert!(
        !message.is_empty() && message.len() < 4_000,
        "{input}\n{message}"
    );
}

fn plan(text: &str, overrides: Vec<String>) -> Result<usize, (u8, String)> {
    let arguments = TrainArguments {
        overrides,
        ..TrainArguments::default()
    };
    let file = ExperimentFile::parse(Path::new("some.toml"), text.to_owned());
    let plan = file.and_then(|file| Plan::resolve(&file, &arguments));
    plan.map(|plan| plan.runs())
        .map_err(|error| (error.exit_code(), error.to_string()))
}

/// Changes these texts. Each is a plan, or an error of exit code 2 that names one of the places.
fn plan_or_refuse(
    mut random: Random,
    texts: &[&str],
    places: &[&str],
    plan: impl Fn(&str) -> Result<usize, (u8, String)>,
) {
    let (mut plans, mut errors) = (0, 0);
    for _ in 0..inputs() {
        let text = mutated(&mut random, texts);
        let Err((code, message)) = plan(&text) else {
            plans += 1;
            continue;
        };
        check(&message, &text);
        assert_eq!(code, 2, "{text}\n{message}");
        let is_named = places.iter().any(|place| message.contains(place));
        assert!(is_named, "{text}\n{message}");
        errors += 1;
    }
    assert!(
        plans > inputs() / 100 && errors > inputs() / 4,
        "{plans} plans, {errors} errors"
    );
}

fn configs() -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let files = fs::read_dir(directory).expect("configs").flatten();
    let mut paths: Vec<_> = files.map(|file| file.path()).collect();
    paths.sort();
    let mut texts: Vec<_> = (paths.iter())
        .map(|path| fs::read_to_string(path).expect("a config"))
        .collect();
    texts.extend(wrong_configs::cases().into_iter().map(|case| case.text));
    texts.retain(|text| !text.is_empty());
    texts
}

#[test]
fn a_changed_config_is_a_plan_or_an_error_with_its_place() {
    let configs = configs();
    let texts: Vec<&str> = configs.iter().map(String::as_str).collect();
    plan_or_refuse(
        Random(1),
        &texts,
        &["some.toml", "(from default)"],
        |text| plan(text, Vec::new()),
    );
}

#[test]
fn a_changed_override_is_a_plan_or_an_error_that_names_it() {
    let overrides: Vec<_> = (wrong_configs::cases().into_iter())
        .flat_map(|case| case.overrides)
        .collect();
    let mut texts: Vec<&str> = overrides.iter().map(String::as_str).collect();
    texts.extend([
        "optimizer.adam.learning_rate=0.01",
        "training.updates=3 epochs",
        "model.hidden=[10, 20]",
        "methods.plain.optimizer=optax.adam(0.1)",
        "schedules.learning_rate={ cosine = { steps = 'rest' } }",
    ]);
    plan_or_refuse(Random(2), &texts, &["--set"], |text| {
        plan("[methods.plain]\n", vec![text.to_owned()])
    });
}

#[test]
fn a_changed_call_or_formula_is_read_or_refused_in_few_words() {
    let calls = [
        "torch.optim.AdamW(params, lr=3e-4, betas=(0.9, 0.95), weight_decay=0.1)",
        "torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)",
        "optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-3))",
        "optax.sgd(optax.warmup_cosine_decay_schedule(0, 0.1, 10, 100), 0.9)",
        "keras.optimizers.Adam(learning_rate=0.001, use_ema=True, clipnorm=1.0)",
    ];
    let formulas = [
        "m = beta_1 * m + (1 - beta_1) * g\nx = x - learning_rate * sign(m)",
        "v = beta_2 * v + (1 - beta_2) * g^2\nx = x - learning_rate * g / (sqrt(v) + epsilon)",
        "x = x - learning_rate * max(g, 0) * (1 - beta_1 ^ t)",
    ];
    let functions = ["(1 - x)^2 + 100 * (y - x^2)^2", "sin(pi * x) * exp(-y)"];
    let settings = [("beta_1", 0.9), ("beta_2", 0.999), ("epsilon", 1e-8)];
    let mut random = Random(3);
    let mut read = 0;
    for _ in 0..inputs() {
        let text = mutated(&mut random, &calls);
        match DescentConfig::from_call(&text) {
            Ok(_) => read += 1,
            Err(error) => check_shown(&error.to_string(), &text),
        }
        let text = mutated(&mut random, &formulas);
        match FormulaConfig::new(0.1, &settings, &[("m", "0"), ("v", "0")], &text) {
            Ok(_) => read += 1,
            Err(error) => check_shown(&error.to_string(), &text),
        }
        let text = mutated(&mut random, &functions);
        match FormulaFunction::new(&text, &["x", "y"]) {
            Ok(function) => {
                let _ = function.gradient(&[0.5, -2.0]);
                read += 1;
            }
            Err(error) => check_shown(&error.to_string(), &text),
        }
    }
    println!("{read} of {} read", 3 * inputs());
    assert!(read > inputs() / 10, "{read}");
}

#[test]
fn a_changed_checkpoint_is_never_taken_for_a_whole_one() {
    let whole = Checkpoint::new()
        .with_bytes("weights", vec![7; 300])
        .with_value("position", &(3, "epochs"))
        .expect("a value");
    let bytes = whole.to_bytes();
    let mut random = Random(4);
    for _ in 0..inputs() {
        let mut changed = bytes.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(changed.len());
            match random.below(4) {
                0 => changed[at] = random.below(256) as u8,
                1 => changed.truncate(at),
                2 => changed.insert(at, random.below(256) as u8),
                _ => drop(changed.remove(at)),
            }
            if changed.is_empty() {
                break;
            }
        }
        match Checkpoint::from_bytes(&changed) {
            Ok(read) => assert!(changed == bytes && read == whole),
            Err(error) => check_shown(&error.to_string(), "a checkpoint"),
        }
    }
}
