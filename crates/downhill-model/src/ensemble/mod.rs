//! Several networks as one.

mod linear;
mod norm;
mod stacked;

use burn::module::Module;
use burn::tensor::Tensor;
use thiserror::Error;

pub use linear::EnsembleLinear;
pub use norm::EnsembleNorm;

use crate::{Activation, DropoutConfig, HiddenLayer, Mlp, loss};

/// Gives, for a member of an ensemble, so many numbers, each 1 with the given probability and 0
/// otherwise.
pub type MemberMask<'a> = dyn FnMut(usize, usize, f64) -> Vec<f32> + 'a;

/// Networks of one shape and one config side by side, each with its own parameters, images and
/// masks: what each of them computes is what it would compute alone, to rounding.
///
/// It is meant for GPUs, where a small network waits for its kernels to be launched: an ensemble has
/// as many launches as one of its members. On a CPU its members are faster one by one.
///
/// Parameters are those of [`Mlp`] under the same paths, with the members along a further first
/// axis. The gradient of the sum of all members' losses is, for each member, that of its own: no
/// member has a part in another's, not even where its numbers are no longer finite.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use downhill_model::{Ensemble, Mlp, MlpConfig, loss};
///
/// let device = Device::flex().autodiff();
/// let mut numbers = (0..).map(|n| f64::from(n % 7) - 3.0);
/// let mut normal = || numbers.next().unwrap_or(0.0);
/// let mut member = || Mlp::new(&MlpConfig::default(), 4, 3, &device, &mut normal);
/// let mut ensemble = Ensemble::of(&[member()?, member()?])?;
///
/// let images = Tensor::<3>::ones([2, 5, 4], &device);
/// let targets = Tensor::<3>::ones([2, 5, 3], &device) / 3.0;
/// let mut keep_all = |_member, length: usize, _keep_probability| vec![1.0; length];
/// let losses = ensemble.loss(images, targets, &mut keep_all);
/// assert_eq!(losses.dims(), [2]);
/// assert!(ensemble.output.weight.val().grad(&losses.sum().backward()).is_some());
/// assert_eq!(ensemble.members().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Module, Debug)]
pub struct Ensemble {
    /// From the input on.
    pub hidden: Vec<EnsembleLayer>,
    /// The last layer, to the logits.
    pub output: EnsembleLinear,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    dropout: DropoutConfig,
    #[module(skip)]
    weight_decay: f64,
}

/// One hidden layer of each member.
#[derive(Module, Debug)]
pub struct EnsembleLayer {
    /// Weights and biases.
    pub linear: EnsembleLinear,
    /// Normalization, where the networks have it.
    pub norm: Option<EnsembleNorm>,
}

/// Networks that cannot be one ensemble.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NoEnsemble {
    /// There are none.
    #[error("an ensemble needs at least one network, got none")]
    Empty,
    /// They have a setting that an ensemble has not.
    #[error("networks with {setting} cannot be one ensemble; train them alone")]
    Unsupported {
        /// The setting.
        setting: &'static str,
    },
    /// One is not made like the first.
    #[error(
        "the networks of an ensemble must be alike, but the one at {index} has {what} {found} and \
         the first has {expected}; train it alone"
    )]
    Different {
        /// Which network, counted from 0.
        index: usize,
        /// What differs.
        what: &'static str,
        /// What it has.
        found: String,
        /// What the first has.
        expected: String,
    },
}

impl Ensemble {
    /// The networks side by side, with the values that their parameters have now.
    ///
    /// # Errors
    ///
    /// No networks, or networks that differ in shape, activation, normalization, dropout or weight
    /// decay, or that drop pixels, have an L1 penalty or bounded weights.
    pub fn of(members: &[Mlp]) -> Result<Self, NoEnsemble> {
        let first = members.first().ok_or(NoEnsemble::Empty)?;
        for (setting, value) in [
            ("dropout.input_probability", first.dropout.input_probability),
            ("l1_decay", first.l1_decay),
            ("max_norm", first.max_norm),
        ] {
            if value != 0.0 {
                return Err(NoEnsemble::Unsupported { setting });
            }
        }
        for (index, member) in members.iter().enumerate() {
            refuse_different(first, member, index)?;
        }
        let layer = |at: usize| EnsembleLayer {
            linear: EnsembleLinear::of(members.iter().map(|member| &member.hidden[at].linear)),
            norm: EnsembleNorm::of(members.iter().map(|member| member.hidden[at].norm.as_ref())),
        };
        Ok(Self {
            hidden: (0..first.hidden.len()).map(layer).collect(),
            output: EnsembleLinear::of(members.iter().map(|member| &member.output)),
            activation: first.activation,
            dropout: first.dropout,
            weight_decay: first.weight_decay,
        })
    }

    /// Each of the networks by itself, with the values that its parameters have now.
    pub fn members(&self) -> Vec<Mlp> {
        let hidden = |member| {
            let layers = self.hidden.iter().map(|layer| HiddenLayer {
                linear: layer.linear.member(member),
                norm: layer.norm.as_ref().map(|norm| norm.member(member)),
            });
            layers.collect()
        };
        let member = |member| Mlp {
            hidden: hidden(member),
            output: self.output.member(member),
            activation: self.activation,
            dropout: self.dropout,
            weight_decay: self.weight_decay,
            l1_decay: 0.0,
            max_norm: 0.0,
        };
        (0..self.len()).map(member).collect()
    }

