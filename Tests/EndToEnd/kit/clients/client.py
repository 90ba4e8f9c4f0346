"""What all ssh clients have in common: a person's home with a key and the edge's host keys, and how to start."""

import os
from pathlib import Path

from ..processes import run
from ..publisher import Tunnel, known_hosts_line, make_key
from . import documented


class Client:
    """One person who uses this client as docs/clients.md says: a home with a key of their own and the edge's host keys."""

    name = ""
    program = ""
    tunnel = Tunnel
    # Added right behind the program's name: what keeps it away from this machine's own files.
    own_options = ()

    def __init__(self, directory, edge, port=None):
        self.directory = Path(directory)
        self.port = port or edge.ssh_port
        ssh = self.directory / ".ssh"
        ssh.mkdir(parents=True, mode=0o700)
        self.known_hosts = ssh / "known_hosts"
        self.known_hosts.write_text(self.known_hosts_text(edge.host_public_keys()))
        self.key = make_key(ssh / "id_ed25519")
        _, shown = run(["ssh-keygen", "-l", "-f", edge.host_public_keys()[0]])
        self.fingerprint = shown.split()[1]
        self._count = 0

    def known_hosts_text(self, keys):
        return "".join(known_hosts_line(self.port, key) for key in keys)

    @property
    def environment(self):
        return {"PATH": os.environ["PATH"], "HOME": str(self.directory), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}

    def documented(self):
        """The command lines to publish with, as the page has them: all but the last prepare."""
        return documented.commands(self.program)

    def publish(self, name, port):
        """Prepares and starts the client; it runs until it is stopped."""
        lines = [
            documented.with_values(line, self.directory, self.port, name, port, self.fingerprint)
            for line in self.documented()
        ]
        for line in lines[:-1]:
            code, output = run(line, environment=self.environment)
            assert code == 0, output
        return self.start(lines[-1])

    def start(self, words):
        environment = self.environment
        while "=" in words[0]:
            variable, _, value = words.pop(0).partition("=")
            environment[variable] = value
        self._count += 1
        log = self.directory / f"{self.name}.{self._count}.log"
        return self.tunnel([words[0], *self.own_options, *words[1:]], environment=environment, log=log)
