"""OpenSSH as installed, the newest one of the backports (scripts/lib/newest-openssh), under systemd, and in autossh."""

from ..processes import run
from . import documented
from .client import Client

UNPACKED = documented.ROOT / ".build" / "clients" / "openssh" / "usr" / "bin"


class OpenSSH(Client):
    name = "openssh"
    program = "ssh"

    @property
    def own_options(self):
        # HOME is not asked for: OpenSSH takes the home directory of the account.
        options = ["-F", "none", "-i", self.key]
        for option in (
            f"UserKnownHostsFile={self.known_hosts}",
            "GlobalKnownHostsFile=none",
            "StrictHostKeyChecking=yes",
            "IdentityAgent=none",
        ):
            options += ["-o", option]
        return options


class NewestOpenSSH(OpenSSH):
    name = "openssh-newest"

    def documented(self):
        newest = str(UNPACKED / "ssh") if UNPACKED.is_dir() else "ssh"
        _, version = run([newest, "-V"])
        assert int(version.removeprefix("OpenSSH_").split(".")[0]) >= 10, f"{version}: scripts/setup --test fetches it"
        return [[newest, *super().documented()[-1][1:]]]


class OpenSSHService(OpenSSH):
    """The command of the example unit, started as systemd would."""

    name = "openssh-service"

    def documented(self):
        return [documented.unit_command()]


class AutoSSH(OpenSSH):
    name = "autossh"
    program = "autossh"
