"""Signing in with real browsers as people do it: several tabs and hosts at once, the back button, answers that come twice or
too late, a link in the wrong browser. One edge for all; every page is kept as a picture."""

import pytest
from kit.chromium import Chromium
from kit.edge import Edge, route
from kit.people import ALICE, BOB
from kit.processes import Program
from kit.publisher import Publisher
from kit.service import Service
from kit.waiting import until
from selenium.webdriver.common.by import By

HOSTS = ["app.localhost", "api.localhost", "docs.localhost"]


@pytest.fixture(scope="module")
def service():
    running = Service()
    yield running
    running.stop()


def routes(port, service):
    direct = f"to: http://127.0.0.1:{service.port}"
    tunnel = route(HOSTS[0], port)
    others = "".join(
        f"  - from: https://{host}:{port}\n    {direct}\n    policy: [{{allow: {{or: [{{authenticated_user: true}}]}}}}]\n"
        for host in HOSTS[1:]
    )
    return tunnel + others


@pytest.fixture(scope="module")
def edge(tmp_path_factory, binary, provider, certificate, keys, https_port, service):
    made = Edge(binary, tmp_path_factory.mktemp("browsers") / "edge", provider, certificate, https_port, keys=keys)
    made.start(made.text(routes=routes(https_port, service)))
    yield made
    assert made.program.is_running, made.output[-3000:]
    made.stop()


@pytest.fixture(scope="module")
def publishers(tmp_path_factory, edge):
    """Makes ssh clients, each with a key of its own; their connections end with the module."""
    started = []

    def connect(*forwards):
        number = len(started)
        person = Publisher(tmp_path_factory.mktemp(f"ssh{number}"), edge.ssh_port, edge.host_public_keys())
        started.append(person.forward(*forwards) if forwards else person.ssh("-N", "-T"))
        return started[-1]

    yield connect
    for tunnel in started:
        tunnel.stop()


class Person:
    """Somebody at a browser of their own."""

    def __init__(self, who, directory, authority, artifacts):
        self.who = who
        self.chromium = Chromium(directory, authority.certificate, artifacts / "screenshots")
        self.driver = self.chromium.driver

    def until(self, condition, what):
        return self.chromium.until(condition, what)

    @property
    def text(self):
        return self.chromium.text

    def sees(self, *words):
        return self.chromium.sees(*words)

    def button(self, label):
        return self.chromium.button(label)

    def press(self, label):
        self.chromium.press(label)

    def link(self, label):
        return self.until(lambda: self.driver.find_elements(By.PARTIAL_LINK_TEXT, label), f"the link {label}")[0]

    def fill_in(self):
        """The provider's forms, whichever of them is shown; the page that follows them."""
        for name, value in (("login", self.who.name), ("password", self.who.password)):
            self.until(lambda name=name: self.is_back() or self.has_field(name), "the provider's form")
            if self.is_back():
                return
            self.chromium.fill_in(name, value)
            self.until(lambda name=name: not self.has_field(name), "the next page")

    def has_field(self, name):
        return self.driver.find_elements(By.NAME, name)

    def is_back(self):
        return ".localhost:" in self.driver.current_url

    def open(self, url):
        self.driver.get(url)
        if not self.is_back():
            self.fill_in()
            self.until(self.is_back, "the way back from the provider")

    def new_tab(self):
        self.driver.switch_to.new_window("tab")
        return self.driver.current_window_handle

    def go(self, tab):
        self.driver.switch_to.window(tab)

    def picture(self, name):
        self.chromium.screenshot(name)

    def forget(self):
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})


@pytest.fixture(scope="module")
def people(tmp_path_factory, authority, artifacts):
    started = {}

    def person(who):
        if who.name not in started:
            started[who.name] = Person(who, tmp_path_factory.mktemp(who.name), authority, artifacts)
        return started[who.name]

    yield person
    for one in started.values():
        one.chromium.close()


@pytest.fixture
def alice(people):
    """A browser that nobody is signed in with."""
    person = people(ALICE)
    for tab in person.driver.window_handles[1:]:
        person.go(tab)
        person.driver.close()
    person.go(person.driver.window_handles[0])
    person.forget()
    return person


def test_three_tabs_for_three_hosts_at_once(edge, alice):
    """Each was sent to the provider before any had signed in; each ends where it wanted to go."""
    tabs = []
    # The first and the last are of one host.
    for number, host in enumerate(HOSTS[1:] + HOSTS[1:2]):
        tabs.append((alice.new_tab(), edge.url(f"/echo?tab={number}", host=host)))
        alice.driver.get(tabs[-1][1])
        assert not alice.is_back()
    for number, (tab, url) in reversed(list(enumerate(tabs))):
        alice.go(tab)
        if number == len(tabs) - 1:
            alice.fill_in()
        else:
            # The provider knows her by now; its form in this tab leads to its own pages, and she asks again.
            assert not alice.is_back()
            alice.driver.get(url)
        alice.until(alice.is_back, "the way back from the provider")
        alice.sees(f"/echo?tab={number}")
    # From here on every host knows the browser, one through a hand-over without a question.
    alice.open(edge.authenticate + "/.pomerium/")
    alice.sees(ALICE.email)
    alice.picture("account")


