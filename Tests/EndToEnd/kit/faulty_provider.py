"""An OpenID provider that misbehaves on purpose: PyPI's oidc-provider-mock with its answers changed on the way out."""

import json
import os
import threading
import time
import urllib.request
from collections import defaultdict

import flask
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from werkzeug.serving import make_server

os.environ.setdefault("AUTHLIB_INSECURE_TRANSPORT", "1")

import oidc_provider_mock  # noqa: E402

from .names import free_port  # noqa: E402

USER = "alice@example.test"


def _own_key():
    store = flask.g.oidc_provider_mock_storage
    return RSAKey.import_key(store.jwk.as_dict(is_private=True))


def _unsigned(claims):
    import base64
    import json

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none'})}.{part(claims)}."


_ATTACKER = RSAKey.generate_key(2048, private=True)


def _signed(claims, key=None, **header):
    key = key or _own_key()
    return jwt.encode({"alg": "RS256", **header}, claims, key, algorithms=["RS256", "HS256"])


def _with(**changes):
    """A token that is right but for these claims; None removes one."""

    def fault(claims):
        claims.update(changes)
        return _signed({name: value for name, value in claims.items() if value is not None})

    return fault


def _public_key_as_secret(claims):
    secret = OctKey.import_key(_own_key().as_pem(private=False))
    return jwt.encode({"alg": "HS256"}, claims, secret, algorithms=["HS256"])


def _cut_short(claims):
    return _signed(claims)[:-8]


def _redirect(answer):
    """To a place that has the good answer."""
    if flask.request.query_string == b"moved":
        return
    answer.status_code = 302
    answer.headers["Location"] = f"{flask.request.path}?moved"


def _many_keys(answer):
    key = answer.get_json()["keys"][0]
    answer.set_data(flask.json.dumps({"keys": [key] * 20_000}))


def _strange_keys(answer):
    """Beside the right one: kinds that are not known, and one that is none."""
    strange = [{"kty": "AKP", "alg": "ML-DSA-65", "pub": "AAAA"}, {"kty": "RSA", "n": "!", "e": "AQAB"}, 7, {}]
    answer.set_data(flask.json.dumps({"keys": strange + answer.get_json()["keys"]}))


def _two_keys(answer):
    """Both without an id: the wrong one comes first."""
    answer.set_data(flask.json.dumps({"keys": [_ATTACKER.as_dict(private=False)] + answer.get_json()["keys"]}))


