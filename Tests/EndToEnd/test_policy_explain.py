"""`tunnel-edge policy explain`: what the edge would decide, asked of the file alone."""

import json
import re
import subprocess

import pytest
from kit.processes import run

ROUTES = """\
  - from: https://app.localhost
    name: app
    policy:
      - allow:
          and:
            - domain: {is: example.test}
            - http_method: {in: [GET, HEAD]}
      - deny:
          or:
            - groups: {has: suspended}
    upstream_tunnel:
      ssh_policy:
        - allow:
            and:
              - email: {is: alice@example.test}
              - ssh_publickey: "%(key)s"
  - from: https://app.localhost
    prefix: /office
    policy:
      - allow:
          and:
            - authenticated_user: true
            - day_of_week: {days: mon-fri, timezone: Europe/Zurich}
            - time_of_day: {timezone: Europe/Zurich, after: "9:00", before: 5PM}
    to: http://127.0.0.1:9
  - from: https://*.dev.localhost
    allow_public_unauthenticated_access: true
    upstream_tunnel:
      ssh_policy:
        - allow:
            or:
              - ssh_forward_host: "*.{claim.preferred_username}.dev.localhost"
              - service_account: {is: ci}
  - from: https://paths.localhost
    policy:
      - allow:
          and:
            - authenticated_user: true
            - http_path: {starts_with: /files/}
      - deny:
          or:
            - http_path: {starts_with: /files/private}
    to: http://127.0.0.1:9
  - from: https://multi.localhost
    prefix: /api
    policy: {allow: {or: [authenticated_user: true, service_account: jobs]}}
    upstream_tunnel:
      ssh_policy: {allow: {or: [email: alice@example.test]}}
  - from: https://multi.localhost
    policy: {allow: {or: [authenticated_user: true]}}
    upstream_tunnel:
      ssh_policy: {allow: {or: [{email: bob@example.test}, {service_account: jobs}]}}
"""
ACCOUNTS = """\
service_accounts:
  - {name: ci, public_keys: ["%(key)s"], expires: 2026-12-31, routes: [ci.dev.localhost]}
  - name: jobs
    expires: 2026-12-31
    routes: [multi.localhost]
    source_addresses: [192.0.2.0/24]
    workload:
      - {issuer: "https://jobs.example.test", audience: edge, claims: {repository: acme/*}}
"""


@pytest.fixture(scope="module")
def publishers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("publishers")
    for name in ("alice", "other"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", folder / name], check=True, timeout=30
        )
    return folder


@pytest.fixture
def explain(new_edge, binary, publishers):
    edge = new_edge()
    # The more special route goes first, as in the reference: within a host the order of the file counts.
    first, second, rest = ROUTES.split("  - from: ", 3)[1:]
    routes = "".join(f"  - from: {text}" for text in (second, first, rest))
    edge.save(
        edge.text(
            routes=routes % {"key": (publishers / "alice.pub").read_text().strip()},
            more=ACCOUNTS % {"key": (publishers / "other.pub").read_text().strip()},
        )
    )

    def ask(*arguments, code=0):
        command = [binary, "policy", "explain", "--config", edge.configuration, *arguments]
        found, output = run(command, environment=edge.environment)
        assert found == code, output
        return output

    return ask


def test_visits(explain):
    url = ("--route", "https://app.localhost/page?x=1")
    assert "\nallowed: Rule 1 allows it.\n" in explain(*url, "--email", "ann@example.test")
    nobody = explain(*url)
    assert "\nrefused: Nobody is signed in.\n" in nobody
    posting = explain(*url, "--email", "ann@example.test", "--method", "POST")
    assert 'http_method is in "GET", "HEAD"; it is "POST" (http-method-unauthorized, ' in posting
    assert re.search(r"\(http-method-unauthorized, \S+\.yaml:\d+:\d+\)", posting), posting
    assert "  * no   http_method" in posting.replace("    * no ", "  * no ")
    denied = explain(*url, "--email", "ann@example.test", "--group", "suspended")
    assert "refused: Rule 2 denies it." in denied
    unverified = explain(*url, "--email", "ann@example.test", "--email-unverified")
    assert "which the provider has not verified" in unverified
    assert "service-account-unauthorized" in explain(*url, "--service-account", "robot")


def test_json_is_for_programs(explain):
    answer = json.loads(explain("--route", "app", "--email", "eve@other.test", "--json"))
    assert (answer["allowed"], answer["asks"], answer["from"]) == (False, "visit", "https://app.localhost")
    criteria = answer["rules"][0]["groups"][0]["criteria"]
    assert [criterion["name"] for criterion in criteria if criterion["deciding"]] == ["domain"]
    assert criteria[0]["seen"] == '"eve@other.test"'


@pytest.mark.parametrize(
    "moment, allowed",
    [
        ("2026-11-20T08:00:00Z", True),  # Friday, nine in Zurich
        ("2026-11-20T07:59:59Z", False),
        ("2026-07-10T07:00:00Z", True),  # summer time
        ("2026-11-21T10:00:00Z", False),  # Saturday
        ("2026-11-20T16:00:00Z", False),
    ],
)
def test_office_hours(explain, moment, allowed):
    route = ("--route", "app.localhost/office/x", "--user", "u1", "--at", moment, "--json")
    assert json.loads(explain(*route))["allowed"] is allowed


