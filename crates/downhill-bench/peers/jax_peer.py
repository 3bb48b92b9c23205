"""JAX: a turn is one jitted scan over its training steps."""

import os
import time
from functools import partial

from protocol import read_data, read_task, serve, sizes

task = read_task()
if task["threads"] == 1:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy as np


def network(key):
    layers = []
    widths = sizes(task)
    for inputs, outputs in zip(widths, widths[1:]):
        key, draw = jax.random.split(key)
        weight = jax.random.normal(draw, (inputs, outputs)) * (2 / inputs) ** 0.5
        layer = {"weight": weight, "bias": jnp.zeros(outputs)}
        if task["batch_norm"] and outputs != widths[-1]:
            layer |= {"scale": jnp.ones(outputs), "shift": jnp.zeros(outputs)}
        layers.append(layer)
    return layers


def forward(layers, x, key):
    """Logits, and the statistics of each batch normalization."""
    statistics = []
    for layer in layers[:-1]:
        x = x @ layer["weight"] + layer["bias"]
        if task["batch_norm"]:
            mean, variance = x.mean(0), x.var(0)
            statistics.append((mean, variance))
            x = layer["scale"] * (x - mean) * jax.lax.rsqrt(variance + 1e-5) + layer["shift"]
        x = jax.nn.relu(x)
        if task["dropout"]:
            key, draw = jax.random.split(key)
            kept = jax.random.bernoulli(draw, 1 - task["dropout"], x.shape)
            x = jnp.where(kept, x / (1 - task["dropout"]), 0)
    return x @ layers[-1]["weight"] + layers[-1]["bias"], statistics


def loss_of(layers, x, labels, key):
    logits, statistics = forward(layers, x, key)
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1)
    loss = -chosen.mean()
    if task["weight_decay"]:
        squares = sum((layer["weight"] ** 2).sum() for layer in layers)
        loss += task["weight_decay"] / 2 * squares
    return loss, statistics


def adam(value, gradient, first, second, step):
    first = 0.9 * first + 0.1 * gradient
    second = 0.999 * second + 0.001 * gradient**2
    rate = task["learning_rate"] / (1 - 0.9**step)
    root = jnp.sqrt(second / (1 - 0.999**step))
    return value - rate * first / (root + 1e-8), first, second


def update(images, labels, state, rows):
    key, draw = jax.random.split(state["key"])
    with_gradient = jax.value_and_grad(loss_of, has_aux=True)
    batch = images[rows], labels[rows]
    (loss, statistics), gradients = with_gradient(state["layers"], *batch, draw)
    step = state["step"] + 1
    flat = [jax.tree.leaves(state[name]) for name in ("layers", "first", "second")]
    steps = [adam(x, g, m, v, step) for x, m, v, g in zip(*flat, jax.tree.leaves(gradients))]
    structure = jax.tree.structure(gradients)
    layers, first, second = (jax.tree.unflatten(structure, part) for part in zip(*steps))
    running = jax.tree.map(lambda old, new: 0.9 * old + 0.1 * new, state["running"], statistics)
    state = dict(layers=layers, first=first, second=second, running=running, key=key, step=step)
    return state, loss


@partial(jax.jit, donate_argnums=0)
def updates(state, images, labels, rows):
    state, losses = jax.lax.scan(partial(update, images, labels), state, rows)
    return state, losses.mean()


pixels, labels = read_data(task)
images = jnp.asarray(np.frombuffer(pixels, np.uint8).reshape(-1, 784) / np.float32(255))
labels = jnp.asarray(np.frombuffer(labels, np.uint8).astype(np.int32))
layers = network(jax.random.key(1))
state = {
    "layers": layers,
    "first": jax.tree.map(jnp.zeros_like, layers),
    "second": jax.tree.map(jnp.zeros_like, layers),
    "running": [(jnp.zeros(n), jnp.ones(n)) for n in task["hidden"] if task["batch_norm"]],
    "key": jax.random.key(2),
    "step": jnp.float32(0),
}
random = np.random.default_rng(1)


def run(steps):
    """Another number of steps than before is compiled anew."""
    global state
    start = time.perf_counter()
    rows = random.integers(len(labels), size=(steps, task["batch"]), dtype=np.int32)
    state, loss = updates(state, images, labels, rows)
    loss = float(loss)
    jax.block_until_ready(state)
    return time.perf_counter() - start, loss


serve(f"JAX {jax.__version__}, scan", run)
