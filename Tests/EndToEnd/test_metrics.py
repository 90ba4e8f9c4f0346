"""What the edge tells whoever watches it: metrics for Prometheus, health, and the command that asks for it."""

import base64
import concurrent.futures
import http.client
import signal
import socket

import pytest
from kit.edge import route
from kit.names import free_port, listens
from kit.people import ALICE, approve
from kit.processes import run
from kit.waiting import until
from prometheus_client.parser import text_string_to_metric_families

CREDENTIALS = base64.b64encode(b"prometheus:pass:word").decode()


def ask(port, path="/metrics", method="GET", host=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host=host is not None)
        if host is not None:
            connection.putheader("Host", host)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def families(port):
    status, headers, text = ask(port)
    assert status == 200, text
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(port, name, **labels):
    """The sum of the samples of this name that have these labels; counters by their whole name."""
    return sum(
        sample.value
        for family in families(port).values()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


@pytest.fixture
def watched(new_edge):
    """A running edge with a port for metrics, and that port."""
    port = free_port()
    edge = new_edge()
    routes = route("app.localhost", edge.https_port) + route("api.localhost", edge.https_port, visitor="bob@other.test")
    return edge.start(edge.text(more=f"metrics_address: 127.0.0.1:{port}\n", routes=routes)), port


def test_what_happens_is_counted(watched, new_publisher, visitor, service):
    edge, port = watched
    url = f"https://app.localhost:{edge.https_port}"
    seen = families(port)
    assert seen["process_open_fds"].samples[0].value > 5
    assert seen["tunnel_edge_build_info"].samples[0].labels["version"]
    assert all(family.documentation and family.type != "unknown" for family in seen.values())
    assert value(port, "tunnel_edge_ready") == 1
    assert value(port, "tunnel_edge_tunnel_bindings", state="attached") == 0

    tunnel = new_publisher(edge).forward(("app.localhost", service.port))
    until(lambda: value(port, "tunnel_edge_ssh_connections", state="signing_in") == 1, "the sign-in to be counted")
    approve(tunnel, visitor)
    tunnel.wait_published()
    assert value(port, "tunnel_edge_tunnel_bindings", state="attached", **{"from": url}) == 1
    assert value(port, "tunnel_edge_ssh_connections", state="signed_in") == 1
    assert value(port, "tunnel_edge_sign_ins_total", client="ssh", result="approved") == 1
    assert value(port, "tunnel_edge_sign_ins_total", client="browser", result="approved") == 1

    for _ in range(3):
        assert visitor.get(edge.url()).text == "Hello world!\n"
    visitor.get(edge.url(host="api.localhost"))  # the policy says no

    def requests(host, code):
        return value(port, "tunnel_edge_requests_total", code=code, **{"from": f"https://{host}:{edge.https_port}"})

    until(lambda: requests("app.localhost", "2xx") == 3, "three requests to be counted")
    until(lambda: requests("api.localhost", "4xx") == 1, "the refused one to be counted at its route")
    assert value(port, "tunnel_edge_response_bytes_total", **{"from": url}) >= 3 * len("Hello world!\n")
    assert value(port, "tunnel_edge_decisions_total", result="allowed") == 3
    assert value(port, "tunnel_edge_decisions_total", result="denied") == 1
    assert value(port, "tunnel_edge_decisions_total", result="sign_in") >= 1
    assert value(port, "tunnel_edge_tls_handshakes_total", version="TLSv1.3") >= 1
    total = sum(s.value for s in families(port)["tunnel_edge_requests"].samples)
    assert value(port, "tunnel_edge_request_duration_seconds_count") == total
    assert value(port, "tunnel_edge_request_duration_seconds_bucket", le="+Inf") == total

    # What visitors send is no label.
    visitor.get(edge.url("/secret-path?token=x"))
    assert "secret-path" not in ask(port)[2] and ALICE.email not in ask(port)[2]

    tunnel.stop()
    until(lambda: value(port, "tunnel_edge_tunnel_bindings", state="attached") == 0, "the tunnel to be gone")
    assert value(port, "tunnel_edge_tunnels_opened_total") == 1
    assert value(port, "tunnel_edge_tunnels_closed_total") == 1


def test_a_refused_configuration_and_a_moved_listener(watched):
    edge, port = watched
    assert value(port, "tunnel_edge_config_last_reload_success") == 1
    edge.edit(r"^idp_provider: oidc$", "idp_provider: nobody")
    until(lambda: value(port, "tunnel_edge_config_last_reload_success") == 0, "the refusal to be counted")
    edge.edit(r"^idp_provider: nobody$", "idp_provider: oidc")
    until(lambda: value(port, "tunnel_edge_config_last_reload_success") == 1, "the mistake to be mended")
    assert value(port, "tunnel_edge_config_reloads_total", result="refused") == 1

    # Where somebody else listens the edge cannot, and stays where it was.
    with socket.create_server(("127.0.0.1", 0)) as taken:
        edge.edit(r"^metrics_address: .*$", f"metrics_address: 127.0.0.1:{taken.getsockname()[1]}")
        until(lambda: "metrics_address not applied" in edge.output, "the refusal in the log")
        until(lambda: listens(port), "the old listener")
        assert value(port, "tunnel_edge_ready") == 1

    # Everywhere, with a password.
    elsewhere = free_port()
    edge.edit(r"^metrics_address: .*$", f"metrics_address: :{elsewhere}\nmetrics_basic_auth: {CREDENTIALS}")
    until(lambda: listens(elsewhere), "the new listener")
    assert not listens(port)
    for path in ["/metrics", "/healthz", "/readyz", "/"]:
        status, headers, _ = ask(elsewhere, path)
        assert status == 401 and headers["WWW-Authenticate"].startswith("Basic ")
    assert ask(elsewhere, host="edge.example", Authorization=f"Basic {CREDENTIALS}")[0] == 200
    edge.edit(r"^metrics_.*\n", "")
    until(lambda: not listens(elsewhere), "the listener to be closed")


def test_requests_that_are_not_answered(watched):
    edge, port = watched
    assert ask(port, "/healthz")[::2] == (200, "OK\n")
    assert ask(port, "/readyz")[::2] == (200, "OK\n")
    status, headers, body = ask(port, method="HEAD")
    assert status == 200 and int(headers["Content-Length"]) > 1000 and not body
    assert ask(port, "/debug")[0] == 404
    assert ask(port, method="DELETE")[0] == 405
    assert ask(port, host="rebound.example")[0] == 421
    too_long = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20000
    for garbage in [b"\x16\x03\x01\x02\x00\x01\x00", b"GET /metrics\r\n\r\n", too_long]:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
            link.sendall(garbage + b"\r\n\r\n")
            answer = link.recv(4096)
            assert answer.startswith(b"HTTP/1.1 400 "), answer
    with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
        link.sendall(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        link.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: link.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"\r\n\r\nOK\n"), answer
    # Whoever says nothing holds a place, and there are more.
    silent = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(20)]
    assert value(port, "tunnel_edge_ready") == 1
    for link in silent:
        link.close()


