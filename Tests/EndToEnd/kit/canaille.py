"""Canaille, an OpenID Connect provider that this project did not write, run as a program of its own."""

import json
import os
import sqlite3
import sys
from pathlib import Path

from joserfc.jwk import ECKey, RSAKey

from .names import free_port, listens
from .processes import Program, run
from .waiting import until

CONFIGURATION = """\
SECRET_KEY = "end-to-end-tests-0123456789"
SERVER_NAME = "127.0.0.1:{port}"
PREFERRED_URL_SCHEME = "http"
[CANAILLE]
DATABASE = "sql"
HTMX = false
JAVASCRIPT = false
CAPTCHA_ENABLED = false
[CANAILLE.ACL.DEFAULT]
PERMISSIONS = ["edit_self", "use_oidc"]
READ = ["user_name", "groups"]
[CANAILLE_SQL]
DATABASE_URI = "sqlite:///{directory}/canaille.sqlite"
[CANAILLE_OIDC]
ACTIVE_JWKS = [{keys}]
REQUIRE_NONCE = true
[CANAILLE_OIDC.USERINFO_MAPPING]
SUB = "{{{{ user.user_name }}}}"
NAME = "{{{{ user.formatted_name }}}}"
EMAIL = "{{{{ user.preferred_email }}}}"
GROUPS = "{{{{ user.groups|map(attribute='display_name')|list }}}}"
[CANAILLE_HYPERCORN]
BIND = ["127.0.0.1:{port}"]
WORKERS = 0
"""

# What `canaille` does with one command line.
COMMANDS = """\
import json, sys
from canaille.commands import cli
for arguments in json.loads(sys.argv[1]):
    cli.main(arguments, standalone_mode=False)
"""

# `canaille run`, with access tokens that differ. Its own are made of the person, the client and the second, so that whoever
# signs in twice within one gets the same token twice, and an error when the second is stored. To us they are opaque.
SERVER = """\
from canaille.oidc import provider
from authlib.common.security import generate_token
provider.generate_access_token = lambda client, grant_type, user, scope: generate_token(48)
from canaille.commands import cli
cli.main(["run"])
"""


class Canaille:
    client_id = "pomerium"
    client_secret = "pomerium-client-secret"

    def __init__(self, directory, people, redirect_uris, algorithm="RS256"):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True)
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self._program = None
        configuration = self.directory / "canaille.toml"
        configuration.write_text(
            CONFIGURATION.format(port=self.port, directory=self.directory, keys=", ".join(self._keys()))
        )
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "LANG": "C.UTF-8",
            "CANAILLE_CONFIG": str(configuration),
        }
        commands = [["install"]]
        for person in people:
            name = person.name.title()
            commands.append(["create", "user", "--user-name", person.name, "--password", person.password])
            commands[-1] += ["--emails", person.email, "--given-name", name, "--family-name", "Example"]
            commands[-1] += ["--formatted-name", f"{name} Example"]
        client = ["--client-id", self.client_id, "--client-secret", self.client_secret]
        client += ["--client-name", "TunnelEdge", "--client-uri", self.issuer, "--response-types", "code"]
        client += [part for uri in redirect_uris for part in ("--redirect-uris", uri)]
        for kind in ("authorization_code", "refresh_token"):
            client += ["--grant-types", kind]
        for scope in ("openid", "profile", "email", "groups", "offline_access"):
            client += ["--scope", scope]
        client += ["--token-endpoint-auth-method", "client_secret_basic", "--id-token-signed-response-alg", algorithm]
        commands.append(["create", "client", *client])
        # Without an audience, Canaille's ID tokens have no `aud` at all.
        commands.append(["set", "client", self.client_id, "--audience", self.client_id])
        self._run(commands)

    @staticmethod
    def _keys():
        rsa = RSAKey.generate_key(2048, parameters={"use": "sig"}, private=True, auto_kid=True)
        ec = ECKey.generate_key("P-256", parameters={"use": "sig"}, private=True, auto_kid=True)
        for key in (rsa, ec):
            members = key.as_dict(private=True)
            yield "{" + ", ".join(f"{name} = {json.dumps(value)}" for name, value in members.items()) + "}"

    def _run(self, commands):
        """Canaille's commands, in one process: each takes less time than the program needs to start."""
        arguments = [sys.executable, "-c", COMMANDS, json.dumps(commands)]
        code, output = run(arguments, environment=self._environment, directory=self.directory, within=60)
        assert code == 0, f"canaille: {output[-3000:]}"

    def start(self):
        self._program = Program(
            [sys.executable, "-c", SERVER],
            environment=self._environment,
            directory=self.directory,
            log=self.directory / "canaille.log",
        )

        def ready():
            assert self._program.is_running, self._program.output[-3000:]
            return listens(self.port)

        until(ready, "Canaille to listen", within=60)
        return self

    def revoked_tokens(self):
        """How many of its tokens were taken back."""
        with sqlite3.connect(self.directory / "canaille.sqlite", timeout=10) as store:
            return store.execute("SELECT count(*) FROM token WHERE revokation_date IS NOT NULL").fetchone()[0]

    def stop(self):
        if self._program:
            self._program.stop()
            self._program = None
