//! What the optimizer of each method does with the parameters of its network, for `--dry-run`.

use std::fmt::Write;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use downhill::Description;
use downhill_data::ImagePair;
use downhill_model::Network;

use crate::config::training::TrainingConfig;
use crate::device;
use crate::error::TrainError;
use crate::plan::Plan;

/// Tables to print, at most.
const MAX_TABLES: usize = 3;

/// Returns a table for each network and optimizer of the plan, with the methods that have it.
/// Nothing if the backend does not start on this machine, which need not be the one that trains.
///
/// # Errors
///
/// Settings that cannot be trained.
pub(crate) fn text(plan: &Plan, data: &ImagePair) -> Result<String, TrainError> {
    let Ok(device) = device::open(plan.backend) else {
        return Ok(String::new());
    };
    let mut tables: Vec<(String, Vec<&str>)> = Vec::new();
    // L-BFGS has no settings for single parameters.
    let by_parameter = plan
        .methods
        .iter()
        .filter(|method| method.config.lbfgs.is_none());
    for method in by_parameter {
        let table = table(&method.config, data, &device)?;
        match tables.iter_mut().find(|(known, _)| *known == table) {
            Some((_, methods)) => methods.push(&method.name),
            None => tables.push((table, vec![&method.name])),
        }
    }
    let mut text = String::new();
    for (table, methods) in tables.iter().take(MAX_TABLES) {
        let methods = methods.join(", ");
        let _ = writeln!(
            text,
            "\nparameters of {methods}\n{}",
            indented(table).trim_end()
        );
    }
    let others = tables
        .iter()
        .skip(MAX_TABLES)
        .map(|(_, methods)| methods.len());
    match others.sum::<usize>() {
        0 => {}
        others => {
            let _ = writeln!(
                text,
                "\nand those of {others} other methods; select one with --method"
            );
        }
    }
    Ok(text)
}

fn indented(table: &str) -> String {
    table.lines().map(|line| format!("  {line}\n")).collect()
}

/// What the first step does. The memory is that after it; it is made with gradients of 0.
fn table(config: &TrainingConfig, data: &ImagePair, device: &Device) -> Result<String, TrainError> {
    let device = device.clone().autodiff();
    let invalid = |error: &dyn std::fmt::Display| TrainError::Config(error.to_string());
    let (image, classes) = (data.train.shape(), data.classes());
    let model = Network::new(&config.model, image, classes, &device, &mut || 0.0)
        .map_err(|error| invalid(&format!("model.{error}")))?;
    let mut descent = config.descent().build().map_err(|error| invalid(&error))?;
    let mut zeros = Zeros(GradientsParams::new());
    model.visit(&mut zeros);
    let first = descent.describe(&model).map_err(|error| invalid(&error))?;
    descent.tell_loss(0.0);
    let (model, _) = descent.step(model, zeros.0)?;
    let after = descent.describe(&model).map_err(|error| invalid(&error))?;
    let rows = (first.parameters().iter()).zip(after.parameters());
    let rows = rows.map(|(first, after)| {
        let mut row = first.clone();
        row.memory = after.memory;
        row
    });
    Ok(rows.collect::<Description>().to_string())
}

struct Zeros(GradientsParams);

impl ModuleVisitor for Zeros {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let zeros = param.val().inner().zeros_like();
        self.0.register::<D>(param.id, zeros);
    }
}