def test_publishing(explain, publishers):
    route = ("--route", "https://app.localhost", "--publish", "--email", "alice@example.test")
    assert "allowed: Rule 1 allows it." in explain(*route, "--ssh-key", publishers / "alice.pub")
    other = explain(*route, "--ssh-key", publishers / "other.pub")
    assert "ssh_publickey is one key; it is another key (ssh-publickey-unauthorized" in other
    mine = ("--publish", "--user", "u1", "--claim", "preferred_username=ann")
    assert "allowed:" in explain("--route", "shop.ann.dev.localhost", *mine)
    assert 'it is "shop.bob.dev.localhost"' in explain("--route", "shop.bob.dev.localhost", *mine)
    assert "The route is public" in explain("--route", "https://shop.bob.dev.localhost")


def test_what_the_edge_refuses_whatever_policies_say(explain):
    """Security rule 13, and paths that services may read in another way."""
    account = ("--publish", "--service-account", "ci", "--at", "2026-12-01")
    assert "allowed: Rule 1" in explain("--route", "ci.dev.localhost", *account)
    other = json.loads(explain("--route", "other.dev.localhost", *account, "--json"))
    assert (other["allowed"], other["summary"]) == (False, "The service account ci publishes ci.dev.localhost only.")
    late = explain("--route", "ci.dev.localhost", *account[:-1], "2027-01-01")
    assert "\nrefused: The service account ci has expired.\n" in late
    robot = ("--publish", "--service-account", "robot")
    assert "no service account `robot`" in explain("--route", "ci.dev.localhost", *robot)
    files = ("--user", "u1", "--route", "https://paths.localhost/files/")
    assert "allowed: Rule 1" in explain(*files[:3], files[3] + "x")
    assert "read the path as `/files/private/x`" in explain(*files[:3], files[3] + "/private/x")
    assert "refused: The path can be read" in explain(*files[:3], files[3] + "%2e%2e/admin")


def test_several_routes_of_one_name(explain):
    """A forward means all of them, and one that allows suffices."""
    publish = ("--route", "multi.localhost", "--publish", "--json", "--email")
    for who in ("alice", "bob"):
        answer = json.loads(explain(*publish, f"{who}@example.test"))
        assert answer["allowed"] and [other["allowed"] for other in answer["others"]] == [False]
        assert answer["reasons"] == ["email-ok"]
    text = explain(*publish[:3], "--email", "eve@example.test")
    assert text.startswith("2 routes have this name: refused by all of them.\n")
    assert text.count("email-unauthorized") == 2


def test_jobs_with_a_token_of_their_own(explain):
    job = ("--workload", "https://jobs.example.test", "--at", "2026-12-01", "--claim", "repository=acme/shop")
    assert "allowed, for one" in explain("--route", "multi.localhost", "--publish", *job, "--ip", "192.0.2.9")
    assert "may not come from 198.51.100.1" in explain("--route", "multi.localhost/api", *job, "--ip", "198.51.100.1")
    assert "allowed: Rule 1" in explain("--route", "multi.localhost/api/x", *job)
    assert "visits multi.localhost only" in explain("--route", "app.localhost", *job)
    assert "`repository` is none of acme/*" in explain(
        "--route", "app.localhost", *job[:-1], "repository=evil/shop", code=64
    )
    assert "no service account takes its tokens" in explain(
        "--route", "app.localhost", "--workload", "https://other.test", code=64
    )
    assert "it visits nothing" in explain("--route", "ci.dev.localhost", "--service-account", "ci", "--at", "2026-12-01")


def test_what_was_nearly_right_and_where_it_stands(explain):
    text = explain("--route", "multi.localhost", "--publish", "--email", "Alice@example.test", "--exit-code", code=1)
    assert re.search(r"which differs in case only \(email-unauthorized, \S+\.yaml:\d+:\d+\)", text), text
    assert explain("--route", "multi.localhost", "--user", "u1", "--exit-code")
    answer = json.loads(explain("--route", "app", "--email", "ann@Example.test", "--json"))
    domain = answer["rules"][0]["groups"][0]["criteria"][0]
    assert (domain["near_miss"], domain["reason"]) == ("which differs in case only", "domain-unauthorized")
    line = open(answer["file"]).read().splitlines()[domain["line"] - 1]
    assert line[domain["column"] - 1 :].startswith("domain:")


def test_mistakes_are_told(explain):
    assert "who is it?" in explain("--route", "app", "--user", "x", "--service-account", "y", code=64)
    assert "no route is for https://nowhere.localhost" in explain("--route", "https://nowhere.localhost", code=64)
    assert "no moment" in explain("--route", "app", "--at", "tomorrow", code=64)
    assert "add --email or --user" in explain("--route", "app", "--group", "x", code=64)
    assert "cannot be read" in explain("--route", "app", "--ssh-key", "/nonexistent", code=64)
    assert "no IP address" in explain("--route", "app", "--ip", "192.0.2", code=64)
