"""Jobs that have a token of their issuer: keys for ssh by key alone, visits with the token, and the lines of docs/jobs.md."""

import json
import os
import re
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import urlencode

import pytest
from conftest import ROOT
from kit.job_issuer import JobIssuer
from kit.people import approve
from kit.processes import Program
from kit.publisher import make_key
from kit.visitor import Visitor
from kit.waiting import WITHIN_A_SECOND, seconds_until, until

ACCOUNT = """\
service_accounts:
  - name: preview
    workload:
      issuer: %(issuer)s
      audience: %(audience)s
      claims: {repository: example/shop, ref: [refs/heads/main, refs/heads/release-*]}
    expires: 2099-01-01
    routes: [api.localhost]
"""

ROUTES = """\
  - from: https://api.localhost:%(port)d
    policy: [{allow: {or: [{service_account: {is: preview}}]}}]
    upstream_tunnel:
      ssh_policy: [{allow: {or: [{service_account: {is: preview}}, {authenticated_user: true}]}}]
  - from: https://app.localhost:%(port)d
    policy: [{allow: {or: [{authenticated_user: true}]}}]
    upstream_tunnel:
      ssh_policy: [{allow: {or: [{authenticated_user: true}]}}]
"""

# Standard input and output to a port of this machine, whatever the host is called.
RELAY = """\
import os, socket, sys, threading
link = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def up():
    while data := os.read(0, 65536):
        link.sendall(data)
    link.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := link.recv(65536):
    os.write(1, data)
"""

ALONE = ("-o", "BatchMode=yes")


@pytest.fixture(scope="module")
def issuer():
    running = JobIssuer()
    yield running
    running.stop()


@pytest.fixture
def start(new_edge, issuer):
    def begin():
        edge = new_edge()
        issuer.audience = edge.authenticate
        accounts = ACCOUNT % {"issuer": issuer.name, "audience": edge.authenticate}
        return edge.start(edge.text(routes=ROUTES % {"port": edge.https_port}, more=accounts))

    return begin


