//! The floor: the same training written by hand, without a framework. Buffers are made once and
//! reused, products are the `gemm` crate's with AVX-512, the update is one pass in place.

mod adam;
mod layer;
mod passes;
mod product;
mod training;

pub(crate) use adam::Parameter;
pub(crate) use training::Floor;
