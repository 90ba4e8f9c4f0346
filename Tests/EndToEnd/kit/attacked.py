"""An edge under attack: a real tunnel that must not notice, and a person's key for attackers who are signed in."""

import os
from contextlib import contextmanager

from .edge import route
from .people import BOB, approve
from .raw_keys import ED25519Key
from .raw_ssh import USERAUTH_FAILURE, USERAUTH_SUCCESS, RawSSH
from .waiting import until

# `scripts/test --full`: the counts of the specification instead of those that fit into a minute.
FULL = os.environ.get("TUNNEL_EDGE_TEST_FULL") == "1"

# Room for a few hundred half-open connections, and a short grace. Sources on the loopback are exempt from penalties by
# default (ssh_per_source_penalty_exempt_list), so what one attacker earns does not lock out the next test.
SETTINGS = """\
ssh_max_startups: "300:30:900"
ssh_login_grace_time: 8s
"""
GRACE = 8.0


def count(usual, full):
    return full if FULL else usual


class Attacked:
    def __init__(self, edge, tunnel, visitor, bob):
        self.edge = edge
        self.tunnel = tunnel
        self.visitor = visitor
        self.bob = bob  # Bob's browser
        self.key = ED25519Key()  # Bob's, once he has signed in

    @staticmethod
    def configuration(edge):
        routes = route("app.localhost", edge.https_port)
        for host in ("other.localhost", "api.localhost"):
            routes += route(host, edge.https_port, visitor=BOB.email, publisher=BOB.email)
        return edge.text(routes=routes, more=SETTINGS)

    @property
    def port(self):
        return self.edge.ssh_port

    def raw(self, **options):
        return RawSSH(self.port, **options)

    def connected(self, **options):
        return self.raw().connect(**options)

    def signed_in(self, **options):
        return self.raw().log_in(self.key, **options)

    def make_key_known(self):
        """Bob signs in with the attackers' key, from where his browser is."""
        with RawSSH(self.port, source="127.0.0.1").connect().service() as connection:
            assert connection.prove(self.key)[0] == USERAUTH_FAILURE
            self.approve(connection.ask_to_sign_in())
            connection.answer_prompt()
            connection.expect(USERAUTH_SUCCESS)

    def approve(self, address):
        class Shown:
            def sign_in_url(self):
                return address

        approve(Shown(), self.bob, BOB)

    @property
    def log_lines(self):
        return self.edge.output.count("\n")

    def check_alive(self):
        """The process lives, the tunnel was never dropped, and it serves."""
        assert self.edge.program.is_running, "the edge has ended"
        assert self.tunnel.is_running, f"the tunnel was dropped:\n{self.tunnel.output[-2000:]}"
        page = self.visitor.get(self.edge.url())
        assert page.text == "Hello world!\n", repr(page)

    @contextmanager
    def memory_stays(self, within_kilobytes):
        """What was needed meanwhile is given back, or was never much."""
        before = self.edge.resident
        yield
        until(
            lambda: self.edge.resident - before < within_kilobytes,
            f"memory within {within_kilobytes} KiB of {before} KiB",
            within=10,
        )

    def dies(self, connection, *payloads, raw=b""):
        """Sends these, in one segment; the server must end the connection: its DISCONNECT, and what it said before."""
        data = b"".join(connection.seal(payload) for payload in payloads) + raw
        with connection:
            if data:
                connection.socket.sendall(data)
            return connection.ending()
