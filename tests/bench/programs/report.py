"""What came of a row, as a line of the table and as JSON."""

import dataclasses
import json
import statistics

import ways

_FORMAT = ("{:<24} {:<7} {:<6} {:>8} {:>8} {:>7}  {:<15} {:<9} {:<6} "
           "{:>8} {:>7}  {}")


@dataclasses.dataclass
class Comparison:
    """A contestant's median value, and that of its base, if it has one: then
    the median of the ratios of each round, and the lowest and highest."""

    value: float
    base: float = None
    ratio: float = None
    lowest: float = None
    highest: float = None

    def bounded(self):
        """What targets bound, and what is compared with Dante's."""
        return self.value if self.ratio is None else self.ratio


def compare(samples, name, base):
    """None if there are no values of one of them. A base that is no contestant
    is as none."""
    values = samples.values.get(name)
    if not values:
        return None
    result = Comparison(statistics.median(values))
    if base not in samples.values:
        result.lowest, result.highest = min(values), max(values)
        return result
    bases = samples.values.get(base)
    if not bases:
        return None
    ratios = [value / other for value, other in zip(values, bases)]
    result.base = statistics.median(bases)
    result.ratio = statistics.median(ratios)
    result.lowest, result.highest = min(ratios), max(ratios)
    return result


def _cell(value):
    if value is None:
        return "-"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def header():
    return _FORMAT.format(
        "row", "plane", "unit", "base", "ours", "ratio", "range", "target", "",
        "Dante", "ratio", "ahead of Dante")


class Result:
    """Of a row on a plane, beside Dante's."""

    def __init__(self, row, plane, samples):
        self._row = row
        self._plane = plane
        self._ours = compare(samples, plane, row.subject.base(plane))
        self._dante = compare(samples, ways.DANTE, row.subject.base(ways.DANTE))
        # Of the ratio, if there is to be one.
        compared = row.subject.base(plane) in samples.values
        self._target = (row.targets[plane]
                        if compared or not row.subject.base(plane) else None)

    def measured(self):
        return self._ours is not None

    def _better(self, one, other):
        return one >= other if self._row.higher_is_better else one <= other

    def _reached(self):
        """None if there is no target."""
        if self._target is None:
            return None
        return self._better(self._ours.bounded(), self._target)

    def _ahead(self):
        """None if Dante wasn't measured."""
        if self._dante is None:
            return None
        return self._better(self._ours.bounded(), self._dante.bounded())

    def line(self):
        row, ours = self._row, self._ours
        dante = self._dante or Comparison(None)
        target = "-"
        if self._target is not None:
            target = ((">= " if row.higher_is_better else "<= ") +
                      _cell(self._target) +
                      (" x" if ours.ratio is not None else ""))
        return _FORMAT.format(
            row.name, self._plane, row.unit, _cell(ours.base),
            _cell(ours.value), _cell(ours.ratio),
            f"{_cell(ours.lowest)} .. {_cell(ours.highest)}",
            target, {None: "", True: "ok", False: "MISSED"}[self._reached()],
            _cell(dante.value),
            _cell(dante.ratio),
            {None: "-", True: "yes", False: "NO"}[self._ahead()])

    def json(self, rounds):
        """With the fields that rows of the provider have."""
        row, ours = self._row, self._ours
        dante = self._dante or Comparison(None)
        return json.dumps({
            "name": row.name, "plane": self._plane, "unit": row.unit,
            "base_value": ours.base, "ours": ours.value, "ratio": ours.ratio,
            "lo": ours.lowest, "hi": ours.highest, "target": self._target,
            "target_is": "at least" if row.higher_is_better else "at most",
            "bounds": "ours" if ours.ratio is None else "ratio",
            "rounds": rounds, "ok": self._reached(),
            "dante": dante.value, "dante_ratio": dante.ratio,
            "ahead_of_dante": self._ahead()})


def line_without(row, plane, reason):
    return f"{row.name:<24} {plane:<7} {reason}"


def json_without(row, plane, reason):
    return json.dumps({"name": row.name, "plane": plane, "reason": reason})
