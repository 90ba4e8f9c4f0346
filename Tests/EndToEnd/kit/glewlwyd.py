"""Glewlwyd (Debian's package), an OpenID Connect provider in C that this project did not write, run as a program.

Its groups are properties of its people, so they come and go while it runs, as do its keys.
"""

import http.client
import json
import sqlite3
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from joserfc.jwk import ECKey, RSAKey

from .names import free_port, listens
from .processes import Program
from .waiting import until

CONFIGURATION = """\
port={port}
bind_address="127.0.0.1"
external_url="http://127.0.0.1:{port}"
login_url="login.html"
api_prefix="api"
log_mode="file"
log_level="INFO"
log_file="{directory}/glewlwyd.log"
cookie_secure=0
session_expiration=86400
session_key="GLEWLWYD2_SESSION_ID"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="/usr/lib/glewlwyd/user"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
hash_algorithm="SHA512"
database={{ type="sqlite3" path="{directory}/glewlwyd.db" }};
"""

SCHEMA = Path("/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3")
SCOPES = "openid profile email groups offline_access"


class Browser:
    """Sessions and JSON with Glewlwyd's own interface; its pages are an application in JavaScript upon the same."""

    def __init__(self, port):
        self.port = port
        self.cookies = {}

    def call(self, method, path, body=None, expect=(200,)):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            link.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = link.getresponse()
            text = answer.read().decode()
        finally:
            link.close()
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
        assert answer.status in expect, f"glewlwyd: {method} {path}: {answer.status} {text[:2000]}"
        return answer, text


