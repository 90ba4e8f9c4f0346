"""One edge with three people in four browsers and their tunnels, and everything that they may have open at once."""

import json
import os
import sqlite3
import subprocess
import time
from dataclasses import dataclass, field

from .edge import Edge
from .faulty_provider import FaultyProvider
from .grpc_service import GRPCService
from .holdings import Held, open_holding
from .publisher import Tunnel
from .service import Service
from .visitor import Visitor
from .waiting import WITHIN_A_SECOND, took, until

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

PEOPLE = {"bob1": BOB, "bob2": BOB, "carol": CAROL, "alice": ALICE}

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
    OPEN |= {(who, host): KINDS for who in PEOPLE for host in (HOSTS[0], HOSTS[1], HOSTS[3])}
    OPEN |= {(who, "docs.localhost"): ["call"] for who in PEOPLE}


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
    saved: int = 0  # how often the configuration was written, each time with something new

    # The configuration

    def applied(self):
        return sum(1 for record in self.edge.log_records() if record.get("event") == "configuration applied")

    def save(self, **changes):
        """Writes the configuration; returns when that was."""
        for name, value in changes.items():
            setattr(self.wanted, name, value)
        self.saved += 1
        before = time.time()
        self.edge.save(self.wanted.text(self.edge))
        return before

    def settle(self, **changes):
        """The same, and waits until it is in force: this one, not one before it that the log tells late."""
        self.save(**changes)
        until(lambda: self.applied() == self.saved, "the configuration to be applied")

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

    def ends(self, ended, since, bound=WITHIN_A_SECOND, within=15, not_before=None):
        """What `ended` is true of is over within the bound after `since`, and all else is not.

        `not_before`: where time is the cause and a slow machine may hear of it later than that.
        """
        concerned = [h for h in self.held if ended(h)]
        assert concerned
        try:
            until(lambda: all(h.is_over for h in concerned), "the ends", within, every=0.01)
        except AssertionError as failure:
            raise AssertionError(f"still open: {[h for h in concerned if not h.is_over]}") from failure
        worst = max(concerned, key=lambda h: h.ended_at)
        early = [h for h in concerned if h.ended_at < (not_before or since) - 0.2]
        assert not early, f"ended too early: {early}"
        assert took(since, worst.ended_at) < bound, f"{worst!r} took {worst.ended_at - since:.2f} s"
        for holding in self.held:
            if not ended(holding):
                holding.prove()
        self.drop(ended)
        print(f"{len(concerned)} ended in {worst.ended_at - since:.3f} s at most, {len(self.held)} went on")


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
