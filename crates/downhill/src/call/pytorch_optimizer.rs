//! The optimizers of pytorch_optimizer that PyTorch does not have.

use alloc::vec;
use alloc::vec::Vec;

use serde_json::json;

use super::bound::{Bound, triple};
use super::error::CallError;
use super::grammar::{Call, Kind};
use super::signature::Meaning::{
    self, Count, Flag, Ignored, Number, Numbers, Only, Other, Rate, Unless,
};
use super::signature::{Argument, Reading, Signature, argument, optional};
use crate::{
    AdamConfig, AdamEpsilon, Amsgrad, DescentConfig, GradientStage, Mars, MuonConfig,
    OptimizerConfig, Parameters, SignSgdConfig, WeightDecay,
};

const LR: Argument = argument("lr", Rate);
const MAXIMIZE: Argument = argument("maximize", Other(&[]));
const FOREACH: Argument = argument("foreach", Ignored);
const BETAS: Argument = argument("betas", Numbers(&["beta_1", "beta_2"]));
const EPS: Argument = argument("eps", Number("epsilon"));
const NS: [Argument; 2] = [
    argument("ns_steps", Count("ns_steps")),
    argument("ns_coeffs", Other(&["ns_coefficients"])),
];
const ADJUSTED: Argument = argument("use_adjusted_lr", Other(&["scale"]));
const DECAY: [Argument; 2] = [
    argument("weight_decay", Other(&["weight_decay"])),
    argument("weight_decouple", Other(&["weight_decay"])),
];
const OTHERS: [Argument; 3] = [
    argument("adamw_lr", Other(&["others"])),
    argument("adamw_betas", Other(&["others"])),
    argument("adamw_wd", Other(&["others"])),
];

/// The optimizers, with the signatures of pytorch_optimizer 4.1.0.
pub(super) const SIGNATURES: &[Signature] = &[
    Signature::new(
        "SOAP",
        &["soap"],
        &[&[
            LR,
            BETAS,
            optional("shampoo_beta", Number("shampoo_beta")),
            argument("weight_decay", Meaning::Kind("weight_decay", "decoupled")),
            argument("precondition_frequency", Count("precondition_frequency")),
            argument("max_precondition_dim", Count("max_precondition_dim")),
            argument("merge_dims", Only(&["False"])),
            argument("precondition_1d", Flag("precondition_1d")),
            argument("correct_bias", Flag("bias_correction")),
            argument("normalize_gradient", Flag("normalize")),
            // Only the merging of axes looks at it.
            argument("data_format", Ignored),
            EPS,
            MAXIMIZE,
        ]],
    )
    .finish(soap),
    Signature::new(
        "Shampoo",
        &["shampoo"],
        &[&[
            LR,
            argument("momentum", Number("momentum")),
            DECAY[0],
            DECAY[1],
            argument("fixed_decay", Other(&["weight_decay"])),
            argument(
                "preconditioning_compute_steps",
                Count("precondition_frequency"),
            ),
            argument("matrix_eps", Number("epsilon")),
            MAXIMIZE,
        ]],
    )
    .finish(shampoo),
    Signature::new(
        "NorMuon",
        &["normuon"],
        &[
            &[
                LR,
                argument("momentum", Number("momentum")),
                argument("beta2", Number("beta_2")),
            ],
            &DECAY,
            &[argument("nesterov", Unless("momentum_kind", "heavy-ball"))],
            &NS,
            &[argument("update_scale", Other(&["scale"])), ADJUSTED],
            &OTHERS,
            &[
                argument("adamw_eps", Other(&["others"])),
                EPS,
                MAXIMIZE,
                FOREACH,
            ],
        ],
    )
    .finish(normuon),
    Signature::new(
        "AdaMuon",
        &["adamuon"],
        &[
            &[LR, BETAS],
            &DECAY,
            &NS,
            &[ADJUSTED],
            &OTHERS,
            &[EPS, MAXIMIZE, FOREACH],
        ],
    )
    .finish(adamuon),
];

/// What is read as an optimizer and what stands around it.
pub(super) const WRAPPERS: [&str; 1] = ["MARS"];