FAULTS = {
    "wrong nonce": _with(nonce="another-nonce"),
    "no nonce": _with(nonce=None),
    "wrong audience": _with(aud=["somebody-else"]),
    "no audience": _with(aud=None),
    "two audiences, no azp": _with(aud=["pomerium", "somebody-else"]),
    "wrong azp": _with(azp="somebody-else"),
    "wrong issuer": _with(iss="http://127.0.0.1:1"),
    "expired": _with(exp=int(time.time()) - 3600, iat=int(time.time()) - 7200),
    "no expiry": _with(exp=None),
    "expiry beyond reason": _with(exp=10**30),
    "no subject": _with(sub=None),
    "subject is no string": _with(sub=42),
    "issued in the future": _with(iat=int(time.time()) + 7200),
    "alg none": _unsigned,
    "public key as HMAC secret": _public_key_as_secret,
    "another key": lambda claims: _signed(claims, _ATTACKER),
    "another key, named by a header": lambda claims: _signed(claims, _ATTACKER, jwk=_ATTACKER.as_dict(private=False)),
    "signature cut short": _cut_short,
    "wrong at_hash": _with(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
    "another key under an id": lambda claims: _signed(claims, _ATTACKER, kid="unknown"),
    "no ID token": lambda claims: None,
}

ANSWER_FAULTS = {
    "token answer is no JSON": ("/oauth2/token", lambda answer: answer.set_data(b"<html>oops</html>")),
    "token answer of 64 MiB": ("/oauth2/token", lambda answer: answer.set_data(b" " * (64 << 20))),
    "token answer is a redirect": ("/oauth2/token", _redirect),
    "key set is a redirect": ("/jwks", _redirect),
    "key set of 20 000 keys": ("/jwks", _many_keys),
    "key set with keys of unknown kinds": ("/jwks", _strange_keys),
    "key set with two keys without an id": ("/jwks", _two_keys),
    "discovery is a redirect": ("/.well-known/openid-configuration", _redirect),
    "key set is no JSON": ("/jwks", lambda answer: answer.set_data(b"none today")),
    "key set with status 500": ("/jwks", lambda answer: setattr(answer, "status_code", 500)),
    "discovery names another issuer": (
        "/.well-known/openid-configuration",
        lambda answer: answer.set_data(
            answer.get_data().replace(b'"issuer": "http://127.0.0.1', b'"issuer": "http://127.0.0.2')
        ),
    ),
}


class Counted:
    """Requests to one path: how many there were, and how many of them at once."""

    def __init__(self):
        self.all = self.now = self.most = 0


class FaultyProvider:
    """Runs in this process; `fault` is the name of what it does wrong now, or None."""

    client_id = "pomerium"
    client_secret = "pomerium-client-secret"

    def __init__(self):
        self.fault = None
        self._key = None
        self._held = {}
        self._lock = threading.Lock()
        self.counts = defaultdict(Counted)
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        # The mock means to be run by hand and adds a debugger. The application itself is enough.
        app = oidc_provider_mock.app(
            user_claims=[
                oidc_provider_mock.User(
                    sub=USER, claims={"email": USER, "email_verified": True, "name": "Alice Example"}
                )
            ]
        )
        app.debug = False
        if hasattr(app.wsgi_app, "app"):
            app.wsgi_app = app.wsgi_app.app
        app.before_request(self._wait)
        app.after_request(self._change)
        app.teardown_request(self._gone)
        self._app = app
        self.start()

    def start(self):
        """Again after `stop`, it knows whom it knew."""
        self._server = make_server("127.0.0.1", self.port, self._app, threaded=True)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    # How it hangs

    def hold(self, path):
        """Answers nothing at this path until `release`."""
        self._held[path] = threading.Event()

    def release(self, path):
        self._held.pop(path).set()

    def _wait(self):
        path = flask.request.path
        with self._lock:
            count = self.counts[path]
            count.all += 1
            count.now += 1
            count.most = max(count.most, count.now)
        if held := self._held.get(path):
            held.wait(120)

    def _gone(self, _):
        with self._lock:
            self.counts[flask.request.path].now -= 1

    def set_person(self, **claims):
        """What it says of Alice from now on."""
        request = urllib.request.Request(
            f"{self.issuer}/users/{USER}",
            method="PUT",
            headers={"Content-Type": "application/json"},
            data=json.dumps(claims).encode(),
        )
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).close()

    def _change(self, answer):
        path = flask.request.path
        self._key = _own_key()
        if self.fault in ANSWER_FAULTS:
            where, change = ANSWER_FAULTS[self.fault]
            if path == where:
                change(answer)
        elif self.fault in FAULTS and path == "/oauth2/token" and answer.status_code == 200:
            told = answer.get_json()
            claims = jwt.decode(told["id_token"], _own_key()).claims
            token = FAULTS[self.fault](dict(claims))
            told.pop("id_token") if token is None else told.update(id_token=token)
            answer.set_data(flask.json.dumps(told))
        return answer

    def logout_token(self, **changes):
        """What it sends to the edge when Alice signs out of it (OpenID Connect Back-Channel Logout 1.0)."""
        now = int(time.time())
        event = {"http://schemas.openid.net/event/backchannel-logout": {}}
        claims = {"iss": self.issuer, "aud": self.client_id, "iat": now, "exp": now + 60, "sub": USER, "events": event}
        claims = claims | {"jti": os.urandom(8).hex()} | changes
        return _signed(claims, self._key, typ="logout+jwt")

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
