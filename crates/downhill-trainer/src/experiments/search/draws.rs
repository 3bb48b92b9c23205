//! Random settings, and the ranges of the best of them.

use downhill_data::{Purpose, Stream};

use crate::config::tables::search::Range;

/// Returns the values of a trial, one for each range. Their relative positions in the ranges depend
/// only on seed, round and trial.
pub(crate) fn trial(seed: u64, round: usize, trial: usize, ranges: &[Range]) -> Vec<f64> {
    let counter = (round as u64) << 32 | trial as u64;
    let mut stream = Stream::new(seed, Purpose::Search, counter);
    let draw = |range: &Range| range.at(stream.uniform());
    ranges.iter().map(draw).collect()
}

/// Returns the trials that did not diverge, by falling validation accuracy; equal ones in their
/// order.
pub(crate) fn ranked(accuracies: &[Option<f64>]) -> Vec<usize> {
    let finished = (0..)
        .zip(accuracies)
        .filter_map(|(at, accuracy)| Some((at, (*accuracy)?)));
    let mut ranked: Vec<(usize, f64)> = finished.collect();
    ranked.sort_by(|left, right| right.1.total_cmp(&left.1));
    ranked.into_iter().map(|(at, _)| at).collect()
}

/// Returns the smallest ranges that contain the values of these trials; the old ranges if there are
/// none.
pub(crate) fn narrowed(ranges: &[Range], best: &[&[f64]]) -> Vec<Range> {
    let narrow = |(at, range): (usize, &Range)| {
        let values = || best.iter().map(|values| values[at]);
        let from = values().reduce(f64::min).unwrap_or(range.from);
        let to = values().reduce(f64::max).unwrap_or(range.to);
        Range { from, to }
    };
    ranges.iter().enumerate().map(narrow).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGES: [Range; 2] = [
        Range {
            from: 1e-8,
            to: 1e-4,
        },
        Range {
            from: 1e-6,
            to: 1e-2,
        },
    ];

    #[test]
    fn a_trial_depends_on_its_seed_and_number_alone() {
        let drawn = trial(3, 0, 17, &RANGES);
        assert_eq!(drawn, trial(3, 0, 17, &RANGES));
        for other in [
            trial(4, 0, 17, &RANGES),
            trial(3, 0, 16, &RANGES),
            trial(3, 1, 17, &RANGES),
        ] {
            assert_ne!(drawn, other);
        }
        // In narrower ranges it lies at the same share of them.
        let narrow = RANGES.map(|Range { from, .. }| Range {
            from,
            to: 100.0 * from,
        });
        for (wide, narrow) in
            drawn.iter().zip(trial(3, 0, 17, &narrow)).zip(RANGES).map(
                |((wide, narrow), Range { from, .. })| ((wide / from).ln(), (narrow / from).ln()),
            )
        {
            assert!((wide / 2.0 - narrow).abs() < 1e-9, "{wide} {narrow}");
        }
    }

    #[test]
    fn logarithms_are_drawn_evenly() {
        let drawn: Vec<f64> = (0..4000).map(|at| trial(0, 0, at, &RANGES)[1]).collect();
        for (decade, from) in [1e-6, 1e-5, 1e-4, 1e-3].into_iter().enumerate() {
            let within = drawn
                .iter()
                .filter(|value| (from..10.0 * from).contains(*value));
            let share = within.count() as f64 / 4000.0;
            // Four standard deviations of a share of a quarter.
            assert!((share - 0.25).abs() < 0.028, "decade {decade}: {share}");
        }
    }

    #[test]
    fn ranges_narrow_to_the_best_trials() {
        let values = [[1e-8, 1e-3], [1e-5, 5e-3], [1e-7, 9e-3], [1e-6, 1e-6]];
        let accuracies = [Some(0.4), Some(0.8), Some(0.8), None];
        assert_eq!(ranked(&accuracies), [1, 2, 0]);
        let best: Vec<&[f64]> = ranked(&accuracies)[..2]
            .iter()
            .map(|&at| &values[at][..])
            .collect();
        let narrow = narrowed(&RANGES, &best);
        assert_eq!((narrow[0].from, narrow[0].to), (1e-7, 1e-5));
        assert_eq!((narrow[1].from, narrow[1].to), (5e-3, 9e-3));
        assert_eq!(narrowed(&RANGES, &[]), RANGES);
    }
}
