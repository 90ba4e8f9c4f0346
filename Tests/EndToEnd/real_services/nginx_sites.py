"""nginx as people run it before their applications."""

from kit.names import free_port

from .applications import Nginx

FILES = """\
  server {{
    listen 127.0.0.1:{port};
    listen 127.0.0.1:{http2_port} http2;
    root {files};
    gzip on;
    gzip_min_length 100;
    gzip_types text/plain application/javascript;
    location / {{ autoindex on; add_header X-Connection "$connection $connection_requests"; }}
    location /early {{ return 413; }}
    location /protocol {{ return 200 "$server_protocol\n"; }}
    location /dav/ {{
      dav_methods PUT DELETE MKCOL COPY MOVE;
      create_full_put_path on;
    }}
    location /old {{ return 301 /new; }}
    location /echo-host {{ return 200 "$http_host $scheme $http_x_forwarded_proto $http_x_forwarded_host\\n"; }}
    location /silent {{ return 444; }}
  }}
"""


class FileSite:
    """Files with everything that nginx does to them."""

    def __init__(self, directory):
        self.files = directory / "files"
        self.files.mkdir(parents=True)
        self.port, self.http2_port = free_port(), free_port()
        text = FILES.format(port=self.port, http2_port=self.http2_port, files=self.files)
        self._nginx = Nginx(directory, text).wait(self.port, self.http2_port)

    def stop(self):
        self._nginx.stop()
