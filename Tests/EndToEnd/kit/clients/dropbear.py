"""dbclient, the client of Dropbear."""

from ..processes import run
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
    tunnel = _Tunnel

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.own_key = self.directory / ".ssh" / "id_dropbear"
        code, output = run(["dropbearconvert", "openssh", "dropbear", self.key, self.own_key])
        assert code == 0, output

    def known_hosts_text(self, keys):
        # dbclient knows hosts without their port, and has one line for each.
        kind, blob, *_ = keys[0].read_text().split()
        return f"127.0.0.1 {kind} {blob}\n"

    def command(self, name, port):
        forward = ["-R", f"{name}:443:127.0.0.1:{port}"]
        return ["dbclient", "-p", self.port, "-i", self.own_key, "-K", "15", "-N", "-T", *forward, "dev@127.0.0.1"]
