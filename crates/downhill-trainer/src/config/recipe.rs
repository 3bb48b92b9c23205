//! Recipes as written: short forms, and lengths relative to the run.

use downhill::{OptimizerConfig, Preset};
use toml::{Table, Value};

use crate::config::calls::{of_call, same_as};
use crate::config::layers::{Layers, Notes, at, join};
use crate::config::names::names_of_optimizers;
use crate::config::words::shown;
use crate::error::TrainError;

/// The keys of a recipe: what happens before and after the steps of the optimizer.
pub(crate) const RECIPE: [&str; 9] = [
    "groups",
    "schedules",
    "accumulate",
    "non_finite",
    "gradients",
    "mask",
    "weights",
    "sam",
    "lbfgs",
];

/// Settings that are absent by default, and that a method turns off with `false`.
pub(crate) const SWITCHES: [&str; 3] = ["sam", "lbfgs", "training.early_stopping"];

/// Lengths of schedules.
pub(crate) const SCHEDULE_LENGTHS: [&str; 7] = [
    "steps",
    "period",
    "first_period",
    "steps_up",
    "steps_down",
    "warm_up_steps",
    "milestones",
];

/// Lengths of averages and slow weights.
pub(crate) const WEIGHT_LENGTHS: [&str; 4] = ["from", "every", "period", "overwrite_every"];

/// Lengths of the training loop, in the order in which they are resolved: the first is that of the
/// run.
const LOOP_LENGTHS: [&str; 3] = [
    "training.updates",
    "training.evaluate_every",
    "training.pretraining.updates",
];

/// The length of the run in epochs, in place of that in updates.
pub(crate) const EPOCHS: &str = "epochs";

/// The length of the run in gradients.
const GRADIENTS: &str = "training.gradients";

/// The length that may be what is left of the run.
const OPEN_LENGTH: &str = "steps";

/// Puts what calls of other libraries say in the place of the calls, in a table of settings and
/// those of its methods.
///
/// # Errors
///
/// A call that cannot be read, or that says what is written beside it; `place` is that of a path.
pub(crate) fn read_calls(
    settings: &mut Table,
    place: &dyn Fn(&str) -> String,
) -> Result<(), TrainError> {
    read_call(settings, "", place)?;
    let methods = settings.get_mut("methods").and_then(Value::as_table_mut);
    for (name, method) in methods.into_iter().flatten() {
        if let Some(method) = method.as_table_mut() {
            read_call(method, &join("methods", name), place)?;
        }
    }
    Ok(())
}

/// Reads the calls of one table, which is at this path.
fn read_call(
    settings: &mut Table,
    path: &str,
    place: &dyn Fn(&str) -> String,
) -> Result<(), TrainError> {
    for (at, group) in tables(settings.get_mut("groups")).enumerate() {
        let path = join(path, &format!("groups[{at}]"));
        let said = said_by_call(group, &path, place)?;
        if let Some(key) = said.keys().find(|key| *key != "optimizer") {
            let path = join(&path, "optimizer");
            let place = place(&path);
            return Err(TrainError::Config(format!(
                "{place}: {path} says `{key}`, which a group cannot have; write it for the \
                 experiment"
            )));
        }
        group.extend(said);
    }
    let said = said_by_call(settings, path, place)?;
    for (key, value) in said {
        let both = match (settings.get_mut(&key), value) {
            (Some(Value::Table(written)), Value::Table(said)) if key == "schedules" => {
                let both = said.keys().find(|setting| written.contains_key(*setting));
                let both = both.map(|setting| join(&key, setting));
                written.extend(said);
                both
            }
            (Some(_), _) if key != "optimizer" => Some(key),
            (_, value) => {
                settings.insert(key, value);
                None
            }
        };
        if let Some(key) = both {
            let full = join(path, &key);
            let place = place(&full);
            return Err(TrainError::Config(format!(
                "{place}: `{full}` is written, and the call of the optimizer says it, too; leave \
                 it out of one of them"
            )));
        }
    }
    Ok(())
}

/// What the optimizer of a table says if it is a call, or the name of another library's optimizer.
fn said_by_call(
    settings: &Table,
    path: &str,
    place: &dyn Fn(&str) -> String,
) -> Result<Table, TrainError> {
    let Some(text) = settings.get("optimizer").and_then(Value::as_str) else {
        return Ok(Table::new());
    };
    let path = join(path, "optimizer");
    let wrong = |message: String| {
        let place = place(&path);
        TrainError::Config(format!("{place}: {path}, {message}"))
    };
    if text.contains('(') {
        return of_call(text).map_err(|error| wrong(error.to_string()));
    }
    match same_as(text) {
        Some(same) if !is_own(text) => Err(wrong(format!("\"{text}\": write {same}"))),
        _ => Ok(Table::new()),
    }
}

