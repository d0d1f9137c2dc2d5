#!/usr/bin/python3
"""Makes the manual pages: of what the programs say of themselves, and of the
configuration's schema.

Usage: make_pages.py --version V --wspctl PROGRAM --wsprun PROGRAM
                     --config_proto FILE FOLDER
"""

import argparse
import os
import subprocess
import tempfile
import time

from google.protobuf import descriptor_pb2

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


def compile_schema(path):
    """The schema's file descriptor, with where its comments are."""
    folder = os.path.dirname(os.path.abspath(path))
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(
            ["protoc", f"-I{folder}", "--include_source_info",
             f"--descriptor_set_out={out.name}", os.path.basename(path)],
            check=True)
        return descriptor_pb2.FileDescriptorSet.FromString(
            out.read()).file[0]


class Reference:
    """The fields of the schema's messages, in roff."""

    MESSAGE, ENUM, FIELD, VALUE, NESTED, NESTED_ENUM = 4, 5, 2, 2, 3, 4

    def __init__(self, schema):
        self._schema = schema
        # Also what stands before an element, apart from it: a heading.
        self._comments = {
            tuple(location.path): [*location.leading_detached_comments,
                                   location.leading_comments]
            for location in schema.source_code_info.location}

    def _comment(self, path):
        return [" ".join(text.split())
                for text in self._comments.get(tuple(path), []) if text]

    def _paragraphs(self, path):
        return "".join(f".PP\n{escape(text)}\n"
                       for text in self._comment(path))

    def _type(self, field):
        kinds = descriptor_pb2.FieldDescriptorProto
        name = (field.type_name.split(".")[-1] if field.type_name
                else kinds.Type.Name(field.type)[len("TYPE_"):].lower())
        repeated = field.label == kinds.LABEL_REPEATED
        return ("repeated " if repeated else "") + name

    def _message(self, message, path, title):
        out = f".SH {title}\n" + self._paragraphs(path)
        for i, field in enumerate(message.field):
            *headings, comment = self._comment(
                [*path, self.FIELD, i]) or [""]
            for heading in headings:
                out += f".PP\n{escape(heading)}\n"
            out += (f".TP\n\\fB{field.name}\\fR (\\fI{self._type(field)}"
                    f"\\fR)\n{escape(comment)}\n")
        for i, enum in enumerate(message.enum_type):
            out += self._enum(enum, [*path, self.NESTED_ENUM, i])
        for i, nested in enumerate(message.nested_type):
            out += self._message(nested, [*path, self.NESTED, i],
                                 f"MESSAGE {nested.name.upper()}")
        return out

    def _enum(self, enum, path):
        out = f".SS {enum.name}\n" + self._paragraphs(path)
        for i, value in enumerate(enum.value):
            if value.number == 0:
                continue  # the schema's own, for what isn't said
            comment = " ".join(self._comment([*path, self.VALUE, i]))
            out += f".TP\n\\fB{value.name}\\fR\n{escape(comment)}\n"
        return out

    def text(self):
        out = ""
        for i, message in enumerate(self._schema.message_type):
            title = ("FIELDS" if message.name == "Config"
                     else f"MESSAGE {message.name.upper()}")
            out += self._message(message, [self.MESSAGE, i], title)
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
            + Reference(compile_schema(path)).text() +
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
