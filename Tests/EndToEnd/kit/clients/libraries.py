"""Libraries in a program of a page's length: paramiko and asyncssh exactly as docs/clients.md prints them."""

import sys
from pathlib import Path

from . import documented
from .client import Client

HERE = Path(__file__).resolve().parent


class _Printed(Client):
    """A library whose program is printed in the documentation."""

    def words(self, name, port):
        path = self.directory / f"{self.name}_tunnel.py"
        values = {"EDGE": ("127.0.0.1", self.port), "ROUTE": name, "SERVICE": ("127.0.0.1", port)}
        path.write_text(documented.program(self.name, **values))
        return [sys.executable, path]


class Paramiko(_Printed):
    name = "paramiko"


class AsyncSSH(_Printed):
    name = "asyncssh"


class _Beside(Client):
    """A library whose program is in this folder."""

    def words(self, name, port):
        program = HERE / f"{self.name}_tunnel.py"
        return [sys.executable, program, self.port, self.key, self.known_hosts, name, port]


class LibSSH2(_Beside):
    name = "libssh2"


class LibSSH(_Beside):
    name = "libssh"
