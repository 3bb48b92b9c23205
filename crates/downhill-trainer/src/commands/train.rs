//! The command `train`, from config to report.

use std::cell::OnceCell;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use downhill_cli::train::TrainArguments;
use downhill_data::ImagePair;

use crate::config::file::ExperimentFile;
use crate::config::images::load;
use crate::config::tables::kind::Kind;
use crate::done::Done;
use crate::error::TrainError;
use crate::experiments::comparison::compare;
use crate::experiments::gradient_check::{check_backend, check_gradients};
use crate::experiments::landscapes::{self, explore};
use crate::experiments::output::Output;
use crate::experiments::search::{check, search};
use crate::experiments::trainings::Trainer;
use crate::experiments::valley::{self, descend};
use crate::plan::Plan;
use crate::plan::method::MethodPlan;
use crate::plan::text::dry_run;
use crate::runs::estimate;
use crate::runs::files::check_png;
use crate::runs::parameters;
use crate::runs::store::Store;

/// Runs an experiment and prints the results to `out`. Setting `stop` ends it early.
///
/// # Errors
///
/// An invalid config or invalid data, a backend that does not start, a file that cannot be read or
/// written. Finished runs are kept.
pub fn train(
    arguments: &TrainArguments,
    out: &mut (dyn Write + Send),
    stop: &AtomicBool,
) -> Result<Done, TrainError> {
    let mut out = Output::new(out, arguments.output.json);
    let done = run(arguments, &mut out, stop)?;
    out.check().map(|()| done)
}

fn run(
    arguments: &TrainArguments,
    out: &mut Output<'_>,
    stop: &AtomicBool,
) -> Result<Done, TrainError> {
    if arguments.list {
        out.say(&ExperimentFile::list()?);
        return Ok(Done::Finished);
    }
    let file = ExperimentFile::find(&arguments.config)?;
    let plan = Plan::resolve(&file, arguments)?;
    check_png(arguments.output.png)?;
    let store = Store::new(&arguments.runs_dir).with_png(arguments.output.png);
    if let Kind::GradientCheck(_) = plan.kind {
        check_backend(&plan)?;
    }
    match &plan.kind {
        Kind::Training | Kind::Search(_) => {}
        Kind::Valley(_) | Kind::Landscapes(_) | Kind::GradientCheck(_) if arguments.dry_run => {
            match &plan.kind {
                Kind::Valley(valley) => valley::check(&plan, valley)?,
                Kind::Landscapes(config) => landscapes::check(&plan, config)?,
                _ => {}
            }
            out.say(&dry_run(&plan));
            return Ok(Done::Finished);
        }
        Kind::Valley(valley) => return descend(arguments, &plan, valley, &store, out),
        Kind::Landscapes(config) => return explore(arguments, &plan, config, &store, out),
        Kind::GradientCheck(check) => return check_gradients(arguments, &plan, check, &store, out),
    }
    if !plan.left_out.is_empty() {
        out.say(&format!(
            "left out, because a method of [grid] has a name for each value: {}\n",
            plan.left_out.join(", ")
        ));
    }
    let data = load(arguments.data_dir.as_deref(), &plan.source)?;
    plan.check_data(&data)?;
    for remark in remarks(&plan, &data) {
        out.say(&format!("note: {remark}\n"));
    }
    if let Kind::Search(config) = &plan.kind {
        check(&plan, config, &data)?;
    }
    if arguments.dry_run {
        out.say(&dry_run(&plan));
        out.say(&parameters::text(&plan, &data)?);
        out.say(&estimate::text(&plan, arguments, &Arc::new(data))?);
        return Ok(Done::Finished);
    }
    let trainer = Trainer {
        arguments,
        plan: &plan,
        store: &store,
        stop,
        again: OnceCell::new(),
    };
    match &plan.kind {
        Kind::Search(config) => search(&trainer, config, data, out),
        _ => compare(&trainer, data, out),
    }
}

/// Largest difference of the pixels' mean or deviation from those of the config that is not
/// remarked on.
const NEAR: f64 = 0.02;

