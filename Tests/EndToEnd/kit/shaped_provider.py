"""A small OpenID provider that takes the shape of others: what Google, Entra, GitLab and Cognito do their own way."""

import json
import secrets
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from .names import free_port
from .threaded_server import ThreadedServer

TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"


@dataclass(frozen=True)
class Shape:
    kind: str
    path: str = ""  # of the configured issuer, behind the origin
    issuer: str = ""  # of tokens
    template: str = ""  # of the discovery document, where it is another
    claims: dict = field(default_factory=dict)
    userinfo: dict = field(default_factory=dict)


GOOGLE = Shape("google", claims={"email": "alice@example.test", "email_verified": True, "hd": "example.test"})
ENTRA = Shape(
    "azure",
    path="/common/v2.0",
    issuer=f"/{TENANT}/v2.0",
    template="/{tenantid}/v2.0",
    claims={"email": "alice@example.test", "tid": TENANT, "preferred_username": "alice@example.test", "ver": "2.0"},
)
GITLAB = Shape(
    "gitlab",
    claims={"sub_legacy": "f00", "groups_direct": ["acme/web"]},
    userinfo={
        "email": "alice@example.test",
        "email_verified": True,
        "nickname": "alice",
        "groups": ["acme", "acme/platform"],
    },
)
COGNITO = Shape(
    "cognito",
    path="/pool",
    issuer="/pool",
    claims={
        "cognito:groups": ["acme/platform"],
        "cognito:username": "alice",
        "email": "alice@example.test",
        "email_verified": "true",
        "token_use": "id",
    },
)


class ShapedProvider:
    client_id = "edge"
    client_secret = "secret of the edge"

    def __init__(self, shape):
        self.shape = shape
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.issuer = self.origin + shape.path
        self.asked = []  # the queries of the authorization endpoint
        self.gave_refresh_token = False
        self._key = RSAKey.generate_key(2048, {"kid": "one"}, private=True)
        self._codes = {}
        self._server = ThreadedServer(("127.0.0.1", self.port), self._handler())
        self._server.begin()

    def stop(self):
        self._server.stop()

    def _document(self):
        return {
            "issuer": self.origin + (self.shape.template or self.shape.path),
            "authorization_endpoint": f"{self.origin}/authorize",
            "token_endpoint": f"{self.origin}/token",
            "userinfo_endpoint": f"{self.origin}/userinfo",
            "jwks_uri": f"{self.origin}/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        }

    def _authorize(self, query):
        self.asked.append(query)
        code = secrets.token_hex(12)
        self._codes[code] = query
        refused = self.shape.kind == "google" and "offline_access" in query["scope"]
        answer = {"error": "invalid_scope"} if refused else {"code": code}
        return query["redirect_uri"] + "?" + urlencode(answer | {"state": query["state"]})

    def _tokens(self, given):
        query = self._codes.pop(given.get("code"), None)
        if not query:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.origin + self.shape.issuer, "aud": self.client_id, "sub": "4711", "name": "Alice"}
        claims |= {"iat": now, "exp": now + 600, "nonce": query["nonce"]} | self.shape.claims
        answer = {
            "access_token": "access",
            "token_type": "Bearer",
            "expires_in": 3599,
            "id_token": jwt.encode({"alg": "RS256", "kid": "one"}, claims, self._key),
        }
        asks = query.get("access_type") == "offline" and "consent" in query.get("prompt", "")
        if asks if self.shape.kind == "google" else "offline_access" in query["scope"] or self.shape.kind == "gitlab":
            answer["refresh_token"] = secrets.token_hex(12)
            self.gave_refresh_token = True
        return 200, answer

    def _answer(self, path, query):
        if path == f"{self.shape.path}/.well-known/openid-configuration":
            return 200, self._document()
        if path == "/keys":
            return 200, {"keys": [self._key.as_dict(private=False, use="sig")]}
        if path == "/userinfo":
            return 200, {"sub": "4711"} | self.shape.userinfo
        return 404, {}

    def _handler(self):
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def send(self, status, document, **headers):
                body = json.dumps(document).encode()
                self.send_response(status)
                for name, value in ({"Content-Type": "application/json"} | headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                parts = urlsplit(self.path)
                query = dict(parse_qsl(parts.query))
                if parts.path == "/authorize":
                    self.send(302, {}, Location=provider._authorize(query))
                else:
                    self.send(*provider._answer(parts.path, query))

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                self.send(*provider._tokens(dict(parse_qsl(body))))

        return Handler
