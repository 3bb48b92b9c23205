"""Makes keras_f64.json: trajectories of Keras's optimizers in f64.

Run, from any directory, with Python 3.11, keras 3.15.1 on jax 0.10.2 (CPU):

    python keras_f64.py

`init` and `grads` are those of torch_f64_generated.json. The gradients are fed as they stand: they
do not depend on the parameters. Everything runs op by op, and two runs give the same bytes.

A case has the optimizer's class and `config`, the keyword arguments given to it.
  shape   how the eight numbers are laid out; they are stored flattened, row by row
  split   the eight numbers are two variables, the first three and the last five
  rate_steps   the learning rate is set before each step: after every `period` it is times `factor`
  exclude_from_weight_decay   the variables, from 0, given to the method of that name
  reductions   "float32": see below
With `use_ema`, the moving averages that the optimizer holds are stored too.

On every backend but TensorFlow, Keras resolves float64 to float32 where it combines dtypes, and so
takes means and norms in float32 whatever `floatx` is: in Adafactor and in Muon. The cases are made
with that table set as it is on TensorFlow, all in f64, but for those with "reductions": "float32",
which show Keras as it stands on JAX.
"""

import json
import os
from unittest import mock

os.environ["JAX_ENABLE_X64"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np
from keras.src.backend.common.dtypes import BIT64_TO_BIT32_DTYPE

keras.config.set_floatx("float64")

HERE = os.path.dirname(os.path.abspath(__file__))
SHARED = json.load(open(os.path.join(HERE, "torch_f64_generated.json")))
INIT = np.array(SHARED["init"], dtype=np.float64)
GRADS = np.array(SHARED["grads"], dtype=np.float64)
SPLIT = [3, 5]


def pack(numbers, case):
    """The eight numbers as the arrays of the case."""
    if "split" in case:
        cut = case["split"][0]
        return [numbers[:cut], numbers[cut:]]
    return [numbers.reshape(case["shape"])]


def unpack(variables):
    arrays = [np.asarray(variable.value) for variable in variables]
    assert all(array.dtype == np.float64 for array in arrays)
    numbers = np.concatenate([array.reshape(-1) for array in arrays])
    assert np.isfinite(numbers).all()
    return numbers.tolist()


def run(case, init=INIT, grads=GRADS):
    """Fills in what the case is expected to give."""
    with mock.patch.dict(BIT64_TO_BIT32_DTYPE, float64=case.get("reductions", "float64")):
        return run_as_set(case, init, grads)


def make(case):
    """The optimizer of a case, around that of its `inner`."""
    config = dict(case["config"])
    if "inner" in case:
        config["inner_optimizer"] = make(case["inner"])
    return getattr(keras.optimizers, case["name"])(**config)


def run_as_set(case, init, grads):
    variables = [
        keras.Variable(array, dtype="float64", name=f"variable_{number}")
        for number, array in enumerate(pack(init, case))
    ]
    optimizer = make(case)
    if "exclude_from_weight_decay" in case:
        excluded = [variables[number] for number in case["exclude_from_weight_decay"]]
        optimizer.exclude_from_weight_decay(var_list=excluded)
    optimizer.build(variables)
    steps, averages, scales = [], [], []
    for index, numbers in enumerate(grads):
        if "rate_steps" in case:
            period, factor = case["rate_steps"]["period"], case["rate_steps"]["factor"]
            optimizer.learning_rate = case["config"]["learning_rate"] * factor ** (index // period)
        if "inner" in case:
            numbers = numbers * float(optimizer.scale_loss(1.0))
            if index + 1 in case.get("nan_at", []):
                numbers[0] = np.nan
        arrays = [jax.numpy.asarray(array) for array in pack(numbers, case)]
        if "inner" in case:
            # `apply` of this one fails on JAX.
            own = optimizer.variables
            values = [[variable.value for variable in all] for all in (own, variables)]
            news = optimizer.stateless_apply(values[0], arrays, values[1])
            for variable, new in zip([*variables, *own], [*news[0], *news[1]]):
                variable.assign(new)
        else:
            optimizer.apply(arrays)
        steps.append(unpack(variables))
        if "inner" in case:
            scales.append(float(optimizer.scale_loss(1.0)))
        if case["config"].get("use_ema"):
            averages.append(unpack(optimizer._model_variables_moving_average))
    case["expected_params_after_each_step"] = steps
    if averages:
        case["expected_average_after_each_step"] = averages
    if scales:
        case["expected_scale_after_each_step"] = scales
    return case


def cases():
    listed = []

    def add(name, shape=(8,), split=False, **config):
        case = {"name": name, "config": config, "shape": list(shape)}
        if split:
            case["split"] = SPLIT
        listed.append(case)
        return case

    tenth, hundredth = {"learning_rate": 0.1}, {"learning_rate": 0.01}
    decay = {"weight_decay": 0.1}
    rate_steps = {"period": 5, "factor": 0.5}

    add("SGD", **hundredth)
    add("SGD", **hundredth, momentum=0.9)
    add("SGD", **hundredth, momentum=0.9, nesterov=True)
    add("SGD", **hundredth, momentum=0.9, **decay)
    add("SGD", **hundredth, momentum=0.9)["rate_steps"] = rate_steps
    add("SGD", **hundredth, momentum=0.9, nesterov=True)["rate_steps"] = rate_steps

    add("RMSprop", **hundredth)
    add("RMSprop", **hundredth, centered=True)
    add("RMSprop", **hundredth, momentum=0.9)
    add("RMSprop", **hundredth, momentum=0.9)["rate_steps"] = rate_steps
    add("RMSprop", **hundredth, centered=True, momentum=0.9)
    add("RMSprop", **hundredth, rho=0.95, epsilon=1e-3)
    add("RMSprop", **hundredth, **decay)

    add("Adagrad", **tenth)
    add("Adagrad", **tenth, initial_accumulator_value=0.0, epsilon=1e-3)
    add("Adagrad", **tenth, **decay)

    add("Adadelta", learning_rate=1.0)
    add("Adadelta", learning_rate=1.0, rho=0.9, epsilon=1e-3)
    add("Adadelta", learning_rate=1.0, **decay)

    add("Adam", **hundredth)
    add("Adam", **hundredth, epsilon=1e-3)
    add("Adam", **hundredth, amsgrad=True, beta_1=0.9, beta_2=0.9)
    add("Adam", **hundredth, **decay)
    add("AdamW", **hundredth)
    add("AdamW", **hundredth, **decay)
    add("AdamW", **hundredth, **decay, amsgrad=True, beta_1=0.9, beta_2=0.9)
    add("AdamW", split=True, **hundredth, **decay)["exclude_from_weight_decay"] = [1]

    scaled = {"initial_scale": 1024.0, "dynamic_growth_steps": 4}
    inner = {"name": "Adam", "config": hundredth}
    add("LossScaleOptimizer", **scaled).update(inner=inner, nan_at=[3, 4])
    inner = {"name": "SGD", "config": {**hundredth, "momentum": 0.9}}
    add("LossScaleOptimizer", **scaled, split=True).update(inner=inner, nan_at=[1, 6, 11])

    for name in ("Adamax", "Nadam"):
        add(name, **hundredth)
        add(name, **hundredth, epsilon=1e-3)
        add(name, **hundredth, **decay)

    add("Lion", **hundredth)
    add("Lion", **hundredth, **decay, beta_1=0.8, beta_2=0.9)

    add("Ftrl", **tenth)
    add("Ftrl", **tenth, l1_regularization_strength=0.1, l2_regularization_strength=0.1)
    add("Ftrl", **tenth, l2_shrinkage_regularization_strength=0.1)
    add("Ftrl", **tenth, beta=0.5)
    add("Ftrl", **tenth, learning_rate_power=-0.7)
    add("Ftrl", **tenth, initial_accumulator_value=0.5)
    add("Ftrl", **tenth, **decay)

    for shape in ((8,), (2, 4), (4, 2), (2, 2, 2)):
        add("Adafactor", shape=shape, **hundredth)
    matrix = {"shape": (2, 4), **hundredth}
    add("Adafactor", shape=(4, 2, 1), **hundredth)
    add("Adafactor", **matrix)["reductions"] = "float32"
    add("Adafactor", **matrix, relative_step=False)
    for relative in (True, False):
        add("Adafactor", shape=(2, 4), learning_rate=0.5, relative_step=relative)
    add("Adafactor", **matrix, clip_threshold=0.5)
    add("Adafactor", **matrix, beta_2_decay=-0.9)
    add("Adafactor", **matrix, epsilon_1=1e-3)
    add("Adafactor", **matrix, epsilon_2=10.0)
    add("Adafactor", **matrix, **decay)
    add("Adafactor", split=True, **hundredth)

    add("Lamb", **hundredth)
    add("Lamb", **hundredth, epsilon=1e-3)
    add("Lamb", **hundredth, **decay)
    add("Lamb", split=True, **hundredth)

    for shape in ((2, 4), (4, 2)):
        add("Muon", shape=shape, **hundredth)
        add("Muon", shape=shape, **hundredth, nesterov=False)
        add("Muon", shape=shape, **hundredth, rms_rate=None)
        add("Muon", shape=shape, **hundredth, ns_steps=3)
        add("Muon", shape=shape, **hundredth, weight_decay=None)
    add("Muon", **matrix)["reductions"] = "float32"
    add("Muon", **hundredth)
    add("Muon", **hundredth, adam_weight_decay=None, adam_lr_ratio=0.5)
    add("Muon", shape=(2, 2, 2), **hundredth)

    add("ScheduleFreeAdamW", **hundredth)
    add("ScheduleFreeAdamW", **hundredth, warmup_steps=5)
    add("ScheduleFreeAdamW", **hundredth, beta_1=0.8)
    add("ScheduleFreeAdamW", **hundredth, epsilon=1e-3)
    add("ScheduleFreeAdamW", **hundredth, **decay)

    for clip in ({"clipnorm": 1.0}, {"clipvalue": 0.5}, {"global_clipnorm": 1.0}):
        for split in (False, True):
            add("SGD", split=split, **hundredth, **clip)
    ema = {"use_ema": True, "ema_momentum": 0.9}
    add("SGD", **hundredth, **ema)
    add("SGD", **hundredth, **ema, ema_overwrite_frequency=5)
    add("Adam", **hundredth, **ema, ema_overwrite_frequency=5)
    add("SGD", **hundredth, gradient_accumulation_steps=4)
    add("Adam", **hundredth, gradient_accumulation_steps=4)
    add("Adam", **hundredth, **decay, clipnorm=1.0, gradient_accumulation_steps=4)
    add("Nadam", **hundredth, gradient_accumulation_steps=4)
    add("SGD", **hundredth, **ema, gradient_accumulation_steps=4)
    return listed


def write(path, cases):
    out = ["{"]
    for key, value in (
        ("generator", "keras"),
        ("version", f"keras {keras.__version__}, jax {jax.__version__} (CPU, x64)"),
        ("dtype", "float64"),
        ("note", "generated by keras_f64.py; init and grads of torch_f64_generated.json"),
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
    write(os.path.join(HERE, "keras_f64.json"), [run(case) for case in cases()])
