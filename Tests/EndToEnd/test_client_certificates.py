"""Certificates of visitors: who must show one, and who vouches for it.

What is revoked counts at once, also for sessions that are resumed.
"""

import http.client
import json
import socket
import ssl
import subprocess

import httpx
import pytest
from kit.certificates import CertificateAuthority
from kit.opened import Open
from kit.processes import run
from kit.waiting import WITHIN_A_SECOND, seconds_until, until

ROUTES = """  - from: https://app.localhost:{port}
    to: http://127.0.0.1:{service}
    allow_public_unauthenticated_access: true
  - from: https://api.localhost:{port}
    to: http://127.0.0.1:{service}
    policy:
      - allow: {{and: [{{client_certificate: {{san_dns: {{ends_with: .devices.test}}}}}}]}}
"""
MTLS = """downstream_mtls:
  ca_file: {directory}/clients.pem
  crl_file: {directory}/revoked.pem
  enforcement: {enforcement}
"""


class Clients:
    """An authority of visitors, who are alice and mallory, and a stranger of another authority."""

    def __init__(self, directory):
        self.directory = directory
        authority = CertificateAuthority(directory / "clients")
        stranger = CertificateAuthority(directory / "others")
        self.pairs = {
            name: authority.issue(name, [f"{name}.devices.test"], usage="clientAuth") for name in ("alice", "mallory")
        }
        self.pairs["stranger"] = stranger.issue("stranger", ["alice.devices.test"], usage="clientAuth")
        (directory / "clients.pem").write_text(authority.certificate.read_text())
        self._work = directory / "revoking"
        self._work.mkdir()
        (self._work / "index.txt").touch()
        (self._work / "ca.cnf").write_text("[ca]\ndefault_ca=c\n[c]\ndatabase=index.txt\ndefault_md=sha256\n")
        self._options = ["-config", "ca.cnf", "-cert", authority.certificate, "-keyfile", authority.key]
        self._list()

    def revoke(self, name):
        self._openssl("ca", *self._options, "-revoke", self.pairs[name][0])
        self._list()

    def _list(self):
        self._openssl("ca", *self._options, "-gencrl", "-crldays", "30", "-out", "new.pem")
        (self._work / "new.pem").replace(self.directory / "revoked.pem")

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self._work, check=True, capture_output=True, timeout=20)


@pytest.fixture
def mtls(new_edge, service, tmp_path, authority):
    clients = Clients(tmp_path)
    edge = new_edge()

    def text(enforcement):
        routes = ROUTES.format(port=edge.https_port, service=service.port)
        return edge.text(routes=routes, more=MTLS.format(directory=tmp_path, enforcement=enforcement))

    def ask(person, host="app.localhost", http2=False, path="/echo", method="GET", **more):
        context = ssl.create_default_context(cafile=authority.certificate)
        if person:
            context.load_cert_chain(*clients.pairs[person])
        headers = {"Host": f"{host}:{edge.https_port}", "Accept": "application/json", **more}
        with httpx.Client(verify=context, http2=http2, http1=not http2, trust_env=False) as client:
            address = f"https://127.0.0.1:{edge.https_port}{path}"
            return client.request(method, address, headers=headers, extensions={"sni_hostname": host})

    edge.clients, edge.ask, edge.mtls_text = clients, ask, text
    return edge


def tool(edge, authority, person, *options):
    """What openssl's client is answered to one request."""
    certificate, key = edge.clients.pairs[person]
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{edge.https_port}", "-servername", "app.localhost", "-ign_eof"]
        + ["-CAfile", str(authority.certificate), "-cert", str(certificate), "-key", str(key), *options],
        input=f"GET /echo HTTP/1.1\r\nHost: app.localhost:{edge.https_port}\r\nConnection: close\r\n\r\n",
        capture_output=True,
        text=True,
        timeout=20,
    )
    return done.stdout


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
def test_every_route_asks_for_a_good_certificate(mtls, http2):
    mtls.start(mtls.mtls_text("policy_with_default_deny"))
    for person, status in [("alice", 200), (None, 495), ("stranger", 495)]:
        answer = mtls.ask(person, http2=http2)
        assert answer.status_code == status, f"{person}: {answer.text}"
        assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
    assert mtls.ask("alice", "api.localhost", http2).status_code == 200
    assert mtls.ask("stranger", "api.localhost", http2).status_code == 495
    # Where people sign in no device is asked for.
    assert mtls.ask(None, "auth.localhost", http2, "/.well-known/pomerium").status_code == 200


