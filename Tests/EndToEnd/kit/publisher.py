"""A publisher: the machine's own OpenSSH client with nothing of its user's configuration."""

import re
from pathlib import Path

from .processes import Program, run


def make_key(path, kind="ed25519", bits=None):
    arguments = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "end-to-end", "-f", path]
    if bits:
        arguments += ["-b", bits]
    code, output = run(arguments)
    assert code == 0, output
    return Path(path)


def known_hosts_line(port, public_key_file, host="127.0.0.1"):
    kind, blob, *_ = Path(public_key_file).read_text().split()
    return f"[{host}]:{port} {kind} {blob}\n"


class Publisher:
    """One person's ssh key and known hosts, and the tunnels opened with them."""

    def __init__(self, directory, port, host_public_keys, key_kind="ed25519", user="dev"):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = port
        self.user = user
        self.key = make_key(self.directory / f"id_{key_kind}", key_kind)
        self.known_hosts = self.directory / "known_hosts"
        self.known_hosts.write_text("".join(known_hosts_line(port, key) for key in host_public_keys))
        self._count = 0

    def options(self, key=True, agent=None):
        """`agent`: the socket of an ssh-agent, whose keys are the only ones."""
        chosen = ["-F", "/dev/null", "-p", self.port]
        for option in (
            f"UserKnownHostsFile={self.known_hosts}",
            "GlobalKnownHostsFile=/dev/null",
            "StrictHostKeyChecking=yes",
            "IdentityFile=none" if agent else "IdentitiesOnly=yes",
            f"IdentityAgent={agent or 'none'}",
        ):
            chosen += ["-o", option]
        return chosen + (["-i", self.key] if key and not agent else [])

    def command(self, *arguments, program="ssh", agent=None):
        return [program, *self.options(agent=agent), *arguments, f"{self.user}@127.0.0.1"]

    def asyncssh_options(self):
        """For asyncssh.connect: this key, these known hosts, and nothing of the machine's user."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "username": self.user,
            "client_keys": [str(self.key)],
            "agent_path": None,
            "config": None,
            "known_hosts": str(self.known_hosts),
        }

    def ssh(self, *arguments, remote=()):
        """Starts ssh with these arguments."""
        return self.program(self.command(*arguments) + list(remote))

    def program(self, command):
        """Starts a whole command line."""
        self._count += 1
        return Tunnel(command, log=self.directory / f"ssh.{self._count}.log")

    def forward(self, *forwards, options=()):
        """Starts `ssh -v -N -R …`; `-v` tells when each forward was granted."""
        arguments = ["-v", "-N", "-T", *options]
        for name, port in forwards:
            arguments += ["-R", f"{name}:443:127.0.0.1:{port}"]
        return self.ssh(*arguments)


class Tunnel(Program):
    """A running ssh client."""

    def sign_in_url(self, within=15.0):
        return self.wait_for(r"(https://\S+/\.pomerium/sign_in\?user_code=[\w-]+)", within).group(1)

    def wait_published(self, count=1, within=15.0):
        """Waits until the edge granted this many forwards."""
        self.wait_for(r"(?s)" + r".*".join([r"remote forward success for: listen"] * count), within)
        return self

    @property
    def asked_to_sign_in(self):
        return "/.pomerium/sign_in?" in self.output

    @property
    def refused(self):
        return re.findall(r"remote forward failure for: listen (\S+?),? ", self.output)
