"""What visitors may not do, and what they are told then."""

import json
import socket
import ssl
from urllib.parse import parse_qs, quote, urljoin, urlsplit

import pytest
from kit.edge import route
from kit.names import free_port
from kit.people import ALICE, BOB, approve
from kit.visitor import Visitor
from kit.waiting import until


def talk(edge, request, server_name, authority):
    """Sends bytes over TLS with the server name of our choice and returns the head that comes back.

    Without an `authority` any certificate will do.
    """
    context = ssl.create_default_context(cafile=authority.certificate if authority else None)
    context.check_hostname = False
    if not authority:
        context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", edge.https_port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname=server_name) as link:
            link.sendall(request)
            answer = b""
            while b"\r\n\r\n" not in answer:
                piece = link.recv(4096)
                if not piece:
                    break
                answer += piece
            return answer.decode("latin-1")


def status_of(answer):
    return int(answer.split()[1]) if answer else None


def test_unknown_host(edge, authority):
    """For a name that is not served there is no certificate that anybody trusts; who looks past it finds a page."""
    request = b"GET / HTTP/1.1\r\nHost: nobody.localhost\r\nAccept: text/html\r\n\r\n"
    with pytest.raises(ssl.SSLCertVerificationError):
        talk(edge, request, "nobody.localhost", authority)
    assert status_of(talk(edge, request, "nobody.localhost", None)) == 404


def test_server_name_of_one_route_and_host_of_another(new_edge, authority):
    edge = new_edge()
    edge.start(edge.text(routes=route("app.localhost", edge.https_port) + route("other.localhost", edge.https_port)))
    request = f"GET / HTTP/1.1\r\nHost: other.localhost:{edge.https_port}\r\n\r\n".encode()
    assert status_of(talk(edge, request, "app.localhost", authority)) == 421
    assert status_of(talk(edge, request, "other.localhost", authority)) in (302, 401)
    # A server name that is not served here says nothing; then Host decides, as behind an ingress.
    assert status_of(talk(edge, request, "ingress.example", None)) in (302, 401)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"GET / HTTP/1.1\r\nHost: app.localhost\r\nHost: other.localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: app.localhost\r\nX: a\r\n b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : app.localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: app.localhost\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\nHost: app.localhost\n\n",
        b"GET /.pomerium%2fsign_in HTTP/1.1\r\nHost: app.localhost\r\n\r\n",
    ],
    ids=[
        "length and chunked",
        "two lengths",
        "two hosts",
        "no host",
        "folded line",
        "blank before colon",
        "zero byte",
        "bare LF",
        "our paths in disguise",
    ],
)
def test_ambiguous_requests(edge, authority, request_bytes):
    assert status_of(talk(edge, request_bytes, "app.localhost", authority)) == 400


@pytest.mark.parametrize("size", [20_000, 70_000, 100_000, 200_000, 400_000])
def test_large_heads_are_answered(edge, authority, size):
    """Whatever its size, a head gets an answer, and not one that waits for more."""
    request = b"GET / HTTP/1.1\r\nHost: app.localhost\r\nX-Large: " + b"a" * size + b"\r\n\r\n"
    try:
        assert status_of(talk(edge, request, "app.localhost", authority)) in (404, 401, 302, 431)
    except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
        pass  # closed before all of it was sent: as good
    assert edge.program.is_running


def test_programs_get_json(edge, visitor):
    answer = visitor.get(edge.url(), headers={"Accept": "application/json"}, follow=False)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    told = answer.json()
    assert {"error", "request_id", "sign_in_url"} <= set(told)
    assert told["sign_in_url"].startswith("https://")


def test_posts_without_a_session_get_a_page_with_a_link(edge, visitor):
    answer = visitor.post(edge.url("/form"), {"a": "b"}, headers={"Origin": edge.url("").rstrip("/")}, follow=False)
    assert answer.status == 401 and "sign" in answer.text.lower()


# Signing in


def start_of_sign_in(edge, visitor):
    """The provider's login page of a fresh sign-in, and the address that led there."""
    page = visitor.get(edge.url())
    assert page.host == "127.0.0.1" and page.forms, repr(page)
    return page


