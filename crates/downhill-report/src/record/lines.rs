//! Records as text: one JSON object per line, each sealed with a checksum.
//!
//! A line is the JSON object of a [`Line`] with one more key at its end,
//! `"checksum":"<16 hexadecimal digits>"`: the start of the SHA-256 over the checksum of the line
//! before and the object's text without that key. So a record that was cut off or changed, or of
//! which a line is missing or comes from another record, is never read as a result.
//!
//! In format 1, a checksum is over the text of its line alone.

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::record::{Evaluation, Line, RECORD_FORMAT, RunEnd, RunHeader, RunOutcome, RunRecord};

const CHECKSUM_KEY: &str = ",\"checksum\":\"";
const CHECKSUM_DIGITS: usize = 16;

/// Why a record cannot be read; lines are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The text ends within a line.
    #[error("line {line}: the line must end in a line feed, but the record is cut off here")]
    CutOff {
        /// The line.
        line: usize,
    },
    /// The line does not end in a checksum.
    #[error("line {line}: the line must end in a checksum of 16 hexadecimal digits")]
    MissingChecksum {
        /// The line.
        line: usize,
    },
    /// The line's text and its checksum do not belong together, or not to the line before.
    #[error(
        "line {line}: checksum must be {computed} for this text after the line before, got {found}"
    )]
    ChecksumMismatch {
        /// The line.
        line: usize,
        /// What the line's text gives.
        computed: String,
        /// What the line says.
        found: String,
    },
    /// The line is not the JSON of a [`Line`].
    #[error("line {line}: must be a line of a record: {reason}")]
    NotALine {
        /// The line.
        line: usize,
        /// What the JSON reader says.
        reason: String,
    },
    /// The record was written in a format that this version does not read.
    #[error("line 1: format must be a number from 1 to {RECORD_FORMAT}, got {found}")]
    WrongFormat {
        /// The header's format.
        found: String,
    },
    /// The record is empty or its first line is not a [`RunHeader`].
    #[error("line 1: must be the run's header")]
    MissingHeader,
    /// A second header.
    #[error("line {line}: must be an evaluation or the run's end, got a second header")]
    SecondHeader {
        /// The line.
        line: usize,
    },
    /// An evaluation that does not come after the one before it.
    #[error("line {line}: updates must exceed the {before} of the line before, got {found}")]
    UpdatesNotRising {
        /// The line.
        line: usize,
        /// Updates of the evaluation before.
        before: u64,
        /// Updates of this line.
        found: u64,
    },
    /// Losses that do not follow those before them.
    #[error("line {line}: losses must begin with update {expected}, got {found}")]
    LossesNotConsecutive {
        /// The line.
        line: usize,
        /// The update after the last loss so far.
        expected: u64,
        /// The first update of this line.
        found: u64,
    },
    /// The run's end counts fewer updates than its last evaluation.
    #[error(
        "line {line}: the end's updates must reach the {before} of the line before, got {found}"
    )]
    EndTooEarly {
        /// The line.
        line: usize,
        /// Updates of the last evaluation.
        before: u64,
        /// Updates of the end.
        found: u64,
    },
    /// The run keeps a network that was not evaluated.
    #[error(
        "line {line}: the end's kept network must have an evaluation, got none after {kept} updates"
    )]
    KeptNotEvaluated {
        /// The line.
        line: usize,
        /// Updates of the kept network.
        kept: u64,
    },
    /// A finished run without an evaluation.
    #[error("line {line}: a finished run must have at least one evaluation before its end")]
    NoEvaluation {
        /// The line.
        line: usize,
    },
    /// Something follows the [`RunEnd`].
    #[error("line {line}: nothing may follow the run's end")]
    AfterEnd {
        /// The line.
        line: usize,
    },
    /// The record has no [`RunEnd`].
    #[error(
        "line {line}: must be an evaluation or the run's end, got nothing: the run was interrupted"
    )]
    MissingEnd {
        /// The line that is missing.
        line: usize,
    },
}

/// Writes a record, line by line.
#[derive(Clone, Debug, Default)]
pub struct RecordEncoder {
    /// The checksum of the last line.
    last: String,
}

