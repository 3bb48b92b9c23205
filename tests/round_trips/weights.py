"""Weights as safetensors: ours in PyTorch, PyTorch's here, by the answers to MNIST's test images."""

import json
import math

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from laboratory import WORKSPACE, arguments, check, records, run, test_images, train_images

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}
# `torch` and `book` in a config.
EPSILON = {"torch": 1e-5, "book": 1e-6}
# Of a mean cross-entropy in f32 over 10,000 images; one wrong image would be 1e-4 and more.
LOSS_TOLERANCE = 1e-6


class ClassicDropout(nn.Module):
    """Dropout that scales in evaluation, where PyTorch's scales in training."""

    def __init__(self, probability):
        super().__init__()
        self.probability = probability

    def forward(self, x):
        if self.training:
            return x * (torch.rand_like(x) >= self.probability)
        return x * (1 - self.probability)


def sequential(model, inputs, outputs):
    """The network of a config's `model`, module by module as its weights are numbered."""
    modules = []
    convolutions = model.get("convolutions", [])
    if convolutions:
        channels, side = 1, math.isqrt(inputs)
        modules.append(nn.Unflatten(1, (channels, side, side)))
        for layer in convolutions:
            padding, pool = layer.get("padding", 0), layer.get("pool", 1)
            modules.append(
                nn.Conv2d(channels, layer["channels"], layer["kernel"], padding=padding))
            modules.append(ACTIVATIONS[model["activation"]]())
            if pool > 1:
                modules.append(nn.MaxPool2d(pool))
            channels, side = layer["channels"], (side + 2 * padding - layer["kernel"] + 1) // pool
        modules.append(nn.Flatten())
        inputs = channels * side * side
    for units in model["hidden"]:
        modules.append(nn.Linear(inputs, units))
        if model["batch_norm"] != "none":
            modules.append(nn.BatchNorm1d(units, eps=EPSILON[model["batch_norm"]]))
        modules.append(ACTIVATIONS[model["activation"]]())
        probability, kind = model["dropout"]["probability"], model["dropout"]["kind"]
        if probability > 0:
            dropout = {"classic": ClassicDropout, "inverted": nn.Dropout}[kind]
            modules.append(dropout(probability))
        inputs = units
    return nn.Sequential(*modules, nn.Linear(inputs, outputs))


@torch.no_grad()
def score(model, images, labels):
    """How many of the images it gets right, and its mean cross-entropy."""
    model.eval()
    logits = model(images)
    right = int((logits.argmax(1) == labels).sum())
    return right, float(nn.functional.cross_entropy(logits.double(), labels))


def ours_in_pytorch(words, images, labels):
    """Every run of the experiment, loaded strictly into a module."""
    config = WORKSPACE / "tests/round_trips/weights.toml"
    runs_dir = words.work / "runs"
    run(words.downhill, "train", config, "--quiet", "--save-weights", "--runs-dir", runs_dir)
    networks, largest = 0, 0.0
    for directory, header, evaluations, _ in records(runs_dir):
        path = directory / "weights.safetensors"
        with safe_open(path, "pt") as file:
            about = json.loads(file.metadata()["downhill"])
        check(about["run"] == header["run"], f"{path} is of the run {about['run']}")
        model = sequential(about["config"]["model"], about["inputs"], about["outputs"])
        model.load_state_dict(load_file(path), strict=True)
        right, loss = score(model, images, labels)
        test = evaluations[-1]["test"]
        name = f"{header['method']}, seed {header['seed']}"
        check(right == round(test["accuracy"] * len(labels)),
              f"{name}: PyTorch gets {right} right, the record says {test['accuracy']}")
        difference = abs(loss - test["loss"])
        check(difference < LOSS_TOLERANCE, f"{name}: loss {loss}, the record says {test['loss']}")
        print(f"  {name}: {right} of {len(labels)} right in both, losses differ by {difference:.1e}")
        networks, largest = networks + 1, max(largest, difference)
    check(networks == 12, f"12 networks were expected, got {networks}")
    print(f"ours in PyTorch: {networks} networks, all counts equal, losses within {largest:.1e}")


def pytorchs_here(words, images, labels):
    """Modules trained by PyTorch, with batch normalization and dropout and with convolutions."""
    pixels, targets = map(torch.from_numpy, train_images())
    for name, model in {
        "plain": {"hidden": [50], "batch_norm": "none", "activation": "sigmoid",
                  "dropout": {"probability": 0.0, "kind": "inverted"}},
        "batch-norm": {"hidden": [80, 60], "batch_norm": "torch", "activation": "relu",
                       "dropout": {"probability": 0.1, "kind": "inverted"}},
        "convolutions": {"convolutions": [{"channels": 6, "kernel": 5, "padding": 2, "pool": 2},
                                          {"channels": 8, "kernel": 4, "pool": 1}],
                         "hidden": [30], "batch_norm": "none", "activation": "tanh",
                         "dropout": {"probability": 0.0, "kind": "inverted"}},
    }.items():
        torch.manual_seed(1)
        network = sequential(model, 784, 10)
        optimizer = torch.optim.Adam(network.parameters(), 0.002)
        for rows in torch.randperm(len(pixels)).split(128):
            loss = nn.functional.cross_entropy(network(pixels[rows]), targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        right, loss = score(network, images, labels)
        path = words.work / f"{name}.safetensors"
        save_file(network.state_dict(), path)
        config = words.work / f"{name}.toml"
        convolutions = ", ".join(
            "{ " + ", ".join(f"{key} = {value}" for key, value in layer.items()) + " }"
            for layer in model.get("convolutions", []))
        config.write_text(
            f"# A network trained by PyTorch.\n\n[model]\nconvolutions = [{convolutions}]\n"
            f"hidden = {model['hidden']}\nactivation = '{model['activation']}'\n"
            f"batch_norm = '{model['batch_norm']}'\n"
            f"dropout.probability = {model['dropout']['probability']}\n"
            "dropout.kind = 'inverted'\n")
        found = json.loads(run(words.downhill, "evaluate", "--json", "--weights", path,
                               "--config", config))
        check(found["images"] == len(labels) and found["right"] == right,
              f"{name}: PyTorch gets {right} right, we {found}")
        difference = abs(loss - found["loss"])
        check(difference < LOSS_TOLERANCE, f"{name}: PyTorch's loss is {loss}, ours {found}")
        print(f"  {name}: {right} of {len(labels)} right in both, losses differ by {difference:.1e}")
    print("PyTorch's here: 3 networks, all counts equal")


def main():
    words = arguments(__doc__)
    images, labels = map(torch.from_numpy, test_images())
    ours_in_pytorch(words, images, labels)
    pytorchs_here(words, images, labels)


if __name__ == "__main__":
    main()
