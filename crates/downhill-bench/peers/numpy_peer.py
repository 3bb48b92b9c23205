"""NumPy, layer by layer as in "Deep Learning from Scratch": gradients by hand, numbers of 64 bits."""

import time

from protocol import read_data, read_task, serve, sizes

task = read_task()

import numpy as np

random = np.random.default_rng(1)


class Linear:
    def __init__(self, inputs, outputs):
        weight = random.standard_normal((inputs, outputs)) * np.sqrt(2 / inputs)
        self.values = {"weight": weight, "bias": np.zeros(outputs)}

    def forward(self, x):
        self.x = x
        return x @ self.values["weight"] + self.values["bias"]

    def backward(self, gradient):
        weight = self.x.T @ gradient
        if task["weight_decay"]:
            weight += task["weight_decay"] * self.values["weight"]
        self.gradients = {"weight": weight, "bias": gradient.sum(0)}
        return gradient @ self.values["weight"].T


class BatchNorm:
    def __init__(self, units):
        self.values = {"scale": np.ones(units), "shift": np.zeros(units)}
        self.mean, self.variance = np.zeros(units), np.ones(units)

    def forward(self, x):
        mean = x.mean(0)
        x = x - mean
        variance = (x**2).mean(0)
        self.std = np.sqrt(variance + 1e-5)
        self.x = x / self.std
        self.mean = 0.9 * self.mean + 0.1 * mean
        self.variance = 0.9 * self.variance + 0.1 * variance
        return self.values["scale"] * self.x + self.values["shift"]

    def backward(self, gradient):
        self.gradients = {"scale": (gradient * self.x).sum(0), "shift": gradient.sum(0)}
        gradient = gradient * self.values["scale"]
        along = (gradient * self.x).mean(0) * self.x
        return (gradient - gradient.mean(0) - along) / self.std


class Relu:
    values = {}

    def forward(self, x):
        self.active = x > 0
        return x * self.active

    def backward(self, gradient):
        return gradient * self.active


class Dropout:
    values = {}

    def forward(self, x):
        kept = random.random(x.shape) >= task["dropout"]
        self.mask = kept / (1 - task["dropout"])
        return x * self.mask

    def backward(self, gradient):
        return gradient * self.mask


class Adam:
    def __init__(self, layers):
        self.layers = layers
        self.steps = 0
        self.moments = [
            {name: [np.zeros_like(value)] * 2 for name, value in layer.values.items()}
            for layer in layers
        ]

    def step(self):
        self.steps += 1
        correction = np.sqrt(1 - 0.999**self.steps) / (1 - 0.9**self.steps)
        rate = task["learning_rate"] * correction
        for layer, moments in zip(self.layers, self.moments):
            for name, value in layer.values.items():
                gradient = layer.gradients[name]
                first, second = moments[name]
                first = first + 0.1 * (gradient - first)
                second = second + 0.001 * (gradient**2 - second)
                value -= rate * first / (np.sqrt(second) + 1e-8)
                moments[name] = [first, second]


def network():
    layers = []
    widths = sizes(task)
    for inputs, outputs in zip(widths, widths[1:-1]):
        layers.append(Linear(inputs, outputs))
        if task["batch_norm"]:
            layers.append(BatchNorm(outputs))
        layers.append(Relu())
        if task["dropout"]:
            layers.append(Dropout())
    return layers + [Linear(*widths[-2:])]


pixels, labels = read_data(task)
images = np.frombuffer(pixels, np.uint8).reshape(-1, 784) / np.float32(255)
targets = np.eye(10)[np.frombuffer(labels, np.uint8)]
layers = network()
adam = Adam(layers)


def update():
    rows = random.integers(len(images), size=task["batch"])
    x = images[rows]
    for layer in layers:
        x = layer.forward(x)
    x = np.exp(x - x.max(1, keepdims=True))
    answers = x / x.sum(1, keepdims=True)
    loss = -np.log((answers * targets[rows]).sum(1) + 1e-7).mean()
    gradient = (answers - targets[rows]) / task["batch"]
    for layer in reversed(layers):
        gradient = layer.backward(gradient)
    adam.step()
    return loss


def run(steps):
    start = time.perf_counter()
    loss = np.mean([update() for _ in range(steps)])
    return time.perf_counter() - start, loss


serve(f"NumPy {np.__version__}, as in the book", run)
