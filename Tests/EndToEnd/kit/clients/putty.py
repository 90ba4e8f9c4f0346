"""plink, PuTTY's client for the command line. WinSCP has the same code inside."""

import re
from urllib.parse import quote

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
    program = "plink"
    tunnel = _Tunnel
