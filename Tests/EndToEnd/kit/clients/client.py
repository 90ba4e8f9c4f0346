"""What all ssh clients have in common: a person's directory with a key and the edge's host keys, and how to start."""

import os
from pathlib import Path

from ..publisher import Tunnel, known_hosts_line, make_key


class Client:
    """One person who uses this client: a home directory with a key of their own and the edge's host keys in it."""

    name = ""

    def __init__(self, directory, edge, port=None):
        self.directory = Path(directory)
        self.port = port or edge.ssh_port
        self.host_key = edge.host_public_keys()[0]
        ssh = self.directory / ".ssh"
        ssh.mkdir(parents=True, mode=0o700)
        self.known_hosts = ssh / "known_hosts"
        self.known_hosts.write_text(self.known_hosts_text(edge.host_public_keys()))
        self.key = make_key(ssh / "id_ed25519")
        self._count = 0

    def known_hosts_text(self, keys):
        return "".join(known_hosts_line(self.port, key) for key in keys)

    @property
    def environment(self):
        return {"PATH": os.environ["PATH"], "HOME": str(self.directory), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}

    def command(self, name, port):
        """The command line that publishes 127.0.0.1:`port` as `name`."""
        raise NotImplementedError

    def publish(self, name, port, **more):
        """Starts the client; it runs until it is stopped."""
        return self.start(self.command(name, port), **more)

    def start(self, arguments, **more):
        self._count += 1
        return self.tunnel(
            arguments, environment=self.environment, log=self.directory / f"{self.name}.{self._count}.log", **more
        )

    tunnel = Tunnel
