"""Libraries in a program of a page's length: paramiko and asyncssh exactly as docs/clients.md prints them."""

import re
import sys
from pathlib import Path

from .client import Client

HERE = Path(__file__).resolve().parent
DOCUMENT = HERE.parents[3] / "docs" / "clients.md"


def snippet(library):
    """The Python program of docs/clients.md that imports this library."""
    for text in re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL):
        if re.search(rf"^import {library}$", text, re.MULTILINE):
            return text
    raise AssertionError(f"{DOCUMENT} has no program that imports {library}")


def with_values(text, **values):
    """The program with the constants at its top changed, as its reader would change them."""
    for constant, value in values.items():
        text, count = re.subn(rf"^{constant} = .*$", f"{constant} = {value!r}", text, flags=re.MULTILINE)
        assert count == 1, f"{constant} is set {count} times in\n{text}"
    return text


class Documented(Client):
    """A library whose program is printed in the documentation."""

    def command(self, name, port):
        program = self.directory / f"{self.name}_tunnel.py"
        values = {"EDGE": ("127.0.0.1", self.port), "ROUTE": name, "SERVICE": ("127.0.0.1", port)}
        program.write_text(with_values(snippet(self.name), **values))
        return [sys.executable, program]


class Paramiko(Documented):
    name = "paramiko"


class AsyncSSH(Documented):
    name = "asyncssh"


class _Programmed(Client):
    """A library whose program is in this folder."""

    def command(self, name, port):
        program = HERE / f"{self.name}_tunnel.py"
        return [sys.executable, program, self.port, self.key, self.known_hosts, name, port]


class LibSSH2(_Programmed):
    name = "libssh2"


class LibSSH(_Programmed):
    name = "libssh"
