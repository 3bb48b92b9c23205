"""Makes torch_convolution_f64.json: convolutional networks of PyTorch 2, forward and backward, in f64.

Run, from any directory, with Python 3.11 and torch 2.15.0 (CPU):

    python torch_convolution_f64.py

A case is a network for images of one channel: convolutions, each followed by the activation and max
pooling (kernel = stride = pool), then linear layers with the activation between them. Its loss is the
mean cross-entropy plus `weight_decay / 2` times the sum of all squared weights, biases exempt. Stored
are images, labels, parameters, logits, loss and the gradient of the loss for each parameter and for
the images. Parameters come from the image on, weight before bias; the weights of linear layers are
stored as `[inputs, outputs]`, which is the transpose of PyTorch's. All numbers are row by row.

In the case "ties" all numbers are small multiples of 1/4, so that many windows of the pooling have
several largest numbers, exactly, in any order of the sums.

Everything runs on one thread, and two runs give the same bytes.
"""

import json
import os

import torch
from torch.nn.functional import conv2d, cross_entropy, max_pool2d

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

HERE = os.path.dirname(os.path.abspath(__file__))
ACTIVATIONS = {"relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}


def cases():
    padded = [
        {"channels": 3, "kernel": 3, "padding": 1, "pool": 2},
        {"channels": 4, "kernel": 2, "padding": 1, "pool": 3},
    ]
    unpooled = [
        {"channels": 2, "kernel": 4, "padding": 0, "pool": 1},
        {"channels": 3, "kernel": 3, "padding": 2, "pool": 2},
    ]
    for activation in ("sigmoid", "tanh", "relu"):
        for name, convolutions in (("padded", padded), ("unpooled", unpooled)):
            yield {
                "name": name,
                "activation": activation,
                "image": [11, 9],
                "convolutions": convolutions,
                "hidden": [5],
                "weight_decay": 0.1,
                "batch": 4,
            }
    yield {
        "name": "ties",
        "activation": "sigmoid",
        "image": [8, 7],
        "convolutions": [
            {"channels": 2, "kernel": 3, "padding": 1, "pool": 2},
            {"channels": 3, "kernel": 2, "padding": 0, "pool": 1},
        ],
        "hidden": [4],
        "weight_decay": 0.0,
        "batch": 5,
    }


def run(case, generator):
    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    height, width = case["image"]
    images = normal(case["batch"], 1, height, width)
    parameters = []

    def add(shape):
        fan_in = shape[1:].numel()
        parameters.append(normal(*shape) * (1.5 / fan_in**0.5))
        parameters.append(normal(shape[0]) * 0.2)

    channels = 1
    for convolution in case["convolutions"]:
        kernel = convolution["kernel"]
        add(torch.Size([convolution["channels"], channels, kernel, kernel]))
        channels = convolution["channels"]
        sides = [
            (side + 2 * convolution["padding"] - kernel + 1) // convolution["pool"]
            for side in (height, width)
        ]
        height, width = sides
    inputs = channels * height * width
    for outputs in [*case["hidden"], 3]:
        add(torch.Size([outputs, inputs]))
        inputs = outputs
    if case["name"] == "ties":
        images = images.sign()
        rounded = 2 * len(case["convolutions"])
        parameters[:rounded] = [(4 * p).round().clamp(-2, 2) / 4 for p in parameters[:rounded]]
    labels = torch.randint(3, (case["batch"],), generator=generator)

    for tensor in [images, *parameters]:
        tensor.requires_grad_()
    activation = ACTIVATIONS[case["activation"]]
    x, rest = images, list(parameters)
    tied = 0
    for convolution in case["convolutions"]:
        weight, bias, *rest = rest
        x = activation(conv2d(x, weight, bias, padding=convolution["padding"]))
        pool = convolution["pool"]
        if pool > 1:
            pooled = max_pool2d(x, pool)
            whole = x[..., : pooled.shape[2] * pool, : pooled.shape[3] * pool]
            spread = pooled.repeat_interleave(pool, 2).repeat_interleave(pool, 3)
            tied += int((whole == spread).sum() - pooled.numel())
            x = pooled
    x = x.flatten(1)
    while rest:
        weight, bias, *rest = rest
        x = x @ weight.T + bias
        if rest:
            x = activation(x)
    loss = cross_entropy(x, labels)
    loss = loss + case["weight_decay"] / 2 * sum((p**2).sum() for p in parameters[::2])
    loss.backward()
    # Ties where their gradient is not 0, in the one case that is made for them.
    assert (tied > 20) == (case["name"] == "ties") or case["activation"] == "relu", tied

    def numbers(tensor):
        tensor = tensor.T if tensor.dim() == 2 else tensor
        return tensor.detach().reshape(-1).tolist()

    return {
        **case,
        "images": images.detach().reshape(-1).tolist(),
        "labels": labels.tolist(),
        "parameters": [numbers(p) for p in parameters],
        "logits": x.detach().reshape(-1).tolist(),
        "loss": loss.item(),
        "gradients": [numbers(p.grad) for p in parameters],
        "image_gradients": images.grad.reshape(-1).tolist(),
    }


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(20)
    lines = [json.dumps(run(case, generator), allow_nan=False) for case in cases()]
    with open(os.path.join(HERE, "torch_convolution_f64.json"), "w") as file:
        file.write('{"generator": "torch", "dtype": "float64",\n')
        file.write(f'"version": {json.dumps(f"torch {torch.__version__} (CPU)")},\n')
        file.write('"cases": [\n' + ",\n".join(lines) + "\n]}\n")
