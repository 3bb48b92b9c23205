//! The optimizer's update alone: gradients are written afresh before each, untimed, as a backward
//! pass would.

mod by_hand;
mod parameters;

use serde_json::json;

use super::{Wanted, enter};
use crate::contender::{Field, Length, play};
use crate::failure::Failure;
use crate::optimizers::{Pair, custom_adam, elementwise, formula_of_adam, per_matrix};
use crate::peer::TORCH;
use crate::report::Report;
use crate::table::Table;
use crate::workload::LEARNING_RATE;
use by_hand::ByHand;
pub(crate) use parameters::Updating;

pub(crate) fn run(wanted: &Wanted, report: &mut Report) -> Result<(), Failure> {
    let squares = vec![vec![512, 512]; 4];
    let squares = table(wanted, "four tensors of 512 x 512", &squares, 10)?;
    report.add(&squares)?;
    // Ten times as many, that the first of a turn, for which nothing is in the caches, does not
    // count for more than there.
    let network = table(wanted, "the parameters of 784-100x4-10", &network(), 100)?;
    report.add(&network)?;
    report.add(&of_matrices(wanted)?)
}

/// Those that compute with whole matrices, for which the preconditioners of Shampoo and SOAP are
/// refreshed in every tenth step. A turn has ten steps, and so one refresh.
fn of_matrices(wanted: &Wanted) -> Result<Table, Failure> {
    let shapes = [vec![512, 512], vec![784, 100], vec![100, 100]];
    let mut field = Field::new();
    for ours in per_matrix() {
        let group = ours.name();
        enter(&mut field, group, Updating::ours(ours, &shapes)?);
        if wanted.peers() {
            let task = json!({
                "optimizer": group,
                "kind": "per matrix",
                "shapes": shapes,
                "learning_rate": LEARNING_RATE,
                "threads": 1,
            });
            enter(&mut field, group, TORCH.start(&wanted.pythons, &task)?);
        }
    }
    Ok(Table {
        title: "An update of matrices".to_owned(),
        note: "512 x 512, 784 x 100 and 100 x 100 of f32, one thread".to_owned(),
        length: Length::Steps(10),
        records: play(field, wanted.rounds(), Length::Steps(10))?,
    })
}

/// Weights and biases, layer by layer.
pub(crate) fn network() -> Vec<Vec<usize>> {
    let layers = [784, 100, 100, 100, 100, 10];
    let shapes = layers
        .windows(2)
        .map(|widths| [widths.to_vec(), vec![widths[1]]]);
    shapes.flatten().collect()
}

fn table(
    wanted: &Wanted,
    name: &str,
    shapes: &[Vec<usize>],
    steps: usize,
) -> Result<Table, Failure> {
    let mut field = Field::new();
    for Pair { ours, burns } in elementwise() {
        let group = ours.name();
        enter(&mut field, group, Updating::ours(ours.clone(), shapes)?);
        if ["adam", "sgd", "momentum"].contains(&group) {
            enter(&mut field, group, Updating::ours_on_tape(ours, shapes)?);
        }
        if let Some(burns) = burns {
            enter(&mut field, group, Updating::burns(burns, shapes)?);
        }
        if group == "adam" {
            for (name, adam) in [
                ("ours, as a formula", formula_of_adam()?),
                ("ours, as a custom rule", custom_adam()),
            ] {
                enter(&mut field, group, Updating::written(name, adam, shapes)?);
            }
            enter(&mut field, group, ByHand::new(shapes));
        }
        if wanted.peers() && ["adam", "sgd", "momentum"].contains(&group) {
            for kind in ["fused", "foreach"] {
                let task = json!({
                    "optimizer": group,
                    "kind": kind,
                    "shapes": shapes,
                    "learning_rate": LEARNING_RATE,
                    "threads": 1,
                });
                enter(&mut field, group, TORCH.start(&wanted.pythons, &task)?);
            }
        }
    }
    Ok(Table {
        title: "An update".to_owned(),
        note: format!("{name} of f32, one thread"),
        length: Length::Steps(steps),
        records: play(field, wanted.rounds(), Length::Steps(steps))?,
    })
}
