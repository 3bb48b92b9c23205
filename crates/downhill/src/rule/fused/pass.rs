//! One pass over a parameter, its gradient and its state.

use super::instructions::{Instructions, Work};
use super::lanes::{LANES, Lanes, Number};
use super::slices::Slices;
use crate::rule::elementwise::{self, MOST_FIELDS};
use crate::rule::{Elementwise, Remembered};

/// Minimum number of elements per thread; with fewer, waking a thread costs more than it saves.
pub(super) const LEAST_OF_A_THREAD: usize = 1 << 18;

/// The operation on each element.
pub(super) struct Pass<'a, E: Elementwise> {
    pub(super) rule: &'a E,
    pub(super) scalars: E::Scalars,
    pub(super) learning_rate: f64,
    /// Whether it is the first step, before which there is no state.
    pub(super) starts: bool,
    pub(super) instructions: Instructions,
}

impl<E: Elementwise> Pass<'_, E> {
    /// Steps all elements.
    pub(super) fn over<T: Number>(&self, slices: Slices<'_, T>) {
        let whole = slices.len() / LANES * LANES;
        let (blocks, rest) = slices.split_at(whole);
        let threads = (whole / LEAST_OF_A_THREAD).min(rayon::current_num_threads());
        self.over_blocks(blocks, threads);
        if rest.len() > 0 {
            rest.in_a_whole_block(|block| self.over_blocks(block, 1));
        }
    }

    fn over_blocks<T: Number>(&self, slices: Slices<'_, T>, threads: usize) {
        if threads <= 1 {
            let pass = self;
            // One of two loops, so that none looks at the decay block by block.
            return match elementwise::adds_decay(self.rule, self.learning_rate) {
                true => self.instructions.run(Blocks::<E, T, true> { pass, slices }),
                false => self
                    .instructions
                    .run(Blocks::<E, T, false> { pass, slices }),
            };
        }
        let first = slices.len() / LANES * (threads / 2) / threads * LANES;
        let (first, second) = slices.split_at(first);
        rayon::join(
            || self.over_blocks(first, threads / 2),
            || self.over_blocks(second, threads - threads / 2),
        );
    }
}

/// A pass over elements that fill blocks.
struct Blocks<'a, E: Elementwise, T, const ADDS_DECAY: bool> {
    pass: &'a Pass<'a, E>,
    slices: Slices<'a, T>,
}

impl<E: Elementwise, T: Number, const ADDS_DECAY: bool> Work for Blocks<'_, E, T, ADDS_DECAY> {
    #[inline(always)]
    fn run(self) {
        // Copies of its own, which the compiler can keep in registers: it knows that nothing is
        // written over them.
        let rule = self.pass.rule.clone();
        let (scalars, starts) = (self.pass.scalars, self.pass.starts);
        let decay = (rule.weight_decay(), self.pass.learning_rate);
        let (x, _) = self.slices.x.as_chunks_mut::<LANES>();
        let (g, _) = self.slices.g.as_chunks::<LANES>();
        let mut fields = self.slices.fields.map(|field| field.as_chunks_mut().0);
        let present: [bool; MOST_FIELDS] = fields.each_ref().map(|field| !field.is_empty());
        for (index, (x, g)) in x.iter_mut().zip(g).enumerate() {
            // A block fills the vectors. Where the compiler sees through a short rule, it would
            // make vectors across blocks, which it has to gather number by number.
            let index = core::hint::black_box(index);
            // All that belongs to a block is read before any of it is written: what lies at the
            // same place of another page, as allocators lay out large tensors, looks to a processor
            // like what it has just written, and reading it would wait for that.
            let (at, gradient) = (Lanes(*x), Lanes(*g));
            let remembered = match starts {
                true => rule.start(&scalars, &at, &gradient),
                false => E::Remembers::gather(|field| {
                    let there = field < E::Remembers::<f64>::ALWAYS || present[field];
                    there.then(|| Lanes(fields[field][index]))
                })
                .expect("all that is always remembered is there"),
            };
            let (at, remembered) = elementwise::step::<E, Lanes<T>, ADDS_DECAY>(
                &rule, &scalars, decay, at, gradient, remembered,
            );
            *x = at.0;
            remembered.scatter(|field, lanes| fields[field][index] = lanes.0);
        }
    }
}
