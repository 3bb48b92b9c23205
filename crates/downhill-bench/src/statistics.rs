//! Medians and quartiles.

/// The middle of a sample and its spread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quartiles {
    pub(crate) lower: f64,
    pub(crate) median: f64,
    pub(crate) upper: f64,
}

impl Quartiles {
    /// Of at least one value; between two of them, linearly.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = share * (values.len() - 1) as f64;
            let (below, above) = (place.floor() as usize, place.ceil() as usize);
            values[below] + (values[above] - values[below]) * place.fract()
        };
        Self {
            lower: at(0.25),
            median: at(0.5),
            upper: at(0.75),
        }
    }

    /// Of the ratios `a / b`, round by round: what slows both in a round leaves its ratio alone.
    pub(crate) fn of_ratios(a: &[f64], b: &[f64]) -> Self {
        Self::of(a.iter().zip(b).map(|(a, b)| a / b).collect())
    }

    /// `median (lower to upper)`.
    pub(crate) fn text(self, decimals: usize) -> String {
        let Self {
            lower,
            median,
            upper,
        } = self;
        format!("{median:.decimals$} ({lower:.decimals$} to {upper:.decimals$})")
    }
}
