"""A stand-in for a GitHub Enterprise Server: the endpoints that GitHub documents for signing in with an OAuth app.

With their oddities: refusals with status 200, forms where nobody asked for JSON, pages of at most a hundred entries,
ten tokens a person.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from html import escape
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlencode, urlsplit

from .names import free_port
from .threaded_server import ThreadedServer

DOCS = "https://docs.github.com"


@dataclass
class Person:
    number: int
    login: str
    name: str | None = None
    emails: list = field(default_factory=list)  # {email, primary, verified, visibility}
    teams: list = field(default_factory=list)  # "organization/team"
    suspended: bool = False

    def user(self):
        shown = next((e["email"] for e in self.emails if e["primary"] and e["visibility"] == "public"), None)
        return {
            "login": self.login,
            "id": self.number,
            "node_id": base64.b64encode(f"04:User{self.number}".encode()).decode(),
            "avatar_url": f"https://avatars.example/u/{self.number}?v=4",
            "html_url": f"https://github.example/{self.login}",
            "type": "User",
            "site_admin": False,
            "name": self.name,
            "email": shown,
            "created_at": "2008-01-14T04:33:35Z",
        }


def address(email, verified=True, primary=True, visibility="private"):
    return {"email": email, "primary": primary, "verified": verified, "visibility": visibility}


def team(number, name):
    organization, slug = name.split("/")
    return {
        "id": number,
        "name": slug.title(),
        "slug": slug,
        "privacy": "closed",
        "permission": "pull",
        "parent": None,
        "organization": {"login": organization, "id": 1},
    }


class GitHub:
    client_id = "Iv23liEdgeClient"
    client_secret = "5f1d2c3b4a59687706f5e4d3c2b1a0ffedcba987"

    def __init__(self):
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.clients = {self.client_id: self.client_secret, "second": "secret of the second app"}
        self.callback = None  # what the app registered; None: whatever is asked for
        self.people = {
            "octocat": Person(
                583231,
                "OctoCat",
                "The Octocat",
                [address("spare@example.test", primary=False), address("alice@example.test")],
                [f"acme/squad-{n}" for n in range(120)] + ["acme/platform"],
            ),
            "hubot": Person(
                480938,
                "hubot",
                None,
                [address("alice@example.test", verified=False), address("hubot@example.test", primary=False)],
                ["other/platform"],
            ),
            "ghost": Person(10137, "ghost", None, [address("ghost@example.test", verified=False)]),
        }
        self.fault = None  # (path, status, headers, body) of one answer instead of the right one
        self.requests = []  # (method, path with query, headers)
        self.expiring = False  # as a GitHub App with expiring tokens
        self._codes = {}
        self._tokens = {}  # token -> (login, scopes); in the order they were given
        self._refresh = {}
        self._consents = set()  # (login, client)
        self._lock = threading.Lock()
        self._server = ThreadedServer(("127.0.0.1", self.port), self._handler())
        self._server.begin()

    def stop(self):
        self._server.stop()

    # What happens to people and tokens

    def revoke(self, login):
        """The person takes the app's access away in their settings."""
        with self._lock:
            self._tokens = {token: held for token, held in self._tokens.items() if held[0] != login}
            self._refresh = {token: held for token, held in self._refresh.items() if held[0] != login}
            self._consents = {held for held in self._consents if held[0] != login}

    def remove(self, login):
        """The account is gone."""
        self.revoke(login)
        self.people.pop(login)

    def tokens(self, login):
        with self._lock:
            return [token for token, held in self._tokens.items() if held[0] == login]

    def asked(self, path):
        return [request for request in self.requests if request[1].split("?")[0] == path]

    # The token endpoint

    def exchange(self, given):
        refusal = self._refuses_client(given)
        if refusal:
            return refusal
        if given.get("grant_type") == "refresh_token":
            with self._lock:
                held = self._refresh.pop(given.get("refresh_token"), None)
            if not held:
                return error("bad_refresh_token", "The refresh token passed is incorrect or expired.")
            return self._give(*held)
        with self._lock:
            code = self._codes.pop(given.get("code"), None)
        if not code or time.time() > code["until"]:
            return error("bad_verification_code", "The code passed is incorrect or expired.")
        if given["client_id"] != code["client"]:
            return error("bad_verification_code", "The code passed is incorrect or expired.")
        if given.get("redirect_uri") not in (None, code["redirect_uri"]):
            return error(
                "redirect_uri_mismatch",
                "The redirect_uri MUST match the registered callback URL for this application.",
            )
        if code["challenge"]:
            digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != code["challenge"]:
                return error("bad_verification_code", "The code passed is incorrect or expired.")
        if not any(entry["verified"] for entry in self.people[code["login"]].emails):
            return error("unverified_user_email", "The user must have a verified primary email.")
        return self._give(code["login"], code["scopes"])

    def _refuses_client(self, given):
        secret = self.clients.get(given.get("client_id"))
        if secret is None or given.get("client_secret") != secret:
            return error("incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect.")
        return None

    def _give(self, login, scopes):
        token = "gho_" + secrets.token_hex(18)
        answer = {"access_token": token, "token_type": "bearer", "scope": ",".join(scopes)}
        with self._lock:
            self._tokens[token] = (login, scopes)
            for old in [t for t, held in self._tokens.items() if held == (login, scopes)][:-10]:
                del self._tokens[old]
            if self.expiring:
                refresh = "ghr_" + secrets.token_hex(38)
                self._refresh[refresh] = (login, scopes)
                answer |= {"expires_in": 28800, "refresh_token": refresh, "refresh_token_expires_in": 15897600}
        return answer

    # The REST API

    def api(self, path, query, headers):
        """Status, further headers and body."""
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if not headers.get("User-Agent"):
            return 403, {}, b"Request forbidden by administrative rules."
        held = self._tokens.get(token) if scheme.lower() in ("bearer", "token") else None
        if not held:
            return 401, {}, problem("Bad credentials", 401)
        person, scopes = self.people[held[0]], held[1]
        if person.suspended:
            return 403, {}, problem("Sorry. Your account was suspended.", 403)
        given = {"X-OAuth-Scopes": ", ".join(scopes)}
        if path == "/user":
            return 200, given | {"X-Accepted-OAuth-Scopes": ""}, person.user()
        if path == "/user/emails":
            if not {"user", "user:email"} & set(scopes):
                return 404, given | {"X-Accepted-OAuth-Scopes": "user, user:email"}, problem("Not Found", 404)
            return self._page(path, query, person.emails, given)
        if path == "/user/teams":
            if not {"read:org", "repo", "user"} & set(scopes):
                return 403, given, problem("Must have admin rights to Repository.", 403)
            return self._page(path, query, [team(n, name) for n, name in enumerate(person.teams, 1)], given)
        return 404, given, problem("Not Found", 404)

    def _page(self, path, query, entries, given):
        size = min(int(query.get("per_page", 30)), 100)
        page = max(int(query.get("page", 1)), 1)
        last = max(-(-len(entries) // size), 1)
        links = []
        for relation, number in (("prev", page - 1), ("next", page + 1), ("last", last), ("first", 1)):
            forward = relation in ("next", "last")
            if 1 <= number <= last and (page < last if forward else page > 1):
                query_text = urlencode({"per_page": size, "page": number})
                links.append(f'<{self.issuer}/api/v3{path}?{query_text}>; rel="{relation}"')
        return 200, given | ({"Link": ", ".join(links)} if links else {}), entries[(page - 1) * size : page * size]

    # The pages

    def authorize(self, query, login):
        """A page, or where the browser is sent."""
        client = query.get("client_id")
        if client not in self.clients:
            return 404, "<title>Page not found</title>", None
        wanted = query.get("redirect_uri") or self.callback
        if self.callback and wanted != self.callback:
            return (
                302,
                "",
                self._back(
                    query,
                    self.callback,
                    **error(
                        "redirect_uri_mismatch",
                        "The redirect_uri MUST match the registered callback URL for this application.",
                    ),
                ),
            )
        if query.get("code_challenge") and query.get("code_challenge_method") != "S256":
            return 422, "<title>Unprocessable</title>", None
        if not login or query.get("prompt") == "select_account" and "chosen" not in query:
            return 200, self._form("Sign in to GitHub", query, '<input name="login"><button>Sign in</button>'), None
        if (login, client) not in self._consents:
            buttons = '<button name="authorize" value="0">Cancel</button>'
            buttons += '<button name="authorize" value="1">Authorize</button>'
            if "authorize" not in query:
                return 200, self._form("Authorize application", query, buttons), None
            if query["authorize"] != "1":
                return (
                    302,
                    "",
                    self._back(query, wanted, **error("access_denied", "The user has denied your application access.")),
                )
            self._consents.add((login, client))
        code = secrets.token_hex(10)
        with self._lock:
            self._codes[code] = {
                "login": login,
                "client": client,
                "scopes": tuple(query.get("scope", "").replace(",", " ").split()),
                "redirect_uri": wanted,
                "challenge": query.get("code_challenge"),
                "until": time.time() + 600,
            }
        return 302, "", self._back(query, wanted, code=code)

    def _form(self, title, query, inside):
        kept = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
            for name, value in query.items()
            if name not in ("login", "authorize", "chosen")
        )
        chosen = '<input type="hidden" name="chosen" value="1">'
        return f'<title>{title}</title><form action="/session" method="post">{kept}{chosen}{inside}</form>'

    def _back(self, query, where, **more):
        state = {"state": query["state"]} if "state" in query else {}
        return where + ("&" if "?" in where else "?") + urlencode(more | state)

    def _handler(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, headers=(), body=b""):
                self.send_response(status)
                for name, value in dict(headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def api_answer(self, status, headers, body):
                limits = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4990", "X-RateLimit-Resource": "core"}
                limits["X-RateLimit-Reset"] = str(int(time.time()) + 1800)
                media = {
                    "Content-Type": "application/json; charset=utf-8",
                    "X-GitHub-Media-Type": "github.v3; format=json",
                }
                raw = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.answer(status, media | limits | {"X-GitHub-Request-Id": secrets.token_hex(8)} | headers, raw)

            def do_GET(self):
                parts = urlsplit(self.path)
                server.requests.append(("GET", self.path, dict(self.headers)))
                query = dict(parse_qsl(parts.query, keep_blank_values=True))
                if self.faulty(parts.path):
                    return
                if parts.path.startswith("/api/v3"):
                    self.api_answer(*server.api(parts.path.removeprefix("/api/v3"), query, self.headers))
                elif parts.path == "/login/oauth/authorize":
                    cookie = SimpleCookie(self.headers.get("Cookie", "")).get("user_session")
                    self.page(query, cookie.value if cookie and cookie.value in server.people else None)
                else:
                    self.answer(404)

            def do_POST(self):
                path = urlsplit(self.path).path
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                server.requests.append(("POST", self.path, dict(self.headers)))
                given = dict(parse_qsl(body, keep_blank_values=True))
                if self.faulty(path):
                    return
                if path == "/login/oauth/access_token":
                    self.tokens(server.exchange(given))
                elif path == "/session":
                    cookie = SimpleCookie(self.headers.get("Cookie", "")).get("user_session")
                    login = given.get("login") or (cookie.value if cookie else None)
                    self.page(given, login if login in server.people else None)
                else:
                    self.answer(404)

            def faulty(self, path):
                fault = server.fault
                if not fault or fault[0] != path:
                    return False
                self.api_answer(*fault[1:])
                return True

            def tokens(self, answer):
                if "application/json" in self.headers.get("Accept", ""):
                    media, body = "application/json; charset=utf-8", json.dumps(answer)
                else:
                    media, body = "application/x-www-form-urlencoded; charset=utf-8", urlencode(answer)
                self.answer(200, {"Content-Type": media}, body.encode())

            def page(self, query, login):
                status, text, where = server.authorize(query, login)
                headers = {"Content-Type": "text/html; charset=utf-8"}
                if login:
                    headers["Set-Cookie"] = f"user_session={login}; Path=/; HttpOnly"
                if where:
                    headers["Location"] = where
                self.answer(status, headers, text.encode())

        return Handler


def error(name, description):
    anchor = name.replace("_", "-")
    return {"error": name, "error_description": description, "error_uri": f"{DOCS}/apps/troubleshooting#{anchor}"}


def problem(message, status):
    return {"message": message, "documentation_url": f"{DOCS}/rest", "status": str(status)}