impl RecordEncoder {
    /// Continues a record that begins with these lines. Also returns them, header and all.
    ///
    /// # Errors
    ///
    /// A line that is cut off or altered, or a first line that is no header.
    pub fn continuing(text: &[u8]) -> Result<(Self, Vec<Line>), RecordError> {
        let mut lines = (1..).zip(text.split_inclusive(|byte| *byte == b'\n'));
        let (_, first) = lines.next().ok_or(RecordError::MissingHeader)?;
        let mut last = String::new();
        let mut read = vec![Line::Run(header_of(first, &mut last)?)];
        for (line, bytes) in lines {
            read.push(parsed(&unsealed(bytes, line, &mut last)?, line)?);
        }
        Ok((Self { last }, read))
    }

    /// Returns the next line with its checksum and its line feed, ready to be appended to a file.
    ///
    /// # Panics
    ///
    /// Never: every [`Line`] is a JSON object.
    #[must_use]
    pub fn encode(&mut self, line: &Line) -> String {
        let object = serde_json::to_string(line).expect("a line has string keys only");
        self.last = checksum_of(&self.last, &object);
        let open = object.strip_suffix('}').expect("an object ends in a brace");
        format!("{open}{CHECKSUM_KEY}{}\"}}\n", self.last)
    }
}

/// Reads a whole record.
///
/// # Errors
///
/// Whatever keeps the record from being whole and in order, a missing end among it: see
/// [`RecordError`].
pub fn read_record(text: &(impl AsRef<[u8]> + ?Sized)) -> Result<RunRecord, RecordError> {
    let mut lines = (1..).zip(text.as_ref().split_inclusive(|byte| *byte == b'\n'));
    let (_, first) = lines.next().ok_or(RecordError::MissingHeader)?;
    let mut last = String::new();
    let header = header_of(first, &mut last)?;
    let is_chained = header.format > 1;

    let mut evaluations: Vec<Evaluation> = Vec::new();
    let mut losses: Vec<f32> = Vec::new();
    let mut activations = Vec::new();
    let mut pretraining = Vec::new();
    let mut next = 2;
    while let Some((line, bytes)) = lines.next() {
        let before = evaluations.last().map(|last| last.updates);
        if !is_chained {
            last.clear();
        }
        match parsed(&unsealed(bytes, line, &mut last)?, line)? {
            Line::Run(_) => return Err(RecordError::SecondHeader { line }),
            Line::Evaluation(evaluation) => {
                let found = evaluation.updates;
                if let Some(before) = before.filter(|before| *before >= found) {
                    return Err(RecordError::UpdatesNotRising {
                        line,
                        before,
                        found,
                    });
                }
                evaluations.push(evaluation);
            }
            Line::Losses(batch) => {
                let (expected, found) = (losses.len() as u64 + 1, batch.first_update);
                if expected != found {
                    return Err(RecordError::LossesNotConsecutive {
                        line,
                        expected,
                        found,
                    });
                }
                losses.extend(batch.losses);
            }
            Line::Activations(seen) => activations.push(seen),
            Line::Pretraining(seen) => pretraining.push(seen),
            Line::End(end) => {
                check_end(&end, before, line)?;
                let is_kept = |kept| evaluations.iter().any(|found| found.updates == kept);
                if let Some(kept) = end.kept.filter(|kept| !is_kept(*kept)) {
                    return Err(RecordError::KeptNotEvaluated { line, kept });
                }
                if let Some((line, _)) = lines.next() {
                    return Err(RecordError::AfterEnd { line });
                }
                return Ok(RunRecord {
                    header,
                    evaluations,
                    losses,
                    activations,
                    pretraining,
                    end,
                });
            }
        }
        next = line + 1;
    }
    Err(RecordError::MissingEnd { line: next })
}

fn header_of(bytes: &[u8], last: &mut String) -> Result<RunHeader, RecordError> {
    let object = unsealed(bytes, 1, last)?;
    // Another format may have other keys, so its number is read before anything else.
    let value: serde_json::Value = parsed(&object, 1)?;
    if value.get("kind").and_then(serde_json::Value::as_str) != Some("run") {
        return Err(RecordError::MissingHeader);
    }
    match value.get("format") {
        Some(format) if (1..=RECORD_FORMAT).any(|known| *format == known) => {}
        format => {
            let found = format.map_or("none".into(), ToString::to_string);
            return Err(RecordError::WrongFormat { found });
        }
    }
    match parsed(&object, 1)? {
        Line::Run(header) => Ok(header),
        _ => Err(RecordError::MissingHeader),
    }
}

