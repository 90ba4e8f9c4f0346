"""OpenSSH as installed, the newest one of the backports (scripts/lib/newest-openssh), and autossh around it."""

from pathlib import Path

from ..processes import run
from .client import Client

UNPACKED = Path(__file__).resolve().parents[4] / ".build" / "clients" / "openssh" / "usr" / "bin"


class OpenSSH(Client):
    name = "openssh"
    program = "ssh"

    def options(self):
        # HOME is not asked for: OpenSSH takes the home directory of the account.
        return ["-F", "none", "-p", self.port, "-i", self.key, "-o", f"UserKnownHostsFile={self.known_hosts}"] + [
            part
            for option in ("GlobalKnownHostsFile=none", "StrictHostKeyChecking=yes", "IdentityAgent=none")
            for part in ("-o", option)
        ]

    def command(self, name, port):
        return [self.program, *self.options(), "-N", "-R", f"{name}:443:127.0.0.1:{port}", "dev@127.0.0.1"]


class NewestOpenSSH(OpenSSH):
    name = "openssh-newest"

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.program = str(UNPACKED / "ssh") if UNPACKED.is_dir() else "ssh"
        _, version = run([self.program, "-V"])
        assert int(version.removeprefix("OpenSSH_").split(".")[0]) >= 10, f"{version}: scripts/setup --test fetches it"


class AutoSSH(OpenSSH):
    name = "autossh"
    program = "autossh"

    @property
    def environment(self):
        # Also when the first connection fails, try again.
        return dict(super().environment, AUTOSSH_GATETIME="0")

    def options(self):
        # No monitoring port: ServerAliveInterval does that. A forward that is refused makes autossh try again.
        alive = ("-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3", "-o", "ExitOnForwardFailure=yes")
        return ["-M", "0", *alive, *super().options()]
