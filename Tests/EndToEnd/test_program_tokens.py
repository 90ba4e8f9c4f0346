"""Scripts: a token that a person gives to a program, and one of a service account; with real curl and a real loopback."""

import json
import re
import socketserver
import subprocess
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from kit.edge import Edge
from kit.people import BOB, browse
from kit.processes import Program, run
from kit.service import Service
from kit.visitor import Visitor
from kit.waiting import WITHIN_A_SECOND, seconds_until, until

HOSTS = ("app.localhost", "api.localhost", "one.ci.localhost", "two.ci.localhost")

ROUTES = """\
  - from: https://{host}:{port}
    to: http://127.0.0.1:{service}
    pass_identity_headers: true
    policy: [{{allow: {{or: [{{email: {{is: alice@example.test}}}}, {{service_account: {{is: nightly}}}}]}}}}]
"""


@pytest.fixture(scope="module")
def service():
    running = Service()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def account_token(binary):
    """What the command prints: a token, and its hash for the configuration."""
    code, told = run([binary, "token"])
    token, digest = told.split()
    assert code == 0 and token.startswith("te_account_") and re.fullmatch("sha256:[0-9a-f]{64}", digest)
    return token, digest


@pytest.fixture(scope="module")
def edge(tmp_path_factory, binary, provider, authority, keys, https_port, service, account_token):
    certificate = authority.issue("tokens", ["auth.localhost", *HOSTS])
    made = Edge(binary, tmp_path_factory.mktemp("tokens") / "edge", provider, certificate, https_port, keys=keys)
    routes = "".join(
        ROUTES.format(host=host, port=https_port, service=service.port)
        for host in ("app.localhost", "api.localhost", "*.ci.localhost")
    )
    accounts = (
        "service_accounts:\n  - name: nightly\n"
        f"    tokens: [{account_token[1]}]\n    expires: 2099-01-01\n    routes: [app.localhost, one.ci.localhost]\n"
    )
    made.start(made.text(routes=routes, more=accounts))
    yield made
    assert made.program.is_running, made.output[-3000:]
    made.stop()


@pytest.fixture(scope="module")
def alice(edge, authority):
    browser = Visitor(authority.certificate)
    assert browse(browser, edge.authenticate + "/.pomerium/").status == 200
    return browser


class Loopback:
    """A program's own little server; what came to it."""

    def __init__(self):
        outer = self
        self.seen = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.seen.append(self.path)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"done\n")

            def log_message(self, *_):
                pass

        self.server = socketserver.TCPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def loopback():
    running = Loopback()
    yield running
    running.stop()


@pytest.fixture
def curl(edge, authority):
    """Runs curl; the status and the body."""

    def ask(url, *options):
        code, told = run(["curl", "-sS", "--cacert", authority.certificate, "-w", "\n%{http_code}", *options, url])
        assert code == 0, told
        body, _, status = told.rpartition("\n")
        return int(status), body

    return ask


def bearer(token):
    return ("-H", f"Authorization: Bearer {token}")


def sign_in_link(edge, curl, target, host="app.localhost"):
    return curl(edge.url("/.pomerium/api/v1/login", host), "-G", "--data-urlencode", f"pomerium_redirect_uri={target}")


def token_for(edge, curl, browser, loopback, host="app.localhost"):
    status, link = sign_in_link(edge, curl, loopback.url, host)
    assert status == 200 and link.startswith(edge.authenticate)
    page = browser.get(link.strip())
    assert page.status == 200 and host in page.text and loopback.url.rstrip("/") in page.text
    browser.press(page, "Allow")
    (token,) = parse_qs(urlsplit(loopback.seen.pop()).query)["pomerium_jwt"]
    return token, page


def test_the_documented_protocol_with_curl(edge, curl, alice, loopback):
    token, page = token_for(edge, curl, alice, loopback)
    app = edge.url("/echo")
    status, body = curl(app, *bearer(token))
    sent = {name.lower(): value for name, value in json.loads(body)["headers"]}
    assert status == 200 and "authorization" not in sent and "x-pomerium-jwt-assertion" in sent
    assert token not in body
    for form in (f"Pomerium {token}", f"Bearer Pomerium-{token}"):
        assert curl(app, "-H", f"Authorization: {form}")[0] == 200
    status, body = curl(app, "-H", f"X-Pomerium-Authorization: {token}", "-H", "Authorization: Bearer of-the-service")
    assert status == 200 and "Bearer of-the-service" in body and token not in body
    # That route and no other: another host, a sibling under a wildcard, the authenticate host, a query.
    for host in ("api.localhost", "one.ci.localhost"):
        status, body = curl(edge.url("/echo", host), *bearer(token))
        assert status == 401 and json.loads(body)["error"] == "invalid_token"
    assert curl(edge.authenticate + "/.pomerium/user", *bearer(token))[0] == 401
    assert curl(app + f"?pomerium_session={token}")[0] == 401
    status, told = curl(app, "-i", *bearer(token[:-1] + ("A" if token[-1] != "A" else "B")))
    assert status == 401 and re.search(r'(?im)^www-authenticate: Bearer .*error="invalid_token"', told)
    # One of a sibling is not for its sibling.
    sibling, _ = token_for(edge, curl, alice, loopback, "one.ci.localhost")
    assert curl(edge.url("/echo", "one.ci.localhost"), *bearer(sibling))[0] == 200
    assert curl(edge.url("/echo", "two.ci.localhost"), *bearer(sibling))[0] == 401
    # What was answered is not answered again, and nothing secret was written down.
    again = alice.submit(page, page.forms[-1], button=("confirm", "true"))
    assert again.status == 409 and not loopback.seen
    kept = b"".join(path.read_bytes() for path in (edge.directory / "state").rglob("*") if path.is_file())
    for secret in (token, sibling):
        assert secret not in edge.output and secret.encode() not in kept


