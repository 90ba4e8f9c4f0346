"""Keys of a route that shape where a request goes and what comes back."""

import collections

import pytest
from kit.service import Service
from kit.waiting import until

PUBLIC = "  - from: https://{host}.localhost:{port}\n    allow_public_unauthenticated_access: true\n"


@pytest.fixture
def serve(new_edge):
    def start(**routes):
        """Each route: its lines behind `from`."""
        edge = new_edge()
        text = ""
        for host, lines in routes.items():
            text += PUBLIC.format(host=host, port=edge.https_port) + "".join(f"    {line}\n" for line in lines)
        edge.start(edge.text(routes=text))
        return edge

    return start


def location(visitor, url):
    answer = visitor.get(url, follow=False)
    return answer.status, answer.headers["Location"]


def test_redirects(serve, visitor):
    edge = serve(
        app=["redirect: {host_redirect: docs.localhost, path_redirect: /new, response_code: 308}"],
        api=["prefix: /v1/", "redirect: {prefix_rewrite: /v2/, strip_query: true}"],
        docs=["redirect: {port_redirect: 8443}"],
        other=["redirect: {scheme_redirect: http, host_redirect: plain.example.com}"],
    )
    port = edge.https_port
    assert location(visitor, edge.url("/old?a=b")) == (308, "https://docs.localhost/new?a=b")
    assert location(visitor, edge.url("/v1/x?a=b", host="api.localhost")) == (301, f"https://api.localhost:{port}/v2/x")
    assert location(visitor, edge.url("/p?q", host="docs.localhost")) == (301, "https://docs.localhost:8443/p?q")
    assert location(visitor, edge.url("/", host="other.localhost")) == (301, "http://plain.example.com/")


def test_a_response_of_the_route(serve, visitor):
    edge = serve(app=["response: {status: 418, body: short and stout}", "set_response_headers: {X-Kind: teapot}"])
    answer = visitor.get(edge.url())
    assert (answer.status, answer.text) == (418, "short and stout")
    assert answer.headers["X-Kind"] == "teapot" and answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["Strict-Transport-Security"]


def test_a_redirect_asks_for_the_right_first(new_edge, visitor):
    edge = new_edge()
    route = f"  - from: https://app.localhost:{edge.https_port}\n    redirect: {{path_redirect: /secret}}\n"
    edge.start(edge.text(routes=route + "    policy: [{allow: {or: [{email: {is: alice@example.test}}]}}]\n"))
    answer = visitor.get(edge.url(), headers={"Accept": "application/json"}, follow=False)
    assert answer.status == 401


def test_weights_share_the_requests_out(serve, visitor):
    services = [Service(), Service()]
    to = ", ".join(f'"http://127.0.0.1:{service.port},{weight}"' for service, weight in zip(services, (3, 1)))
    edge = serve(app=[f"to: [{to}]"])
    for _ in range(40):
        assert visitor.get(edge.url("/")).status == 200
    shares = collections.Counter(number for number, service in enumerate(services) for _ in service.seen)
    for service in services:
        service.stop()
    # Each event loop counts for itself.
    assert shares[0] + shares[1] == 40 and 26 <= shares[0] <= 34, shares


def test_the_host_that_the_service_sees(serve, visitor, service):
    to = f"to: http://127.0.0.1:{service.port}"
    edge = serve(
        app=[to, "host_rewrite: inner.example:81"],
        api=[to, "host_rewrite_header: X-Tenant"],
        docs=[to, "preserve_host_header: true"],
    )

    def host(url, **headers):
        told = visitor.get(url, headers=headers).json()["headers"]
        return [value for name, value in told if name.lower() == "host"]

    assert host(edge.url("/echo")) == ["inner.example:81"]
    assert host(edge.url("/echo", host="api.localhost"), **{"X-Tenant": "blue.example"}) == ["blue.example"]
    assert host(edge.url("/echo", host="docs.localhost")) == [f"docs.localhost:{edge.https_port}"]


def test_response_headers_are_rewritten(serve, visitor, service):
    rules = "rewrite_response_headers: [{header: Content-Type, prefix: text/, value: application/x-}]"
    edge = serve(app=[f"to: http://127.0.0.1:{service.port}", rules])
    assert visitor.get(edge.url()).headers["Content-Type"] == "application/x-plain; charset=utf-8"
    assert visitor.get(edge.url("/echo")).headers["Content-Type"] == "application/json"


def test_the_answer_of_a_route_is_live(serve, visitor):
    edge = serve(app=["response: {status: 200, body: one}"])
    assert visitor.get(edge.url()).text == "one"
    edge.edit("body: one", "body: two")
    until(lambda: visitor.get(edge.url()).text == "two", "the new text")


def test_weights_count_requests_not_connections(serve, visitor):
    services = [Service(), Service()]
    to = ", ".join(f"http://127.0.0.1:{service.port}" for service in services)
    edge = serve(app=[f"to: [{to}]"])
    for _ in range(20):
        # Whatever follows such an answer comes on a connection of its own.
        visitor.get(edge.url("/broken"))
    seen = [len(service.seen) for service in services]
    for service in services:
        service.stop()
    assert min(seen) >= 6, seen
