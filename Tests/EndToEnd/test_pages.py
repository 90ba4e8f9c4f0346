"""The pages that the edge itself writes: what they say to people and to programs, and how they look to a browser and to
a screen reader. Each is asked for once, of one edge; the browser then looks at what came."""

import os
from pathlib import Path

import axe_core_python
import pytest
from conftest import ROOT
from kit.chromium import Chromium
from kit.edge import Edge
from kit.gallery import Gallery, ask_by_hand
from kit.names import free_port
from kit.people import BOB, browse
from kit.processes import Program
from kit.publisher import Publisher
from kit.service import Service
from kit.visitor import Visitor
from kit.waiting import until

TUNNEL = """  - from: https://app.localhost:{port}
    prefix: {prefix}
    policy: [{{allow: {{or: [{{email: {{is: {visitor}}}}}]}}}}]
    upstream_tunnel:
      ssh_policy: [{{allow: {{or: [{{email: {{is: {publisher}}}}}]}}}}]
"""
DIRECT = """  - from: https://app.localhost:{port}
    prefix: {prefix}
    to: {to}
    allow_public_unauthenticated_access: true
"""
PAGE = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>{{status}}</title>
<main><h1>Sorry</h1>
<p>{{title}}: {{message}} {{reason}} {{request_id}} {{host}}</p></main></html>"""
ALICES, BOBS = "alice@example.test", "bob@example.test"
HTML = "text/html,application/xhtml+xml,*/*;q=0.8"
OPENED = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none"}


@pytest.fixture(scope="module")
def seen(tmp_path_factory, binary, provider, certificate, keys, https_port, authority):
    """(pages for people by name, answers for programs by name, the edge's log)."""
    directory = tmp_path_factory.mktemp("pages")
    edge = Edge(binary, directory / "edge", provider, certificate, https_port=https_port, keys=keys)
    service = Service()
    try:
        pages, objects = collect(edge, service, directory, authority)
        edge.stop()
        yield pages, objects, edge.output
    finally:
        edge.stop()
        service.stop()


def collect(edge, service, directory, authority):
    port = edge.https_port
    at = f"http://127.0.0.1:{service.port}"
    own = directory / "sorry.html"
    own.write_text(PAGE)

    def routes(publisher=ALICES):
        tunnels = [("/mine", ALICES, publisher), ("/theirs", BOBS, BOBS), ("/explained", BOBS, BOBS)]
        text = "".join(TUNNEL.format(port=port, prefix=p, visitor=v, publisher=w) for p, v, w in tunnels)
        text += "    show_error_details: true\n"
        text += DIRECT.format(port=port, prefix="/replaced", to=f"http://127.0.0.1:{free_port()}")
        text += f"    error_pages: {{5xx: {own}}}\n"
        text += DIRECT.format(port=port, prefix="/refused", to=f"http://127.0.0.1:{free_port()}")
        text += DIRECT.format(port=port, prefix="/broken", to=at)
        text += DIRECT.format(port=port, prefix="/slow", to=at) + "    timeout: 200ms\n"
        text += DIRECT.format(port=port, prefix="/echo", to=at)
        return text

    def configuration(**more):
        keys = ["timeout_read: 1s", "trusted_proxies: [127.0.0.1]", "reconnect_grace: 0s", "contact: it@example.test"]
        return edge.text(routes=routes(**more), more="\n".join(keys))

    edge.start(configuration())
    started = []
    try:
        return look_around(edge, configuration, own, directory, authority, started)
    finally:
        for tunnel in started:
            tunnel.stop()


def look_around(edge, configuration, own, directory, authority, started):
    """Does what makes each page appear; what it starts is listed in `started`."""
    port = edge.https_port
    alice = Visitor(authority.certificate)
    publisher = Publisher(directory / "alice", edge.ssh_port, edge.host_public_keys(), user="alice")
    pages, objects = {}, {}

    def both(name, ask):
        """The same for a person and for a program."""
        pages[name] = ask({"Accept": HTML, **OPENED})
        objects[name] = ask({"Accept": "application/json"})

    def by_hand(name, first, *fields, host=f"app.localhost:{port}", to="app.localhost"):
        def ask(headers):
            lines = [first, f"Host: {host}", *(f"{key}: {value}" for key, value in headers.items()), *fields]
            return ask_by_hand(Visitor(authority.certificate), edge.url(host=to), "\n".join(lines))

        both(name, ask)

    def get(path, host="app.localhost", visitor=alice, **more):
        return lambda headers: visitor.get(edge.url(path, host=host), headers=headers, follow=False, **more)

    # Signing in, and the verify page, from another address than that of ssh.
    def forward(whose):
        started.append(whose.forward(("app.localhost", free_port())))
        return started[-1]

    tunnel = forward(publisher)
    address = tunnel.sign_in_url()
    elsewhere = {"X-Forwarded-For": "203.0.113.9"}
    pages["verify"] = browse(alice, address)
    pages["verify-elsewhere"] = alice.get(address, headers=elsewhere)
    form = pages["verify"].forms[0]
    confirm = [(name, value) for name, value, _ in form.fields] + [("confirm", "true")]
    origin = {"Origin": edge.authenticate, **elsewhere}
    pages["digits"] = alice.post(address, confirm, headers=origin)
    tunnel.stop()
    tunnel = forward(publisher)
    pages["authorized"] = alice.press(alice.get(tunnel.sign_in_url()), "Authorize")
    tunnel.wait_published()
    denied = Publisher(directory / "other", edge.ssh_port, edge.host_public_keys(), user="x" * 60)
    pages["denied"] = alice.press(alice.get(forward(denied).sign_in_url()), "Deny")

    # Authorized, and then ssh could not ask for the digits.
    checked = Publisher(directory / "checked", edge.ssh_port, edge.host_public_keys(), user="alice")
    unasked = forward(checked)
    address = unasked.sign_in_url()
    form = alice.get(address, headers=elsewhere).forms[0]
    alice.post(address, [(name, value) for name, value, _ in form.fields] + [("confirm", "true")], headers=origin)
    unasked.wait()
    both("digits-missing", lambda headers: alice.get(address, headers=headers))
    other = Visitor(authority.certificate)
    browse(other, edge.authenticate + "/.pomerium/", BOB)
    waiting = forward(Publisher(directory / "sent", edge.ssh_port, edge.host_public_keys()))
    browse(other, waiting.sign_in_url(), BOB)
    pages["verify-other-browser"] = alice.get(waiting.sign_in_url())

    # The account
    account = edge.authenticate + "/.pomerium/"
    keys = "session_binding_info"
    for name, path in (("account", ""), ("keys", keys), ("revoked", keys + "?ended=key")):
        both(name, lambda headers, path=path: alice.get(account + path, headers=headers))
    both("sign-out", lambda headers: alice.get(account + "sign_out", headers=headers))
    nobody = Visitor(authority.certificate)
    both("signed-out", lambda headers: nobody.get(account + "signed_out", headers=headers))

    # Signing in goes wrong
    for name, url in (
        ("callback-unknown", edge.authenticate + "/oauth2/callback?code=x&state=y"),
        ("hand-over-failed", edge.url("/.pomerium/callback/?code=x")),
        ("sign-in-forged", account + "sign_in?pomerium_redirect_uri=https://app.localhost/&pomerium_signature=x"),
        ("code-unknown", account + "sign_in?user_code=AAAAAAAAAAAAAAAAAAAAAA"),
    ):
        both(name, lambda headers, url=url: nobody.get(url, headers=headers, follow=False))
    both("signed-in-already", lambda h: alice.get(edge.authenticate + "/oauth2/callback?code=x&state=y", headers=h))
    both("foreign-form", lambda h: alice.post(account + "sign_out", {"scope": "browser"}, headers=h))
    both("sign-in-needed", lambda h: nobody.post(edge.url("/mine/form"), {"a": "b"}, headers=h))

    # Refused by the rules
    browse(alice, edge.url("/mine/"))
    both("forbidden", get("/theirs/"))
    both("explained", get("/explained/"))
    both("cross-site", lambda h: alice.post(edge.url("/mine/"), {}, headers={**h, "Origin": "https://evil.example"}))

    # Refused for what it is
    both("no-such-path", get("/nowhere"))
    both("no-such-host", get("/", host="other.localhost"))
    both("no-such-page", get("/nowhere", host="auth.localhost"))
    both("method", lambda h: nobody.request("PUT", account, headers=h))
    both("form-too-large", lambda h: nobody.post(account + "sign_out", {"a": "b" * 70000}, headers=h))
    by_hand("ambiguous", "GET /mine/%2e%2e/x HTTP/1.1")
    by_hand("head-too-large", "GET /echo HTTP/1.1", *(f"Cookie: c{n}={'x' * 4000}" for n in range(30)))
    # Refused before it can be seen who asks.
    by_hand("target-too-long", f"GET /{'a' * 20000} HTTP/1.1")
    del pages["target-too-long"]
    by_hand("misdirected", "GET / HTTP/1.1", host=f"auth.localhost:{port}")
    by_hand("coding", "POST /echo HTTP/1.1", "Transfer-Encoding: gzip")
    by_hand("expectation", "POST /echo HTTP/1.1", "Expect: miracles", "Content-Length: 1")
    by_hand("version", "GET /echo HTTP/3.9")
    by_hand("malformed", "GET /echo HTTP/1.1", "Content-Length: x")
    by_hand("timed-out", "POST /echo HTTP/1.1", "Content-Length: 100")

    # The service behind
    both("replaced", get("/replaced/"))
    own.write_text(PAGE.replace("Sorry", "So sorry"))
    until(lambda: "So sorry" in nobody.get(edge.url("/replaced/")).text, "the changed page")
    both("service-refused", get("/refused/"))
    both("service-broke", get("/broken/"))
    both("service-slow", get("/slow/"))
    both("tunnel-service-refused", get("/mine/"))
    edge.save(configuration(publisher=BOBS))
    until(lambda: alice.get(edge.url("/mine/")).status == 503, "the detached tunnel")
    both("detached", get("/mine/"))
    both("account-detached", lambda headers: alice.get(account, headers=headers))
    edge.save(configuration())
    until(lambda: alice.get(edge.url("/mine/")).status == 502, "the tunnel again")
    tunnel.process.kill()
    tunnel.wait()
    until(lambda: "No tunnel" in alice.get(edge.url("/mine/")).text, "the end of the tunnel")
    both("no-tunnel", get("/mine/"))
    return pages, objects


STATUSES = {
    **dict.fromkeys(["verify", "verify-elsewhere", "verify-other-browser", "digits", "authorized", "denied"], 200),
    **{"digits-missing": 409, "signed-in-already": 400},
    **dict.fromkeys(["account", "account-detached", "keys", "revoked", "sign-out", "signed-out"], 200),
    **dict.fromkeys(["callback-unknown", "hand-over-failed", "sign-in-forged", "code-unknown"], 400),
    **dict.fromkeys(["ambiguous", "malformed"], 400),
    **dict.fromkeys(["foreign-form", "forbidden", "explained", "cross-site"], 403),
    **dict.fromkeys(["no-such-path", "no-such-host", "no-such-page"], 404),
    **{"sign-in-needed": 401, "method": 405, "timed-out": 408, "form-too-large": 413},
    **{"expectation": 417, "misdirected": 421, "head-too-large": 431, "coding": 501, "version": 505},
    **dict.fromkeys(["service-refused", "service-broke", "tunnel-service-refused", "replaced"], 502),
    **dict.fromkeys(["detached", "no-tunnel"], 503),
    "service-slow": 504,
}
# Words that tell causes apart.
WORDS = {
    "forbidden": ["alice@example.test", "it@example.test", "Use another account"],
    "explained": ["No rule allows it.", "email is &quot;bob@example.test", "You came with &quot;alice@example.test"],
    "no-tunnel": ["No tunnel is connected"],
    "detached": ["may no longer publish", "it@example.test"],
    "tunnel-service-refused": ["nothing answers at its other end", "Refused"],
    "service-refused": ["could not connect to the service"],
    "replaced": ["Sorry", "The service does not answer", "service_refused", "app.localhost"],
    "head-too-large": ["cookies"],
    "sign-in-needed": ["Please sign in first", "/.pomerium/sign_in?pomerium_redirect_uri="],
    "account-detached": ["not published"],
    "keys": ["Connected now", "app.localhost", "this browser", "from visitors"],
    "digits-missing": ["The digits were not typed", "Nothing was allowed"],
    "verify-other-browser": ["opened in another browser first"],
    "signed-in-already": ["You are signed in already"],
}
COUNTING_DOWN = {name for name in STATUSES if name.startswith("verify") or name == "digits"}


def test_people_are_told_what_happened(seen):
    pages, _, log = seen
    assert {name: page.status for name, page in pages.items()} == STATUSES
    for name, page in pages.items():
        text = page.text
        for word in WORDS.get(name, []):
            assert word in text, f"{name}: {word}\n{text}"
        assert page.headers["Content-Type"] == "text/html; charset=utf-8", name
        assert page.headers["Cache-Control"] == "no-store", name
        assert text.count("<h1>") == text.count("<main>") == text.count("<title>") == 1, name
        # The number that a person reads out is the one in the log.
        number = page.headers["X-Request-Id"]
        assert number in text and number in log, name
        policy = page.headers["Content-Security-Policy"]
        assert "unsafe" not in policy and ("script-src 'sha256-" in policy) == (name in COUNTING_DOWN), name
        if name != "replaced":
            assert '<html lang="en">' in text and page.headers["Content-Language"] == "en", name
            assert policy.startswith("default-src 'none'") and page.headers["X-Frame-Options"] == "DENY", name


def test_programs_read_the_same_as_json(seen):
    _, objects, _ = seen
    for name, answer in objects.items():
        assert answer.headers["Content-Type"] == "application/json", name
        assert answer.status == {**STATUSES, "target-too-long": 414}[name], name
        told = answer.json()
        if answer.status >= 400:
            assert told["error"] and told["message"] and told["status"] == answer.status, name
            assert told["request_id"] == answer.headers["X-Request-Id"], name
            assert str(told.get("retry_after", "")) == (answer.headers.get("Retry-After") or ""), name
    assert objects["sign-in-needed"].headers["WWW-Authenticate"].startswith("Bearer ")
    assert objects["sign-in-needed"].json()["sign_in_url"].startswith("https://app.localhost")
    # A script of the published page may read this: nothing in it is the visitor's.
    assert "alice" not in objects["explained"].text
    (rule,) = objects["explained"].json()["explanation"]["rules"]
    assert rule["groups"][0]["criteria"][0]["criterion"] == "email" and not rule["holds"]
    assert "explanation" not in objects["forbidden"].json()
    causes = {objects[name].json()["error"] for name, status in STATUSES.items() if status in (502, 503, 504)}
    told_apart = {"no_tunnel", "owner_may_not_publish", "service_refused", "service_broke", "upstream_response_timeout"}
    assert causes == told_apart


@pytest.fixture(scope="module")
def demo_pages(tmp_path_factory, binary):
    """The pages of the demo's identity provider."""
    directory = tmp_path_factory.mktemp("demo")
    names = ("--https-port", "--ssh-port", "--provider-port", "--service-port")
    ports = [part for name in names for part in (name, str(free_port()))]
    with Program(
        [binary, "demo", "--state", directory / "state", "--dex-config", ROOT / "dex/config.yaml", *ports],
        environment={"PATH": os.environ["PATH"], "HOME": str(directory), "LANG": "C.UTF-8"},
        directory=directory,
    ) as demo:
        demo.wait_for(r"(https://app\.localhost:\d+)", within=60)
        visitor = Visitor(directory / "state" / "ca.pem")
        login = visitor.get(f"https://auth.localhost:{ports[1]}/.pomerium/")
        wrong = visitor.submit(login, login.forms[0], {"login": "a@b.example", "password": "x"})
        over = visitor.get(login.url.split("?")[0] + "?state=x")
        assert (login.status, wrong.status, over.status) == (200, 401, 400)
        return {"provider-login": login, "provider-wrong": wrong, "provider-over": over}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory, authority, artifacts):
    browser = Chromium(tmp_path_factory.mktemp("chromium"), authority.certificate, artifacts / "screenshots")
    checker = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text()
    browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": checker})
    yield browser
    browser.close()


