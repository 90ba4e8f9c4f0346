"""The two edges that are compared: ours, and the one people build from nginx and sshd."""

import contextlib
import os
import pwd
import re
import secrets
import subprocess
from pathlib import Path

from kit.canaille import Canaille
from kit.certificates import CertificateAuthority
from kit.edge import HOST_KEYS, Edge, route
from kit.names import free_port, listens
from kit.people import ALICE
from kit.processes import Program
from kit.publisher import Publisher, make_key
from kit.visitor import Visitor
from kit.waiting import until

WORKERS = 2
VISITOR = ALICE
# More than the benchmark opens: limits against floods are not what is measured.
CONNECTIONS = 4096


class _Stack(contextlib.ExitStack):
    """host, port, authority and cookie are what the load needs; pids are the processes of the edge, and only those.

    `publisher` is who may open more tunnels, `listen` what for: `{}` is a tunnel's number.
    """

    host = "app.localhost"
    listen = None

    def __init__(self, directory, service_port, service_program):
        super().__init__()
        self.directory = Path(directory)
        self.directory.mkdir()
        self.directory.chmod(0o755)
        self.service_port = service_port
        self.service_program = service_program
        self.port = free_port()
        self.cookie = ""
        self.pids = []
        self.tunnel = self.publisher = None
        authority = CertificateAuthority(self.directory / "certificates")
        self.authority = authority.certificate
        self.certificate, self.certificate_key = authority.issue("edge", ["app.localhost", "auth.localhost"])
        try:
            self.bring_up()
        except BaseException:
            self.close()
            raise

    def cipher(self):
        found = re.findall(r"server->client cipher: (\S+)", self.tunnel.output)
        return found[0] if found else "?"


class TunnelEdge(_Stack):
    name = "TunnelEdge"
    listen = "t{}.many.localhost:443"

    def bring_up(self):
        keys = self.directory / "keys"
        keys.mkdir()
        make_key(keys / "pomerium_user_ca_key")
        for kind in HOST_KEYS:
            make_key(keys / f"pomerium_ssh_host_{kind}_key", kind)
        provider = Canaille(
            self.directory / "provider", [VISITOR], [f"https://auth.localhost:{self.port}/oauth2/callback"]
        )
        self.callback(provider.stop)
        provider.start()
        edge = Edge(
            os.environ["TUNNEL_EDGE_BINARY"],
            self.directory / "edge",
            provider,
            (self.certificate, self.certificate_key),
            https_port=self.port,
            keys=keys,
        )
        self.callback(edge.stop)
        # nginx writes no access log here, so the edge writes its own to nowhere.
        routes = route(self.host, self.port) + route("*.many.localhost", self.port)
        more = f"access_log_file: {os.devnull}\nssh_max_connections_per_user: {CONNECTIONS}\n"
        edge.start(edge.text(routes=routes, more=more))
        self.pids = [edge.program.pid]
        self.publisher = Publisher(self.directory / "publisher", edge.ssh_port, edge.host_public_keys())
        self.tunnel = self.enter_context(self.publisher.forward((self.host, self.service_port)))
        visitor = Visitor(self.authority)
        page = visitor.sign_in(visitor.get(self.tunnel.sign_in_url()), VISITOR.name, VISITOR.password)
        visitor.press(page, "Authorize")
        self.tunnel.wait_published()
        until(lambda: visitor.get(edge.url("/1k")).status == 200, "the page through TunnelEdge")
        self.cookie = visitor.cookie_header(self.host)


