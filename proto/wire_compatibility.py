#!/usr/bin/python3
"""Compares the wire with what has been released: proto/wire_golden.txt.

Clients and daemons of different versions talk to each other, so that what was
given out once stays: numbers, types and names of fields, numbers of enum
values, methods with their messages. What goes has to be reserved, by number and
name.

  wire_compatibility.py [--update] GOLDEN DESCRIPTOR_SET...

Prints what is wrong and exits with 1; with --update it adds what is new to the
golden file, and changes nothing else.
"""

import os
import sys

from google.protobuf import descriptor_pb2

PACKAGE = "wsp.v1"

_Field = descriptor_pb2.FieldDescriptorProto


def _type_name(field):
    if field.type_name:
        return field.type_name.lstrip(".")
    return _Field.Type.Name(field.type)[len("TYPE_"):].lower()


def _field_entries(message, path):
    for field in message.field:
        label = _Field.Label.Name(field.label)[len("LABEL_"):].lower()
        oneof = "-"
        if field.HasField("oneof_index"):
            oneof = message.oneof_decl[field.oneof_index].name
        yield (("field", path, str(field.number)),
               (field.name, _type_name(field), label, oneof))


def _reserved(element, path):
    """The keys that may be missing, with the names that may."""
    for span in element.reserved_range:
        for number in range(span.start, span.end):
            yield path, str(number)
    for name in element.reserved_name:
        yield path, name


class Wire:
    """What a set of .proto files says, as comparable entries."""

    def __init__(self, files):
        # (kind, owner, number or name) -> attributes
        self.entries = {}
        # (owner, number) and (owner, name)
        self.reserved = set()
        for file in files:
            if file.package != PACKAGE:
                continue
            for message in file.message_type:
                self._add_message(message, PACKAGE + "." + message.name)
            for enum in file.enum_type:
                self._add_enum(enum, PACKAGE + "." + enum.name)
            for service in file.service:
                self._add_service(service, PACKAGE + "." + service.name)

    def _add_message(self, message, path):
        self.entries.update(_field_entries(message, path))
        # Protobuf's end of a message's range is exclusive.
        self.reserved.update(_reserved(message, path))
        for nested in message.nested_type:
            self._add_message(nested, path + "." + nested.name)
        for enum in message.enum_type:
            self._add_enum(enum, path + "." + enum.name)

    def _add_enum(self, enum, path):
        for value in enum.value:
            self.entries["value", path, str(value.number)] = (value.name,)
        # That of an enum's is inclusive.
        for span in enum.reserved_range:
            for number in range(span.start, span.end + 1):
                self.reserved.add((path, str(number)))
        for name in enum.reserved_name:
            self.reserved.add((path, name))

    def _add_service(self, service, path):
        for method in service.method:
            self.entries["rpc", path, method.name] = (
                ("stream " if method.client_streaming else "") +
                method.input_type.lstrip("."),
                ("stream " if method.server_streaming else "") +
                method.output_type.lstrip("."))


def read_descriptor_sets(paths):
    """The files of several descriptor sets, each once."""
    files = {}
    for path in paths:
        descriptor_set = descriptor_pb2.FileDescriptorSet()
        with open(path, "rb") as f:
            descriptor_set.ParseFromString(f.read())
        for file in descriptor_set.file:
            files[file.name] = file
    return list(files.values())


def format_entry(key, attributes):
    return "\t".join(key + attributes)


def parse_golden(text):
    """The entries of the golden file: tab-separated, '#' begins a comment."""
    entries = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            parts = tuple(line.split("\t"))
            entries[parts[:3]] = parts[3:]
    return entries


def find_breaks(golden, wire):
    """Lines on what was released and is gone or different."""
    breaks = []
    for key, old in sorted(golden.items()):
        kind, owner, number = key
        new = wire.entries.get(key)
        what = "%s %s %s (%s)" % (kind, owner, number, " ".join(old))
        if new is not None and new != old:
            breaks.append("%s is now (%s)" % (what, " ".join(new)))
        elif new is None and not ((owner, number) in wire.reserved and
                                  (owner, old[0]) in wire.reserved):
            breaks.append("%s is gone; reserve its number and its name" % what)
    return breaks


def find_additions(golden, wire):
    return {key: wire.entries[key] for key in wire.entries if key not in golden}


def _sort_key(key):
    kind, owner, number = key
    return kind, owner, int(number) if number.isdigit() else 0, number


def format_golden(entries):
    lines = ["# The released wire; bazel run //proto:update_wire_golden adds"
             " to it."]
    lines += [format_entry(key, entries[key])
              for key in sorted(entries, key=_sort_key)]
    return "\n".join(lines) + "\n"


def main(arguments):
    update = "--update" in arguments
    golden_path, *descriptor_sets = [a for a in arguments if a != "--update"]
    # Of `bazel run`: the tree, not its copy in the sandbox.
    if update and "BUILD_WORKSPACE_DIRECTORY" in os.environ:
        golden_path = os.path.join(os.environ["BUILD_WORKSPACE_DIRECTORY"],
                                   golden_path)
    wire = Wire(read_descriptor_sets(descriptor_sets))
    with open(golden_path, encoding="utf-8") as f:
        golden = parse_golden(f.read())
    breaks = find_breaks(golden, wire)
    additions = find_additions(golden, wire)
    for line in breaks:
        print("broken:", line)
    if update and not breaks:
        golden.update(additions)
        with open(golden_path, "w", encoding="utf-8") as f:
            f.write(format_golden(golden))
        print("%d entries added" % len(additions))
        return 0
    for key, attributes in sorted(additions.items()):
        print("new:", format_entry(key, attributes))
    if additions:
        print("Once these are as they should stay: "
              "bazel run //proto:update_wire_golden")
    return 1 if breaks or additions else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
