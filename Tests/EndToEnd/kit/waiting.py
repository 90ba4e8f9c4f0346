"""Waiting for events, never for time: every wait has a condition, a deadline and a name for the failure."""

import os
import threading
import time
from collections import deque

# How much longer than usual to wait before giving up; raise it on a machine that is slower than two cores.
PATIENCE = float(os.environ.get("TUNNEL_EDGE_TEST_PATIENCE", "1"))

# "Within a second" of the specification, plus what a busy two-core machine may take for polling and scheduling. Where the
# machine stood still meanwhile, that is not the edge's doing: see `took`.
WITHIN_A_SECOND = 2.0 * PATIENCE


class GaveUp(AssertionError):
    """A condition did not become true before its deadline."""


def until(condition, what, within=15.0, every=0.02):
    """Calls `condition` until it returns something true, and returns that."""
    deadline = time.monotonic() + within * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise GaveUp(f"gave up after {within * PATIENCE:g} s waiting for {what}; last value: {value!r}")
        time.sleep(every)


def seconds_until(condition, what, within=15.0):
    """How long it took for `condition` to become true, without what this machine withheld."""
    begun = time.time()
    until(condition, what, within)
    return took(begun, time.time())


def took(begun, ended):
    """The seconds between two moments (Unix time), without those in which this machine let nobody do anything."""
    return ended - begun - _machine.withheld(begun, ended)


class _Machine(threading.Thread):
    """Wants to wake a hundred times a second, and notes how late it does."""

    STEP = 0.01
    # In seconds; what is below this every scheduler does.
    NOTED = 0.05

    def __init__(self):
        super().__init__(daemon=True)
        self._slept = time.time()
        self._gaps = deque(maxlen=1000)
        self.start()

    def run(self):
        while True:
            self._slept = time.time()
            time.sleep(self.STEP)
            now = time.time()
            if now - self._slept > self.STEP + self.NOTED:
                self._gaps.append((self._slept + self.STEP, now))

    def withheld(self, begun, ended):
        # Whoever asks may wake before this thread does.
        gaps = [*self._gaps, (self._slept + self.STEP + self.NOTED, time.time())]
        return sum(max(0.0, min(end, ended) - max(begin, begun)) for begin, end in gaps)


_machine = _Machine()
