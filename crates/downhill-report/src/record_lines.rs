//! Records as text: one JSON object per line, each sealed with a checksum.
//!
//! A line is the JSON object of a [`Line`] with one more key at its end,
//! `"checksum":"<16 hexadecimal digits>"`: the start of the SHA-256 over the object's text without
//! that key. A record that was cut off, or changed by hand, is therefore never read as a result.

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::record::{Evaluation, Line, RECORD_FORMAT, RunEnd, RunHeader};

const CHECKSUM_KEY: &str = ",\"checksum\":\"";
const CHECKSUM_DIGITS: usize = 16;

/// Everything that one run left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
    /// The first line.
    pub header: RunHeader,
    /// The evaluations, in order of rising [`Evaluation::updates`].
    pub evaluations: Vec<Evaluation>,
    /// The last line; `None` if the run was interrupted between two lines.
    pub end: Option<RunEnd>,
}

/// Why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The line before the end of the file lacks its line feed and does not verify.
    #[error("{file}:{line}: the last line is cut off; the run was interrupted while writing it")]
    Truncated {
        /// Name of the file, as the caller gave it.
        file: String,
        /// The line, counted from 1.
        line: usize,
    },
    /// The line does not end in a checksum.
    #[error("{file}:{line}: the line must end in a checksum of 16 hexadecimal digits")]
    MissingChecksum {
        /// Name of the file, as the caller gave it.
        file: String,
        /// The line, counted from 1.
        line: usize,
    },
    /// The line's text and its checksum do not belong together.
    #[error("{file}:{line}: checksum must be {computed} for this text, got {found}")]
    ChecksumMismatch {
        /// Name of the file, as the caller gave it.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// What the line's text gives.
        computed: String,
        /// What the line says.
        found: String,
    },
    /// The line is not the JSON of a [`Line`].
    #[error("{file}:{line}: not a line of a record: {reason}")]
    BadJson {
        /// Name of the file, as the caller gave it.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// What the JSON reader says.
        reason: String,
    },
    /// The record was written in a format that this version does not read.
    #[error("{file}:{line}: format must be {RECORD_FORMAT}, got {found}")]
    WrongFormat {
        /// Name of the file, as the caller gave it.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// The header's format.
        found: u32,
    },
    /// The record is empty or its first line is not a [`RunHeader`].
    #[error("{file}:1: the first line must be the run's header")]
    MissingHeader {
        /// Name of the file, as the caller gave it.
        file: String,
    },
    /// A second header.
    #[error("{file}:{line}: a record has one header, this is a second one")]
    SecondHeader {
        /// Name of the file, as the caller gave it.
        file: String,
        /// The line, counted from 1.
        line: usize,
    },
    /// An evaluation that does not come after the one before it.
    #[error("{file}:{line}: updates must exceed the {before} of the evaluation before, got {found}")]
    UpdatesNotRising {
        /// Name of the file, as the caller gave it.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// Updates of the evaluation before.
        before: u64,
        /// Updates of this evaluation.
        found: u64,
    },
    /// Something follows the [`RunEnd`].
    #[error("{file}:{line}: nothing may follow the run's end")]
    AfterEnd {
        /// Name of the file, as the caller gave it.
        file: String,
        /// The line, counted from 1.
        line: usize,
    },
}

/// One line of a record with its checksum and its line feed, ready to be appended to a file.
///
/// JSON has no NaN and no infinity: an [`Evaluation`] with one is written as `null` and refused by
/// [`read_record`]. A run whose loss stops being finite ends with
/// [`Outcome::Diverged`](crate::record::Outcome::Diverged) instead.
#[must_use]
pub fn encode(line: &Line) -> String {
    let object = serde_json::to_string(line).expect("a line has string keys only");
    let checksum = checksum_of(&object);
    let open = object.strip_suffix('}').expect("an object ends in a brace");
    format!("{open}{CHECKSUM_KEY}{checksum}\"}}\n")
}

