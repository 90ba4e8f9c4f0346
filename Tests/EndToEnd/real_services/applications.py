"""Starts the applications that are published. Each is a program of its own and knows nothing of the edge."""

import os
import shutil
import sys
from pathlib import Path

from kit.names import free_port, listens
from kit.processes import Program, run
from kit.waiting import until

HERE = Path(__file__).resolve().parent
FULL = os.environ.get("TUNNEL_EDGE_TEST_FULL") == "1"


def environment(directory, **more):
    return {"PATH": os.environ["PATH"], "HOME": str(directory), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", **more}


def program(name):
    """A program of the tests' Python packages, or of the system's administrator."""
    beside = Path(sys.executable).with_name(name)
    found = beside if beside.exists() else shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    assert found, f"{name} is not installed: run scripts/setup --test"
    return found


def serve(arguments, directory, port, name, within=30, **more):
    """Starts a server and waits until it takes connections."""
    directory.mkdir(parents=True, exist_ok=True)
    running = Program(
        arguments, environment=environment(directory, **more), directory=directory, log=directory / f"{name}.log"
    )

    def ready():
        assert running.is_running, running.output[-3000:]
        return listens(port)

    until(ready, f"{name} to listen", within=within)
    running.port = port
    return running


def python_http_server(directory):
    files = directory / "files"
    files.mkdir(parents=True, exist_ok=True)
    port = free_port()
    arguments = [sys.executable, "-m", "http.server", port, "--bind", "127.0.0.1", "--directory", files]
    running = serve(arguments, directory, port, "http.server")
    running.files = files
    return running


def aiohttp_application(directory):
    port = free_port()
    return serve([sys.executable, HERE / "aiohttp_application.py", port], directory, port, "aiohttp")


def fastapi_application(directory):
    port = free_port()
    arguments = [program("uvicorn"), "real_services.fastapi_application:application", "--host", "127.0.0.1"]
    arguments += ["--port", port, "--app-dir", HERE.parent, "--no-access-log"]
    return serve(arguments, directory, port, "uvicorn")


NGINX = """\
daemon off;
{user}
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr notice;
events {{ worker_connections 256; }}
http {{
  types {{ text/html html; text/plain txt; application/javascript js; application/octet-stream bin; }}
  default_type application/octet-stream;
  access_log off;
  sendfile on;
  keepalive_timeout 60s;
  client_max_body_size 0;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
{servers}
}}
"""


class Nginx:
    """nginx with the given servers, each listening where `{{port}}` stands in its text."""

    def __init__(self, directory, *servers):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        configuration = self.directory / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""  # else its workers could not read what we wrote
        configuration.write_text(NGINX.format(user=user, directory=self.directory, servers="\n".join(servers)))
        self._program = Program(
            [program("nginx"), "-e", "stderr", "-p", self.directory, "-c", configuration],
            environment=environment(self.directory),
            directory=self.directory,
            log=self.directory / "nginx.log",
        )

    def wait(self, *ports):
        def ready():
            assert self._program.is_running, self._program.output[-3000:]
            return all(listens(port) for port in ports)

        until(ready, "nginx to listen")
        return self

    def stop(self):
        return self._program.stop()


def git(directory, *arguments, within=120.0):
    """git with nothing of its user's configuration; its output."""
    settings = environment(directory, GIT_CONFIG_NOSYSTEM="1", GIT_TERMINAL_PROMPT="0")
    code, output = run(["git", *arguments], within=within, environment=settings, directory=directory)
    assert code == 0, f"git {' '.join(map(str, arguments[:6]))}: {output[-3000:]}"
    return output
