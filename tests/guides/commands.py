"""The commands that a page tells its readers to run, or names. As a program it
prints those of one section's blocks: commands.py PAGE HEADING

They are the lines of indented blocks and of fenced ones in sh, and what is set
as code within a line and begins with a program or the path of a script. Comments
are left out, and white space is one blank.
"""

import re
import shutil
import sys

import guide

# Programs, beside those that are installed where the test runs. A name alone is
# no command.
PROGRAMS = {
    "apt", "apt-get", "bazel", "curl", "docker", "docker-compose", "gdb",
    "journalctl", "kubectl", "kustomize", "man", "mmdebstrap", "podman",
    "promtool", "qemu-system-x86_64", "strace", "sudo", "systemctl",
    "systemd-analyze", "unshare", "wspcat", "wspctl", "wspd", "wsprun",
}
_SCRIPT = re.compile(r"[\w./-]+/[\w-]+\.(sh|py)")
_SETTING = re.compile(r"\w+=\S*")
_FENCED = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<text>.*?)^```$",
                     re.MULTILINE | re.DOTALL)
_HIDDEN = re.compile(r"^<!--.*?-->$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")


def normal(command):
    """Without its comment."""
    return " ".join(re.sub(r"(^|\s)#\s.*", "", command).split())


def indented_blocks(page):
    """Their lines: a block stands behind an empty line or a heading. One that
    begins with a folder is a list of folders."""
    block, before = None, ""
    for line in [*page.splitlines(), ""]:
        if block is None and line.startswith("    ") and (
                not before.strip() or before.startswith("#")):
            block = []
        if block is not None:
            if line.startswith("    "):
                block.append(line[4:])
            elif block:
                if not block[0].split()[0].endswith("/"):
                    yield block
                block = None
        before = line


def is_command(code):
    """Whether that begins as commands do."""
    words = code.split()
    while words and _SETTING.fullmatch(words[0]):
        words.pop(0)
    if not words:
        return False
    if _SCRIPT.fullmatch(words[0]):
        # Tests are named by their files.
        return not re.search(r"_test\.\w+$", words[0])
    return len(words) > 1 and (words[0] in PROGRAMS or
                               (re.fullmatch(r"[a-z][\w.+-]*", words[0])
                                is not None
                                and shutil.which(words[0]) is not None))


def commands(page, is_guide):
    """All of a page's text, in its order, each once. Of a guide (guide.py), whose
    fenced blocks are run as a whole, those that aren't."""
    page = _HIDDEN.sub("", page)
    found = []
    for match in _FENCED.finditer(page):
        if (match["kind"] == guide.SOURCES if is_guide
                else match["kind"].split()[:1] == ["sh"]):
            found += match["text"].splitlines()
    page = _FENCED.sub("", page)
    for block in indented_blocks(page):
        found += block
    prose = re.sub(r"^    .*$", lambda line: line[0] if "`" in line[0] else "",
                   page, flags=re.MULTILINE)
    found += [code for code in map(normal, _CODE.findall(prose))
              if is_command(code)]
    found += [code for block in indented_blocks(page) for line in block
              for code in map(normal, _CODE.findall(line)) if is_command(code)]
    return list(dict.fromkeys(filter(None, map(normal, found))))


def commands_in_comments(text):
    """Of a file in YAML: what is indented in its comments."""
    return list(dict.fromkeys(
        map(normal, re.findall(r"^#   +(\S.*)$", text, re.MULTILINE))))


def of_section(page, heading):
    """The lines of the blocks below a heading of the second level."""
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page,
                        re.MULTILINE | re.DOTALL)
    if section is None:
        raise ValueError(f"there is no {heading!r}")
    lines = [line for block in indented_blocks("\n" + section[1])
             for line in map(normal, block) if line]
    if not lines:
        raise ValueError(f"{heading!r} has no commands")
    return lines


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        print(*of_section(file.read(), sys.argv[2]), sep="\n")