/// Reads a whole record; `file` only names it in errors.
///
/// # Errors
///
/// Whatever keeps the record from being whole and in order: see [`RecordError`]. A record that ends
/// after any complete line is no error, its [`RunRecord::end`] is `None`.
pub fn read_record(
    text: &(impl AsRef<[u8]> + ?Sized),
    file: &str,
) -> Result<RunRecord, RecordError> {
    let text = text.as_ref();
    let mut lines = text.split_inclusive(|byte| *byte == b'\n').enumerate();
    let missing_header = || RecordError::MissingHeader { file: file.into() };

    let (_, first) = lines.next().ok_or_else(missing_header)?;
    let Line::Run(header) = decode(first, file, 1)? else {
        return Err(missing_header());
    };
    if header.format != RECORD_FORMAT {
        return Err(RecordError::WrongFormat {
            file: file.into(),
            line: 1,
            found: header.format,
        });
    }

    let mut record = RunRecord {
        header,
        evaluations: Vec::new(),
        end: None,
    };
    for (index, bytes) in lines {
        append(&mut record, bytes, file, index + 1)?;
    }
    Ok(record)
}

fn append(
    record: &mut RunRecord,
    bytes: &[u8],
    file: &str,
    line: usize,
) -> Result<(), RecordError> {
    let file = || file.to_owned();
    if record.end.is_some() {
        return Err(RecordError::AfterEnd { file: file(), line });
    }
    match decode(bytes, &file(), line)? {
        Line::Run(_) => return Err(RecordError::SecondHeader { file: file(), line }),
        Line::End(end) => record.end = Some(end),
        Line::Evaluation(evaluation) => {
            if let Some(last) = record.evaluations.last()
                && last.updates >= evaluation.updates
            {
                return Err(RecordError::UpdatesNotRising {
                    file: file(),
                    line,
                    before: last.updates,
                    found: evaluation.updates,
                });
            }
            record.evaluations.push(evaluation);
        }
    }
    Ok(())
}

fn decode(bytes: &[u8], file: &str, line: usize) -> Result<Line, RecordError> {
    let Some(complete) = bytes.strip_suffix(b"\n") else {
        // Only the last line can lack its line feed; if all the rest is there, nothing is lost.
        return verify(bytes, file, line).map_err(|_| RecordError::Truncated {
            file: file.into(),
            line,
        });
    };
    verify(complete, file, line)
}

fn verify(bytes: &[u8], file: &str, line: usize) -> Result<Line, RecordError> {
    let bad_json = |reason: String| RecordError::BadJson {
        file: file.into(),
        line,
        reason,
    };
    let text = std::str::from_utf8(bytes).map_err(|error| bad_json(error.to_string()))?;
    let (object, found) = split_checksum(text).ok_or_else(|| RecordError::MissingChecksum {
        file: file.into(),
        line,
    })?;
    let computed = checksum_of(&object);
    if computed != found {
        return Err(RecordError::ChecksumMismatch {
            file: file.into(),
            line,
            computed,
            found: found.into(),
        });
    }
    serde_json::from_str(&object).map_err(|error| bad_json(error.to_string()))
}

/// The object's text without its checksum, and the checksum.
fn split_checksum(text: &str) -> Option<(String, &str)> {
    let (open, rest) = text.rsplit_once(CHECKSUM_KEY)?;
    let checksum = rest.strip_suffix("\"}")?;
    (checksum.len() == CHECKSUM_DIGITS).then(|| (format!("{open}}}"), checksum))
}

