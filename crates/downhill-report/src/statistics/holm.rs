//! Holm's correction for several tests.

/// Holm's corrected p values, in the order of the given ones (Holm 1979, "A Simple Sequentially
/// Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6).
///
/// ```text
/// p_(1) <= ... <= p_(m):  corrected p_(i) = max over k <= i of min(1, (m - k + 1) p_(k))
/// ```
///
/// If each difference whose corrected p is at most 0.05 is called one, then the probability that
/// any is called so wrongly is at most 0.05.
#[must_use]
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|left, right| p[*left].total_cmp(&p[*right]));
    let mut corrected = vec![0.0; p.len()];
    let mut highest = 0.0_f64;
    for (before, at) in order.into_iter().enumerate() {
        let tests = (p.len() - before) as f64;
        highest = highest.max((tests * p[at]).min(1.0));
        corrected[at] = highest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_closed_procedure_of_bonferroni() {
        // A hypothesis falls with all sets of hypotheses that it is in; a set's p is that of
        // Bonferroni: its size times its least p.
        let p = [0.03, 0.011, 0.5, 0.011, 0.004];
        let corrected = holm(&p);
        for (at, corrected) in corrected.iter().enumerate() {
            let with_it = (1_u32..1 << p.len()).filter(|set| set >> at & 1 == 1);
            let of_set = |set: u32| {
                let members = p.iter().enumerate();
                let members = members.filter(|(other, _)| set >> other & 1 == 1);
                let least = members.map(|(_, p)| *p).fold(1.0, f64::min);
                (f64::from(set.count_ones()) * least).min(1.0)
            };
            let expected = with_it.map(of_set).fold(0.0, f64::max);
            assert!((corrected - expected).abs() < 1e-15, "{at}");
        }
    }

    #[test]
    fn one_test_is_not_corrected_and_none_exceeds_1() {
        assert_eq!(holm(&[0.03]), [0.03]);
        assert_eq!(holm(&[0.6, 0.7]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }
}
