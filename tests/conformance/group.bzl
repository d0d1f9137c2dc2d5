"""A group of conformance cases: a program, and the test that runs it against
our own provider."""

load("//third_party/bazel:copts.bzl", "WSPD_COPTS")

_RUNNER = [
    "known_failures.py",
    "known_failures.txt",
    "known_skips.txt",
    "run_cases.py",
    "//tests/python:modules",
]

def conformance_groups(names, deps, lent_in_short):
    """For every NAME, whose cases are in NAME_test.cc: the program NAME, the
    test NAME_test, NAME_lent_test on the lent plane; and known_failures_test for
    the list as a whole.

    Args:
      names: of the groups.
      deps: of all of them.
      lent_in_short: those that every run has on the lent plane, too; the others
        are for long ones.
    """
    for name in names:
        native.cc_binary(
            name = name,
            testonly = True,
            srcs = [name + "_test.cc"],
            copts = WSPD_COPTS,
            deps = deps,
        )
        for plane in ["forwarded", "lent"]:
            lent = plane == "lent"
            _runner_test(
                name = name + ("_lent_test" if lent else "_test"),
                size = "large",
                args = [
                    "--daemon=$(rootpath //tests/testing:wspd)",
                    "--provider=$(rootpath //client_stub:libwsp.so)",
                    "--plane=" + plane,
                    "$(rootpath :%s)" % name,
                ],
                data = [
                    ":" + name,
                    "//client_stub:libwsp.so",
                    "//tests/testing:wspd",
                ],
                tags = ["long_run"] if lent and name not in lent_in_short else [],
            )
    _runner_test(
        name = "known_failures_test",
        size = "small",
        args = ["--check_list"] + ["$(rootpath :%s)" % name for name in names],
        data = [":" + name for name in names],
    )
    native.filegroup(
        name = "programs",
        testonly = True,
        srcs = [":" + name for name in names],
    )

def _runner_test(name, size, args, data, tags = []):
    native.sh_test(
        name = name,
        size = size,
        srcs = ["run_group.sh"],
        args = [
            "$(rootpath run_cases.py)",
            "--known_failures=$(rootpath known_failures.txt)",
            "--known_skips=$(rootpath known_skips.txt)",
        ] + args,
        data = _RUNNER + data,
        tags = tags,
    )
