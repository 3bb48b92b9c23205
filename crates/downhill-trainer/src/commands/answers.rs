//! What a network answers, image by image.

use std::fmt::Write;

use burn::tensor::activation::softmax;
use downhill_model::Network;
use downhill_report::TextTable;

use crate::device::set::DeviceSet;

/// Images evaluated at a time.
const PART: usize = 2_500;

/// Up to this many classes, all answers are printed as a table.
const MAX_COLUMNS: usize = 16;

/// Mistakes that are named, at most.
const NAMED: usize = 5;

/// The answers of a network to a set of images.
pub(super) struct Answers {
    classes: usize,
    answers: Vec<Answer>,
}

struct Answer {
    label: usize,
    answer: usize,
    /// Probability of the answer, 0 to 1.
    probability: f64,
    /// Probability of the label, 0 to 1.
    of_label: f64,
}

impl Answers {
    /// Asks a network without autodiff.
    pub(super) fn of(network: &Network, set: &DeviceSet) -> Self {
        let mut answers = Vec::with_capacity(set.len());
        for start in (0..set.len()).step_by(PART) {
            let (images, _, labels) = set.part(start..set.len().min(start + PART));
            let probabilities = softmax(network.evaluate(images), 1);
            let labels = labels.into_data().convert::<i64>();
            let numbers = probabilities.into_data().convert::<f64>();
            let numbers: Vec<f64> = numbers.iter().collect();
            for (row, label) in numbers.chunks(set.classes()).zip(labels.iter::<i64>()) {
                let label = label as usize;
                // Of equal ones the first, as in the evaluation.
                let best = (0..row.len())
                    .rev()
                    .max_by(|a, b| row[*a].total_cmp(&row[*b]));
                let answer = best.unwrap_or(0);
                answers.push(Answer {
                    label,
                    answer,
                    probability: row[answer],
                    of_label: row[label],
                });
            }
        }
        Self {
            classes: set.classes(),
            answers,
        }
    }

    /// How often the images of each class are taken for each class: a row for each label, a column
    /// for each answer.
    pub(super) fn confusion(&self) -> Vec<Vec<usize>> {
        let mut confusion = vec![vec![0; self.classes]; self.classes];
        for answer in &self.answers {
            confusion[answer.label][answer.answer] += 1;
        }
        confusion
    }

    /// The confusion as a table, unless there are too many classes, and the most frequent mistakes.
    pub(super) fn text(&self) -> String {
        let confusion = self.confusion();
        let mut text = String::new();
        let right = |label: usize| match confusion[label].iter().sum::<usize>() {
            0 => "-".to_owned(),
            all => format!(
                "{:.1} %",
                100.0 * confusion[label][label] as f64 / all as f64
            ),
        };
        if self.classes <= MAX_COLUMNS {
            let heads: Vec<String> = (0..self.classes).map(|it| it.to_string()).collect();
            let heads = ["label"]
                .into_iter()
                .chain(heads.iter().map(String::as_str));
            let heads: Vec<&str> = heads.chain(["right"]).collect();
            let row = |label: usize| {
                let counts = confusion[label].iter().map(ToString::to_string);
                let cells = [label.to_string()].into_iter().chain(counts);
                cells.chain([right(label)]).collect()
            };
            let rows = (0..self.classes).map(row).collect();
            let _ = write!(
                text,
                "\nanswers in columns\n{}",
                TextTable::of_numbers(&heads, rows)
            );
        }
        let pairs =
            (0..self.classes).flat_map(|label| (0..self.classes).map(move |it| (label, it)));
        let mut mistakes: Vec<(usize, usize, usize)> = pairs
            .filter(|(label, answer)| label != answer)
            .map(|(label, answer)| (confusion[label][answer], label, answer))
            .filter(|(count, ..)| *count > 0)
            .collect();
        mistakes.sort_by_key(|(count, label, answer)| (std::cmp::Reverse(*count), *label, *answer));
        let named: Vec<String> = (mistakes.iter().take(NAMED))
            .map(|(count, label, answer)| format!("{label} as {answer} ({count})"))
            .collect();
        if !named.is_empty() {
            let _ = writeln!(text, "\nmost frequent mistakes: {}", named.join(", "));
        }
        text
    }

    /// A row for each image, in the order of the file, as comma-separated values by RFC 4180.
    pub(super) fn csv(&self) -> String {
        let mut text = "image,label,answer,probability,probability_of_label\r\n".to_owned();
        for (image, it) in self.answers.iter().enumerate() {
            let Answer {
                label,
                answer,
                probability,
                of_label,
            } = it;
            let _ = write!(
                text,
                "{image},{label},{answer},{probability},{of_label}\r\n"
            );
        }
        text
    }
}
