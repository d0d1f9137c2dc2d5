#!/usr/bin/python3
"""Makes configuration.md, of the configuration's schema.

Usage: make_configuration.py CONFIG_PROTO >configuration.md
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "man"))
import config_schema  # noqa: E402 (it is beside what makes the manual pages)

HEAD = """\
<!-- Made by make_configuration.py of proto/wspd/config.proto: change that, and
make it again. -->
# The configuration

`/etc/wspd/wspd.textproto`, or `wspd --config FILE`: a message `Config` of
protocol buffers in text form. What is left out has its default.
[deploy/wspd.textproto](../wspd.textproto) is the default written out, with the
range of each number; [the operator's guide](operator.md) says how to change a
daemon's configuration, `wspd --check_config --config FILE` and
`wspctl check-config FILE` whether a file is right, and else the lines that
aren't. The same reference is the manual page wspd.textproto(5).
"""


def escape(text):
    """As text of a table's cell. Dashes that lead to a heading in the schema
    aren't part of it."""
    text = re.sub(r"^-+ (.)", lambda match: match[1].upper(), text)
    return re.sub(r"([|*<>\\])", r"\\\1", text)


def linked(entry):
    """The type, with a link to what it is made of."""
    if not entry.type_name:
        return entry.type
    link = f"[{entry.type_name}](#{entry.type_name.lower()})"
    return entry.type[:-len(entry.type_name)] + link


def table(section):
    """Headings that stand between fields are rows of their own."""
    if section.is_enum:
        yield "| value | |"
        yield "|---|---|"
    else:
        yield "| field | type | |"
        yield "|---|---|---|"
    for entry in section.entries:
        for heading in entry.headings:
            yield f"| | | *{escape(heading)}* |"
        kind = "" if section.is_enum else f" {linked(entry)} |"
        yield f"| `{entry.name}` |{kind} {escape(entry.comment)} |"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    lines = [HEAD.rstrip("\n")]
    for section in config_schema.sections(sys.argv[1]):
        lines += ["", f"## {section.name}"]
        for text in section.paragraphs:
            lines += [escape(text), ""]
        lines += table(section)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