NGINX = """\
daemon off; pid {directory}/nginx.pid; error_log {directory}/nginx.err error;
worker_processes {workers}; worker_rlimit_nofile 65536; {user}
events {{ worker_connections 8192; multi_accept on; }}
http {{
  access_log off; server_tokens off; tcp_nodelay on; sendfile on;
  keepalive_timeout 600s; keepalive_requests 1000000;
  client_body_temp_path {directory}/tmp/b; proxy_temp_path {directory}/tmp/p; fastcgi_temp_path {directory}/tmp/f;
  uwsgi_temp_path {directory}/tmp/u; scgi_temp_path {directory}/tmp/s;
  upstream tunnel {{ server 127.0.0.1:{forward_port}; keepalive 128; keepalive_requests 1000000; }}
  upstream checker {{ server 127.0.0.1:{checker_port}; keepalive 32; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} ssl http2 backlog=4096; server_name {host};
    ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:S:10m; client_max_body_size 0;
    location = /_check {{
      internal; proxy_pass http://checker; proxy_pass_request_body off; proxy_set_header Content-Length '';
      proxy_http_version 1.1; proxy_set_header Connection '';
    }}
    location / {{
      auth_request /_check;
      proxy_pass http://tunnel; proxy_http_version 1.1; proxy_set_header Connection '';
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto https;
      proxy_request_buffering off; proxy_buffer_size 16k; proxy_buffers 16 32k; proxy_busy_buffers_size 128k;
      proxy_max_temp_file_size 0;
    }}
  }}
}}
"""

SSHD = """\
Port {ssh_port}
ListenAddress 127.0.0.1
HostKey {directory}/host_ed25519
PidFile {directory}/sshd.pid
AuthorizedKeysFile {directory}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowTcpForwarding remote
GatewayPorts no
X11Forwarding no
PermitTTY no
PrintMotd no
LogLevel ERROR
MaxStartups {connections}:30:{connections}
"""


class DoItYourself(_Stack):
    name = "nginx + auth_request + sshd"
    listen = "127.0.0.1:0"

    def bring_up(self):
        root = os.geteuid() == 0
        person = "nobody" if root else pwd.getpwuid(os.geteuid()).pw_name
        if root and not os.path.isdir("/run/sshd"):
            os.mkdir("/run/sshd", 0o755)
            self.callback(os.rmdir, "/run/sshd")
        ssh_port, forward_port, checker_port, key = free_port(), free_port(), free_port(), secrets.token_hex(16)
        make_key(self.directory / "host_ed25519")
        (self.directory / "sshd_config").write_text(
            SSHD.format(ssh_port=ssh_port, directory=self.directory, connections=CONNECTIONS)
        )
        self.publisher = Publisher(
            self.directory / "publisher", ssh_port, [self.directory / "host_ed25519.pub"], user=person
        )
        authorized = self.directory / "authorized_keys"
        authorized.write_text(self.publisher.key.with_suffix(".pub").read_text())
        authorized.chmod(0o644)
        (self.directory / "tmp").mkdir()
        (self.directory / "nginx.conf").write_text(
            NGINX.format(
                directory=self.directory,
                workers=WORKERS,
                user="user www-data;" if root else "",
                port=self.port,
                host=self.host,
                forward_port=forward_port,
                checker_port=checker_port,
                certificate=self.certificate,
                key=self.certificate_key,
            )
        )
        sshd = self._edge("/usr/sbin/sshd", "-D", "-e", "-f", self.directory / "sshd_config")
        checker = self._edge(self.service_program, checker_port, "check", key)
        nginx = self._edge("/usr/sbin/nginx", "-p", self.directory, "-c", self.directory / "nginx.conf")
        until(lambda: all(map(listens, (ssh_port, checker_port, self.port))), "nginx, sshd and the checker")
        self.pids = [sshd.pid, checker.pid, nginx.pid]
        self.tunnel = self.enter_context(
            self.publisher.ssh(
                "-v",
                "-N",
                "-T",
                "-o",
                "ExitOnForwardFailure=yes",
                "-R",
                f"127.0.0.1:{forward_port}:127.0.0.1:{self.service_port}",
            )
        )
        self.tunnel.wait_published()
        self.cookie = subprocess.run(
            [self.service_program, "mint", key, VISITOR.name], check=True, capture_output=True, text=True
        ).stdout.strip()

    def _edge(self, *arguments):
        return self.enter_context(Program(arguments, log=self.directory / f"{Path(arguments[0]).name}.log"))
