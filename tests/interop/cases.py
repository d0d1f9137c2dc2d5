"""The list of cases, which the modules in programs/ fill.

A case is a function of a world that runs programs there and gives what an
observer of them sees, as a dictionary: the same on all planes.
"""

import fnmatch

_cases = {}


def case(program, known=None):
    """Lists the function under the name of the program that it is about.
    `known` says, by plane, why the case is known to fail there."""
    def register(function):
        function.known = known or {}
        name = f"{program}.{function.__name__}"
        assert name not in _cases, name
        _cases[name] = function
        return function
    return register


def select(patterns):
    """Those of the names, "PROGRAM" or "PROGRAM.CASE", with * and ? as in the
    shell; all without any. Raises ValueError for a name that none has."""
    if not patterns:
        return dict(_cases)
    selected = {}
    for pattern in patterns:
        found = {name: function for name, function in _cases.items()
                 if fnmatch.fnmatch(name, pattern)
                 or fnmatch.fnmatch(name.split(".")[0], pattern)}
        if not found:
            programs = sorted({name.split(".")[0] for name in _cases})
            raise ValueError(f"no case is called {pattern}; programs are: "
                             f"{' '.join(programs)}")
        selected.update(found)
    return selected
