"""Broken messages by the thousand: what real ones become when bytes are changed, lost, doubled and mixed."""

from __future__ import annotations

import random
from pathlib import Path

TORTURE = Path(__file__).parent.parent / "message" / "torture"
_PIECES = (
    b"\r\n", b"\r", b"\n", b"\0", b" ", b"\t", b"\r\n ", b'"', b"\\", b"<", b">", b",", b";", b":", b"@", b"%", b"%00",
    b"=", b"[", b"]", b"/", b"\xff\xfe", b"\xc3", b"-1", b"0", b"4294967296", b"9" * 40, b"SIP/2.0", b"z9hG4bK",
    b"tag=", b"Content-Length: 5\r\n", b"Via: SIP/2.0/UDP a\r\n", b"To: <sip:a@b>\r\n", b";rport", b"Expires: 0\r\n",
)  # fmt: skip


def torture() -> list[bytes]:
    """The messages of RFC 4475 and RFC 5118."""
    return [path.read_bytes() for path in sorted(TORTURE.glob("*.dat"))]


def mutate(rng: random.Random, seeds: list[bytes]) -> bytes:
    """One broken message, up to four mutations away from a seed."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(data) + 1)
        kind = rng.randrange(7)
        if kind == 0 and place < len(data):
            data[place] = rng.randrange(256)
        elif kind == 1:
            data[place:place] = rng.choice(_PIECES)
        elif kind == 2:
            del data[place : place + rng.randint(1, 12)]
        elif kind == 3:
            data[place : place + rng.randint(1, 8)] = rng.choice(_PIECES)
        elif kind == 4:
            _lines(rng, data)
        elif kind == 5:
            other = rng.choice(seeds)
            data[place:] = other[rng.randrange(len(other) + 1) :]
        else:
            data[place:place] = bytes(data[place : place + rng.randint(1, 60)]) * rng.choice((1, 2, 50))
    return bytes(data[:70_000])


def _lines(rng: random.Random, data: bytearray) -> None:
    """A line is lost, doubled or moved."""
    lines = bytes(data).split(b"\r\n")
    line = lines.pop(rng.randrange(len(lines)))
    for _ in range(rng.choice((0, 1, 2, 300))):
        lines.insert(rng.randrange(len(lines) + 1), line)
    data[:] = b"\r\n".join(lines)
