"""What a route changes about requests: matching and rewriting by pattern, headers made for each request, what is done
with paths and headers before anything is decided."""

import base64
import hashlib
import json
import ssl

import pytest
from kit.people import browse
from kit.waiting import until


@pytest.fixture
def serve(new_edge):
    def start(*routes, more="", runtime=None):
        """Each route: its host, and its lines behind `from`; without a rule of its own it is public."""
        edge = new_edge()
        text = ""
        for host, *lines in routes:
            port = f":{edge.https_port}" if ":" not in host else host[host.index(":") :].rstrip(":")
            text += f"  - from: https://{host.split(':')[0]}{port}\n"
            if not any(line.startswith("policy") for line in lines):
                text += "    allow_public_unauthenticated_access: true\n"
            text += "".join(f"    {line}\n" for line in lines)
        configuration = edge.text(routes=text, more=more)
        if runtime:
            configuration = configuration.replace("  ssh_upstream_tunnel: true\n", f"  {runtime}\n")
        edge.start(configuration)
        return edge

    return start


def told(visitor, url, **headers):
    answer = visitor.get(url, headers=headers)
    assert answer.status == 200, repr(answer)
    echo = answer.json()
    fields = {}
    for name, value in echo["headers"]:
        fields.setdefault(name.lower(), []).append(value)
    return echo["path"], fields


