"""Makes optax_f64.json: trajectories of optax's optimizers and wrappers in f64.

Run, from any directory, with Python 3.11, jax 0.10.2 (CPU) and optax 0.2.8:

    python optax_f64.py

`init` and `grads` are those of torch_f64_generated.json. The gradients are fed as they stand: they
do not depend on the parameters. Everything runs op by op, not under `jit`, so that no fusion
changes a rounding, and two runs give the same bytes.

A case has the optimizer's name and `config`, the keyword arguments given to it.
  shape   how the eight numbers are laid out; they are stored flattened, row by row
  split   the eight numbers are two parameters, the first three and the last five
  inner   the optimizer that a wrapper wraps
  then    the optimizer that follows in `optax.chain`
  average `optax.ema` is given the parameters, after each step of `inner`
  base_optimizer   the transformation that `galore` is given under this name
  values  the losses given to an optimizer that asks for them
  nan_at  the steps, from 1, at which the first number of the gradient is NaN
  rate_steps  a schedule of the learning rate: after every `period` steps it is times `factor`
  scheduled   `alpha` and `b3` of AdEMAMix are functions of the step, which warm up over the first
          T steps, T being `alpha_warmup` or `b3_warmup`; with the formulas of arXiv 2409.03137,
          at t, from 1, alpha min(t / T, 1) and, for t < T,
          min(exp(ln b1 ln b3 / ((1 - t / T) ln b3 + t / T ln b1)), b3)
  counts  "int64": the step counts in the state are made 64 bits wide after `init`. optax makes them
          int32, and where it takes a square root or a quotient of one the result is float32, in x64
          mode too; this keeps those in f64
  decay   "float64": the decay of `adafactor` is computed in f64, where optax always takes float32

`schedule_free` without `inner` stands around `sgd`. With `warm_up`, both take at step t, from 1,
the rate of learning_rate min(t / warm_up, 1): optax counts the steps of the first from 1, of the
second from 0.
"""

import functools
import json
import math
import os
from unittest import mock

