"""An ssh client over a plain socket that does as it is told, legal or not. It keeps no rule by itself."""

import hashlib
import itertools
import os
import re
import socket
import struct
import time

from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .raw_ciphers import CIPHERS, MACS, Plain, make_cipher
from .raw_keys import CURVES
from .wire import Fields, boolean, mpint, names, string, uint32

DISCONNECT, IGNORE, UNIMPLEMENTED, DEBUG, SERVICE_REQUEST, SERVICE_ACCEPT, EXT_INFO = range(1, 8)
KEXINIT, NEWKEYS, KEX_INIT, KEX_REPLY = 20, 21, 30, 31
USERAUTH_REQUEST, USERAUTH_FAILURE, USERAUTH_SUCCESS, BANNER, INFO_REQUEST, INFO_RESPONSE = 50, 51, 52, 53, 60, 61
PK_OK = INFO_REQUEST
GLOBAL_REQUEST, REQUEST_SUCCESS, REQUEST_FAILURE = 80, 81, 82
OPEN, CONFIRMATION, OPEN_FAILURE, WINDOW_ADJUST, DATA, EXTENDED_DATA, EOF, CLOSE, REQUEST, SUCCESS, FAILURE = range(
    90, 101
)
PING, PONG = 192, 193

# What says nothing about the course of things.
CHATTER = {IGNORE, UNIMPLEMENTED, DEBUG, EXT_INFO, BANNER}
STRICT = "kex-strict-c-v00@openssh.com"
GROUP14 = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B"
    "302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE6"
    "49286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D"
    "670C354E4ABC9804F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718"
    "3995497CEA956AE515D2261898FA051015728E5A8AACAA68FFFFFFFFFFFFFFFF",
    16,
)
_sources = itertools.count(1)


def another_source():
    """A loopback address nobody used before: what one attacker did is not held against the next test."""
    number = next(_sources)
    return f"127.{10 + number // 62500 % 200}.{number // 250 % 250}.{1 + number % 250}"


class Gone(Exception):
    """The server has closed the connection. `said`: its DISCONNECT as (reason, text), or nothing."""

    def __init__(self, said=None):
        super().__init__(said)
        self.said = said