/// Reads a call of [`WRAPPERS`]: MARS before AdamW, or before the sign of a mean. Vectors have an
/// AdamW of their own.
pub(super) fn wrapped(call: &Call<'_>) -> Result<DescentConfig, CallError> {
    let names = [
        "params",
        "lr",
        "betas",
        "gamma",
        "mars_type",
        "optimize_1d",
        "lr_1d",
        "betas_1d",
        "weight_decay",
        "weight_decay_1d",
        "weight_decouple",
        "fixed_decay",
        "ams_bound",
        "cautious",
        "eps",
        "maximize",
    ];
    let bound = Bound::new(call, &names, &[])?;
    // The library ignores the weight decay if it is False.
    bound.only("weight_decouple", &["True"])?;
    // Its mask has another mean than `mask = "cautious"`.
    bound.only("cautious", &["False"])?;
    let pair = |name: &str, default: [f64; 2]| match bound.numbers(name)?.as_deref() {
        None => Ok(default),
        Some(&[beta_1, beta_2]) => Ok([beta_1, beta_2]),
        Some(_) => Err(bound.must_be(name, "a tuple of 2 numbers")),
    };
    let number = |name: &str, default| -> Result<f64, CallError> {
        Ok(bound.number(name)?.unwrap_or(default))
    };
    let is_fixed = bound.flag("fixed_decay")?;
    let decay = |lambda: f64| match (lambda, is_fixed) {
        (0.0, _) => WeightDecay::None,
        (_, true) => WeightDecay::Independent(lambda),
        (_, false) => WeightDecay::Decoupled(lambda),
    };
    let is_amsgrad = bound.flag("ams_bound")?;
    let epsilon = number("eps", 1e-8)?;
    // The library adds it to the mean square.
    const EPSILON_ROOT: f64 = 1e-15;
    let adam = |rate: f64, [beta_1, beta_2]: [f64; 2], lambda: f64| AdamConfig {
        learning_rate: rate,
        beta_1,
        beta_2,
        epsilon,
        epsilon_place: AdamEpsilon::Uncorrected,
        epsilon_root: EPSILON_ROOT,
        amsgrad: if is_amsgrad {
            Amsgrad::Raw
        } else {
            Amsgrad::None
        },
        weight_decay: decay(lambda),
        ..AdamConfig::torch()
    };
    let rate = number("lr", 3e-3)?;
    let betas = pair("betas", [0.95, 0.99])?;
    let lambda = number("weight_decay", 0.0)?;
    let optimizer: OptimizerConfig = match bound.get("mars_type").map(|value| &value.kind) {
        None | Some(Kind::Text("adamw")) => adam(rate, betas, lambda).into(),
        Some(Kind::Text("lion")) => SignSgdConfig {
            learning_rate: rate,
            momentum: betas[0],
            weight_decay: decay(lambda),
        }
        .into(),
        Some(_) => return Err(bound.must_be("mars_type", "\"adamw\" or \"lion\"")),
    };
    let mut config = DescentConfig::new(optimizer);
    if bound.flag("maximize")? {
        config = config.with_gradients(GradientStage::Maximize);
    }
    let all_ranks = bound.flag("optimize_1d")?;
    let mars = Mars::new()
        .with_gamma(number("gamma", 0.025)?)
        .with_beta(betas[0])
        .with_from_rank(if all_ranks { 1 } else { 2 });
    config = config.with_gradients(mars);
    let (rate, betas) = (number("lr_1d", 3e-3)?, pair("betas_1d", [0.9, 0.95])?);
    let lambda = number("weight_decay_1d", 0.1)?;
    if all_ranks {
        return Ok(config);
    }
    Ok(config.with_optimizer(Parameters::RankAtMost(1), adam(rate, betas, lambda)))
}

/// Without a decay rate of their own, the Gram matrices have that of the mean square.
fn soap(reading: &mut Reading<'_>) -> Result<(), CallError> {
    let beta_2 = reading.value("beta_2");
    reading.default("shampoo_beta", beta_2);
    Ok(())
}

fn shampoo(reading: &mut Reading<'_>) -> Result<(), CallError> {
    let is_fixed = reading.bound.flag("fixed_decay")?;
    let decoupled = if is_fixed { "independent" } else { "decoupled" };
    decay(reading, decoupled, false)
}

/// Sets the weight decay; `otherwise` is whether it is decoupled if the call does not say.
fn decay(reading: &mut Reading<'_>, decoupled: &str, otherwise: bool) -> Result<(), CallError> {
    let lambda = reading.bound.number("weight_decay")?.unwrap_or(0.0);
    let said = reading.bound.maybe_flag("weight_decouple")?;
    let kind = if said.unwrap_or(otherwise) {
        decoupled
    } else {
        "l2"
    };
    if lambda != 0.0 {
        reading.set_kind("weight_decay", kind, lambda);
    }
    Ok(())
}

fn normuon(reading: &mut Reading<'_>) -> Result<(), CallError> {
    decay(reading, "decoupled", true)?;
    iterations(reading)?;
    let is_adjusted = reading.bound.flag("use_adjusted_lr")?;
    match reading.bound.get("update_scale").map(|value| &value.kind) {
        None | Some(Kind::Text("preserve_norm")) if is_adjusted => {
            reading.set("scale", json!({ "rms": 0.2 }));
        }
        None | Some(Kind::Text("preserve_norm")) => {}
        Some(Kind::Text("match_rms")) => reading.set("scale", json!({ "exact-rms": 0.2 })),
        Some(_) => {
            let expected = "\"preserve_norm\" or \"match_rms\"";
            return Err(reading.bound.must_be("update_scale", expected));
        }
    }
    let epsilon = reading.bound.number("adamw_eps")?.unwrap_or(1e-10);
    others(reading, 0.95, epsilon)
}