def test_callback_with_a_wrong_state(edge, visitor):
    start_of_sign_in(edge, visitor)
    answer = visitor.get(edge.authenticate + "/oauth2/callback?code=abc&state=made-up")
    assert answer.status == 400 and "text/html" in answer.headers["Content-Type"]
    assert visitor.status(edge.url()) == 302


def callback_url(edge, visitor, person=ALICE):
    """Signs in and returns the callback address, not opened yet."""
    page = start_of_sign_in(edge, visitor)
    for _ in range(2):  # one page for the name, one for the password
        form = next(f for f in page.forms if f.types() & {"text", "password"})
        said = {"text": person.name, "password": person.password}
        values = {name: said[kind] for name, _, kind in form.fields if kind in said}
        page = visitor.submit(page, form, values, follow=False)
        while location := page.headers.get("Location"):
            if location.startswith(edge.authenticate + "/oauth2/callback"):
                return location
            page = visitor.get(urljoin(page.url, location), follow=False)
    raise AssertionError(f"no callback: {page!r}")


def test_a_callback_works_once(edge, visitor):
    address = callback_url(edge, visitor)
    assert visitor.get(address, follow=False).status in (302, 303)
    again = visitor.get(address, follow=False)
    assert again.status == 400, repr(again)


def test_a_callback_belongs_to_its_browser(edge, visitor, authority):
    """Login CSRF: Mallory's callback address, opened by a victim, signs the victim in as nobody."""
    address = callback_url(edge, visitor)
    victim = Visitor(authority.certificate)
    answer = victim.get(address, follow=False)
    assert answer.status == 400, repr(answer)
    assert not any("pomerium" in name for name in victim.jar.get("auth.localhost", {}))
    assert victim.status(edge.url()) == 302


def test_the_hand_over_belongs_to_its_browser_and_works_once(edge, visitor, authority, publish):
    """The single-use code for the route's host is worthless without the nonce cookie of the browser that asked."""
    publish()
    visitor.jar.pop("app.localhost")  # signed in on the authenticate host, but not here
    steps = visitor.get(edge.url(), follow=False)
    while "/.pomerium/callback" not in steps.headers["Location"]:
        steps = visitor.get(steps.headers["Location"], follow=False)
        assert steps.status in (302, 303), repr(steps)
    hand_over = steps.headers["Location"]
    assert urlsplit(hand_over).hostname == "app.localhost"
    thief = Visitor(authority.certificate)
    stolen = thief.get(hand_over, follow=False)
    assert stolen.status >= 400 and "app.localhost" not in thief.jar, repr(stolen)
    # A failed attempt may burn the code; a fresh one works for its browser, once.
    steps = visitor.get(edge.url())
    assert steps.text == "Hello world!\n"
    assert visitor.get(hand_over, follow=False).status >= 400 or visitor.status(edge.url()) == 200


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "https://app.localhost@evil.example/"]
)
def test_no_open_redirect(edge, visitor, target):
    for parameter in ("pomerium_redirect_uri", "redirect_uri", "rd"):
        answer = visitor.get(
            f"{edge.authenticate}/.pomerium/sign_in?{parameter}={quote(target, safe='')}", follow=False
        )
        assert "evil.example" not in (urlsplit(answer.headers.get("Location") or "").hostname or ""), repr(answer)


def test_no_session_in_a_query(edge, publish, visitor, authority):
    publish()
    assert visitor.get(edge.url()).status == 200
    cookie = visitor.jar["app.localhost"]["__Host-_pomerium"]
    other = Visitor(authority.certificate)
    for parameter in ("pomerium_session", "pomerium_jwt", "session", "_pomerium"):
        assert other.get(edge.url(f"/?{parameter}={cookie}"), follow=False).status == 302


