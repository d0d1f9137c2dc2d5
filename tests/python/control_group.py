"""Control groups that are named as container engines name theirs."""

import os
import secrets


def unified_hierarchy():
    """Where the control group of this process is in the file system, and its
    path as /proc/PID/cgroup has it."""
    with open("/proc/self/cgroup", encoding="ascii") as file:
        own = next(line[3:].rstrip("\n") for line in file
                   if line.startswith("0::"))
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            fields, _, kind = line.partition(" - ")
            root, point = fields.split()[3:5]
            if kind.split()[0] == "cgroup2" and root == "/":
                return point + own.rstrip("/"), own.rstrip("/")
    raise OSError("no unified hierarchy of control groups is mounted")


class ControlGroup:
    """One with groups of containers in it; each goes when it is empty."""

    def __init__(self):
        folder, path = unified_hierarchy()
        name = f"wspd-test-{os.getpid()}.slice"
        self.folder = os.path.join(folder, name)
        self.path = f"{path}/{name}"
        self.containers = []
        os.mkdir(self.folder)

    def add(self, prefix):
        """A container's id."""
        container = secrets.token_hex(32)
        folder = os.path.join(self.folder, f"{prefix}-{container}.scope")
        os.mkdir(folder)
        self.containers.append(folder)
        return container

    def launcher(self, container):
        """The command that runs a program in it."""
        folder, = [folder for folder in self.containers if container in folder]
        return ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', folder]

    def close(self):
        for folder in (*self.containers, self.folder):
            os.rmdir(folder)
