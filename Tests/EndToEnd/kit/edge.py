"""The edge: the release program with a configuration file of its own, as an administrator runs it."""

import base64
import json
import os
import re
import signal
from pathlib import Path

from .names import free_port, listens
from .processes import Program, resident_kilobytes
from .waiting import until

# The configuration of the reverse-tunnel tutorial, with its own indentation: the tutorial's sed commands count spaces.
TUTORIAL = """\
# Secrets: generated fresh for this deployment
shared_secret: {shared_secret}
cookie_secret: {cookie_secret}

address: 127.0.0.1:{https_port}
authenticate_service_url: https://auth.localhost:{https_port}

idp_provider: oidc
idp_provider_url: {issuer}
idp_client_id: {client_id}
idp_client_secret: {client_secret}
idp_scopes:
  - openid
  - email
  - profile
  - offline_access

# SSH proxy settings
ssh_address: 127.0.0.1:{ssh_port}

ssh_user_ca_key_file: {keys}/pomerium_user_ca_key
ssh_host_key_files:
  - {keys}/pomerium_ssh_host_ed25519_key
  - {keys}/pomerium_ssh_host_rsa_key
  - {keys}/pomerium_ssh_host_ecdsa_key

# Enable reverse (upstream) SSH tunnels
runtime_flags:
  ssh_upstream_tunnel: true

# Persist databroker state across restarts (single-node only)
databroker_storage_type: file
databroker_storage_connection_string: file://{state}
{more}
routes:
{routes}"""

# The tutorial's route, for one person on both sides.
ROUTE = """\
  - from: https://{host}:{port}
    to: http://non-existent-route
    policy:
      # Who can VISIT the published service
      - allow:
          and:
            - email:
                is: {visitor}
    upstream_tunnel:
      ssh_policy:
        # Who can OPEN the reverse tunnel that backs this route
        - allow:
            and:
              - email:
                  is: {publisher}
"""

HOST_KEYS = ("ed25519", "rsa", "ecdsa")


def secret():
    return base64.b64encode(os.urandom(32)).decode()


def route(host, port, visitor="alice@example.test", publisher="alice@example.test", extra=""):
    text = ROUTE.format(host=host, port=port, visitor=visitor, publisher=publisher)
    return text + "".join(f"    {line}\n" for line in extra.splitlines())


class Edge:
    """One deployment: a directory with configuration, keys and state, and the process when it runs."""

    def __init__(self, binary, directory, provider, certificate, https_port=None, ssh_port=None, keys=None):
        self.binary = Path(binary)
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.provider = provider
        self.https_port = https_port or free_port()
        self.ssh_port = ssh_port or free_port()
        self.keys = keys
        self.certificate, self.certificate_key = certificate
        self.configuration = self.directory / "config" / "config.yaml"
        self.configuration.parent.mkdir(exist_ok=True)
        self.program = None
        self.more_environment = {}
        self._secrets = {"shared_secret": secret(), "cookie_secret": secret()}

    # Configuration

    def text(self, routes=None, more="", **changes):
        values = dict(
            self._secrets,
            https_port=self.https_port,
            ssh_port=self.ssh_port,
            issuer=self.provider.issuer,
            client_id=self.provider.client_id,
            client_secret=self.provider.client_secret,
            keys=self.keys,
            state=self.directory / "state",
            more=more,
            routes=routes if routes is not None else route("app.localhost", self.https_port),
        )
        values.update(changes)
        return TUTORIAL.format(**values)

    def save(self, text):
        """Writes the configuration as editors do: a new file beside it, then a rename over it."""
        new = self.configuration.with_suffix(".new")
        new.write_text(text)
        os.replace(new, self.configuration)

    def edit(self, pattern, replacement, count=0):
        """Changes the saved configuration by a regular expression, atomically."""
        text, changed = re.subn(pattern, replacement, self.configuration.read_text(), count=count, flags=re.MULTILINE)
        assert changed, f"nothing in the configuration matches {pattern!r}"
        self.save(text)

    # Life

    @property
    def environment(self):
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "LANG": "C.UTF-8",
            "CERTIFICATE_FILE": str(self.certificate),
            "CERTIFICATE_KEY_FILE": str(self.certificate_key),
            **self.more_environment,
        }

    def start(self, text=None):
        if text is not None or not self.configuration.exists():
            self.save(text if text is not None else self.text())
        self.program = Program(
            [self.binary, "run", "--config", self.configuration],
            environment=self.environment,
            directory=self.directory,
            log=self.directory / "edge.log",
        )
        self.program.wait_for(r"starting SSH listener", within=30)
        until(lambda: listens(self.https_port) and listens(self.ssh_port), "both listeners of the edge", within=15)
        return self

    def stop(self):
        if not self.program:
            return None
        code = self.program.stop(within=40)
        self.program = None
        return code

    def restart(self):
        self.stop()
        return self.start()

    def reload_by_signal(self):
        self.program.signal(signal.SIGHUP)

    @property
    def output(self):
        return self.program.output if self.program else (self.directory / "edge.log").read_text()

    @property
    def resident(self):
        return resident_kilobytes(self.program.pid)

    @property
    def peak(self):
        return resident_kilobytes(self.program.pid, peak=True)

    def log_records(self):
        """The log's JSON lines."""
        for line in self.output.splitlines():
            if line.startswith("{"):
                try:
                    yield json.loads(line)
                except ValueError:
                    continue

    def recorded(self, event, count=1, **fields):
        """The records of this event with these fields, once there are so many.

        A thread of its own writes the edge's log, and another reads it here: what was done is told a little later.
        """

        def there():
            found = [record for record in self.log_records() if record.get("event") == event]
            return [record for record in found if all(record.get(name) == value for name, value in fields.items())]

        return until(lambda: len(found := there()) >= count and found, f"{count} of {event!r} with {fields} in the log")

    def says(self, text):
        """Waits until the log has this text."""
        until(lambda: text in self.output, f"{text!r} in the log")

    # Names

    def url(self, path="/", host="app.localhost"):
        return f"https://{host}:{self.https_port}{path}"

    @property
    def authenticate(self):
        return f"https://auth.localhost:{self.https_port}"

    def host_public_keys(self):
        return [Path(self.keys) / f"pomerium_ssh_host_{kind}_key.pub" for kind in HOST_KEYS]
