"""What has to end by time alone. It all began with the first test of this package; here are the results."""

from kit.attacked import GRACE
from kit.processes import descriptors
from kit.waiting import PATIENCE, until

# What a timer and a busy machine may take beyond the limit.
LATE = 3.0 * PATIENCE


def test_a_byte_now_and_then_keeps_nobody(slow):
    """Slow loris: in the identification, in a packet, before and inside the login."""
    for step, limit in (("ident", 10.0), ("header", GRACE), ("exchange", GRACE), ("login", GRACE), ("service", GRACE)):
        lasted = slow.result(step)
        assert lasted < limit + LATE, f"{step}: {lasted:.1f} s"


def test_connections_at_the_end_of_the_grace(attacked, slow):
    """OpenSSH CVE-2024-6387: nothing happens but that they end, also those that end themselves in that moment."""
    slow.result("regresshion")
    assert attacked.edge.program.is_running
    attacked.signed_in().close()
    until(lambda: descriptors(attacked.edge.program.pid) < slow.descriptors + 20, "descriptors of ended connections")


def test_a_key_exchange_that_is_never_finished(slow):
    """x/crypto CVE-2025-22869: traffic for it waits in bounded memory, and after half a minute the connection ends."""
    lasted, taken = slow.result("stalled exchange")
    assert 25 < lasted < 30 + LATE, lasted
    assert 0 < taken < 24 << 20, f"{taken >> 10} KiB"
