"""PyTorch's training steps of a convolutional network."""

import time

from protocol import read_data, read_task, serve

task = read_task()

import torch
from torch import nn

torch.set_num_threads(task["threads"])
torch.manual_seed(1)

pixels, labels = read_data(task)
images = torch.frombuffer(pixels, dtype=torch.uint8).float().div_(255).view(-1, 1, 28, 28)
labels = torch.frombuffer(labels, dtype=torch.uint8).long()

layers, channels, side = [], 1, 28
for to, kernel, padding in task["convolutions"]:
    layers += [nn.Conv2d(channels, to, kernel, padding=padding), nn.ReLU(), nn.MaxPool2d(2)]
    channels, side = to, (side + 2 * padding - kernel + 1) // 2
layers.append(nn.Flatten())
inputs = channels * side * side
for outputs in task["hidden"]:
    layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    inputs = outputs
layers.append(nn.Linear(inputs, 10))
model = nn.Sequential(*layers)
for layer in model:
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
optimizer = torch.optim.SGD(model.parameters(), lr=task["learning_rate"], momentum=0.9, fused=True)


def run(steps):
    start = time.perf_counter()
    for _ in range(steps):
        rows = torch.randint(len(labels), (task["batch"],))
        loss = nn.functional.cross_entropy(model(images[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    loss = loss.item()
    return time.perf_counter() - start, loss


serve(f"PyTorch {torch.__version__.split('+')[0]}", run)