MODES = [("light", 1100), ("dark", 320)]
# Pages that are laid out alike are looked at closely in one mode only, unless there is time.
LAYOUTS = ["verify-elsewhere", "digits", "authorized", "account-detached", "revoked", "sign-out", "sign-in-needed"]
LAYOUTS += ["verify", "keys", "explained", "no-such-path", "ambiguous", "no-tunnel", "provider-wrong"]
FULL = bool(os.environ.get("TUNNEL_EDGE_TEST_FULL"))
if FULL:
    MODES += [("dark", 1100), ("light", 320)]


@pytest.mark.parametrize("scheme,width", MODES)
def test_pages_are_accessible(seen, demo_pages, chromium, scheme, width):
    """axe-core finds nothing, and nothing has to be scrolled sideways."""
    driver = chromium.driver
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    gallery = Gallery({**seen[0], **demo_pages})
    faults = []
    try:
        for name in gallery.pages:
            driver.get(gallery.url(name))
            wide = driver.execute_script("return document.documentElement.scrollWidth")
            if wide > width:
                faults.append((name, "scrolls sideways", wide))
            if width == 320 and name not in LAYOUTS and not FULL:
                continue
            found = driver.execute_async_script(
                "const done = arguments[arguments.length - 1];"
                "axe.run(document, {resultTypes: ['violations']}).then(result => done(result.violations))"
            )
            faults += [(name, fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found]
    finally:
        gallery.stop()
    assert not faults