def open_events(mtls, authority, person):
    context = ssl.create_default_context(cafile=authority.certificate)
    context.load_cert_chain(*mtls.clients.pairs[person])
    link = http.client.HTTPConnection("app.localhost", mtls.https_port, timeout=20)
    plain = socket.create_connection(("127.0.0.1", mtls.https_port), 20)
    link.sock = context.wrap_socket(plain, server_hostname="app.localhost")
    link.request("GET", "/events")
    response = link.getresponse()
    assert response.status == 200
    opened = Open(lambda: response.read1(65536), link.close)
    until(lambda: opened.received > 8, f"the first events for {person}")
    return opened


def test_what_is_revoked_is_refused_at_once(mtls, authority, tmp_path):
    mtls.start(mtls.mtls_text("policy_with_default_deny"))
    # One connection stays open, one session is kept for later.
    context = ssl.create_default_context(cafile=authority.certificate)
    context.load_cert_chain(*mtls.clients.pairs["mallory"])
    link = http.client.HTTPConnection("app.localhost", mtls.https_port, timeout=20)
    plain = socket.create_connection(("127.0.0.1", mtls.https_port), 20)
    link.sock = context.wrap_socket(plain, server_hostname="app.localhost")

    def status():
        link.request("GET", "/echo")
        answer = link.getresponse()
        answer.read()
        return answer.status

    assert status() == 200
    sessions = {version: str(tmp_path / f"session{version}") for version in ("-tls1_2", "-tls1_3")}
    for version, session in sessions.items():
        assert " 200 OK" in tool(mtls, authority, "mallory", version, "-sess_out", session)
        again = tool(mtls, authority, "mallory", version, "-sess_in", session)
        assert "Reused, TLSv1" in again and " 200 OK" in again, again
    streams = {person: open_events(mtls, authority, person) for person in ("alice", "mallory")}
    mtls.clients.revoke("mallory")
    assert seconds_until(streams["mallory"].ended.is_set, "the end of what is revoked") < WITHIN_A_SECOND
    before = streams["alice"].received
    until(lambda: streams["alice"].received > before, "more of what is not")
    assert not streams["alice"].ended.is_set()
    streams["alice"].close()
    until(lambda: status() == 495, "the refusal of what is revoked", within=20)
    link.close()
    for version, session in sessions.items():
        again = tool(mtls, authority, "mallory", version, "-sess_in", session)
        assert " 495 " in again and "Reused" not in again, again
    assert mtls.ask("alice").status_code == 200


def test_policies_decide_where_they_are_to(mtls):
    mtls.start(mtls.mtls_text("policy"))
    assert mtls.ask(None).status_code == 200
    assert mtls.ask("alice", "api.localhost").status_code == 200
    # A browser shows its certificate whoever made it ask (security rule 18).
    foreign = {"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"}
    assert mtls.ask("alice", "api.localhost", method="POST", **foreign).status_code == 403
    assert mtls.ask("alice", "api.localhost", method="POST").status_code == 200
    # A name in a certificate that nobody vouches for proves nothing.
    assert mtls.ask("stranger", "api.localhost").status_code == 403
    mtls.save(mtls.mtls_text("reject_connection"))
    until(lambda: _is_rejected(mtls, None), "the rejection of connections", within=20)
    assert _is_rejected(mtls, "stranger") and mtls.ask("alice").status_code == 200


def _is_rejected(edge, person):
    try:
        return edge.ask(person).status_code == -1
    except (httpx.TransportError, ssl.SSLError) as error:
        return "alert" in str(error).lower() or "eof" in str(error).lower() or "disconnected" in str(error).lower()


def test_mistakes_are_told_with_their_place(mtls, binary):
    nothing = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    (mtls.clients.directory / "clients.pem").write_text(nothing)
    mtls.save(mtls.mtls_text("policy"))
    code, told = run([binary, "check", "-c", mtls.configuration], environment=mtls.environment)
    assert code == 78 and "downstream_mtls (" in told and "config.yaml:" in told, told


def test_services_learn_nothing_unasked(mtls):
    mtls.start(mtls.mtls_text("policy_with_default_deny"))
    told = json.loads(mtls.ask("alice").text)
    assert not [name for name, _ in told["headers"] if "cert" in name.lower()]
