//! The optimizers, a file each, and [`OptimizerConfig`] for all of them.

mod acprop;
mod adabelief;
mod adadelta;
mod adafactor;
mod adagrad;
mod adam;
mod adamax;
mod adamuon;
mod adamw;
mod adan;
mod ademamix;
mod adopt;
mod asgd;
mod cocob;
mod dadapt_adam;
mod distance;
mod dog;
mod dowg;
mod fromage;
mod ftrl;
mod galore;
mod gram;
mod lamb;
mod lars;
mod lion;
mod madgrad;
mod momentum;
mod momo;
mod momo_adam;
mod muon;
mod nadam;
mod nesterov;
mod normuon;
mod novograd;
mod optimistic_adam;
mod optimistic_sgd;
mod polyak_sgd;
mod prodigy;
mod radam;
mod rmsprop;
mod rprop;
mod schedule_free;
mod sgd;
mod shampoo;
mod sign_sgd;
mod simplified_ademamix;
mod sm3;
mod soap;
mod sophia;
mod sparse_adam;
mod yogi;

use crate::config::optimizers;
use crate::formula;

pub use gram::PreconditionedAxes;

// A new optimizer is its file, with `mod`, and its line here: file, rule and config, the choices
// among its settings, key in config files and keys of before.
optimizers! {
    sgd: Sgd(SgdConfig) = "sgd",
    momentum: Momentum(MomentumConfig) with MomentumForm = "momentum",
    nesterov: Nesterov(NesterovConfig) = "nesterov",
    adagrad: AdaGrad(AdaGradConfig) = "adagrad",
    rmsprop: RmsProp(RmsPropConfig) with MomentumKind = "rmsprop",
    adadelta: AdaDelta(AdaDeltaConfig) = "adadelta",
    adam: Adam(AdamConfig) with AdamEpsilon, Amsgrad = "adam",
    adamw: AdamW(AdamWConfig) = "adamw",
    adamax: Adamax(AdamaxConfig) with AdamaxEpsilon = "adamax",
    nadam: NAdam(NAdamConfig) with MomentumSchedule = "nadam",
    radam: RAdam(RAdamConfig) = "radam",
    adabelief: AdaBelief(AdaBeliefConfig) = "adabelief",
    acprop: AcProp(AcPropConfig) = "acprop",
    yogi: Yogi(YogiConfig) = "yogi",
    adan: Adan(AdanConfig) with AdanWeight = "adan",
    adopt: Adopt(AdoptConfig) = "adopt",
    ademamix: AdEmaMix(AdEmaMixConfig) = "ademamix",
    simplified_ademamix: SimplifiedAdEmaMix(SimplifiedAdEmaMixConfig) = "simplified-ademamix",
    optimistic_sgd: OptimisticSgd(OptimisticSgdConfig) = "optimistic-sgd",
    optimistic_adam: OptimisticAdam(OptimisticAdamConfig) = "optimistic-adam",
    sparse_adam: SparseAdam(SparseAdamConfig) = "sparse-adam",
    lion: Lion(LionConfig) = "lion",
    sign_sgd: SignSgd(SignSgdConfig) = "sign-sgd" or "signsgd",
    rprop: Rprop(RpropConfig) with RpropTiming = "rprop",
    asgd: Asgd(AsgdConfig) = "asgd",
    ftrl: Ftrl(FtrlConfig) = "ftrl",
    madgrad: Madgrad(MadgradConfig) = "madgrad",
    sophia: Sophia(SophiaConfig) = "sophia",
    schedule_free: ScheduleFree(ScheduleFreeConfig) with ScheduleFreeStep = "schedule-free" or "schedulefree",
    novograd: NovoGrad(NovoGradConfig) = "novograd",
    lars: Lars(LarsConfig) = "lars",
    fromage: Fromage(FromageConfig) = "fromage",
    lamb: Lamb(LambConfig) = "lamb",
    sm3: Sm3(Sm3Config) = "sm3",
    adafactor: Adafactor(AdafactorConfig) with AdafactorEpsilon, AdafactorSize, FactoredAxes = "adafactor",
    muon: Muon(MuonConfig) with MuonEpsilon, MuonMomentum, MuonPreconditioning, MuonScale = "muon",
    normuon: NorMuon(NorMuonConfig) with OutputAxis, StepScale = "normuon",
    adamuon: AdaMuon(AdaMuonConfig) = "adamuon",
    shampoo: Shampoo(ShampooConfig) = "shampoo",
    soap: Soap(SoapConfig) = "soap",
    galore: GaLore(GaLoreConfig) = "galore",
    dog: Dog(DogConfig) with InitialStep = "dog",
    dowg: Dowg(DowgConfig) = "dowg",
    dadapt_adam: DAdaptAdam(DAdaptAdamConfig) = "d-adapt-adam" or "dadaptadam",
    prodigy: Prodigy(ProdigyConfig) with ProdigyWarmup = "prodigy",
    polyak_sgd: PolyakSgd(PolyakSgdConfig) with PolyakGap = "polyak-sgd",
    momo: Momo(MomoConfig) = "momo",
    momo_adam: MomoAdam(MomoAdamConfig) = "momo-adam",
    cocob: Cocob(CocobConfig) = "cocob",
    formula: Formula(FormulaConfig) with FormulaError, FormulaFunction, FormulaState = "formula",
}
