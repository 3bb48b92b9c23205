//! What a descent does with each parameter of a module.

use core::fmt;

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Tensor};

use super::visit::{ParamVisitor, visit_params};
use super::{Descent, StepError, check};
use crate::WeightDecay;

/// What a descent does with each parameter of a module, see [`Descent::describe`]. It is displayed
/// as a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Description(Vec<ParameterDescription>);

/// What a descent does with one parameter at its next step.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ParameterDescription {
    /// The fields of the module that lead to it.
    pub path: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its type.
    pub dtype: DType,
    /// Its group, counted from 0 in the order of the config; `None` for none.
    pub group: Option<usize>,
    /// The key of its optimizer, such as `adam`.
    pub optimizer: &'static str,
    /// Its learning rate.
    pub learning_rate: f64,
    /// Its weight decay.
    pub weight_decay: WeightDecay,
    /// Whether it stays unchanged: its group is frozen, or it requires no gradient, as the running
    /// statistics of batch normalization.
    pub frozen: bool,
    /// What the descent remembers of it, in bytes. 0 before the first step.
    pub memory: usize,
}

impl Descent {
    /// Returns what the next step does with each float parameter of a module.
    ///
    /// ```
    /// use burn::nn::LinearConfig;
    /// use burn::tensor::Device;
    /// use downhill::{AdamWConfig, DescentConfig};
    ///
    /// let model = LinearConfig::new(784, 10).init(&Device::flex().autodiff());
    /// let descent = DescentConfig::new(AdamWConfig::torch()).with_decay_from_rank(2).build()?;
    /// let description = descent.describe(&model)?;
    /// assert_eq!(
    ///     description.to_string(),
    ///     "\
    /// parameter  shape      type  group  optimizer  rate   decay           memory
    /// weight     [784, 10]  f32   -      adamw      0.001  decoupled 0.01  0 B
    /// bias       [10]       f32   0      adamw      0.001  decoupled 0     0 B
    /// "
    /// );
    /// let bias = &description.parameters()[1];
    /// assert_eq!((bias.path.as_str(), bias.group), ("bias", Some(0)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If [`step`](Self::step) would refuse the module because of its groups, or because of one
    /// parameter in two places.
    pub fn describe<M: Module>(&self, module: &M) -> Result<Description, StepError> {
        check::check(&self.config, module, &GradientsParams::new())?;
        let mut describer = Describer {
            descent: self,
            rates: self.rates(None),
            parameters: Vec::new(),
        };
        visit_params(module, &mut describer);
        Ok(Description(describer.parameters))
    }
}

struct Describer<'a> {
    descent: &'a Descent,
    rates: Vec<f64>,
    parameters: Vec<ParameterDescription>,
}

impl ParamVisitor for Describer<'_> {
    fn visit<const D: usize>(&mut self, path: &str, param: &Param<Tensor<D>>) {
        let index = self.descent.config.group_of(path, D);
        let group = &self.descent.groups[index];
        let shape = param.shape().to_vec();
        let (decay, _) = group.rule.weight_decay_of(&shape, self.rates[index]);
        let lambda = match decay {
            WeightDecay::None => 0.0,
            _ => (self.descent.scheduled_in(index, "weight_decay")).unwrap_or(decay.lambda()),
        };
        let state = self.descent.state.get(path);
        self.parameters.push(ParameterDescription {
            path: path.to_string(),
            shape,
            dtype: param.dtype(),
            group: index.checked_sub(1),
            optimizer: group.base.name(),
            learning_rate: self.rates[index],
            weight_decay: decay.with_lambda(lambda),
            frozen: group.frozen || Tensor::is_autodiff(param) && !param.is_require_grad(),
            memory: state.map_or(0, super::ParameterState::bytes),
        });
    }
}

impl Description {
    /// Returns the parameters in the order of the module.
    pub fn parameters(&self) -> &[ParameterDescription] {
        &self.0
    }
}

/// A table of other rows, such as those of two descriptions.
impl FromIterator<ParameterDescription> for Description {
    fn from_iter<I: IntoIterator<Item = ParameterDescription>>(parameters: I) -> Self {
        Self(parameters.into_iter().collect())
    }
}

const HEADER: [&str; 8] = [
    "parameter",
    "shape",
    "type",
    "group",
    "optimizer",
    "rate",
    "decay",
    "memory",
];

impl ParameterDescription {
    fn cells(&self) -> [String; 8] {
        let or_none = |cell: String| if self.frozen { "-".into() } else { cell };
        [
            self.path.clone(),
            format!("{:?}", self.shape),
            format!("{:?}", self.dtype).to_lowercase(),
            self.group
                .map_or_else(|| "-".into(), |group| group.to_string()),
            if self.frozen {
                "frozen"
            } else {
                self.optimizer
            }
            .to_string(),
            or_none(self.learning_rate.to_string()),
            or_none(decay(self.weight_decay)),
            size(self.memory),
        ]
    }
}

fn decay(decay: WeightDecay) -> String {
    let kind = match decay {
        WeightDecay::None => return "-".into(),
        WeightDecay::L2(_) => "l2",
        WeightDecay::Decoupled(_) => "decoupled",
        WeightDecay::Independent(_) => "independent",
        WeightDecay::Proximal(_) => "proximal",
        WeightDecay::Cautious(_) => "cautious",
    };
    format!("{kind} {}", decay.lambda())
}

fn size(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

impl fmt::Display for Description {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.0.iter().map(ParameterDescription::cells);
        let rows: Vec<[String; 8]> = [HEADER.map(String::from)].into_iter().chain(rows).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let widths: Vec<usize> = (0..8).filter_map(width).collect();
        for row in &rows {
            let cells = row.iter().zip(&widths);
            let line: String = cells
                .map(|(cell, width)| format!("{cell:width$}  "))
                .collect();
            writeln!(formatter, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
