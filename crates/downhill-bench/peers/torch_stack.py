"""PyTorch's training steps of one network or a stack of them.

On a GPU if PyTorch finds one, else on the processor. The task's `way` is

    eager    one network, fused Adam
    graphs   the same, its step captured once as a CUDA graph and replayed
    stack    all networks as one: torch.func's vmap over stacked parameters, fused Adam
"""

import sys
import time

from protocol import read_data, read_task, serve, sizes

task = read_task()

import torch
from torch import nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

way, members, batch = task["way"], task["members"], task["batch"]
widths = sizes(task)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
if way == "graphs" and device.type != "cuda":
    print("unable CUDA graphs need a GPU", flush=True)
    sys.exit()
torch.manual_seed(1)

pixels, labels = read_data(task)
images = torch.frombuffer(pixels, dtype=torch.uint8).to(device).float().div_(255).view(-1, 784)
labels = torch.frombuffer(labels, dtype=torch.uint8).long().to(device)


def network():
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        linear = nn.Linear(inputs, outputs)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1]).to(device)


def synchronize():
    if device.type == "cuda":
        torch.cuda.synchronize()


def single():
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def step(rows):
        loss = nn.functional.cross_entropy(model(images[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step, lambda: torch.randint(len(labels), (batch,), device=device)


def graphs():
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True, capturable=True)
    rows = torch.zeros(batch, dtype=torch.long, device=device)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(model(images[rows]), labels[rows])
        loss.backward()
        optimizer.step()
        return loss.detach()

    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step()

    def replay(chosen):
        rows.copy_(chosen)
        graph.replay()
        return loss

    return replay, lambda: torch.randint(len(labels), (batch,), device=device)


def stack():
    parameters, _ = stack_module_state([network() for _ in range(members)])
    parameters = {name: value.detach().requires_grad_() for name, value in parameters.items()}
    optimizer = torch.optim.Adam(parameters.values(), lr=1e-3, fused=True)
    skeleton = network().to("meta")

    def loss_of(parameters, images, labels):
        logits = functional_call(skeleton, parameters, (images,))
        return nn.functional.cross_entropy(logits, labels)

    gradients_of = vmap(grad_and_value(loss_of))

    def step(rows):
        gradients, losses = gradients_of(parameters, images[rows], labels[rows])
        for name, value in parameters.items():
            value.grad = gradients[name].detach()
        optimizer.step()
        return losses.detach().mean()

    return step, lambda: torch.randint(len(labels), (members, batch), device=device)


step, draw = {"eager": single, "graphs": graphs, "stack": stack}[way]()


def run(steps):
    synchronize()
    start = time.perf_counter()
    for _ in range(steps):
        loss = step(draw())
    loss = loss.item()
    return time.perf_counter() - start, loss


serve(f"PyTorch {torch.__version__.split('+')[0]}, {way}, {device.type}", run)
