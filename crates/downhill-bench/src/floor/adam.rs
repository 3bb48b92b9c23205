//! Adam in one pass: a plain loop, vectorized by the compiler for the instructions found.

use pulp::Arch;

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// Values with their gradient and both moments.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) values: Vec<f32>,
    pub(crate) gradient: Vec<f32>,
    first_moment: Vec<f32>,
    second_moment: Vec<f32>,
}

impl Parameter {
    pub(crate) fn new(values: Vec<f32>) -> Self {
        let zeros = vec![0.0; values.len()];
        Self {
            values,
            gradient: zeros.clone(),
            first_moment: zeros.clone(),
            second_moment: zeros,
        }
    }

    /// The step of this number, from 1 on.
    pub(crate) fn step(&mut self, rate: f64, number: i32, threads: usize) {
        let correction_1 = 1.0 - f64::from(BETA_1).powi(number);
        let correction_2 = 1.0 - f64::from(BETA_2).powi(number);
        let rate = (rate / correction_1) as f32;
        let scale = (1.0 / correction_2.sqrt()) as f32;
        let part = self.values.len().div_ceil(threads);
        let parts = (self.values.chunks_mut(part))
            .zip(self.gradient.chunks(part))
            .zip(self.first_moment.chunks_mut(part))
            .zip(self.second_moment.chunks_mut(part));
        let work = |(((x, g), m), v)| Arch::new().dispatch(|| pass(x, g, m, v, rate, scale));
        if threads == 1 {
            return parts.for_each(work);
        }
        rayon::scope(|scope| parts.for_each(|part| scope.spawn(move |_| work(part))));
    }
}

#[inline(always)]
fn pass(x: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32], rate: f32, scale: f32) {
    for (((x, &g), m), v) in x.iter_mut().zip(g).zip(m).zip(v) {
        let first = g.mul_add(1.0 - BETA_1, *m * BETA_1);
        let second = (g * g).mul_add(1.0 - BETA_2, *v * BETA_2);
        *x -= rate * first / second.sqrt().mul_add(scale, EPSILON);
        *m = first;
        *v = second;
    }
}
