"""Whatever takes a right away ends everything that rested on it within a second, and nothing else.

One edge, three people in five browsers, three tunnels; everything is open at once, and the causes come one after the other.
Each cause says what it ends: the rest must go on.
"""

import datetime
import json
import os
import sqlite3
import subprocess
import threading
import time
from dataclasses import dataclass, field

import httpx
import pytest
from kit.crowd import Crowd, Pulse, processor_seconds
from kit.edge import Edge
from kit.faulty_provider import FaultyProvider
from kit.grpc_service import GRPCService
from kit.holdings import Held, open_holding
from kit.names import free_port
from kit.publisher import Publisher, Tunnel
from kit.service import Service
from kit.visitor import Visitor
from kit.waiting import WITHIN_A_SECOND, until

WHOLE = bool(os.environ.get("TUNNEL_EDGE_TEST_FULL"))
ALICE, BOB, CAROL, DAVE = (f"{name}@example.test" for name in ("alice", "bob", "carol", "dave"))
HOSTS = ["app.localhost", "api.localhost", "docs.localhost", "other.localhost", "dave.localhost"]

ROUTE = """\
  - from: https://{host}:{port}
    to: {to}
    name: {host}
    policy:
      - allow:
          and:
            - email: {{in: [{visitors}]}}{more}
    upstream_tunnel:
      ssh_policy:
        - allow:
            or:
              - {publisher}
"""

ACCOUNT = """\
reconnect_grace: 60s
ssh_max_channels: 600
service_accounts:
  - name: robot
    public_keys: ["{key}"]
    expires: {expires}
    routes: [https://other.localhost]
"""

# Who has what open. With everything, every kind for everybody.
KINDS = ["download", "upload", "events", "websocket", "websocket2", "idle"]
OPEN = {
    ("bob1", "app.localhost"): KINDS,
    ("bob1", "api.localhost"): ["events", "websocket"],
    ("bob1", "docs.localhost"): ["call"],
    ("bob1", "other.localhost"): ["events"],
    ("bob2", "app.localhost"): ["events", "websocket2", "idle"],
    ("bob2", "api.localhost"): ["idle"],
    ("carol", "app.localhost"): ["websocket", "upload"],
    ("carol", "docs.localhost"): ["call"],
    ("carol", "other.localhost"): ["websocket"],
    ("alice", "app.localhost"): ["events"],
}
if WHOLE:
    OPEN |= {(who, host): KINDS for who in ("bob1", "bob2", "carol", "alice") for host in (HOSTS[0], HOSTS[1], HOSTS[3])}
    OPEN |= {(who, "docs.localhost"): ["call"] for who in ("bob1", "bob2", "carol", "alice")}
PEOPLE = {"bob1": BOB, "bob2": BOB, "carol": CAROL, "alice": ALICE}


@dataclass
class Wanted:
    """What the configuration says now; causes change it."""

    visitors: str = f"{ALICE}, {BOB}, {CAROL}, {DAVE}"
    window: str = ""
    publisher: str = ALICE
    without: tuple = ()
    account: str = "2099-01-01"
    key_of_account: str = ""

    def text(self, edge):
        routes = ""
        for host in HOSTS:
            if host in self.without:
                continue
            publisher = f"email: {{is: {ALICE}}}"
            if host == "app.localhost":
                publisher = f"email: {{is: {self.publisher}}}"
            elif host == "other.localhost":
                publisher = "service_account: {is: robot}"
            elif host == "dave.localhost":
                publisher = f"email: {{is: {DAVE}}}"
            visitors = f"{ALICE}, {BOB}, {CAROL}, {DAVE}"
            window = ""
            if host == "app.localhost":
                visitors = self.visitors
                window = f"\n            - date: {{before: {self.window}}}" if self.window else ""
            to = "h2c://service.test:9000" if host == "docs.localhost" else "http://non-existent-route"
            routes += ROUTE.format(
                host=host, port=edge.https_port, to=to, visitors=visitors, more=window, publisher=publisher
            )
        more = ACCOUNT.format(key=self.key_of_account, expires=self.account)
        if not self.key_of_account:
            more = more.split("service_accounts:")[0]
        return edge.text(routes=routes, more=more)


