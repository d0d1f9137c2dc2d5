"""Measures programs by all ways; see tests/bench/run.sh --programs. Expects to
be the first process of a namespace of its own."""

import argparse
import os
import resource
import signal
import sys

import packages
import report
import rig
import rounds
import rows
import ways

# Above what is idle at a time.
_SOCKETS_OF_A_CLIENT = 10_000


def parse():
    parser = argparse.ArgumentParser(prog="tests/bench/run.sh --programs")
    parser.add_argument("--bin", required=True, metavar="FOLDER",
                        help="where Bazel put the programs")
    parser.add_argument("--rows", default="*", metavar="PATTERN")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2,
                        help="how long a measurement takes")
    parser.add_argument("--ways", default=",".join(ways.ALL),
                        help="some of %(default)s")
    parser.add_argument("--config", default="", help="text of wspd's")
    parser.add_argument("--json", metavar="FILE",
                        help="also writes a JSON line for each row and plane")
    parser.add_argument("--smoke", action="store_true",
                        help="one round of little")
    arguments = parser.parse_args()
    arguments.ways = arguments.ways.split(",")
    if unknown := set(arguments.ways) - set(ways.ALL):
        parser.error(f"--ways are some of {','.join(ways.ALL)}, not "
                     f"{','.join(sorted(unknown))}")
    if min(arguments.rounds, arguments.seconds) < 1:
        parser.error("--rounds and --seconds are at least 1")
    if not rows.select(arguments.rows):
        parser.error(f"no row is called {arguments.rows}; rows are: "
                     f"{' '.join(row.name for row in rows.select('*'))}")
    if arguments.smoke:
        arguments.rounds = arguments.seconds = 1
    arguments.config += (
        f" limits {{ sockets_per_client: {_SOCKETS_OF_A_CLIENT} }}")
    return arguments


class Output:
    def __init__(self, path):
        self._file = open(path, "w", encoding="utf-8") if path else None

    def write(self, line, json_line):
        print(line, flush=True)
        if self._file:
            self._file.write(json_line + "\n")
            self._file.flush()

    def write_without(self, row, plane, reason):
        """A row without figures."""
        self.write(report.line_without(row, plane, reason),
                   report.json_without(row, plane, reason))


def measure(row, names, arguments):
    with rig.Rig(arguments) as place:
        return rounds.measure_in_turn(
            row.subject(place), row.subject.contestants(names),
            arguments.rounds, not arguments.smoke)


def run_row(row, absences, arguments, output):
    """Whether all that is there could be measured."""
    planes = [name for name in arguments.ways if name in ways.PLANES]
    if reason := packages.missing(row.subject.needs):
        for plane in planes:
            output.write_without(row, plane, f"skipped: {reason}")
        return True
    names = [name for name in arguments.ways if not absences[name]]
    try:
        samples = measure(row, names, arguments)
    except rig.Failure as failure:
        for plane in planes:
            output.write_without(row, plane,
                                 f"could not be measured: {failure}")
        return False
    for name, reason in samples.failures.items():
        print(f"{row.name}: {name} could not be measured: {reason}",
              flush=True)
    for plane in planes:
        if absences[plane]:
            output.write_without(row, plane, f"skipped: {absences[plane]}")
            continue
        result = report.Result(row, plane, samples)
        if result.measured():
            output.write(result.line(), result.json(arguments.rounds))
        else:
            output.write_without(row, plane, "could not be measured")
    return not samples.failures


def main():
    arguments = parse()
    os.umask(0o022)
    # The daemons, and what holds many connections, inherit it.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    output = Output(arguments.json)
    try:
        absences = {name: ways.absence(name, arguments)
                    for name in arguments.ways}
    except rig.Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    if absences.get(ways.DANTE):
        print(f"Dante is skipped: {absences[ways.DANTE]}")
    print(report.header(), flush=True)
    results = [run_row(row, absences, arguments, output)
               for row in rows.select(arguments.rows)]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
