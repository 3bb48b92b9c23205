"""Writes scipy_statistics.json: what scipy.stats.wilcoxon says of 1,000 samples of differences.

    python -m venv venv && venv/bin/pip install scipy==1.17.1 numpy==2.4.6
    venv/bin/python scipy_statistics.py > scipy_statistics.json

The samples themselves are not written: `tests/scipy.rs` makes them anew, by the same generator, from
kind, number n, seed, shift and levels. All its operations are exact in f64 or rounded once, so both
sides have the same bits.

    state   = seed, then the 64-bit finalizer of SplitMix64 after each addition of its constant
    uniform = (its upper 53 bits) / 2^53
    levels = 0:  difference = uniform - 0.5 + shift          nearly never tied, nearly never 0
    levels > 0:  difference = floor(levels uniform) - offset, offset = floor(levels / 2) - shift
                 whole numbers: many are tied, some are 0

Kinds:
    exact        method="exact", no ties and no zeros, n up to 50
    auto         method="auto", no ties and no zeros: exact up to 50, the normal approximation above
    asymptotic   method="asymptotic", with ties and zeros
    permutation  method="auto" with ties or zeros and n up to 13, where SciPy counts all 2^n signs
"""

import json
import math
import sys
import warnings

import numpy
import scipy
from scipy import stats

MASK = (1 << 64) - 1


def uniforms(seed, n):
    state = seed
    for _ in range(n):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        yield ((mixed ^ (mixed >> 31)) >> 11) / (1 << 53)


def differences(n, seed, shift, levels):
    if levels == 0:
        return [uniform - 0.5 + shift for uniform in uniforms(seed, n)]
    offset = levels // 2 - shift
    return [math.floor(levels * uniform) - offset for uniform in uniforms(seed, n)]


def is_tied(sample):
    sizes = [abs(difference) for difference in sample]
    return 0.0 in sizes or len(set(sizes)) < len(sizes)


def case(kind, n, seed, shift, levels):
    sample = differences(n, seed, shift, levels)
    if levels == 0 and is_tied(sample) or kind == "permutation" and not is_tied(sample):
        return None
    if not any(sample):
        return None
    method = {"exact": "exact", "asymptotic": "asymptotic"}.get(kind, "auto")
    found = stats.wilcoxon(sample, method=method, zero_method="wilcox", correction=False)
    return [kind, n, seed, shift, levels, float(found.statistic), float(found.pvalue)]


def cases(number, kind, sizes, shifts, levels):
    found, seed = [], 0
    while len(found) < number:
        at = seed
        seed += 1
        one = case(
            kind,
            sizes[at % len(sizes)],
            len(kind) * 1_000_000 + at,
            shifts[at % len(shifts)],
            levels[at % len(levels)],
        )
        if one:
            found.append(one)
    return found


def main():
    warnings.simplefilter("error")
    no_ties = [0]
    shifts = [0.0, 0.05, -0.1, 0.2, -0.3, 0.45, 0.6]
    whole_shifts = [0, 1, 0, -1, 2]
    found = (
        cases(250, "exact", range(1, 51), shifts, no_ties)
        + cases(200, "auto", range(2, 101), shifts, no_ties)
        + cases(300, "asymptotic", range(2, 201), whole_shifts, [3, 5, 8, 13, 40, 200, 1000])
        + cases(250, "permutation", range(2, 14), whole_shifts, [3, 4, 6, 9, 14, 30, 60])
    )
    json.dump(
        {
            "scipy": scipy.__version__,
            "numpy": numpy.__version__,
            "columns": ["kind", "n", "seed", "shift", "levels", "statistic", "p"],
            "cases": found,
        },
        sys.stdout,
        separators=(",", ":"),
    )
    print()


if __name__ == "__main__":
    main()
