"""The data types of SSH (RFC 4251 section 5) as bytes."""

import struct


def uint32(value):
    return struct.pack(">I", value)


def uint64(value):
    return struct.pack(">Q", value)


def string(value):
    if isinstance(value, str):
        value = value.encode()
    return struct.pack(">I", len(value)) + value


def boolean(value):
    return b"\x01" if value else b"\x00"


def names(*values):
    return string(",".join(values))


def mpint(value):
    """A positive number in its one minimal form."""
    return string(value.to_bytes((value.bit_length() + 8) // 8, "big") if value else b"")


class Fields:
    """Reads one message field by field."""

    def __init__(self, data):
        self.data = bytes(data)
        self.at = 0

    def take(self, count):
        piece = self.data[self.at : self.at + count]
        assert len(piece) == count, f"{count} bytes wanted at {self.at} of {self.data!r}"
        self.at += count
        return piece

    def byte(self):
        return self.take(1)[0]

    def boolean(self):
        return self.byte() != 0

    def uint32(self):
        return struct.unpack(">I", self.take(4))[0]

    def string(self):
        return self.take(self.uint32())

    def text(self):
        return self.string().decode("utf-8", "replace")

    def names(self):
        text = self.text()
        return text.split(",") if text else []

    @property
    def rest(self):
        return self.data[self.at :]
