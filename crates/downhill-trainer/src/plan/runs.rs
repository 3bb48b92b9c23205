//! The runs of a plan and their identity.

use downhill_report::RunRecord;
use downhill_report::record::{DataIdentity, Duplicates, RECORD_FORMAT, ResolvedConfig, RunHeader};
use sha2::{Digest, Sha256};

use crate::code::versions;
use crate::plan::Plan;
use crate::plan::ensemble::may_share;
use crate::plan::method::MethodPlan;

/// One run of a plan.
#[derive(Clone, Debug)]
pub struct RunPlan<'a> {
    /// The method.
    pub method: &'a MethodPlan,
    /// First line of the record.
    pub header: RunHeader,
}

/// Returns the runs of a plan: all methods with the first seed, then with the next. The runs of a
/// method share its config.
pub fn runs<'a>(plan: &'a Plan, data: &downhill_data::ImagePair) -> Vec<RunPlan<'a>> {
    let configs: Vec<ResolvedConfig> = plan.methods.iter().map(resolved).collect();
    let methods = || plan.methods.iter().zip(&configs);
    let run = |(seed, (method, config)): (u64, (&'a MethodPlan, &ResolvedConfig))| RunPlan {
        method,
        header: header(plan, method, config.clone(), seed, data),
    };
    let pairs = (plan.seeds.iter()).flat_map(|&seed| methods().map(move |method| (seed, method)));
    pairs.map(run).collect()
}

/// Returns a run of a method, which need not be in the plan.
pub(crate) fn run<'a>(
    plan: &Plan,
    method: &'a MethodPlan,
    seed: u64,
    data: &downhill_data::ImagePair,
) -> RunPlan<'a> {
    RunPlan {
        method,
        header: header(plan, method, resolved(method), seed, data),
    }
}

fn resolved(method: &MethodPlan) -> ResolvedConfig {
    let config = serde_json::to_value(&method.config).expect("a config is plain data");
    config.into()
}

fn header(
    plan: &Plan,
    method: &MethodPlan,
    config: ResolvedConfig,
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
        config,
        data: DataIdentity {
            name: data.identity.name.clone(),
            sha256: data.identity.sha256.clone(),
            train_images: wanted.images_to_train_on(data.train.len()),
            test_images: wanted.test_images.of(data.test.len()),
            duplicates: duplicates(data),
        },
        ensemble: may_share(&method.config, plan.ensemble),
        versions: versions(),
    };
    header.run = hash(&header);
    header
}

/// The images that occur more than once. MNIST has none.
fn duplicates(data: &downhill_data::ImagePair) -> Option<Duplicates> {
    if data.identity.is_canonical_mnist() {
        return None;
    }
    let downhill_data::Duplicates {
        train,
        test,
        across,
    } = data.duplicates();
    (train + test + across > 0).then_some(Duplicates {
        train,
        test,
        across,
    })
}

/// Returns 32 hexadecimal digits that identify the header, which holds everything that decides the
/// record. Data are identified by their bytes, not their name, and code by its fingerprint.
fn hash(header: &RunHeader) -> String {
    let mut decisive = header.clone();
    decisive.data.name = String::new();
    decisive.versions.commit = None;
    let text = serde_json::to_string(&decisive).expect("a header is plain data");
    let digest = Sha256::digest(text);
    downhill_data::hex(&digest[..16])
}

/// Returns the name of the report of these runs: the same for the same runs.
pub(crate) fn report_name(plan: &Plan, records: &[RunRecord]) -> String {
    let runs: Vec<&str> = records
        .iter()
        .map(|record| record.header.run.as_str())
        .collect();
    report_name_of(plan, &runs)
}

/// Returns the name of the report of the things that these texts identify.
pub(crate) fn report_name_of(plan: &Plan, identities: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for identity in identities {
        hasher.update(identity);
    }
    let hash = downhill_data::hex(&hasher.finalize()[..4]);
    // With the name of a figure it is a file name, of which systems allow 255 bytes.
    let end = plan.name.floor_char_boundary(150);
    format!("{}-{}-{hash}", &plan.name[..end], plan.backend.name())
}
