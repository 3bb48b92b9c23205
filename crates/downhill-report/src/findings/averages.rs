//! What averaging the weights does.

use crate::findings::change;
use crate::summary::MethodSummary;
use crate::text::numbers::{Precision, quoted};

/// The averages of a method beside its weights themselves.
pub(super) fn averages(method: &MethodSummary, precision: Precision) -> Option<String> {
    let found = method.averages.as_ref()?;
    Some(format!(
        "The averaged weights of {} have {} % test accuracy, the weights themselves {} % ({}).",
        quoted(&method.name),
        precision.percent(found.method_mean),
        precision.percent(found.baseline_mean),
        change(found, precision),
    ))
}
