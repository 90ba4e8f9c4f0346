"""User keys for hostile clients: right ones, FIDO keys in software, and blobs that no key has."""

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .wire import mpint, string, uint32, uint64

CURVES = {"nistp256": ec.SECP256R1(), "nistp384": ec.SECP384R1(), "nistp521": ec.SECP521R1()}
CURVE_HASHES = {"nistp256": hashes.SHA256(), "nistp384": hashes.SHA384(), "nistp521": hashes.SHA512()}


class ED25519Key:
    algorithm = "ssh-ed25519"

    def __init__(self):
        self.private = ed25519.Ed25519PrivateKey.generate()
        self.raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def fields(self):
        return string(self.raw)

    @property
    def blob(self):
        return string(self.algorithm) + self.fields

    def sign(self, data):
        return string(self.algorithm) + string(self.private.sign(data))


class ECDSAKey:
    def __init__(self, curve="nistp256"):
        self.curve = curve
        self.algorithm = f"ecdsa-sha2-{curve}"
        self.private = ec.generate_private_key(CURVES[curve])

    @property
    def fields(self):
        point = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return string(self.curve) + string(point)

    @property
    def blob(self):
        return string(self.algorithm) + self.fields

    def sign(self, data):
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(CURVE_HASHES[self.curve])))
        return string(self.algorithm) + string(mpint(r) + mpint(s))


class RSAKey:
    def __init__(self, bits=2048, algorithm="rsa-sha2-256"):
        self.algorithm = algorithm
        self.private = rsa.generate_private_key(65537, bits)

    @property
    def fields(self):
        numbers = self.private.public_key().public_numbers()
        return mpint(numbers.e) + mpint(numbers.n)

    @property
    def blob(self):
        return string("ssh-rsa") + self.fields

    def sign(self, data):
        digest = hashes.SHA512() if self.algorithm.endswith("512") else hashes.SHA256()
        return string(self.algorithm) + string(self.private.sign(data, padding.PKCS1v15(), digest))


class SecurityKey(ED25519Key):
    """A FIDO key in software; `flags` says whether somebody touched it."""

    algorithm = "sk-ssh-ed25519@openssh.com"

    def __init__(self, flags=1, application="ssh:"):
        super().__init__()
        self.flags = flags
        self.application = application

    @property
    def fields(self):
        return string(self.raw) + string(self.application)

    def sign(self, data):
        told = bytes([self.flags]) + uint32(7)
        signed = hashlib.sha256(self.application.encode()).digest() + told + hashlib.sha256(data).digest()
        return string(self.algorithm) + string(self.private.sign(signed)) + told


class CraftedKey:
    """Any blob under any name, with any signature."""

    def __init__(self, algorithm, blob, signature=b""):
        self.algorithm = algorithm
        self.blob = blob
        self.signature = signature

    def sign(self, data):
        return self.signature


class Certificate:
    """A user certificate around any key; what is not given is as a good one has it."""

    permits = (("permit-port-forwarding", ""), ("permit-pty", ""))

    def __init__(
        self,
        key,
        kind=1,
        valid=(0, 0xFFFFFFFFFFFFFFFF),
        critical=(),
        extensions=permits,
        authority=None,
        signature=None,
        signed_name=None,
    ):
        self.key = key
        self.algorithm = key.algorithm.removesuffix("@openssh.com") + "-cert-v01@openssh.com"
        authority = authority or ED25519Key()
        plain_type = "ssh-rsa" if key.algorithm.startswith("rsa-") else key.algorithm.removesuffix("@openssh.com")
        body = string(signed_name or plain_type + "-cert-v01@openssh.com") + string(bytes(32)) + key.fields
        body += uint64(5) + uint32(kind) + string("id") + string(string("dev")) + uint64(valid[0]) + uint64(valid[1])
        # Option values that carry text are wrapped twice.
        body += string(b"".join(string(name) + string(string(text) if text else "") for name, text in critical))
        body += string(b"".join(string(name) + string(text) for name, text in extensions))
        body += string("") + string(authority.blob)
        self.blob = body + string(authority.sign(body) if signature is None else signature)

    def sign(self, data):
        return self.key.sign(data)
