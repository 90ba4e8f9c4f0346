"""A gRPC service and its client, both grpcio's own, with bytes for messages: no protobuf, no generated code."""

import json
import threading
from concurrent import futures

import grpc

# More than any message of the tests; gRPC's own limit is 4 MB with its frame.
OPTIONS = [("grpc.max_receive_message_length", 16 << 20), ("grpc.max_send_message_length", 16 << 20)]
KINDS = {
    "unary": "unary_unary",
    "fields": "unary_unary",
    "fail": "unary_unary",
    "together": "unary_unary",
    "gather": "stream_unary",
    "count": "unary_stream",
    "large": "unary_stream",
    "half": "unary_stream",
    "wait": "unary_stream",
    "echo": "stream_stream",
}


class GRPCService:
    """`certificate`: serves TLS; else h2c."""

    def __init__(self, certificate=None, port=0):
        self.peers = set()  # connections that requests came by
        self.cancelled = threading.Event()  # a call was given up
        self.is_well = True  # what grpc.health.v1.Health says
        self._together = threading.Condition()
        self._count = 0
        self._server = grpc.server(futures.ThreadPoolExecutor(120), options=OPTIONS)
        handlers = {
            name: getattr(grpc, f"{kind}_rpc_method_handler")(self._noted(getattr(self, name)))
            for name, kind in KINDS.items()
        }
        check = {"Check": grpc.unary_unary_rpc_method_handler(self._check)}
        self._server.add_generic_rpc_handlers([
            grpc.method_handlers_generic_handler("test.Service", handlers),
            grpc.method_handlers_generic_handler("grpc.health.v1.Health", check),
        ])
        if certificate:
            chain, key = (path.read_bytes() for path in certificate)
            credentials = grpc.ssl_server_credentials([(key, chain)])
            self.port = self._server.add_secure_port(f"127.0.0.1:{port}", credentials)
        else:
            self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self._server.start()

    def stop(self):
        self._server.stop(0).wait()

    def _noted(self, method):
        def call(request, context):
            self.peers.add(context.peer())
            return method(request, context)

        return call

    def _check(self, message, context):
        # HealthCheckRequest {1: service}, HealthCheckResponse {1: SERVING or NOT_SERVING}
        if message != b"\x0a\x0ctest.Service":
            context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return b"\x08\x01" if self.is_well else b"\x08\x02"

    # The methods

    def unary(self, message, context):
        told = dict(context.invocation_metadata())
        context.send_initial_metadata([("x-initial", told.get("x-test", ""))])
        context.set_trailing_metadata([("x-trailing", str(len(message))), ("x-raw-bin", b"\x00\xff")])
        return message

    def fields(self, message, context):
        return json.dumps({name: str(value) for name, value in context.invocation_metadata()}).encode()

    def fail(self, message, context):
        code, _, text = message.decode().partition(" ")
        context.set_trailing_metadata([("x-why", "as asked")])
        context.abort(grpc.StatusCode[code], text)

    def together(self, message, context):
        """Answers once so many calls are under way at the same time."""
        with self._together:
            self._count += 1
            self._together.notify_all()
            assert self._together.wait_for(lambda: self._count >= int(message), 20)
        return message

    def gather(self, messages, context):
        return b",".join(messages)

    def count(self, message, context):
        for number in range(int(message)):
            yield b"%d" % number

    def large(self, message, context):
        yield b"x" * int(message)

    def half(self, message, context):
        yield b"one"
        context.abort(grpc.StatusCode.DATA_LOSS, "the rest is gone")

    def wait(self, message, context):
        context.add_callback(self.cancelled.set)
        yield b"waiting"
        self.cancelled.wait(30)

    def echo(self, messages, context):
        yield from messages


class GRPCClient:
    """A channel to the edge, as a program would open it: trust, and nothing else but the name."""

    def __init__(self, port, host, authority):
        credentials = grpc.ssl_channel_credentials(authority.read_bytes())
        self._channel = grpc.secure_channel(
            f"ipv4:127.0.0.1:{port}",
            credentials,
            options=[
                *OPTIONS,
                ("grpc.ssl_target_name_override", host),
                ("grpc.default_authority", f"{host}:{port}"),
                # Channels to the same place are one connection otherwise, whatever name they are for.
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.enable_retries", 0),
            ],
        )

    def __getattr__(self, name):
        return getattr(self._channel, KINDS[name])(f"/test.Service/{name}")

    def close(self):
        self._channel.close()
