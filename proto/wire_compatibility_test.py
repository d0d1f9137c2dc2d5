#!/usr/bin/python3
"""The wire is what was released, and the check would notice if it weren't.

  wire_compatibility_test.py GOLDEN DESCRIPTOR_SET...
"""

import copy
import sys
import unittest

import wire_compatibility as wc

_ARGUMENTS = []


def _find(elements, name):
    return next(element for element in elements if element.name == name)


class WireCompatibilityTest(unittest.TestCase):

    def setUp(self):
        with open(_ARGUMENTS[0], encoding="utf-8") as f:
            self.golden = wc.parse_golden(f.read())
        self.files = copy.deepcopy(wc.read_descriptor_sets(_ARGUMENTS[1:]))

    def _message(self, name):
        for file in self.files:
            for message in file.message_type:
                if file.package == wc.PACKAGE and message.name == name:
                    return message
        raise KeyError(name)

    def _breaks(self):
        return wc.find_breaks(self.golden, wc.Wire(self.files))

    def test_wire_is_as_released_and_golden_file_is_complete(self):
        self.assertEqual(wc.main(_ARGUMENTS), 0)

    def test_golden_file_is_as_the_update_writes_it(self):
        with open(_ARGUMENTS[0], encoding="utf-8") as f:
            self.assertEqual(f.read(), wc.format_golden(self.golden))

    def test_notices_a_new_number(self):
        _find(self._message("Client").field, "pid").number = 999
        self.assertEqual(len(self._breaks()), 1)
        self.assertIn("field wsp.v1.Client 2 (pid int32 optional -) is gone",
                      self._breaks()[0])

    def test_notices_another_type(self):
        field = _find(self._message("Client").field, "pid")
        field.type = field.TYPE_UINT32
        self.assertIn("is now (pid uint32 optional -)", self._breaks()[0])

    def test_notices_another_message_type_label_oneof_and_name(self):
        _find(self._message("Client").field, "version").type_name = ".x.Y"
        field = _find(self._message("Client").field, "uid")
        field.label = field.LABEL_REPEATED
        _find(self._message("SocketAddress").field,
              "ipv4").ClearField("oneof_index")
        _find(self._message("Socket").field, "pid").name = "process"
        self.assertEqual(len(self._breaks()), 4)

    def test_notices_a_changed_enum_value(self):
        for file in self.files:
            for enum in file.enum_type:
                if enum.name == "SocketState":
                    _find(enum.value, "SOCKET_STATE_BOUND").number = 77
        self.assertIn("value wsp.v1.SocketState 2", self._breaks()[0])

    def test_notices_a_changed_method(self):
        for file in self.files:
            for service in file.service:
                if service.name == "Provider":
                    _find(service.method, "Attach").server_streaming = False
        self.assertIn("rpc wsp.v1.Provider Attach", self._breaks()[0])

    def test_what_is_gone_has_to_be_reserved_by_number_and_name(self):
        message = self._message("Client")
        field = _find(message.field, "pid")
        message.reserved_range.add(start=field.number, end=field.number + 1)
        message.field.remove(field)
        self.assertEqual(len(self._breaks()), 1)
        message.reserved_name.append("pid")
        self.assertEqual(self._breaks(), [])

    def test_additions_break_nothing_and_are_listed(self):
        self._message("Client").field.add(name="new", number=500, type=5,
                                          label=1)
        wire = wc.Wire(self.files)
        self.assertEqual(wc.find_breaks(self.golden, wire), [])
        self.assertEqual(list(wc.find_additions(self.golden, wire)),
                         [("field", "wsp.v1.Client", "500")])


if __name__ == "__main__":
    _ARGUMENTS = sys.argv[1:]
    unittest.main(argv=sys.argv[:1])