@dataclass
class Stage:
    edge: Edge
    provider: FaultyProvider
    authority: object
    service: Service
    calls: GRPCService
    people: dict  # name -> Visitor
    keys: dict  # name -> Publisher
    wanted: Wanted
    held: list = field(default_factory=list)

    # The configuration

    def applied(self):
        return sum(1 for record in self.edge.log_records() if record.get("event") == "configuration applied")

    def save(self, **changes):
        """Writes the configuration; returns when that was."""
        for name, value in changes.items():
            setattr(self.wanted, name, value)
        before = time.time()
        self.edge.save(self.wanted.text(self.edge))
        return before

    def settle(self, **changes):
        """The same, and waits until it is in force."""
        count = self.applied()
        self.save(**changes)
        until(lambda: self.applied() > count, "the configuration to be applied")

    # People

    def sign_in(self, who, email, url=None):
        visitor = self.people.setdefault(who, Visitor(self.authority.certificate))
        page = visitor.get(url or f"{self.edge.authenticate}/.pomerium/")
        if page.host == "127.0.0.1":
            page = visitor.submit(page, page.forms[0], {"sub": email})
        assert page.host == "auth.localhost" and page.status == 200, repr(page)
        return page

    def connect(self, who, email, names):
        """A tunnel with this person's key; signs in where that is asked for."""
        publisher = self.keys[who]
        tunnel = publisher.forward(*[(host, port) for host, port in names.items()])
        until(lambda: tunnel.asked_to_sign_in or "remote forward success" in tunnel.output, f"the tunnel of {who}")
        if tunnel.asked_to_sign_in:
            page = self.sign_in(who, email, tunnel.sign_in_url())
            assert self.people[who].press(page, "Authorize").status == 200
        tunnel.wait_published(len(names))
        return Held(who, "", "tunnel", tunnel)

    # What is open

    def has(self, who, host, name):
        return any((h.who, h.host, h.name) == (who, host, name) for h in self.held)

    def add(self, holding, name):
        holding.name = name
        self.held.append(holding)

    def ready(self):
        """Everything is open."""
        ports = {host: self.service.port for host in HOSTS[:2]} | {"docs.localhost": self.calls.port}
        if not self.has("alice", "", "tunnel"):
            self.add(self.connect("alice", ALICE, ports), "tunnel")
        if not self.has("robot", "", "tunnel"):
            self.add(self.connect("robot", None, {"other.localhost": self.service.port}), "tunnel")
        if not self.has("alice", "", "screen"):
            publisher = self.keys["alice"]
            forward = f"api.localhost:443:127.0.0.1:{self.service.port}"
            # A terminal whose input stays open.
            program = Tunnel(
                publisher.command("-tt", "-R", forward), log=publisher.directory / "screen.log", stdin=subprocess.PIPE
            )
            program.wait_for("api.localhost")
            self.add(Held("alice", "", "screen", program), "screen")
        if not self.has("stranger", "", "waiting"):
            program = self.keys["stranger"].ssh("-N", "-T")
            program.sign_in_url()
            self.add(Held("stranger", "", "waiting", program), "waiting")
        for (who, host), kinds in OPEN.items():
            missing = [kind for kind in kinds if not self.has(who, host, kind)]
            if not missing:
                continue
            visitor = self.people[who]
            path = "/" if host != "docs.localhost" else "/test.Service/none"
            page = visitor.get(self.edge.url(path, host=host))
            if page.host == "127.0.0.1":
                page = visitor.submit(page, page.forms[0], {"sub": PEOPLE[who]})
            assert page.host == host, repr(page)
            for kind in missing:
                self.add(open_holding(kind, who, visitor, self.edge, host, self.authority), kind)

    def drop(self, unwanted):
        for holding in [h for h in self.held if unwanted(h)]:
            holding.close()
        self.held = [h for h in self.held if not unwanted(h)]

    def ends(self, ended, since, bound=WITHIN_A_SECOND, within=15):
        """What `ended` is true of is over within the bound after `since`, and all else is not."""
        concerned = [h for h in self.held if ended(h)]
        assert concerned
        try:
            until(lambda: all(h.is_over for h in concerned), "the ends", within, every=0.01)
        except AssertionError as failure:
            raise AssertionError(f"still open: {[h for h in concerned if not h.is_over]}") from failure
        worst = max(concerned, key=lambda h: h.ended_at)
        early = [h for h in concerned if h.ended_at < since - 0.2]
        assert not early, f"ended too early: {early}"
        assert worst.ended_at - since < bound, f"{worst!r} took {worst.ended_at - since:.2f} s"
        for holding in self.held:
            if not ended(holding):
                holding.prove()
        self.drop(ended)
        print(f"{len(concerned)} ended in {worst.ended_at - since:.3f} s at most, {len(self.held)} went on")


