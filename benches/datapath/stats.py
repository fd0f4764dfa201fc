"""Medians, and where they lie."""

import math
import statistics


def interval(values):
    """Between which values the median is with 95 %, by their ranks; of fewer than six values, between the outermost."""
    ordered, count = sorted(values), len(values)
    rank, outside = 0, 2**-count
    while outside + math.comb(count, rank + 1) / 2**count <= 0.025:
        rank += 1
        outside += math.comb(count, rank) / 2**count
    return ordered[rank], ordered[count - 1 - rank]


def summary(values):
    low, high = interval(values)
    return {"median": statistics.median(values), "low": low, "high": high}
