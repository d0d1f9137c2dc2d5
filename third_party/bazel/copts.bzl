"""Compiler options of the project's own code. Warnings are errors."""

WSPD_COPTS = [
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wvla",
    "-Wnon-virtual-dtor",
    "-Wno-missing-field-initializers",
]