@pytest.fixture(scope="module")
def stage(binary, authority, keys, tmp_path_factory):
    provider, service, calls = FaultyProvider(), Service(), GRPCService()
    certificate = authority.issue("revocation", ["auth.localhost", *HOSTS])
    edge = Edge(binary, tmp_path_factory.mktemp("revocation"), provider, certificate, keys=keys)
    edge.https_port = free_port()
    folder = tmp_path_factory.mktemp("publishers")
    publishers = {
        who: Publisher(folder / who, edge.ssh_port, edge.host_public_keys())
        for who in ("alice", "robot", "stranger", "dave")
    }
    wanted = Wanted(key_of_account=publishers["robot"].key.with_suffix(".pub").read_text().strip())
    stage = Stage(edge, provider, authority, service, calls, {}, publishers, wanted)
    edge.start(wanted.text(edge))
    for who, email in PEOPLE.items():
        stage.sign_in(who, email)
    yield stage
    for holding in stage.held:
        holding.close()
    code = edge.stop()
    service.stop()
    calls.stop()
    provider.stop()
    assert code == 0


@pytest.fixture(autouse=True)
def everything_is_open(stage):
    stage.ready()


def on(*hosts):
    return lambda h: h.host in hosts


def by(*people):
    return lambda h: h.who in people and h.host


def both(one, other):
    return lambda h: one(h) and other(h)


def either(one, other):
    return lambda h: one(h) or other(h)


THROUGH_ALICE = either(on(*HOSTS[:3]), lambda h: h.who == "alice" and not h.host)


def test_removed_from_the_visit_policy(stage):
    since = stage.save(visitors=f"{ALICE}, {CAROL}, {DAVE}")
    stage.ends(both(by("bob1", "bob2"), on("app.localhost")), since)
    stage.settle(visitors=Wanted.visitors)


def test_removed_from_the_publish_policy(stage):
    """The tunnel is detached, and stays."""
    since = stage.save(publisher=DAVE)
    stage.ends(on("app.localhost"), since)
    stage.settle(publisher=ALICE)


def test_the_route_is_gone(stage):
    since = stage.save(without=("api.localhost",))
    stage.ends(on("api.localhost"), since)
    stage.settle(without=())


def press(stage, who, path, label):
    visitor = stage.people[who]
    page = visitor.get(stage.edge.authenticate + path)
    since = time.time()
    done = visitor.press(page, label, follow=False)
    assert done.status in (200, 302, 303), repr(done)
    return since


def test_signed_out_everywhere(stage):
    since = press(stage, "bob1", "/.pomerium/sign_out", "Sign out everywhere")
    stage.ends(by("bob1"), since)


