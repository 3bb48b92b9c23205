"""The binary `downhill`, as the round trips drive it."""

import argparse
import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

WORKSPACE = Path(__file__).resolve().parents[2]
MNIST = WORKSPACE / "crates/downhill-data/mnist"


def arguments(what):
    """The command line of a round trip."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--downhill", type=Path, required=True, help="the binary")
    parser.add_argument("--work", type=Path, required=True, help="an empty directory")
    return parser.parse_args()


def run(binary, *words, codes=(0,)):
    """The standard output of the binary; fails where its exit code is another."""
    command = [str(binary), *map(str, words)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in codes:
        sys.exit(f"{' '.join(command)} ended with code {done.returncode}")
    return done.stdout


def records(runs_dir):
    """Header, evaluations and end of each finished run, with its directory."""
    for path in sorted((runs_dir / "trainings").glob("*/record.jsonl")):
        header, *lines, end = map(json.loads, path.read_text().splitlines())
        evaluations = [line for line in lines if line["kind"] == "evaluation"]
        yield path.parent, header, evaluations, end


def batch_losses(directory):
    """`(update, loss)` of each update whose batch's loss was recorded."""
    lines = map(json.loads, (directory / "record.jsonl").read_text().splitlines())
    for line in lines:
        if line["kind"] == "losses":
            yield from enumerate(line["losses"], line["first_update"])


def test_images():
    """Pixels from 0 to 1, `[images, 784]`, and labels of MNIST's test images."""
    return images("t10k")


def train_images():
    """The same of its training images."""
    return images("train")


def images(part):
    def read(name, header):
        with gzip.open(MNIST / f"{part}-{name}-ubyte.gz") as file:
            return np.frombuffer(file.read(), np.uint8, offset=header)

    labels = read("labels-idx1", 8).astype(np.int64)
    pixels = read("images-idx3", 16).reshape(len(labels), -1).astype(np.float32) / 255
    return pixels, labels


def check(condition, message):
    """Ends the round trip where the condition does not hold."""
    if not condition:
        sys.exit(f"FAILED: {message}")
