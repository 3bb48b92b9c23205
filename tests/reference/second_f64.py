"""Makes torch_second_f64.json, keras_second_f64.json, optax_second_f64.json and
pytorch_optimizer_second_f64.json: the cases of the other scripts from another start, by other
gradients, in other shapes, over 60 steps.

Run, from any directory, with what torch2_f64.py, keras_f64.py, optax_f64.py or
pytorch_optimizer_f64.py asks for:

    python second_f64.py torch
    python second_f64.py keras
    python second_f64.py optax
    python second_f64.py pytorch_optimizer

A coincidence of the first set cannot hide a fault here. There are 24 numbers in place of 8: as a
vector, as matrices of 4 x 6 and 8 x 3, in rank 3 as 2 x 3 x 4 and 4 x 6 x 1, and, where there are
two parameters, as a vector of 23 and one number. The gradients are waves with noise, of sizes from
.01 to 10, which become smaller; two numbers have none in steps 11 to 15, six in steps 21 to 30.
PyTorch's cases are those of torch2_f64.py and those of torch_f64_generated.json, all by the version
that torch2_f64.py names.

The gradients do not answer to the parameters, so that some estimates of the rate grow without end:
cases whose numbers exceed 1e12 are left out.

`kept` has the steps, from 1, after which the numbers are stored; `new` marks the cases that only
this set has. All else is as in the other scripts. SparseAdam is given the rows of each gradient that
are not 0 everywhere.
"""

import importlib
import json
import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

SCRIPTS = {
    "torch": "torch2_f64",
    "keras": "keras_f64",
    "optax": "optax_f64",
    "pytorch_optimizer": "pytorch_optimizer_f64",
}
NUMBERS, STEPS = 24, 60
LARGEST = 1e12
KEPT = [1, 2, 3, 5, 10, 20, 40, 60]
SHAPES = {
    (8,): (24,),
    (2, 4): (4, 6),
    (4, 2): (8, 3),
    (2, 2, 2): (2, 3, 4),
    (4, 2, 1): (4, 6, 1),
}
SPLIT = [23, 1]


def start_and_gradients():
    random = np.random.default_rng(2026)
    init = random.normal(size=NUMBERS) * 10.0 ** random.uniform(-1.5, 0.5, NUMBERS)
    size = 10.0 ** random.uniform(-2.0, 1.0, NUMBERS)
    phase = random.uniform(0.0, 6.0, NUMBERS)
    step = np.arange(STEPS)[:, None]
    wave = 0.6 * np.sin(0.3 * step + phase) + 0.4 * random.normal(size=(STEPS, NUMBERS))
    grads = size * (wave + 0.5 * np.sign(phase - 3.0)) * np.exp(-step / 40.0)
    grads[10:15, 4:6] = 0.0
    grads[20:30, 6:12] = 0.0
    return init, grads


def moved(case):
    """The case in this set's shapes."""
    case = {key: value for key, value in case.items() if not key.startswith("expected_")}
    case.pop("note", None)
    if "split" in case:
        case["split"] = SPLIT
        case.pop("shape", None)
    else:
        case["shape"] = list(SHAPES[tuple(case.get("shape", (8,)))])
    if "values" in case:
        case["values"] = (case["values"] * STEPS)[:STEPS]
    return case


def cases_of(library, script):
    cases = script.cases()
    if library == "torch":
        with open(os.path.join(HERE, "torch_f64_generated.json")) as file:
            cases = json.load(file)["cases"] + cases
    new = NEW.get(library, getattr(script, "new", None))()
    return [moved(case) for case in cases] + [{**case, "new": True} for case in new]


def new_of_torch():
    def case(shape=(24,), **config):
        name = "torch.optim.SparseAdam"
        return {"cls": name, "config": {"lr": 0.01, **config}, "shape": list(shape)}

    def muon(shape, **config):
        case = {"cls": "torch.optim.Muon", "config": {"lr": 0.01, **config}, "shape": list(shape)}
        return {**case, "newton_schulz": "float64"}

    return [
        muon((4, 6), ns_coefficients=[3.0, -4.0, 1.5]),
        muon((4, 6), adjust_lr_fn="spectral_unclamped"),
        muon((8, 3), adjust_lr_fn="spectral_unclamped"),
        case(),
        case(betas=[0.8, 0.99], eps=1e-3),
        case(maximize=True),
        case(shape=(4, 6)),
        case(shape=(8, 3), betas=[0.8, 0.99]),
        case(shape=(2, 3, 4), eps=1e-3),
    ]


def new_of_keras():
    config = {"learning_rate": 0.01, "muon_a": 3.0, "muon_b": -4.0, "muon_c": 1.5}
    return [{"name": "Muon", "config": config, "shape": [4, 6]}]


