#!/usr/bin/python3
"""Administration from elsewhere: who gets in, and what each may do.

Usage: remote_test.py WSPD WSPCTL PROTO_ROOT
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import termios
import time
import unittest

import grpc

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "python")]
import certificates  # noqa: E402
import daemon_process  # noqa: E402
import wire_client  # noqa: E402

WSPD, WSPCTL, PROTO_ROOT = (os.path.abspath(path) for path in sys.argv[1:4])
PROTOS = wire_client.load_protos(PROTO_ROOT)
ADMIN = PROTOS[2]
DEADLINE = 30
ADMINISTRATOR, READER = "URI:spiffe://example.test/operator", "DNS:reader.test"
NOBODY = 4000000  # no process has this number
HOST = PROTOS[1].LookupRequest.KIND_HOST


def read(path):
    with open(path, "rb") as file:
        return file.read()


class RemoteTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="wspd-remote.", dir="/tmp")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.authority = certificates.Authority(cls.folder, "authority")
        cls.other = certificates.Authority(cls.folder, "other")
        cls.server = cls.authority.issue(
            "server", "DNS:localhost", "IP:127.0.0.1", usage="serverAuth")
        issue = cls.authority.issue
        cls.administrator = issue("administrator", ADMINISTRATOR)
        cls.reader = issue("reader", "DNS:x.test", READER)
        cls.alice = issue("alice", subject="alice")
        cls.stranger = issue("stranger", "DNS:stranger.test", subject="bob")
        cls.expired = issue("expired", ADMINISTRATOR, days=0)

    def setUp(self):
        self.own = tempfile.mkdtemp(prefix="wspd-remote.", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.own)
        self.config_file = os.path.join(self.own, "wspd.textproto")
        # Copies, so that a test may change them.
        self.files = {}
        for field, path in [("certificate", self.server[0]),
                            ("key", self.server[1]),
                            ("client_ca", self.authority.certificate)]:
            self.files[field] = shutil.copy(path,
                                            os.path.join(self.own, field))

    def write_config(self, administrators=(ADMINISTRATOR, "CN:alice"),
                     readers=(READER,), address="127.0.0.1:0"):
        lines = [f'address: "{address}"']
        lines += [f'{field}: "{path}"' for field, path in self.files.items()]
        lines += [f'administrators: "{name}"' for name in administrators]
        lines += [f'readers: "{name}"' for name in readers]
        with open(self.config_file, "w") as file:
            file.write("remote_admin {\n  " + "\n  ".join(lines) + "\n}\n")

    def write_empty_config(self):
        with open(self.config_file, "w"):
            pass

    def start_daemon(self, **config):
        self.write_config(**config)
        daemon = self.start_as_configured()
        self.await_served(daemon)
        return daemon

    def start_as_configured(self):
        daemon = daemon_process.DaemonProcess(WSPD, "--config",
                                              self.config_file)
        daemon.__enter__()

        def stop():
            daemon.__exit__(None, None, None)
            # Also with connections and streams of every kind open.
            self.assertIn(daemon.status, (0, -signal.SIGTERM), daemon.log)

        self.addCleanup(stop)
        return daemon

    def await_served(self, daemon):
        line = daemon.await_line("remote administration served")
        self.assertTrue(line, daemon.log)
        self.port = int(re.search(r"address=\S*:(\d+)", line).group(1))

    def channel(self, pair, ca=None):
        certificate, key = pair
        channel = grpc.secure_channel(
            f"localhost:{self.port}",
            grpc.ssl_channel_credentials(
                read(ca or self.authority.certificate), read(key),
                read(certificate)))
        self.addCleanup(channel.close)
        return channel

    def call(self, channel, method, request):
        response = getattr(ADMIN, method + "Response")
        return channel.unary_unary(
            f"/wsp.v1.Admin/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString)(
                request, timeout=DEADLINE)

    def list_clients(self, pair):
        with self.channel(pair) as channel:
            return self.call(channel, "ListClients",
                             ADMIN.ListClientsRequest())

    def disconnect(self, pair, pid=NOBODY):
        return self.call(self.channel(pair), "DisconnectClient",
                         ADMIN.DisconnectClientRequest(pid=pid))

    def client(self, daemon):
        client = wire_client.WireClient(PROTOS, daemon.provider_socket)
        self.addCleanup(client.close)
        client.attach()
        self.assertEqual(client.call("startup",
                                     version_requested=0x0202).wsa_error, 0)
        return client

    def assert_code(self, code, words, call, *arguments):
        with self.assertRaises(grpc.RpcError) as caught:
            call(*arguments)
        self.assertEqual(caught.exception.code(), code,
                         caught.exception.details())
        for word in words:
            self.assertIn(word, caught.exception.details())

    # ---- who may do what

    def test_an_administrator_does_everything(self):
        daemon = self.start_daemon()
        self.client(daemon)
        for pair in [self.administrator, self.alice]:
            clients = self.list_clients(pair).clients
            self.assertEqual([each.pid for each in clients], [os.getpid()])
        self.disconnect(self.administrator, os.getpid())
        self.assertTrue(daemon.await_line("client disconnected"))

    def test_a_reader_sees_everything_and_does_nothing(self):
        daemon = self.start_daemon()
        self.client(daemon)
        self.assertEqual(len(self.list_clients(self.reader).clients), 1)
        self.assert_code(grpc.StatusCode.PERMISSION_DENIED,
                         ["disconnect clients", READER], self.disconnect,
                         self.reader, os.getpid())
        self.assert_code(
            grpc.StatusCode.PERMISSION_DENIED, ["reset sockets"], self.call,
            self.channel(self.reader), "ResetSocket",
            ADMIN.ResetSocketRequest(socket_id=1))
        self.assert_code(
            grpc.StatusCode.PERMISSION_DENIED, ["close sockets"], self.call,
            self.channel(self.reader), "EndSocket",
            ADMIN.EndSocketRequest(socket_id=1))
        self.assertEqual(len(self.list_clients(self.reader).clients), 1)

    def test_who_is_not_listed_sees_nothing(self):
        self.start_daemon()
        self.assert_code(grpc.StatusCode.PERMISSION_DENIED,
                         ["DNS:stranger.test", "CN:bob", "remote_admin"],
                         self.list_clients, self.stranger)

    def test_names_are_compared_to_the_letter(self):
        issue = self.authority.issue
        self.start_daemon(readers=["DNS:reader.test", "CN:DNS:x"])
        for i, names in enumerate([
                ["DNS:READER.test"], ["DNS:reader.test.evil.test"],
                ["DNS:*.test"], ["DNS:a.reader.test"],
                ["URI:reader.test"], ["email:reader@reader.test"],
                ["URI:spiffe://example.test/operator/x"],
                ["IP:127.0.0.1"]]):
            with self.subTest(names=names):
                self.assert_code(grpc.StatusCode.PERMISSION_DENIED, [],
                                 self.list_clients, issue(f"near{i}", *names))
        # A subject is no alternative name.
        self.assert_code(
            grpc.StatusCode.PERMISSION_DENIED, [], self.list_clients,
            issue("subject", subject="DNS:reader.test"))

    def test_stock_services_are_for_those_who_are_listed(self):
        self.start_daemon()
        check = "/grpc.health.v1.Health/Check"
        for pair, good in [(self.reader, True), (self.stranger, False)]:
            call = self.channel(pair).unary_unary(check)
            if good:
                self.assertEqual(call(b"", timeout=DEADLINE), b"\x08\x01")
            else:
                self.assert_code(grpc.StatusCode.PERMISSION_DENIED, [], call,
                                 b"")

    # ---- who gets in

    def tls(self, pair=None, **versions):
        """The socket of a handshake that may have failed already."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.authority.certificate)
        context.set_alpn_protocols(versions.pop("protocols", ["h2"]))
        context.set_ciphers("ALL:@SECLEVEL=0")
        for name, version in versions.items():
            setattr(context, name, version)
        if pair is not None:
            context.load_cert_chain(*pair)
        plain = socket.create_connection(("127.0.0.1", self.port))
        plain.settimeout(DEADLINE)
        self.addCleanup(plain.close)
        wrapped = context.wrap_socket(plain, server_hostname="localhost")
        self.addCleanup(wrapped.close)
        return wrapped

    def assert_refused(self, daemon, cause, pair=None, **options):
        try:
            wrapped = self.tls(pair, **options)
            # By TLS 1.3 a client hears of it when it reads.
            got = wrapped.recv(1)
        except (ssl.SSLError, ConnectionError):
            got = b""
        self.assertEqual(got, b"")
        self.assertTrue(daemon.await_line("remote connection refused", cause),
                        daemon.log)
        # Nor has it done harm.
        self.list_clients(self.administrator)

    def test_who_is_listed_gets_in(self):
        self.start_daemon()
        for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
            wrapped = self.tls(self.reader, minimum_version=version,
                               maximum_version=version)
            # HTTP/2 begins.
            self.assertEqual(len(wrapped.recv(9)), 9)

    def test_without_a_certificate(self):
        daemon = self.start_daemon()
        self.assert_refused(daemon, "peer did not return a certificate")

    def test_with_a_certificate_of_another_authority(self):
        daemon = self.start_daemon()
        self.assert_refused(daemon, "certificate verify failed",
                            self.other.issue("operator", ADMINISTRATOR))

    def test_with_one_that_has_expired(self):
        daemon = self.start_daemon()
        self.assert_refused(daemon, "certificate has expired", self.expired)

    def test_with_one_for_servers(self):
        daemon = self.start_daemon()
        self.assert_refused(
            daemon, "certificate verify failed",
            self.authority.issue("a_server", ADMINISTRATOR,
                                 usage="serverAuth"))

    def test_with_a_version_that_is_too_old(self):
        daemon = self.start_daemon()
        old = ssl.TLSVersion.TLSv1_1
        self.assert_refused(daemon, "unsupported protocol",
                            self.administrator, minimum_version=old,
                            maximum_version=old)

    def test_with_another_protocol_inside(self):
        daemon = self.start_daemon()
        self.assert_refused(daemon, "no application protocol",
                            self.administrator, protocols=["http/1.1"])

    def test_without_tls(self):
        daemon = self.start_daemon()
        with socket.create_connection(("127.0.0.1", self.port)) as plain:
            plain.settimeout(DEADLINE)
            plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                while plain.recv(4096):
                    pass
        self.assertTrue(daemon.await_line("remote connection refused"))
        self.list_clients(self.administrator)

    def test_who_proves_nothing_keeps_nobody_out(self):
        daemon = self.start_daemon()
        silent = []
        for _ in range(200):
            made = socket.create_connection(("127.0.0.1", self.port))
            self.addCleanup(made.close)
            made.sendall(b"\x16\x03\x01")
            silent.append(made)
        self.list_clients(self.administrator)
        self.assertTrue(daemon.await_line("remote connection refused",
                                          "others came meanwhile"))
        # The last ones, when their time is over.
        for made in silent:
            made.settimeout(DEADLINE)
            with contextlib.suppress(ConnectionError):
                self.assertEqual(made.recv(1), b"")

    def connect(self, pair):
        """A connection that has proved whose it is, and is served."""
        made = self.tls(pair)
        self.assertEqual(len(made.recv(9)), 9)
        return made

    def assert_no_room(self, daemon, pair, whose):
        daemon.log.clear()
        self.assert_refused_now(pair)
        self.assertTrue(daemon.await_line("remote connection refused", whose),
                        daemon.log)

    def test_one_certificate_has_a_few_connections(self):
        daemon = self.start_daemon()
        held = [self.connect(self.administrator) for _ in range(16)]
        self.assert_no_room(daemon, self.administrator,
                            "of this certificate's names")
        self.list_clients(self.alice)
        # There is room again, once the daemon has heard of it.
        held.pop().close()
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                self.connect(self.administrator)
                return
            except (AssertionError, ssl.SSLError, ConnectionError):
                self.assertLess(time.monotonic(), deadline)

    def test_readers_leave_room_for_administrators(self):
        names = [f"DNS:reader{i}.test" for i in range(3)]
        daemon = self.start_daemon(readers=[READER, *names])
        readers = [self.authority.issue(f"reader{i}", name)
                   for i, name in enumerate(names)]
        for reader in readers:
            for _ in range(16):
                self.connect(reader)
        self.assert_no_room(daemon, self.reader,
                            "of others than administrators")
        self.list_clients(self.administrator)
        self.list_clients(self.alice)

    def test_who_has_no_rights_takes_no_room_from_who_has(self):
        daemon = self.start_daemon()
        for _ in range(8):
            self.connect(self.stranger)
        self.assert_no_room(daemon, self.stranger,
                            "of clients without rights")
        self.list_clients(self.reader)

    # ---- what goes through

    def test_long_answers_come_whole(self):
        daemon = self.start_daemon()
        client = self.client(daemon)
        made = client.calls([("socket", client.new_socket_id(),
                              {"family": 1, "type": 1})
                             for _ in range(4000)])
        self.assertEqual({each.wsa_error for each in made}, {0})
        answer = self.call(self.channel(self.reader), "ListSockets",
                           ADMIN.ListSocketsRequest())
        self.assertEqual(len(answer.sockets), 4000)
        self.assertGreater(answer.ByteSize(), 100000)

    def test_events_are_told_as_they_come(self):
        daemon = self.start_daemon()
        stream = self.watch(self.reader)
        self.client(daemon)
        for message in stream:
            if [each for each in message.events
                    if each.kind == ADMIN.JournalEvent.KIND_CLIENT_STARTED]:
                return
        self.fail("no event")

    # ---- wspctl

    def wspctl(self, pair, *arguments, endpoints=None, ca=None):
        endpoints = endpoints or [f"localhost:{self.port}"]
        return subprocess.run(
            [WSPCTL, "--endpoint", ",".join(endpoints),
             "--ca", ca or self.authority.certificate, "--cert", pair[0],
             "--key", pair[1], *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=60)

    def test_wspctl_asks_from_elsewhere(self):
        daemon = self.start_daemon()
        self.client(daemon)
        endpoint = f"localhost:{self.port}"
        done = self.wspctl(self.reader, "clients")
        self.assertEqual(done.returncode, 0, done.stderr)
        heading, row = (line.split() for line in done.stdout.splitlines())
        self.assertEqual(heading[0], "ENDPOINT")
        self.assertEqual(row[:3], [endpoint, "1", str(os.getpid())])
        done = self.wspctl(self.reader, "--json", "info")
        self.assertEqual(json.loads(done.stdout)["pid"], daemon.process.pid)
        denied = self.wspctl(self.reader, "log-level", "DEBUG")
        self.assertEqual(denied.returncode, 1)
        self.assertIn("only administrators", denied.stderr)
        done = self.wspctl(self.administrator, "log-level", "DEBUG")
        self.assertEqual(done.returncode, 0, done.stderr)

    def assert_wspctl_fails(self, words, pair, *options, **whom):
        done = self.wspctl(pair, *options, "clients", **whom)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_wspctl_says_whom_it_does_not_trust(self):
        self.start_daemon()
        self.assert_wspctl_fails(
            [f"localhost:{self.port}: ", "certificate verify failed",
             self.other.certificate], self.reader, ca=self.other.certificate)
        self.assert_wspctl_fails(
            ["Peer name elsewhere.test is not in peer certificate",
             "--server-name"], self.reader, "--server-name=elsewhere.test")
        # By another name than the one that it is reached by.
        done = self.wspctl(self.reader, "--server-name=localhost", "health",
                           endpoints=[f"127.0.0.1:{self.port}"])
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_wspctl_says_that_it_is_not_trusted(self):
        daemon = self.start_daemon()
        operator = self.other.issue("refused", ADMINISTRATOR)
        self.assert_wspctl_fails(["it hung up", operator[0]], operator)
        self.assertTrue(daemon.await_line("remote connection refused",
                                          "certificate verify failed"))
        self.assert_wspctl_fails(["lists none", "DNS:stranger.test"],
                                 self.stranger)

    def test_wspctl_says_what_is_wrong_with_its_files(self):
        self.start_daemon()
        certificate, key = self.reader

        def copy(name, mode):
            path = shutil.copy(key, os.path.join(self.own, name))
            os.chmod(path, mode)
            return path

        missing = os.path.join(self.own, "missing")
        shown = copy("shown.key", 0o644)
        encrypted = self.authority.encrypt(key,
                                           os.path.join(self.own, "secret"))
        for words, pair in [
                (["--cert", missing, "No such file"], (missing, key)),
                (["--key", missing, "No such file"], (certificate, missing)),
                (["--key", shown, "mode is 0644"], (certificate, shown)),
                (["--key", encrypted, "encrypted"], (certificate, encrypted)),
                (["--key", "isn't the key of"],
                 (certificate, self.administrator[1])),
                (["--cert", "no certificate"], (key, key)),
                (["--key", "no private key"],
                 (certificate, self.copy_secretly(certificate))),
                (["--cert", "expired"], self.expired)]:
            with self.subTest(words=words):
                self.assert_wspctl_fails(words, pair)
        self.assert_wspctl_fails(["--ca", missing], self.reader, ca=missing)
        self.assert_wspctl_fails(["--ca", "no certificate"], self.reader,
                                 ca=key)

    def copy_secretly(self, path):
        made = shutil.copy(path, os.path.join(self.own, "copy"))
        os.chmod(made, 0o600)
        return made

    def test_who_says_nothing_is_waited_for_with_the_others(self):
        self.start_daemon()
        silent = []
        for _ in range(12):
            made = socket.socket()
            self.addCleanup(made.close)
            made.bind(("127.0.0.1", 0))
            made.listen()
            silent.append(f"localhost:{made.getsockname()[1]}")
        began = time.monotonic()
        done = self.wspctl(self.reader, "health",
                           endpoints=[*silent, f"localhost:{self.port}"])
        # 5 seconds for all; one after the other they would take a minute.
        self.assertLess(time.monotonic() - began, 40)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, f"localhost:{self.port} SERVING\n")
        for endpoint in silent:
            self.assertIn(f"{endpoint}: the daemon didn't answer", done.stderr)

    def test_wspctl_shows_several_daemons_as_one(self):
        first = self.start_daemon()
        endpoints = [f"localhost:{self.port}"]
        second = self.start_daemon()
        endpoints.append(f"localhost:{self.port}")
        for daemon in [first, second]:
            client = self.client(daemon)
            client.call("socket", client.new_socket_id(), family=1, type=1)
            self.assertEqual(client.call("lookup", kind=HOST,
                                         name="localhost").wsa_error, 0)
        for command in ["clients", "sockets", "names"]:
            done = self.wspctl(self.reader, command, endpoints=endpoints)
            self.assertEqual(done.returncode, 0, done.stderr)
            lines = done.stdout.splitlines()
            self.assertEqual([line.split()[0] for line in lines],
                             ["ENDPOINT", *endpoints])
            done = self.wspctl(self.reader, "--json", command,
                               endpoints=endpoints)
            self.assertEqual([json.loads(line)["endpoint"]
                              for line in done.stdout.splitlines()],
                             endpoints)
        done = self.wspctl(self.reader, "health", endpoints=endpoints)
        self.assertEqual(done.stdout.splitlines(),
                         [f"{each} SERVING" for each in endpoints])
        # One that is gone hides no other.
        second.process.terminate()
        second.process.wait(60)
        done = self.wspctl(self.reader, "clients", endpoints=endpoints)
        self.assertEqual(done.returncode, 1)
        self.assertEqual([line.split()[0]
                          for line in done.stdout.splitlines()],
                         ["ENDPOINT", endpoints[0]])
        self.assertIn(endpoints[1] + ": ", done.stderr)

    # ---- files that change

    def reload(self, daemon, *words):
        daemon.log.clear()
        daemon.process.send_signal(signal.SIGHUP)
        line = daemon.await_line(*words)
        self.assertTrue(line, daemon.log)
        return line

    def server_certificate(self):
        return ssl.DER_cert_to_PEM_cert(
            self.tls(self.reader).getpeercert(True))

    def test_new_files_are_read_with_the_configuration(self):
        daemon = self.start_daemon()
        before = self.server_certificate()
        shutil.copy(self.other.certificate, self.files["client_ca"])
        renewed = self.authority.issue("renewed", "DNS:localhost",
                                       usage="serverAuth")
        shutil.copy(renewed[0], self.files["certificate"])
        shutil.copy(renewed[1], self.files["key"])
        self.reload(daemon, "configuration read anew")
        operator = self.other.issue("renewed", ADMINISTRATOR)
        self.list_clients(operator)
        self.assert_refused_now(self.reader)
        with self.tls(operator) as wrapped:
            after = ssl.DER_cert_to_PEM_cert(wrapped.getpeercert(True))
        self.assertNotEqual(before, after)

    def assert_refused_now(self, pair):
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            if self.tls(pair).recv(1) == b"":
                raise ConnectionError("hung up")

    def test_files_with_a_mistake_change_nothing(self):
        daemon = self.start_daemon()
        before = self.server_certificate()
        shutil.copy(self.administrator[1], self.files["key"])
        line = self.reload(daemon, "not read anew")
        self.assertIn("remote_admin.key", line)
        self.assertEqual(self.server_certificate(), before)
        os.remove(self.files["client_ca"])
        shutil.copy(self.server[1], self.files["key"])
        line = self.reload(daemon, "not read anew")
        self.assertIn("remote_admin.client_ca", line)
        self.list_clients(self.administrator)

    def assert_ended(self, daemon, stream, cause):
        self.assert_code(grpc.StatusCode.UNAVAILABLE, [],
                         lambda: list(stream))
        self.assertTrue(daemon.await_line("remote connection ended", cause),
                        daemon.log)

    def assert_goes_on(self, daemon, stream):
        self.client(daemon)
        for message in stream:
            if [each for each in message.events
                    if each.kind == ADMIN.JournalEvent.KIND_CLIENT_STARTED]:
                return
        self.fail("no event")

    def test_a_stream_of_who_has_no_rights_any_more_ends(self):
        daemon = self.start_daemon()
        stream = self.watch(self.reader)
        self.write_config(readers=["DNS:somebody.test"])
        self.reload(daemon, "configuration read anew")
        self.assert_ended(daemon, stream, "may do less")
        self.assert_code(grpc.StatusCode.PERMISSION_DENIED, [READER],
                         self.list_clients, self.reader)

    def test_a_stream_of_who_has_fewer_rights_ends(self):
        daemon = self.start_daemon()
        stream = self.watch(self.alice)
        self.write_config(administrators=[ADMINISTRATOR],
                          readers=["CN:alice"])
        self.reload(daemon, "configuration read anew")
        self.assert_ended(daemon, stream, "may do less")
        self.list_clients(self.alice)

    def test_a_reload_leaves_alone_whom_it_is_not_about(self):
        daemon = self.start_daemon()
        streams = [self.watch(self.administrator), self.watch(self.alice)]
        self.write_config(administrators=[ADMINISTRATOR], readers=["CN:alice",
                                                                   READER])
        self.reload(daemon, "configuration read anew")
        self.assert_ended(daemon, streams[1], "may do less")
        self.assert_goes_on(daemon, streams[0])

    def test_with_the_authority_go_its_connections(self):
        daemon = self.start_daemon()
        stream = self.watch(self.reader)
        idle = self.connect(self.administrator)
        shutil.copy(self.other.certificate, self.files["client_ca"])
        self.reload(daemon, "configuration read anew")
        self.assert_ended(daemon, stream, "certificate in certificate chain")
        # The end, in one way or the other.
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            while idle.recv(4096):
                pass

    def test_with_its_time_a_certificate_s_connections_go(self):
        daemon = self.start_daemon()
        brief = self.authority.issue("brief", READER, seconds=10)
        stream = self.watch(brief)
        self.assert_ended(daemon, stream, "has expired")

    def test_a_reload_from_elsewhere_gets_its_answer(self):
        self.start_daemon()
        self.write_config(readers=[READER, "DNS:another.test"])
        done = self.wspctl(self.administrator, "reload")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("remote_admin.readers", done.stdout)
        self.assertNotIn("restart", done.stdout)

    def assert_nobody_listens(self, port):
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()

    def local_reload(self, daemon):
        return subprocess.run(
            [WSPCTL, "--socket", daemon.admin_socket, "reload"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=60)

    def test_a_reload_switches_it_off_and_on(self):
        self.write_empty_config()
        daemon = self.start_as_configured()
        self.write_config()
        self.assertEqual(self.local_reload(daemon).returncode, 0)
        self.await_served(daemon)
        stream = self.watch(self.administrator)
        self.write_empty_config()
        done = self.local_reload(daemon)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("remote_admin.address", done.stdout)
        self.assertNotIn("restart", done.stdout)
        self.assert_nobody_listens(self.port)
        self.assert_code(grpc.StatusCode.UNAVAILABLE, [],
                         lambda: list(stream))
        # And once more, with who is there to be ended when it stops.
        self.write_config()
        daemon.log.clear()
        self.assertEqual(self.local_reload(daemon).returncode, 0)
        self.await_served(daemon)
        self.list_clients(self.administrator)
        self.watch(self.reader)

    def test_a_reload_moves_it(self):
        daemon = self.start_daemon()
        stream = self.watch(self.administrator)
        before = self.port
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            self.write_config(address=address, readers=[])
            done = self.local_reload(daemon)
            self.assertEqual(done.returncode, 1)
            self.assertIn("remote_admin.address", done.stderr)
            self.assertIn(address, done.stderr)
            # Nothing has changed.
            self.list_clients(self.reader)
            self.assert_goes_on(daemon, stream)
        daemon.log.clear()
        self.assertEqual(self.local_reload(daemon).returncode, 0)
        self.await_served(daemon)
        self.assertEqual(f"127.0.0.1:{self.port}", address)
        self.assert_code(grpc.StatusCode.UNAVAILABLE, [],
                         lambda: list(stream))
        self.assert_nobody_listens(before)
        self.list_clients(self.administrator)

    def test_a_reload_says_how_to_move_it_to_all_addresses(self):
        daemon = self.start_daemon()
        address = "0.0.0.0:%d" % self.port
        self.write_config(address=address)
        done = self.local_reload(daemon)
        self.assertEqual(done.returncode, 1)
        self.assertIn("reload once without an address", done.stderr)
        self.list_clients(self.reader)
        self.write_empty_config()
        self.assertEqual(self.local_reload(daemon).returncode, 0)
        self.write_config(address=address)
        done = self.local_reload(daemon)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.list_clients(self.reader)

    def test_it_stops_whatever_is_under_way(self):
        daemon = self.start_daemon()
        self.client(daemon)
        self.watch(self.reader)
        call = self.channel(self.administrator).unary_stream(
            "/wsp.v1.Admin/Drain",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=ADMIN.DrainResponse.FromString)(
                ADMIN.DrainRequest(), timeout=DEADLINE)
        self.assertEqual(next(call).clients, 1)
        self.connect(self.administrator)
        daemon.__exit__(None, None, None)
        self.assertEqual(daemon.status, 0, daemon.log)

    def watch(self, pair):
        stream = self.channel(pair).unary_stream(
            "/wsp.v1.Admin/WatchEvents",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=ADMIN.WatchEventsResponse.FromString)(
                ADMIN.WatchEventsRequest(), timeout=DEADLINE)
        next(stream)
        return stream

    def test_rights_that_are_taken_end_at_once(self):
        daemon = self.start_daemon()
        self.list_clients(self.administrator)
        self.write_config(administrators=["CN:alice"])
        self.reload(daemon, "configuration read anew")
        self.assert_code(grpc.StatusCode.PERMISSION_DENIED, [ADMINISTRATOR],
                         self.list_clients, self.administrator)
        self.list_clients(self.alice)

    # ---- at the start

    def command(self):
        return [WSPD, "--config", self.config_file,
                "--provider_socket", os.path.join(self.own, "wspd.sock"),
                "--admin_socket", os.path.join(self.own, "admin.sock")]

    def assert_does_not_start(self, *words, more=""):
        """With what is configured; `more` is the rest of the configuration."""
        self.write_config()
        with open(self.config_file, "a") as file:
            file.write(more)
        failed = subprocess.run(self.command(), stderr=subprocess.PIPE,
                                text=True, timeout=60)
        self.assertGreater(failed.returncode, 0, failed.stderr)
        for word in words:
            self.assertIn(word, failed.stderr)

    def test_a_file_that_is_missing_is_said_at_the_start(self):
        os.remove(self.files["key"])
        self.assert_does_not_start(
            f"remote_admin.key: {self.files['key']}: ", "No such file")

    def test_a_key_that_everybody_may_read_is_refused(self):
        os.chmod(self.files["key"], 0o644)
        self.assert_does_not_start(
            f"remote_admin.key: {self.files['key']}: ", "mode is 0644")
        # By its group it may be.
        os.chmod(self.files["key"], 0o640)
        self.start_daemon()

    def test_a_key_that_the_daemon_may_not_read_is_said(self):
        os.chmod(self.files["key"], 0o400)
        more = ""
        if os.getuid() == 0:
            more = 'privileges { user: "daemon" }'
            os.chmod(self.own, 0o777)
        else:
            os.chmod(self.files["key"], 0)
        self.assert_does_not_start(
            f"remote_admin.key: {self.files['key']}: ", "Permission denied",
            "read as uid", more=more)

    def test_files_that_are_something_else_are_said(self):
        for field, path, words in [
                ("key", self.administrator[1], ["isn't the key"]),
                ("key", self.server[0], ["no private key"]),
                ("certificate", self.server[1], ["no certificate"]),
                ("client_ca", "/dev/null", ["no regular file"]),
                ("client_ca", self.server[1], ["no certificate"])]:
            with self.subTest(field=field, path=path):
                kept = self.files[field]
                if path.startswith("/dev"):
                    self.files[field] = path
                else:
                    self.files[field] = self.copy_secretly(path)
                self.assert_does_not_start(f"remote_admin.{field}: ", *words)
                self.files[field] = kept

    def test_nobody_is_asked_for_the_password_of_a_key(self):
        self.authority.encrypt(self.server[1], self.files["key"])
        self.write_config()
        ours, theirs = os.openpty()
        self.addCleanup(os.close, ours)
        # Whoever asks would do it here.
        process = subprocess.Popen(
            self.command(), stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(theirs)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        said = b""
        with contextlib.suppress(OSError):  # the end, of a terminal
            while b"pass phrase" not in said:
                said += os.read(ours, 4096)
        self.assertNotIn(b"pass phrase", said)
        self.assertIn(f"remote_admin.key: {self.files['key']}".encode(), said)
        self.assertIn(b"encrypted", said)
        self.assertGreater(process.wait(DEADLINE), 0)

    def test_an_expired_certificate_of_its_own_is_warned_of(self):
        expired = self.authority.issue("old_server", "DNS:localhost",
                                       usage="serverAuth", days=0)
        shutil.copy(expired[0], self.files["certificate"])
        shutil.copy(expired[1], self.files["key"])
        daemon = self.start_daemon()
        self.assertTrue(daemon.await_line("WARNING", "it has expired",
                                          self.files["certificate"]))
        self.assert_wspctl_fails(["certificate verify failed"], self.reader)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
