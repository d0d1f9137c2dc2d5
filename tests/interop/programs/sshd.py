"""sshd, ssh and scp. sshd executes itself for each connection and shuts what
reads the network before authentication into a chroot with a seccomp filter."""

import os
import signal

import world
from cases import case
from programs.web_server import WebServer

PORT, FORWARDED_PORT, BACK_PORT = 2222, 2223, 2224

_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/user_key.pub
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
"""


class Ssh:
    def __init__(self, place, server_side, client_side):
        self.place = place
        self._client_side = client_side
        for name in ("host_key", "user_key"):
            place.peer.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                           name)
        # Where sshd wants to have its chroot.
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        place.write("sshd_config",
                    _CONFIG.format(port=PORT, folder=place.folder))
        self.server = server_side.start(
            "/usr/sbin/sshd", "-D", "-e", "-f", place.path("sshd_config"))
        place.await_listener(self.server, PORT)
        self.options = (
            "-F", "none", "-i", place.path("user_key"), "-o", "BatchMode=yes",
            "-o", "StrictHostKeyChecking=accept-new", "-o",
            f"UserKnownHostsFile={place.path('known_hosts')}", "-o",
            "LogLevel=ERROR")

    def ssh(self, *words):
        return ("ssh", *self.options, "-p", PORT, *words)

    def command(self, text, **settings):
        return self._client_side.run(*self.ssh("root@127.0.0.1", text),
                                     **settings)

    def copy(self, source, target, *options):
        self._client_side.run("scp", "-q", *self.options, *options, "-P", PORT,
                              source, target,
                              deadline=world.DEADLINE + 4 * self.place.mib)
        return world.file_checksum(
            self.place.path(os.path.basename(target)))

    def stop(self):
        self.server.stop(signal.SIGTERM)


def _use(place, server_side, client_side):
    right = place.make_body("body", place.mib << 20)
    small = os.urandom(300_000)
    ssh = Ssh(place, server_side, client_side)
    path = place.path("body")
    observed = {
        "command": ssh.command("echo $((6 * 7)); exit 0"),
        "status": client_side.status(*ssh.ssh("root@127.0.0.1", "exit 7")),
        "pipe is right": ssh.command("cat", data=small) == small,
        "address": ssh.command("set -- $SSH_CONNECTION; echo $1 $3 $4"),
        # A session's environment is sshd's making.
        "preloaded": ssh.command("echo $LD_PRELOAD"),
        "by name": client_side.run(*ssh.ssh("-4", "root@localhost",
                                            "echo here")),
        "put is right": ssh.copy(
            path, f"root@127.0.0.1:{place.path('put')}") == right,
        "got is right": ssh.copy(
            f"root@127.0.0.1:{path}", place.path("got")) == right,
        "got is right by the old protocol": ssh.copy(
            f"root@127.0.0.1:{path}", place.path("old"), "-O") == right,
        "refused": client_side.status(
            "ssh", *ssh.options, "-p", 1, "root@127.0.0.1", "true"),
    }
    ssh.stop()
    return observed


@case("sshd")
def server(place):
    return _use(place, place.subject, place.peer)


@case("sshd")
def client(place):
    return _use(place, place.peer, place.subject)


def _forward(place, server_side, client_side):
    """Both listen for the other's end, and connect for it."""
    site = WebServer(place, place.peer)
    ssh = Ssh(place, server_side, client_side)
    tunnel = client_side.start(*ssh.ssh(
        "-N", "-o", "ExitOnForwardFailure=yes", "-L",
        f"127.0.0.1:{FORWARDED_PORT}:127.0.0.1:{site.port}", "-R",
        f"127.0.0.1:{BACK_PORT}:127.0.0.1:{site.port}", "root@127.0.0.1"))
    observed = {}
    for name, port in (("forwards", FORWARDED_PORT), ("back", BACK_PORT)):
        place.await_listener(tunnel, port)
        observed[name] = world.checksum(place.peer.run(
            "curl", "-sS", f"http://127.0.0.1:{port}/small")) == site.small
    tunnel.process.terminate()
    tunnel.wait(world.SHORT, status=None)
    ssh.stop()
    site.stop()
    return observed


@case("sshd")
def server_forwards(place):
    return _forward(place, place.subject, place.peer)


@case("sshd")
def client_forwards(place):
    return _forward(place, place.peer, place.subject)
