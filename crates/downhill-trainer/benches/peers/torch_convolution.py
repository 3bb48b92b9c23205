"""PyTorch's training steps of a convolutional network, as `benches/convolution.rs` asks for them.

    torch_convolution.py THREADS BATCH RATE CHANNELS,KERNEL,PADDING;... HIDDEN,...

It says its name when it is ready. A line on the standard input is a number of steps; the answer is their seconds and the last loss.
"""

import os
import sys
import time
from gzip import open as gzip_open

import torch
from torch import nn

threads, batch, rate, convolutions, hidden = sys.argv[1:]
batch = int(batch)
torch.set_num_threads(int(threads))
torch.manual_seed(1)

MNIST = os.path.join(os.path.dirname(__file__), "../../../downhill-data/mnist")
with gzip_open(os.path.join(MNIST, "train-images-idx3-ubyte.gz")) as file:
    images = torch.frombuffer(bytearray(file.read()[16:]), dtype=torch.uint8)
with gzip_open(os.path.join(MNIST, "train-labels-idx1-ubyte.gz")) as file:
    labels = torch.frombuffer(bytearray(file.read()[8:]), dtype=torch.uint8).long()
images = images.float().div_(255).view(-1, 1, 28, 28)

layers, channels, side = [], 1, 28
for layer in convolutions.split(";"):
    to, kernel, padding = map(int, layer.split(","))
    layers += [nn.Conv2d(channels, to, kernel, padding=padding), nn.ReLU(), nn.MaxPool2d(2)]
    channels, side = to, (side + 2 * padding - kernel + 1) // 2
layers.append(nn.Flatten())
inputs = channels * side * side
for outputs in map(int, hidden.split(",")):
    layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    inputs = outputs
layers.append(nn.Linear(inputs, 10))
model = nn.Sequential(*layers)
for layer in model:
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
optimizer = torch.optim.SGD(model.parameters(), lr=float(rate), momentum=0.9, fused=True)

print("PyTorch", torch.__version__, flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    for _ in range(int(line)):
        rows = torch.randint(len(labels), (batch,))
        loss = nn.functional.cross_entropy(model(images[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    loss = loss.item()
    print(time.perf_counter() - start, loss, flush=True)
