"""An issuer of tokens for jobs, as GitHub, GitLab and clusters are: a description, a key set, and GitHub's place to ask for one."""

import json
import time
import uuid
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from .threaded_server import ThreadedServer


class JobIssuer:
    """Runs in this process on a port of its own."""

    request_token = "runner-secret"

    def __init__(self):
        self.key = RSAKey.generate_key(2048, {"kid": "one"}, private=True)
        self.asked = []
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                parts = urlsplit(self.path)
                issuer.asked.append(parts.path)
                if parts.path == "/.well-known/openid-configuration":
                    self.answer({"issuer": issuer.name, "jwks_uri": issuer.name + "/keys"})
                elif parts.path == "/keys":
                    self.answer({"keys": [issuer.key.as_dict(private=False)]})
                elif parts.path == "/token":
                    allowed = self.headers.get("Authorization") == f"Bearer {issuer.request_token}"
                    audience = parse_qs(parts.query).get("audience", [""])[0]
                    self.answer({"count": 1, "value": issuer.token(aud=audience)} if allowed else {}, allowed)
                else:
                    self.answer({}, False)

            def answer(self, document, good=True):
                body = json.dumps(document).encode()
                self.send_response(200 if good else 403)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadedServer(("127.0.0.1", 0), Handler)
        self.name = f"http://127.0.0.1:{self._server.server_port}"
        self.audience = None
        self._server.begin()

    def rotate(self):
        self.key = ECKey.generate_key("P-256", {"kid": uuid.uuid4().hex}, private=True)

    def claims(self, **changes):
        now = int(time.time())
        claims = {
            "iss": self.name,
            "aud": self.audience,
            "sub": "repo:example/shop:ref:refs/heads/main",
            "repository": "example/shop",
            "ref": "refs/heads/main",
            "iat": now,
            "nbf": now - 5,
            "exp": now + 600,
            "jti": str(uuid.uuid4()),
        }
        claims.update(changes)
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, **changes):
        algorithm = "RS256" if isinstance(self.key, RSAKey) else "ES256"
        header = {"alg": algorithm, "kid": self.key.kid, "typ": "JWT"}
        return jwt.encode(header, self.claims(**changes), self.key)

    def stop(self):
        self._server.stop()
