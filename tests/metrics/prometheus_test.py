#!/usr/bin/python3
"""Debian's Prometheus with the daemon's metrics, our alerts and our dashboard.

Usage: prometheus_test.py WSPD PROTO_ROOT RULES RULES_TEST DASHBOARD
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import metrics_case  # noqa: E402
from metrics_case import Scrape, await_true  # noqa: E402

RULES, RULES_TEST, DASHBOARD = (os.path.abspath(path)
                                for path in sys.argv[3:6])

# Prometheus itself has these of every target.
OF_PROMETHEUS = {"up", "ALERTS"}
# Not ours: the library's own, of the scrapes.
OF_LIBRARY = "exposer_"


def metrics_in(query):
    """The names of the metrics that a query reads."""
    text = re.sub(r'"(?:[^"\\]|\\.)*"', "", query)
    text = re.sub(r"\{[^}]*\}", "", text)
    text = re.sub(r"\[[^\]]*\]", "", text)
    text = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)"
                  r"\s*\([^)]*\)", "", text)
    text = re.sub(r"\b[a-z_]+\s*\(", "(", text)
    words = set(re.findall(r"\b[a-zA-Z_:][a-zA-Z0-9_:]*", text))
    return words - {"by", "and", "or", "unless", "bool", "offset", "sum",
                    "min", "max", "count"}


def dashboard_targets(dashboard):
    """Title, query and what a line is called, of each."""
    return [(panel["title"], target["expr"], target["legendFormat"])
            for panel in dashboard["panels"]
            for target in panel.get("targets", [])]


def dashboard_queries():
    with open(DASHBOARD) as file:
        dashboard = json.load(file)
    queries = [(title, query)
               for title, query, _ in dashboard_targets(dashboard)]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            queries.append((variable["name"], re.fullmatch(
                r"label_values\((\w+), \w+\)",
                variable["query"]["query"]).group(1)))
    return queries


def rule_queries():
    with open(RULES) as file:
        text = file.read()
    # Of YAML no more than our file has: "expr: ..." and "expr: >-" with lines.
    out = []
    for match in re.finditer(r"^( +)expr: (.*)\n((?:\1 +.*\n)*)", text,
                             re.MULTILINE):
        _, first, rest = match.groups()
        out.append(" ".join(rest.split()) if first == ">-" else first)
    return out


class QueryNamesTest(unittest.TestCase):
    """What the tests below rely on."""

    def test_names_are_found(self):
        self.assertEqual(
            metrics_in('histogram_quantile(0.9, sum by (le, x) '
                       '(rate(a_bucket{f=~"b|c"}[$__rate_interval])))'),
            {"a_bucket"})
        self.assertEqual(
            metrics_in('sum(a) by (x) > 0.9 * b{c="d{"} and on (y) e '
                       'unless f offset 5m'), {"a", "b", "e", "f"})

    def test_queries_are_found(self):
        self.assertGreater(len(dashboard_queries()), 30)
        self.assertEqual(len(rule_queries()), 9)
        self.assertTrue(all("wspd" in query for query in rule_queries()))


class TrafficCase(metrics_case.MetricsCase):
    def setUp(self):
        self.daemon = self.start_daemon()
        self.port = self.metrics_port(self.daemon)

    def make_traffic(self):
        """So much that every metric has something to say."""
        server = self.start_echo_server()
        client = self.client(self.daemon)
        connected = self.connected(client, server.port)
        self.echo(client, connected, bytes(1000))
        self.assertNotEqual(client.call("listen", 17).wsa_error, 0)
        self.let_a_client_die(self.daemon)
        await_true(lambda: Scrape(self.port).value(
            "wspd_clients_died_total") == 1, "the death")
        return client, connected


class ScrapedMetricsTest(TrafficCase):
    def test_every_query_names_metrics_that_exist(self):
        self.make_traffic()
        exist = Scrape(self.port).names() | OF_PROMETHEUS
        queries = dashboard_queries() + [("alert", query)
                                         for query in rule_queries()]
        for what, query in queries:
            with self.subTest(what=what, query=query):
                named = metrics_in(query)
                self.assertTrue(named)
                self.assertEqual(named - exist, set())

    def test_the_dashboard_shows_every_metric(self):
        self.make_traffic()
        shown = set()
        for _, query in dashboard_queries():
            shown |= metrics_in(query)
        for name in Scrape(self.port).names():
            if (not name.startswith(OF_LIBRARY) and not name.endswith("_sum")
                    and name not in shown):
                self.assertIn(name, {
                    "process_virtual_memory_bytes",
                    "wspd_config_last_reload_success_timestamp_seconds"})


@unittest.skipUnless(shutil.which("promtool"), "there is no promtool")
class PromtoolTest(metrics_case.MetricsCase):
    def promtool(self, *arguments, **options):
        done = subprocess.run(["promtool", *arguments], text=True,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, **options)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_the_metrics_keep_to_the_conventions(self):
        daemon = self.start_daemon()
        client = self.client(daemon)
        client.call("listen", 17)
        text = Scrape(self.metrics_port(daemon)).text
        self.promtool("check", "metrics", input=text)

    def test_the_alerts_are_right(self):
        self.promtool("check", "rules", RULES)

    def test_the_alerts_come_when_they_should(self):
        folder = tempfile.mkdtemp(prefix="wspd-rules.")
        self.addCleanup(shutil.rmtree, folder)
        shutil.copy(RULES, folder)
        shutil.copy(RULES_TEST, folder)
        self.promtool("test", "rules", os.path.basename(RULES_TEST),
                      cwd=folder)


class Prometheus:
    """A real one that scrapes daemons every quarter of a second."""

    def __init__(self, *targets):
        self.folder = tempfile.mkdtemp(prefix="wspd-prometheus.")
        config = os.path.join(self.folder, "prometheus.yml")
        with open(config, "w") as file:
            json.dump({
                "global": {"scrape_interval": "250ms",
                           "scrape_timeout": "250ms",
                           "evaluation_interval": "250ms"},
                "rule_files": [RULES],
                "scrape_configs": [{
                    "job_name": "wspd",
                    "static_configs": [{"targets": targets}]}],
            }, file)
        self._log = open(os.path.join(self.folder, "log"), "w+")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={config}",
             f"--storage.tsdb.path={self.folder}/data",
             "--web.listen-address=127.0.0.1:0"],
            stdout=self._log, stderr=self._log)
        await_true(self._listens, "Prometheus' port")
        self.port, = metrics_case.listening_ports(self.process.pid)
        await_true(lambda: len(self.ask("up")) == len(targets),
                   "a first scrape of each")

    def _listens(self):
        if self.process.poll() is not None:
            self._log.seek(0)
            raise AssertionError(self._log.read())
        return metrics_case.listening_ports(self.process.pid)

    def ask(self, query):
        """[(labels, value)]; what Prometheus doesn't understand raises."""
        url = (f"http://127.0.0.1:{self.port}/api/v1/query?"
               + urllib.parse.urlencode({"query": query}))
        try:
            with urllib.request.urlopen(
                    url, timeout=metrics_case.DEADLINE) as answer:
                data = json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:  # not ready yet
                return []
            raise AssertionError(f"{query}: {error.read()}") from error
        return [(each["metric"], float(each["value"][1]))
                for each in data["result"]]

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@unittest.skipUnless(shutil.which("prometheus"), "there is no prometheus")
class PrometheusTest(TrafficCase):
    def setUp(self):
        super().setUp()
        self.prometheus = Prometheus(f"127.0.0.1:{self.port}")
        self.addCleanup(self.prometheus.stop)

    def await_value(self, query, wanted):
        def come():
            values = [value for _, value in self.prometheus.ask(query)]
            return values == [wanted]
        await_true(come, f"{query} == {wanted}")

    def test_it_scrapes_what_the_daemon_counts(self):
        client, connected = self.make_traffic()
        self.await_value("up", 1)
        self.await_value("wspd_clients", 1)
        self.await_value(
            'wspd_sockets{plane="forwarded",state="connected"}', 1)
        self.await_value('wspd_sent_bytes_total{plane="forwarded"}', 1000)
        self.await_value("wspd_clients_died_total", 1)
        # A rate needs scrapes before and after.
        self.await_value(
            'wspd_call_duration_seconds_count{function="send"}', 1)
        for _ in range(20):
            self.echo(client, connected, bytes(1000))
        await_true(lambda: any(value > 0 for _, value in self.prometheus.ask(
            'rate(wspd_call_duration_seconds_count{function="send"}[1m])')),
            "a rate of sends")
        (_, median), = self.prometheus.ask(
            'histogram_quantile(0.5, sum by (le) '
            '(wspd_call_duration_seconds_bucket{function="send"}))')
        self.assertTrue(0 < median < 10, median)

    def test_the_dashboards_queries_have_answers(self):
        client, connected = self.make_traffic()
        self.await_value("wspd_clients_died_total", 1)
        for _ in range(20):
            self.echo(client, connected, bytes(1000))
        self.await_value('wspd_sent_bytes_total{plane="forwarded"}', 21000)
        for title, query in dashboard_queries():
            query = (query.replace("$__rate_interval", "1m")
                     .replace("$instance", ".*").replace("$job", "wspd"))
            with self.subTest(title=title, query=query):
                # Of errors and the like nothing may have come in between.
                if " > 0" in query:
                    self.prometheus.ask(query)
                else:
                    self.assertNotEqual(self.prometheus.ask(query), [])

    def test_an_alert_fires(self):
        with open(self.config_file, "w") as file:
            file.write("nonsense")
        self.daemon.process.send_signal(signal.SIGHUP)
        await_true(lambda: self.prometheus.ask(
            'ALERTS{alertname="WspdConfigNotRead"}') != [],
            "the alert, pending")