fn check_end(end: &RunEnd, before: Option<u64>, line: usize) -> Result<(), RecordError> {
    let found = end.updates;
    match before {
        Some(before) if found < before => Err(RecordError::EndTooEarly {
            line,
            before,
            found,
        }),
        None if end.outcome == RunOutcome::Finished => Err(RecordError::NoEvaluation { line }),
        _ => Ok(()),
    }
}

fn parsed<T: serde::de::DeserializeOwned>(object: &str, line: usize) -> Result<T, RecordError> {
    serde_json::from_str(object).map_err(|error| RecordError::NotALine {
        line,
        reason: error.to_string(),
    })
}

/// The line's object without its checksum, once that is found to be right. `last` is the checksum
/// of the line before, and then that of this line.
fn unsealed(bytes: &[u8], line: usize, last: &mut String) -> Result<String, RecordError> {
    let complete = bytes.strip_suffix(b"\n");
    let complete = complete.ok_or(RecordError::CutOff { line })?;
    let text = std::str::from_utf8(complete).map_err(|error| RecordError::NotALine {
        line,
        reason: error.to_string(),
    })?;
    let (object, found) = split_checksum(text).ok_or(RecordError::MissingChecksum { line })?;
    let computed = checksum_of(last, &object);
    if computed == found {
        *last = computed;
        Ok(object)
    } else {
        let found = found.to_owned();
        Err(RecordError::ChecksumMismatch {
            line,
            computed,
            found,
        })
    }
}

/// The object's text without its checksum, and the checksum.
fn split_checksum(text: &str) -> Option<(String, &str)> {
    let (open, rest) = text.rsplit_once(CHECKSUM_KEY)?;
    let checksum = rest.strip_suffix("\"}")?;
    (checksum.len() == CHECKSUM_DIGITS).then(|| (format!("{open}}}"), checksum))
}

