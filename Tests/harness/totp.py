"""RFC 6238 codes: SHA-1, 6 digits, steps of 30 seconds."""

import base64
import hmac
import struct

STEP = 30


def step_at(instant: float) -> int:
    return int(instant) // STEP


def code(secret_base32: str, step: int, algorithm: str = "sha1") -> str:
    padded = secret_base32.upper() + "=" * (-len(secret_base32) % 8)
    digest = hmac.new(base64.b32decode(padded), struct.pack(">Q", step), algorithm).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"
