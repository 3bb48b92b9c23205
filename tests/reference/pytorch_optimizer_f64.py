"""The cases of pytorch_optimizer, for `python second_f64.py pytorch_optimizer`.

    pip install pytorch_optimizer==4.1.0 torch==2.15.0 numpy

Three things are not as in the library: SOAP's QR decomposition is in `float64`, where the library
takes `float32` whatever the parameter's type; the iteration of NorMuon and AdaMuon is, where the
library takes bfloat16; and Shampoo's count of steps starts at `preconditioning_compute_steps - 1`,
so that the first step is not empty. NorMuon and AdaMuon are told which parameters are matrices.
`gradient_scale` multiplies the gradients.

The first gradient has no component in some directions of a side that is longer than the product of
the others. Two or more such directions have no basis that all programs would choose, and where the
optimizer goes depends on it. Here every side that is preconditioned is at most one longer.
"""

import functools
import importlib.metadata
import math

import numpy as np
import pytorch_optimizer
import torch
from pytorch_optimizer.optimizer import muon

torch.set_default_dtype(torch.float64)

VERSION = (
    f"pytorch_optimizer {importlib.metadata.version('pytorch_optimizer')}, "
    f"torch {torch.__version__} (CPU)"
)

TO = torch.Tensor.to


def to_but_not_float32(tensor, *args, **kwargs):
    return tensor if args == (torch.float32,) else TO(tensor, *args, **kwargs)


torch.Tensor.to = to_but_not_float32

for module in (muon.adamuon, muon.normuon):
    module.zero_power_via_newton_schulz_5 = functools.partial(
        module.zero_power_via_newton_schulz_5, dtype=torch.float64
    )


def run(case, init, grads):
    shapes = case.get("shapes") or [case["shape"]]
    counts = [math.prod(shape) for shape in shapes]

    def parts(numbers):
        cut = torch.tensor(list(numbers)).split(counts)
        return [part.reshape(shape).clone() for part, shape in zip(cut, shapes)]

    params = [torch.nn.Parameter(part) for part in parts(init)]
    config = dict(case["config"])
    if "ns_coeffs" in config:
        rows = config["ns_coeffs"]
        config["ns_coeffs"] = rows if isinstance(rows, str) else [tuple(three) for three in rows]
    for name in ("betas", "betas_1d", "adamw_betas"):
        if name in config:
            config[name] = tuple(config[name])
    if case["name"] in ("AdaMuon", "NorMuon"):
        config["foreach"] = False
        given = [{"params": [param], "use_muon": param.ndim == 2} for param in params]
    else:
        given = params
    optimizer = getattr(pytorch_optimizer, case["name"])(given, **config)
    every = config.get("preconditioning_compute_steps", 1)
    if every > 1:
        optimizer.param_groups[0]["step"] = every - 1
    steps = []
    for row in np.array(grads) * case.get("gradient_scale", 1.0):
        for param, grad in zip(params, parts(row)):
            param.grad = grad
        optimizer.step()
        steps.append(torch.cat([param.detach().flatten() for param in params]).tolist())
    case["expected_params_after_each_step"] = steps
    return case


def cases():
    """Those of the first set: none."""
    return []


def new():
    listed = []

    def add(name, shapes, **config):
        head = {"name": name, "config": {"lr": 0.01, **config}}
        one = len(shapes) == 1
        listed.append({**head, **({"shape": shapes[0]} if one else {"shapes": shapes})})

    both, cube, hypercube = [[4, 4], [2, 2, 2]], [[2, 3, 4]], [[2, 2, 2, 3]]
    wide, tall, vector = [[4, 6]], [[8, 3]], [[24]]

    for shapes in (both, cube, hypercube, vector):
        add("SOAP", shapes)
    add("SOAP", wide, max_precondition_dim=4)
    add("SOAP", tall, max_precondition_dim=7, precondition_frequency=1)
    add("SOAP", both, precondition_frequency=3, weight_decay=0.0)
    add("SOAP", both, betas=[0.8, 0.99], shampoo_beta=0.9, eps=1e-3)
    add("SOAP", cube, correct_bias=False, weight_decay=0.3)
    add("SOAP", both, normalize_gradient=True)

    for shapes in (both, cube, hypercube, wide, tall, vector):
        add("Shampoo", shapes)
    add("Shampoo", both, matrix_eps=1e-2)
    add("Shampoo", cube, momentum=0.9)
    add("Shampoo", both, preconditioning_compute_steps=4)
    add("Shampoo", both, weight_decay=0.1)
    add("Shampoo", cube, weight_decay=0.1, weight_decouple=True)
    add("Shampoo", cube, weight_decay=0.01, weight_decouple=True, fixed_decay=True, momentum=0.5)

    three = [[4.0, -6.5, 2.8], [3.5, -5.0, 2.0], [2.9, -3.1, 1.2]]
    decays = {"weight_decay": 0.1, "adamw_wd": 0.1}
    for name in ("NorMuon", "AdaMuon"):
        for shapes in (wide, tall, [[8], [4, 4]]):
            add(name, shapes)
        add(name, [[4], [5, 4]], **decays, ns_steps=3)
        add(name, wide, weight_decay=0.1, weight_decouple=False, eps=1e-3)
        add(name, tall, ns_coeffs=three)
    add("NorMuon", wide, momentum=0.8, beta2=0.9, nesterov=False)
    add("NorMuon", tall, use_adjusted_lr=True)
    add("NorMuon", tall, update_scale="match_rms")
    add("NorMuon", [[24]], adamw_lr=0.02, adamw_betas=[0.8, 0.99], adamw_eps=1e-3)
    add("AdaMuon", wide, betas=[0.8, 0.9])
    add("AdaMuon", tall, use_adjusted_lr=False)
    add("AdaMuon", [[24]], adamw_lr=0.02, adamw_betas=[0.8, 0.99], eps=1e-3)
    for shapes in (wide, [[8], [4, 4]]):
        add("MARS", shapes)
        add("MARS", shapes, mars_type="lion", weight_decay=0.1)
        add("MARS", shapes, optimize_1d=True, weight_decay=0.1)
    add("MARS", tall, gamma=0.5, betas=[0.8, 0.9], eps=1e-3)
    add("MARS", cube, ams_bound=True, weight_decay=0.01, fixed_decay=True)
    add("MARS", [[4], [5, 4]], lr_1d=0.02, betas_1d=[0.8, 0.99], weight_decay_1d=0.0)
    vectors = {"betas_1d": [0.8, 0.9], "weight_decay_1d": 0.01}
    add("MARS", [[8], [4, 4]], **vectors, eps=1e-2, ams_bound=True, fixed_decay=True)
    add("MARS", [[8], [4, 4]], eps=1e-8)
    listed[-1]["gradient_scale"] = 1e-8
    add("NorMuon", wide, ns_coeffs="quintic")
    add("NorMuon", wide, ns_coeffs="polar_express", ns_steps=8)
    add("AdaMuon", wide, ns_coeffs="Polar_Express_Safer", ns_steps=9)
    return listed