@unittest.skipUnless(shutil.which("prometheus"), "there is no prometheus")
class SeveralDaemonsTest(TrafficCase):
    """Daemons that know nothing of each other are one to Prometheus."""

    def setUp(self):
        super().setUp()
        self.other = self.start_daemon()
        ports = self.port, self.metrics_port(self.other)
        self.instances = [f"127.0.0.1:{port}" for port in ports]
        self.prometheus = Prometheus(*self.instances)
        self.addCleanup(self.prometheus.stop)

    def make_traffic_on_both(self):
        self.make_traffic()
        # One client, as both are this process.
        client = self.client(self.other)
        for size in 300, 200:
            server = self.start_echo_server()
            self.echo(client, self.connected(client, server.port), bytes(size))

    def await_sum(self, metric, *wanted):
        """Of each daemon by itself, and of all together."""
        by_instance = dict(zip(self.instances, map(float, wanted)))
        await_true(lambda: {
            labels["instance"]: value for labels, value in self.prometheus.ask(
                f"sum by (instance) ({metric})")} == by_instance,
            f"{metric} of each")
        await_true(lambda: self.prometheus.ask(f"sum({metric})") == [
            ({}, float(sum(wanted)))], f"{metric} of all")

    def test_they_are_seen_as_one(self):
        self.make_traffic_on_both()
        self.await_sum("up", 1, 1)
        self.await_sum("wspd_clients", 1, 1)
        self.await_sum('wspd_sockets{state="connected"}', 1, 2)
        self.await_sum('wspd_sent_bytes_total{plane="forwarded"}', 1000, 500)
        self.await_sum("wspd_clients_died_total", 1, 0)
        self.await_sum(
            'wspd_call_duration_seconds_count{function="send"}', 1, 2)

    def await_shown(self, query, fits, instance=".*"):
        query = (query.replace("$__rate_interval", "1m")
                 .replace("$instance", instance.replace(".", "[.]")
                          if instance != ".*" else instance)
                 .replace("$job", "wspd"))
        await_true(lambda: fits(self.prometheus.ask(query)), query)

    def has_one_of_each(self, answers):
        return (sorted(labels["instance"] for labels, _ in answers)
                == sorted(self.instances))

    def test_the_dashboards_lines_are_of_all_or_one_of_each(self):
        self.make_traffic_on_both()
        self.await_sum("wspd_sockets", 1, 2)
        with open(DASHBOARD) as file:
            targets = dashboard_targets(json.load(file))
        for title, query, legend in targets:
            def unlike(answers, labels=re.findall(r"{{(\w+)}}", legend)):
                lines = {tuple(of.get(label) for label in labels)
                         for of, _ in answers}
                return len(lines) == len(answers)

            with self.subTest(title=title, query=query):
                self.await_shown(query, self.has_one_of_each
                                 if "{{instance}}" in legend else unlike)
        for title, both, one in ("Daemons", 2, 1), ("Sockets", 3, 1):
            query, = (query for of, query, legend in targets
                      if (of, legend) == (title, title.lower()))
            for instance, value in (".*", both), (self.instances[0], one):
                self.await_shown(query, lambda answers, wanted=value:
                                 answers == [({}, float(wanted))], instance)

    def test_one_that_is_gone_hides_no_other(self):
        self.client(self.daemon)
        self.await_sum("wspd_clients", 1, 0)
        self.other.process.terminate()
        self.await_sum("up", 1, 0)
        self.await_sum("wspd_clients", 1)
        await_true(lambda: [
            labels["instance"] for labels, _ in self.prometheus.ask(
                'ALERTS{alertname="WspdDown"}')] == [self.instances[1]],
            "the alert of that one")


if __name__ == "__main__":
    # For who counts, too (tests/skips.py).
    for program in "promtool", "prometheus":
        if shutil.which(program) is None:
            print(f"skipped: there is no {program}", flush=True)
    unittest.main(argv=sys.argv[:1], verbosity=2)
