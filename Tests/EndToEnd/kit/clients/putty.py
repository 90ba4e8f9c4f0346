"""plink, PuTTY's client for the command line. WinSCP has the same code inside."""

import re
from urllib.parse import quote

from ..processes import run
from ..publisher import Tunnel
from .client import Client


class _Tunnel(Tunnel):
    def sign_in_url(self, within=15.0):
        """What a browser makes of the link when it is pasted: line breaks go, what a URL cannot hold is encoded.

        plink writes the server's lines after `| ` and breaks them at 77 characters, where the next begins with `> `.
        """
        found = self.wait_for(r"^\| +(https://\S+/\.pomerium/sign_in\?user_code=\S+(?:\s*\n> \S+)*) *\n", within)
        return quote(re.sub(r"[\r\n]", "", found.group(1)), safe=":/?=&-_.~%")


class PuTTY(Client):
    name = "putty"
    tunnel = _Tunnel

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.own_key = self.directory / "id.ppk"
        code, output = run(
            ["puttygen", self.key, "-O", "private", "-o", self.own_key, "--new-passphrase", "/dev/null"],
            environment=self.environment,
        )
        assert code == 0, output
        code, output = run(["ssh-keygen", "-l", "-f", self.host_key])
        self.fingerprint = output.split()[1]

    def command(self, name, port):
        # -no-trivial-auth: refuses to be let in by an exchange in which nothing was proved; ours proves a key first.
        options = ["-batch", "-no-trivial-auth", "-P", self.port, "-hostkey", self.fingerprint, "-i", self.own_key]
        return ["plink", *options, "-N", "-T", "-R", f"{name}:443:127.0.0.1:{port}", "dev@127.0.0.1"]