fn checksum_of(object: &str) -> String {
    let digest = Sha256::digest(object.as_bytes());
    let bytes = &digest[..CHECKSUM_DIGITS / 2];
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Outcome;
    use crate::sample;

    fn lines() -> Vec<Line> {
        let run = sample::run("none", 7, &[(1, 0.1, 0.1), (16, 0.5, 1.0 / 3.0)], Outcome::Finished);
        let mut lines = vec![Line::Run(run.header)];
        lines.extend(run.evaluations.into_iter().map(Line::Evaluation));
        lines.extend(run.end.map(Line::End));
        lines
    }

    fn text() -> String {
        lines().iter().map(encode).collect()
    }

    #[test]
    fn reading_gives_back_what_was_written() {
        let record = read_record(&text(), "a.jsonl").unwrap();
        let mut again = vec![Line::Run(record.header)];
        again.extend(record.evaluations.into_iter().map(Line::Evaluation));
        again.extend(record.end.map(Line::End));
        assert_eq!(again, lines());
    }

    #[test]
    fn a_line_is_its_json_and_the_start_of_its_sha_256() {
        let end = RunEnd {
            outcome: Outcome::Diverged { update: 3 },
            updates: 3,
        };
        // printf '%s' '{"kind":"end","outcome":{"diverged":{"update":3}},"updates":3}' | sha256sum
        assert_eq!(
            encode(&Line::End(end)),
            "{\"kind\":\"end\",\"outcome\":{\"diverged\":{\"update\":3}},\"updates\":3,\
             \"checksum\":\"89992a14ad8f83f7\"}\n"
        );
    }

    #[test]
    fn flipping_any_bit_is_detected() {
        let text = text().into_bytes();
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut flipped = text.clone();
                flipped[at] ^= 1 << bit;
                assert!(read_record(&flipped, "a").is_err(), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn cutting_anywhere_is_an_error_unless_a_line_ends_there() {
        let text = text();
        let whole = text.lines().count();
        for at in 0..text.len() {
            let cut = &text[..at];
            let at_line_end = text[at..].starts_with('\n') || cut.ends_with('\n');
            match read_record(cut, "a.jsonl") {
                Ok(record) => {
                    assert!(at_line_end);
                    let complete = cut.lines().count() == whole;
                    assert_eq!(record.end.is_some(), complete);
                }
                Err(RecordError::Truncated { line, .. }) => {
                    assert_eq!(line, cut.lines().count());
                }
                Err(error) => assert_eq!((at, error.to_string()), (0, header_missing())),
            }
        }
    }

    fn header_missing() -> String {
        "a.jsonl:1: the first line must be the run's header".into()
    }

    #[test]
    fn disorder_is_named_with_file_and_line() {
        let encoded: Vec<String> = lines().iter().map(encode).collect();
        let message = |order: &[usize]| {
            let text: String = order.iter().map(|at| encoded[*at].as_str()).collect();
            read_record(&text, "a.jsonl").unwrap_err().to_string()
        };
        assert_eq!(message(&[1, 2, 3]), header_missing());
        assert_eq!(
            message(&[0, 1, 0]),
            "a.jsonl:3: a record has one header, this is a second one"
        );
        assert_eq!(
            message(&[0, 2, 1]),
            "a.jsonl:3: updates must exceed the 16 of the evaluation before, got 1"
        );
        assert_eq!(
            message(&[0, 3, 1]),
            "a.jsonl:3: nothing may follow the run's end"
        );
    }

    #[test]
    fn another_format_is_refused() {
        let mut lines = lines();
        if let Line::Run(header) = &mut lines[0] {
            header.format = 99;
        }
        let text: String = lines.iter().map(encode).collect();
        let error = read_record(&text, "a.jsonl").unwrap_err();
        assert_eq!(error.to_string(), "a.jsonl:1: format must be 1, got 99");
    }

    #[test]
    fn a_sealed_line_of_unknown_kind_is_bad_json() {
        let object = "{\"kind\":\"other\"}";
        let sealed = format!(
            "{{\"kind\":\"other\"{CHECKSUM_KEY}{}\"}}\n",
            checksum_of(object)
        );
        let error = read_record(&sealed, "a.jsonl").unwrap_err();
        assert!(matches!(error, RecordError::BadJson { line: 1, .. }));
    }
}