fn adamuon(reading: &mut Reading<'_>) -> Result<(), CallError> {
    decay(reading, "decoupled", true)?;
    iterations(reading)?;
    if reading.bound.maybe_flag("use_adjusted_lr")? == Some(false) {
        reading.set("scale", "aspect");
    }
    let epsilon = reading.value("epsilon");
    others(reading, 0.999, epsilon)
}

/// Amsel et al. 2025 (arXiv:2505.16932), as pytorch_optimizer rounds them, with a safety of 1e-2.
#[rustfmt::skip]
const POLAR_EXPRESS: [[f64; 3]; 8] = [
    [8.237312490495555, -23.157747414558198, 16.680568411445915],
    [4.082441999064835, -2.893047735332586, 0.5252849256975648],
    [3.9263479922546582, -2.8547468034765298, 0.5318022422894988],
    [3.2982187133085143, -2.424541981026706, 0.48632008358844075],
    [2.2970369434552573, -1.63662558125903, 0.4002628455953627],
    [1.8763805351440397, -1.2347896577722228, 0.35891887501668385],
    [1.8564423485617974, -1.2132449880935525, 0.3568003487825883],
    [1.8749994008682747, -1.2499988017229169, 0.3749994008546422],
];

/// The same with a safety of 2e-2.
#[rustfmt::skip]
const POLAR_EXPRESS_SAFER: [[f64; 3]; 8] = [
    [8.156554524902461, -22.48329292557795, 15.878769915207462],
    [4.0429299351667245, -2.808917465908704, 0.5000178451051299],
    [3.8916678022926563, -2.7724841532176825, 0.5060648178503389],
    [3.285753657755658, -2.3681294933425394, 0.46449024233003117],
    [2.3005307116270983, -1.6111665557258408, 0.3833374427545273],
    [1.8631210546382593, -1.2042160621002727, 0.3421879560523383],
    [1.8382572152247512, -1.1779263289537742, 0.3396513038637379],
    [1.8749999923301852, -1.2499999836060613, 0.374999991275876],
];

/// Sets the coefficients of the iterations.
fn iterations(reading: &mut Reading<'_>) -> Result<(), CallError> {
    let name = "ns_coeffs";
    let triples = match reading.bound.get(name) {
        None => return Ok(()),
        Some(value) => match &value.kind {
            Kind::Text(name) => match name.to_ascii_lowercase().as_str() {
                "original" => return Ok(()),
                "quintic" => Some(MuonConfig::DION.to_vec()),
                "polar_express" => Some(POLAR_EXPRESS.to_vec()),
                "polar_express_safer" => Some(POLAR_EXPRESS_SAFER.to_vec()),
                _ => None,
            },
            Kind::List(values) => match triple(value) {
                Some(one) => Some(vec![one]),
                None => values.iter().map(triple).collect::<Option<Vec<_>>>(),
            },
            _ => None,
        },
    };
    let triples = triples.filter(|triples| !triples.is_empty());
    let expected = "\"original\", \"quintic\", \"polar_express\", \"polar_express_safer\", a tuple of \
        three numbers or a list of such tuples";
    let triples = triples.ok_or_else(|| reading.bound.must_be(name, expected))?;
    reading.set("ns_coefficients", json!(triples));
    Ok(())
}

/// Sets the AdamW of parameters that are not matrices.
fn others(reading: &mut Reading<'_>, beta_2: f64, epsilon: f64) -> Result<(), CallError> {
    let bound = &reading.bound;
    let betas = bound.numbers("adamw_betas")?;
    let [beta_1, beta_2] = match betas.as_deref() {
        None => [0.9, beta_2],
        Some(&[beta_1, beta_2]) => [beta_1, beta_2],
        Some(_) => return Err(bound.must_be("adamw_betas", "a tuple of 2 numbers")),
    };
    let decay = match bound.number("adamw_wd")?.unwrap_or(0.0) {
        0.0 => json!("none"),
        lambda if bound.maybe_flag("weight_decouple")? == Some(false) => json!({ "l2": lambda }),
        lambda => json!({ "decoupled": lambda }),
    };
    let others = json!({
        "preset": "torch",
        "learning_rate": bound.number("adamw_lr")?.unwrap_or(3e-4),
        "beta_1": beta_1,
        "beta_2": beta_2,
        "epsilon": epsilon,
        "weight_decay": decay,
    });
    reading.set("others", others);
    Ok(())
}
