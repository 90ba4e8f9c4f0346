"""gRPC with grpcio at both ends: to a service without TLS through a tunnel, and to one with TLS at an address."""

import json
import threading

import grpc
import pytest
from kit.edge import Edge, route
from kit.grpc_service import GRPCClient, GRPCService
from kit.people import approve
from kit.publisher import Publisher
from kit.visitor import Visitor
from kit.waiting import until

PUBLIC = """
  - from: https://{host}:{port}
    to: {to}
    allow_public_unauthenticated_access: true
"""
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def plain():
    service = GRPCService()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def secure(authority):
    service = GRPCService(authority.issue("grpc", ["localhost"]))
    yield service
    service.stop()


@pytest.fixture(scope="module")
def edge(binary, tmp_path_factory, provider, certificate, authority, keys, https_port, secure):
    """app: published through a tunnel, for Alice. api: with TLS, public. docs: nothing listens. other: nobody publishes."""
    edge = Edge(binary, tmp_path_factory.mktemp("grpc"), provider, certificate, https_port=https_port, keys=keys)
    text = route("app.localhost", https_port, extra="pass_identity_headers: true")
    text = text.replace("to: http://non-existent-route", "to: h2c://service.test:9000")
    text += PUBLIC.format(host="api.localhost", port=https_port, to=f"https://localhost:{secure.port}")
    text += f"    tls_custom_ca_file: {authority.certificate}\n"
    text += PUBLIC.format(host="docs.localhost", port=https_port, to="h2c://127.0.0.1:1")
    text += route("other.localhost", https_port).replace("http://non", "h2c://non")
    edge.start(edge.text(routes=text))
    yield edge
    edge.stop()


@pytest.fixture(scope="module")
def alice(edge, authority, plain, tmp_path_factory):
    """Signed in, her tunnel open."""
    visitor = Visitor(authority.certificate)
    publisher = Publisher(tmp_path_factory.mktemp("people") / "alice", edge.ssh_port, edge.host_public_keys())
    tunnel = publisher.forward(("app.localhost", plain.port))
    approve(tunnel, visitor)
    tunnel.wait_published()
    visitor.get(edge.url())
    yield visitor
    tunnel.stop()


@pytest.fixture(scope="module")
def cookie(alice):
    return [("cookie", alice.cookie_header("app.localhost"))]


@pytest.fixture
def connect(edge, authority):
    made = []

    def make(host):
        made.append(GRPCClient(edge.https_port, host, authority.certificate))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def app(connect, alice):
    return connect("app.localhost")


def test_a_call_with_its_fields(app, cookie, edge):
    answer, call = app.unary.with_call(b"hello", metadata=[*cookie, ("x-test", "42")], timeout=20)
    assert answer == b"hello" and call.code() is grpc.StatusCode.OK
    assert dict(call.initial_metadata())["x-initial"] == "42"
    trailing = dict(call.trailing_metadata())
    assert trailing["x-trailing"] == "5" and trailing["x-raw-bin"] == b"\x00\xff"
    told = json.loads(app.fields(b"", metadata=[*cookie, ("x-forwarded-for", "1.2.3.4"), ("a-bin", b"\x01")], timeout=20))
    assert "_pomerium" not in told.get("cookie", "") and told["a-bin"] == str(b"\x01")
    assert told["x-forwarded-for"] == "127.0.0.1" and told["x-pomerium-jwt-assertion"].count(".") == 2
    assert told["user-agent"].startswith("grpc-python")

    def records():
        return [record for record in edge.log_records() if record.get("path") == "/test.Service/unary"]

    until(records, "the call in the access log")
    assert records()[-1]["response-code"] == 200 and records()[-1]["size"] == 10


@pytest.mark.parametrize("host", ["app.localhost", "api.localhost"])
def test_all_four_kinds(connect, cookie, host):
    client, more = connect(host), {"metadata": cookie if host.startswith("app") else [], "timeout": 20}
    assert client.unary(b"\x00\xff", **more) == b"\x00\xff"
    assert client.unary(b"", **more) == b""
    assert client.gather((b"%d" % number for number in range(500)), **more).count(b",") == 499
    assert client.gather(iter(()), **more) == b""
    assert list(client.count(b"500", **more)) == [b"%d" % number for number in range(500)]
    assert list(client.count(b"0", **more)) == []
    # To and fro: each message waits for the answer to the one before.
    answered = threading.Semaphore(1)

    def messages():
        for number in range(50):
            assert answered.acquire(timeout=20)
            yield b"%d" % number

    for number, answer in enumerate(client.echo(messages(), **more)):
        assert answer == b"%d" % number
        answered.release()
    assert number == 49