def new_of_optax():
    def case(name, shape=(24,), **config):
        return {"name": name, "config": config, "shape": list(shape)}

    rate = {"learning_rate": 0.01}
    three = [[4.0, -6.5, 2.8], [3.5, -5.0, 2.0], [2.9, -3.1, 1.2]]
    muon = [
        case("muon", shape, **rate, preconditioning=kind)
        for kind in ("spectral", "aol", "schatten")
        for shape in ((4, 6), (8, 3))
    ]
    muon += [
        case("muon", shape=(4, 6), **rate, preconditioning="aol", eps=0.1),
        case("muon", shape=(8, 3), **rate, preconditioning="spectral", eps=0.1),
        case("muon", shape=(4, 6), **rate, ns_coeffs=[3.0, -4.0, 1.5]),
        case("muon", shape=(4, 6), **rate, ns_coeffs=three),
        case("muon", shape=(8, 3), **rate, ns_coeffs="dion", preconditioning="schatten"),
        case("muon", shape=(4, 6), **rate, adaptive=True),
        case("muon", shape=(8, 3), **rate, adaptive=True, nesterov=False, ns_coeffs="dion"),
    ]
    galore = [
        case("galore", shape, **rate, rank=2, **config)
        for shape in ((4, 6), (8, 3))
        for config in ({}, {"update_proj_gap": 7, "scale": 0.5}, {"weight_decay": 0.1})
    ]
    inner = {"name": "scale_by_adam", "config": {"b1": 0.8, "b2": 0.99, "eps": 1e-3}}
    galore += [
        {**case("galore", (4, 6), **rate, rank=3, update_proj_gap=10), "base_optimizer": inner},
        case("galore", **rate, rank=2, weight_decay=0.1),
    ]
    # Below the lower bound from step 40 on.
    values = [20.0 * 0.9**step - 0.3 for step in range(STEPS)]
    told = [
        case("momo", adapt_lower_bound=True),
        case("momo", learning_rate=0.01, weight_decay=0.1, adapt_lower_bound=True),
        case("momo", lower_bound=5.0, beta=0.5),
        case("momo_adam", adapt_lower_bound=True),
        case("momo_adam", weight_decay=0.1, adapt_lower_bound=True),
        case("momo_adam", learning_rate=1.0, lower_bound=5.0, b1=0.5, b2=0.9, eps=1e-3),
        case("momo_adam", learning_rate=1.0, adapt_lower_bound=True, weight_decay=0.1),
        case("polyak_sgd"),
        case("polyak_sgd", variant="sps+", f_min=1.0),
        case("polyak_sgd", max_learning_rate=0.01, scaling=0.5, eps=10.0),
        {**case("polyak_sgd"), "split": SPLIT},
    ]
    told = [{**case, "values": values} for case in told]
    sgd = {"name": "sgd", "config": {"learning_rate": 0.1}}
    normalized = [
        {**case("normalize"), "then": sgd},
        {**case("normalize", shape=(4, 6)), "then": sgd},
        {**case("normalize"), "split": SPLIT, "then": {"name": "adam", "config": rate}},
    ]
    return muon + galore + told + normalized + [
        case("acprop", **rate),
        case("acprop", **rate, b1=0.5, b2=0.9),
        case("acprop", **rate, eps=1e-3, eps_root=1e-4),
        case("acprop", **rate, weight_decay=0.1),
        case("fromage", **rate, min_norm=10.0),
        case("fromage", shape=(4, 6), learning_rate=0.3),
        case("simplified_ademamix", **rate, b1=0.9, b2=0.99, alpha=2.0),
        case("simplified_ademamix", **rate, eps_root=1e-3, weight_decay=0.1),
        case("optimistic_gradient_descent", **rate),
        case("optimistic_gradient_descent", **rate, alpha=0.5, beta=0.3),
        case("optimistic_adam_v2", **rate),
        case("optimistic_adam_v2", **rate, alpha=0.5, beta=0.3, nesterov=False),
        case("optimistic_adam_v2", **rate, b1=0.8, b2=0.99, eps=1e-3, eps_root=1e-4),
        case("optimistic_adam", **rate),
        case("optimistic_adam", **rate, optimism=0.005, nesterov=False),
    ]


NEW = {"torch": new_of_torch, "keras": new_of_keras, "optax": new_of_optax}


def write(library, version, init, grads, cases):
    def dump(value):
        return json.dumps(value, allow_nan=False)

    head = {
        "generator": library,
        "version": version,
        "dtype": "float64",
        "note": f"generated by second_f64.py {library}",
        "kept": KEPT,
        "init": init.tolist(),
    }
    rows = ",\n".join(dump(row) for row in grads.tolist())
    out = ["{"] + [f"{dump(key)}: {dump(value)}," for key, value in head.items()]
    out += [f'"grads": [\n{rows}],', '"cases": [']
    for number, case in enumerate(cases):
        parts = []
        for key, value in case.items():
            if key.startswith("expected_"):
                kept = ",\n".join(dump(value[step - 1]) for step in KEPT)
                parts.append(f"{dump(key)}: [\n{kept}]")
            else:
                parts.append(f"{dump(key)}: {dump(value)}")
        out.append("{" + ", ".join(parts) + "}" + ("," if number + 1 < len(cases) else ""))
    out.append("]}")
    with open(os.path.join(HERE, f"{library}_second_f64.json"), "w") as file:
        file.write("\n".join(out) + "\n")


def is_bounded(case):
    return np.abs(case["expected_params_after_each_step"]).max() <= LARGEST


def version_of(library, script):
    if library == "torch":
        return f"torch {script.torch.__version__} (CPU)"
    if library == "pytorch_optimizer":
        return script.VERSION
    jax = f"jax {script.jax.__version__} (CPU, x64)"
    if library == "keras":
        return f"keras {script.keras.__version__}, {jax}"
    return f"optax {script.optax.__version__}, {jax}"


if __name__ == "__main__":
    library = sys.argv[1]
    script = importlib.import_module(SCRIPTS[library])
    init, grads = start_and_gradients()
    cases = [script.run(case, init, grads) for case in cases_of(library, script)]
    cases = [case for case in cases if is_bounded(case)]
    write(library, version_of(library, script), init, grads, cases)
