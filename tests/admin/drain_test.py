#!/usr/bin/python3
"""A daemon that is being drained takes nothing new, and says what is left.

The programs are wspcat, wsprun and libwsp.so.
"""

import errno
import json
import os
import socket
import subprocess
import sys

import admin_case
import grpc
import linux_client

WSAENETDOWN, WSASYSNOTREADY = 10050, 10091
WSPCAT, WSPRUN, LIBWSP = admin_case.PROGRAMS

# Makes a socket when it is told to; says the name of the error, or "fine".
PROGRAM = """
import errno, socket, sys
print("ready", flush=True)
for line in sys.stdin:
    try:
        socket.socket().close()
        print("fine", flush=True)
    except OSError as error:
        print(errno.errorcode[error.errno], flush=True)
"""


class DrainTest(admin_case.AdminCase):
    def setUp(self):
        super().setUp()
        self.start()

    def drain(self):
        """Is draining when this returns; wspctl's process."""
        process = self.begin_wspctl("drain")
        self.assertTrue(process.stdout.readline().startswith("left: "))
        return process

    def close(self, client, number):
        self.assertEqual(self.error(client, "close_socket", number), 0)

    def test_what_there_is_goes_on_until_nothing_is_left(self):
        client = self.started()
        error, number = self.make_socket(client)
        self.assertEqual(error, 0)
        process = self.begin_wspctl("drain")
        self.assertEqual(process.stdout.readline(),
                         "left: 1 client, 1 socket, 0 closed ones still "
                         "sending\n")
        # Registered as it is, it may be so once more; it gets no socket.
        self.assertEqual(self.error(client, "startup",
                                    version_requested=0x0202), 0)
        self.assertEqual(self.make_socket(client)[0], WSAENETDOWN)
        listening = client.ipv4(0x7F000001, 0)
        self.assertEqual(self.error(client, "bind", number,
                                    address=listening), 0)
        self.close(client, number)
        self.assertEqual(process.stdout.readline(),
                         "left: 1 client, 0 sockets, 0 closed ones still "
                         "sending\n")
        for _ in range(2):
            self.assertEqual(self.error(client, "cleanup"), 0)
        # One that is attached, and not registered any more, is a new one.
        self.assertEqual(self.error(client, "startup",
                                    version_requested=0x0202),
                         WSASYSNOTREADY)
        client.close()
        self.assertEqual(process.stdout.readlines()[-2:],
                         ["left: 0 clients, 0 sockets, 0 closed ones still "
                          "sending\n", "drained\n"])
        self.assertEqual(process.wait(admin_case.DEADLINE), 0)
        # It still is, until it is taken back.
        with self.assertRaises(grpc.RpcError):
            self.attach()
        self.assertEqual(self.wspctl("drain", "--cancel"),
                         "new clients are taken again\n")
        self.assertEqual(self.wspctl("drain", "--cancel"),
                         "it wasn't draining\n")
        self.assertEqual(self.make_socket(self.started())[0], 0)

    def test_new_clients_are_refused(self):
        self.started()
        process = self.drain()
        with self.assertRaises(grpc.RpcError) as raised:
            self.fork_and_attach()
        self.assertEqual(raised.exception.code(),
                         grpc.StatusCode.UNAVAILABLE)
        self.assertIn("draining", raised.exception.details())
        self.wspctl("drain", "--cancel")
        self.assertEqual(process.wait(admin_case.DEADLINE), 1)

    def fork_and_attach(self):
        """Attaches from another process, in this one's words."""
        program = (
            "import sys; sys.path.insert(0, sys.argv[1]); import wire_client, "
            "grpc\n"
            "client = wire_client.WireClient(wire_client.load_protos("
            "sys.argv[2]), sys.argv[3])\n"
            "try:\n  client.attach()\nexcept grpc.RpcError as error:\n"
            "  print(error.code().name, error.details())\n")
        out = subprocess.run(
            [sys.executable, "-c", program,
             os.path.dirname(linux_client.__file__), sys.argv[3],
             self.daemon.provider_socket],
            stdout=subprocess.PIPE, text=True, timeout=60, check=True).stdout
        code, _, details = out.partition(" ")

        class Refused(grpc.RpcError):
            def code(self):
                return grpc.StatusCode[code]

            def details(self):
                return details

        if out:
            raise Refused()

    def test_programs_hear_of_it_in_their_own_terms(self):
        environment = {**os.environ, "WSPD_SOCKET":
                       self.daemon.provider_socket}
        running = subprocess.Popen(
            [WSPRUN, sys.executable, "-c", PROGRAM], env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(running.wait, admin_case.DEADLINE)
        self.addCleanup(running.stdout.close)
        self.addCleanup(running.stdin.close)

        def ask():
            running.stdin.write("\n")
            running.stdin.flush()
            return running.stdout.readline().strip()

        self.assertEqual(running.stdout.readline(), "ready\n")
        self.assertEqual(ask(), "fine")
        process = self.drain()
        # A few may have been asked for ahead.
        answers = [ask() for _ in range(5)]
        self.assertEqual(answers[-1], "ENETDOWN", answers)
        late = subprocess.run(
            [WSPRUN, sys.executable, "-c", PROGRAM], env=environment,
            input="\n", stdout=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(late.stdout, "ready\nENETDOWN\n")
        cat = subprocess.run([WSPCAT, "--provider", LIBWSP, "connect",
                              "127.0.0.1", "9"], env=environment,
                             input="", stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertNotEqual(cat.returncode, 0)
        self.assertIn("WSASYSNOTREADY", cat.stderr)
        self.wspctl("drain", "--cancel")
        self.assertEqual(ask(), "fine")
        self.assertEqual(process.wait(admin_case.DEADLINE), 1)

    def test_linux_clients_get_no_sockets(self):
        client = self.attach(linux_client.LinuxClient)
        client.connect_descriptors()
        process = self.drain()
        for plane in (admin_case.TYPES.PLANE_LENT,
                      admin_case.TYPES.PLANE_RELAYED):
            completion = client.call(
                "linux_socket", client.new_socket_id(), plane=plane,
                family=client.linux.LinuxSocketRequest.FAMILY_IPV4,
                type=client.linux.LinuxSocketRequest.TYPE_STREAM)
            self.assertEqual(completion.linux_errno, errno.ENETDOWN)
        client.descriptors.close()
        client.close()
        self.assertEqual(process.wait(admin_case.DEADLINE), 0)

    def test_a_listener_goes_on_accepting(self):
        client = self.started()
        number = self.make_socket(client)[1]
        bound = client.call("bind", number,
                            address=client.ipv4(0x7F000001, 0))
        self.assertEqual(bound.wsa_error, 0)
        self.assertEqual(self.error(client, "listen", number, backlog=5), 0)
        name = client.call("get_sock_name", number).get_sock_name.address
        self.drain()
        with socket.create_connection(("127.0.0.1", name.ipv4.port)):
            accepted = client.call("accept", number,
                                   accepted_socket_id=client.new_socket_id())
            self.assertEqual(accepted.wsa_error, 0)
        self.wspctl("drain", "--cancel")

    def test_the_time_may_be_up(self):
        self.started()
        out = self.wspctl("drain", "--timeout", "0", code=3)
        self.assertIn("left: 1 client, 0 sockets", out)
        self.assertIn("the time is up, and there are 1 client, ", out)
        self.assertIn("the daemon goes on draining", out)
        out = self.wspctl("--json", "drain", "--timeout", "50ms", code=3)
        self.assertEqual([json.loads(line) for line in out.splitlines()],
                         [{"clients": 1, "sockets": 0,
                           "lingering_sockets": 0}])
        with self.assertRaises(grpc.RpcError) as raised:
            list(self.admin.stream("Drain", timeout_ms=0))
        self.assertEqual(raised.exception.code(),
                         grpc.StatusCode.DEADLINE_EXCEEDED)
        info = self.admin.details(raised.exception)["ErrorInfo"]
        self.assertEqual((info.reason, info.metadata["clients"]),
                         ("DRAIN_TIMEOUT", "1"))
        self.assertIn("is no time",
                      self.wspctl("drain", "--timeout", "soon", code=64))

    def test_shows_in_health_and_in_server_info(self):
        self.started()
        call, states = self.admin.watch_health("wsp.v1.Provider")
        self.assertEqual(next(states), "SERVING")
        self.assertEqual(self.admin.call("GetServerInfo").draining_since_ns, 0)
        process = self.drain()
        self.assertEqual(next(states), "NOT_SERVING")
        self.assertEqual(self.wspctl("health", code=1), "NOT_SERVING\n")
        self.assertEqual(self.wspctl("health", "wsp.v1.Provider", code=1),
                         "NOT_SERVING\n")
        self.assertEqual(self.wspctl("health", "wsp.v1.Admin"), "SERVING\n")
        self.assertIn("there is no service x",
                      self.wspctl("health", "x", code=1))
        self.assertGreater(
            self.admin.call("GetServerInfo").draining_since_ns, 0)
        self.assertIn("draining", self.wspctl("info"))
        self.wspctl("drain", "--cancel")
        self.assertEqual(process.wait(admin_case.DEADLINE), 1)
        self.assertEqual(next(states), "SERVING")
        self.assertEqual(self.wspctl("health"), "SERVING\n")
        call.cancel()


if __name__ == "__main__":
    admin_case.main()