/// Whether an optimizer has this name here.
fn is_own(name: &str) -> bool {
    names_of_optimizers().contains(&name)
}

/// Writes the short forms of a table of settings, and of those of its methods, in full.
pub(crate) fn spell_out(settings: &mut Table) {
    name_optimizer(settings);
    if let Some(training) = settings.get_mut("training").and_then(Value::as_table_mut)
        && let Some(epochs) = training.remove(EPOCHS)
    {
        training.insert("updates".into(), format!("{epochs} epochs").into());
    }
    if let Some(steps) = settings.get_mut("accumulate")
        && steps.is_integer()
    {
        *steps = table("steps", steps.clone());
    }
    if let Some(radius) = settings.get_mut("sam")
        && is_number(radius)
    {
        *radius = table("radius", radius.clone());
    }
    for (list, kind, setting) in [
        ("gradients", "clip-global-norm", "max_norm"),
        ("gradients", "clip-adaptive", "factor"),
        ("weights", "ema", "decay"),
    ] {
        for stage in tables(settings.get_mut(list)) {
            if let Some(number) = stage.get_mut(kind)
                && is_number(number)
            {
                *number = table(setting, number.clone());
            }
        }
    }
    tables(settings.get_mut("groups")).for_each(name_optimizer);
    let methods = settings.get_mut("methods").and_then(Value::as_table_mut);
    for (_, method) in methods.into_iter().flatten() {
        if let Some(method) = method.as_table_mut() {
            spell_out(method);
        }
    }
}

/// Makes a table of the name of an optimizer.
fn name_optimizer(settings: &mut Table) {
    if let Some(optimizer) = settings.get_mut("optimizer")
        && let Some(name) = optimizer.as_str().map(str::to_owned)
        && is_own(&name)
    {
        *optimizer = table(&name, Value::Table(Table::new()));
    }
}

/// Gives settings of the optimizer that are only a number, or only true, the kind that the preset
/// has.
pub(crate) fn choose_kinds(layers: &mut Layers) {
    let optimizer = layers.table.get_mut("optimizer");
    let Some(optimizer) = optimizer.and_then(Value::as_table_mut) else {
        return;
    };
    for (name, settings) in optimizer {
        let Some(settings) = settings.as_table_mut() else {
            continue;
        };
        let written = settings.get("preset").and_then(Value::as_str);
        let preset = Preset::ALL.iter().find(|it| Some(it.name()) == written);
        let config = match preset {
            Some(preset) => OptimizerConfig::preset(name, *preset).and_then(Result::ok),
            None => OptimizerConfig::all()
                .into_iter()
                .find(|it| it.name() == name),
        };
        let own = config.and_then(|config| Table::try_from(config).ok());
        let own = own.unwrap_or_default();
        let own = |setting: &str| own.get(name.as_str())?.get(setting).cloned();
        if let Some(decay) = settings.get("weight_decay")
            && is_number(decay)
            && let Some(kind) = own("weight_decay").and_then(|own| decay_of(&own, preset.copied()))
        {
            let decay = table(&kind, decay.clone());
            settings.insert("weight_decay".into(), decay);
        }
        if let Some(Value::Boolean(amsgrad)) = settings.get("amsgrad")
            && own("amsgrad").is_some()
        {
            let kind = match (amsgrad, preset) {
                (false, _) => "none",
                (true, Some(Preset::Optax)) => "corrected",
                (true, _) => "raw",
            };
            settings.insert("amsgrad".into(), kind.into());
        }
    }
}

/// The kind of weight decay that a preset has, or that its library has if it is 0 by default.
fn decay_of(own: &Value, preset: Option<Preset>) -> Option<String> {
    match (own, preset) {
        (Value::Table(own), _) => own.keys().next().cloned(),
        (_, Some(Preset::Torch)) => Some("l2".to_owned()),
        (_, Some(Preset::Keras)) => Some("decoupled".to_owned()),
        _ => None,
    }
}

/// Returns the settings without the recipe and without the lengths of the training loop that are
/// words.
pub(crate) fn without_lengths(layers: &Layers) -> Table {
    let mut table = layers.table.clone();
    table.retain(|key, _| !RECIPE.contains(&key));
    for path in LOOP_LENGTHS {
        if at(&table, path).is_some_and(Value::is_str)
            && let Some((above, key)) = path.rsplit_once('.')
            && let Some(Value::Table(above)) = at_mut(&mut table, above)
        {
            above.remove(key);
        }
    }
    table
}

