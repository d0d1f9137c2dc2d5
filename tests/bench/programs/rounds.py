"""Measures contestants in turn."""

import contextlib

from rig import Failure


class Samples:
    """Of a row. `values` are, by contestant, a figure for each round; who
    failed is in `failures` with the reason, and has no values."""

    def __init__(self, contestants):
        self.values = {name: [] for name in contestants}
        self.failures = {}

    def fail(self, name, reason):
        self.failures[name] = str(reason).strip()
        self.values[name] = []


def measure_in_turn(subject, contestants, rounds, warm_up):
    """So many rounds, each begun by another; a round before them that isn't
    counted if `warm_up`."""
    samples = Samples(contestants)
    with contextlib.ExitStack() as stack:
        measures = {}
        for name in contestants:
            try:
                measures[name] = stack.enter_context(subject.entered(name))
            except Failure as failure:
                samples.fail(name, failure)
        for number in range(-1 if warm_up else 0, rounds):
            order = list(measures)
            first = number % len(order) if order else 0
            for name in order[first:] + order[:first]:
                try:
                    value = measures[name]()
                except Failure as failure:
                    samples.fail(name, failure)
                    del measures[name]
                    continue
                if number >= 0:
                    samples.values[name].append(value)
    return samples
