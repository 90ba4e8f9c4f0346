"""A visitor that speaks HTTP/2 over one connection, on PyPI's h2: several requests at once, one thread."""

import socket
import ssl
from collections import defaultdict
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.events
import h2.settings


class Stream:
    def __init__(self):
        self.headers = {}
        self.interim = []
        self.body = bytearray()
        self.trailers = {}
        self.ended = False
        self.reset = None

    @property
    def status(self):
        return int(self.headers[":status"])

    @property
    def is_over(self):
        return self.ended or self.reset is not None


class HTTP2Visitor:
    """`visitor` brings the cookies and the trust; `reads` False leaves windows closed."""

    def __init__(self, visitor, url, reads=True, window=1 << 20):
        parts = urlsplit(url)
        self.visitor, self.authority, self.host = visitor, parts.netloc, parts.hostname
        tls = ssl.create_default_context()
        tls.load_verify_locations(visitor.certificate_authority)
        tls.set_alpn_protocols(["h2", "http/1.1"])
        self.reads = reads
        self.socket = tls.wrap_socket(
            socket.create_connection(("127.0.0.1", parts.port), 20), server_hostname=parts.hostname
        )
        assert self.socket.selected_alpn_protocol() == "h2"
        self.connection = h2.connection.H2Connection(
            h2.config.H2Configuration(header_encoding="utf-8", validate_outbound_headers=False)
        )
        self.connection.initiate_connection()
        self.connection.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        if reads:
            self.connection.increment_flow_control_window(1 << 24)
        self.streams = defaultdict(Stream)
        self.went_away = None
        self.send()

    def send(self):
        self.socket.sendall(self.connection.data_to_send())

    def close(self):
        self.socket.close()

    def fields(self, method, path, extra=()):
        fields = [(":method", method), (":scheme", "https"), (":authority", self.authority), (":path", path)]
        fields += [("user-agent", self.visitor.agent), ("accept", "*/*")]
        if cookies := self.visitor.cookie_header(self.host):
            # One field for each cookie, as browsers do.
            fields += [("cookie", pair) for pair in cookies.split("; ")]
        return fields + list(extra)

    def begin(self, method, path, extra=(), ends=True):
        number = self.connection.get_next_available_stream_id()
        self.connection.send_headers(number, self.fields(method, path, extra), end_stream=ends)
        self.streams[number] = Stream()
        self.send()
        return number

    def upload(self, number, body, ends=True):
        """As the windows allow."""
        view = memoryview(body)
        while view:
            room = min(self.connection.local_flow_control_window(number), self.connection.max_outbound_frame_size)
            if room <= 0:
                self.send()
                self.receive()
                continue
            self.connection.send_data(number, view[:room].tobytes())
            view = view[room:]
            if len(view) % (1 << 18) < room:
                self.send()
        if ends:
            self.connection.end_stream(number)
        self.send()

    def receive(self):
        """One read; False when the connection is over."""
        data = self.socket.recv(1 << 16)
        if not data:
            return False
        for event in self.connection.receive_data(data):
            self.take(event)
        self.send()
        return True

    def take(self, event):
        stream = self.streams[getattr(event, "stream_id", None) or 0]
        if isinstance(event, h2.events.ResponseReceived):
            stream.headers = dict(event.headers)
            stream.fields = list(event.headers)
        elif isinstance(event, h2.events.InformationalResponseReceived):
            stream.interim.append(dict(event.headers))
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            if self.reads:
                self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            stream.trailers = dict(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.reset = event.error_code
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.went_away = event

    def wait(self, *numbers, until=None):
        done = until or (lambda: all(self.streams[number].is_over for number in numbers))
        while not done():
            assert self.receive(), "the edge closed the connection"
        return self.streams[numbers[0]] if numbers else None

    def get(self, path, extra=(), method="GET"):
        return self.wait(self.begin(method, path, extra))
