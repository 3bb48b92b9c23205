//! The answer in words, for experiments whose numbers are known.

use downhill_report::record::{RunOutcome, Scores};
use downhill_report::{AccuracyTarget, Experiment, Method, Report, TargetImages};
use downhill_sample::{self as sample, decay, experiment, method, run};

fn findings(experiment: &Experiment) -> Vec<String> {
    Report::of(experiment)
        .expect("a valid experiment")
        .findings()
}

fn diverged_method(name: &str, seeds: u64) -> Method {
    let outcome = || RunOutcome::Diverged { update: 20 };
    let runs = (0..seeds).map(|seed| run(name, seed, &[(1, 0.1, 0.1)], outcome()));
    let runs = runs.collect();
    Method {
        runs,
        ..method(name, 601, &[])
    }
}

#[test]
fn a_narrower_gap_with_lower_test_accuracy_is_called_no_help() {
    let found = findings(&decay());
    assert_eq!(
        found,
        [
            "Compared with “none”, “weight-decay” narrows the gap between training and test \
             accuracy and lowers test accuracy (at these settings and this budget it does not \
             help). With 4 seeds Wilcoxon's signed-rank test cannot reach p = 0.05, so this relies \
             on the intervals alone.",
            "“none” ends at 100.0 % training and 76.0 % test accuracy (95 % interval 74.7 to \
             77.3, 4 seeds), a gap of 24.0 points.",
            "“weight-decay” narrows the gap between training and test accuracy from 24.0 to 17.8 \
             points, and lowers test accuracy by 4.0 points, from 76.0 to 72.0 % (95 % interval \
             2.7 to 5.3, 4 seeds). The lower gap is no improvement: training accuracy falls by \
             more than test accuracy does.",
            "“none” classifies all 300 training images correctly in every run.",
        ]
    );
}

#[test]
fn a_gap_below_zero_is_not_called_a_narrower_one() {
    let finals = |train: f64, test: f64, step: f64| {
        [0.0, 1.0, 2.0].map(|seed| (train + step * seed, test + 2.0 * step * seed))
    };
    let methods = vec![
        method("adam", 937, &finals(0.96, 0.95, 0.001)),
        method("sgd", 937, &finals(0.60, 0.64, 0.002)),
    ];
    let found = findings(&experiment(Some("adam"), methods.clone()));
    let expected =
        "“sgd” lowers the gap between training and test accuracy from 0.9 to −4.2 points";
    assert!(found[2].starts_with(expected), "{found:?}");
    assert!(
        found[0].contains("“sgd” lowers the gap between training and test accuracy and lowers"),
        "{found:?}"
    );
    let found = findings(&experiment(Some("sgd"), methods));
    let expected =
        "“adam” raises the gap between training and test accuracy from −4.2 to 0.9 points";
    assert!(
        found.iter().any(|one| one.starts_with(expected)),
        "{found:?}"
    );
}

#[test]
fn an_interval_with_zero_is_not_distinguishable() {
    let none = [(0.9, 0.76), (0.9, 0.75), (0.9, 0.77)];
    let same = [(0.9, 0.75), (0.9, 0.76), (0.9, 0.77)];
    let found = findings(&experiment(
        Some("none"),
        vec![method("none", 601, &none), method("other", 601, &same)],
    ));
    assert_eq!(
        found[0],
        "Compared with “none”, “other” is not distinguishable, neither in the gap nor in test \
         accuracy. With 3 seeds Wilcoxon's signed-rank test cannot reach p = 0.05, so this relies \
         on the intervals alone."
    );
    assert!(found[2].contains(
        "; its test accuracy is not distinguishable from that of “none” (76.0 against 76.0 %; \
         difference 0.0 points, 95 % interval −2.5 to +2.5, 3 seeds)."
    ));
}

#[test]
fn rounding_errors_are_no_difference() {
    // 0.8 - 0.7 and 0.9 - 0.8 differ by 1e-16, for every seed alike.
    let methods = vec![
        method("a", 601, &[(0.8, 0.7); 5]),
        method("b", 601, &[(0.9, 0.8); 5]),
    ];
    assert_eq!(
        findings(&experiment(Some("a"), methods))[0],
        "Compared with “a”, “b” raises test accuracy. With 5 seeds Wilcoxon's signed-rank test \
         cannot reach p = 0.05, so this relies on the intervals alone."
    );
}

