"""Several tunnels and addresses, healthy and not; requests that wait for a lost tunnel; one sign-in, several hosts."""

import concurrent.futures
import json
import re
import signal
import socket
import ssl
import time
import urllib.request

import pytest
from kit.asgi_service import ASGIService
from kit.chromium import Chromium
from kit.edge import route
from kit.grpc_service import GRPCService
from kit.names import free_port
from kit.people import ALICE, BOB, approve, browse
from kit.service import Service
from kit.waiting import PATIENCE, until

CHECKS = "health_checks: [{http: {path: /healthz}, interval: 200ms, timeout: 5s}]"


@pytest.fixture
def services():
    made = []

    def make(name):
        made.append(Service())
        made[-1].name = name
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def measured(new_edge):
    """Starts an edge whose metrics can be read: the edge, and what reads one of them."""

    def start(routes):
        edge, port = new_edge(), free_port()
        edge.start(edge.text(routes=routes(edge.https_port), more=f"metrics_address: 127.0.0.1:{port}\n"))

        def value(name, **labels):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                lines = answer.read().decode().splitlines()
            wanted = [f'{key}="{text}"' for key, text in labels.items()]
            found = [line for line in lines if re.match(name + r"[{ ]", line) and all(part in line for part in wanted)]
            return sum(float(line.rsplit(" ", 1)[1]) for line in found)

        return edge, value

    return start


def signed_in(edge, new_publisher, visitor):
    publisher = new_publisher(edge)
    tunnel = publisher.ssh("-v", "-N", "-T")
    approve(tunnel, visitor, ALICE)
    tunnel.wait_for(r"Authenticated to .* using \"keyboard-interactive\"")
    tunnel.stop()
    return publisher


def answers(visitor, url, count=9):
    return {visitor.get(url).body for _ in range(count)}


def test_an_unhealthy_publisher_gets_no_visitors(measured, new_publisher, visitor, services):
    """Three tunnels, one with a service that is not well: it gets nothing, its publisher is told, and it comes back."""
    edge, value = measured(lambda port: route("app.localhost", port, extra=CHECKS))
    publisher = signed_in(edge, new_publisher, visitor)
    behind = [services(name) for name in (b"a", b"b", b"c")]
    behind[1].is_well = False
    tunnels = [publisher.ssh("-T", "-R", f"app.localhost:443:127.0.0.1:{one.port}") for one in behind]
    until(lambda: value("tunnel_edge_upstreams", health="healthy") == 2, "two healthy tunnels")
    until(lambda: value("tunnel_edge_upstreams", health="unhealthy") == 1, "an unhealthy one")
    tunnels[1].wait_for(r"published, but your local service is not healthy: it answers with status 503")
    url = edge.url()
    browse(visitor, url)
    assert answers(visitor, url) == {b"a", b"c"}
    # One of the two is lost in the middle of a request, which the other answers.
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(visitor.get, edge.url("/slow"), follow=False)
        (busy,) = until(lambda: [n for n in (0, 2) if ("GET", "/slow") in behind[n].seen], "the slow request")
        behind[2 - busy].release.set()
        tunnels[busy].signal(signal.SIGKILL)
        assert slow.result().status == 200 and ("GET", "/slow") in behind[2 - busy].seen
    behind[1].is_well = True
    until(lambda: value("tunnel_edge_upstreams", health="healthy") == 2, "it is well again")
    assert answers(visitor, url) == {b"b", behind[2 - busy].name}
    assert value("tunnel_edge_health_checks_total", result="failed") > 0
    edge.says("service is unhealthy")


PUBLIC = """\
  - from: https://app.localhost:{port}
    to: http://non-existent-route
    allow_public_unauthenticated_access: true
    reconnect_grace: 60s
    upstream_tunnel:
      ssh_policy:
        - allow:
            and:
              - email:
                  is: alice@example.test
"""


class Parked:
    """A request written by hand, from an address of its own."""

    def __init__(self, edge, authority, source, method="GET", body=b"", path="/echo"):
        context = ssl.create_default_context(cafile=authority)
        plain = socket.create_connection(("127.0.0.1", edge.https_port), 60, source_address=(source, 0))
        self.link = context.wrap_socket(plain, server_hostname="app.localhost")
        head = f"{method} {path} HTTP/1.1\r\nHost: app.localhost:{edge.https_port}\r\nConnection: close\r\n"
        self.link.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def answer(self):
        data = b""
        while piece := self.link.recv(65536):
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        return int(head.split()[1]), head.decode(), body

    def leave(self):
        self.link.close()