def test_signed_out_from_another_browser(stage):
    """On the page that lists one's browsers: the other one ends, this one does not."""
    bob = stage.people["bob1"]
    page = bob.get(stage.edge.authenticate + "/.pomerium/session_binding_info")
    [form] = [form for form in page.forms if any(name == "sessionID" for name, _, _ in form.fields)]
    since = time.time()
    assert bob.submit(page, form, button=form.button("Sign out"), follow=False).status in (200, 303)
    stage.ends(by("bob2"), since)


def test_the_publisher_signs_out_of_this_browser(stage):
    """Her own pages end, her tunnels do not."""
    since = press(stage, "alice", "/.pomerium/sign_out", "This browser only")
    stage.ends(by("alice"), since)


def test_the_publisher_signs_out_everywhere(stage):
    """Of the browser whose session her key was bound with: everything through her tunnels ends."""
    stage.keys["alice"] = _fresh(stage, "alice")
    stage.drop(THROUGH_ALICE)
    stage.ready()
    since = press(stage, "alice", "/.pomerium/sign_out", "Sign out everywhere")
    stage.ends(THROUGH_ALICE, since)


def _fresh(stage, who):
    folder = stage.keys[who].directory
    return Publisher(folder.with_name(folder.name + "-again"), stage.edge.ssh_port, stage.edge.host_public_keys())


def test_the_key_is_revoked(stage):
    since = press(stage, "alice", "/.pomerium/session_binding_info", "Revoke")
    stage.ends(either(lambda h: h.who == "alice" and not h.host, on(*HOSTS[:3])), since)
    page = stage.people["alice"].get(f"{stage.edge.authenticate}/.pomerium/")
    assert page.host == "auth.localhost", repr(page)  # still signed in


def test_back_channel_logout(stage):
    token = stage.provider.logout_token(sub=BOB)
    since = time.time()
    answer = Visitor(stage.authority.certificate).post(
        f"{stage.edge.authenticate}/.pomerium/backchannel_logout", {"logout_token": token}
    )
    assert answer.status == 200, repr(answer)
    stage.ends(by("bob1", "bob2"), since)


def records_of(stage, who):
    """The session of this browser in the store's file, which other programs may change while the edge runs."""
    user = PEOPLE.get(who, DAVE)
    path = stage.edge.directory / "state" / "records.sqlite"
    with sqlite3.connect(path, timeout=10, isolation_level=None) as store:
        rows = store.execute("SELECT id, value FROM records WHERE kind = 'session'").fetchall()
    found = {name: json.loads(value) for name, value in rows if json.loads(value)["user"] == user}
    # In the order of their beginning: bob1 signs in before bob2.
    ordered = sorted(found, key=lambda name: found[name]["issued_at"])
    return {name: found[name] for name in ordered}


def elsewhere(stage, statement, *values):
    """Another program changes one record of a session."""
    path = stage.edge.directory / "state" / "records.sqlite"
    store = sqlite3.connect(path, timeout=10, isolation_level=None)
    changed = store.execute(statement + " WHERE kind = 'session' AND id = ?", values).rowcount
    store.close()
    assert changed == 1


# Seen by the poll, which comes once a second.
SEEN = 1 + WITHIN_A_SECOND


def test_the_session_is_deleted_in_the_store(stage):
    names = list(records_of(stage, "carol"))
    since = time.time()
    elsewhere(stage, "DELETE FROM records", names[-1])
    stage.ends(by("carol"), since, bound=SEEN)


def test_the_claims_change(stage):
    """What the provider says of Carol is another address now: all routes name the old one."""
    name, record = list(records_of(stage, "carol").items())[-1]
    record["email"] = record["claims"]["email"] = "carol.new@example.test"
    since = time.time()
    elsewhere(stage, "UPDATE records SET version = version + 1000000, value = ?", json.dumps(record).encode(), name)
    stage.ends(by("carol"), since, bound=SEEN)
    record["email"] = record["claims"]["email"] = CAROL
    elsewhere(stage, "UPDATE records SET version = version + 1000000, value = ?", json.dumps(record).encode(), name)
    until(lambda: stage.people["carol"].get(stage.edge.url()).status == 200, "Carol's right to be back")


