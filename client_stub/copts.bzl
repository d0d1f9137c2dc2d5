"""Compiler options of what is linked into libwsp.so.

No exceptions: nothing may be thrown across the C interface, and a cancelled
thread runs its cleanup handlers instead of destructors.
"""

load("//third_party/bazel:copts.bzl", "WSPD_COPTS")

STUB_COPTS = WSPD_COPTS + [
    "-fno-exceptions",
    "-fno-rtti",
    "-fvisibility=hidden",
    "-fvisibility-inlines-hidden",
]