#[test]
fn higher_test_accuracy_is_said_as_plainly() {
    let none = [(0.9, 0.70), (0.9, 0.71), (0.9, 0.72)];
    let better = [(0.9, 0.80), (0.9, 0.815), (0.9, 0.815)];
    let methods = vec![method("none", 601, &none), method("other", 601, &better)];
    let found = findings(&experiment(Some("none"), methods));
    assert_eq!(
        found[0],
        "Compared with “none”, “other” narrows the gap between training and test accuracy and \
         raises test accuracy. With 3 seeds Wilcoxon's signed-rank test cannot reach p = 0.05, so \
         this relies on the intervals alone."
    );
    assert!(found[2].contains("and raises test accuracy by 10.0 points"));
    assert!(!found.join(" ").contains("no gain"));
}

/// Test accuracies of eight seeds with these differences to those of a baseline at 70 %; training
/// accuracy is as much higher, so that the gap does not change.
fn with_differences(name: &str, differences: [f64; 8]) -> Method {
    let finals: Vec<(f64, f64)> = differences
        .iter()
        .map(|difference| (0.8 + difference, 0.7 + difference))
        .collect();
    method(name, 601, &finals)
}

const NOTHING: [f64; 8] = [0.01, -0.01, 0.02, -0.02, 0.03, -0.03, 0.04, -0.04];
const RISING: [f64; 8] = [0.03, 0.031, 0.032, 0.033, 0.034, 0.035, 0.036, 0.037];

#[test]
fn interval_and_test_together_tell_a_difference() {
    let methods = vec![
        with_differences("none", [0.0; 8]),
        with_differences("rising", RISING),
    ];
    let found = findings(&experiment(Some("none"), methods));
    assert_eq!(
        found[0],
        "Compared with “none”, “rising” raises test accuracy."
    );
    // Two of 2^8 combinations of signs.
    assert!(found[2].contains("p = 0.008, 8 seeds)"), "{found:?}");
}

#[test]
fn an_interval_that_the_corrected_test_denies_tells_none() {
    // One difference below zero, the smallest: p is 4 of 2^8, and four times that is 0.0625.
    let mut nearly = RISING;
    nearly[3] = -0.001;
    let mut methods = vec![
        with_differences("none", [0.0; 8]),
        with_differences("nearly", nearly),
    ];
    let alone = findings(&experiment(Some("none"), methods.clone()));
    assert!(
        alone[0].contains("“nearly” raises test accuracy"),
        "{alone:?}"
    );
    assert!(alone[2].contains(", p = 0.016, 8 seeds)"), "{alone:?}");

    methods.extend(["a", "b", "c"].map(|name| with_differences(name, NOTHING)));
    let found = findings(&experiment(Some("none"), methods));
    assert!(!found.join(" ").contains("raises"), "{found:?}");
    assert!(found[2].contains("95 % interval +"), "{found:?}");
    assert!(
        found[2].contains(", corrected p = 0.062, 8 seeds; only the interval shows a difference)"),
        "{found:?}"
    );
}

#[test]
fn a_test_that_the_interval_denies_tells_none() {
    let mut outlier = RISING;
    outlier[7] = 0.29;
    outlier[6] = 0.001;
    let methods = vec![
        with_differences("none", [0.0; 8]),
        with_differences("outlier", outlier),
    ];
    let found = findings(&experiment(Some("none"), methods));
    assert!(
        found[0].contains("“outlier” is not distinguishable"),
        "{found:?}"
    );
    assert!(found[2].contains("95 % interval −"), "{found:?}");
    assert!(
        found[2].contains("p = 0.008, 8 seeds; only the test shows a difference)"),
        "{found:?}"
    );
}

