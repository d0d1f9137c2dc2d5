"""A podman of the tests' own: nothing of the machine's containers, images and
networks is seen or changed. The settings are for machines that are containers
themselves, too."""

import json
import os
import shutil
import subprocess
import tempfile
import time

ROOT = os.path.realpath(
    os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
DEADLINE = 60
# Of one command.
COMMAND_SECONDS = 120

CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
events_logger = "file"
[network]
network_config_dir = "{folder}/networks"
"""
STORAGE_CONF = """
[storage]
driver = "vfs"
graphroot = "{folder}/storage"
runroot = "{folder}/run"
"""


def place():
    """In memory, where there is room for the images."""
    try:
        if shutil.disk_usage("/dev/shm").free > 2 << 30:
            return "/dev/shm"
    except FileNotFoundError:
        pass
    return "/tmp"


def wait_until(what, condition):
    """What `condition` gives, as soon as that is true."""
    end = time.monotonic() + DEADLINE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {DEADLINE} s for {what}")
        time.sleep(0.1)


class Engine:
    """Use it with `with`."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="wspd-containers.", dir=place())
        os.mkdir(os.path.join(self.folder, "networks"))
        self.environment = {
            **os.environ,
            # systemd would run health checks; the tests do.
            "DISABLE_HC_SYSTEMD": "true",
            "CONTAINERS_CONF": self.write(
                "containers.conf", CONTAINERS_CONF.format(folder=self.folder)),
            "CONTAINERS_STORAGE_CONF": self.write(
                "storage.conf", STORAGE_CONF.format(folder=self.folder)),
            "DOCKER_HOST": f"unix://{self.folder}/podman.sock",
            "TMPDIR": self.folder,
        }
        self._service = None
        return self

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def __exit__(self, kind, value, trace):
        self.try_podman("rm", "-f", "-a", "-t", "5", "-v")
        self.try_podman("network", "prune", "-f")
        self.try_podman("image", "rm", "-a", "-f")
        if self._service is not None:
            self._service.terminate()
            self._service.wait(DEADLINE)
        subprocess.run(["umount", "-l", f"{self.folder}/storage/vfs"],
                       stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *command, **options):
        """A command with this engine's environment; its output, if it ends with
        0."""
        result = self.attempt(*command, **options)
        if result.returncode != 0:
            raise AssertionError(f"{' '.join(command)} ended with "
                                 f"{result.returncode}: {result.stdout}"
                                 f"{result.stderr}")
        return result.stdout.strip()

    def attempt(self, *command, **options):
        options.setdefault("env", self.environment)
        return subprocess.run(command, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True,
                              timeout=COMMAND_SECONDS, check=False, **options)

    def podman(self, *arguments):
        return self.run("podman", *arguments)

    def try_podman(self, *arguments):
        return self.attempt("podman", *arguments)

    def serve(self):
        """Docker's API, for programs that speak it."""
        if self._service is None:
            self._service = subprocess.Popen(
                ["podman", "system", "service", "--time", "0",
                 self.environment["DOCKER_HOST"]], env=self.environment,
                stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_until("podman's service", lambda: os.path.exists(
                f"{self.folder}/podman.sock"))

    def inspect(self, what):
        return json.loads(self.podman("inspect", what))[0]

    def address(self, container):
        """In its network."""
        networks = self.inspect(container)["NetworkSettings"]["Networks"]
        return next(iter(networks.values()))["IPAddress"]

    def await_health(self, container):
        wait_until(f"the health of {container}", lambda: self.try_podman(
            "healthcheck", "run", container).returncode == 0)

    def build_images(self, binaries, command="podman"):
        """wspd's, by the command that users build them by; the name."""
        return self.run("bash", f"{ROOT}/deploy/container/build_image.sh",
                        "--bin", binaries, "--engine", command)

    def build_program_image(self, name, programs, files, base=None):
        """Of this machine's programs with their libraries, of files with their
        contents, and of what the image `base` has."""
        root = tempfile.mkdtemp(prefix="root.", dir=self.folder)
        os.chmod(root, 0o755)
        self.run("bash", f"{ROOT}/deploy/container/copy_libraries.sh", root,
                 *programs)
        os.mkdir(f"{root}/tmp")
        # A tmpfs that is put there has the same.
        os.chmod(f"{root}/tmp", 0o1777)
        for program in programs:
            target = root + os.path.realpath(program)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(program, target)
        for path, text in files.items():
            os.makedirs(os.path.dirname(root + path), exist_ok=True)
            with open(root + path, "w") as file:
                file.write(text)
        containerfile = f"{self.folder}/{os.path.basename(root)}.containerfile"
        with open(containerfile, "w") as file:
            file.write("FROM scratch\nCOPY . /\n")
            if base:
                file.write(f"COPY --from={base} / /\n")
        self.podman("build", "-q", "-f", containerfile, "-t", name, root)
        shutil.rmtree(root)
