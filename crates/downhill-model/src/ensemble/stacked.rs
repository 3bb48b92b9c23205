//! The parameters of several networks as one, and back.

use burn::module::Param;
use burn::tensor::Tensor;

/// The values of parameters of one shape along a further first axis.
pub(super) fn stacked<'a, const D: usize, const M: usize>(
    parameters: impl Iterator<Item = &'a Param<Tensor<D>>>,
) -> Param<Tensor<M>> {
    let parameters: Vec<_> = parameters.collect();
    let first = parameters.first().expect("an ensemble has a member");
    let values = parameters.iter().map(|one| one.val().inner()).collect();
    made_like(first, Tensor::stack(values, 0))
}

/// The value of one member of a stacked parameter.
pub(super) fn unstacked<const M: usize, const D: usize>(
    parameter: &Param<Tensor<M>>,
    member: usize,
) -> Param<Tensor<D>> {
    let all = parameter.val().inner();
    made_like(parameter, all.narrow(0, member, 1).squeeze_dim::<D>(0))
}

/// A parameter of this value, known to autodiff and trained as another is.
fn made_like<const A: usize, const B: usize>(
    other: &Param<Tensor<A>>,
    value: Tensor<B>,
) -> Param<Tensor<B>> {
    let value = match other.val().is_autodiff() {
        true => Tensor::from_inner(value),
        false => value,
    };
    Param::from_tensor(value).set_require_grad(other.is_require_grad())
}