def test_a_cookie_of_one_host_is_nothing_on_another(new_edge, new_publisher, visitor, authority, service):
    edge = new_edge()
    edge.start(edge.text(routes=route("app.localhost", edge.https_port) + route("api.localhost", edge.https_port)))
    tunnel = new_publisher(edge).forward(("app.localhost", service.port), ("api.localhost", service.port))
    approve(tunnel, visitor)
    tunnel.wait_published(2)
    visitor.get(edge.url())
    thief = Visitor(authority.certificate)
    thief.jar["api.localhost"] = dict(visitor.jar["app.localhost"])
    assert thief.status(edge.url(host="api.localhost")) == 302
    thief.jar["app.localhost"] = dict(visitor.jar["app.localhost"])
    assert thief.status(edge.url()) == 200  # the same cookie where it belongs


# The verify page


def test_get_never_approves_and_only_the_first_browser_decides(edge, publisher, visitor, authority, service):
    tunnel = publisher.forward(("app.localhost", service.port))
    address = tunnel.sign_in_url()
    page = visitor.sign_in(visitor.get(address), ALICE.name, ALICE.password)
    for query in ("&confirm=true", "&action=authorize", "&authorize=1"):
        visitor.get(address + query)
    assert tunnel.is_running and "remote forward success" not in tunnel.output
    # Bob has the link too. He did not open it first, so he cannot approve it for his own session.
    bob = Visitor(authority.certificate)
    his = bob.sign_in(bob.get(address), BOB.name, BOB.password)
    if any(form.button("Authorize") for form in his.forms):
        assert bob.press(his, "Authorize").status >= 400
    assert "remote forward success" not in tunnel.output
    # A form without its token is refused.
    form = next(f for f in page.forms if f.button("Authorize"))
    hidden = [
        name for name, value, kind in form.fields if kind == "hidden" and len(value) > 15 and value not in address
    ]
    assert hidden, form
    assert visitor.submit(page, form, {hidden[0]: "x" * 22}, button=form.button("Authorize")).status in (400, 403)
    assert "remote forward success" not in tunnel.output
    assert visitor.press(page, "Authorize").status == 200
    tunnel.wait_published()
    # Decided is decided.
    assert visitor.press(page, "Authorize").status == 409


def test_unknown_code(edge, visitor):
    assert visitor.get(edge.authenticate + "/.pomerium/sign_in?user_code=" + "A" * 22).status == 400


def test_a_code_dies_with_its_last_connection(edge, publisher, visitor, service):
    tunnel = publisher.forward(("app.localhost", service.port))
    address = tunnel.sign_in_url()
    tunnel.stop()

    def gone():
        page = visitor.get(address)
        if page.host == "127.0.0.1":
            page = visitor.sign_in(page, ALICE.name, ALICE.password)
        return page.status == 400

    until(gone, "the code of a closed connection to be unknown")


# Requests that pass the door


@pytest.fixture
def inside(edge, publish, visitor):
    publish()
    assert visitor.get(edge.url()).text == "Hello world!\n"
    return visitor


def test_unsafe_methods_need_the_routes_origin(edge, inside):
    own = edge.url("").rstrip("/")

    def delete(**headers):
        return inside.request("DELETE", edge.url("/echo"), headers=headers, follow=False).status

    assert delete(Origin="https://evil.example") == 403
    assert delete(Origin=f"https://api.localhost:{edge.https_port}") == 403
    assert delete(Origin="null") == 403
    assert delete(Origin=own, **{"Sec-Fetch-Site": "same-site"}) == 403
    assert delete(**{"Sec-Fetch-Site": "cross-site"}) == 403
    assert delete(Origin=own, **{"Sec-Fetch-Site": "same-origin"}) == 200
    assert delete() == 200  # no browser sends this: programs that present a cookie have no origin


