//! Records of runs. Checksums are put right first, or every line would be refused by them alone.
#![no_main]

use downhill_report::{RecordEncoder, read_record};
use downhill_report::record::Line;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = read_record(bytes);
    let _ = RecordEncoder::continuing(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let mut encoder = RecordEncoder::default();
    let lines: Option<String> = (text.lines())
        .map(|line| serde_line(line).map(|line| encoder.encode(&line)))
        .collect();
    let Some(sealed) = lines else {
        return;
    };
    if let Ok(record) = read_record(&sealed) {
        // What is read can be asked for all that reports ask.
        let _ = (record.final_evaluation(), record.is_stopped_early(), record.test_accuracy());
        let (_, lines) = RecordEncoder::continuing(sealed.as_bytes()).expect("it is a record");
        assert_eq!(lines.len(), sealed.lines().count());
    }
});

fn serde_line(line: &str) -> Option<Line> {
    serde_json::from_str(line).ok()
}