def payload(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


def test_patterns(serve, visitor, service):
    to = f"to: http://127.0.0.1:{service.port}"
    edge = serve(
        ("app.localhost", "regex: /p.*", "response: {status: 200, body: low}"),
        ("app.localhost", "prefix: /pro", "response: {status: 200, body: prefix}"),
        ("app.localhost", "regex: /pr.*", "regex_priority_order: 5", "response: {status: 200, body: high}"),
        (
            "app.localhost",
            to,
            "regex: /api/v[0-9]+/.*",
            r"regex_rewrite_pattern: ^/api/(v\d+)/(.*)$",
            r"regex_rewrite_substitution: /echo/\2/\1",
        ),
        (
            "app.localhost",
            to,
            "prefix: /tenant/",
            "prefix_rewrite: /echo/",
            "host_path_regex_rewrite_pattern: ^/tenant/([^/]+)/.*$",
            r"host_path_regex_rewrite_substitution: \1.internal",
        ),
        ("app.localhost", f"{to}/echo/base/", "prefix: /based"),
        ("api.localhost", f"to: ['http://127.0.0.1:{service.port}', 'http://localhost:{service.port}/']"),
        ("docs.localhost", to, "regex_rewrite_pattern: x", 'regex_rewrite_substitution: ""'),
    )
    bodies = {path: visitor.get(edge.url(path)).text for path in ("/p", "/pro", "/prx", "/xpr")}
    assert bodies["/p"] == "low" and bodies["/pro"] == "high" and bodies["/prx"] == "high"
    assert "404" in bodies["/xpr"]
    path, fields = told(visitor, edge.url("/api/v12/a/b?c=/api/v1/"))
    assert path == "/echo/a/b/v12?c=/api/v1/" and fields["host"] == [f"127.0.0.1:{service.port}"]
    assert visitor.get(edge.url("/api/vx/a")).status == 404
    path, fields = told(visitor, edge.url("/tenant/blue/x?y"))
    assert path == "/echo/blue/x?y" and fields["host"] == ["blue.internal"]
    assert told(visitor, edge.url("/tenant/b@d/x"))[1]["host"] == [f"127.0.0.1:{service.port}"]
    assert told(visitor, edge.url("/based/x"))[0] == "/echo/base/x"
    hosts = {told(visitor, edge.url("/echo", host="api.localhost"))[1]["host"][0] for _ in range(12)}
    assert hosts == {f"127.0.0.1:{service.port}", f"localhost:{service.port}"}
    # What is unambiguous before must be so afterwards.
    seen = len(service.seen)
    assert visitor.get(edge.url("/.x./echo", host="docs.localhost")).status == 400
    assert len(service.seen) == seen
    # Rewriting costs a bounded time, whatever the path.
    assert told(visitor, edge.url("/echo" + "/x" * 2000, host="docs.localhost"))[0] == "/echo" + "/" * 2000


def test_headers_for_nobody(serve, visitor, service):
    edge = serve(
        (
            "app.localhost",
            f"to: http://127.0.0.1:{service.port}",
            "set_request_headers:",
            '  X-Copy: <${pomerium.request.headers["X-Name"]}>',
            "  X-Price: costs $$5 or $6",
            "  X-Jwt: ${pomerium.jwt}",
            "  Authorization: Bearer ${pomerium.access_token}",
            "  X-Certificate: ${pomerium.client_cert_fingerprint}",
        )
    )
    claims = {"X_Copy": "evil", "X-Jwt": "evil", "Authorization": "evil", "X-Certificate": "evil"}
    _, fields = told(visitor, edge.url("/echo"), **{"X-Name": "value ${pomerium.jwt}"}, **claims)
    assert fields["x-copy"] == ["<value ${pomerium.jwt}>"] and fields["x-price"] == ["costs $5 or $6"]
    assert not {"x_copy", "x-jwt", "authorization", "x-certificate"} & set(fields)
    assert "evil" not in json.dumps(fields)
    assert "x-copy" not in told(visitor, edge.url("/echo"))[1]


def test_headers_of_a_certificate(serve, visitor, service, authority):
    certificate, key = authority.issue("laptop", ["laptop.example", "other.example"], usage="clientAuth")
    edge = serve(
        (
            "app.localhost",
            f"to: http://127.0.0.1:{service.port}",
            "set_request_headers:",
            "  X-Print: ${pomerium.client_cert_fingerprint}",
            "  X-Name: ${pomerium.client_cert_san_dns}",
        ),
        more=f"downstream_mtls: {{ca_file: {authority.certificate}, enforcement: policy}}\n",
    )
    assert not {"x-print", "x-name"} & set(told(visitor, edge.url("/echo"))[1])
    visitor.tls.load_cert_chain(certificate, key)
    _, fields = told(visitor, edge.url("/echo"), **{"X-Print": "evil"})
    pem = ssl.PEM_cert_to_DER_cert("-----BEGIN" + certificate.read_text().split("-----BEGIN", 1)[1])
    assert fields["x-print"] == [hashlib.sha256(pem).hexdigest()] and fields["x-name"] == ["laptop.example"]


def test_headers_for_somebody(serve, visitor, service, provider):
    to = f"to: http://127.0.0.1:{service.port}"
    alice = "policy: [{allow: {and: [{email: {is: alice@example.test}}]}}]"
    edge = serve(
        (
            "app.localhost",
            to,
            alice,
            "prefix: /echo/tokens",
            "jwt_issuer_format: uri",
            "jwt_groups_filter: [nobodys]",
            "pass_identity_headers: true",
            'set_request_headers: {X-Access: "${pomerium.access_token}", X-Id: "${pomerium.id_token}",',
            '  X-Jwt: "t ${pomerium.jwt}"}',
        ),
        ("app.localhost", to, alice, "prefix: /echo/cluster", "kubernetes_service_account_token: k8s-token"),
        (
            "app.localhost",
            to,
            "prefix: /echo/spaced/",
            "policy: [{allow: {and: [{http_path: {is: /echo/spaced/a%20b}}, {email: {is: alice@example.test}}]}}]",
        ),
        more="jwt_claims_headers: {X-Mail: email, X-Groups: groups}\n",
    )
    browse(visitor, edge.url("/echo/tokens"))

    def tokens():
        _, fields = told(visitor, edge.url("/echo/tokens"), **{"X-Mail": "evil"})
        assert fields["x-mail"] == ["alice@example.test"] and "x-groups" not in fields
        assert payload(fields["x-id"][0])["aud"]
        own = payload(fields["x-jwt"][0].removeprefix("t "))
        assert own["iss"] == "https://app.localhost/" and own["groups"] == [] and own["email"] == "alice@example.test"
        assert fields["x-jwt"][0] == f"t {fields['x-pomerium-jwt-assertion'][0]}"
        return fields["x-access"][0], fields["x-id"][0]

    given = tokens()
    assert all(len(token) > 20 for token in given)
    stored = b"".join(path.read_bytes() for path in (edge.directory / "state").iterdir() if path.is_file())
    assert not any(token.encode() in stored for token in given)
    assert not any(token in edge.output for token in given)
    edge.restart()
    assert tokens()[1]

    lies = {"Authorization": "Bearer mine", "Impersonate-User": "root", "Impersonate_Group": "system:masters"}
    _, fields = told(visitor, edge.url("/echo/cluster"), **lies)
    assert fields["authorization"] == ["Bearer k8s-token"] and fields["impersonate-user"] == ["alice@example.test"]
    assert "system:masters" not in json.dumps(fields)

    # One spelling is the policy's, and it is the one that reaches the service.
    assert told(visitor, edge.url("/echo/spaced/a%20b"))[0] == "/echo/spaced/a%20b"
    assert visitor.get(edge.url("/echo/spaced/%61%20b")).status == 403


def test_what_is_done_before_anything_is_decided(serve, visitor, service, authority):
    to = f"to: http://127.0.0.1:{service.port}"
    edge = serve(
        ("app.localhost", to, "prefix: /echo", "set_response_headers: {X-Own: route}"),
        ("api.localhost:", to, "tls_downstream_server_name: docs.localhost"),
        ("docs.localhost:", to),
        more="normalize_path: true\nmerge_slashes: true\npath_with_escaped_slashes_action: unescape_and_redirect\n"
        "headers_with_underscores_action: drop_header\ncodec_type: http1\n"
        "set_response_headers: {X-Own: all, X-All: every, Server: edge}\n",
        runtime="match_any_incoming_port: false",
    )
    path, fields = told(visitor, edge.url("/x/../echo//%61?q=//"), **{"X_Under": "1", "X-Over": "1"})
    assert path == "/echo/a?q=//" and "x-over" in fields and "x_under" not in fields
    sent = visitor.get(edge.url("/echo%2fz%5C?q"), follow=False)
    assert (sent.status, sent.headers["Location"]) == (307, edge.url("/echo/z\\?q"))
    assert visitor.get(edge.url("/x/%2e%2e/.pomerium/")).status == 400
    answer = visitor.get(edge.url("/echo"))
    assert answer.headers.get_all("Server") == ["edge"]
    assert answer.headers.get_all("X-Own") == ["route"] and answer.headers["X-All"] == "every"

    # Routes without a port are for 443.
    assert visitor.get(edge.url("/", host="docs.localhost")).status == 404
    assert visitor.get(edge.url("/", host="docs.localhost"), headers={"Host": "docs.localhost"}).status == 200
    # Another name in the handshake, where the route says so.
    assert visitor.get(edge.url("/", host="docs.localhost"), headers={"Host": "api.localhost"}).status == 200
    assert visitor.get(edge.url("/", host="api.localhost"), headers={"Host": "docs.localhost"}).status == 421

    def spoken():
        tls = ssl.create_default_context(cafile=authority.certificate)
        tls.set_alpn_protocols(["h2", "http/1.1"])
        own, visitor.tls = visitor.tls, tls
        try:
            with visitor.connection(edge.url()) as link:
                return link.selected_alpn_protocol()
        finally:
            visitor.tls = own

    edge.edit("unescape_and_redirect", "reject_request")
    edge.edit("drop_header", "reject_request")
    until(lambda: visitor.get(edge.url("/echo"), headers={"X_Under": "1"}).status == 400, "underscores to be refused")
    assert visitor.get(edge.url("/echo%2fz")).status == 400
    assert spoken() == "http/1.1"
    edge.edit("codec_type: http1", "codec_type: http2")
    until(lambda: spoken() == "h2", "HTTP/2 only")


def test_upgrades_that_pass(serve, visitor, service):
    to = f"to: http://127.0.0.1:{service.port}"
    edge = serve(("app.localhost", to, "allow_spdy: true"), ("api.localhost", to))
    asked = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}
    assert told(visitor, edge.url("/echo"), **asked)[1]["upgrade"] == ["spdy/3.1"]
    assert "upgrade" not in told(visitor, edge.url("/echo", host="api.localhost"), **asked)[1]