def test_fifty_requests_wait_for_a_publisher_that_comes_back(measured, new_publisher, visitor, service, authority):
    edge, value = measured(lambda port: PUBLIC.format(port=port))
    publisher = signed_in(edge, new_publisher, visitor)
    tunnel = publisher.forward(("app.localhost", service.port)).wait_published()

    def parked(count):
        until(lambda: value("tunnel_edge_parked_requests") == count, f"{count} waiting requests")

    def lose():
        tunnel.signal(signal.SIGKILL)
        until(lambda: value("tunnel_edge_tunnels", state="attached") == 0, "the loss of the tunnel")

    def ask(source, *more):
        return Parked(edge, authority.certificate, source, *more)

    lose()
    bodies = [b"%d:" % number + b"x" * 20_000 for number in range(50)]
    waiting = [
        ask(f"127.0.1.{1 + number // 2}", *(("POST", body) if number % 2 else ())) for number, body in enumerate(bodies)
    ]
    parked(50)
    # Two of one address wait; a third is told at once. Who leaves makes room at once.
    status, head, _ = ask("127.0.1.1").answer()
    assert status == 503 and "Retry-After: " in head
    leaver = ask("127.0.2.1")
    parked(51)
    leaver.leave()
    parked(50)
    tunnel = publisher.forward(("app.localhost", service.port)).wait_published()
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        results = list(pool.map(Parked.answer, waiting))
    assert {status for status, _, _ in results} == {200}
    for number, (_, _, body) in enumerate(results):
        told = json.loads(body)
        assert told["method"] == ("POST" if number % 2 else "GET")
        assert told["body"].encode() == (bodies[number] if number % 2 else b"")
    parked(0)

    # A right that ends while somebody waits ends the wait; so does a goodbye, and neither lets anybody wait.
    lose()
    one = ask("127.0.1.1")
    parked(1)
    begun = time.monotonic()
    edge.edit(r"is: alice@example.test", f"is: {BOB.email}")
    assert one.answer()[0] == 503
    assert ask("127.0.1.1").answer()[0] == 503
    assert time.monotonic() - begun < 10 * PATIENCE
    edge.edit(rf"is: {BOB.email}", "is: alice@example.test")
    until(lambda: value("tunnel_edge_config_reloads_total", result="applied") == 2, "the configuration as it was")
    tunnel = publisher.forward(("app.localhost", service.port)).wait_published()
    edge.edit(r"is: alice@example.test", f"is: {BOB.email}")
    until(lambda: value("tunnel_edge_tunnels", state="detached") == 1, "the tunnel is detached")
    assert ask("127.0.1.1").answer()[0] == 503
    edge.edit(rf"is: {BOB.email}", "is: alice@example.test")
    until(lambda: value("tunnel_edge_tunnels", state="attached") == 1, "the tunnel is attached again")
    assert ask("127.0.1.1").answer()[0] == 200
    tunnel.signal(signal.SIGINT)
    until(lambda: value("tunnel_edge_tunnels", state="attached") == 0, "the goodbye")
    assert ask("127.0.1.1").answer()[0] == 503
    # An edge that goes keeps nobody waiting.
    tunnel = publisher.forward(("app.localhost", service.port)).wait_published()
    lose()
    last = ask("127.0.1.1")
    parked(1)
    edge.program.signal(signal.SIGTERM)
    status, head, _ = last.answer()
    assert status == 503 and "Retry-After: " in head
    assert edge.program.wait() == 0
    edge.stop()


def test_a_post_on_a_tunnel_that_is_lost_is_not_repeated(measured, new_publisher, visitor, service, authority):
    """Its service may have done what it says. A GET beside it is asked again, and nobody notices."""
    edge, value = measured(lambda port: PUBLIC.format(port=port))
    publisher = signed_in(edge, new_publisher, visitor)
    tunnel = publisher.forward(("app.localhost", service.port)).wait_published()
    post = Parked(edge, authority.certificate, "127.0.1.1", "POST", b"once", path="/slow")
    get = Parked(edge, authority.certificate, "127.0.1.2", path="/slow")
    until(lambda: {("POST", "/slow"), ("GET", "/slow")} <= set(service.seen), "both requests at the service")
    tunnel.signal(signal.SIGKILL)
    assert post.answer()[0] == 502
    until(lambda: value("tunnel_edge_parked_requests") == 1, "the other to wait")
    service.release.set()
    publisher.forward(("app.localhost", service.port)).wait_published()
    status, _, body = get.answer()
    assert status == 200 and body == b"at last\n"
    assert service.seen.count(("POST", "/slow")) == 1 and service.seen.count(("GET", "/slow")) == 2
    edge.stop()


