//! Schedules drawn as text, for `--dry-run`.

use std::fmt::Write;

use downhill::Schedule;

use crate::config::training::TrainingConfig;
use crate::plan::Plan;

/// Columns of a drawing.
const COLUMNS: u64 = 48;

/// Heights of a column, from 0 to the largest value.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Returns the schedules of the methods, those that are alike once.
pub(crate) fn text(plan: &Plan) -> String {
    let mut drawn: Vec<(String, Vec<&str>)> = Vec::new();
    for method in &plan.methods {
        let schedules = of_method(&method.config);
        match drawn.iter_mut().find(|(known, _)| *known == schedules) {
            Some((_, methods)) => methods.push(&method.name),
            None => drawn.push((schedules, vec![&method.name])),
        }
    }
    drawn.retain(|(schedules, _)| !schedules.is_empty());
    let with_title = |(schedules, methods): &(String, Vec<&str>)| {
        format!("\nschedules of {}\n{schedules}", methods.join(", "))
    };
    drawn.iter().map(with_title).collect()
}

fn of_method(config: &TrainingConfig) -> String {
    let steps = (config.training.updates / config.accumulate.steps).max(1);
    let mut text = String::new();
    for (setting, schedule) in &config.schedules {
        let own = config.optimizer.get(setting);
        let of_groups = config.groups.iter().find_map(|group| {
            let own = group.optimizer.as_ref().and_then(|own| own.get(setting));
            group.set.get(setting).copied().or(own)
        });
        if let Some(base) = own.or(of_groups) {
            let _ = writeln!(text, "  {setting}  {}", line(schedule, base, steps));
        }
    }
    text
}

/// A schedule over the steps of a run: a line of blocks; its first, highest and last value.
fn line(schedule: &Schedule, base: f64, steps: u64) -> String {
    let value = |step: u64| schedule.value(base, step);
    let (columns, last) = (COLUMNS.min(steps), steps - 1);
    let step_at = |column: u64| {
        (u128::from(last) * u128::from(column) / u128::from((columns - 1).max(1))) as u64
    };
    let values: Vec<f64> = (0..columns).map(|column| value(step_at(column))).collect();
    // Between two columns there may be a higher value.
    let each = (steps / MAX_VALUES).max(1);
    let all = (0..steps)
        .step_by(each as usize)
        .map(value)
        .chain([value(last)]);
    let highest = all.chain(values.iter().copied()).fold(f64::MIN, f64::max);
    let lowest = values.iter().copied().fold(0.0, f64::min);
    let block = |value: &f64| {
        let height = (value - lowest) / (highest - lowest);
        BLOCKS[(height * 7.0).round().clamp(0.0, 7.0) as usize]
    };
    let blocks: String = values.iter().map(block).collect();
    let unit = if steps == 1 { "step" } else { "steps" };
    format!(
        "{blocks}  first {}, highest {}, last {} of {steps} {unit}",
        short(value(0)),
        short(highest),
        short(value(last))
    )
}

/// Values from which the highest is taken.
const MAX_VALUES: u64 = 10_000;

/// A number of four digits.
fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
    match rounded.abs() {
        0.0 => "0".to_owned(),
        0.0001..1e6 => rounded.to_string(),
        _ => format!("{rounded:e}"),
    }
}

#[cfg(test)]
mod tests {
    use downhill::schedule::{Cosine, Step, WarmUp};

    use super::*;

    #[test]
    fn a_schedule_is_a_line_from_its_first_to_its_last_step() {
        let warm_up = WarmUp::new(20).with_start_factor(0.0).then(Cosine::new(80));
        assert_eq!(
            line(&warm_up.into(), 0.003, 100),
            "▁▂▂▃▄▅▅▆▇▇███████▇▇▇▇▇▆▆▆▆▅▅▅▄▄▄▄▃▃▃▃▂▂▂▂▂▁▁▁▁▁▁  \
             first 0, highest 0.003, last 1.156e-6 of 100 steps"
        );
        let step = Schedule::from(Step::new(2).with_factor(0.5));
        assert_eq!(
            line(&step, 1.0, 6),
            "██▅▅▃▃  first 1, highest 1, last 0.25 of 6 steps"
        );
        assert_eq!(
            line(&Schedule::Constant, 0.1, 1),
            "█  first 0.1, highest 0.1, last 0.1 of 1 step"
        );
    }
}