os.environ["JAX_ENABLE_X64"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy as np
import optax

HERE = os.path.dirname(os.path.abspath(__file__))
SHARED = json.load(open(os.path.join(HERE, "torch_f64_generated.json")))
INIT = np.array(SHARED["init"], dtype=np.float64)
GRADS = np.array(SHARED["grads"], dtype=np.float64)
SPLIT = [3, 5]


def find(name):
    return getattr(optax, name, None) or getattr(optax.contrib, name)


def widen(leaf):
    return leaf.astype("int64") if leaf.dtype == "int32" else leaf


def decay_in_f64(step, exponent):
    return 1.0 - jnp.asarray(step + 1, jnp.float64) ** (-exponent)


SVD = jnp.linalg.svd


def svd_in_f64(matrix, **config):
    """`galore` casts the gradient to float32, which is float64 here, and leaves the signs of the
    singular vectors to the decomposition; here the largest element of each is positive."""
    u, sizes, vh = SVD(matrix, **config)
    largest = jnp.abs(u).argmax(axis=0) if matrix.shape[0] >= matrix.shape[1] else None
    if largest is not None:
        signs = jnp.sign(u[largest, jnp.arange(u.shape[1])])
    else:
        largest = jnp.abs(vh).argmax(axis=1)
        signs = jnp.sign(vh[jnp.arange(vh.shape[0]), largest])
    return u * signs, sizes, vh * signs[:, None]


def stepped(rate, period, factor):
    """A rate as a function of the step, from 0."""
    return lambda count: rate * factor ** (int(count) // period)


def warmed_up(number, steps):
    """A number as a function of the step, from 1."""
    return lambda count: number * min(int(count) / steps, 1.0)


def decay_warmed_up(first, last, steps):
    """The second decay of AdEMAMix as a function of the step, from 1."""
    of_first, of_last = math.log(first), math.log(last)

    def at(count):
        part = int(count) / steps
        if part >= 1.0:
            return last
        power = of_first * of_last / ((1.0 - part) * of_last + part * of_first)
        return min(math.exp(power), last)

    return at


def counted_from_1(schedule):
    """As a function of the step from 0, what is one of the step from 1."""
    return lambda count: schedule(count + 1)


def squares_less_a_tenth():
    """An estimate of the Hessian's diagonal for `sophia`: no draws, and of both signs."""
    def update(grads, state, params=None):
        return jax.tree.map(lambda grad: grad * grad - 0.1, grads), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def make(spec):
    """The transformation that a case, or its `inner` or `then`, describes."""
    config = dict(spec["config"])
    if "rate_steps" in spec:
        config["learning_rate"] = stepped(config["learning_rate"], **spec["rate_steps"])
    if spec.get("scheduled"):
        alpha = warmed_up(config["alpha"], config.pop("alpha_warmup"))
        b3 = decay_warmed_up(config.get("b1", 0.9), config["b3"], config.pop("b3_warmup"))
        config.update(alpha=counted_from_1(alpha), b3=counted_from_1(b3))
    if "warm_up" in config:
        rate = warmed_up(config.pop("learning_rate"), config.pop("warm_up"))
        inner = spec.get("inner", {"name": "sgd", "config": {}})
        settings = {**inner["config"], "learning_rate": counted_from_1(rate)}
        made = optax.contrib.schedule_free(find(inner["name"])(**settings), rate, **config)
    elif spec.get("decay") == "float64":
        made = functools.partial(optax.scale_by_factored_rms, decay_rate_fn=decay_in_f64)
        with mock.patch("optax._src.factorized.scale_by_factored_rms", made):
            made = optax.adafactor(**config)
    elif spec["name"] == "galore":
        if "base_optimizer" in spec:
            config["base_optimizer"] = make(spec["base_optimizer"])
        made = optax.contrib.galore(**config)
    elif spec["name"] == "sophia":
        estimate = squares_less_a_tenth()
        made = optax.contrib.sophia(**config, hessian_diagonal_fn=estimate)
    elif "inner" in spec:
        made = find(spec["name"])(make(spec["inner"]), **config)
    else:
        made = find(spec["name"])(**config)
    if isinstance(made, optax.MultiSteps):
        made = made.gradient_transformation()
    if "then" in spec:
        made = optax.chain(made, make(spec["then"]))
    return made


def pack(numbers, case):
    """The eight numbers as the parameters of the case."""
    if "split" in case:
        cut = case["split"][0]
        return [jnp.asarray(numbers[:cut]), jnp.asarray(numbers[cut:])]
    return jnp.asarray(numbers.reshape(case["shape"]))


def unpack(params):
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(params)]
    assert all(leaf.dtype == np.float64 for leaf in leaves)
    numbers = np.concatenate([leaf.reshape(-1) for leaf in leaves])
    assert np.isfinite(numbers).all()
    return numbers.tolist()


def run(case, init=INIT, grads=GRADS):
    """Fills in what the case is expected to give."""
    if case["name"] != "galore":
        return run_as_set(case, init, grads)
    in_f64 = mock.patch("jax.numpy.float32", jnp.float64)
    with in_f64, mock.patch("jax.numpy.linalg.svd", svd_in_f64):
        made = run_as_set(case, init, grads)
    # Each step compiles its own branches.
    jax.clear_caches()
    return made


def run_as_set(case, init, grads):
    params = pack(init, case)
    average = None
    if case.get("average"):
        average = make({"name": case["name"], "config": case["config"]})
        average_state = average.init(params)
        optimizer = make(case["inner"])
    else:
        optimizer = make(case)
    lookahead = case["name"] == "lookahead"
    if lookahead:
        params = optax.LookaheadParams.init_synced(params)
    state = optimizer.init(params)
    if case.get("counts") == "int64":
        state = jax.tree.map(widen, state)

    steps, averages, slow, evals = [], [], [], []
    for index, numbers in enumerate(grads):
        numbers = numbers.copy()
        if index + 1 in case.get("nan_at", []):
            numbers[0] = np.nan
        extra = {"value": case["values"][index]} if "values" in case else {}
        updates, state = optimizer.update(pack(numbers, case), state, params, **extra)
        params = optax.apply_updates(params, updates)
        steps.append(unpack(params.fast if lookahead else params))
        if lookahead:
            slow.append(unpack(params.slow))
        if average is not None:
            shadow, average_state = average.update(params, average_state)
            averages.append(unpack(shadow))
        if case["name"].startswith("schedule_free"):
            evals.append(unpack(optax.contrib.schedule_free_eval_params(state, params)))

    case["expected_params_after_each_step"] = steps
    if averages:
        case["expected_average_after_each_step"] = averages
    if slow:
        case["expected_slow_after_each_step"] = slow
    if evals:
        case["expected_eval_params_after_each_step"] = evals
    return case


def cases():
    listed = []

    def add(name, shape=(8,), split=False, **config):
        spec = {"name": name, "config": config, "shape": list(shape)}
        if split:
            spec["split"] = SPLIT
        listed.append(spec)
        return spec

    def spec(name, **config):
        return {"name": name, "config": config}

    lr = "learning_rate"
    tenth, hundredth = {lr: 0.1}, {lr: 0.01}
    rate_steps = {"period": 5, "factor": 0.5}

    add("sgd", **hundredth)
    add("sgd", **hundredth, momentum=0.9)
    add("sgd", **hundredth, momentum=0.9, nesterov=True)
    add("sgd", **hundredth, momentum=0.9)["rate_steps"] = rate_steps
    add("sgd", **hundredth, momentum=0.9, nesterov=True)["rate_steps"] = rate_steps

    add("adagrad", **tenth)
    add("adagrad", **tenth, initial_accumulator_value=0.0, eps=1e-3)

    add("rmsprop", **hundredth)
    add("rmsprop", **hundredth, eps_in_sqrt=False)
    add("rmsprop", **hundredth, eps_in_sqrt=False, eps=1e-3)
    add("rmsprop", **hundredth, centered=True)
    add("rmsprop", **hundredth, centered=True, eps_in_sqrt=False, eps=1e-3)
    add("rmsprop", **hundredth, momentum=0.9)
    add("rmsprop", **hundredth, momentum=0.9, nesterov=True)
    add("rmsprop", **hundredth, momentum=0.9)["rate_steps"] = rate_steps
    add("rmsprop", **hundredth, initial_scale=1.0)
    add("rmsprop", **hundredth, bias_correction=True)
    # With the default eps this one is all rounding: after the first step the corrected variance
    # is zero.
    add("rmsprop", **hundredth, centered=True, bias_correction=True, eps=1.0)
    add("rmsprop", **hundredth, decay=0.95, eps=1e-3)

    add("adadelta", learning_rate=1.0)
    add("adadelta", learning_rate=1.0, rho=0.95, eps=1e-3)
    add("adadelta", learning_rate=1.0, weight_decay=0.1)

    add("adam", **hundredth)
    add("adam", **hundredth, eps=1e-3)
    add("adam", **hundredth, eps_root=1e-3)
    add("adam", **hundredth, nesterov=True)
    add("adam", **hundredth, nesterov=True, eps=1e-3)
    add("adamw", **hundredth, weight_decay=0.1)
    add("adamw", **hundredth, weight_decay=0.1, nesterov=True)
    add("amsgrad", **hundredth, b1=0.9, b2=0.9)
    add("amsgrad", **hundredth, b1=0.9, b2=0.9, eps=1e-3)
    add("amsgrad", **hundredth, b1=0.9, b2=0.9, bias_correction_nu=False)
    add("adamax", **hundredth)
    add("adamax", **hundredth, eps=1e-3)
    add("adamaxw", **hundredth, weight_decay=0.1)

    add("radam", **hundredth)
    add("radam", **hundredth, eps=1e-3)
    # Below 4 it takes the square root of a negative number.
    add("radam", **hundredth, threshold=4.0)
    # The fifth step's length is 4.996, so this one is rectified a step before the default of 5.
    add("radam", **hundredth, threshold=4.98)
    add("radam", **hundredth, nesterov=True)

    add("yogi", **hundredth)
    add("yogi", **hundredth, b2=0.9)
    add("adabelief", **hundredth)
    add("adabelief", **hundredth, eps=1e-3, eps_root=1e-3)
    add("adabelief", **hundredth, eps=1e-3, eps_root=0.0)
    add("adabelief", **hundredth, nesterov=True)

    add("lion", **hundredth)
    add("lion", **hundredth, weight_decay=0.1, b1=0.8, b2=0.9)
    add("sign_sgd", **hundredth)
    add("signum", **hundredth, beta=0.9)
    # A beta that is 1 % greater or less changes two signs.
    add("signum", **hundredth, beta=0.98)

    add("lars", **tenth, momentum=0.9, weight_decay=0.1, trust_coefficient=0.001)
    add("lars", **tenth, momentum=0.9, weight_decay=0.1, trust_coefficient=0.1)
    add("lars", **tenth, momentum=0.9, weight_decay=0.1, trust_coefficient=0.1, split=True)
    add("lars", **tenth, momentum=0.9, trust_coefficient=0.1, eps=1e-3)
    add("lars", **tenth, momentum=0.9, trust_coefficient=0.1, nesterov=True)
    add("lars", **tenth, momentum=0.9, trust_coefficient=0.1)["rate_steps"] = rate_steps
    add("lamb", **hundredth)
    add("lamb", **hundredth, split=True)
    add("lamb", **hundredth, weight_decay=0.1)
    add("lamb", **hundredth, eps=1e-3)
    add("novograd", **hundredth)
    add("novograd", **hundredth, split=True)
    add("novograd", **hundredth, weight_decay=0.1)
    add("novograd", **hundredth, eps=1e-3)
    add("novograd", **hundredth, b2=0.9)
    add("fromage", **hundredth)
    add("fromage", **hundredth, split=True)
    add("rprop", **hundredth)

    for momentum in (0.0, 0.9):
        for shape in ((8,), (2, 4), (2, 2, 2)):
            add("sm3", shape=shape, **tenth, momentum=momentum)

    def adafactor(shape, decay="float64", **config):
        if len(shape) > 1:
            config.setdefault("min_dim_size_to_factor", 1)
        case = add("adafactor", shape=shape, **hundredth, **config)
        if decay:
            case["decay"] = decay

    for decay in (None, "float64"):
        for shape in ((8,), (2, 4)):
            adafactor(shape, decay)
    adafactor((4, 2))
    adafactor((2, 2, 2))
    adafactor((4, 2, 1))
    # The first is factored, the second is not.
    adafactor((2, 4), min_dim_size_to_factor=2)
    adafactor((2, 4), min_dim_size_to_factor=2.01)
    adafactor((2, 4), eps=1e-3)
    adafactor((2, 4), multiply_by_parameter_scale=False)
    adafactor((2, 4), clipping_threshold=None)
    adafactor((2, 4), clipping_threshold=0.5)
    adafactor((2, 4), None, momentum=0.9)
    adafactor((2, 4), momentum=0.9, dtype_momentum="float64")
    adafactor((2, 4), weight_decay_rate=0.1)
    adafactor((2, 4), None, decay_rate=0.9)
    adafactor((2, 4), decay_rate=0.9)

    add("adan", **hundredth)
    add("adan", **hundredth, eps=1e-3)
    add("adan", **hundredth, weight_decay=0.1)
    add("adan", **hundredth, eps_root=1e-3)

    add("ademamix", **hundredth)
    add("ademamix", **hundredth, b3=0.99)
    add("ademamix", **hundredth, b3=0.99, alpha=3.0)
    add("ademamix", **hundredth, b3=0.99, weight_decay=0.1)
    warmups = {"alpha_warmup": 7, "b3_warmup": 6}
    add("ademamix", **hundredth, b3=0.99, alpha=3.0, **warmups)["scheduled"] = True
    add("simplified_ademamix", **hundredth)
    add("simplified_ademamix", **hundredth, alpha=3.0, eps=1e-3)
    add("adopt", **hundredth)
    add("adopt", **hundredth, nesterov=True)
    add("adopt", **hundredth, use_clipping=False)
    add("adopt", **hundredth, b2=0.9)
    add("madgrad", **hundredth)
    for config in ({}, {"momentum": 0.0}, {"weight_decay": 0.1}, {"eps": 1e-3}):
        add("madgrad", **hundredth, **config)["counts"] = "int64"

    for shape in ((2, 4), (4, 2)):
        add("muon", shape=shape, **hundredth)
        add("muon", shape=shape, **hundredth, nesterov=False)
        add("muon", shape=shape, **hundredth, consistent_rms=0.2)
        add("muon", shape=shape, **hundredth, weight_decay=0.1)
        add("muon", shape=shape, **hundredth, ns_steps=3)
    add("muon", shape=(2, 4), **hundredth, eps=0.1)
    add("muon", **hundredth)
    add("muon", **hundredth, nesterov=False, adam_weight_decay=0.1, adam_learning_rate=0.1)

    add("schedule_free_sgd", **tenth)
    add("schedule_free_sgd", **tenth, b1=0.8)
    add("schedule_free_sgd", **tenth, weight_decay=0.1)
    add("schedule_free_sgd", **tenth, warmup_steps=5)
    add("schedule_free_sgd", **tenth, warmup_steps=5)["counts"] = "int64"
    add("schedule_free_sgd", **tenth, warmup_steps=5, weight_lr_power=0.0)["counts"] = "int64"
    add("schedule_free_adamw", **hundredth)
    add("schedule_free_adamw", **hundredth, weight_decay=0.1)
    add("schedule_free_adamw", **hundredth, b1=0.95)
    add("schedule_free_adamw", **hundredth, warmup_steps=5)["counts"] = "int64"
    add("schedule_free_adamw", **hundredth, eps=1e-3)
    add("schedule_free", **tenth, b1=0.9, warm_up=5)
    add("schedule_free", **tenth, b1=0.9, warm_up=5, weight_lr_power=1.0)

    add("prodigy")
    add("prodigy", estim_lr0=1e-2)
    add("prodigy", estim_lr0=1e-2, split=True)
    add("prodigy", estim_lr0=1e-2, safeguard_warmup=True)
    add("prodigy", estim_lr0=1e-2, weight_decay=0.1)
    add("prodigy", estim_lr0=1e-2, beta3=0.9)
    add("prodigy", estim_lr0=1e-2, eps=1e-3)
    # In these the estimate grows, again and again.
    for split in (False, True):
        add("prodigy", estim_lr0=1e-2, estim_lr_coef=24.0, split=split)
    add("prodigy", estim_lr0=1e-2, estim_lr_coef=23.0, eps=0.1)
    add("prodigy", estim_lr0=1e-2, estim_lr_coef=20.0, beta3=0.9)
    add("prodigy", estim_lr0=1e-2, estim_lr_coef=120.0, safeguard_warmup=True)
    add("dadapt_adamw")
    add("dadapt_adamw", estim_lr0=1e-2)
    add("dadapt_adamw", estim_lr0=1e-2, split=True)
    add("dadapt_adamw", estim_lr0=1e-2, weight_decay=0.1)
    add("dadapt_adamw", estim_lr0=1e-2, eps=1e-3)
    # In these the estimate grows, again and again.
    for split in (False, True):
        add("dadapt_adamw", learning_rate=2.0, estim_lr0=1e-2, split=split)
    add("dadapt_adamw", learning_rate=2.0, estim_lr0=1e-2, weight_decay=0.1)
    add("dadapt_adamw", learning_rate=2.0, estim_lr0=1e-2, eps=0.1)
    add("dog")
    add("dog", init_step=["heuristic", 0.1])
    add("dog", init_step=["distance", 0.1])
    add("dog", init_step=["distance", 0.1], split=True)
    add("dog", init_step=["learning_rate", 0.01])
    add("dog", init_step=["distance", 0.1], eps=1e-3)
    for eps in (1.0, 100.0):
        add("dog", init_step=["distance", 0.1], eps=eps)
    add("dog", init_step=["distance", 0.1], weight_decay=0.1)
    add("dowg")
    add("dowg", init_estim_sq_dist=0.1)
    add("dowg", init_estim_sq_dist=0.1, split=True)
    add("cocob")
    add("cocob", alpha=10.0)
    add("cocob", eps=1e-3)
    add("cocob", weight_decay=0.1)

    sgd, adam = spec("sgd", **hundredth), spec("adam", **hundredth)
    momentum = spec("sgd", **hundredth, momentum=0.9)

    add("mechanize")["inner"] = spec("sgd", learning_rate=1.0)
    for split in (False, True):
        add("mechanize", split=split, s_init=1e-2)["inner"] = sgd
    add("mechanize", s_init=1e-2, weight_decay=0.0)["inner"] = momentum
    add("mechanize", s_init=1e-2, num_betas=3, eps=1e-3, split=True)["inner"] = adam
    add("schedule_free", **tenth, split=True)["inner"] = momentum
    add("schedule_free", **hundredth, b1=0.8)["inner"] = adam
    no_power = {"warm_up": 5, "weight_lr_power": 0.0}
    add("schedule_free", **tenth, **no_power)["inner"] = spec("lion", **tenth)
    add("schedule_free", **hundredth, warm_up=5)["inner"] = momentum
    add("mechanize", s_init=1e-2, weight_decay=1.0)["inner"] = sgd
    values = [30.0 - 1.5 * index for index in range(len(GRADS))]
    for config in ({}, {"beta": 0.8, "weight_decay": 0.1}):
        add("momo", **config)["values"] = values
    add("momo", split=True)["values"] = values
    add("momo_adam")["values"] = values

    every_third = {**hundredth, "update_interval": 3}
    add("sophia", **every_third)
    add("sophia", **every_third, gamma=2.0, b2=0.5, weight_decay=0.1)
    add("sophia", **every_third, b1=0.5, b2=0.8, gamma=1.0, clip_threshold=0.3, eps=0.05)
    add("sophia", **every_third, b1=0.5, gamma=3.0, clip_threshold=30.0, eps=0.2, split=True)

    for debias in (True, False):
        add("ema", decay=0.9, debias=debias).update(inner=sgd, average=True)
    add("lookahead", sync_period=5, slow_step_size=0.5)["inner"] = sgd
    add("lookahead", sync_period=5, slow_step_size=0.5)["inner"] = adam
    add("MultiSteps", every_k_schedule=4)["inner"] = adam
    in_f64 = {"every_k_schedule": 4, "accumulator_dtype": "float64"}
    add("MultiSteps", **in_f64)["inner"] = adam
    add("MultiSteps", **in_f64, use_grad_mean=False)["inner"] = sgd
    for inner in (momentum, adam):
        add("apply_if_finite", max_consecutive_errors=5).update(inner=inner, nan_at=[3, 4])

    add("clip", max_delta=0.5)["then"] = sgd
    for split in (False, True):
        add("clip_by_global_norm", max_norm=1.0, split=split)["then"] = adam
        add("clip_by_global_norm", max_norm=1.0, split=split)["then"] = sgd
        add("clip_by_block_rms", threshold=0.5, split=split)["then"] = sgd
    for shape in ((8,), (2, 4), (2, 2, 2)):
        add("adaptive_grad_clip", shape=shape, clipping=0.01)["then"] = sgd
        add("centralize", shape=shape)["then"] = sgd
    add("adaptive_grad_clip", shape=(2, 4), clipping=0.01, eps=5.0)["then"] = sgd
    add("add_decayed_weights", weight_decay=0.1, mask=[True, False], split=True)["then"] = momentum
    return listed


def write(path, cases):
    out = ["{"]
    for key, value in (
        ("generator", "optax"),
        ("version", f"optax {optax.__version__}, jax {jax.__version__} (CPU, x64)"),
        ("dtype", "float64"),
        ("note", "generated by optax_f64.py; init and grads of torch_f64_generated.json"),
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
    write(os.path.join(HERE, "optax_f64.json"), [run(case) for case in cases()])