@pytest.mark.parametrize(
    "target",
    [
        "http://localhost.evil.example/",
        "http://localhost@evil.example/",
        "http://evil.example#@localhost/",
        "http://0127.0.0.1:80/",
        "http://[::ffff:127.0.0.1]:80/",
        "https://evil.example/",
    ],
)
def test_a_token_goes_to_this_machine_only(edge, curl, target):
    status, told = sign_in_link(edge, curl, target)
    assert status == 400 and "pomerium_signature" not in told


def test_the_cookie_of_another_counts_for_nothing_beside_a_token(edge, curl, alice, loopback, authority):
    token, page = token_for(edge, curl, alice, loopback)
    bob = Visitor(authority.certificate)
    browse(bob, edge.url("/"), BOB)
    cookie = ("-H", f"Cookie: {bob.cookie_header('app.localhost')}")
    assert curl(edge.url("/echo"), *cookie)[0] == 403
    status, body = curl(edge.url("/echo"), *cookie, *bearer(token))
    assert status == 200 and "_pomerium" not in body
    assert curl(edge.url("/echo"), *cookie, *bearer(token + "x"))[0] == 401
    # Bob cannot answer what Alice was asked.
    status, link = sign_in_link(edge, curl, loopback.url)
    asked = alice.get(link.strip())
    assert bob.submit(asked, asked.forms[-1], button=("confirm", "true"), follow=False).status == 403
    refused = alice.press(asked, "Deny")
    assert refused.status == 200 and loopback.seen.pop().endswith("?error=access_denied")


def stream(edge, authority, token, log):
    return Program(
        ["curl", "-sSN", "--cacert", authority.certificate, *bearer(token), edge.url("/events")], log=log
    )


def test_the_command_signs_in_once_and_logout_ends_an_open_stream(edge, binary, curl, alice, authority, tmp_path):
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    own = ["--ca-file", authority.certificate]
    login = Program([binary, "login", *own, edge.url("/")], environment=environment)
    link = login.wait_for(r"^  (https://\S+)$").group(1)
    page = alice.get(link)
    done = alice.press(page, "Allow")
    assert done.status == 200 and "te_login_" not in done.url and "Go back to your terminal" in done.text
    login.wait_for("Signed in to https://app.localhost")
    until(lambda: not login.is_running, "the end of login")
    (kept,) = (tmp_path / "state/tunnel-edge/logins").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600 and kept.parent.stat().st_mode & 0o777 == 0o700

    def cli(*arguments):
        finished = subprocess.run(
            [binary, *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=60
        )
        return finished.returncode, finished.stdout, finished.stderr

    # The line of the README: nobody is asked again.
    code, told, _ = cli("login", "--print", edge.url("/"))
    token = told.strip()
    assert code == 0 and token.startswith("te_login_") and curl(edge.url("/echo"), *bearer(token))[0] == 200
    listed = alice.get(edge.authenticate + "/.pomerium/session_binding_info")
    assert "app.localhost" in listed.text and token not in listed.text
    running = stream(edge, authority, token, tmp_path / "curl.log")
    running.wait_for("data: ")
    bystander = alice.get(edge.url("/echo"))
    assert bystander.status == 200
    code, told, errors = cli("logout", *own, edge.url("/"))
    assert code == 0 and "Signed out of https://app.localhost" in told, errors
    assert seconds_until(lambda: not running.is_running, "the end of the stream") < WITHIN_A_SECOND
    assert curl(edge.url("/echo"), *bearer(token))[0] == 401 and not kept.exists()
    assert alice.get(edge.url("/echo")).status == 200, "the person stays signed in"
    assert cli("logout", *own) == (0, "You are not signed in.\n", "")
    code, _, errors = cli("login", "http://plain.example")
    assert code == 64 and "https://app.example.com" in errors


def test_a_service_account_visits_until_it_is_taken_out(edge, curl, account_token, authority, tmp_path):
    token, digest = account_token
    status, body = curl(edge.url("/echo"), *bearer(token))
    sent = {name.lower(): value for name, value in json.loads(body)["headers"]}
    assert status == 200 and "x-pomerium-jwt-assertion" in sent and token not in body
    assert curl(edge.url("/echo", "one.ci.localhost"), *bearer(token))[0] == 200
    for host in ("api.localhost", "two.ci.localhost"):
        assert curl(edge.url("/echo", host), *bearer(token))[0] == 401, "not among its routes"
    running = stream(edge, authority, token, tmp_path / "curl.log")
    running.wait_for("data: ")
    # Something else changes: the stream goes on. Then its token goes.
    edge.edit("expires: 2099-01-01", "expires: 2098-01-01")
    until(lambda: edge.output.count("configuration applied") >= 1, "the reload")
    assert curl(edge.url("/echo"), *bearer(token))[0] == 200 and running.is_running
    edge.edit(re.escape(digest), "sha256:" + 64 * "0")
    until(lambda: edge.output.count("configuration applied") >= 2, "the reload")
    assert seconds_until(lambda: not running.is_running, "the end of the stream") < WITHIN_A_SECOND
    assert curl(edge.url("/echo"), *bearer(token))[0] == 401
    assert token not in edge.output and token not in Path(edge.configuration).read_text()
