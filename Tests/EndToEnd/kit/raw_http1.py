"""An HTTP/1.1 visitor that writes its bytes by hand and reads answers strictly."""

import re
from dataclasses import dataclass

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [\t\x20-\x7e\x80-\xff]*")
FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")


@dataclass
class Answer:
    status: int
    fields: list
    body: bytes = b""
    trailers: list = None

    def values(self, name):
        return [value for key, value in self.fields if key.lower() == name]

    def value(self, name):
        values = self.values(name)
        assert len(values) <= 1, f"{len(values)} times {name}: {self.fields}"
        return values[0] if values else None


class CutOff(Exception):
    """The connection ended inside an answer."""


class RawVisitor:
    def __init__(self, socket):
        self.socket = socket
        self.buffer = b""
        self.is_over = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *pieces):
        for piece in pieces:
            self.socket.sendall(piece)

    def _fill(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            self.is_over = True
            raise CutOff(f"after {self.buffer[:300]!r}")
        self.buffer += data

    def _through(self, mark):
        while mark not in self.buffer:
            self._fill()
        end = self.buffer.index(mark) + len(mark)
        taken, self.buffer = self.buffer[:end], self.buffer[end:]
        return taken

    def _exactly(self, count):
        while len(self.buffer) < count:
            self._fill()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    @staticmethod
    def _fields(lines):
        fields = []
        for line in lines:
            matched = FIELD.fullmatch(line)
            assert matched, f"the edge wrote the field line {line!r}"
            fields.append((matched[1].decode(), matched[2].decode("latin-1")))
        return fields

    def answer(self, method="GET", interim=None):
        """The next final answer, read by its framing; interim ones are appended to `interim`."""
        while True:
            lines = self._through(b"\r\n\r\n")[:-4].split(b"\r\n")
            matched = STATUS_LINE.fullmatch(lines[0])
            assert matched, f"the edge wrote the status line {lines[0]!r}"
            answer = Answer(int(matched[1]), self._fields(lines[1:]))
            lengths, codings = answer.values("content-length"), answer.values("transfer-encoding")
            assert len(lengths) + len(codings) <= 1, f"the edge wrote {answer.fields}"
            if answer.status >= 200 or answer.status == 101:
                break
            assert not lengths and not codings, answer
            if interim is not None:
                interim.append(answer)
        if method == "HEAD" or answer.status in (101, 204, 304):
            return answer
        if codings:
            assert codings == ["chunked"]
            while size := int(self._through(b"\r\n"), 16):
                answer.body += self._exactly(size)
                assert self._exactly(2) == b"\r\n"
            lines = []
            while line := self._through(b"\r\n")[:-2]:
                lines.append(line)
            answer.trailers = self._fields(lines)
        elif lengths:
            answer.body = self._exactly(int(lengths[0]))
        else:
            answer.body = self.rest()
        return answer

    def interim(self):
        """The next answer, which is an interim one."""
        head = self._through(b"\r\n\r\n")[:-4].split(b"\r\n")
        matched = STATUS_LINE.fullmatch(head[0])
        assert matched and matched[1].startswith(b"1"), head
        return Answer(int(matched[1]), self._fields(head[1:]))

    def rest(self):
        """All that comes until the edge closes."""
        try:
            while True:
                self._fill()
        except CutOff:
            taken, self.buffer = self.buffer, b""
            return taken
