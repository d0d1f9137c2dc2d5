"""What the configuration's schema says of itself, by the comments in it: for
the manual page and for deploy/guides/configuration.md."""

import dataclasses
import os
import subprocess
import tempfile

from google.protobuf import descriptor_pb2

# Numbers in descriptor.proto, of which paths to comments are made.
_MESSAGE, _FIELD, _NESTED, _NESTED_ENUM, _VALUE = 4, 2, 3, 4, 2


@dataclasses.dataclass
class Entry:
    """A field, or an enum's value, whose `type` and `type_name` are empty."""
    name: str
    type: str  # as it is read: "repeated Rule"
    type_name: str  # of a message or enum alone: "Rule"
    headings: list  # what stands apart, before its comment
    comment: str


@dataclasses.dataclass
class Section:
    """A message or an enum."""
    name: str
    is_enum: bool
    paragraphs: list
    entries: list


def _compile(path):
    """The schema's file descriptor, with where its comments are."""
    folder = os.path.dirname(os.path.abspath(path))
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(
            ["protoc", f"-I{folder}", "--include_source_info",
             f"--descriptor_set_out={out.name}", os.path.basename(path)],
            check=True)
        return descriptor_pb2.FileDescriptorSet.FromString(
            out.read()).file[0]


def _type(field):
    """As it is read, and its message's or enum's name."""
    kinds = descriptor_pb2.FieldDescriptorProto
    type_name = field.type_name.split(".")[-1]
    name = type_name or kinds.Type.Name(field.type)[len("TYPE_"):].lower()
    repeated = field.label == kinds.LABEL_REPEATED
    return ("repeated " if repeated else "") + name, type_name


class _Reader:
    def __init__(self, schema):
        # Also what stands before an element, apart from it: a heading.
        self._comments = {
            tuple(location.path): [*location.leading_detached_comments,
                                   location.leading_comments]
            for location in schema.source_code_info.location}

    def _comment(self, path):
        """Paragraphs, each on one line."""
        return [" ".join(paragraph.split())
                for text in self._comments.get(tuple(path), [])
                for paragraph in text.split("\n\n") if paragraph.strip()]

    def _field(self, field, path):
        texts = [" ".join(text.split())
                 for text in self._comments.get(tuple(path), []) if text]
        *headings, comment = texts or [""]
        return Entry(field.name, *_type(field), headings, comment)

    def message(self, message, path):
        """It, its enums and the messages in it."""
        fields = [self._field(field, [*path, _FIELD, i])
                  for i, field in enumerate(message.field)]
        yield Section(message.name, False, self._comment(path), fields)
        for i, enum in enumerate(message.enum_type):
            yield self._enum(enum, [*path, _NESTED_ENUM, i])
        for i, nested in enumerate(message.nested_type):
            yield from self.message(nested, [*path, _NESTED, i])

    def _enum(self, enum, path):
        values = [Entry(value.name, "", "", [],
                        " ".join(self._comment([*path, _VALUE, i])))
                  for i, value in enumerate(enum.value)
                  if value.number != 0]  # the schema's own, for what isn't said
        return Section(enum.name, True, self._comment(path), values)


def sections(path):
    """The sections of the schema in the file, in its order."""
    schema = _compile(path)
    reader = _Reader(schema)
    for i, message in enumerate(schema.message_type):
        yield from reader.message(message, [_MESSAGE, i])
