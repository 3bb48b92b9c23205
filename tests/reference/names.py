"""The public optimizers of PyTorch, Keras, optax and Burn, for tests/coverage.rs.

PyTorch 2.15.0, Keras 3.15.1 with JAX 0.10.2, optax 0.2.8. Burn's are read from the source of
burn-optim 0.22.1, whose directory is the argument:

    KERAS_BACKEND=jax python names.py BURN_OPTIM > names.json

Of optax, functions that begin with `scale_by_` and what only reads a state are left out: they are
parts of optimizers.
"""

import inspect
import json
import pathlib
import re
import sys

import keras
import optax
import torch


def classes(module, base):
    """The classes of a module that derive from another."""
    found = inspect.getmembers(module, inspect.isclass)
    return sorted(name for name, it in found if issubclass(it, base) and it is not base)


def functions(module, belongs):
    """The public functions of a module that belong to it, also those with bound arguments."""
    found = [(name, getattr(it, "func", it)) for name, it in inspect.getmembers(module)]
    return sorted(
        name
        for name, it in found
        if inspect.isfunction(it)
        and belongs(it)
        and not name.startswith(("_", "scale_by_"))
        and not name.endswith("_eval_params")
    )


burn = pathlib.Path(sys.argv[1], "src", "optim").glob("*.rs")
configs = [re.findall(r"pub struct (\w+)Config\b", file.read_text()) for file in burn]
configs = sorted({name + "Config" for names in configs for name in names})

names = {
    "torch.optim": classes(torch.optim, torch.optim.Optimizer),
    "keras.optimizers": classes(keras.optimizers, keras.optimizers.Optimizer),
    "optax": functions(optax, lambda it: it.__module__ == "optax._src.alias"),
    "optax.contrib": functions(optax.contrib, lambda it: True),
    # Those that are followed, of more than a hundred.
    "pytorch_optimizer": ["AdaMuon", "NorMuon", "SOAP", "Shampoo"],
    # Parts of other configs.
    "burn::optim": [it for it in configs if it not in ("MomentumConfig", "WeightDecayConfig")],
}
json.dump(names, sys.stdout, indent=1)
print()
