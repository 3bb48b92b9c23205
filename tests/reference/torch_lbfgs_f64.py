"""Makes torch_lbfgs_f64.json: descents of PyTorch's L-BFGS in f64.

Run, from any directory, with Python 3.11 and torch 2.15.0 (CPU):

    python torch_lbfgs_f64.py

Everything runs on one thread, and two runs give the same bytes.

  rosenbrock  (1 - x)^2 + 100 (y - x^2)^2, one parameter
  fold        sqrt((x - 1)^2 + 1e-2) + sqrt((y + 2 x)^2 + 1e-4), one parameter
  waves       the sum of curvature x^2 + height sin(pace x), two parameters
  quadratic   x . A x / 2 - b . x, two parameters, the first three of x and the last five; A and b are
              in the file, and the condition of A is about 1e4

Some starts and rates are chosen so that each branch of the line search decides something.

A case has its start, `config`, the keyword arguments given to LBFGS, and after each call of `step`
the loss that it returned, the parameters, and what its state has counted so far.
"""

import json
import os

import numpy as np
import torch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

HERE = os.path.dirname(os.path.abspath(__file__))

SIZE = 8
rng = np.random.default_rng(20261125)
BASIS, _ = np.linalg.qr(rng.standard_normal((SIZE, SIZE)))
A = (BASIS * np.logspace(-2, 2, SIZE)) @ BASIS.T
# Symmetric to the last bit.
A = (A + A.T) / 2
B = rng.standard_normal(SIZE)

QUADRATIC_START = rng.standard_normal(SIZE).tolist()


def waves(curvature, height, pace):
    numbers = {"curvature": curvature, "height": height, "pace": pace}
    return {"kind": "waves", "split": [1, 1], **numbers}


ROSENBROCK = {"kind": "rosenbrock", "split": [2]}
FOLD = {"kind": "fold", "split": [2]}
QUADRATIC = {
    "kind": "quadratic",
    "split": [3, 5],
    "matrix": A.tolist(),
    "vector": B.tolist(),
}


def loss_of(function, parameters):
    x = torch.cat(parameters)
    match function["kind"]:
        case "rosenbrock":
            return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
        case "fold":
            along = torch.sqrt((x[0] - 1) ** 2 + 1e-2)
            return along + torch.sqrt((x[1] + 2 * x[0]) ** 2 + 1e-4)
        case "waves":
            wave = function["height"] * torch.sin(function["pace"] * x)
            return (function["curvature"] * x**2 + wave).sum()
        case "quadratic":
            return x @ (torch.tensor(A) @ x) / 2 - torch.tensor(B) @ x


def run(function, start, calls, config):
    pieces = torch.tensor(start).split(function["split"])
    parameters = [piece.clone().requires_grad_() for piece in pieces]
    optimizer = torch.optim.LBFGS(parameters, **config)

    def closure():
        optimizer.zero_grad()
        loss = loss_of(function, parameters)
        loss.backward()
        return loss

    steps = []
    for _ in range(calls):
        loss = optimizer.step(closure).item()
        state = optimizer.state[parameters[0]]
        numbers = torch.cat(parameters).tolist()
        assert np.isfinite(numbers).all()
        steps.append(
            {
                "initial_loss": loss,
                "parameters": numbers,
                "iterations": state["n_iter"],
                "evaluations": state["func_evals"],
            }
        )
    return {"start": start, "config": config, "steps": steps}


WOLFE = {"line_search_fn": "strong_wolfe", "lr": 1.0}
VALLEY = [-1.2, 1.0]
GROUPS = [
    (
        ROSENBROCK,
        [
            (VALLEY, 12, {"lr": 0.1, "max_iter": 4}),
            (VALLEY, 12, {"max_iter": 4, **WOLFE}),
            # One call that goes to the end.
            (VALLEY, 2, {"max_iter": 100, **WOLFE}),
            # Few pairs, and line searches cut short.
            (VALLEY, 12, {"max_iter": 4, "history_size": 2, **WOLFE}),
            (VALLEY, 12, {"max_iter": 4, "max_eval": 3, **WOLFE}),
            (VALLEY, 4, {"max_iter": 4, **WOLFE, "lr": 30.0}),
        ],
    ),
    (
        QUADRATIC,
        [
            (QUADRATIC_START, 12, {"lr": 0.1, "max_iter": 4}),
            # No further: a bit more or less at the start is 1e-10 after 12 calls.
            (QUADRATIC_START, 10, {"lr": 0.1, "max_iter": 4, "history_size": 3}),
            (QUADRATIC_START, 12, {"max_iter": 4, **WOLFE}),
            (QUADRATIC_START, 2, {"max_iter": 100, **WOLFE}),
        ],
    ),
    (
        FOLD,
        [
            (VALLEY, 6, {"max_iter": 4, "max_eval": 25, **WOLFE, "lr": 10.0}),
            ([0.3, 0.1], 6, {"max_iter": 4, "max_eval": 25, **WOLFE, "lr": 10.0}),
            ([0.3, 0.1], 6, {"max_iter": 4, "max_eval": 25, **WOLFE}),
        ],
    ),
    (
        waves(0.5, 0.5, 2.0),
        [
            ([-3.7, 0.0], 6, {"max_iter": 4, "max_eval": 25, **WOLFE}),
            ([2.7, -2.3], 6, {"max_iter": 4, "max_eval": 25, **WOLFE, "lr": 10.0}),
        ],
    ),
    (
        waves(0.5, 1.0, 3.0),
        [([3.7, -0.2], 6, {"max_iter": 4, "max_eval": 25, **WOLFE, "lr": 0.1})],
    ),
    (
        waves(0.1, 2.0, 5.0),
        [([2.0, -3.8], 6, {"max_iter": 4, "max_eval": 25, **WOLFE, "lr": 3.0})],
    ),
    (
        waves(0.05, 2.0, 2.0),
        [([-2.4, 0.8], 6, {"max_iter": 4, "max_eval": 25, **WOLFE, "lr": 0.3})],
    ),
]

out = {
    "torch": torch.__version__.split("+")[0],
    "functions": [
        {**function, "cases": [run(function, *case) for case in cases]}
        for function, cases in GROUPS
    ],
}
with open(os.path.join(HERE, "torch_lbfgs_f64.json"), "w") as file:
    json.dump(out, file, indent=1)
    file.write("\n")
