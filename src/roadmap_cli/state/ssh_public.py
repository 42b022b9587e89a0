"""The public key inside an ssh private key file, so that a state can be wrapped to it.

Reads the formats that age can decrypt with: openssh-key-v1 (PROTOCOL.key of OpenSSH) and PKCS#1 RSA (RFC 8017).
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error

ARMOUR = re.compile(rb"-----BEGIN ([A-Z ]+)-----\s(.*?)-----END \1-----", re.DOTALL)
MAGIC = b"openssh-key-v1\0"


def derive(private: bytes) -> str:
    """The public key line, ``ssh-ed25519 AAAA…`` or ``ssh-rsa AAAA…``. Raises ValueError for anything else."""
    armour = ARMOUR.search(private)
    if not armour:
        raise ValueError("no key between BEGIN and END")
    try:
        data = b64decode(armour[2], validate=False)
    except Error:
        raise ValueError("not base64") from None
    if armour[1] == b"OPENSSH PRIVATE KEY":
        blob = _openssh(data)
    elif armour[1] == b"RSA PRIVATE KEY":
        blob = _pkcs1(data)
    else:
        raise ValueError(f"unknown form {armour[1].decode()!r}")
    name, _ = _string(blob)
    return f"{name.decode('ascii')} {b64encode(blob).decode()}"


def _openssh(data: bytes) -> bytes:
    if not data.startswith(MAGIC):
        raise ValueError("not in the form openssh-key-v1")
    rest = data[len(MAGIC) :]
    for _ in ("cipher", "kdf", "kdf options"):
        _, rest = _string(rest)
    blob, _ = _string(rest[4:])
    return blob


def _pkcs1(data: bytes) -> bytes:
    body, _ = _der(data, 0x30)
    _, rest = _der(body, 0x02)  # version
    modulus, rest = _der(rest, 0x02)
    exponent, _ = _der(rest, 0x02)
    # An SSH mpint and a DER INTEGER are the same: big-endian two's complement (RFC 4251 section 5).
    return b"".join(len(part).to_bytes(4, "big") + part for part in (b"ssh-rsa", exponent, modulus))


def _string(data: bytes) -> tuple[bytes, bytes]:
    size = int.from_bytes(data[:4], "big")
    if len(data) < 4 + size:
        raise ValueError("cut off")
    return data[4 : 4 + size], data[4 + size :]


def _der(data: bytes, tag: int) -> tuple[bytes, bytes]:
    if len(data) < 2 or data[0] != tag:
        raise ValueError("not in the form PKCS#1")
    size, start = data[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[2:start], "big")
    if len(data) < start + size:
        raise ValueError("cut off")
    return data[start : start + size], data[start + size :]