def test_the_back_button(edge, alice):
    """Over the provider's form and forth again; and back to a page that was left by signing out."""
    alice.open(edge.url("/echo?first", host=HOSTS[1]))
    alice.sees("/echo?first")
    for _ in range(3):
        alice.driver.back()
        if not alice.is_back():
            break
    assert not alice.is_back(), "the provider's page is not in the history"
    while not alice.is_back():
        alice.driver.forward()
    alice.sees("/echo?first")
    alice.driver.get(edge.authenticate + "/.pomerium/sign_out")
    alice.press("Sign out everywhere")
    alice.sees("You are signed out")
    alice.driver.back()
    alice.until(lambda: ALICE.email not in alice.text, "a page that does not show who was here")


def test_an_answer_that_comes_twice(edge, alice):
    """The provider's answer is loaded again: nothing happens twice, and the page leads on."""
    alice.open(edge.authenticate + "/.pomerium/")
    alice.driver.get(edge.authenticate + "/oauth2/callback?code=used&state=used")
    alice.sees("You are signed in already")
    alice.picture("signed-in-already")
    alice.link("Your account").click()
    alice.sees(ALICE.email)
    alice.forget()
    alice.driver.get(edge.authenticate + "/oauth2/callback?code=used&state=used")
    alice.sees("another browser")
    alice.picture("callback-elsewhere")
    alice.link("Start again").click()
    alice.until(lambda: not alice.is_back(), "the provider's page")


def test_double_approval(edge, alice, publishers):
    """Two tabs with one link: the second says that it is done, and grants nothing."""
    tunnel = publishers()
    first = alice.driver.current_window_handle
    alice.open(tunnel.sign_in_url())
    alice.sees("Is this you, at your terminal?", "Remember this key?")
    alice.picture("verify")
    second = alice.new_tab()
    alice.open(tunnel.sign_in_url())
    alice.go(first)
    alice.press("Authorize")
    alice.sees("Go back to your terminal")
    alice.picture("authorized")
    tunnel.wait_for("Signed in as")
    alice.go(second)
    alice.press("Authorize")
    alice.sees("decided already", "authorized already")
    alice.picture("authorized-twice")
    alice.go(first)
    alice.driver.back()
    alice.until(lambda: alice.button("Authorize") or "decided already" in alice.text, "the page before")
    if alice.button("Authorize"):  # from the browser's memory: it shows what was, and does nothing
        alice.press("Authorize")
    alice.sees("decided already")


def test_another_users_browser(edge, alice, people, publishers):
    """Alice has opened the link; Bob, who was sent it, can only refuse it."""
    tunnel = publishers()
    alice.open(tunnel.sign_in_url())
    alice.until(lambda: alice.button("Authorize"), "the verify page")
    bob = people(BOB)
    bob.open(tunnel.sign_in_url())
    bob.sees("opened in another browser first", BOB.email)
    assert not bob.button("Authorize") and bob.button("Deny")
    bob.picture("verify-other-browser")
    bob.press("Deny")
    bob.sees("The sign-in was refused")
    bob.picture("denied")
    assert tunnel.wait() == 255 and "denied in the browser" in tunnel.output
    alice.press("Authorize")
    alice.sees("decided already", "denied already")
    alice.picture("authorize-after-denial")


HASTE = "performance.now = (now => () => now.call(performance) * 300)(performance.now)"


def test_a_link_that_expires_in_front_of_ones_eyes(alice, publishers):
    """The page counts down and says when it is over; here, where five minutes pass in a second."""
    tunnel = publishers()
    alice.open(tunnel.sign_in_url())
    alice.until(lambda: alice.button("Authorize"), "the verify page")
    hurried = alice.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": HASTE})
    alice.driver.refresh()
    alice.sees("This request has expired")
    alice.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", hurried)
    alice.picture("verify-expired")
    assert not alice.button("Authorize") and not alice.button("Deny")
    tunnel.stop()
    until(
        lambda: alice.driver.refresh() or "is gone or has waited too long" in alice.text, "the page of a dead link"
    )
    alice.picture("code-expired")


def test_ending_things_from_the_page(edge, alice, publishers, service):
    """A tunnel ends for whoever presses its button, and nothing else does."""
    others = publishers()
    alice.open(others.sign_in_url())
    alice.press("Authorize")
    others.wait_for("Signed in as")
    tunnel = publishers((HOSTS[0], service.port))
    alice.driver.get(tunnel.sign_in_url())
    alice.press("Authorize")
    tunnel.wait_published()
    alice.driver.get(edge.authenticate + "/.pomerium/session_binding_info")
    alice.sees("Connected now", "app.localhost", "published", "this browser")
    alice.picture("access")
    # Another connection of hers goes on.
    alice.driver.find_element(By.XPATH, "//section[contains(., 'app.localhost')]//button").click()
    alice.sees("The connection was ended", "ssh from")
    assert tunnel.wait() == 255 and "You ended this connection on your page" in tunnel.output
    assert "app.localhost" not in alice.text and others.is_running


def test_a_program_has_its_token_from_a_person(edge, alice, binary, authority, tmp_path):
    """The form's answer leads to a program of the same machine, which browsers must be told (Content-Security-Policy)."""
    login = Program(
        [binary, "login", "--ca-file", authority.certificate, edge.url(host=HOSTS[1])],
        environment={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )
    alice.open(login.wait_for(r"^  (https://\S+)$").group(1))
    alice.sees("Let a program open api.localhost as you?", "http://127.0.0.1:")
    alice.picture("program")
    alice.press("Allow")
    alice.sees("Go back to your terminal")
    login.wait_for("Signed in to https://api.localhost")
    assert "te_login_" not in alice.driver.current_url
