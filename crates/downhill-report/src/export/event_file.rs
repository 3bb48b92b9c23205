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
use crate::record::{Evaluation, RunOutcome, RunRecord, Score};

/// Reads the scores on a part of the images from an evaluation.
type Scored = fn(&Evaluation) -> Option<Score>;

/// The parts of the images, as the tags name them.
const PARTS: [(&str, Scored); 5] = [
    ("train", |evaluation| Some(evaluation.train)),
    ("test", |evaluation| Some(evaluation.test)),
    ("validation", |evaluation| evaluation.validation),
    ("train_not_averaged", |evaluation| {
        Some(evaluation.not_averaged?.train)
    }),
    ("test_not_averaged", |evaluation| {
        Some(evaluation.not_averaged?.test)
    }),
];

/// The loss of an update's batch, where it was recorded.
const BATCH: &str = "loss/batch";

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

/// A run as TensorBoard reads it: accuracy and loss on each part of the images at the step of an
/// evaluation, the loss of each update's batch where it was recorded, and for a diverged run a 1
/// under `diverged` at the update at which it did. Scalars are rounded to `f32`, which is all that
/// one of TensorBoard holds. All events are at time 0.
#[must_use]
pub fn event_file(run: &RunRecord) -> Vec<u8> {
    let version = event(0).text(EVENT_FILE_VERSION, "brain.Event:2");
    let mut file = framed(version.bytes());
    let mut losses = (1..).zip(&run.losses).peekable();
    let mut losses_until = |file: &mut Vec<u8>, last: u64| {
        while let Some((update, loss)) = losses.next_if(|(update, _)| *update <= last) {
            file.extend(scalars_at(update, &[(BATCH, *loss)]));
        }
    };
    for evaluation in &run.evaluations {
        losses_until(&mut file, evaluation.updates);
        let scored = PARTS.map(|(part, scored)| Some((part, scored(evaluation)?)));
        let scored = scored.into_iter().flatten();
        let scalars = scored.flat_map(|(part, score)| {
            let numbers = [("accuracy", score.accuracy), ("loss", score.loss)];
            numbers.map(|(number, value)| (format!("{number}/{part}"), value as f32))
        });
        file.extend(scalars_at(evaluation.updates, &scalars.collect::<Vec<_>>()));
    }
    losses_until(&mut file, u64::MAX);
    if let RunOutcome::Diverged { update } = run.end.outcome {
        file.extend(scalars_at(update, &[(DIVERGED, 1.0)]));
    }
    file
}

/// The record of an event of these scalars.
fn scalars_at(step: u64, scalars: &[(impl AsRef<str>, f32)]) -> Vec<u8> {
    let summary = (scalars.iter()).fold(Message::default(), |summary, (tag, number)| {
        let value = Message::default()
            .text(VALUE_TAG, tag.as_ref())
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
        let run = sample::run(
            "a",
            0,
            &[(1, 0.1, 0.2), (300, 0.5, 0.4)],
            RunOutcome::Finished,
        );
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
    fn losses_of_batches_and_held_out_images_are_there() {
        let mut run = sample::run(
            "a",
            0,
            &[(1, 0.1, 0.2), (3, 0.5, 0.4)],
            RunOutcome::Finished,
        );
        run.losses = vec![2.0, 1.5, 1.0];
        run.evaluations[1].validation = Some(run.evaluations[1].test);
        let frames = frames(&event_file(&run));
        let holds = |at: usize, part: &[u8]| {
            let mut windows = frames[at].windows(part.len());
            windows.any(|found| found == part)
        };
        // The version, then by their updates: a loss, an evaluation, two losses, an evaluation.
        assert_eq!(frames.len(), 6);
        let losses: Vec<usize> = (0..6).filter(|at| holds(*at, b"loss/batch")).collect();
        assert_eq!(losses, [1, 3, 4]);
        assert!(holds(3, &1.5_f32.to_le_bytes()) && frames[3][9..11] == [0x10, 2]);
        assert!(!holds(2, b"validation") && holds(5, b"accuracy/validation"));
    }

    #[test]
    fn a_diverged_run_says_where() {
        let outcome = RunOutcome::Diverged { update: 5 };
        let run = sample::run("a", 0, &[(1, 0.1, 0.2)], outcome);
        let frames = frames(&event_file(&run));
        assert_eq!(frames.len(), 3);
        assert_eq!(frames[2][9..11], [0x10, 5]);
        assert!(frames[2].windows(8).any(|found| found == b"diverged"));
    }
}