DIRECT = """\
  - from: https://app.localhost:{port}
    to: [{to}]
    allow_public_unauthenticated_access: true
    load_balancing_policy: {policy}
    healthy_panic_threshold: 0
    health_checks: [{{http: {{path: /healthz}}, interval: 200ms, timeout: 5s}}]
"""


def test_addresses_that_are_dialled(measured, visitor, services):
    """A visitor stays with one of three addresses until it is not well; without any, that is told."""
    behind = [services(name) for name in (b"a", b"b", b"c")]
    to = ", ".join(f"http://127.0.0.1:{one.port}" for one in behind)
    edge, value = measured(lambda port: DIRECT.format(port=port, to=to, policy="RING_HASH"))
    until(lambda: value("tunnel_edge_upstreams", health="healthy") == 3, "three healthy addresses")
    (first,) = answers(visitor, edge.url())
    chosen = next(one for one in behind if one.name == first)
    chosen.is_well = False
    until(lambda: value("tunnel_edge_upstreams", health="unhealthy") == 1, "an unhealthy one")
    (second,) = answers(visitor, edge.url())
    assert second != first
    chosen.is_well = True
    until(lambda: value("tunnel_edge_upstreams", health="healthy") == 3, "it is well again")
    assert answers(visitor, edge.url()) == {first}
    for one in behind:
        one.is_well = False
    until(lambda: value("tunnel_edge_upstreams", health="unhealthy") == 3, "nobody is well")
    page = visitor.get(edge.url())
    assert page.status == 503 and page.headers["Retry-After"] and "not healthy" in page.text
    refused = json.loads(visitor.get(edge.url(), headers={"Accept": "application/json"}).body)
    assert refused["error"] == "no_healthy_upstream"


HTTP2 = """\
  - from: https://app.localhost:{port}
    to: h2c://127.0.0.1:{pages}
    allow_public_unauthenticated_access: true
    healthy_panic_threshold: 0
    health_checks: [{{http: {{path: /healthz}}, interval: 200ms, timeout: 5s}}]
  - from: https://api.localhost:{port}
    to: h2c://127.0.0.1:{calls}
    allow_public_unauthenticated_access: true
    healthy_panic_threshold: 0
    health_checks: [{{grpc: {{service_name: test.Service}}, interval: 200ms, timeout: 5s}}]
"""


def test_services_of_http2_are_asked_in_their_language(measured, visitor):
    pages, calls = ASGIService(), GRPCService()
    edge, value = measured(lambda port: HTTP2.format(port=port, pages=pages.port, calls=calls.port))
    until(lambda: value("tunnel_edge_upstreams", health="healthy") == 2, "two healthy services")
    assert visitor.get(edge.url()).status == 200
    calls.is_well = False
    until(lambda: value("tunnel_edge_upstreams", health="unhealthy") == 1, "the one that says so")
    assert visitor.get(edge.url("/", "api.localhost")).status == 503
    assert visitor.get(edge.url()).status == 200
    calls.is_well = True
    until(lambda: value("tunnel_edge_upstreams", health="healthy") == 2, "it is well again")
    pages.stop()
    until(lambda: value("tunnel_edge_upstreams", health="unhealthy") == 1, "the one that is gone")
    assert visitor.get(edge.url()).status == 503
    calls.stop()
    edge.stop()


def test_one_sign_in_for_several_hosts(new_edge, visitor, tmp_path, authority, artifacts):
    """`depends_on` with a faithful client, and with a browser."""
    edge = new_edge()
    hosts = ["app.localhost", "api.localhost", "docs.localhost"]
    routes = route(hosts[0], edge.https_port, extra="depends_on: [api.localhost, docs.localhost]")
    edge.start(edge.text(routes=routes + "".join(route(host, edge.https_port) for host in hosts[1:])))
    page = browse(visitor, edge.url("/start?x=1"))
    assert page.url == edge.url("/start?x=1") and page.status == 503
    for host in hosts:
        assert "__Host-_pomerium" in visitor.jar[host], host
        there = visitor.get(edge.url("/", host=host), follow=False)
        assert there.status == 503, "signed in, and nobody publishes"
    browser = Chromium(tmp_path / "chromium", authority.certificate, artifacts / "screenshots")
    try:
        driver = browser.driver
        driver.get(edge.url("/start?x=1"))
        browser.fill_in("login", ALICE.name)
        browser.fill_in("password", ALICE.password)
        until(lambda: driver.current_url == edge.url("/start?x=1"), "the page asked for")
        for host in hosts[1:]:
            driver.get(edge.url("/", host=host))
            assert driver.current_url == edge.url("/", host=host)
            assert driver.get_cookie("__Host-_pomerium")
    finally:
        browser.close()
