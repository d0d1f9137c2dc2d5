"""Runs cases natively and on planes and compares; see run.sh."""

import argparse
import importlib
import os
import pkgutil
import sys
import time
import traceback

import cases
import ending
import process_tree
import programs
import world

PLANES = ("lent", "relayed")
SHORT_MIB, LONG_MIB = 64, 1024
SHORT_SECONDS, LONG_SECONDS = 10, 60
PASSED, FAILED, KNOWN = "ok    ", "FAILED", "known "
CASE_DEADLINE = 300  # seconds, beside what loads take


def parse():
    parser = argparse.ArgumentParser(prog="tests/interop/run.sh")
    parser.add_argument("--plane", choices=PLANES + ("native", "all"),
                        default="all")
    parser.add_argument("--long", action="store_true",
                        help="bodies of 1 GiB, loads of a minute")
    parser.add_argument("--body", type=int, metavar="MIB",
                        help="size of large bodies")
    parser.add_argument("--seconds", type=int, help="how long a load lasts")
    parser.add_argument("--bin", metavar="FOLDER", required=True,
                        help="where Bazel put the programs: nothing is built")
    parser.add_argument("--parent", metavar="PID", type=int,
                        default=os.getppid(), help=argparse.SUPPRESS)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help="PROGRAM or PROGRAM.CASE, also with * and ?")
    arguments = parser.parse_args()
    arguments.body = arguments.body or (LONG_MIB if arguments.long
                                        else SHORT_MIB)
    arguments.seconds = arguments.seconds or (LONG_SECONDS if arguments.long
                                              else SHORT_SECONDS)
    return arguments


def observe(function, plane, arguments):
    """What an observer of the case sees there; None, after saying why, if it
    failed."""
    seconds = CASE_DEADLINE + 4 * arguments.seconds + arguments.body
    ending.raise_if_ended()
    try:
        with world.World(plane, arguments.bin, arguments.body,
                         arguments.seconds) as place:
            try:
                with ending.open_to(seconds):
                    observed = function(place)
                    place.finish()
                    return observed
            except Exception as error:  # pylint: disable=broad-except
                if isinstance(error, ending.TimeOver):
                    error = f"the case went on for {seconds} s"
                elif not isinstance(error, world.Failure):
                    traceback.print_exc(file=sys.stdout)
                print(f"  {plane}: {error}\n{place.logs()}")
                return None
    except Exception:  # pylint: disable=broad-except
        # The world can't be made, or ended.
        traceback.print_exc(file=sys.stdout)
        return None


def compare(name, plane, expected, observed):
    """Whether they are the same; says what differs."""
    different = [key for key in sorted(expected.keys() | observed.keys())
                 if expected.get(key) != observed.get(key)]
    for key in different:
        print(f"  {name}: {key} is {observed.get(key)!r} on {plane}, "
              f"{expected.get(key)!r} natively")
    return not different


def _verdict(passed):
    return PASSED if passed else FAILED


def run_case(name, function, arguments):
    """What came of it, on each plane: PASSED, FAILED or KNOWN."""
    results = {}

    def timed(plane):
        begin = time.monotonic()
        observed = observe(function, plane, arguments)
        return observed, time.monotonic() - begin

    native, seconds = timed("native")
    planes = PLANES if arguments.plane == "all" else (arguments.plane,)
    if arguments.plane in ("native", "all"):
        results["native"] = _verdict(native is not None), seconds
    elif native is None:
        print(f"  {name} can't be compared: it failed natively")
    for plane in planes:
        if plane == "native":
            continue
        observed, seconds = timed(plane)
        same = (native is not None and observed is not None and
                compare(name, plane, native, observed))
        reason = function.known.get(plane)
        if reason and same:
            print(f"  {name} works on {plane}: it isn't to be listed any more")
        elif reason and native is not None:
            print(f"  {name} is known to fail on {plane}: {reason}")
        results[plane] = (
            KNOWN if reason and native is not None and not same
            else _verdict(same and not reason)), seconds
    for plane, (verdict, seconds) in results.items():
        print(f"{verdict} {name} {plane} ({seconds:.1f} s)", flush=True)
    return [verdict for verdict, _ in results.values()]


def main():
    arguments = parse()
    for module in pkgutil.iter_modules(programs.__path__):
        importlib.import_module(f"programs.{module.name}")
    try:
        selected = cases.select(arguments.names)
    except ValueError as error:
        print(f"tests/interop/run.sh: {error}", file=sys.stderr)
        return 64
    if arguments.list:
        print("\n".join(selected))
        return 0
    process_tree.adopt_orphans()
    ending.listen_for(arguments.parent)
    os.umask(0o022)
    results = []
    for name, function in selected.items():
        results += run_case(name, function, arguments)
    failed = results.count(FAILED)
    if known := results.count(KNOWN):
        print(f"{known} known not to work (tests/interop/README.md)")
    print(f"{results.count(PASSED)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ending.Ended as ended:
        sys.stdout.flush()
        ending.end_by(ended.number)
