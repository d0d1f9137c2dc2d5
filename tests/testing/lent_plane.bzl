"""Tests once more with connections lent to the process of the SPI client."""

def on_lent_plane(names, short, size = "large"):
    """For every NAME_test, a test NAME_lent_test.

    Args:
      names: of the tests.
      short: those of them that every run has; the others are for long ones.
      size: of all of them.
    """
    for name in names:
        native.sh_test(
            name = name[:-len("_test")] + "_lent_test",
            size = size,
            srcs = ["//tests/testing:on_lent_plane.sh"],
            args = ["$(rootpath :%s)" % name],
            data = [":" + name],
            tags = [] if name in short else ["long_run"],
        )