/// The value at a path.
fn at_mut<'a>(table: &'a mut Table, path: &str) -> Option<&'a mut Value> {
    match path.split_once('.') {
        None => table.get_mut(path),
        Some((key, below)) => at_mut(table.get_mut(key)?.as_table_mut()?, below),
    }
}

/// How long a run is.
#[derive(Clone, Copy)]
pub(crate) struct RunLength<'a> {
    /// Updates of the run.
    pub(crate) updates: u64,
    /// Returns the updates of an epoch; `None` where nothing is trained on images.
    pub(crate) of_epoch: Option<&'a dyn Fn() -> Result<u64, TrainError>>,
}

/// Returns the settings with numbers in place of the lengths that are relative to the run, and a
/// note of each: updates in the training loop, steps in schedules and averages. A step is an
/// update, or with accumulation several.
///
/// # Errors
///
/// A word that is not a length.
pub(crate) fn with_lengths(
    layers: &Layers,
    run: RunLength<'_>,
) -> Result<(Table, Notes), TrainError> {
    let whole = |value: &Value| value.as_integer().and_then(|it| u64::try_from(it).ok());
    let mut lengths = Lengths {
        calls: 1,
        run,
        notes: Notes::new(),
        wrong: None,
    };
    let mut table = layers.table.clone();
    for path in LOOP_LENGTHS {
        if let Some(length) = at_mut(&mut table, path) {
            lengths.number(length, path, None)?;
            if path == LOOP_LENGTHS[0] {
                lengths.run.updates = whole(length).unwrap_or(run.updates);
            }
        }
        if path == LOOP_LENGTHS[0] {
            lengths.of_gradients(&mut table);
        }
    }
    let calls = at(&layers.table, "accumulate.steps").and_then(whole);
    lengths.calls = calls.unwrap_or(1).max(1);
    let all = lengths.run.updates / lengths.calls;
    let schedules = table.get_mut("schedules").and_then(Value::as_table_mut);
    for (setting, schedule) in schedules.into_iter().flatten() {
        lengths.of_schedule(schedule, &join("schedules", setting), all)?;
    }
    for (at, stage) in tables(table.get_mut("weights")).enumerate() {
        for (kind, settings) in stage {
            let settings = settings.as_table_mut().into_iter().flatten();
            for (key, length) in settings.filter(|(key, _)| WEIGHT_LENGTHS.contains(&key.as_str()))
            {
                let path = format!("weights[{at}].{kind}.{key}");
                lengths.number(length, &path, None)?;
            }
        }
    }
    if let Some((path, message)) = lengths.wrong {
        return Err(layers.blame(&path, &message));
    }
    Ok((table, lengths.notes))
}

/// The words for the unit of a length.
const UNITS: [&str; 3] = ["%", "epochs", "epoch"];

/// Whether a text is a number with a unit.
pub(crate) fn is_length(text: &str) -> bool {
    UNITS.iter().any(|unit| part(text, unit).is_some())
}

/// The number before a unit.
fn part(text: &str, unit: &str) -> Option<f64> {
    let number: f64 = text.strip_suffix(unit)?.trim().parse().ok()?;
    (0.0..=1e12).contains(&number).then_some(number)
}

struct Lengths<'a> {
    /// Updates per step.
    calls: u64,
    run: RunLength<'a>,
    notes: Notes,
    /// The first wrong length: its path, and what is wrong.
    wrong: Option<(String, String)>,
}

