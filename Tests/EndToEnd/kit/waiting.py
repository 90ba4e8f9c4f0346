"""Waiting for events, never for time: every wait has a condition, a deadline and a name for the failure."""

import os
import time

# How much longer than usual to wait before giving up; raise it on a machine that is slower than two cores.
PATIENCE = float(os.environ.get("TUNNEL_EDGE_TEST_PATIENCE", "1"))

# "Within a second" of the specification, plus what a busy two-core machine may take for polling and scheduling.
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
    """How long it took for `condition` to become true."""
    begun = time.monotonic()
    until(condition, what, within)
    return time.monotonic() - begun
