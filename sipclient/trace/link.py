"""The IP packet within a captured frame: Ethernet with its tags, raw, Linux cooked, loopback."""

from __future__ import annotations

_IPV4, _IPV6, _PPPOE = 0x0800, 0x86DD, 0x8864
_TAGS = frozenset({0x8100, 0x88A8, 0x9100})
_ETHERNET, _NULL, _LOOP, _COOKED, _COOKED2 = 1, 0, 108, 113, 276
_RAW = frozenset({12, 14, 101, 228, 229})
LINKS = _RAW | {_ETHERNET, _NULL, _LOOP, _COOKED, _COOKED2}


def ip_of(link: int, data: bytes) -> bytes:
    """The IP packet; b"" where the frame holds something else. `link` is a LINKTYPE of the pcap registry."""
    if link == _ETHERNET:
        return _tagged(data, 12)
    if link in _RAW:
        return data
    if link == _COOKED:
        return _tagged(data, 14)
    if link == _COOKED2:
        return _after(int.from_bytes(data[:2], "big"), data, 20)
    if link in (_NULL, _LOOP):
        return data[4:]
    return b""


def _tagged(data: bytes, place: int) -> bytes:
    """From the EtherType at `place`, past VLAN tags."""
    kind = int.from_bytes(data[place : place + 2], "big")
    return _after(kind, data, place + 2)


def _after(kind: int, data: bytes, place: int) -> bytes:
    while kind in _TAGS and len(data) >= place + 4:
        kind = int.from_bytes(data[place + 2 : place + 4], "big")
        place += 4
    if kind == _PPPOE:
        return data[place + 8 :]
    return data[place:] if kind in (_IPV4, _IPV6) else b""
