"""The rows, with their targets."""

import dataclasses
import fnmatch

import idle_connections
import loads
import program_start


@dataclasses.dataclass(frozen=True)
class Row:
    """`subject` is a class as in loads.py; `targets` are by plane and bound
    the ratio to the base, or the value where there is no base."""

    name: str
    unit: str
    higher_is_better: bool
    subject: type
    targets: dict


_ROWS = (
    Row("sockperf_echo_64", "us", False, loads.Echo,
        {"lent": 1.1, "relayed": 1.5}),
    Row("iperf3_stream", "Gbit/s", True, loads.Stream,
        {"lent": 0.95, "relayed": 0.7}),
    Row("redis_get_50", "k/s", True, loads.Get,
        {"lent": 0.95, "relayed": 0.6}),
    Row("wrk_keep_alive_32", "k/s", True, loads.Requests,
        {"lent": 0.95, "relayed": 0.55}),
    Row("wrk_connection_each_32", "k/s", True, loads.RequestsByConnection,
        {"lent": 0.5, "relayed": 0.3}),
    Row("dd_one_byte", "k/s", True, loads.OtherDescriptors,
        {"lent": 0.9, "relayed": 0.9}),
    Row("idle_connection_memory", "KiB", False, idle_connections.Memory,
        {"lent": 0.5, "relayed": 4}),
    Row("program_start_added", "ms", False, program_start.Added,
        {"lent": 1, "relayed": 1}),
    Row("echo_64_beside_5000_idle", "us", False, idle_connections.EchoBeside,
        {"lent": 1.2, "relayed": 1.2}),
)


def select(pattern):
    return [row for row in _ROWS if fnmatch.fnmatchcase(row.name, pattern)]