    /// Number of networks.
    pub fn len(&self) -> usize {
        self.output.weight.dims()[0]
    }

    /// Always `false`: an ensemble has a network.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Training: the logits, `[members, batch, outputs]`, of each member for its own `images`,
    /// `[members, batch, inputs]`. Units are dropped as `keep_mask` says, asked for each member once
    /// per hidden layer from the input on for a mask of `[batch, units]`, row by row; running
    /// statistics take the batch in.
    ///
    /// # Panics
    ///
    /// Images of another number or width than the networks', masks of another length than asked
    /// for, or a single image where there is batch normalization.
    pub fn forward(&mut self, images: Tensor<3>, keep_mask: &mut MemberMask<'_>) -> Tensor<3> {
        let mut x = images;
        for layer in &mut self.hidden {
            x = layer.linear.forward(x);
            if let Some(norm) = &mut layer.norm {
                x = norm.train(x);
            }
            x = dropped(&self.dropout, self.activation.apply(x), keep_mask);
        }
        self.output.forward(x)
    }

    /// The loss of each member, `[members]`, in training: the mean cross-entropy over its batch,
    /// with its penalty. For shapes, masks and panics see [`forward`](Self::forward); `targets` is
    /// `[members, batch, outputs]`.
    pub fn loss(
        &mut self,
        images: Tensor<3>,
        targets: Tensor<3>,
        keep_mask: &mut MemberMask<'_>,
    ) -> Tensor<1> {
        let logits = self.forward(images, keep_mask);
        let losses = loss::cross_entropy_of_members(logits, targets);
        match self.penalties() {
            Some(penalties) => losses + penalties,
            None => losses,
        }
    }

    /// Evaluation: the logits, `[members, batch, outputs]`, of each member for its `images`,
    /// `[members, batch, inputs]`, or for those of all, `[1, batch, inputs]`. Nothing is dropped and
    /// nothing changes.
    ///
    /// # Panics
    ///
    /// Images of another width than the networks'.
    pub fn evaluate(&self, images: Tensor<3>) -> Tensor<3> {
        let mut x = images;
        for layer in &self.hidden {
            x = layer.linear.forward(x);
            if let Some(norm) = &layer.norm {
                x = norm.evaluate(x);
            }
            x = self.dropout.evaluate(self.activation.apply(x));
        }
        self.output.forward(x)
    }

    /// The penalty of each member, `[members]`: `weight_decay / 2 * sum(w^2)` over the weights of
    /// all its layers; nothing where there is no weight decay.
    pub fn penalties(&self) -> Option<Tensor<1>> {
        if self.weight_decay == 0.0 {
            return None;
        }
        let layers = self.hidden.iter().map(|layer| &layer.linear);
        layers
            .chain([&self.output])
            .map(EnsembleLinear::squares)
            .reduce(|sums, next| sums + next)
            .map(|sums| sums.mul_scalar(0.5 * self.weight_decay))
    }
}

/// Each unit of each image of each member, `[members, batch, units]`, kept or dropped.
fn dropped(dropout: &DropoutConfig, x: Tensor<3>, keep_mask: &mut MemberMask<'_>) -> Tensor<3> {
    if dropout.probability == 0.0 {
        return x;
    }
    let [members, batch, units] = x.dims();
    let masks = (0..members).flat_map(|member| keep_mask(member, batch * units, dropout.keep()));
    let masks = masks.collect();
    dropout.masked(x, masks)
}

fn refuse_different(first: &Mlp, member: &Mlp, index: usize) -> Result<(), NoEnsemble> {
    for (what, describe) in TRAITS {
        let (expected, found) = (describe(first), describe(member));
        if expected != found {
            return Err(NoEnsemble::Different {
                index,
                what,
                found,
                expected,
            });
        }
    }
    Ok(())
}

/// A trait by name, and how it is told.
type Trait = (&'static str, fn(&Mlp) -> String);

/// What networks must have in common.
const TRAITS: [Trait; 7] = [
    ("layers", |mlp| {
        let hidden = mlp.hidden.iter().map(|layer| &layer.linear);
        let layers = hidden.chain([&mlp.output]);
        let widths = layers.map(|layer| layer.weight.dims()[0].to_string());
        let outputs = mlp.output.weight.dims()[1].to_string();
        widths.chain([outputs]).collect::<Vec<_>>().join("-")
    }),
    ("activation", |mlp| format!("{:?}", mlp.activation)),
    ("normalization", |mlp| {
        let norms = mlp.hidden.iter().map(|layer| layer.norm.as_ref());
        let conventions = norms.map(|norm| norm.map(|norm| norm.convention));
        format!("{:?}", conventions.collect::<Vec<_>>())
    }),
    ("dropout", |mlp| format!("{:?}", mlp.dropout)),
    ("weight_decay", |mlp| mlp.weight_decay.to_string()),
    ("l1_decay", |mlp| mlp.l1_decay.to_string()),
    ("max_norm", |mlp| mlp.max_norm.to_string()),
];
