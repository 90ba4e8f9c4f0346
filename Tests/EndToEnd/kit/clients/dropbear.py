"""dbclient, the client of Dropbear."""

from ..publisher import Tunnel
from .client import Client


class _Tunnel(Tunnel):
    def stop(self, within=10.0):
        # While it waits for its server during sign-in it does not hear TERM; nothing of it is worth waiting for.
        if self.is_running:
            self.process.kill()
        return super().stop(within)


class Dropbear(Client):
    name = "dropbear"
    program = "dbclient"
    tunnel = _Tunnel

    def known_hosts_text(self, keys):
        # dbclient knows hosts without their port, and has one line for each.
        kind, blob, *_ = keys[0].read_text().split()
        return f"127.0.0.1 {kind} {blob}\n"
