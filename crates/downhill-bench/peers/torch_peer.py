"""PyTorch, eager or compiled: whole training steps, or an optimizer's update alone."""

import time

from protocol import read_data, read_task, serve, sizes

task = read_task()

import torch
from torch import nn

torch.set_num_threads(task["threads"])
torch.manual_seed(1)


def network():
    layers = []
    widths = sizes(task)
    for inputs, outputs in zip(widths, widths[1:]):
        linear = nn.Linear(inputs, outputs)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)
        layers.append(linear)
        if outputs != widths[-1]:
            if task["batch_norm"]:
                layers.append(nn.BatchNorm1d(outputs))
            layers.append(nn.ReLU())
            if task["dropout"]:
                layers.append(nn.Dropout(task["dropout"]))
    return nn.Sequential(*layers)


def groups(model):
    """Weight decay on the weights of linear layers: Adam's own is that of a penalty in the loss."""
    weights = [layer.weight for layer in model if isinstance(layer, nn.Linear)]
    chosen = {id(weight) for weight in weights}
    others = [value for value in model.parameters() if id(value) not in chosen]
    decay = task["weight_decay"]
    return [{"params": weights, "weight_decay": decay}, {"params": others}]


def training():
    pixels, labels = read_data(task)
    images = torch.frombuffer(pixels, dtype=torch.uint8).float().div_(255).view(-1, 784)
    labels = torch.frombuffer(labels, dtype=torch.uint8).long()
    model = network()
    optimizer = torch.optim.Adam(groups(model), lr=task["learning_rate"], fused=True)
    forward = torch.compile(model) if task.get("compile") else model

    def run(steps):
        losses = []
        start = time.perf_counter()
        for _ in range(steps):
            rows = torch.randint(len(labels), (task["batch"],))
            loss = nn.functional.cross_entropy(forward(images[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        loss = torch.stack(losses).mean().item()
        return time.perf_counter() - start, loss

    return run


OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
    "momentum": lambda *given, **settings: torch.optim.SGD(*given, momentum=0.9, **settings),
}


def per_matrix(name, values, rate):
    if name == "muon":
        return torch.optim.Muon(values, lr=rate)
    import pytorch_optimizer

    if name in ("normuon", "adamuon"):
        made = {"normuon": pytorch_optimizer.NorMuon, "adamuon": pytorch_optimizer.AdaMuon}[name]
        return made([{"params": values, "use_muon": True}], lr=rate)
    if name == "shampoo":
        return pytorch_optimizer.Shampoo(values, lr=rate, preconditioning_compute_steps=10)
    return pytorch_optimizer.SOAP(values, lr=rate)


def update():
    shapes = task["shapes"]
    values = [torch.randn(shape).requires_grad_() for shape in shapes]
    sources = [0.1 * torch.randn(shape) for shape in shapes]
    for value in values:
        value.grad = torch.empty_like(value)
    kind, name, rate = task["kind"], task["optimizer"], task["learning_rate"]
    if kind == "per matrix":
        optimizer = per_matrix(name, values, rate)
    else:
        optimizer = OPTIMIZERS[name](values, lr=rate, **{kind: True})

    def run(steps):
        seconds = 0.0
        for _ in range(steps):
            for value, source in zip(values, sources):
                value.grad.copy_(source)
            start = time.perf_counter()
            optimizer.step()
            seconds += time.perf_counter() - start
        return seconds, float("nan")

    return run


run = update() if "optimizer" in task else training()
kind = task.get("kind", "compiled" if task.get("compile") else "fused Adam")
serve(f"PyTorch {torch.__version__.split('+')[0]}, {kind}", run)