def test_the_service_account_is_gone(stage):
    key = stage.wanted.key_of_account
    since = stage.save(key_of_account="")
    stage.ends(either(on("other.localhost"), lambda h: h.who == "robot"), since)
    stage.settle(key_of_account=key)


def moment(seconds):
    """So far from now, as the configuration writes it, and as a number; in whole seconds."""
    at = int(time.time()) + seconds
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), at


def test_the_service_account_expires(stage):
    text, at = moment(3)
    stage.settle(account=text)
    stage.ends(either(on("other.localhost"), lambda h: h.who == "robot"), max(at, time.time()))
    stage.settle(account="2099-01-01")


def test_the_time_of_the_policy_is_over(stage):
    text, at = moment(3)
    stage.settle(window=text)
    stage.ends(on("app.localhost"), max(at, time.time()))
    stage.settle(window="")


def test_the_session_expires(stage):
    """Dave's: his pages, his tunnel, and who visits through it. Its end is put in the store, a few seconds from now."""
    stage.sign_in("dave", DAVE)
    stage.add(stage.connect("dave", DAVE, {"dave.localhost": stage.service.port}), "tunnel")
    for who, host, kind in [
        ("dave", "app.localhost", "events"),
        ("dave", "dave.localhost", "websocket"),
        ("carol", "dave.localhost", "events"),
        ("carol", "dave.localhost", "websocket2"),
    ]:
        visitor = stage.people[who]
        page = visitor.get(stage.edge.url(host=host))
        assert page.host == host and page.status == 200, repr(page)
        stage.add(open_holding(kind, who, visitor, stage.edge, host, stage.authority), kind)
    [(name, record)] = records_of(stage, "dave").items()
    end = int(time.time()) + 4
    record["expires_at"] = 1000 * end if record["expires_at"] > 1e11 else end
    elsewhere(stage, "UPDATE records SET version = version + 1000000, value = ?", json.dumps(record).encode(), name)
    concerned = either(lambda h: h.who == "dave", on("dave.localhost"))
    stage.ends(concerned, end)
    del stage.people["dave"]


# The provider's mind, asked for at refresh: half a minute after another program has touched a session. Too long for every run.


def touch(stage, *people):
    for who in people:
        for name, record in records_of(stage, who).items():
            statement = "UPDATE records SET version = version + 1000000, value = ?"
            elsewhere(stage, statement, json.dumps(record).encode(), name)


def refresh_refused(stage):
    stage.ready()
    httpx.post(f"{stage.provider.issuer}/users/{BOB}/revoke-tokens", timeout=10).raise_for_status()
    since = time.time()
    touch(stage, "bob1")
    stage.ends(by("bob1", "bob2"), since, bound=60 + WITHIN_A_SECOND, within=90)


def refresh_with_other_claims(stage):
    stage.ready()
    address = f"{stage.provider.issuer}/users/{CAROL}"
    httpx.put(address, json={"email": "carol.new@example.test"}, timeout=10).raise_for_status()
    since = time.time()
    touch(stage, "carol")
    stage.ends(by("carol"), since, bound=60 + WITHIN_A_SECOND, within=90)
    httpx.put(address, json={"email": CAROL}, timeout=10).raise_for_status()
    press(stage, "carol", "/.pomerium/sign_out", "Sign out everywhere")
    stage.sign_in("carol", CAROL)


if WHOLE:
    test_refresh_refused, test_refresh_with_other_claims = refresh_refused, refresh_with_other_claims


# Requests that wait for a lost tunnel


