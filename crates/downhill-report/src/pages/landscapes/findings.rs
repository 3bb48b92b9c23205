//! What the descents show, in words.

use crate::pages::landscapes::descents::{Landscape, LandscapesReport};
use crate::pages::valley::value_text;
use crate::statistics::{CostStatistics, describe_costs};
use crate::text::numbers::{cost, count, counted, listed, quoted, setting_value};

/// More methods than this are counted and not named where they share a place.
const MOST_NAMES: usize = 4;

impl LandscapesReport<'_> {
    /// What was found, in words, the answer first.
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        let mut found: Vec<String> = self.answer().into_iter().collect();
        if found.is_empty() {
            return vec!["There are no descents.".into()];
        }
        if self.tuning.is_none() {
            found.push(self.how_tuned());
        }
        let landscapes = self.landscapes.iter();
        found.extend(landscapes.clone().map(|landscape| self.sentence(landscape)));
        found.extend(
            landscapes
                .clone()
                .filter_map(|it| self.at_ends_of_rates(it)),
        );
        found.extend(landscapes.clone().filter_map(|it| self.diverged(it)));
        found.extend(landscapes.filter_map(|landscape| self.below_minimum(landscape)));
        found
    }

    /// How the learning rates were chosen.
    pub(super) fn how_tuned(&self) -> String {
        match &self.tuning {
            Some(tuning) => format!(
                "Chosen for each method and each function from {}: that at which most of {} \
                 reach the minimum, then that with the fewest updates by the median, then that \
                 with the lowest median of the last values. The results have other starts.",
                counted(tuning.rates.len(), "rate"),
                counted(tuning.starts, "start")
            ),
            None => "Nothing was tuned: each method has its own rate.".into(),
        }
    }

    /// Which methods reach the minimum from the most starts of all functions, and which from the
    /// fewest.
    fn answer(&self) -> Option<String> {
        let starts = self.landscapes.len() * self.starts();
        let on = match self.landscapes.as_slice() {
            [only] => format!("on {}", quoted(&only.name)),
            all => format!("on {} functions", count(all.len())),
        };
        let all: Vec<(usize, &str)> = (self.methods.iter().enumerate())
            .map(|(at, method)| {
                let found = self.landscapes.iter().map(|it| it.methods[at].reached());
                (found.sum(), method.name.as_str())
            })
            .collect();
        let most = all.iter().map(|(reached, _)| *reached).max()?;
        let fewest = all.iter().map(|(reached, _)| *reached).min()?;
        let with = |wanted: usize| {
            let names = all.iter().filter(|(reached, _)| *reached == wanted);
            let names: Vec<String> = names.map(|(_, name)| quoted(name)).collect();
            match names.len() {
                1 => format!("{} reaches", names[0]),
                2..=MOST_NAMES => format!("{} reach", listed(&names)),
                number => format!("{} methods reach", count(number)),
            }
        };
        if starts == 0 {
            return None;
        }
        let of = count(starts);
        Some(if most == fewest {
            let each = if all.len() == 1 { "" } else { " each" };
            format!(
                "{} the minimum from {} of {of} starts{each} {on}.",
                with(most),
                count(most)
            )
        } else {
            format!(
                "{} the minimum from the most starts, {} of {of} {on}, and {} it from the fewest, \
                 {}.",
                with(most),
                count(most),
                with(fewest),
                count(fewest)
            )
        })
    }

    /// From how many starts of a function each method reaches the minimum, and how soon.
    fn sentence(&self, landscape: &Landscape<'_>) -> String {
        let methods = self.methods.iter().zip(&landscape.methods);
        let mut described: Vec<(CostStatistics, &str)> = methods
            .filter_map(|(method, found)| {
                Some((describe_costs(&found.costs())?, method.name.as_str()))
            })
            .collect();
        described.sort_by(|(one, _), (other, _)| {
            (other.reached.cmp(&one.reached)).then(one.median.total_cmp(&other.median))
        });
        let on = quoted(&landscape.name);
        let starts = counted(
            described
                .iter()
                .map(|(costs, _)| costs.runs)
                .max()
                .unwrap_or(0),
            "start",
        );
        if described.iter().all(|(costs, _)| costs.reached == 0) {
            return format!("On {on}, no method reaches the minimum from any of {starts}.");
        }
        let mut is_first = true;
        let clause = |(costs, name): &(CostStatistics, &str)| {
            let (name, reached) = (quoted(name), count(costs.reached));
            if !costs.median.is_finite() {
                return format!("{name} {reached}");
            }
            let median = cost(costs.median);
            match std::mem::take(&mut is_first) {
                true => format!("{name} {reached} (after a median of {median} updates)"),
                false => format!("{name} {reached} ({median})"),
            }
        };
        let clauses: Vec<String> = described.iter().map(clause).collect();
        format!("On {on}, of {starts}: {}.", listed(&clauses))
    }

    fn at_ends_of_rates(&self, landscape: &Landscape<'_>) -> Option<String> {
        let at = |end: &str| {
            let methods = self.methods.iter().zip(&landscape.methods);
            let methods = methods.filter(|(_, found)| found.end_of_rates() == Some(end));
            let names: Vec<String> = methods.map(|(method, _)| quoted(&method.name)).collect();
            (!names.is_empty()).then(|| {
                let other = if end == "highest" { "higher" } else { "lower" };
                format!(
                    "the {end} rate tried was chosen for {}; a {other} one may be better",
                    listed(&names)
                )
            })
        };
        let clauses: Vec<String> = ["highest", "lowest"].into_iter().filter_map(at).collect();
        (!clauses.is_empty())
            .then(|| format!("On {}, {}.", quoted(&landscape.name), clauses.join("; ")))
    }

    fn diverged(&self, landscape: &Landscape<'_>) -> Option<String> {
        let methods = self.methods.iter().zip(&landscape.methods);
        let clauses: Vec<String> = methods
            .filter(|(_, found)| found.diverged() > 0)
            .map(|(method, found)| {
                format!(
                    "{} from {} of {}",
                    quoted(&method.name),
                    count(found.diverged()),
                    counted(found.descents.len(), "start")
                )
            })
            .collect();
        (!clauses.is_empty()).then(|| {
            format!(
                "On {} diverged: {}.",
                quoted(&landscape.name),
                listed(&clauses)
            )
        })
    }

    /// A minimum that is not the least value.
    fn below_minimum(&self, landscape: &Landscape<'_>) -> Option<String> {
        let descents = landscape.methods.iter().flat_map(|found| &found.descents);
        let values = descents.map(|descent| descent.value);
        let least = values.fold(f64::INFINITY, f64::min);
        (least < landscape.minimum - self.tolerance).then(|| {
            format!(
                "On {} f falls to {}, below its minimum in the config, {}: correct that one, for \
                 it decides what counts as reached.",
                quoted(&landscape.name),
                value_text(least),
                setting_value(landscape.minimum)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::sample;

    #[test]
    fn the_answer_comes_first_and_each_function_has_a_sentence() {
        let mut report = sample::landscapes();
        let found = report.findings();
        assert!(
            found[0].contains("reaches the minimum from the most starts, "),
            "{}",
            found[0]
        );
        let has = |found: &[String], words: &str| found.iter().any(|text| text.contains(words));
        for landscape in &report.landscapes {
            let on = format!("On “{}”, of 8 starts: “", landscape.name);
            assert!(has(&found, &on), "{found:?}");
        }
        assert!(
            has(&found, "highest rate tried was chosen for “"),
            "{found:?}"
        );
        assert!(has(&found, " diverged: “"), "{found:?}");
        assert!(!has(&found, "below its minimum"), "{found:?}");

        report.landscapes[0].minimum = 10.0;
        for found in &mut report.landscapes[1].methods {
            for descent in &mut found.descents {
                descent.reached = None;
            }
        }
        report.tuning = None;
        let found = report.findings();
        assert!(
            has(&found, "below its minimum in the config, 10"),
            "{found:?}"
        );
        assert!(has(&found, "Nothing was tuned"), "{found:?}");
        assert!(
            has(&found, "no method reaches the minimum from any of 8 starts"),
            "{found:?}"
        );
        let first = report.methods[0].clone();
        report.methods = vec![first; 5];
        for landscape in &mut report.landscapes {
            let first = landscape.methods[0].clone();
            landscape.methods = vec![first; 5];
        }
        let found = report.findings();
        let expected = "5 methods reach the minimum from 8 of 16 starts each on 2 functions.";
        assert_eq!(found[0], expected);
        report.landscapes.clear();
        assert_eq!(report.findings(), ["There are no descents."]);
    }
}