#[test]
fn a_gap_of_too_few_finished_seeds_is_told_by_its_interval() {
    let finals = |train: f64| -> Vec<(f64, f64)> {
        (0..7)
            .map(|seed| (train, 0.7 + 0.001 * f64::from(seed)))
            .collect()
    };
    let mut methods = vec![
        method("none", 601, &finals(1.0)),
        method("narrow", 601, &finals(0.8)),
    ];
    for seed in [1, 4] {
        let outcome = RunOutcome::Diverged { update: 20 };
        methods[1].runs[seed] = run("narrow", seed as u64, &[(1, 0.1, 0.1)], outcome);
    }
    let found = findings(&experiment(Some("none"), methods));
    assert!(
        found[2].contains(
            " points (by its interval alone, over the 5 seeds that finished in both); its test"
        ),
        "{found:?}"
    );
    assert!(!found[0].contains("cannot reach"), "{found:?}");
}

#[test]
fn too_many_comparisons_for_the_seeds_are_named() {
    let mut methods = vec![with_differences("none", [0.0; 8])];
    methods.extend(["a", "b", "c", "d", "e", "f", "g"].map(|name| with_differences(name, RISING)));
    let mut experiment = experiment(Some("none"), methods);
    // Seven times 2 of 2^8 is 0.055.
    let found = findings(&experiment);
    assert!(
        found[0].contains(
            "raise test accuracy. With 8 seeds Wilcoxon's signed-rank test, corrected for 7 \
             comparisons, cannot reach p = 0.05, so this relies on the intervals alone."
        ),
        "{found:?}"
    );
    experiment.methods.truncate(7);
    let found = findings(&experiment);
    assert!(!found[0].contains("cannot reach"), "{found:?}");
    assert!(found[2].contains("corrected p = 0.047"), "{found:?}");
}

#[test]
fn a_target_is_told_with_what_missed_it() {
    let mut experiment = sample::curves(4, 8);
    experiment.target = Some(AccuracyTarget {
        accuracy: 0.705,
        on: TargetImages::Test,
        run_seconds: std::collections::BTreeMap::new(),
    });
    let found = findings(&experiment);
    let told = &found[0];
    assert!(told.starts_with("70.5 % test accuracy"), "{found:?}");
    assert!(told.contains("“none” after "), "{told}");
    assert!(told.contains(" of 8 runs do not)"), "{told}");
}

#[test]
fn averaged_weights_are_compared_with_the_weights_themselves() {
    let mut experiment = decay();
    let differences = [0.010, 0.012, 0.008, 0.010];
    for (run, difference) in experiment.methods[1].runs.iter_mut().zip(differences) {
        for evaluation in &mut run.evaluations {
            let mut test = evaluation.test;
            test.accuracy -= difference;
            evaluation.not_averaged = Some(Scores {
                train: evaluation.train,
                test,
                validation: None,
            });
        }
    }
    // By SciPy 1.17.1, `stats.t.interval`: 0.01 +- 3.1824 * 0.001633 / 2.
    let found = findings(&experiment);
    let expected = "The averaged weights of “weight-decay” have 72.0 % test accuracy, the weights \
                    themselves 71.0 % (difference +1.0 points, 95 % interval +0.7 to +1.3, 4 \
                    seeds).";
    assert_eq!(found[3], expected, "{found:?}");
    let text = Report::of(&experiment).unwrap().text();
    assert!(text.contains("+1.0 [+0.7, +1.3]"), "{text}");
    assert!(
        text.contains("All other tables have the averages."),
        "{text}"
    );
}

#[test]
fn runs_that_stopped_early_and_kept_networks_are_named() {
    let finals = [(0.9, 0.70), (0.9, 0.71)];
    let mut methods = vec![method("a", 601, &finals), method("b", 401, &finals)];
    for (run, kept) in methods[1].runs.iter_mut().zip([1, 401]) {
        run.header.config = serde_json::json!({ "training": { "updates": 601 } }).into();
        run.end.kept = Some(kept);
    }
    let experiment = experiment(Some("a"), methods);
    let found = findings(&experiment);
    assert_eq!(
        found.last().unwrap(),
        "Early stopping ended 2 of 2 finished runs of “b”, after 401 updates."
    );
    // The first run counts with its first evaluation.
    assert!(found[0].contains("“b”"), "{found:?}");
    let page = Report::of(&experiment).unwrap().html();
    assert!(page.contains("Methods with `keep_best` count with the evaluation"));
}

