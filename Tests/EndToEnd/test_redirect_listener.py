"""The port for plain HTTP: it leads to HTTPS and says nothing of what is not served."""

import http.client

import pytest
from kit.names import free_port


@pytest.fixture
def plain(new_edge):
    port = free_port()
    edge = new_edge()
    edge.start(edge.text(more=f"http_redirect_addr: 127.0.0.1:{port}"))

    def ask(method, target, host, **more):
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        link.request(method, target, headers={"Host": host, **more})
        answer = link.getresponse()
        answer.read()
        link.close()
        return answer.status, answer.headers.get("Location")

    ask.edge, ask.port = edge, port
    return ask


def test_visitors_are_led_to_https(plain):
    port = plain.edge.https_port
    assert plain("GET", "/a?b=c", "app.localhost") == (308, f"https://app.localhost:{port}/a?b=c")
    assert plain("POST", "/form", f"APP.localhost:{plain.port}") == (308, f"https://app.localhost:{port}/form")
    assert plain("GET", "/.pomerium/", "auth.localhost") == (308, f"https://auth.localhost:{port}/.pomerium/")
    assert plain("GET", "//evil.example/x", "app.localhost") == (308, f"https://app.localhost:{port}//evil.example/x")


def test_others_are_not(plain):
    assert plain("GET", "/", "elsewhere.example") == (404, None)
    assert plain("GET", "/", "127.0.0.1") == (404, None)
    assert plain("OPTIONS", "*", "app.localhost") == (400, None)
    assert plain("GET", "/", "app.localhost", **{"Transfer-Encoding": "gzip"})[0] == 501


def test_a_busy_port_is_named(new_edge, service):
    edge = new_edge()
    with pytest.raises(AssertionError, match=rf"127.0.0.1:{service.port} \(`http_redirect_addr`\).*in use"):
        edge.start(edge.text(more=f"http_redirect_addr: 127.0.0.1:{service.port}"))
    assert edge.program.wait() == 69
    edge.program = None
