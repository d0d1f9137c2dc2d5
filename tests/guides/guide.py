"""What of a guide is to be run: its fenced blocks. As a program it prints those
that are for a booted system, or of another kind: guide.py PAGE [KIND]

    ```sh            commands, in the order of the page, in one shell
    ```sh as root on a booted system
                     commands that tests/service/boot.sh runs
    ```sh as root, with that drop-in
                     the same, where the drop-in before it is
    ```sh with the sources
                     commands that build or install, which other tests run:
                     commands.txt says which
    ```text          what the commands of the block right before it print, if
                     they are commands
    <!-- test: … --> commands that the test alone needs in this place

Any other language is no command, but something that is shown.
"""

import re
import sys

RUN = "sh"
BOOTED = "sh as root on a booted system"
DROPPED_IN = "sh as root, with that drop-in"
SOURCES = "sh with the sources"
HIDDEN = "test"
TEXT = "text"
SHOWN = ("textproto", "cpp", "proto", "ini")

_BLOCK = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<text>.*?)^```$"
                    r"|^<!-- test:\n(?P<hidden>.*?)^-->$",
                    re.MULTILINE | re.DOTALL)


class Block:
    """`line` is the number of the first line of its text; `expected` is what it
    prints, None if the page doesn't say."""

    def __init__(self, kind, line, text):
        self.kind = kind
        self.line = line
        self.text = text
        self.expected = None


def blocks(page):
    """The blocks of the page's text. ValueError for one that isn't known."""
    found = []
    end = 0
    for match in _BLOCK.finditer(page):
        hidden = match["hidden"] is not None
        kind = HIDDEN if hidden else match["kind"]
        text = match["hidden"] if hidden else match["text"]
        line = page.count("\n", 0, match.start()) + 2
        if kind not in (RUN, BOOTED, DROPPED_IN, SOURCES, HIDDEN, TEXT,
                        *SHOWN):
            raise ValueError(f"line {line}: what is a block of {kind!r}?")
        right_before = found and not page[end:match.start()].strip()
        if kind == TEXT and right_before and found[-1].kind == RUN:
            found[-1].expected = text
        else:
            found.append(Block(kind, line, text))
        end = match.end()
    return found


def matches(expected, printed):
    """Whether that is what was printed, but for numbers and the width of
    columns. "…" is any text within a line, as a line of its own any lines."""
    def normal(text):
        text = re.sub(r"\d+", "0", text.rstrip("\n"))
        return [" ".join(line.split()) for line in text.split("\n")]

    pattern = ""
    for line in normal(expected):
        if line == "…":
            pattern += "(?:.*\n)*"
        else:
            pattern += ".*".join(map(re.escape, line.split("…"))) + "\n"
    return re.fullmatch(pattern, "\n".join(normal(printed)) + "\n") is not None


if __name__ == "__main__":
    wanted = sys.argv[2] if len(sys.argv) > 2 else BOOTED
    with open(sys.argv[1]) as file:
        found = [block.text for block in blocks(file.read())
                 if block.kind == wanted]
    if not found:
        sys.exit(f"{sys.argv[1]} has no block of {wanted!r}")
    print("".join(found), end="")