#[test]
fn what_was_held_equal_is_told() {
    let finals = [(0.9, 0.70), (0.9, 0.71)];
    let mut methods = vec![method("a", 601, &finals), method("b", 301, &finals)];
    for run in &mut methods[1].runs {
        run.end.gradients = Some(601);
    }
    assert_eq!(
        findings(&experiment(Some("a"), methods.clone()))
            .last()
            .unwrap(),
        "All methods computed 601 gradients in a run, in different numbers of updates (601 for \
         “a”; 301 for “b”)."
    );
    methods[1].runs[1].end.gradients = Some(602);
    assert_eq!(
        findings(&experiment(Some("a"), methods)).last().unwrap(),
        "The methods computed different numbers of gradients in a run (601 for “a”; 601 to 602 for \
         “b”), which also affects their final values."
    );
}

#[test]
fn different_numbers_of_updates_are_named() {
    let finals = [(0.9, 0.70), (0.9, 0.71)];
    let methods = vec![method("a", 601, &finals), method("b", 1201, &finals)];
    assert_eq!(
        findings(&experiment(Some("a"), methods)).last().unwrap(),
        "The methods made different numbers of updates (601 for “a”; 1,201 for “b”), which also \
         affects their final values."
    );
}

#[test]
fn diverged_runs_count_as_worst_and_are_named() {
    let mut experiment = decay();
    let outcome = RunOutcome::Diverged { update: 1_234 };
    experiment.methods[1].runs[2] = run("weight-decay", 2, &[(1, 0.1, 0.1)], outcome);
    let found = findings(&experiment).join("\n");
    assert!(
        found.contains(
            "Of “weight-decay”, 1 of 4 runs diverged (seed 2 at update 1,234) and counts as 0 % \
             accuracy. Without it, over the 3 runs that finished, mean test accuracy is 71.7 %."
        ),
        "{found}"
    );
    assert!(
        found.contains("(over the 3 seeds that finished in both)"),
        "{found}"
    );
    assert!(found.contains("difference −22.3 points"), "{found}");
}

#[test]
fn a_method_of_which_every_run_diverged_is_not_hidden() {
    let none = [(1.0, 0.76), (1.0, 0.75)];
    let methods = vec![method("none", 601, &none), diverged_method("wild", 2)];
    let found = findings(&experiment(Some("none"), methods)).join("\n");
    assert!(found.starts_with("Compared with “none”, every run of “wild” diverges."));
    assert!(
        found.contains(
            "All 2 runs of “wild” diverged: counted as 0 %, that is 75.5 points of test \
             accuracy below “none”."
        ),
        "{found}"
    );
}

#[test]
fn everything_diverged_is_said_without_a_comparison_of_zeros() {
    let methods = vec![diverged_method("calm", 3), diverged_method("wild", 3)];
    let found = findings(&experiment(Some("calm"), methods)).join("\n");
    assert!(found.contains("“calm” has no final value: all of its 3 runs diverged."));
    assert!(
        found.contains("No run of “calm” finished to compare it with."),
        "{found}"
    );
    assert!(
        !found.contains("distinguishable") && !found.contains("below"),
        "{found}"
    );
    let one = findings(&experiment(None, vec![diverged_method("wild", 1)]));
    assert_eq!(one[0], "“wild” has no final value: its only run diverged.");
}

#[test]
fn one_seed_has_no_interval() {
    let mut experiment = decay();
    experiment
        .methods
        .iter_mut()
        .for_each(|method| method.runs.truncate(1));
    let found = findings(&experiment);
    assert_eq!(
        found[0],
        "“none” ends at 100.00 % training and 76.00 % test accuracy (one seed: no interval), a \
         gap of 24.00 points."
    );
    assert_eq!(
        found[1],
        "“weight-decay” ends with a gap of 18.00 instead of 24.00 points and has 72.00 instead of \
         76.00 % test accuracy. One seed gives no interval and says nothing about others."
    );
}

