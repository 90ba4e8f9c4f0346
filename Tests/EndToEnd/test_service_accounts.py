"""Publishing without a browser: service accounts, by key and by certificate."""

import json
import time

import pytest
from kit.edge import route
from kit.processes import run
from kit.publisher import make_key
from kit.waiting import WITHIN_A_SECOND, seconds_until, until

ACCOUNT = """\
service_accounts:
  - name: ci-deploy
    public_keys: ["%(key)s"]
    ssh_ca: [{key: "%(authority)s", principals: [ci]}]
    expires: %(expires)s
    routes: [https://api.localhost, shop.ci.localhost]
%(more)s"""

POLICY = """\
  - from: https://%s:%d
    allow_public_unauthenticated_access: true
    upstream_tunnel:
      ssh_policy:
        - allow:
            or:
              - service_account: {is: ci-deploy}
"""


@pytest.fixture
def authority_key(tmp_path):
    return make_key(tmp_path / "ca")


@pytest.fixture
def start(new_edge, new_publisher, authority_key):
    """An edge with a service account for the publisher's key; the edge, the publisher."""

    def begin(expires="2099-01-01", more=""):
        edge = new_edge()
        publisher = new_publisher(edge)
        accounts = ACCOUNT % {
            "key": publisher.key.with_suffix(".pub").read_text().strip(),
            "authority": authority_key.with_suffix(".pub").read_text().strip(),
            "expires": expires,
            "more": more,
        }
        hosts = ("api.localhost", "*.ci.localhost", "other.localhost")
        routes = "".join(POLICY % (host, edge.https_port) for host in hosts)
        edge.start(edge.text(routes=routes + route("app.localhost", edge.https_port), more=accounts))
        return edge, publisher

    return begin


def test_a_listed_key_publishes_its_names_and_no_others(start, visitor, service):
    edge, publisher = start()
    tunnel = publisher.forward(("api.localhost", service.port), options=["-o", "BatchMode=yes"]).wait_published()
    assert visitor.get(edge.url(host="api.localhost")).text == "Hello world!\n"
    assert "Signed in as ci-deploy until " in tunnel.output
    [record] = edge.recorded("service account signed in")
    assert record["user"] == "ci-deploy"
    # Its own name under a wildcard, no other name, and not the route whose policy would let it.
    publisher.forward(("shop.ci.localhost", service.port)).wait_published()
    for name in ("evil.ci.localhost", "other.localhost", "app.localhost", "*.ci.localhost"):
        refused = publisher.forward((name, service.port))
        refused.wait_for("remote forward failure")
        refused.stop()
    code, told = run(publisher.command("-T", "-q") + ["whoami", "--json"])
    assert code == 0 and json.loads(told)["user"] == "ci-deploy"
    code, told = run(publisher.command("-T") + ["logout"])
    assert code == 1 and "nothing signs it out" in told


def test_a_certificate_of_its_authority_does_and_ends(start, new_publisher, authority_key, visitor, service):
    edge, _ = start()
    publisher = new_publisher(edge)

    def certify(*options):
        public = publisher.key.with_suffix(".pub")
        assert run(["ssh-keygen", "-q", "-s", authority_key, "-I", "job-7", *options, public])[0] == 0

    # Without this a client offers the plain key first, which is a person's.
    only = ("-o", "PubkeyAcceptedAlgorithms=ssh-ed25519-cert-v01@openssh.com")
    # A principal that is not listed, and none at all, are a person's: the browser is asked for.
    for options in (("-n", "root"), ()):
        certify(*options)
        stranger = publisher.ssh("-N", "-T", *only)
        assert stranger.sign_in_url()
        stranger.stop()

    def published(lifetime):
        """A tunnel that was there before its certificate ended; where this machine was too slow for that, none."""
        end = int(time.time()) + lifetime
        certify("-n", "ci", "-V", f"19700101000001Z:{time.strftime('%Y%m%d%H%M%SZ', time.gmtime(end))}")
        tunnel = publisher.forward(("api.localhost", service.port), options=only)
        until(lambda: "remote forward success" in tunnel.output or not tunnel.is_running, "the tunnel or its end")
        if "remote forward success" in tunnel.output and visitor.status(edge.url(host="api.localhost")) == 200:
            return tunnel, end
        tunnel.stop()
        return None

    tunnel, end = published(4) or published(20) or published(120)
    assert tunnel.wait(within=180) == 255
    assert "Your session has ended" in tunnel.output and end - 1 <= time.time()


def test_what_it_may_not_do_is_told_without_a_link(start, service):
    edge, publisher = start(more="    source_addresses: [192.0.2.0/24]\n")
    refused = publisher.ssh("-N", "-T")
    assert refused.wait() == 255
    assert "The service account ci-deploy may not sign in from 127.0.0.1" in refused.output
    assert not refused.asked_to_sign_in
    edge.recorded("service account refused")
    edge.edit(r"^    source_addresses: .*\n", "")
    edge.edit(r"expires: \S+", "expires: 2020-01-01")
    until(lambda: "service account ci-deploy has expired" in edge.output, "the warning of the reload")
    refused = publisher.ssh("-N", "-T")
    assert refused.wait() == 255
    assert "has expired" in refused.output


def test_taken_out_of_the_file_it_is_gone_within_a_second(start, visitor, service):
    edge, publisher = start()
    tunnel = publisher.forward(("api.localhost", service.port)).wait_published()
    assert visitor.get(edge.url(host="api.localhost")).status == 200
    edge.edit(r"name: ci-deploy", "name: another")
    assert seconds_until(lambda: not tunnel.is_running, "the end of the tunnel") < WITHIN_A_SECOND + 1
    assert tunnel.wait() == 255
    assert "Your session has ended" in tunnel.output
