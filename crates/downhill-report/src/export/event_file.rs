//! TensorBoard's event files.
//!
//! An event file is a sequence of records, each framed as in TensorFlow's TFRecord:
//!
//! ```text
//! length of the data       8 bytes, little end first
//! masked CRC of the length 4 bytes
//! data                     an Event as a protobuf message
//! masked CRC of the data   4 bytes
//! ```
//!
//! The CRC is CRC-32C, masked by a rotation and an addition. The messages are those of
//! TensorBoard's `event.proto` and `summary.proto`, of which a scalar needs three.

use crate::export::protobuf::Message;
use crate::record::{Evaluation, Outcome};
use crate::record_lines::RunRecord;

/// Reads a number from an evaluation.
type Number = fn(&Evaluation) -> f64;

/// The scalars of an evaluation, by tag.
const SCALARS: [(&str, Number); 4] = [
    ("accuracy/train", |evaluation| evaluation.train.accuracy),
    ("accuracy/test", |evaluation| evaluation.test.accuracy),
    ("loss/train", |evaluation| evaluation.train.loss),
    ("loss/test", |evaluation| evaluation.test.loss),
];

/// Marks the update after which a diverged run's loss was not finite.
const DIVERGED: &str = "diverged";

/// The time of every event. A record knows no clock, and the same record gives the same file; so
/// TensorBoard's axes by time are of no use, those by step are.
const WALL_TIME: f64 = 0.0;

// Fields of `Event`, `Summary` and `Summary.Value`.
const EVENT_WALL_TIME: u8 = 1;
const EVENT_STEP: u8 = 2;
const EVENT_FILE_VERSION: u8 = 3;
const EVENT_SUMMARY: u8 = 5;
const SUMMARY_VALUE: u8 = 1;
const VALUE_TAG: u8 = 1;
const VALUE_SIMPLE: u8 = 2;

/// A run's evaluations as TensorBoard reads them: at the step of each the four scalars, rounded to
/// `f32`, which is all that a scalar of TensorBoard holds, and for a diverged run a 1 under
/// `diverged` at the update at which it did. All events are at time 0.
#[must_use]
pub fn event_file(run: &RunRecord) -> Vec<u8> {
    let version = event(0).text(EVENT_FILE_VERSION, "brain.Event:2");
    let mut file = framed(version.bytes());
    for evaluation in &run.evaluations {
        let scalars = SCALARS.map(|(tag, number)| (tag, number(evaluation) as f32));
        file.extend(scalars_at(evaluation.updates, &scalars));
    }
    if let Outcome::Diverged { update } = run.end.outcome {
        file.extend(scalars_at(update, &[(DIVERGED, 1.0)]));
    }
    file
}

/// The record of an event of these scalars.
fn scalars_at(step: u64, scalars: &[(&str, f32)]) -> Vec<u8> {
    let summary = (scalars.iter()).fold(Message::default(), |summary, (tag, number)| {
        let value = Message::default()
            .text(VALUE_TAG, tag)
            .float(VALUE_SIMPLE, *number);
        summary.message(SUMMARY_VALUE, &value)
    });
    framed(event(step).message(EVENT_SUMMARY, &summary).bytes())
}

fn event(step: u64) -> Message {
    Message::default()
        .double(EVENT_WALL_TIME, WALL_TIME)
        .integer(EVENT_STEP, step)
}

fn framed(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(masked_crc(&length).to_le_bytes());
    record.extend(data);
    record.extend(masked_crc(data).to_le_bytes());
    record
}

/// A CRC that stays one where data hold CRCs themselves (TensorFlow, `lib/hash/crc32c.h`).
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    /// The CRC of 32 zeros is that of RFC 3720, B.4; the rest is worked out by hand.
    #[test]
    fn a_crc_is_masked() {
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        // Rotated to 0x6d551522.
        assert_eq!(masked_crc(&[0; 32]), 0x0fd7_fffa);
    }

    /// The frames of a file, their checksums checked.
    fn frames(mut file: &[u8]) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        while !file.is_empty() {
            let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
            let data = &file[12..12 + length];
            let crc = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
            assert_eq!(crc(8), masked_crc(&file[..8]));
            assert_eq!(crc(12 + length), masked_crc(data));
            frames.push(data.to_vec());
            file = &file[16 + length..];
        }
        frames
    }

    #[test]
    fn a_run_is_its_version_and_an_event_per_evaluation() {
        let run = sample::run("a", 0, &[(1, 0.1, 0.2), (300, 0.5, 0.4)], Outcome::Finished);
        let frames = frames(&event_file(&run));
        assert_eq!(frames.len(), 3);
        let version = [0x09, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0x1a, 13];
        assert_eq!(frames[0], [&version[..], b"brain.Event:2"].concat());
        // Step 300 as a varint, then the summary.
        assert_eq!(frames[2][9..13], [0x10, 0xac, 0x02, 0x2a]);
        let tag = [&[0x0a, 13][..], b"accuracy/test", &[0x15]].concat();
        let expected = [tag, 0.4_f32.to_le_bytes().to_vec()].concat();
        let holds = |part: &[u8]| frames[2].windows(part.len()).any(|found| found == part);
        assert!(holds(&expected));
    }

    #[test]
    fn a_diverged_run_says_where() {
        let outcome = Outcome::Diverged { update: 5 };
        let run = sample::run("a", 0, &[(1, 0.1, 0.2)], outcome);
        let frames = frames(&event_file(&run));
        assert_eq!(frames.len(), 3);
        assert_eq!(frames[2][9..11], [0x10, 5]);
        assert!(frames[2].windows(8).any(|found| found == b"diverged"));
    }
}