#[test]
fn one_method_or_no_baseline_is_reported_without_differences() {
    let mut experiment = decay();
    experiment.baseline = None;
    let found = findings(&experiment);
    assert_eq!(
        found[0],
        "Mean test accuracy is highest for “none” (76.0 %) and lowest for “weight-decay” \
         (72.0 %); no baseline is named, so no difference is tested (name one \
         with the key baseline)."
    );
    assert!(
        found[2].starts_with("“weight-decay” ends at 89.8 % training"),
        "{found:?}"
    );
    experiment.methods.truncate(1);
    assert!(findings(&experiment)[0].starts_with("“none” ends at 100.0 % training"));
    experiment.methods[0].runs.clear();
    assert_eq!(findings(&experiment), ["There are no runs yet."]);
    experiment.methods.clear();
    assert_eq!(findings(&experiment), ["There are no runs yet."]);
}

#[test]
fn methods_without_a_shared_seed_are_not_compared() {
    let mut experiment = sample::decay();
    for run in &mut experiment.methods[1].runs {
        run.header.seed += 100;
    }
    let found = findings(&experiment).join("\n");
    assert!(found.contains("It shares no seed with “none”, so they cannot be compared."));
}

#[test]
fn few_equal_differences_are_no_certainty() {
    let methods = vec![
        method("none", 601, &[(1.0, 0.66), (1.0, 0.74)]),
        method("other", 601, &[(1.0, 0.70), (1.0, 0.78)]),
    ];
    let found = findings(&experiment(Some("none"), methods));
    assert_eq!(
        found[0],
        "Compared with “none”, “other” is not distinguishable, neither in the gap nor in test \
         accuracy. With 2 seeds Wilcoxon's signed-rank test cannot reach p = 0.05."
    );
    assert_eq!(
        found[2],
        "“other” leaves the gap between training and test accuracy not distinguishable (26.0 \
         against 30.0 points; −4.0 points, the same difference in both seeds; too few for an \
         interval); its test accuracy is not distinguishable from that of “none” (74.0 against \
         70.0 %; +4.0 points, the same difference in both seeds; too few for an interval)."
    );
    let methods = vec![
        method("none", 601, &[(1.0, 0.7); 3]),
        method("other", 601, &[(1.0, 0.8); 3]),
    ];
    let found = findings(&experiment(Some("none"), methods)).join("\n");
    assert!(
        found.contains("the same difference in all 3 seeds; too few"),
        "{found}"
    );
    assert!(
        found.contains("test accuracy (the same in all 3 seeds; too few"),
        "{found}"
    );
    assert!(!found.contains("raises"), "{found}");
}

#[test]
fn the_interval_of_an_accuracy_stays_within_0_and_100_percent() {
    let methods = vec![method("none", 601, &[(1.0, 0.32), (1.0, 0.42)])];
    assert!(
        findings(&experiment(None, methods))[0]
            .contains("and 37.0 % test accuracy (95 % interval 0.0 to 100.0, 2 seeds)")
    );
    let none = [(1.0, 0.32), (1.0, 0.42)];
    let other = [(1.0, 0.35), (1.0, 0.25)];
    let methods = vec![method("none", 601, &none), method("other", 601, &other)];
    let found = findings(&experiment(Some("none"), methods)).join("\n");
    assert!(
        found.contains("95 % interval −134.1 to +120.1"),
        "a difference is not cut: {found}"
    );
}

#[test]
fn a_gap_without_an_interval_has_no_verdict() {
    let none = [(1.0, 0.76), (1.0, 0.75), (1.0, 0.77)];
    let mut experiment = experiment(
        Some("none"),
        vec![method("none", 601, &none), diverged_method("wild", 3)],
    );
    experiment.methods[1].runs[0] = run("wild", 0, &[(601, 0.9, 0.7)], RunOutcome::Finished);
    let found = findings(&experiment);
    assert_eq!(
        found[0],
        "Compared with “none”, “wild” is not distinguishable in test accuracy. With 3 seeds \
         Wilcoxon's signed-rank test cannot reach p = 0.05, so this relies on the intervals alone."
    );
    assert!(
        found[2].starts_with(
            "“wild” ends with a gap of 20.0 instead of 24.0 points (over the 1 seed that finished \
             in both); its test accuracy is not"
        ),
        "{found:?}"
    );
}