def test_what_the_service_gets(edge, inside):
    told = inside.get(
        edge.url("/echo?a=1&b=%20"),
        headers={
            "X-Pomerium-Claim-Email": "boss@example.test",
            "X-Pomerium-Jwt-Assertion": "forged",
            "X_Pomerium_Claim_Email": "boss",
            "X-Forwarded-For": "8.8.8.8",
            "X-Forwarded-Host": "evil.example",
            "Forwarded": "for=8.8.8.8",
            "X-Real-IP": "8.8.8.8",
            "Connection": "close, X-Hop",
            "X-Hop": "1",
            "Te": "trailers",
            "Proxy-Authorization": "Basic x",
            "X-Kept": "kept",
        },
    ).json()
    headers = {}
    for name, value in told["headers"]:
        headers.setdefault(name.lower(), []).append(value)
    assert told["path"] == "/echo?a=1&b=%20"
    assert headers["x-kept"] == ["kept"]
    assert headers["host"] == ["localhost"]  # `to` is the tutorial's placeholder
    assert headers["x-forwarded-proto"] == ["https"]
    assert headers["x-forwarded-host"] == [f"app.localhost:{edge.https_port}"]
    assert headers["x-forwarded-for"] == ["127.0.0.1"]
    assert len(headers["x-request-id"]) == 1
    assert "_pomerium" not in " ".join(headers.get("cookie", []))
    told = json.dumps(headers)
    for forged in ("boss", "forged", "8.8.8.8", "evil.example", "x-hop", "Basic x"):
        assert forged not in told, f"{forged} reached the service: {told}"


def test_the_services_cookies(edge, inside, authority):
    lines = ["plain=1; Path=/", "wide=1; Domain=localhost", "__Host-_pomerium=stolen; Path=/; Secure"]
    answer = inside.get(edge.url("/cookies?set=" + quote("|".join(lines))), follow=False)
    kept = answer.headers.get_all("Set-Cookie")
    assert any(line.startswith("plain=1") for line in kept)
    assert all("domain" not in line.lower() for line in kept)
    assert not any("stolen" in line for line in kept), kept


def test_two_cookies_of_our_name_are_refused(edge, inside):
    cookie = inside.cookie_header("app.localhost")
    answer = inside.get(edge.url(), headers={"Cookie": cookie + "; __Host-_pomerium=another"}, follow=False)
    assert answer.status == 400


def test_a_changed_cookie_is_no_session(edge, inside, authority):
    other = Visitor(authority.certificate)
    value = inside.jar["app.localhost"]["__Host-_pomerium"]
    for changed in (value[:-1], value[:-1] + ("A" if value[-1] != "A" else "B"), value + "A", value.swapcase(), ""):
        other.jar["app.localhost"] = {"__Host-_pomerium": changed}
        assert other.get(edge.url(), follow=False).status == 302, changed


def test_service_that_is_not_running(edge, publisher, visitor, service):
    tunnel = publisher.forward(("app.localhost", free_port()))
    approve(tunnel, visitor)
    tunnel.wait_published()
    answer = visitor.get(edge.url())
    assert answer.status == 502 and "service" in answer.text.lower()


def test_service_that_does_not_speak_http(edge, inside):
    assert inside.get(edge.url("/broken"), follow=False).status == 502
    assert inside.get(edge.url(), follow=False).status == 200


def test_service_that_does_not_answer(new_edge, new_publisher, visitor, service):
    edge = new_edge()
    edge.start(edge.text(more="default_upstream_timeout: 1s\n"))
    tunnel = new_publisher(edge).forward(("app.localhost", service.port))
    approve(tunnel, visitor)
    tunnel.wait_published()
    assert visitor.get(edge.url()).status == 200
    assert visitor.get(edge.url("/slow"), follow=False).status == 504


def test_health_is_for_the_authenticate_host_only(edge, visitor):
    for path in ("/ping", "/healthz", "/readyz"):
        assert visitor.get(edge.authenticate + path).status == 200
        assert visitor.get(edge.url(path), follow=False).status == 302


def test_known_hosts_are_served(edge, visitor):
    answer = visitor.get(edge.authenticate + "/.well-known/pomerium/ssh_known_hosts")
    assert answer.status == 200
    for public in edge.host_public_keys():
        assert public.read_text().split()[1] in answer.text


def test_pages_are_hardened(edge, visitor):
    page = visitor.get(edge.url("/"), headers={"Accept": "text/html"}, follow=False)
    unknown = visitor.get(edge.authenticate + "/nowhere")
    assert unknown.status == 404
    for name in ("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy"):
        assert unknown.headers.get(name), f"{name} is missing"
    assert page.headers.get("Cache-Control", "").find("no-store") >= 0
    assert parse_qs(urlsplit(page.headers["Location"]).query)
