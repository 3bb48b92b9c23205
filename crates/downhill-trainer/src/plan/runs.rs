//! The runs of a plan: their identity, and what becomes of each.

use downhill_report::RunRecord;
use downhill_report::record::{DataIdentity, RECORD_FORMAT, RunHeader, Versions};
use sha2::{Digest, Sha256};

use crate::plan::Plan;
use crate::plan::ensemble::may_share;
use crate::plan::method::MethodPlan;

/// Changes when the same settings would give other numbers than before, so that old runs do not
/// pass for new ones.
const SEMANTICS: u32 = 1;

/// The version of Burn that all crates here are pinned to.
pub(crate) const BURN_VERSION: &str = "0.22.1";

/// One run of a plan.
#[derive(Clone, Debug)]
pub struct RunPlan<'a> {
    /// The method.
    pub method: &'a MethodPlan,
    /// The first line of its record.
    pub header: RunHeader,
}

/// The runs of a plan: all methods of the first seed, then of the next.
pub fn runs<'a>(plan: &'a Plan, data: &downhill_data::ImagePair) -> Vec<RunPlan<'a>> {
    let run = |(seed, method): (u64, &'a MethodPlan)| run(plan, method, seed, data);
    let pairs =
        (plan.seeds.iter()).flat_map(|&seed| plan.methods.iter().map(move |method| (seed, method)));
    pairs.map(run).collect()
}

/// One run of a method, which may be one that the plan does not list.
pub(crate) fn run<'a>(
    plan: &Plan,
    method: &'a MethodPlan,
    seed: u64,
    data: &downhill_data::ImagePair,
) -> RunPlan<'a> {
    RunPlan {
        method,
        header: header(plan, method, seed, data),
    }
}

fn header(
    plan: &Plan,
    method: &MethodPlan,
    seed: u64,
    data: &downhill_data::ImagePair,
) -> RunHeader {
    let wanted = &method.config.data;
    let mut header = RunHeader {
        format: RECORD_FORMAT,
        run: String::new(),
        experiment: plan.name.clone(),
        method: method.name.clone(),
        seed,
        backend: plan.backend.name().to_owned(),
        config: serde_json::to_value(&method.config).expect("a config is plain data"),
        data: DataIdentity {
            name: data.identity.name.clone(),
            sha256: data.identity.sha256.clone(),
            train_images: wanted.images_to_train_on(data.train.len()),
            test_images: wanted.test_images.of(data.test.len()),
        },
        ensemble: may_share(&method.config, plan.ensemble),
        versions: Versions {
            downhill: env!("CARGO_PKG_VERSION").to_owned(),
            burn: BURN_VERSION.to_owned(),
        },
    };
    header.run = hash(&header);
    header
}

/// 32 hexadecimal digits over the header: all that decides the record, with the names of experiment
/// and method. The data count by their bytes and not by their name.
fn hash(header: &RunHeader) -> String {
    let mut decisive = header.clone();
    decisive.data.name = String::new();
    let text = serde_json::to_string(&decisive).expect("a header is plain data");
    let digest = Sha256::new()
        .chain_update(SEMANTICS.to_le_bytes())
        .chain_update(text)
        .finalize();
    downhill_data::hex(&digest[..16])
}

/// The name of the report over these runs: the same for the same runs.
pub(crate) fn report_name(plan: &Plan, records: &[RunRecord]) -> String {
    let runs: Vec<&str> = records
        .iter()
        .map(|record| record.header.run.as_str())
        .collect();
    report_name_of(plan, &runs)
}

/// The name of the report over what these texts identify.
pub(crate) fn report_name_of(plan: &Plan, identities: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for identity in identities {
        hasher.update(identity);
    }
    let hash = downhill_data::hex(&hasher.finalize()[..4]);
    format!("{}-{}-{hash}", plan.name, plan.backend.name())
}