@pytest.fixture
def show(authority):
    """POSTs a token and a key, as JSON or as a form; status and answer."""
    context = ssl.create_default_context(cafile=authority.certificate)

    def post(edge, token, key, form=False, path="/.pomerium/api/v1/ssh_key", host=None, raw=None):
        fields = {"token": token, "public_key": key.with_suffix(".pub").read_text()}
        body, kind = json.dumps(fields).encode(), "application/json"
        if form:
            body, kind = urlencode(fields).encode(), "application/x-www-form-urlencoded"
        if raw:
            body, kind = raw
        request = urllib.request.Request(
            f"https://127.0.0.1:{edge.https_port}{path}",
            data=body,
            headers={"Content-Type": kind, "Host": f"{host or 'auth.localhost'}:{edge.https_port}"},
        )
        context.check_hostname = False
        try:
            with urllib.request.urlopen(request, context=context, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            with refusal:
                text = refusal.read()
                return refusal.code, json.loads(text) if text.startswith(b"{") else {"error": text.decode()}

    return post


def visit(visitor, edge, token, path="/", host="api.localhost"):
    return visitor.get(edge.url(path, host=host), follow=False, headers={"Authorization": f"Bearer {token}"})


def test_a_job_publishes_by_key_alone_and_its_token_counts_once(start, issuer, show, new_publisher, visitor, service):
    edge = start()
    publisher = new_publisher(edge)
    # Nobody knows the key: without a person there is no way in.
    stranger = publisher.forward(("api.localhost", service.port), options=ALONE)
    assert stranger.wait(within=20) == 255

    token = issuer.token()
    status, answer = show(edge, token, publisher.key)
    assert status == 200, answer
    assert answer["service_account"] == "preview" and answer["hosts"] == ["api.localhost"]
    assert answer["fingerprint"].startswith("SHA256:") and answer["expires_at"].endswith("Z") and answer["request_id"]
    [record] = edge.recorded("workload key bound")
    assert record["job"] == "repo:example/shop:ref:refs/heads/main" and record["request-id"] == answer["request_id"]
    assert record["key"] == answer["fingerprint"] and record["source"] == "127.0.0.1"

    tunnel = publisher.forward(("api.localhost", service.port), options=ALONE).wait_published()
    assert visit(visitor, edge, issuer.token()).text == "Hello world!\n"
    # Listed names only, and nothing that people may.
    refused = publisher.forward(("app.localhost", service.port), options=ALONE)
    refused.wait_for("remote forward failure")
    refused.stop()

    # It counts once, also for another key, and after a restart, which the key survives.
    other = make_key(publisher.directory / "other")
    status, answer = show(edge, token, other)
    assert status == 409 and "used before" in answer["error"] and answer["request_id"]
    edge.restart()
    assert tunnel.wait(within=20) == 255
    assert show(edge, token, other)[0] == 409
    publisher.forward(("api.localhost", service.port), options=ALONE).wait_published()
    assert token not in edge.output


def test_the_tokens_end_ends_the_tunnel_with_a_text_that_says_so(start, issuer, show, new_publisher, service):
    edge = start()

    def published(lifetime):
        """A tunnel that was there before its token ended; where this machine was too slow for that, none."""
        publisher = new_publisher(edge)
        expiry = int(time.time()) + lifetime
        if show(edge, issuer.token(exp=expiry), publisher.key)[0] != 200:
            return None
        tunnel = publisher.forward(("api.localhost", service.port), options=ALONE)
        until(lambda: "remote forward success" in tunnel.output or not tunnel.is_running, "the tunnel or its end")
        return (publisher, expiry, tunnel) if "remote forward success" in tunnel.output else None

    publisher, expiry, tunnel = published(3) or published(20) or published(120)
    assert tunnel.wait(within=180) == 255
    assert time.time() >= expiry
    assert "What a job's token gave this key ended on" in tunnel.output and "Post a fresh token" in tunnel.output
    late = publisher.forward(("api.localhost", service.port))
    assert late.wait(within=20) == 255
    assert "Post a fresh token" in late.output and not late.asked_to_sign_in
    edge.recorded("workload key ended")


def test_what_is_wrong_is_told_as_json(start, issuer, show, new_publisher):
    edge = start()
    key = new_publisher(edge).key
    form = "application/x-www-form-urlencoded"
    for expected, told, how in [
        (401, "three parts", {"token": "oops"}),
        (401, "expired", {"token": issuer.token(exp=int(time.time()) - 1)}),
        (401, "one audience", {"token": issuer.token(aud=[edge.authenticate, "x"])}),
        (401, "No service account of this edge trusts", {"token": issuer.token(iss="https://other.example")}),
        (403, "No service account of this edge takes", {"token": issuer.token(aud="https://other.example")}),
        (403, "No service account of this edge takes", {"token": issuer.token(repository="evil/shop")}),
        (403, "No service account of this edge takes", {"token": issuer.token(ref="refs/heads/feature/x")}),
        (400, "longer than", {"token": "a" * 20_000}),
        (400, "Send `token`", {"raw": (b"{}", "application/json")}),
        (400, "named twice", {"raw": (b'{"token":"a","token":"b","public_key":"c"}', "application/json")}),
        (400, "Send `token`", {"raw": (b"token=a&token=b&public_key=c", form)}),
        (400, "cannot be read", {"raw": (b"{", "application/json")}),
        (400, "public key is none", {"raw": (b"token=" + issuer.token().encode() + b"&public_key=x", form)}),
        (415, "application/json", {"raw": (b"x", "text/plain")}),
        (400, "query", {"path": "/.pomerium/api/v1/ssh_key?token=a"}),
    ]:
        token = how.pop("token", "a.b.c")
        status, answer = show(edge, token, key, **how)
        assert status == expected and told in answer["error"], (expected, status, answer)
        assert answer["request_id"] and token not in answer["error"]
    # On the host of a publisher there is no such place.
    status, _ = show(edge, issuer.token(), key, host="api.localhost")
    assert status == 404
    # Keys of the issuer change: the next token is checked with the new ones.
    issuer.rotate()
    status, answer = show(edge, issuer.token(ref="refs/heads/release-7"), key, form=True)
    assert status == 200, answer
    edge.recorded("workload key refused")


def test_keys_belong_to_people_or_to_jobs(start, issuer, show, new_publisher, visitor, service):
    edge = start()
    person, job = new_publisher(edge), new_publisher(edge)
    approve(person.forward(("app.localhost", service.port)), visitor)
    edge.recorded("tunnel opened")
    status, answer = show(edge, issuer.token(), person.key)
    assert status == 409 and "person's" in answer["error"]
    # The job's link was asked for before its token came: nobody can make it come true any more.
    waiting = job.ssh("-N", "-T")
    waiting.sign_in_url()
    assert show(edge, issuer.token(), job.key)[0] == 200
    page = visitor.get(waiting.sign_in_url())
    assert visitor.press(page, "Authorize").status == 409
    assert job.forward(("api.localhost", service.port), options=ALONE).wait_published()
    status, answer = show(edge, issuer.token(sub="repo:example/shop:pull_request"), job.key)
    assert status == 409 and "another job" in answer["error"]


def test_taken_out_of_the_file_it_is_gone_within_a_second(start, issuer, show, new_publisher, service):
    edge = start()
    publisher = new_publisher(edge)
    token = issuer.token()
    assert show(edge, token, publisher.key)[0] == 200
    tunnel = publisher.forward(("api.localhost", service.port), options=ALONE).wait_published()
    edge.edit(r"repository: example/shop", "repository: example/other")
    assert seconds_until(lambda: not tunnel.is_running, "the end of the tunnel") < WITHIN_A_SECOND + 1
    tunnel.wait()
    assert "takes the token of this job no more" in tunnel.output


def test_a_token_visits_until_the_configuration_says_otherwise(
    start, issuer, new_publisher, authority, visitor, service
):
    edge = start()
    tunnel = new_publisher(edge).forward(("api.localhost", service.port))
    approve(tunnel, Visitor(authority.certificate))
    tunnel.wait_published()
    token = issuer.token()
    # As often as it likes, and the service never sees it.
    for _ in range(3):
        told = visit(visitor, edge, token, "/echo")
        assert told.status == 200 and token not in told.text
    assert visit(visitor, edge, token, host="app.localhost").status in (401, 403)
    assert visit(visitor, edge, issuer.token(aud="https://other.example")).status == 401
    # A token of somebody else's issuer is the service's business: to the edge nobody is signed in.
    assert visit(visitor, edge, issuer.token(iss="https://other.example")).status == 302
    [record] = edge.recorded("workload token accepted")
    assert record["service-account"] == "preview" and record["job"] == "repo:example/shop:ref:refs/heads/main"
    link, stream = visitor.start(
        "GET", edge.url("/events", host="api.localhost"), headers={"Authorization": f"Bearer {token}"}
    )
    assert stream.status == 200 and stream.readline().startswith(b"data:")
    until(lambda: service.open_streams == 1, "the stream at the service")
    edge.edit(r"repository: example/shop", "repository: example/other")
    took = seconds_until(lambda: service.open_streams == 0, "the end of the stream")
    assert took < WITHIN_A_SECOND + 1 and tunnel.is_running
    link.close()
    assert visit(visitor, edge, token).status == 401


@pytest.fixture
def shell(tmp_path, authority, issuer):
    """Runs lines of the document in a shell, with the names of this test's edge in them."""
    folder = tmp_path / "job"
    folder.mkdir()
    # Only where to find the hosts differs from a real job: everything is on this machine.
    wrapper = folder / "ssh"
    relay = folder / "relay.py"
    relay.write_text(RELAY)
    proxy = f"ProxyCommand={sys.executable} {relay} %p"
    wrapper.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F /dev/null -v -o "{proxy}" "$@"\n')
    wrapper.chmod(0o755)

    def run(edge, service, lines, **environment):
        for old, new in {
            "https://authenticate.example.com": edge.authenticate,
            "https://preview.example.com": edge.url("", host="api.localhost"),
            "-p 2222 job@authenticate.example.com": f"-p {edge.ssh_port} job@auth.localhost",
            "preview.example.com": "api.localhost",
            "localhost:3000": f"127.0.0.1:{service.port}",
            "/var/run/secrets/edge/token": str(folder / "token"),
        }.items():
            lines = lines.replace(old, new)
        assert "example.com" not in lines, lines
        (folder / "token").write_text(issuer.token())
        return Program(
            ["bash", "-ec", lines],
            directory=folder,
            environment={
                "PATH": f"{folder}:{os.environ['PATH']}",
                "HOME": str(folder),
                "CURL_CA_BUNDLE": str(authority.certificate),
                **environment,
            },
        )

    return run


def recipe(name):
    text = (ROOT / "docs" / "jobs.md").read_text()
    [lines] = re.findall(rf"```sh {name}\n(.*?)```", text, re.DOTALL)
    return lines


@pytest.mark.parametrize("place", ["github", "gitlab", "kubernetes"])
def test_the_two_lines_of_the_document(start, issuer, shell, visitor, service, place):
    edge = start()
    fetched = shell(edge, service, recipe("known-hosts"))
    assert fetched.wait(within=20) == 0, fetched.output
    lines = recipe(place)
    assert len(lines.splitlines()) == 2 and "StrictHostKeyChecking=yes" in lines
    job = shell(
        edge,
        service,
        lines,
        ACTIONS_ID_TOKEN_REQUEST_URL=f"{issuer.name}/token?api-version=2.0",
        ACTIONS_ID_TOKEN_REQUEST_TOKEN=issuer.request_token,
        EDGE_TOKEN=issuer.token(),
    )
    try:
        job.wait_for("remote forward success", within=30)
        visiting = shell(edge, service, recipe("visit"), EDGE_TOKEN=issuer.token())
        assert visiting.wait(within=20) == 0 and "Hello world!" in visiting.output, visiting.output
    finally:
        job.stop()


def test_a_host_key_that_is_not_pinned_ends_the_job(start, issuer, shell, service, tmp_path):
    edge = start()
    stranger = make_key(tmp_path / "stranger").with_suffix(".pub").read_text()
    (tmp_path / "job" / "edge_known_hosts").write_text(f"[auth.localhost]:{edge.ssh_port} {stranger}")
    job = shell(edge, service, recipe("gitlab"), EDGE_TOKEN=issuer.token())
    assert job.wait(within=30) == 255
    assert "Host key verification failed" in job.output


def test_without_a_claim_condition_nothing_starts(new_edge, issuer):
    edge = new_edge()
    text = ACCOUNT % {"issuer": issuer.name, "audience": edge.authenticate}
    edge.save(edge.text(more=re.sub(r"      claims: .*\n", "", text)))
    checked = subprocess.run(
        [edge.binary, "check", "--config", edge.configuration], env=edge.environment, capture_output=True, text=True
    )
    assert checked.returncode == 78
    assert re.search(r"config\.yaml:\d+:\d+: error: .*`claims` is missing", checked.stdout + checked.stderr)
