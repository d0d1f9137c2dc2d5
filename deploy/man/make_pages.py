#!/usr/bin/python3
"""Makes the manual pages: of what the programs say of themselves, and of the
configuration's schema.

Usage: make_pages.py --version V --wspctl PROGRAM --wsprun PROGRAM
                     --config_proto FILE FOLDER
"""

import argparse
import os
import subprocess
import time

import config_schema

HERE = os.path.dirname(os.path.abspath(__file__))

COMMANDS = {
    "wspctl": ("ask a running wspd what it has",
               ["wspd (8),", "wsprun (1)"]),
    "wsprun": ("run a Linux program with its Internet sockets made by wspd",
               ["wspd (8),", "wspctl (1)"]),
}


def date():
    """The day of $SOURCE_DATE_EPOCH, else today."""
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def escape(text):
    """A line of text as roff has it."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def command_page(name, program, version):
    """Verbatim what --help says, so that it is never something else."""
    text = subprocess.run([program, "--help"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    what, others = COMMANDS[name]
    also = "".join(f".BR {other}\n" for other in others)
    lines = "\n".join(escape(line) for line in text.rstrip("\n").split("\n"))
    return (f'.TH {name.upper()} 1 "{date()}" "wspd {version}"'
            ' "User commands"\n'
            f".SH NAME\n{name} \\- {what}\n"
            f".SH DESCRIPTION\n.nf\n{lines}\n.fi\n"
            f".SH SEE ALSO\n{also}")


def reference(schema):
    """The messages, enums and fields of the schema, in roff."""
    out = ""
    for section in config_schema.sections(schema):
        if section.is_enum:
            out += f".SS {section.name}\n"
        elif section.name == "Config":
            out += ".SH FIELDS\n"
        else:
            out += f".SH MESSAGE {section.name.upper()}\n"
        for text in section.paragraphs:
            out += f".PP\n{escape(text)}\n"
        for entry in section.entries:
            for heading in entry.headings:
                out += f".PP\n{escape(heading)}\n"
            kind = f" (\\fI{entry.type}\\fR)" if entry.type else ""
            out += (f".TP\n\\fB{entry.name}\\fR{kind}\n"
                    f"{escape(entry.comment)}\n")
    return out


def config_page(path, version):
    return (f'.TH WSPD.TEXTPROTO 5 "{date()}" "wspd {version}"'
            ' "File formats"\n'
            ".SH NAME\nwspd.textproto \\- the configuration of wspd\n"
            ".SH DESCRIPTION\n"
            "A message of protocol buffers in text form. What is left out has "
            "its default.\n.B wspd \\-\\-check_config \\-\\-config\n"
            ".I FILE\n"
            "says whether a file is right, and else the lines that aren't.\n"
            + reference(path) +
            ".SH FILES\n.I /etc/wspd/wspd.textproto\n"
            ".SH SEE ALSO\n.BR wspd (8)\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for flag in "version", "wspctl", "wsprun", "config_proto":
        parser.add_argument("--" + flag, required=True)
    parser.add_argument("folder")
    arguments = parser.parse_args()
    pages = {}
    for name in COMMANDS:
        pages[name + ".1"] = command_page(name, getattr(arguments, name),
                                          arguments.version)
    pages["wspd.textproto.5"] = config_page(arguments.config_proto,
                                            arguments.version)
    with open(os.path.join(HERE, "wspd.8.in")) as file:
        pages["wspd.8"] = file.read().replace("@DATE@", date()).replace(
            "@VERSION@", arguments.version)
    for name, text in pages.items():
        with open(os.path.join(arguments.folder, name), "w") as file:
            file.write(text)


if __name__ == "__main__":
    main()