class Glewlwyd:
    client_id = "pomerium"
    client_secret = "pomerium-client-secret"

    def __init__(self, directory, people, redirect_uris):
        """`people`: (person, groups) each."""
        self.directory = Path(directory)
        self.directory.mkdir(parents=True)
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}/api/oidc"
        self._people = people
        self._redirect_uris = redirect_uris
        self._keys = []
        self._plugin = None
        self._program = None
        database = sqlite3.connect(self.directory / "glewlwyd.db")
        database.executescript(SCHEMA.read_text())
        database.close()
        (self.directory / "glewlwyd.conf").write_text(CONFIGURATION.format(port=self.port, directory=self.directory))

    # Life

    def start(self):
        self._program = Program(
            ["/usr/bin/glewlwyd", "-c", self.directory / "glewlwyd.conf"],
            environment={"PATH": "/usr/bin:/bin", "HOME": str(self.directory), "LANG": "C.UTF-8"},
            directory=self.directory,
            log=self.directory / "glewlwyd.out",
        )

        def ready():
            assert self._program.is_running, self._program.output[-3000:]
            return listens(self.port)

        until(ready, "Glewlwyd to listen", within=30)
        if not self._plugin:
            self._provision()
        return self

    def stop(self):
        if self._program:
            self._program.stop()
            self._program = None

    # What an administrator sets up

    @property
    def _admin(self):
        """Signed in just now: it believes an administrator for ten minutes."""
        browser = Browser(self.port)
        browser.call("POST", "/api/auth/", {"username": "admin", "password": "password"})
        return browser

    def _provision(self):
        admin = self._admin
        place = "/api/mod/user/database"
        module = json.loads(admin.call("GET", place)[1])
        module["parameters"]["data-format"]["groups"] = {
            "multiple": True,
            "read": True,
            "write": True,
            "profile-read": True,
            "profile-write": False,
        }
        admin.call("PUT", place, module)
        admin.call("PUT", f"{place}/reset")
        for scope in SCOPES.split():
            if scope != "openid":
                scope = {"name": scope, "display_name": scope, "password_required": True, "password_max_age": 0}
                admin.call("POST", "/api/scope/", {**scope, "scheme": {}})
        self._plugin = {
            "module": "oidc",
            "name": "oidc",
            "display_name": "OpenID Connect",
            "enabled": True,
            "parameters": {
                "iss": self.issuer,
                "jwt-type": "rsa",
                "jwt-key-size": "256",
                "access-token-duration": 86400,
                "refresh-token-duration": 86400,
                "code-duration": 600,
                "refresh-token-rolling": True,
                "refresh-token-one-use": "always",
                "allow-non-oidc": False,
                "auth-type-code-enabled": True,
                "auth-type-code-revoke-replayed": True,
                "auth-type-refresh-enabled": True,
                "auth-type-token-enabled": False,
                "auth-type-implicit-enabled": False,
                "auth-type-none-enabled": False,
                "auth-type-password-enabled": False,
                "auth-type-client-enabled": False,
                "pkce-allowed": True,
                "pkce-required": True,
                "oauth-as-iss-id": True,
                "subject-type": "public",
                "session-management-allowed": True,
                "session-cookie-name": "GLEWLWYD2_OIDC_SID",
                "session-cookie-expiration": 86400,
                "back-channel-logout-allowed": True,
                "front-channel-logout-allowed": True,
                "name-claim": "mandatory",
                "email-claim": "mandatory",
                "claims": [
                    {
                        "name": "groups",
                        "user-property": "groups",
                        "type": "string",
                        "mandatory": True,
                        "on-demand": False,
                        "scope": [],
                    }
                ],
            },
        }
        self._add_key("RS256")
        admin.call("POST", "/api/mod/plugin/", self._plugin)
        for person, groups in self._people:
            admin.call("POST", "/api/user/", {**self._user(person, groups), "password": person.password})
        client = {
            "client_id": self.client_id,
            "name": "TunnelEdge",
            "client_secret": self.client_secret,
            "confidential": True,
            "enabled": True,
            "scope": [],
            "redirect_uri": self._redirect_uris,
            "post_logout_redirect_uri": self._redirect_uris[0].replace("/oauth2/callback", "/.pomerium/signed_out"),
            "authorization_type": ["code", "refresh_token"],
            "token_endpoint_auth_method": ["client_secret_basic"],
        }
        admin.call("POST", "/api/client/", client)

    @staticmethod
    def _user(person, groups):
        return {
            "username": person.name,
            "name": f"{person.name.title()} Example",
            "email": person.email,
            "scope": ["g_profile", *SCOPES.split()],
            "enabled": True,
            "groups": groups,
        }

    def set_person(self, person, groups):
        self._admin.call("PUT", f"/api/user/{person.name}", self._user(person, groups))

    def rotate_keys(self, algorithm):
        """Signs with a new key of this kind from now on; the old ones are still listed."""
        self._add_key(algorithm)
        admin = self._admin
        admin.call("PUT", "/api/mod/plugin/oidc", self._plugin)
        admin.call("PUT", "/api/mod/plugin/oidc/reset")

    def _add_key(self, algorithm):
        more = {"use": "sig", "alg": algorithm, "kid": f"{algorithm}-{len(self._keys)}"}
        if algorithm == "RS256":
            key = RSAKey.generate_key(2048, parameters=more, private=True)
        else:
            key = ECKey.generate_key("P-256", parameters=more, private=True)
        self._keys.insert(0, key.as_dict(private=True))
        self._plugin["parameters"].update(
            {"jwks-private": json.dumps({"keys": self._keys}), "default-kid": more["kid"]}
        )

    # What a person does in its pages

    def take_grants_away(self, person):
        """What the page of a person's own account offers: all refresh tokens end. How many there were.

        Locking somebody out does less: Glewlwyd goes on to refresh what they have.
        """
        browser = Browser(self.port)
        browser.call("POST", "/api/auth/", {"username": person.name, "password": person.password})
        listed = json.loads(browser.call("GET", "/api/oidc/token/?limit=1000")[1])
        grants = [grant for grant in listed if grant["enabled"]]
        for grant in grants:
            browser.call("DELETE", f"/api/oidc/token/{quote(grant['token_hash'], safe='')}")
        return len(grants)

    def browse(self, visitor, url, person):
        """Opens a page and signs in when asked."""
        page = visitor.get(url)
        return self.sign_in(visitor, page, person) if page.host == "127.0.0.1" else page

    def end_session(self, visitor, name):
        """The button of the page that asks whether to sign out."""
        browser = Browser(self.port)
        browser.cookies = visitor.jar["127.0.0.1"]
        browser.call("DELETE", f"/api/oidc/session/{name}/")

    def sign_in(self, visitor, page, person, follow=True):
        """From the login page that `page` stands on back to the edge, as its application in JavaScript does it.

        Without `follow`: the address of the callback, which the browser has not opened yet.
        """
        callback = parse_qs(urlsplit(page.url).query)["callback_url"][0]
        browser = Browser(self.port)
        browser.call("POST", "/api/auth/", {"username": person.name, "password": person.password})
        browser.call("PUT", f"/api/auth/grant/{self.client_id}", {"scope": SCOPES})
        visitor.jar.setdefault("127.0.0.1", {}).update(browser.cookies)
        back = visitor.get(f"{callback}&g_continue", follow=False)
        return visitor.get(back.headers["Location"]) if follow else back.headers["Location"]
