//! Ensembles: several networks of the same shape, computed at once.

mod linear;
mod norm;
mod stacked;

use burn::module::Module;
use burn::tensor::Tensor;
use thiserror::Error;

pub use linear::EnsembleLinear;
pub use norm::EnsembleNorm;

use crate::{Activation, DropoutConfig, HiddenLayer, Mlp, loss};

/// A source of dropout masks: returns, for the given member, the requested number of values, each 1
/// with the given probability and 0 otherwise.
pub type MemberMask<'a> = dyn FnMut(usize, usize, f64) -> Vec<f32> + 'a;

/// Several networks of the same shape and settings, computed at once. Each member has its own
/// parameters, images and masks, and computes what it would compute alone, up to rounding.
///
/// An ensemble is meant for GPUs, where kernel launches dominate the time of a small network: it
/// needs as many launches as a single member. On a CPU the members are faster one by one.
///
/// The parameters have the paths of [`Mlp`] and an additional first axis, the members. Members are
/// independent: the gradient of the sum of all losses is, for each member, the gradient of its own
/// loss, even if another member is no longer finite.
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
    /// Hidden layers, from input to output.
    pub hidden: Vec<EnsembleLayer>,
    /// Output layer, which gives the logits.
    pub output: EnsembleLinear,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    dropout: DropoutConfig,
    #[module(skip)]
    weight_decay: f64,
}

/// One hidden layer of every member.
#[derive(Module, Debug)]
pub struct EnsembleLayer {
    /// Weights and biases.
    pub linear: EnsembleLinear,
    /// Batch normalization, if the networks have it.
    pub norm: Option<EnsembleNorm>,
}

/// An error for networks that cannot form an ensemble.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidEnsemble {
    /// There are no networks.
    #[error("an ensemble needs at least one network, got none")]
    Empty,
    /// The networks have a setting that ensembles do not support.
    #[error("an ensemble does not support {setting}; train the networks separately")]
    Unsupported {
        /// The setting.
        setting: &'static str,
    },
    /// A network differs from the first.
    #[error(
        "all networks of an ensemble must have the same {what}, but network {index} has {found} and \
         network 0 has {expected}; train it separately"
    )]
    Different {
        /// Index of the network.
        index: usize,
        /// The property that differs.
        what: &'static str,
        /// Its value in this network.
        found: String,
        /// Its value in the first network.
        expected: String,
    },
}

impl Ensemble {
    /// Makes an ensemble of `members`, with the current values of their parameters.
    ///
    /// # Errors
    ///
    /// If `members` is empty; if the networks differ in shape, activation, normalization, dropout
    /// or weight decay; or if they have dropout of the input, an L1 penalty or a maximum norm.
    pub fn of(members: &[Mlp]) -> Result<Self, InvalidEnsemble> {
        let first = members.first().ok_or(InvalidEnsemble::Empty)?;
        for (setting, value) in [
            ("dropout.input_probability", first.dropout.input_probability),
            ("l1_decay", first.l1_decay),
            ("max_norm", first.max_norm),
        ] {
            if value != 0.0 {
                return Err(InvalidEnsemble::Unsupported { setting });
            }
        }
        for (index, member) in members.iter().enumerate() {
            check_same(first, member, index)?;
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

    /// Returns the individual networks, with the current values of their parameters.
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

    /// Always `false`: an ensemble has at least one network.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the logits, `[members, batch, outputs]`, of each member for its own `images`,
    /// `[members, batch, inputs]`, in training: with dropout, and updating the running statistics
    /// of batch normalization. With dropout, `keep_mask` is called once for each hidden layer, from
    /// input to output, and each member, for a mask of `[batch, units]`, row by row.
    ///
    /// # Panics
    ///
    /// If the images have the wrong number of members or the wrong width, a mask has the wrong
    /// length, or networks with batch normalization get a single image.
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

    /// Returns the loss of each member, `[members]`, in training: the mean cross-entropy over its
    /// batch plus its penalty. `targets` is `[members, batch, outputs]`; for other shapes, masks
    /// and panics see [`forward`](Self::forward).
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

    /// Returns the logits, `[members, batch, outputs]`, of each member in evaluation. `images` is
    /// `[members, batch, inputs]`, or `[1, batch, inputs]` to share them.
    ///
    /// # Panics
    ///
    /// If the images have the wrong width.
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

    /// Returns the penalty of each member, `[members]`: `weight_decay / 2 * sum(w^2)` over the
    /// weights of all its layers. `None` if `weight_decay` is 0.
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

/// Drops units of `x`, `[members, batch, units]`, in training.
fn dropped(dropout: &DropoutConfig, x: Tensor<3>, keep_mask: &mut MemberMask<'_>) -> Tensor<3> {
    if dropout.probability == 0.0 {
        return x;
    }
    let [members, batch, units] = x.dims();
    let masks = (0..members).flat_map(|member| keep_mask(member, batch * units, dropout.keep()));
    let masks = masks.collect();
    dropout.masked(x, masks)
}

fn check_same(first: &Mlp, member: &Mlp, index: usize) -> Result<(), InvalidEnsemble> {
    for (what, describe) in PROPERTIES {
        let (expected, found) = (describe(first), describe(member));
        if expected != found {
            return Err(InvalidEnsemble::Different {
                index,
                what,
                found,
                expected,
            });
        }
    }
    Ok(())
}

/// A property with its name and its description for a network.
type Property = (&'static str, fn(&Mlp) -> String);

/// The properties that all members must share.
const PROPERTIES: [Property; 7] = [
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
