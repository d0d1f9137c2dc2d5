"""The list of cases that our provider is known to fail: lines "PATTERN REASON",
in order, below the comment at its top."""

import fnmatch

WILDCARDS = "*?["


class KnownFailures:
    """The list as read from a file; no file: an empty list."""

    def __init__(self, path):
        self.path = path
        self.reasons = {}
        self._comment = []
        if path is None:
            return
        with open(path) as file:
            for line in file:
                self._read(line.strip())

    def _read(self, line):
        pattern, _, reason = line.partition(" ")
        if pattern.startswith("#"):
            self._comment.append(line)
        elif pattern:
            if not reason.strip():
                raise ValueError(f"{self.path}: {pattern} without a reason")
            self.reasons[pattern] = reason.strip()

    def pattern_of(self, name):
        """What lists the case, a line of its own before one with wildcards."""
        if name in self.reasons:
            return name
        for pattern in self.reasons:
            if fnmatch.fnmatchcase(name, pattern):
                return pattern
        return None

    def unused(self, names):
        """The patterns that match no case at all."""
        return [pattern for pattern in self.reasons
                if not fnmatch.filter(names, pattern)]

    def remove_passing(self, passed, failed):
        """Takes off the cases that pass. Of a pattern with wildcards the lines
        of the cases that fail remain. Cases that didn't run stay as they are,
        except that a pattern that also matches one that passes is gone."""
        for pattern in {self.pattern_of(name) for name in passed} - {None}:
            still = [name for name in failed if self.pattern_of(name) == pattern]
            reason = self.reasons.pop(pattern)
            self._add_lines(still, [*passed, *failed], reason)

    def add_failing(self, passed, failed, reason):
        """Lists the cases that fail and aren't listed; how many those were."""
        new = [name for name in failed if self.pattern_of(name) is None]
        self._add_lines(new, [*passed, *failed], reason)
        return len(new)

    def _add_lines(self, names, all_names, reason):
        """One line for each, or for a case with all its parameters."""
        for name in names:
            stem = name.rpartition("/")[0]
            pattern = stem + "/*"
            alike = fnmatch.filter(all_names, pattern)
            whole = stem and len(alike) > 1 and set(alike) <= set(names)
            self.reasons[pattern if whole else name] = reason

    def write(self):
        with open(self.path, "w") as file:
            for line in self._comment:
                print(line, file=file)
            for pattern in sorted(self.reasons):
                print(pattern, self.reasons[pattern], file=file)
