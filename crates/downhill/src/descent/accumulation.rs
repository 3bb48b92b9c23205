//! Gradients that are added up over several calls.

use super::slots::Slot;
use super::{AccumulateForm, Call, Descent};

impl Descent {
    /// Whether the gradients of this call are the last before a step. A loaded state may have more
    /// calls than the config wants.
    pub(super) fn is_due(&self, call: Call) -> bool {
        call == Call::Rest || self.accumulated + 1 >= self.config.accumulate.steps
    }

    /// Adds the gradients to those of the calls before. Returns whether it is time to step; the
    /// slots then hold the mean or the sum.
    pub(super) fn accumulate(&mut self, slots: &mut [Slot], call: Call) -> bool {
        let due = self.is_due(call);
        if due && self.accumulated == 0 {
            return true;
        }
        self.accumulated += u64::from(call == Call::Gradients);
        let share = match self.config.accumulate.form {
            AccumulateForm::Mean => 1.0 / self.accumulated as f64,
            AccumulateForm::Sum => 1.0,
        };
        for slot in slots {
            let state = self.state_mut(slot);
            let gradient = slot.gradient.clone();
            let sum = match state.gradient.take() {
                Some(sum) => sum + gradient,
                None => gradient,
            };
            match due {
                true => slot.gradient = sum.mul_scalar(share),
                false => state.gradient = Some(sum),
            }
        }
        if due {
            self.accumulated = 0;
        }
        due
    }
}
