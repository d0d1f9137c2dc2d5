"""Debian's packages that programs come from."""

import shutil

_INSTALL = "deploy/install_packages.sh --bench"


def missing(needs):
    """What is to be installed, and how, given the packages by the names or
    paths of programs; "" if nothing."""
    wanted = [package for program, package in needs.items()
              if not shutil.which(program)]
    if not wanted:
        return ""
    return f"needs {', '.join(sorted(set(wanted)))}: {_INSTALL}"