def test_requests_that_wait_for_a_tunnel(stage):
    """Whoever loses the right while the tunnel is away is told at once; the others get their answer when it is back."""
    ports = {host: stage.service.port for host in HOSTS[:2]} | {"docs.localhost": stage.calls.port}
    lost = [h for h in stage.held if h.who == "alice" and not h.host]
    for holding in lost:
        holding.program.signal(9)
    until(lambda: all(h.is_over for h in lost), "the end of the tunnels")
    stage.drop(THROUGH_ALICE)  # what ran through them is over, too
    waiting = {who: Waiting(who, stage.people[who], stage.edge) for who in ("bob1", "bob2", "carol")}

    def parked():
        return sum(not request.is_over for request in waiting.values())

    until(lambda: parked() == 3 and "tunnel closed" in stage.edge.output, "the requests to wait")
    since = press(stage, "bob2", "/.pomerium/sign_out", "Sign out everywhere")
    waiting["bob2"].ends(since, {302, 401})
    since = stage.save(visitors=f"{ALICE}, {CAROL}, {DAVE}")
    waiting["bob1"].ends(since, {403})
    assert not waiting["carol"].is_over
    stage.add(stage.connect("alice", ALICE, ports), "tunnel")
    until(lambda: waiting["carol"].is_over, "the answer to who waited")
    assert waiting["carol"].status == 200
    stage.settle(visitors=Wanted.visitors)


class Waiting:
    """One request for a page, its answer awaited in a thread."""

    def __init__(self, who, visitor, edge):
        self.who, self.status, self.ended_at = who, None, None

        def run():
            self.status = visitor.get(edge.url(), follow=False).status
            self.ended_at = time.time()

        threading.Thread(target=run, daemon=True).start()

    @property
    def is_over(self):
        return self.ended_at is not None

    def ends(self, since, statuses):
        until(lambda: self.is_over, f"an answer for {self.who}")
        assert self.status in statuses
        assert self.ended_at - since < WITHIN_A_SECOND


# Many at once


def test_five_hundred_streams(stage):
    """Events, downloads and WebSockets of four sessions on two routes: those of Bob on one route end, all others do not."""
    for who in PEOPLE:
        for host in HOSTS[:2]:  # each host has given each of them a cookie
            assert stage.people[who].get(stage.edge.url(host=host)).status == 200
    crowd = Crowd(stage.edge, {who: stage.people[who] for who in PEOPLE}, HOSTS[:2])
    try:
        crowd.open(500)
        concerned = [s for s in crowd.streams if s.who in ("bob1", "bob2") and s.host == "app.localhost"]
        assert len(concerned) >= 120
        pulse = Pulse(stage.people["carol"], stage.edge)
        before = processor_seconds(stage.edge.program.pid)
        since = stage.save(visitors=f"{ALICE}, {CAROL}, {DAVE}")
        until(lambda: all(s.ended_at for s in concerned), "the ends", every=0.01)
        policy = max(s.ended_at for s in concerned) - since
        # And a whole session, with what it has on both routes.
        since = press(stage, "bob2", "/.pomerium/sign_out", "Sign out everywhere")
        his = [s for s in crowd.streams if s.who == "bob2" and s not in concerned]
        until(lambda: all(s.ended_at for s in his), "the ends", every=0.01)
        session = max(s.ended_at for s in his) - since
        spent, slowest = processor_seconds(stage.edge.program.pid) - before, pulse.stop()
        print(
            f"of {len(crowd.streams)} streams {len(concerned)} ended in {policy:.3f} s at most with their policy, "
            f"{len(his)} in {session:.3f} s with their session; {1000 * spent:.0f} ms of processor time; "
            f"a request beside them took {1000 * slowest:.1f} ms at most"
        )
        assert max(policy, session) < WITHIN_A_SECOND
        crowd.prove([s for s in crowd.streams if s not in concerned and s not in his])
    finally:
        crowd.close()
    stage.drop(either(by("bob2"), both(by("bob1"), on("app.localhost"))))
    stage.settle(visitors=Wanted.visitors)
