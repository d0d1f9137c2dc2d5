"""A program on a terminal of its own, and what that shows."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

_SEQUENCE = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])")


class Terminal:
    """Starts `command`; use it with `with`. Knows what wspctl writes and no
    more: an unknown sequence is an error."""

    def __init__(self, command, columns=100, rows=30, **environment):
        self._master, self.slave = pty.openpty()
        self.alternate = False
        self.cursor_shown = True
        # What was on it before a full screen.
        self.text_before = ""
        self._rest = ""
        self._set_size(columns, rows)
        self.settings_before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            command, stdin=self.slave, stdout=self.slave, stderr=self.slave,
            start_new_session=True, preexec_fn=self._own,
            env={**os.environ, "TERM": "xterm", **environment})

    def _own(self):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)
        os.close(self.slave)

    def _set_size(self, columns, rows):
        self.columns, self.rows = columns, rows
        self._clear()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows):
        """As a window does it: the program gets SIGWINCH."""
        self._set_size(columns, rows)

    def type(self, keys):
        os.write(self._master, keys.encode())

    # ------------------------------------------------------------ the screen

    def _clear(self):
        self._cells = [[(" ", "0")] * self.columns for _ in range(self.rows)]
        self._row = self._column = 0
        self._style = "0"

    def lines(self):
        return ["".join(cell for cell, _ in row).rstrip()
                for row in self._cells]

    def styled_lines(self):
        """Of each line the runs of text in one style, as (text, SGR)."""
        result = []
        for row in self._cells:
            runs = []
            for cell, style in row:
                if runs and runs[-1][1] == style:
                    runs[-1] = (runs[-1][0] + cell, style)
                else:
                    runs.append((cell, style))
            result.append(runs)
        return result

    def _put(self, character):
        if not self.alternate:
            self.text_before += character
            return
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self._row += 1
        elif self._row < self.rows:
            # A terminal would wrap; a program that fits it never gets there.
            if self._column >= self.columns:
                raise ValueError(f"line {self._row} is too long")
            self._cells[self._row][self._column] = (character, self._style)
            self._column += 1

    def _obey(self, private, parameters, letter):
        if private:
            self._switch(parameters, letter == "h")
        elif letter == "m":
            self._style = parameters or "0"
        elif letter == "H" and not parameters:
            self._row = self._column = 0
        elif letter == "K":
            if self._row < self.rows:
                self._cells[self._row][self._column:] = [(" ", "0")] * (
                    self.columns - self._column)
        elif letter == "J":
            if parameters == "2":
                self._clear()
            for row in range(self._row + 1, self.rows):
                self._cells[row] = [(" ", "0")] * self.columns
        else:
            raise ValueError(f"unknown sequence {parameters}{letter}")

    def _switch(self, parameters, on):
        if parameters == "1049":
            self.alternate = on
        elif parameters == "25":
            self.cursor_shown = on
        else:
            raise ValueError(f"unknown mode {parameters}")

    def _take(self, text):
        text = self._rest + text
        position = 0
        while position < len(text):
            if text[position] != "\x1b":
                self._put(text[position])
                position += 1
                continue
            found = _SEQUENCE.match(text, position)
            if not found:
                break
            self._obey(*found.groups())
            position = found.end()
        self._rest = text[position:]

    def read(self, seconds):
        """Takes what comes within that time; False if nothing did."""
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        self._take(os.read(self._master, 65536).decode())
        return True

    def await_screen(self, condition, seconds=30):
        """Until condition(lines) is true of what is shown."""
        deadline = time.monotonic() + seconds
        while not condition(self.lines()):
            if time.monotonic() > deadline:
                raise AssertionError("the screen stays\n"
                                     + "\n".join(self.lines())
                                     + self.text_before)
            self.read(0.1)

    def await_end(self, seconds=30):
        """The exit status, all output taken."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read(0.02)
        while self.read(0):
            pass
        return self.process.wait(0)

    def await_stop(self, seconds=30):
        """Until the process is stopped by a signal."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.read(0.02)
            with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
                if f.read().rpartition(")")[2].split()[0] == "T":
                    while self.read(0):
                        pass
                    return
        raise AssertionError("it doesn't stop")

    def is_restored(self):
        return (not self.alternate and self.cursor_shown and
                termios.tcgetattr(self.slave) == self.settings_before)

    def send(self, number):
        self.process.send_signal(number)

    def go_on(self):
        self.send(signal.SIGCONT)
