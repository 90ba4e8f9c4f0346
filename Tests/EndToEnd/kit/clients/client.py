"""What all ssh clients have in common: a person's home with a key and the edge's host keys, and how to start."""

import os
import re
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

    def words(self, name, port):
        """The command line that publishes 127.0.0.1:`port` as `name`; what comes before it is done."""
        lines = [
            documented.with_values(line, self.directory, self.port, name, port, self.fingerprint)
            for line in self.documented()
        ]
        for line in lines[:-1]:
            code, output = run(line, environment=self.environment)
            assert code == 0, output
        variables, command = self._parted(lines[-1])
        return [*variables, command[0], *self.own_options, *command[1:]]

    def publish(self, name, port):
        """Starts the client; it runs until it is stopped."""
        variables, command = self._parted(self.words(name, port))
        environment = self.environment | dict(variable.split("=", 1) for variable in variables)
        self._count += 1
        log = self.directory / f"{self.name}.{self._count}.log"
        return self.tunnel(command, environment=environment, log=log)

    @staticmethod
    def _parted(words):
        """The variables that a command line sets, and the command."""
        first = next(index for index, word in enumerate(words) if not re.match(r"[A-Z_]+=", str(word)))
        return words[:first], words[first:]
