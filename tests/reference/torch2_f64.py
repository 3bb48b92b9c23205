"""Makes torch2_f64.json: trajectories of PyTorch 2's optimizers in f64.

Run, from any directory, with Python 3.11 and torch 2.15.0 (CPU):

    python torch2_f64.py

`init` and `grads` are those of torch_f64_generated.json. The gradients are fed as they stand: they
do not depend on the parameters. The default dtype is float64, so that the steps and rates in the
states are float64 too. Everything runs on one thread, and two runs give the same bytes.

A case has the optimizer's class, or the name of what is put around one, and `config`, the keyword
arguments given to it.
  shape   how the eight numbers are laid out; they are stored flattened, row by row
  split   the eight numbers are two parameters, the first three and the last five
  inner   the optimizer whose parameters are averaged, after each of its steps
  then    the optimizer that steps with the clipped gradients
  rate_steps      the rate is set before each step: after every `period` it is times `factor`
  gradient_scale  what the gradients are times
  newton_schulz, reductions   see below
The averages that ASGD and AveragedModel hold are stored too. AveragedModel has the equal average,
or with `ema` the one of `get_ema_multi_avg_fn`.

Whatever it is given, Muon casts to bfloat16 for its Newton-Schulz iteration. In the cases marked
"newton_schulz": "float64" that iteration is in f64, with float64 put in place of bfloat16; those
marked "reductions": "bfloat16" show Muon as it stands, and may differ on another CPU.
"""

import contextlib
import json
import os
from unittest import mock

import numpy as np
import torch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

HERE = os.path.dirname(os.path.abspath(__file__))
SHARED = json.load(open(os.path.join(HERE, "torch_f64_generated.json")))
INIT = np.array(SHARED["init"], dtype=np.float64)
GRADS = np.array(SHARED["grads"], dtype=np.float64)
SPLIT = [3, 5]


def pack(numbers, case):
    """The eight numbers as the tensors of the case."""
    if "split" in case:
        cut = case["split"][0]
        arrays = [numbers[:cut], numbers[cut:]]
    else:
        arrays = [numbers.reshape(case["shape"])]
    return [torch.tensor(array, dtype=torch.float64) for array in arrays]


def unpack(tensors):
    arrays = [tensor.detach().numpy() for tensor in tensors]
    assert all(array.dtype == np.float64 for array in arrays)
    numbers = np.concatenate([array.reshape(-1) for array in arrays])
    assert np.isfinite(numbers).all()
    return numbers.tolist()


def make(spec, params):
    """The optimizer that a case, or its `inner` or `then`, describes."""
    name = spec.get("cls") or spec["name"]
    return getattr(torch.optim, name.rpartition(".")[2])(params, **spec["config"])


def average_of(model, config):
    if "ema" in config:
        average = torch.optim.swa_utils.get_ema_multi_avg_fn(config["ema"])
        return torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=average)
    return torch.optim.swa_utils.AveragedModel(model)


