"""The edge under attack, and raw visitors of it."""

import itertools
import re

from kit.raw_http1 import CutOff, RawVisitor

# Names that only the edge may say to a service.
SETTINGS = """\
jwt_claims_headers:
  X-Claim-Email: email
"""
HOSTS = ("app.localhost", "api.localhost")
_numbers = itertools.count(1)


class Front:
    def __init__(self, edge, tunnel, visitor, origins, ports, hostile):
        self.edge, self.tunnel, self.visitor, self.origins, self.ports = edge, tunnel, visitor, origins, ports
        self.hostile = hostile  # a service that speaks HTTP/2
        self._expected = []

    @staticmethod
    def without_visitors(routes):
        """Public routes have no policy of their own."""
        return re.sub(r"^    policy:\n(?:      .*\n)+", "", routes, flags=re.MULTILINE)

    def authority(self, host):
        return f"{host}:{self.edge.https_port}"

    def connect(self, host=HOSTS[0]):
        return RawVisitor(self.visitor.connection(self.edge.url(host=host)))

    @staticmethod
    def token():
        """A name that occurs in no other request."""
        return f"case{next(_numbers)}case"

    def check_in_step(self, link, host, token):
        """The connection answers its next request, and not with what was meant for another."""
        link.send(b"GET /after/%s HTTP/1.1\r\nHost: %s\r\n\r\n" % (token.encode(), self.authority(host).encode()))
        answer = link.answer()
        assert (answer.status, answer.body) == (200, f"GET /after/{token}".encode()), answer

    @staticmethod
    def check_over(link):
        """The edge ends the connection and says nothing more."""
        rest = link.rest()
        assert rest == b"", f"behind the last answer came {rest[:300]!r}"

    def statuses(self, link, methods, count):
        """The statuses of this many answers; fewer where the edge has closed."""
        found = []
        try:
            for method in itertools.islice(itertools.chain(methods, itertools.repeat("GET")), count):
                found.append(link.answer(method).status)
        except CutOff:
            found.append(0)
        return found

    def expect(self, origin, token, wanted):
        """Exactly these requests, (method, target, body), have come whole."""
        self._expected.append((origin, token, wanted))
        self._check(origin, token, wanted)

    @staticmethod
    def _check(origin, token, wanted):
        whole = [(one.method, one.target, one.body.decode("latin-1")) for one in origin.seen(token) if one.is_whole]
        found = [one for one in whole if one[1] != f"/after/{token}"]
        assert found == list(wanted), f"the origin saw {found}"

    def check_expectations(self):
        assert len(self._expected) > 100
        for origin, token, wanted in self._expected:
            self._check(origin, token, wanted)
