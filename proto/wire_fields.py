"""Prints a C++ header with the field and enum numbers of the wire's messages.

The stub and the daemon's fast path encode by hand; this keeps their numbers
those of the .proto files, which stay the only place that states them.
"""

import sys

from google.protobuf import descriptor_pb2


def constant_name(name):
    return "k" + "".join(part.capitalize() for part in name.split("_"))


def print_enum(enum, indent):
    print(f"{indent}enum {enum.name} : uint32_t {{")
    for value in enum.value:
        print(f"{indent}  {value.name} = {value.number},")
    print(f"{indent}}};")


def print_message(message, indent):
    print(f"{indent}struct {message.name} {{")
    if message.field:
        print(f"{indent}  enum : uint32_t {{")
        for field in message.field:
            print(f"{indent}    {constant_name(field.name)} = {field.number},")
        print(f"{indent}  }};")
    for enum in message.enum_type:
        print_enum(enum, indent + "  ")
    for nested in message.nested_type:
        print_message(nested, indent + "  ")
    print(f"{indent}}};")


def main():
    descriptors = descriptor_pb2.FileDescriptorSet()
    with open(sys.argv[1], "rb") as file:
        descriptors.ParseFromString(file.read())
    print("// Made from proto/wsp/v1 by wire_fields.py.")
    print("#ifndef WSPD_PROTO_WIRE_FIELDS_H_")
    print("#define WSPD_PROTO_WIRE_FIELDS_H_")
    print("#include <cstdint>")
    print("namespace wsp::wire {")
    for file in descriptors.file:
        for enum in file.enum_type:
            print_enum(enum, "")
        for message in file.message_type:
            print_message(message, "")
    print("}  // namespace wsp::wire")
    print("#endif  // WSPD_PROTO_WIRE_FIELDS_H_")


if __name__ == "__main__":
    main()
