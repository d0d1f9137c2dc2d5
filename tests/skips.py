"""What of a test hasn't run for want of something that the machine lacks, by
what it printed: "skipped: REASON" on a line of its own. On the last line that is
all of the test.

Usage: skips.py OUTPUT
Prints "all" or "part", or nothing, and then the reasons, a line each.
"""

import sys

MARK = "skipped: "


def skips(lines):
    """Whether that is all of it, and the reasons, each once."""
    lines = [line.strip() for line in lines if line.strip()]
    reasons = [line[len(MARK):] for line in lines if line.startswith(MARK)]
    return (bool(lines) and lines[-1].startswith(MARK),
            list(dict.fromkeys(reasons)))


def skips_of(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return skips(file)


def main():
    everything, reasons = skips_of(sys.argv[1])
    if reasons:
        print("all" if everything else "part", *reasons, sep="\n")


if __name__ == "__main__":
    main()