/// What is allowed, but may not be meant.
fn remarks(plan: &Plan, data: &ImagePair) -> Vec<String> {
    let mut remarks = Vec::new();
    let settings = plan.methods.iter().map(|method| &method.config.data);
    let scaled = settings
        .map(|data| (data.pixel_mean, data.pixel_deviation))
        .find(|scale| *scale != (0.0, 1.0));
    if let Some((mean, deviation)) = scaled {
        let (own_mean, own_deviation) = mean_and_deviation(data.train.pixels());
        let is_off = |wanted: f64, own: f64| (wanted - own).abs() > NEAR;
        if (mean != 0.0 && is_off(mean, own_mean))
            || (deviation != 1.0 && is_off(deviation, own_deviation))
        {
            remarks.push(format!(
                "data.pixel_mean = {mean} and data.pixel_deviation = {deviation}, but the pixels \
                 of {} have the mean {own_mean:.4} and the deviation {own_deviation:.4}",
                data.identity.name
            ));
        }
    }
    if !data.identity.is_canonical_mnist() {
        match data.duplicates().across {
            0 => {}
            number => remarks.push(format!(
                "{number} of {} test images of {} are training images",
                data.test.len(),
                data.identity.name
            )),
        }
        let unused = data.unused_labels();
        if let Some(first) = unused.first() {
            let others = match unused.len() - 1 {
                0 => String::new(),
                others => format!(" and {others} others"),
            };
            remarks.push(format!(
                "no training image of {} has the label {first}{others}; the network has an output \
                 for each label from 0 to {}",
                data.identity.name,
                data.classes() - 1
            ));
        }
    }
    let holds_out = |method: &MethodPlan| method.config.data.validation_images > 0;
    if plan.grid.is_some() && !plan.methods.iter().any(holds_out) {
        remarks.push(
            "no images are held out, so the values of [grid] are compared on the test images; \
             set data.validation_images to choose among them"
                .to_owned(),
        );
    }
    remarks
}

/// Mean and standard deviation of pixels, as numbers from 0 to 1.
fn mean_and_deviation(pixels: &[u8]) -> (f64, f64) {
    let mut counts = [0_u64; 256];
    for &pixel in pixels {
        counts[usize::from(pixel)] += 1;
    }
    let number = pixels.len() as f64;
    let moment = |of: &dyn Fn(f64) -> f64| {
        let sum: f64 = (0..)
            .zip(counts)
            .map(|(value, count)| of(f64::from(value) / 255.0) * count as f64)
            .sum();
        sum / number
    };
    let mean = moment(&|value| value);
    (mean, moment(&|value| (value - mean).powi(2)).sqrt())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn pixels_of_other_images_test_images_seen_and_a_grid_on_test_images_are_remarked_on() {
        let mnist = downhill_data::load_mnist().unwrap();
        let of = |text: &str, data: &ImagePair| {
            let file = ExperimentFile::parse(Path::new("some.toml"), text.to_owned()).unwrap();
            remarks(
                &Plan::resolve(&file, &TrainArguments::default()).unwrap(),
                data,
            )
        };
        assert_eq!(
            of(
                "data.pixel_mean = 0.1307\ndata.pixel_deviation = 0.3081",
                &mnist
            ),
            [""; 0]
        );
        let found = of("data.pixel_mean = 0.286", &mnist);
        assert!(
            found[0].contains("have the mean 0.1307 and the deviation 0.3081"),
            "{found:?}"
        );
        let mut seen = mnist.clone();
        seen.test = mnist.train.select(&[3, 4, 5]).unwrap();
        seen.identity.files[2].sha256 = String::new();
        let found = of("", &seen);
        assert!(
            found[0].starts_with("3 of 3 test images of mnist are training"),
            "{found:?}"
        );
        let grid = "grid = { setting = 'training.batch', values = [1, 2] }";
        let found = of(grid, &mnist);
        assert!(found[0].starts_with("no images are held out"), "{found:?}");
        assert_eq!(
            of(&format!("data.validation_images = 9\n{grid}"), &mnist),
            [""; 0]
        );
    }
}
