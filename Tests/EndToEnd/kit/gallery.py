"""Every page of the edge, asked for once and kept; and a server that shows them again to a browser, headers and all."""

from http.client import HTTPResponse
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from .threaded_server import ThreadedServer
from .visitor import Response

SHOWN_AGAIN = ("Content-Type", "Content-Language", "Content-Security-Policy", "Referrer-Policy")


def ask_by_hand(visitor, url, request):
    """Sends bytes that no client library would; `request` has no final empty line."""
    with visitor.connection(url) as link:
        link.sendall(request.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        raw = HTTPResponse(link)
        raw.begin()
        return Response(url, raw, raw.read(), [])


class Gallery:
    """Pages by name. A browser sees each under `url(name)`, as it was, but not shut out of scripts by a sandbox."""

    def __init__(self, pages):
        self.pages = pages
        gallery = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                page = gallery.pages.get(urlsplit(self.path).path[1:])
                body = page.body if page else b""
                self.send_response(200 if page else 404)
                for name in SHOWN_AGAIN:
                    if page and (value := page.headers.get(name)):
                        # The checker is a script: what it looks at may not be sandboxed.
                        self.send_header(name, value.split("; sandbox")[0])
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadedServer(("127.0.0.1", 0), Handler)
        self._server.begin()

    def url(self, name):
        return f"http://127.0.0.1:{self._server.server_address[1]}/{name}"

    def stop(self):
        self._server.stop()
