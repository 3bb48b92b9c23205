"""TensorBoard's event files, read by TensorBoard itself, against the records, value by value."""

import math
from urllib.parse import quote

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer

from laboratory import WORKSPACE, arguments, batch_losses, check, records, run

DIVERGED = 4


def number(value):
    """A loss that is not finite is null in a record."""
    return math.nan if value is None else value


def expected_scalars(directory, evaluations, end):
    """`(step, value)` by tag."""
    scalars = {}
    for kind in ("accuracy", "loss"):
        for part in ("train", "test", "validation"):
            values = [(line["updates"], number(line[part][kind])) for line in evaluations]
            scalars[f"{kind}/{part}"] = values
    losses = [(update, number(loss)) for update, loss in batch_losses(directory)]
    if losses:
        scalars["loss/batch"] = losses
    if end["outcome"] != "finished":
        scalars["diverged"] = [(end["outcome"]["diverged"]["update"], 1.0)]
    return scalars


def main():
    words = arguments(__doc__)
    runs_dir, events = words.work / "runs", words.work / "events"
    config = WORKSPACE / "tests/round_trips/events.toml"
    run(words.downhill, "train", config, "--quiet", "--runs-dir", runs_dir,
        f"--tensorboard={events}", codes=(DIVERGED,))

    names, compared, difference, with_losses = set(), 0, 0.0, 0
    for directory, header, evaluations, end in records(runs_dir):
        method = quote(header["method"], safe="-_+=,.")
        name = f"events/{method}/{header['seed']}"
        names.add(name)
        accumulator = EventAccumulator(str(events / name), size_guidance={"scalars": 0})
        accumulator.Reload()
        expected = expected_scalars(directory, evaluations, end)
        with_losses += "loss/batch" in expected
        found = accumulator.Tags()["scalars"]
        check(set(found) == set(expected), f"{name}: tags are {found}")
        for tag, points in expected.items():
            scalars = accumulator.Scalars(tag)
            check(len(scalars) == len(points), f"{name}: {tag} has {len(scalars)} points")
            for scalar, (step, value) in zip(scalars, points):
                same = np.float32(value) == np.float32(scalar.value) or (
                    math.isnan(value) and math.isnan(scalar.value))
                check(scalar.step == step and same,
                      f"{name}: {tag} at {step} is {scalar}, not {value}")
                check(scalar.wall_time == 0, f"{name}: {tag} at time {scalar.wall_time}")
                if math.isfinite(value):
                    difference = max(difference, abs(value - scalar.value))
                compared += 1

    # The checksums are looked at: with one bit changed nothing is read from there on.
    name = "events/batch-norm/0"
    accumulator = EventAccumulator(str(events / name), size_guidance={"scalars": 0})
    accumulator.Reload()
    whole = len(accumulator.Scalars("loss/test"))
    original = next((events / name).iterdir())
    changed = bytearray(original.read_bytes())
    changed[len(changed) // 2] ^= 1
    copy = words.work / "changed" / original.name
    copy.parent.mkdir()
    copy.write_bytes(changed)
    accumulator = EventAccumulator(str(copy.parent), size_guidance={"scalars": 0})
    accumulator.Reload()
    read = len(accumulator.Scalars("loss/test"))
    check(0 < read < whole, f"of a changed file {read} of {whole} points are read")

    # As TensorBoard itself finds runs under --logdir.
    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(events))
    multiplexer.Reload()
    check(set(multiplexer.Runs()) == names, f"runs are {sorted(multiplexer.Runs())}")
    check(len(names) == 9, f"9 runs were expected, got {len(names)}")
    check(with_losses == 3, f"3 runs with losses of batches were expected, got {with_losses}")
    print(f"TensorBoard: {len(names)} runs found, {compared} values of {len(names)} records equal as "
          f"f32; largest difference to the f64 of a record {difference:.1e}")


if __name__ == "__main__":
    main()
