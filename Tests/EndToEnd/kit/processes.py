"""Programs under test, run for real: output collected as it comes, ended by their own process id."""

import os
import re
import signal
import subprocess
import threading

from .waiting import until


class Program:
    """A running program. Standard output and error are collected into one text."""

    def __init__(
        self, arguments, environment=None, directory=None, log=None, stdin=subprocess.DEVNULL, descriptors=()
    ):
        self.arguments = [str(argument) for argument in arguments]
        self._text = []
        self._lock = threading.Lock()
        self._log = open(log, "ab", buffering=0) if log else None
        self.process = subprocess.Popen(
            self.arguments,
            env=environment,
            cwd=directory,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=descriptors,
        )
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()

    def _collect(self):
        while chunk := self.process.stdout.read1(65536):
            if self._log:
                self._log.write(chunk)
            with self._lock:
                self._text.append(chunk.decode("utf-8", "replace"))

    @property
    def pid(self):
        return self.process.pid

    @property
    def output(self):
        with self._lock:
            return "".join(self._text).replace("\r\n", "\n")

    @property
    def is_running(self):
        return self.process.poll() is None

    def wait_for(self, pattern, within=15.0, begin=0):
        """The first match of `pattern` in the output; fails when the program ends first or time runs out."""
        expression = re.compile(pattern, re.MULTILINE)

        def look():
            running = self.is_running
            if found := expression.search(self.output, begin):
                return found
            if not running:
                self._reader.join(5)
                if found := expression.search(self.output, begin):
                    return found
                raise AssertionError(
                    f"{self.arguments[0]} ended with {self.process.returncode} before {pattern!r}:\n"
                    f"{self.output[-4000:]}"
                )
            return None

        try:
            return until(look, f"{pattern!r} from {self.arguments[0]}", within)
        except AssertionError as failure:
            raise AssertionError(f"{failure}\noutput was:\n{self.output[-4000:]}") from None

    def wait(self, within=15.0):
        """The exit code."""
        until(lambda: not self.is_running, f"the end of {' '.join(self.arguments[:3])}", within)
        self._reader.join(5)
        return self.process.returncode

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, within=10.0):
        """TERM, then KILL if it does not listen; the exit code."""
        if self.is_running:
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(within)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self._reader.join(5)
        self.process.stdout.close()
        if self._log:
            self._log.close()
            self._log = None
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def run(arguments, within=30.0, **more):
    """Runs a program to its end: (exit code, output)."""
    with Program(arguments, **more) as program:
        code = program.wait(within)
        return code, program.output


def resident_kilobytes(pid, peak=False):
    wanted = "VmHWM:" if peak else "VmRSS:"
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith(wanted):
                return int(line.split()[1])
    return 0


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
