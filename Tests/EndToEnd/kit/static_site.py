"""nginx with a folder of files: what answers ranges, conditions and much else as the RFCs have it."""

import os
import shutil

from .names import free_port, listens
from .processes import Program
from .waiting import until

CONFIGURATION = """\
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path temporary;
  proxy_temp_path temporary;
  fastcgi_temp_path temporary;
  uwsgi_temp_path temporary;
  scgi_temp_path temporary;
  absolute_redirect off;
  server {{
    listen 127.0.0.1:{port};
    root files;
    location /chunked/ {{ alias files/; gzip on; gzip_min_length 1; gzip_types *; }}
    location /trailers/ {{ alias files/; gzip on; gzip_min_length 1; gzip_types *; add_trailer X-Sum 7; }}
    location /elsewhere {{ return 302 /page.html?from=elsewhere; }}
    location /nothing {{ return 204; }}
    location /gone {{ return 410 "gone\\n"; }}
    location /small {{ client_max_body_size 10; return 200 "small\\n"; }}
    location /cookies {{
      add_header Set-Cookie "a=1; Path=/";
      add_header Set-Cookie "b=2; Path=/";
      return 200 "two\\n";
    }}
  }}
}}
"""
FILES = {
    "page.html": b"<!doctype html>\n<p>hello</p>\n" * 20,
    "data.bin": bytes(range(256)) * 40,
    "folder/index.html": b"in\n",
}


class StaticSite:
    def __init__(self, directory):
        self.port = free_port()
        (directory / "temporary").mkdir(parents=True)
        for name, content in FILES.items():
            path = directory / "files" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            os.utime(path, (1_700_000_000, 1_700_000_000))
        configuration = directory / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(port=self.port))
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        self.program = Program(
            [nginx, "-e", "stderr", "-p", directory, "-c", configuration],
            directory=directory,
            log=directory / "nginx.log",
        )
        until(lambda: listens(self.port), "nginx to listen", within=10)

    def stop(self):
        self.program.stop()
