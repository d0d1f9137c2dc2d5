#!/usr/bin/python3
"""What the daemon's metrics say, of real traffic, and to whom.

Usage: metrics_test.py WSPD PROTO_ROOT
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import metrics_case  # noqa: E402
import lent_client  # noqa: E402 (found by metrics_case)
import linux_client  # noqa: E402
from metrics_case import Scrape, await_true  # noqa: E402

EX_UNAVAILABLE, EX_CONFIG = 69, 78
WSAECONNREFUSED, WSAENOTSOCK = "10061", "10038"


class MetricsTest(metrics_case.MetricsCase):
    def test_nothing_listens_unless_it_is_configured(self):
        daemon = self.start_daemon("")
        self.assertEqual(metrics_case.listening_ports(daemon.process.pid),
                         set())
        self.assertFalse([line for line in daemon.log if "metrics" in line])

    def test_it_listens_where_it_is_told_and_nowhere_else(self):
        daemon = self.start_daemon()
        port = self.metrics_port(daemon)
        self.assertEqual(metrics_case.listening_ports(daemon.process.pid),
                         {port})

    def test_traffic_is_counted(self):
        daemon = self.start_daemon()
        port = self.metrics_port(daemon)
        server = self.start_echo_server()
        client = self.client(daemon)
        connected = self.connected(client, server.port)
        opened = client.new_socket_id()
        client.call("socket", opened, family=1, type=1)
        for _ in range(10):
            self.echo(client, connected, bytes(1000))

        scrape = Scrape(port)
        self.assertEqual(scrape.value("wspd_clients"), 1)
        self.assertEqual(scrape.value("wspd_clients_attached_total"), 1)
        self.assertEqual(scrape.value("wspd_clients_limit"), 4096)
        for state, count in [("connected", 1), ("open", 1), ("bound", 0)]:
            self.assertEqual(scrape.value("wspd_sockets", plane="forwarded",
                                          state=state), count)
        self.assertEqual(scrape.value("wspd_sockets", plane="lent",
                                      state="open"), 0)
        for direction in ["sent", "received"]:
            self.assertEqual(scrape.value(f"wspd_{direction}_bytes_total",
                                          plane="forwarded"), 10000)
        self.assertEqual(self.calls(scrape, "send"), 10)
        self.assertEqual(self.calls(scrape, "socket"), 2)
        self.assertGreaterEqual(scrape.value("wspd_calls_total"), 14)
        self.assertGreater(
            scrape.value("wspd_call_duration_seconds_sum", function="send"), 0)
        # The result that was read last.
        self.assertGreater(scrape.value("wspd_calls_outstanding"), 0)
        self.assertGreater(scrape.value("wspd_kept_result_bytes"), 0)
        for kind, count in [("client_attached", 1), ("client_died", 0)]:
            self.assertEqual(scrape.value("wspd_events_total", kind=kind),
                             count)
        self.assertEqual(scrape.value("wspd_draining"), 0)

        for each in [connected, opened]:
            client.call("close_socket", each)
        self.assertTrue(client.call("cleanup").cleanup.final)
        # An answer is good for a second.
        await_true(lambda: Scrape(port).value(
            "wspd_cleanup_duration_seconds_count", cause="cleaned_up") == 1,
            "the cleanup")
        self.assertEqual(
            Scrape(port).value("wspd_cleanup_duration_seconds_count",
                               cause="died"), 0)

    def test_what_a_winsock_client_was_lent_is_so_on_its_plane(self):
        daemon = self.start_daemon()
        port = self.metrics_port(daemon)
        server = self.start_echo_server()
        client = lent_client.LentClient(self.protos, daemon.provider_socket)
        self.addCleanup(client.close)
        client.attach()
        self.assertEqual(
            client.call("startup", version_requested=0x0202).wsa_error, 0)
        numbers = [self.connected(client, server.port) for _ in range(3)]
        for number in numbers[1:]:
            _, lent = client.lend(number)
            self.addCleanup(lent.close)
        scrape = Scrape(port)
        for plane, count in ("forwarded", 1), ("lent", 2), ("relayed", 0):
            self.assertEqual(scrape.value("wspd_sockets", plane=plane,
                                          state="connected"), count, plane)

    def calls(self, scrape, function):
        return scrape.value("wspd_call_duration_seconds_count",
                            function=function)

    def test_calls_about_relayed_sockets_are_counted_by_what_they_are(self):
        daemon = self.start_daemon()
        port = self.metrics_port(daemon)
        client = linux_client.LinuxClient(self.protos,
                                          daemon.provider_socket)
        self.addCleanup(client.close)
        client.attach()
        client.connect_descriptors()
        number, program = client.relay()
        self.addCleanup(program.close)
        linux = client.linux
        for _ in range(3):
            client.linux_call(number, name=linux.LinuxName())
        refused = client.linux_call(number, shutdown=linux.LinuxShutdown(how=7))
        self.assertNotEqual(refused.linux_errno, 0)
        scrape = Scrape(port)
        for function, count in [("linux_socket", 1), ("linux_name", 3),
                                ("linux_shutdown", 1), ("linux_bind", 0)]:
            self.assertEqual(self.calls(scrape, function), count, function)
        self.assertEqual(scrape.values("wspd_call_errors_total",
                                       function="linux_shutdown"), [1])

    def test_a_call_that_waits_is_as_long_as_that_takes(self):
        daemon = self.start_daemon()
        port = self.metrics_port(daemon)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = self.client(daemon)
            socket_id = self.connected(client, listener.getsockname()[1])
            peer, _ = listener.accept()
            with peer:
                times = {}

                def answer():
                    # The call waits by now, and from then on so long at least.
                    await_true(lambda: Scrape(port).value(
                        "wspd_calls_total") >= 4, "the call's arrival")
                    times["waits"] = time.monotonic()
                    time.sleep(0.3)
                    times["waited"] = time.monotonic()
                    peer.sendall(b"x")
                answering = threading.Thread(target=answer)
                answering.start()
                got = client.call("recv", socket_id, max_bytes=1)
                answering.join()
            self.assertEqual(got.recv.data, b"x")
        await_true(lambda: Scrape(port).value(
            "wspd_call_duration_seconds_count", function="recv") == 1,
            "the call's end")
        scrape = Scrape(port)
        self.assertGreaterEqual(
            scrape.value("wspd_call_duration_seconds_sum", function="recv"),
            times["waited"] - times["waits"])
        for bound, count in [("0.25", 0), ("+Inf", 1)]:
            self.assertEqual(
                scrape.value("wspd_call_duration_seconds_bucket",
                             function="recv", le=bound), count)

    def test_who_asks_often_costs_no_more(self):
        daemon = self.start_daemon()
        port = self.metrics_port(daemon)
        # It would change with each look.
        name = "process_cpu_seconds_total"
        begin = time.monotonic()
        seen = {Scrape(port).value(name) for _ in range(50)}
        self.assertLessEqual(len(seen), time.monotonic() - begin + 2)

    def test_errors_are_counted_by_function_and_code(self):
        daemon = self.start_daemon()
        port = self.metrics_port(daemon)
        client = self.client(daemon)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            closed = listener.getsockname()[1]
        socket_id = client.new_socket_id()
        client.call("socket", socket_id, family=1, type=1)
        client.call("connect", socket_id, address=client.ipv4(0x7f000001,
                                                              closed))
        client.call("listen", 17)
        scrape = Scrape(port)
        for function, error in [("connect", WSAECONNREFUSED),
                                ("listen", WSAENOTSOCK)]:
            self.assertEqual(
                scrape.value("wspd_call_errors_total", function=function,
                             wsa_error=error), 1)
        self.assertEqual(len(scrape.values("wspd_call_errors_total")), 2)

    def test_a_death_and_its_cleanup_are_counted(self):
        daemon = self.start_daemon()
        port = self.metrics_port(daemon)
        self.let_a_client_die(daemon)
        await_true(lambda: Scrape(port).value("wspd_clients_died_total") == 1
                   and Scrape(port).value(
                       "wspd_cleanup_duration_seconds_count", cause="died")
                   == 1, "the death")
        await_true(lambda: Scrape(port).value("wspd_clients") == 0,
                   "the client's end")

    def test_deaths_of_linux_programs_are_counted_apart(self):
        daemon = self.start_daemon()
        port = self.metrics_port(daemon)
        self.let_a_client_die(daemon, "--linux")
        await_true(lambda: Scrape(port).value("wspd_linux_clients_died_total")
                   == 1, "the death")
        self.let_a_client_die(daemon)
        await_true(lambda: Scrape(port).value("wspd_clients_died_total") == 1,
                   "the other's death")
        self.assertEqual(Scrape(port).value("wspd_linux_clients_died_total"), 1)

    def test_refusals_are_counted_by_action(self):
        daemon = self.start_daemon(
            self.CONFIG + ' policy { rules { verdict: DENY'
            ' addresses: "192.0.2.0/24" } }')
        port = self.metrics_port(daemon)
        client = self.client(daemon)
        socket_id = client.new_socket_id()
        client.call("socket", socket_id, family=1, type=1)
        for _ in range(3):
            client.call("connect", socket_id,
                        address=client.ipv4(0xc0000201, 80))
        scrape = Scrape(port)
        self.assertEqual(
            scrape.value("wspd_policy_refusals_total", action="connect"), 3)
        self.assertEqual(
            scrape.value("wspd_policy_refusals_total", action="bind"), 0)

    def test_a_reload_with_a_mistake_shows(self):
        daemon = self.start_daemon()
        port = self.metrics_port(daemon)
        name = "wspd_config_last_reload_successful"
        time_name = "wspd_config_last_reload_success_timestamp_seconds"
        self.assertEqual(Scrape(port).value(name), 1)
        first = Scrape(port).value(time_name)
        with open(self.config_file, "w") as file:
            file.write("nonsense")
        daemon.process.send_signal(signal.SIGHUP)
        await_true(lambda: Scrape(port).value(name) == 0, "the mistake")
        self.assertEqual(Scrape(port).value(time_name), first)
        with open(self.config_file, "w") as file:
            file.write(self.CONFIG)
        daemon.process.send_signal(signal.SIGHUP)
        await_true(lambda: Scrape(port).value(name) == 1, "the good one")
        self.assertGreater(Scrape(port).value(time_name), first)

    def test_the_process_tells_of_itself(self):
        daemon = self.start_daemon()
        scrape = Scrape(self.metrics_port(daemon))
        open_fds = len(os.listdir(f"/proc/{daemon.process.pid}/fd"))
        self.assertAlmostEqual(scrape.value("process_open_fds"), open_fds,
                               delta=3)
        self.assertGreaterEqual(scrape.value("process_max_fds"), open_fds)
        for name in ["process_resident_memory_bytes",
                     "process_virtual_memory_bytes", "process_threads"]:
            self.assertGreater(scrape.value(name), 0)
        with open("/proc/uptime") as uptime, open("/proc/stat") as stat:
            booted = float(re.search(r"btime (\d+)", stat.read()).group(1))
            now = booted + float(uptime.read().split()[0])
        started = scrape.value("process_start_time_seconds")
        self.assertTrue(now - 60 < started < now + 2, (started, now))
        self.assertGreaterEqual(scrape.value("process_cpu_seconds_total"), 0)

    def test_who_asks_and_says_no_more_keeps_nobody_out(self):
        daemon = self.start_daemon()
        port = self.metrics_port(daemon)
        silent = []
        for request in [b"", b"GET /metr", b"GET /metrics HTTP/1.1\r\nX: "] * 4:
            made = socket.create_connection(("127.0.0.1", port))
            self.addCleanup(made.close)
            made.sendall(request)
            silent.append(made)
        self.assertEqual(Scrape(port).value("wspd_clients"), 0)
        # Nor do they who see to clients wait for it.
        self.client(daemon)

    def test_only_metrics_are_served(self):
        daemon = self.start_daemon()
        port = self.metrics_port(daemon)
        for request in ["GET / HTTP/1.0", "GET /../etc/passwd HTTP/1.0",
                        "PUT /x HTTP/1.0", "DELETE /metrics HTTP/1.0",
                        "nonsense"]:
            with socket.create_connection(("127.0.0.1", port)) as asking:
                asking.settimeout(metrics_case.DEADLINE)
                asking.sendall(f"{request}\r\nContent-Length: 0\r\n\r\n"
                               .encode())
                answer = b""
                while part := asking.recv(65536):
                    answer += part
            self.assertRegex(answer, rb"^HTTP/1.[01] 4\d\d ", request)
        self.assertEqual(Scrape(port).value("wspd_clients"), 0)

    def test_an_address_in_use_is_said_at_the_start(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            failed = self.run_with(f'metrics {{ address: "{address}" }}')
        self.assertEqual(failed.returncode, EX_UNAVAILABLE)
        self.assertIn(f"metrics.address: bind({address}): ", failed.stderr)
        self.assertIn("Address already in use", failed.stderr)

    def test_an_address_that_is_none_is_said_with_its_place(self):
        failed = self.run_with('metrics {\n  address: "localhost:9464"\n}')
        self.assertEqual(failed.returncode, EX_CONFIG)
        self.assertIn(":2:3: metrics.address is \"localhost:9464\"; it must "
                      "be ADDRESS:PORT", failed.stderr)

    def run_with(self, config):
        """wspd that can't start."""
        path = os.path.join(self.enter_folder(), "wspd.textproto")
        with open(path, "w") as file:
            file.write(config)
        folder = os.path.dirname(path)
        return subprocess.run(
            [self.wspd, "--config", path,
             "--provider_socket", os.path.join(folder, "wspd.sock"),
             "--admin_socket", os.path.join(folder, "admin.sock")],
            stderr=subprocess.PIPE, text=True, timeout=60)

    def enter_folder(self):
        folder = metrics_case.tempfile.mkdtemp(prefix="wspd-metrics.")
        self.addCleanup(shutil.rmtree, folder)
        return folder


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
