"""Git over HTTP as git's own manual sets it up: git http-backend behind nginx and fcgiwrap."""

import os
import signal

from kit.names import free_port
from kit.processes import Program
from kit.waiting import until

from .applications import Nginx, environment, git, program

SITE = """\
  server {{
    listen 127.0.0.1:{port};
    location / {{
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
      fastcgi_param HTTP_GIT_PROTOCOL $http_git_protocol;
      fastcgi_param SCRIPT_FILENAME {backend};
      fastcgi_param GIT_HTTP_EXPORT_ALL "1";
      fastcgi_param GIT_PROJECT_ROOT {repositories};
      fastcgi_param PATH_INFO $uri;
      fastcgi_param REMOTE_USER alice;
      fastcgi_read_timeout 300s;
      fastcgi_pass unix:{socket};
    }}
  }}
"""


class GitServer:
    def __init__(self, directory):
        self.directory = directory
        self.repositories = directory / "repositories"
        self.repositories.mkdir(parents=True)
        self.port = free_port()
        socket = directory / "fcgi"
        self._gateway = Program(
            [program("fcgiwrap"), "-c", "2", "-s", f"unix:{socket}"],
            environment=environment(directory),
            directory=directory,
            log=directory / "fcgiwrap.log",
        )
        until(socket.exists, "fcgiwrap's socket")
        backend = git(directory, "--exec-path").strip() + "/git-http-backend"
        site = SITE.format(port=self.port, backend=backend, repositories=self.repositories, socket=socket)
        self._nginx = Nginx(directory / "nginx", site).wait(self.port)

    def make(self, name):
        git(self.repositories, "init", "-q", "--bare", "-b", "main", name)
        git(self.repositories / name, "config", "http.receivepack", "true")
        # What is large is sent as it is: comparing random bytes with each other takes git minutes.
        git(self.repositories / name, "config", "core.bigFileThreshold", "1m")
        git(self.repositories / name, "config", "core.compression", "0")
        return self.repositories / name

    def stop(self):
        self._nginx.stop()
        # The workers of fcgiwrap outlive it; they are of its process group.
        os.killpg(self._gateway.pid, signal.SIGTERM)
        self._gateway.stop()
