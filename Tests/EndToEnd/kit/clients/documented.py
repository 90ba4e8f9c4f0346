"""What docs/clients.md tells its readers to type, and to write, with the values of a test in it."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
PAGE = ROOT / "docs" / "clients.md"
UNIT = ROOT / "docs" / "examples" / "tunnel.service"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def commands(program):
    """The command lines of the block that runs this program, split into words."""
    for block in blocks("sh"):
        lines = [shlex.split(line) for line in block.splitlines()]
        if any(program in line for line in lines):
            return lines
    raise AssertionError(f"{PAGE} shows no command of {program}")


def unit_command():
    """What the example unit runs."""
    return shlex.split(re.search(r"^ExecStart=(.*)$", UNIT.read_text(), re.MULTILINE).group(1))


def with_values(words, home, edge_port, name, port, fingerprint="-"):
    """A documented command line with a test's values instead of the example's."""
    values = {
        "2222": str(edge_port),
        "me@edge.example.com": "dev@127.0.0.1",
        "app.example.com:443:localhost:3000": f"{name}:443:localhost:{port}",
        "SHA256:…": fingerprint,
    }
    assert "app.example.com:443:localhost:3000" in words or "-R" not in words
    return [values.get(word, re.sub(r"^~/", f"{home}/", word)) for word in words]


def program(library, **values):
    """The Python program of the page that imports this library, with the constants at its top changed."""
    text = next((text for text in blocks("python") if re.search(rf"^import {library}$", text, re.MULTILINE)), None)
    assert text, f"{PAGE} has no program that imports {library}"
    for constant, value in values.items():
        text, count = re.subn(rf"^{constant} = .*$", f"{constant} = {value!r}", text, flags=re.MULTILINE)
        assert count == 1, f"{constant} is set {count} times in\n{text}"
    return text
