"""How a peer is driven: its task as one JSON object, then lines on stdin and stdout."""

import json
import os
import sys


def read_task():
    """The task. To be read before a library starts its threads."""
    task = json.loads(sys.argv[1])
    if task.get("cores"):
        os.sched_setaffinity(0, task["cores"])
    return task


def read_data(task):
    """The bytes of the pixels, [60000, 784], and of the labels, [60000]."""
    paths = (os.path.join(task["data"], name) for name in ("pixels", "labels"))
    return [bytearray(open(path, "rb").read()) for path in paths]


def sizes(task):
    """The widths of all layers, input and output included."""
    return [784, *task["hidden"], 10]


def serve(name, run):
    """Answers each turn by what `run(steps)` returns: seconds and loss. Ends with stdin."""
    print("ready", name, flush=True)
    for line in sys.stdin:
        _, steps = line.split()
        seconds, loss = run(int(steps))
        print(seconds, loss, flush=True)
