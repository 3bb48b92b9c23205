//! One JSON object per run.

use serde::Serialize;

use crate::experiment::Experiment;
use crate::record::RunRecord;
use crate::record::{DataIdentity, Evaluation, RunOutcome, Versions};

/// A run in short, as JSON with these keys in this order: who it is, how it ended, its last
/// evaluation and its resolved config.
#[derive(Debug, Serialize)]
pub struct RunObject<'a> {
    kind: &'static str,
    experiment: &'a str,
    method: &'a str,
    seed: u64,
    run: &'a str,
    backend: &'a str,
    /// `finished` or `diverged`.
    outcome: &'static str,
    /// The update after which the loss was not finite, in a diverged run.
    #[serde(skip_serializing_if = "Option::is_none")]
    diverged_at: Option<u64>,
    /// Updates made.
    updates: u64,
    /// Gradients computed, where it is not one for each update.
    #[serde(skip_serializing_if = "Option::is_none")]
    gradients: Option<u64>,
    /// The evaluation that the run counts with: the last, or the best if the config asks for it.
    /// `null` in a diverged run, which has no final score.
    #[serde(rename = "final")]
    last: Option<&'a Evaluation>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ensemble: bool,
    config: &'a serde_json::Value,
    data: &'a DataIdentity,
    versions: &'a Versions,
}

impl<'a> RunObject<'a> {
    /// The object of a run.
    #[must_use]
    pub fn of(run: &'a RunRecord) -> Self {
        let header = &run.header;
        Self {
            kind: "run",
            experiment: &header.experiment,
            method: &header.method,
            seed: header.seed,
            run: &header.run,
            backend: &header.backend,
            outcome: run.end.outcome.word(),
            diverged_at: match run.end.outcome {
                RunOutcome::Diverged { update } => Some(update),
                RunOutcome::Finished => None,
            },
            updates: run.end.updates,
            gradients: run.end.gradients,
            last: run.final_evaluation(),
            ensemble: header.ensemble,
            config: &header.config,
            data: &header.data,
            versions: &header.versions,
        }
    }
}

/// Returns the [`RunObject`] of a run as text without line breaks.
#[must_use]
pub fn run_json(run: &RunRecord) -> String {
    serde_json::to_string(&RunObject::of(run)).expect("a run has string keys only")
}

/// [`run_json`] of each run, a line each, method by method.
pub(crate) fn runs_json_lines(experiment: &Experiment) -> String {
    let runs = experiment.methods.iter().flat_map(|method| &method.runs);
    runs.map(|run| run_json(run) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_run_is_a_line() {
        let text = runs_json_lines(&sample::decay());
        assert_eq!(text.lines().count(), 8);
        let first = text.lines().next().unwrap();
        assert_eq!(
            first,
            "{\"kind\":\"run\",\"experiment\":\"sample\",\"method\":\"none\",\"seed\":0,\
             \"run\":\"0000000000000000\",\"backend\":\"flex\",\"outcome\":\"finished\",\
             \"updates\":601,\"final\":{\"epoch\":200,\"updates\":601,\
             \"train\":{\"loss\":0.10000000000000009,\"accuracy\":1.0},\
             \"test\":{\"loss\":0.6760000000000002,\"accuracy\":0.76}},\
             \"config\":{\"learning_rate\":0.01},\"data\":{\"name\":\"made-up\",\"sha256\":\"SHA\",\
             \"train_images\":300,\"test_images\":10000},\
             \"versions\":{\"downhill\":\"0.1.0\",\"burn\":\"0.22.1\"}}"
                .replace("SHA", &sample::decay().data.sha256)
        );
    }

    #[test]
    fn a_diverged_run_has_no_final_score() {
        let outcome = RunOutcome::Diverged { update: 3 };
        let run = sample::run("none", 1, &[(1, 0.1, 0.1)], outcome);
        let object: serde_json::Value = serde_json::from_str(&run_json(&run)).unwrap();
        assert_eq!(object["outcome"], "diverged");
        assert_eq!(object["diverged_at"], 3);
        assert_eq!(object["final"], serde_json::Value::Null);
    }
}