impl Lengths<'_> {
    /// Ends the run with the number of gradients, if it has one.
    fn of_gradients(&mut self, settings: &mut Table) {
        let of_update = match settings.contains_key("sam") {
            true => 2,
            false => 1,
        };
        let gradients = at(settings, GRADIENTS).and_then(Value::as_integer);
        let Some(gradients) = gradients.and_then(|it| u64::try_from(it).ok()) else {
            return;
        };
        let most = gradients.div_ceil(of_update).max(1);
        let is_written = at(settings, LOOP_LENGTHS[0]).is_some();
        if is_written && self.run.updates <= most {
            return;
        }
        self.run.updates = most;
        if let Some(training) = settings.get_mut("training").and_then(Value::as_table_mut) {
            training.insert("updates".into(), Value::Integer(most as i64));
            let note = format!("{gradients} gradients = {most}");
            (self.notes.entry(LOOP_LENGTHS[0].to_owned()).or_default()).push(note);
        }
    }

    /// Resolves the lengths of a schedule, for which this number of steps is left.
    fn of_schedule(
        &mut self,
        schedule: &mut Value,
        path: &str,
        left: u64,
    ) -> Result<(), TrainError> {
        for (kind, settings) in schedule.as_table_mut().into_iter().flatten() {
            let path = join(path, kind);
            let inner = match settings {
                Value::Table(settings) => settings,
                Value::Array(factors) => {
                    for (at, factor) in factors.iter_mut().enumerate() {
                        self.of_schedule(factor, &format!("{path}[{at}]"), left)?;
                    }
                    continue;
                }
                _ => continue,
            };
            for (key, length) in inner.iter_mut() {
                let path = join(&path, key);
                match length {
                    _ if !SCHEDULE_LENGTHS.contains(&key.as_str()) => {}
                    Value::Array(list) => {
                        for (at, length) in list.iter_mut().enumerate() {
                            self.number(length, &format!("{path}[{at}]"), None)?;
                        }
                    }
                    length => {
                        let open = (key == OPEN_LENGTH).then_some(left);
                        self.number(length, &path, open)?;
                    }
                }
            }
            let whole = |value: &Value| value.as_integer().and_then(|it| u64::try_from(it).ok());
            let steps = inner.get("steps").and_then(whole).unwrap_or(0);
            if let Some(then) = inner.get_mut("then") {
                self.of_schedule(then, &join(&path, "then"), left.saturating_sub(steps))?;
            }
            let starts = inner.get("milestones").and_then(Value::as_array);
            let starts: Vec<u64> = starts.into_iter().flatten().filter_map(whole).collect();
            let joined = inner.get_mut("schedules").and_then(Value::as_array_mut);
            for (at, one) in joined.into_iter().flatten().enumerate() {
                let start = at.checked_sub(1).and_then(|at| starts.get(at)).copied();
                let end = starts.get(at).copied().unwrap_or(left);
                let length = end.saturating_sub(start.unwrap_or(0));
                self.of_schedule(one, &format!("{path}.schedules[{at}]"), length)?;
            }
        }
        Ok(())
    }

    /// Makes a number of a length in words. `open` is what is left of the run, if the length may be
    /// that.
    fn number(
        &mut self,
        length: &mut Value,
        path: &str,
        open: Option<u64>,
    ) -> Result<(), TrainError> {
        let Some(text) = length.as_str().map(str::to_owned) else {
            return Ok(());
        };
        let [percent, epochs @ ..] = UNITS.map(|unit| part(&text, unit));
        let epochs = epochs.into_iter().flatten().next();
        let steps = |updates: f64| (updates / self.calls as f64).round() as u64;
        let of_run = path != LOOP_LENGTHS[0];
        let epochs = epochs.zip(self.run.of_epoch);
        let steps = match (open, percent, epochs) {
            (Some(left), ..) if text == "rest" => left,
            (_, Some(percent), _) if of_run => steps(self.run.updates as f64 * percent / 100.0),
            (_, _, Some((epochs, of_epoch))) => steps(epochs * of_epoch()? as f64),
            _ => {
                let others = match (of_run, open, self.run.of_epoch) {
                    (_, None, None) => " or \"10 %\" of the descent",
                    (_, Some(_), None) => " or \"10 %\" of the descent, \"rest\"",
                    (false, ..) => " or \"3 epochs\"",
                    (true, None, _) => ", \"3 epochs\" or \"10 %\" of the run",
                    (true, Some(_), _) => ", \"3 epochs\" or \"10 %\" of the run, \"rest\"",
                };
                let message = format!(
                    "{path} must be a number of updates{others}, got {}",
                    shown(length)
                );
                self.wrong.get_or_insert((path.to_owned(), message));
                return Ok(());
            }
        };
        *length = Value::Integer(steps as i64);
        let leaf = path.split('[').next().unwrap_or(path).to_owned();
        let note = format!("{} = {steps}", Value::String(text));
        self.notes.entry(leaf).or_default().push(note);
        Ok(())
    }
}

fn table(key: &str, value: Value) -> Value {
    Value::Table(Table::from_iter([(key.to_owned(), value)]))
}

/// The tables of a list.
fn tables(list: Option<&mut Value>) -> impl Iterator<Item = &mut Table> {
    let list = list.and_then(Value::as_array_mut).into_iter().flatten();
    list.filter_map(Value::as_table_mut)
}

pub(crate) fn is_number(value: &Value) -> bool {
    value.is_integer() || value.is_float()
}
