//! Where the states of Burn's own optimizers have what a rule remembers.

/// Where Burn's own optimizer of the same rule (0.22) has what this rule remembers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BurnLayout {
    /// The number of steps; `None` if Burn does not count them.
    pub(crate) time: Option<&'static str>,
    /// Burn's name of a tensor, then the name here. Burn's tensor is negated if its name begins
    /// with a minus sign, and not needed if there is no name here.
    pub(crate) tensors: &'static [(&'static str, &'static str)],
}

/// A rule that Burn may have as well; implemented by `optimizer!`.
pub(crate) trait BurnState {
    const LAYOUT: Option<BurnLayout>;

    /// Whether these settings give the state the meaning that it has in Burn.
    fn has_burns_meaning(&self) -> bool;
}
