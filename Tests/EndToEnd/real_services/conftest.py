"""One edge, one ssh connection and one sign-in for all published programs."""

import shutil

import pytest
from kit.edge import Edge, route
from kit.people import approve
from kit.publisher import Publisher
from kit.visitor import Visitor

from .applications import aiohttp_application, fastapi_application, python_http_server
from .git_server import GitServer
from .jupyter import Jupyter
from .nginx_sites import FileSite
from .websocket_peer import WebSocketPeer

# name -> further lines of its route
NAMES = {
    "files": "",
    "aiohttp": "cors_allow_preflight: true",
    "kept": "preserve_host_header: true",  # the aiohttp application again, under the visitor's name for it
    "fastapi": "",
    "nginx": "",
    "http2": "",  # the same nginx by HTTP/2
    "git": "",
    "lab": "preserve_host_header: true",
    "websocket": "",
}


class Published:
    """The edge, who is signed in, and the programs by their names."""

    def __init__(self, edge, visitor):
        self.edge = edge
        self.visitor = visitor
        self.programs = {}

    def url(self, name, path="/"):
        return self.edge.url(path, f"{name}.localhost")

    def origin(self, name):
        return self.edge.url("", f"{name}.localhost")

    def cookie(self, name):
        """The visitor's cookies for a name; the first visit brings them."""
        host = f"{name}.localhost"
        if not self.visitor.cookie_header(host):
            self.visitor.get(self.edge.url("/", host))
        return self.visitor.cookie_header(host)

    def get(self, name, path="/", **more):
        return self.visitor.get(self.url(name, path), **more)

    def request(self, method, name, path="/", body=None, headers=None, follow=False):
        """As a page of the same origin asks."""
        return self.visitor.request(
            method, self.url(name, path), body, {"Origin": self.origin(name), **(headers or {})}, follow=follow
        )


@pytest.fixture(scope="package")
def published(tmp_path_factory, binary, provider, authority, keys, https_port, artifacts):
    directory = tmp_path_factory.mktemp("services")
    certificate = authority.issue("services", ["auth.localhost", *(f"{name}.localhost" for name in NAMES)])
    edge = Edge(binary, directory / "edge", provider, certificate, https_port=https_port, keys=keys)
    programs, tunnel = {}, None
    try:
        programs["files"] = python_http_server(directory / "http.server")
        programs["aiohttp"] = programs["kept"] = aiohttp_application(directory / "aiohttp")
        programs["fastapi"] = fastapi_application(directory / "fastapi")
        programs["nginx"] = programs["http2"] = FileSite(directory / "nginx")
        programs["git"] = GitServer(directory / "git")
        programs["websocket"] = WebSocketPeer()
        programs["lab"] = Jupyter(directory / "jupyter")
        ports = {name: program.port for name, program in programs.items()}
        ports["http2"] = programs["http2"].http2_port
        routes = "".join(route(f"{name}.localhost", https_port, extra=extra) for name, extra in NAMES.items())
        # The route that follows this name, up to the next.
        before, name, behind = routes.partition("https://http2.localhost")
        routes = before + name + behind.replace("to: http:", "to: h2c:", 1)
        edge.start(edge.text(routes=routes))
        publisher = Publisher(directory / "publisher", edge.ssh_port, edge.host_public_keys())
        tunnel = publisher.forward(*((f"{name}.localhost", ports[name]) for name in NAMES))
        visitor = Visitor(authority.certificate)
        approve(tunnel, visitor)
        tunnel.wait_published(len(NAMES))
        everything = Published(edge, visitor)
        everything.programs = programs
        yield everything
        assert tunnel.is_running, tunnel.output[-3000:]
    finally:
        if tunnel:
            tunnel.stop()
        for running in set(programs.values()):
            running.stop()
        code = edge.stop()
        shutil.copy(directory / "edge" / "edge.log", artifacts / "real_services.edge.log")
    assert code == 0, f"the edge ended with {code}"
