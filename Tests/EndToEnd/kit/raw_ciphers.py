"""The packet ciphers of ssh, one object for each direction: `seal` makes a packet of any content, `open` reads one."""

import hmac
import os
import struct

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES, ChaCha20
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.poly1305 import Poly1305

# name: (bytes of key, bytes of IV)
CIPHERS = {
    "chacha20-poly1305@openssh.com": (64, 0),
    "aes128-gcm@openssh.com": (16, 12),
    "aes256-gcm@openssh.com": (32, 12),
    "aes128-ctr": (16, 16),
    "aes192-ctr": (24, 16),
    "aes256-ctr": (32, 16),
}
MACS = {
    "hmac-sha2-256-etm@openssh.com": ("sha256", 32),
    "hmac-sha2-512-etm@openssh.com": ("sha512", 64),
    "hmac-sha2-256": ("sha256", 32),
    "hmac-sha2-512": ("sha512", 64),
}


def padded(payload, block, counts_length, padding=None):
    """`padding` forces its length, legal or not: padding that leaves no payload is such a case."""
    if padding is None:
        size = len(payload) + 1 + (4 if counts_length else 0)
        padding = block - size % block
        if padding < 4:
            padding += block
    return bytes([padding]) + payload + os.urandom(padding)


class Plain:
    def seal(self, payload, sequence, padding=None):
        body = padded(payload, 8, True, padding)
        return struct.pack(">I", len(body)) + body

    def open(self, read, sequence):
        return read(struct.unpack(">I", read(4))[0])


class GCM:
    def __init__(self, key, iv):
        self.cipher, self.fixed, self.count = AESGCM(key), iv[:4], int.from_bytes(iv[4:], "big")

    def nonce(self):
        nonce = self.fixed + self.count.to_bytes(8, "big")
        self.count = (self.count + 1) % (1 << 64)
        return nonce

    def seal(self, payload, sequence, padding=None):
        body = padded(payload, 16, False, padding)
        length = struct.pack(">I", len(body))
        return length + self.cipher.encrypt(self.nonce(), body, length)

    def open(self, read, sequence):
        length = read(4)
        return self.cipher.decrypt(self.nonce(), read(struct.unpack(">I", length)[0] + 16), length)


class ChaCha:
    def __init__(self, key):
        self.main, self.header = key[:32], key[32:]

    @staticmethod
    def stream(key, sequence, counter):
        return Cipher(ChaCha20(key, struct.pack("<Q", counter) + struct.pack(">Q", sequence)), None).encryptor()

    def tag(self, data, sequence):
        return Poly1305.generate_tag(self.stream(self.main, sequence, 0).update(bytes(32)), data)

    def seal(self, payload, sequence, padding=None):
        body = padded(payload, 8, False, padding)
        sealed = self.stream(self.header, sequence, 0).update(struct.pack(">I", len(body)))
        sealed += self.stream(self.main, sequence, 1).update(body)
        return sealed + self.tag(sealed, sequence)

    def open(self, read, sequence):
        length = read(4)
        body = read(struct.unpack(">I", self.stream(self.header, sequence, 0).update(length))[0])
        assert self.tag(length + body, sequence) == read(16), "the server's packet does not authenticate"
        return self.stream(self.main, sequence, 1).update(body)


class Counter:
    def __init__(self, key, iv, mac, mac_key):
        self.cipher = Cipher(AES(key), CTR(iv)).encryptor()
        self.first = mac.endswith("-etm@openssh.com")
        self.digest, self.tag_length = MACS[mac]
        self.mac_key = mac_key

    def tag(self, sequence, data):
        return hmac.digest(self.mac_key, struct.pack(">I", sequence) + data, self.digest)

    def seal(self, payload, sequence, padding=None):
        body = padded(payload, 16, not self.first, padding)
        length = struct.pack(">I", len(body))
        if self.first:
            sealed = length + self.cipher.update(body)
            return sealed + self.tag(sequence, sealed)
        return self.cipher.update(length + body) + self.tag(sequence, length + body)

    def open(self, read, sequence):
        if self.first:
            length = read(4)
            body = read(struct.unpack(">I", length)[0])
            assert self.tag(sequence, length + body) == read(self.tag_length)
            return self.cipher.update(body)
        head = self.cipher.update(read(16))
        body = head[4:] + self.cipher.update(read(struct.unpack(">I", head[:4])[0] - 12))
        assert self.tag(sequence, head[:4] + body) == read(self.tag_length)
        return body


def make_cipher(name, mac, key, iv, mac_key):
    if name.startswith("chacha"):
        return ChaCha(key)
    if "gcm" in name:
        return GCM(key, iv)
    return Counter(key, iv, mac, mac_key)
