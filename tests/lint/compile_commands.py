"""Writes compile_commands.json from Bazel's own actions.

Usage: compile_commands.py [TARGET_PATTERN]
"""

import json
import os
import subprocess
import sys


def main():
    pattern = sys.argv[1] if len(sys.argv) > 1 else "//..."
    graph = json.loads(subprocess.run(
        ["bazel", "aquery", "--output=jsonproto", "--noshow_progress",
         "--ui_event_filters=-info",
         f'mnemonic("CppCompile", {pattern})'],
        check=True, capture_output=True, text=True).stdout)
    # Bazel links its output tree into the workspace, so that the paths of its
    # actions hold there too.
    root = os.getcwd()
    commands = {}
    for action in graph.get("actions", []):
        arguments = action["arguments"]
        if "-c" not in arguments:
            continue
        source = arguments[arguments.index("-c") + 1]
        if source.startswith(("bazel-out/", "external/")):
            continue
        # Options that clang-tidy's clang doesn't know.
        known = [a for a in arguments
                 if a not in ("-Wno-free-nonheap-object",
                              "-fno-canonical-system-headers",
                              "-fno-gnu-unique")]
        commands[source] = {"directory": root, "file": source,
                            "arguments": known}
    with open("compile_commands.json", "w") as file:
        json.dump(list(commands.values()), file, indent=1)
    print("\n".join(sorted(commands)))


if __name__ == "__main__":
    main()