def run(case, init=INIT, grads=GRADS):
    """Fills in what the case is expected to give."""
    model = torch.nn.ParameterList(pack(init, case))
    params = list(model.parameters())
    clips, averages = case.get("name") == "clip_grad_norm_", case.get("name") == "AveragedModel"
    optimizer = make(case["then"] if clips else case["inner"] if averages else case, params)
    average = average_of(model, case["config"]) if averages else None
    in_f64 = contextlib.nullcontext()
    if case.get("newton_schulz") == "float64":
        in_f64 = mock.patch.object(torch, "bfloat16", torch.float64)

    steps, held = [], []
    for index, numbers in enumerate(grads):
        if "rate_steps" in case:
            period, factor = case["rate_steps"]["period"], case["rate_steps"]["factor"]
            for group in optimizer.param_groups:
                group["lr"] = case["config"]["lr"] * factor ** (index // period)
        for param, grad in zip(params, pack(numbers * case.get("gradient_scale", 1.0), case)):
            # The rows that are not 0 everywhere.
            sparse = isinstance(optimizer, torch.optim.SparseAdam)
            param.grad = grad.to_sparse(1) if sparse else grad
        if clips:
            torch.nn.utils.clip_grad_norm_(params, **case["config"])
        with in_f64:
            optimizer.step()
        steps.append(unpack(params))
        if averages:
            average.update_parameters(model)
            held.append(unpack(average.module.parameters()))
        if isinstance(optimizer, torch.optim.ASGD):
            held.append(unpack(optimizer.state[param]["ax"] for param in params))

    case["expected_params_after_each_step"] = steps
    if held:
        case["expected_average_after_each_step"] = held
    return case


def cases():
    listed = []

    def put(what, shape, split, config):
        case = {**what, "config": config, "shape": list(shape)}
        if split:
            case["split"] = SPLIT
        listed.append(case)
        return case

    def add(name, shape=(8,), **config):
        return put({"cls": f"torch.optim.{name}"}, shape, False, config)

    def around(name, split=False, **config):
        return put({"name": name}, (8,), split, config)

    tenth, hundredth, decay = {"lr": 0.1}, {"lr": 0.01}, {"weight_decay": 0.1}
    momentum = {**hundredth, "momentum": 0.9}
    rate_steps = {"period": 5, "factor": 0.5}

    add("SGD", **momentum)["rate_steps"] = rate_steps
    add("SGD", **momentum, nesterov=True)["rate_steps"] = rate_steps
    add("SGD", **momentum, dampening=0.1, **decay)
    add("SGD", **momentum, nesterov=True, **decay)
    add("RMSprop", **momentum, alpha=0.9, eps=1e-3)["rate_steps"] = rate_steps
    add("Adagrad", **tenth, **decay, eps=1e-3)

    add("Adam", **hundredth, betas=[0.9, 0.9], eps=1e-3, amsgrad=True)
    add("AdamW", **hundredth)
    add("Adamax", **hundredth)
    add("Adamax", **tenth, **decay, eps=1e-3)
    add("NAdam", **hundredth, momentum_decay=0.1)
    add("NAdam", **hundredth, **decay, decoupled_weight_decay=True)
    add("RAdam", **hundredth, **decay, decoupled_weight_decay=True)

    add("ASGD", **hundredth, lambd=0.1, alpha=0.5, t0=5)
    add("ASGD", **hundredth, **decay)
    add("ASGD", **hundredth, lambd=0.1, alpha=0.5, t0=5, **decay)
    add("Rprop", **hundredth, step_sizes=[0.008, 0.011])
    add("Rprop", **hundredth, etas=[0.4, 1.5])

    matrix = {"shape": (2, 4), **hundredth}
    for shape in ((8,), (2, 4), (4, 2), (2, 2, 2), (4, 2, 1)):
        add("Adafactor", shape=shape, **hundredth)
    for shape in ((8,), (2, 4)):
        add("Adafactor", shape=shape, **hundredth, eps=[1e-3, 1e-3])
    # Here the least mean of the rows acts, beside the least square.
    add("Adafactor", **matrix, eps=[0.5, 1e-3])["gradient_scale"] = 0.02
    add("Adafactor", **matrix, eps=[None, 10.0])
    add("Adafactor", **matrix, d=1.1)
    add("Adafactor", **matrix, beta2_decay=-0.9)
    add("Adafactor", **matrix, **decay)
    add("Adafactor", shape=(2, 4), lr=0.5)

    for shape in ((2, 4), (4, 2)):
        for settings in (
            {"weight_decay": 0.0},
            {"weight_decay": 0.1},
            {"weight_decay": 0.0, "nesterov": False},
            {"weight_decay": 0.0, "adjust_lr_fn": "match_rms_adamw"},
            {"weight_decay": 0.0, "ns_steps": 3},
            {"weight_decay": 0.0, "eps": 10.0},
        ):
            add("Muon", shape=shape, **hundredth, **settings)["newton_schulz"] = "float64"
        add("Muon", shape=shape, **hundredth, weight_decay=0.0)["reductions"] = "bfloat16"

    def sgd(rate):
        return {"name": "torch.optim.SGD", "config": {"lr": rate}}

    for split in (False, True):
        around("clip_grad_norm_", split=split, max_norm=1.0)["then"] = sgd(0.01)
    for split in (False, True):
        # Beside such norms the 1e-6 that is added to them shows.
        case = around("clip_grad_norm_", split=split, max_norm=5e-5)
        case.update(then=sgd(100.0), gradient_scale=1e-6)

    around("AveragedModel")["inner"] = sgd(0.01)
    around("AveragedModel", ema=0.9)["inner"] = sgd(0.01)
    return listed


def write(path, cases):
    out = ["{"]
    for key, value in (
        ("generator", "torch"),
        ("version", f"torch {torch.__version__} (CPU)"),
        ("dtype", "float64"),
        ("note", "generated by torch2_f64.py; init and grads of torch_f64_generated.json"),
        ("init", SHARED["init"]),
        ("grads", SHARED["grads"]),
    ):
        out.append(f"{json.dumps(key)}: {json.dumps(value)},")
    out.append('"cases": [')
    for number, case in enumerate(cases):
        parts = []
        for key, value in case.items():
            if key.startswith("expected_"):
                rows = ",\n".join(json.dumps(row, allow_nan=False) for row in value)
                parts.append(f"{json.dumps(key)}: [\n{rows}]")
            else:
                parts.append(f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}")
        end = "," if number + 1 < len(cases) else ""
        out.append("{" + ", ".join(parts) + "}" + end)
    out.append("]}")
    with open(path, "w") as file:
        file.write("\n".join(out) + "\n")


if __name__ == "__main__":
    write(os.path.join(HERE, "torch2_f64.json"), [run(case) for case in cases()])