def test_large_messages(app, cookie):
    message = bytes(range(256)) * (4 * MEGABYTE // 256)
    assert app.unary(message, metadata=cookie, timeout=30) == message
    assert sum(len(part) for part in app.large(b"%d" % (8 * MEGABYTE), metadata=cookie, timeout=30)) == 8 * MEGABYTE


def test_errors_arrive_as_they_were_meant(app, cookie):
    for code in ("NOT_FOUND", "INVALID_ARGUMENT", "UNAVAILABLE", "INTERNAL"):
        with pytest.raises(grpc.RpcError) as failed:
            app.fail(f"{code} caf\u00e9 & co".encode(), metadata=cookie, timeout=20)
        assert failed.value.code() is grpc.StatusCode[code] and failed.value.details() == "caf\u00e9 & co"
        assert dict(failed.value.trailing_metadata())["x-why"] == "as asked"
    answers = app.half(b"", metadata=cookie, timeout=20)
    assert next(answers) == b"one"
    with pytest.raises(grpc.RpcError) as failed:
        next(answers)
    assert failed.value.code() is grpc.StatusCode.DATA_LOSS
    unknown = app._channel.unary_unary("/test.Service/nothing")
    with pytest.raises(grpc.RpcError) as failed:
        unknown(b"", metadata=cookie, timeout=20)
    assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_deadlines_and_cancelled_calls_end_at_the_service(app, cookie, plain):
    def waiting(seconds):
        """A call whose service has begun to wait; where this machine was too slow for that deadline, none."""
        plain.cancelled.clear()
        answers = app.wait(b"", metadata=cookie, timeout=seconds)
        try:
            assert next(answers) == b"waiting"
        except grpc.RpcError:
            return None
        return answers

    answers = waiting(1) or waiting(10)
    with pytest.raises(grpc.RpcError) as failed:
        next(answers)
    assert failed.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert plain.cancelled.wait(20)
    plain.cancelled.clear()
    other = app.count(b"3", metadata=cookie, timeout=20)
    answers = app.wait(b"", metadata=cookie, timeout=20)
    assert next(answers) == b"waiting"
    answers.cancel()
    assert plain.cancelled.wait(20)
    # Those beside it go on, on the same connection.
    assert list(other) == [b"0", b"1", b"2"]


def test_a_hundred_calls_share_a_connection(app, cookie, plain):
    plain.peers.clear()
    calls = [app.together.future(b"100", metadata=cookie, timeout=30) for _ in range(100)]
    assert [call.result() for call in calls] == [b"100"] * 100
    # One for each loop of the edge at most that has visitors, and one that may have opened beside it.
    assert len(plain.peers) <= 4, plain.peers


def test_a_restarted_service_is_found_again(app, cookie, plain, connect, edge):
    """Its connections end while nobody calls, or with GOAWAY."""
    service = GRPCService()
    edge.edit("h2c://127.0.0.1:1", f"h2c://127.0.0.1:{service.port}")
    client = connect("docs.localhost")

    def is_served():
        try:
            return client.unary(b"1", timeout=5) == b"1"
        except grpc.RpcError:
            return False

    until(is_served, "the new address")
    service.stop()
    with pytest.raises(grpc.RpcError) as failed:
        client.unary(b"2", timeout=20)
    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
    again = GRPCService(port=service.port)
    until(is_served, "the service to be called again")
    again.stop()


def test_refusals_speak_grpc(edge, connect, alice):
    """What the edge itself answers has a status that gRPC's clients know."""
    with pytest.raises(grpc.RpcError) as failed:
        connect("app.localhost").unary(b"", timeout=20)
    assert failed.value.code() is grpc.StatusCode.UNAUTHENTICATED and "app.localhost" in failed.value.details()
    # Alice may visit what nobody publishes.
    alice.get(edge.url(host="other.localhost"))
    with pytest.raises(grpc.RpcError) as failed:
        metadata = [("cookie", alice.cookie_header("other.localhost"))]
        connect("other.localhost").unary(b"", metadata=metadata, timeout=20)
    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE and "computer" in failed.value.details()
    edge.edit("is: alice@example.test", "is: nobody@example.test")
    client, metadata = connect("app.localhost"), [("cookie", alice.cookie_header("app.localhost"))]

    def is_denied():
        try:
            return client.unary(b"", metadata=metadata, timeout=20) and False
        except grpc.RpcError as error:
            return error.code() is grpc.StatusCode.PERMISSION_DENIED

    until(is_denied, "the new policy")