def test_an_open_port_without_a_password_is_refused(new_edge, binary):
    edge = new_edge()
    edge.save(edge.text(more="metrics_address: 0.0.0.0:9090\n"))
    for command in ["check", "run"]:
        code, output = run([binary, command, "--config", edge.configuration], environment=edge.environment)
        assert code == 78 and "metrics_basic_auth" in output, output


def test_health(watched, binary):
    edge, port = watched

    def health(*arguments):
        return run([binary, "health", *arguments], environment=edge.environment)

    of_file = ("--config", edge.configuration)
    code, output = health(*of_file)
    assert code == 0 and output == f"http://127.0.0.1:{port}/readyz: ready\n"
    # Without a port for metrics: the front door, in the name of the authenticate host.
    text = edge.configuration.read_text()
    edge.edit(r"^metrics_address: .*\n", "")
    code, output = health(*of_file)
    assert code == 0 and output == f"https://auth.localhost:{edge.https_port}/readyz: ready\n"
    # A password is sent along.
    elsewhere = free_port()
    edge.save(text.replace(f"127.0.0.1:{port}", f"0.0.0.0:{elsewhere}\nmetrics_basic_auth: {CREDENTIALS}"))
    until(lambda: listens(elsewhere), "the listener with a password")
    code, output = health(*of_file)
    assert code == 0 and output == f"http://127.0.0.1:{elsewhere}/readyz: ready\n"
    code, output = health("--url", f"http://127.0.0.1:{elsewhere}")
    assert code == 1 and "metrics_basic_auth" in output
    edge.stop()
    code, output = health(*of_file)
    assert code == 1 and str(elsewhere) in output and "connect" in output, output
    code, output = health("--config", edge.directory / "nowhere.yaml")
    assert code == 1 and "nowhere.yaml" in output, output


def test_whoever_watches_sees_the_drain(watched, binary, new_publisher, visitor, service):
    edge, port = watched
    tunnel = new_publisher(edge).forward(("app.localhost", service.port))
    approve(tunnel, visitor)
    tunnel.wait_published()
    visitor.get(edge.url())
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(visitor.get, edge.url("/slow"), follow=False)
        until(lambda: value(port, "tunnel_edge_tunnel_requests") == 1, "the request to be under way")
        edge.program.signal(signal.SIGTERM)
        until(lambda: ask(port, "/readyz")[0] == 503, "the edge to be not ready")
        assert ask(port, "/healthz")[0] == 200 and value(port, "tunnel_edge_ready") == 0
        code, output = run([binary, "health", "--config", edge.configuration], environment=edge.environment)
        assert code == 1 and "draining" in output
        service.release.set()
        assert waiting.result().status == 200
    assert edge.program.wait(within=40) == 0
    edge.stop()
