#!/usr/bin/python3
"""Makes the README's picture of wspctl top, from what it shows of programs at
work: nginx, curl, redis and iperf3 under wsprun, and wspcat.

Usage: make_picture.py WSPD WSPCTL WSPRUN WSPCAT LIBWSP OUT.svg
libwsp_preload.so is looked for beside WSPRUN.
"""

import html
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "python"))
sys.path.insert(0, HERE)
import daemon_process  # noqa: E402
import terminal  # noqa: E402

COLUMNS, ROWS = 110, 15
CELL_WIDTH, CELL_HEIGHT, MARGIN = 8.4, 18, 14
COLORS = {"0": ("#d4d4d4", "normal"), "1": ("#ffffff", "bold"),
          "2": ("#8a8a8a", "normal"), "31": ("#f14c4c", "normal"),
          "32": ("#23d18b", "normal"), "33": ("#e5e510", "normal"),
          "36": ("#29b8db", "normal")}

NGINX = """
daemon off; master_process off; pid nginx.pid; error_log error.log;
events { worker_connections 64; }
http { access_log off; server { listen 127.0.0.1:18080; root .; } }
"""

PROGRAMS = [
    ["nginx", "-p", ".", "-c", "nginx.conf"],
    ["redis-server", "--port", "16379", "--save", "", "--bind", "127.0.0.1"],
    ["iperf3", "-s", "-p", "15201"],
    ["curl", "-sSf", "-o", "/dev/null", "--limit-rate", "3M",
     "http://127.0.0.1:18080/large"],
    ["curl", "-sSf", "-o", "/dev/null", "--limit-rate", "700K",
     "http://127.0.0.1:18080/large"],
    ["iperf3", "-c", "127.0.0.1", "-p", "15201", "-b", "80M", "-t", "120"],
    ["redis-benchmark", "-p", "16379", "-c", "8", "-n", "100000000", "-q",
     "-t", "get"],
]


def svg(lines):
    """The screen's lines, each a list of (text, SGR)."""
    width = 2 * MARGIN + COLUMNS * CELL_WIDTH
    height = 2 * MARGIN + len(lines) * CELL_HEIGHT
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" '
           f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
           'font-family="ui-monospace, Menlo, Consolas, \'DejaVu Sans Mono\','
           ' monospace" font-size="14">',
           '<rect width="100%" height="100%" rx="8" fill="#1e1e1e"/>']
    for row, runs in enumerate(lines):
        column = 0
        for text, style in runs:
            bare = text.rstrip(" ")
            begin = len(bare) - len(bare.lstrip(" "))
            if bare:
                fill, weight = COLORS[style]
                x = MARGIN + (column + begin) * CELL_WIDTH
                y = MARGIN + (row + 0.75) * CELL_HEIGHT
                shown = bare[begin:]
                out.append(
                    f'<text x="{x:.1f}" y="{y:.1f}" xml:space="preserve" '
                    f'textLength="{len(shown) * CELL_WIDTH:.1f}" '
                    f'fill="{fill}" font-weight="{weight}">'
                    f'{html.escape(shown)}</text>')
            column += len(text)
    return "\n".join(out + ["</svg>", ""])


def serve(listener):
    """Gives one client 20 KiB each 10 ms."""
    connection, _ = listener.accept()
    try:
        while True:
            connection.sendall(bytes(20 << 10))
            time.sleep(0.01)
    except OSError:
        pass


def main():
    wspd, wspctl, wsprun, wspcat, libwsp = (
        os.path.abspath(path) for path in sys.argv[1:6])
    folder = tempfile.TemporaryDirectory(prefix="wspd-picture.")
    with open(os.path.join(folder.name, "nginx.conf"), "w",
              encoding="ascii") as file:
        file.write(NGINX)
    with open(os.path.join(folder.name, "large"), "wb") as file:
        file.truncate(1 << 40)
    with folder, daemon_process.DaemonProcess(wspd) as daemon:
        environment = {**os.environ, "WSPD_SOCKET": daemon.provider_socket}
        running = []
        try:
            for program in PROGRAMS:
                running.append(subprocess.Popen(
                    [wsprun, "--plane=relayed", *program], cwd=folder.name,
                    env=environment, stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL))
                # Servers are there before who asks them; it is a picture.
                time.sleep(1)
            feed = socket.create_server(("127.0.0.1", 18081))
            threading.Thread(target=serve, args=(feed,), daemon=True).start()
            running.append(subprocess.Popen(
                ["wspcat", "--recv-only", "connect", "127.0.0.1", "18081"],
                executable=wspcat, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**environment,
                     "LD_LIBRARY_PATH": os.path.dirname(libwsp)}))
            with terminal.Terminal(
                    [wspctl, "--socket", daemon.admin_socket, "top"],
                    columns=COLUMNS, rows=ROWS) as screen:
                # Until rates are even.
                end = time.monotonic() + 8
                while time.monotonic() < end:
                    screen.read(0.1)
                while not screen.read(0.3):
                    pass
                while screen.read(0.2):
                    pass
                picture = svg(screen.styled_lines())
                print("\n".join(screen.lines()))
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(30)
    with open(sys.argv[6], "w", encoding="utf-8") as file:
        file.write(picture)


if __name__ == "__main__":
    main()