#[test]
fn memorised_images_are_counted_by_method() {
    let finals = [(1.0, 0.76), (1.0, 0.75)];
    let mut experiment = experiment(
        None,
        ["a", "b", "c"]
            .map(|name| method(name, 601, &finals))
            .into(),
    );
    for run in &mut experiment.methods[1].runs {
        run.header.data.train_images = 50;
    }
    let found = findings(&experiment).join("\n");
    assert!(
        found.contains("“a” and “c” classify all 300 training images correctly in every run."),
        "{found}"
    );
    assert!(found.contains("“b” classifies all 50 training images correctly in every run."));
}

#[test]
fn a_tie_is_no_ranking() {
    let finals = [0.71, 0.71, 0.70].map(|test| [(1.0, test)]);
    let mut methods: Vec<_> = ["none", "dec", "low"]
        .iter()
        .zip(&finals)
        .map(|(name, finals)| method(name, 601, finals))
        .collect();
    assert_eq!(
        findings(&experiment(None, methods.clone()))[0],
        "Mean test accuracy is highest for “none” and “dec” (71.00 %) and lowest for “low” (70.00 \
         %); no baseline is named, so no difference is tested (name one \
         with the key baseline)."
    );
    methods.truncate(2);
    assert_eq!(
        findings(&experiment(None, methods.clone()))[0],
        "Mean test accuracy is the same for “none” and “dec” (71.00 %); no baseline is named, so \
         no difference is tested (name one with the key baseline)."
    );
    methods[1].runs.clear();
    let found = findings(&experiment(None, methods));
    assert!(found[0].starts_with("“none” ends at"), "{found:?}");
}

#[test]
fn one_run_is_spoken_of_as_one() {
    let methods = vec![
        method("none", 601, &[(1.0, 0.76)]),
        diverged_method("wild", 1),
    ];
    let found = findings(&experiment(Some("none"), methods)).join("\n");
    assert!(
        found.contains("The only run of “wild” diverged: counted as 0 %"),
        "{found}"
    );
    assert!(
        found.contains(
            "Of “wild”, the only run diverged (seed 0 at update 20) and counts as 0 % accuracy."
        ),
        "{found}"
    );
}

#[test]
fn the_answer_has_at_most_three_sentences() {
    for methods in 0..=8 {
        for seeds in [1, 2, 8, 30] {
            for baseline in [None, Some("none".to_owned())] {
                let mut experiment = sample::curves(methods, seeds);
                // Without a method there is none to compare with.
                experiment.baseline = baseline.filter(|_| methods > 0);
                let answer = &findings(&experiment)[0];
                let sentences = answer.matches(". ").count() + 1;
                assert!(sentences <= 3, "{answer}");
            }
        }
    }
}

#[test]
fn a_run_whose_loss_rose_is_remarked_on() {
    let mut experiment = decay();
    let found = |experiment: &Experiment| {
        let mut found = findings(experiment);
        found.retain(|text| text.contains("they did not train"));
        found
    };
    for run in experiment.methods.iter_mut().flat_map(|it| &mut it.runs) {
        let mut before = run.evaluations[0];
        (before.epoch, before.updates, before.train.loss) = (None, 0, 2.3);
        run.evaluations.insert(0, before);
    }
    assert_eq!(found(&experiment), [""; 0]);
    for run in &mut experiment.methods[1].runs[..2] {
        run.evaluations
            .last_mut()
            .expect("an evaluation")
            .train
            .loss = 5e30;
    }
    let runs = experiment.methods[1].runs.len();
    assert_eq!(
        found(&experiment),
        [format!(
            "Runs of “weight-decay” (2 of {runs} runs) finished with a higher training loss than \
             at their first evaluation: they did not train."
        )]
    );
}
