//! Stacking and unstacking of parameters.

use burn::module::Param;
use burn::tensor::Tensor;

/// Stacks parameters of the same shape along a new first axis.
pub(super) fn stacked<'a, const D: usize, const M: usize>(
    parameters: impl Iterator<Item = &'a Param<Tensor<D>>>,
) -> Param<Tensor<M>> {
    let parameters: Vec<_> = parameters.collect();
    let first = parameters.first().expect("an ensemble has a member");
    let values = parameters.iter().map(|one| one.val().inner()).collect();
    like(first, Tensor::stack(values, 0))
}

/// Returns the parameter of one member.
pub(super) fn unstacked<const M: usize, const D: usize>(
    parameter: &Param<Tensor<M>>,
    member: usize,
) -> Param<Tensor<D>> {
    let all = parameter.val().inner();
    like(parameter, all.narrow(0, member, 1).squeeze_dim::<D>(0))
}

/// Makes a parameter of this value that has autodiff and is trained if `other` has and is.
fn like<const A: usize, const B: usize>(
    other: &Param<Tensor<A>>,
    value: Tensor<B>,
) -> Param<Tensor<B>> {
    let value = match other.val().is_autodiff() {
        true => Tensor::from_inner(value),
        false => value,
    };
    Param::from_tensor(value).set_require_grad(other.is_require_grad())
}