class RawSSH:
    made = 0

    def __init__(self, port, source=None, ident=b"SSH-2.0-Raw_1.0", timeout=10.0):
        RawSSH.made += 1
        self.socket = socket.socket()
        self.socket.settimeout(timeout)
        self.socket.bind((source or another_source(), 0))
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.ident = ident
        self.server_ident = None
        self.buffer = b""
        self.sealer, self.opener = Plain(), Plain()
        self.sent = self.received = 0
        self.session_id = None
        # What the last key exchange led to: K as an mpint, and the keys by their letters.
        self.shared, self.derived = None, {}
        self.server_init = None
        self.extensions = {}
        self.said = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    # Bytes

    def read(self, count):
        while len(self.buffer) < count:
            try:
                piece = self.socket.recv(65536)
            except (ConnectionResetError, BrokenPipeError):
                piece = b""
            if not piece:
                raise Gone(self.said)
            self.buffer += piece
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def send_raw(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise Gone(self.said) from None

    # Packets

    def seal(self, payload, padding=None):
        sealed = self.sealer.seal(payload, self.sent, padding)
        self.sent = (self.sent + 1) & 0xFFFFFFFF
        return sealed

    def send(self, *payloads):
        """All of them in one segment, if they fit."""
        self.send_raw(b"".join(self.seal(payload) for payload in payloads))

    def packet(self):
        """The payload of the next packet, whatever it is."""
        body = self.opener.open(self.read, self.received)
        self.received = (self.received + 1) & 0xFFFFFFFF
        payload = body[1 : len(body) - body[0]]
        if payload[0] == DISCONNECT:
            fields = Fields(payload[1:])
            # Without the name that the connection has in the log.
            self.said = (fields.uint32(), re.sub(r" \(connection [0-9a-f]{12}\)$", "", fields.text()))
        if payload[0] == EXT_INFO:
            fields = Fields(payload[1:])
            self.extensions = {fields.text(): fields.string() for _ in range(fields.uint32())}
        return payload

    def expect(self, *numbers):
        """The next packet that means something; it must have one of these numbers."""
        while (payload := self.packet())[0] in CHATTER and payload[0] not in numbers:
            pass
        if payload[0] == DISCONNECT and DISCONNECT not in numbers:
            raise Gone(self.said)
        assert payload[0] in numbers, f"expected {numbers}, got {payload!r}"
        return payload

    def ending(self, within=5.0):
        """Reads until the server closes, before a login's time is over: (its DISCONNECT, the packets before it)."""
        begun = time.monotonic()
        seen = []
        try:
            while True:
                left = within - (time.monotonic() - begun)
                assert left > 0, f"still open after {within} s; it said {seen[-3:]!r}"
                self.socket.settimeout(left)
                seen.append(self.packet())
        except TimeoutError:
            raise AssertionError(f"still open after {within} s; it said {seen[-3:]!r}") from None
        except Gone:
            return self.said, [payload for payload in seen if payload[0] not in CHATTER | {DISCONNECT}]

    # Transport

    def exchange_idents(self):
        self.send_raw(self.ident + b"\r\n")
        self.server_ident = b""
        # A server may say other things before (RFC 4253 section 4.2): whoever is turned away hears why.
        while not self.server_ident.startswith(b"SSH-"):
            line = b""
            while not line.endswith(b"\n"):
                line += self.read(1)
            self.server_ident = line.rstrip(b"\r\n")
        return self

    def kexinit(
        self,
        strict=True,
        kex=("curve25519-sha256",),
        host_keys=("ssh-ed25519",),
        ciphers=("aes128-gcm@openssh.com",),
        macs=("hmac-sha2-256",),
        compression=("none",),
        markers=("ext-info-c",),
        follows=False,
    ):
        markers = tuple(markers) + ((STRICT,) if strict else ())
        payload = bytes([KEXINIT]) + os.urandom(16) + names(*kex, *markers) + names(*host_keys)
        payload += names(*ciphers) * 2 + names(*macs) * 2 + names(*compression) * 2 + names() * 2
        return payload + boolean(follows) + uint32(0)

    def offer(self, payload=None, **options):
        """Sends KEXINIT and reads the server's; what both agree on is then known."""
        self.client_init = payload or self.kexinit(**options)
        self.send(self.client_init)
        if self.server_init is None or self.session_id:
            self.server_init = self.expect(KEXINIT)
        self.agree()
        return self

    def agree(self):
        mine, theirs = (self.lists(init) for init in (self.client_init, self.server_init))
        common = [
            next((name for name in ours if name in their), None) for ours, their in zip(mine, theirs, strict=True)
        ]
        self.kex, _, self.cipher, _, self.mac, *_ = common
        if self.session_id is None:
            self.strict = STRICT in mine[0]

    @staticmethod
    def lists(init):
        fields = Fields(init[17:])
        return [fields.names() for _ in range(8)]

    def public_value(self):
        """Message 30 of the agreed method, with a fresh key."""
        if self.kex.startswith("curve25519"):
            self.ephemeral = x25519.X25519PrivateKey.generate()
            self.public = string(self.ephemeral.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        elif self.kex.startswith("ecdh"):
            self.ephemeral = ec.generate_private_key(CURVES[self.kex.rsplit("-", 1)[1]])
            point = self.ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            self.public = string(point)
        else:
            self.ephemeral = int.from_bytes(os.urandom(40), "big")
            self.public = mpint(pow(2, self.ephemeral, GROUP14))
        return bytes([KEX_INIT]) + self.public

    def secret(self, theirs):
        value = Fields(theirs).string()
        if self.kex.startswith("curve25519"):
            shared = self.ephemeral.exchange(x25519.X25519PublicKey.from_public_bytes(value))
        elif self.kex.startswith("ecdh"):
            curve = CURVES[self.kex.rsplit("-", 1)[1]]
            shared = self.ephemeral.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(curve, value))
        else:
            return mpint(pow(int.from_bytes(value, "big"), self.ephemeral, GROUP14))
        return mpint(int.from_bytes(shared, "big"))

    def derive_keys(self, reply):
        """What follows from message 31; nothing is switched yet."""
        fields = Fields(reply[1:])
        self.host_key, theirs, _ = fields.string(), fields.string(), fields.string()
        theirs = string(theirs)
        secret = self.secret(theirs)
        hashing = {"384": hashlib.sha384, "521": hashlib.sha512}.get(self.kex[-3:], hashlib.sha256)
        transcript = [string(part) for part in (self.ident, self.server_ident, self.client_init, self.server_init)]
        transcript += [string(self.host_key), self.public, theirs, secret]
        hashed = hashing(b"".join(transcript)).digest()
        self.session_id = self.session_id or hashed
        self.shared = secret

        def derived(letter, count):
            key = hashing(secret + hashed + letter + self.session_id).digest()
            while len(key) < count:
                key += hashing(secret + hashed + key).digest()
            self.derived[letter] = key[:count]
            return key[:count]

        def cipher(iv, key, mac):
            key_length, iv_length = CIPHERS[self.cipher]
            mac_length = MACS[self.mac][1] if self.mac else 0
            return make_cipher(
                self.cipher, self.mac, derived(key, key_length), derived(iv, iv_length), derived(mac, mac_length)
            )

        self.next_sealer, self.next_opener = cipher(b"A", b"C", b"E"), cipher(b"B", b"D", b"F")

    def read_newkeys(self):
        self.expect(NEWKEYS)
        self.opener = self.next_opener
        if self.strict:
            self.received = 0

    def newkeys(self):
        """NEWKEYS as bytes; what is sealed after it uses the new keys."""
        sealed = self.seal(bytes([NEWKEYS]))
        self.sealer = self.next_sealer
        if self.strict:
            self.sent = 0
        return sealed

    def exchange(self, payload=None, **options):
        """A whole key exchange, the first or a later one, except our NEWKEYS."""
        self.offer(payload, **options)
        return self.finish_exchange()

    def finish_exchange(self):
        self.send(self.public_value())
        self.derive_keys(self.expect(KEX_REPLY))
        self.read_newkeys()
        return self

    def connect(self, **options):
        """Up to keys in force."""
        self.exchange_idents().exchange(**options)
        self.send_raw(self.newkeys())
        return self

    # Authentication

    def service(self, name="ssh-userauth"):
        self.send(bytes([SERVICE_REQUEST]) + string(name))
        self.expect(SERVICE_ACCEPT)
        return self

    @staticmethod
    def request(user, method, rest=b"", service="ssh-connection"):
        return bytes([USERAUTH_REQUEST]) + string(user) + string(service) + string(method) + rest

    def query(self, key, user="dev"):
        return self.request(user, "publickey", boolean(False) + string(key.algorithm) + string(key.blob))

    def signed(self, key, user="dev", signer=None, method="publickey", host_key=None):
        """A signed request; `signer` signs in the place of the key that is named."""
        body = boolean(True) + string(key.algorithm) + string(key.blob)
        if host_key is not None:
            body += string(host_key)
        request = self.request(user, method, body)
        return request + string((signer or key).sign(string(self.session_id) + request))

    def prove(self, key, user="dev"):
        """Proves a key: USERAUTH_SUCCESS, or FAILURE with what to do next."""
        self.send(self.signed(key, user))
        return self.expect(USERAUTH_SUCCESS, USERAUTH_FAILURE)

    def ask_to_sign_in(self, user="dev"):
        """After a partial success: the address to open. The request is left unanswered."""
        self.send(self.request(user, "keyboard-interactive", string("") * 2))
        shown = self.expect(INFO_REQUEST).decode("utf-8", "replace")
        return re.search(r"https://\S+/\.pomerium/sign_in\?user_code=[\w-]+", shown).group()

    def answer_prompt(self, *answers):
        self.send(bytes([INFO_RESPONSE]) + uint32(len(answers)) + b"".join(map(string, answers)))

    def log_in(self, key, user="dev", **options):
        """With a key that is somebody's already."""
        self.connect(**options).service()
        assert self.prove(key, user)[0] == USERAUTH_SUCCESS
        return self

    # Channels

    def open_session(self, sender=0, window=1 << 20, packet=32768):
        """The server's number of the channel."""
        self.send(self.opening("session", sender, window, packet))
        return Fields(self.expect_now(CONFIRMATION)[5:]).uint32()

    @staticmethod
    def opening(kind, sender=0, window=1 << 20, packet=32768, rest=b""):
        return bytes([OPEN]) + string(kind) + uint32(sender) + uint32(window) + uint32(packet) + rest

    @staticmethod
    def on(number, channel, rest=b""):
        return bytes([number]) + uint32(channel) + rest

    @staticmethod
    def channel_request(channel, kind, rest=b"", wants_reply=True):
        return RawSSH.on(REQUEST, channel, string(kind) + boolean(wants_reply) + rest)

    @staticmethod
    def global_request(name, rest=b"", wants_reply=True):
        return bytes([GLOBAL_REQUEST]) + string(name) + boolean(wants_reply) + rest

    def expect_now(self, *numbers):
        """Like `expect`, past global requests of the server and data."""
        passed = {GLOBAL_REQUEST, DATA, EXTENDED_DATA, WINDOW_ADJUST} - set(numbers)
        return self.expect_past(passed, *numbers)

    def expect_past(self, passed, *numbers):
        while (payload := self.expect(*numbers, *passed))[0] in passed:
            pass
        return payload

    def is_served(self):
        """Whether the connection still works: an unknown request is refused."""
        self.send(self.global_request("are-you-there@tests"))
        return self.expect_now(REQUEST_FAILURE)[0] == REQUEST_FAILURE


def packet_of_length(length):
    """The four bytes that announce a packet."""
    return struct.pack(">I", length)