fn checksum_of(last: &str, object: &str) -> String {
    let digest = Sha256::new()
        .chain_update(last)
        .chain_update(object)
        .finalize();
    let start = digest.first_chunk().expect("a SHA-256 has 32 bytes");
    format!("{:0CHECKSUM_DIGITS$x}", u64::from_be_bytes(*start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Activations, BatchLosses, Histogram, Pretraining};
    use crate::sample;

    fn lines() -> Vec<Line> {
        let finals = [(1, 0.1, 0.1), (16, 0.5, 1.0 / 3.0)];
        let run = sample::run("none", u64::MAX, &finals, RunOutcome::Finished);
        let mut lines = vec![Line::Run(run.header)];
        lines.extend(run.evaluations.into_iter().map(Line::Evaluation));
        lines.push(Line::End(run.end));
        lines
    }

    fn text() -> String {
        text_of(&lines())
    }

    #[test]
    fn a_record_is_continued_where_it_was() {
        let (whole, lines) = (text(), lines());
        let ends: Vec<usize> = (whole.match_indices('\n'))
            .map(|(end, _)| end + 1)
            .collect();
        for (before, &end) in (1..).zip(&ends) {
            let begun = &whole[..end];
            let (mut encoder, read) = RecordEncoder::continuing(begun.as_bytes()).unwrap();
            assert_eq!(read, lines[..before]);
            let rest: String = lines[before..]
                .iter()
                .map(|line| encoder.encode(line))
                .collect();
            assert_eq!(format!("{begun}{rest}"), whole);
        }
        let continued = |text: &str| RecordEncoder::continuing(text.as_bytes()).map(|_| ());
        assert_eq!(continued(""), Err(RecordError::MissingHeader));
        let cut_off = RecordError::CutOff { line: 2 };
        assert_eq!(continued(&whole[..ends[0] + 3]), Err(cut_off));
        let altered = whole.replacen("0.5", "0.6", 1);
        assert!(matches!(
            continued(&altered),
            Err(RecordError::ChecksumMismatch { .. })
        ));
    }

    fn text_of(lines: &[Line]) -> String {
        let mut encoder = RecordEncoder::default();
        lines.iter().map(|line| encoder.encode(line)).collect()
    }

    #[test]
    fn reading_gives_back_what_was_written() {
        let record = read_record(&text()).unwrap();
        let mut again = vec![Line::Run(record.header)];
        again.extend(record.evaluations.into_iter().map(Line::Evaluation));
        again.push(Line::End(record.end));
        assert_eq!(again, lines());
    }

    #[test]
    fn a_loss_that_is_not_finite_is_read_as_nan() {
        let mut lines = lines();
        if let Line::Evaluation(evaluation) = &mut lines[2] {
            evaluation.train.loss = f64::INFINITY;
        }
        let text = text_of(&lines);
        let record = read_record(&text).unwrap();
        assert!(record.evaluations[1].train.loss.is_nan());
        assert!(record.evaluations[1].test.loss.is_finite());
    }

    #[test]
    fn what_else_was_asked_for_is_read_in_its_place() {
        let mut lines = lines();
        let batches = |first_update, losses: &[f32]| {
            let losses = losses.to_vec();
            Line::Losses(BatchLosses {
                first_update,
                losses,
            })
        };
        let histogram = Histogram {
            lower: 0.0,
            upper: 1.0,
            counts: vec![3, 0, 1],
            mean: 0.1,
            standard_deviation: 0.3,
        };
        let layers = vec![histogram];
        let activations = Activations { updates: 1, layers };
        let pretraining = Pretraining {
            layer: 1,
            updates: 10,
            loss: 99.5,
        };
        let end = lines.pop().unwrap();
        lines.push(Line::Pretraining(pretraining));
        lines.push(batches(1, &[2.3, f32::NAN]));
        lines.push(Line::Activations(activations.clone()));
        lines.push(batches(3, &[0.1]));
        lines.push(end);
        let text = text_of(&lines);
        let record = read_record(&text).unwrap();
        assert_eq!((record.losses[0], record.losses[2]), (2.3, 0.1));
        assert!(record.losses[1].is_nan() && record.losses.len() == 3);
        assert_eq!(record.activations, [activations]);
        assert_eq!(record.pretraining, [pretraining]);

        lines.remove(4);
        let text = text_of(&lines);
        assert_eq!(
            read_record(&text).unwrap_err().to_string(),
            "line 6: losses must begin with update 1, got 3"
        );
    }

    #[test]
    fn a_line_is_its_json_and_the_start_of_its_sha_256() {
        let end = RunEnd {
            outcome: RunOutcome::Diverged { update: 3 },
            updates: 3,
            kept: None,
            gradients: None,
        };
        // printf '%s' '{"kind":"end","outcome":{"diverged":{"update":3}},"updates":3}' | sha256sum
        assert_eq!(
            RecordEncoder::default().encode(&Line::End(end)),
            "{\"kind\":\"end\",\"outcome\":{\"diverged\":{\"update\":3}},\"updates\":3,\
             \"checksum\":\"89992a14ad8f83f7\"}\n"
        );
    }

    #[test]
    fn changing_any_byte_is_detected() {
        let text = text().into_bytes();
        for at in 0..text.len() {
            for change in 1..=255 {
                let mut changed = text.clone();
                changed[at] ^= change;
                assert!(read_record(&changed).is_err(), "byte {at} ^ {change}");
            }
        }
    }

    #[test]
    fn cutting_anywhere_or_leaving_out_a_byte_is_detected() {
        let text = text().into_bytes();
        for at in 0..text.len() {
            assert!(read_record(&text[..at]).is_err(), "cut at {at}");
            let without = [&text[..at], &text[at + 1..]].concat();
            assert!(read_record(&without).is_err(), "without byte {at}");
        }
    }

    #[test]
    fn a_line_that_is_missing_twice_or_of_another_record_is_detected() {
        let evaluations = [
            (1, 0.1, 0.1),
            (16, 0.5, 0.3),
            (31, 0.6, 0.4),
            (46, 0.7, 0.5),
        ];
        let text_of_run = |seed| {
            let run = sample::run("none", seed, &evaluations, RunOutcome::Finished);
            let evaluations = run.evaluations.into_iter().map(Line::Evaluation);
            let lines = [Line::Run(run.header)].into_iter().chain(evaluations);
            text_of(&lines.chain([Line::End(run.end)]).collect::<Vec<_>>())
        };
        let (own, other) = (text_of_run(0), text_of_run(1));
        let lines: Vec<&str> = own.split_inclusive('\n').collect();
        let others: Vec<&str> = other.split_inclusive('\n').collect();
        assert!(read_record(&own).is_ok());
        for at in 0..lines.len() {
            let without = [&lines[..at], &lines[at + 1..]].concat().concat();
            assert!(read_record(&without).is_err(), "without line {at}");
            let twice = [&lines[..=at], &lines[at..]].concat().concat();
            assert!(read_record(&twice).is_err(), "line {at} twice");
            let mut exchanged = lines.clone();
            exchanged[at] = others[at];
            assert!(
                read_record(&exchanged.concat()).is_err(),
                "line {at} of another"
            );
        }
    }

    #[test]
    fn records_of_the_first_format_are_read() {
        let mut lines = lines();
        if let Line::Run(header) = &mut lines[0] {
            header.format = 1;
        }
        // Each line by itself.
        let text: String = (lines.iter())
            .map(|line| text_of(std::slice::from_ref(line)))
            .collect();
        assert_eq!(read_record(&text).unwrap().evaluations.len(), 2);
        if let Line::Run(header) = &mut lines[0] {
            header.format = 2;
        }
        let text = text_of(&lines[..1]) + text.split_once('\n').unwrap().1;
        let error = read_record(&text).unwrap_err();
        assert!(matches!(
            error,
            RecordError::ChecksumMismatch { line: 2, .. }
        ));
    }

    #[test]
    fn disorder_is_named_with_its_line() {
        let lines = lines();
        let message = |order: &[usize]| {
            let order: Vec<Line> = order.iter().map(|at| lines[*at].clone()).collect();
            read_record(&text_of(&order)).unwrap_err().to_string()
        };
        assert_eq!(message(&[]), "line 1: must be the run's header");
        assert_eq!(message(&[1, 2, 3]), "line 1: must be the run's header");
        assert_eq!(
            message(&[0, 1, 0]),
            "line 3: must be an evaluation or the run's end, got a second header"
        );
        assert_eq!(
            message(&[0, 2, 1]),
            "line 3: updates must exceed the 16 of the line before, got 1"
        );
        assert_eq!(
            message(&[0, 1, 3, 2]),
            "line 4: nothing may follow the run's end"
        );
        assert_eq!(
            message(&[0, 3]),
            "line 2: a finished run must have at least one evaluation before its end"
        );
        assert_eq!(
            message(&[0, 1, 2]),
            "line 4: must be an evaluation or the run's end, got nothing: the run was interrupted"
        );
    }

    #[test]
    fn an_end_before_the_last_evaluation_is_refused() {
        let mut lines = lines();
        if let Line::End(end) = &mut lines[3] {
            end.updates = 15;
        }
        let text = text_of(&lines);
        assert_eq!(
            read_record(&text).unwrap_err().to_string(),
            "line 4: the end's updates must reach the 16 of the line before, got 15"
        );
    }

    #[test]
    fn a_kept_network_counts_and_must_have_been_evaluated() {
        let mut lines = lines();
        let mut keep = |updates| {
            if let Line::End(end) = &mut lines[3] {
                end.kept = Some(updates);
            }
            text_of(&lines)
        };
        let record = read_record(&keep(1)).unwrap();
        assert_eq!(record.final_evaluation(), Some(&record.evaluations[0]));
        assert_eq!(
            read_record(&keep(2)).unwrap_err().to_string(),
            "line 4: the end's kept network must have an evaluation, got none after 2 updates"
        );
    }

    #[test]
    fn another_format_is_refused_whatever_its_keys() {
        let object = "{\"kind\":\"run\",\"format\":99";
        let sealed = sealed(object);
        let error = read_record(&sealed).unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 1: format must be a number from 1 to 2, got 99"
        );
    }

    #[test]
    fn a_sealed_line_of_unknown_kind_is_not_a_line() {
        let mut lines = lines();
        if let Line::Run(header) = &mut lines[0] {
            header.format = 1;
        }
        let header = text_of(&lines[..1]);
        let text = header + &sealed("{\"kind\":\"other\"");
        let error = read_record(&text).unwrap_err();
        assert!(matches!(error, RecordError::NotALine { line: 2, .. }));
    }

    fn sealed(open: &str) -> String {
        let checksum = checksum_of("", &format!("{open}}}"));
        format!("{open}{CHECKSUM_KEY}{checksum}\"}}\n")
    }
}
