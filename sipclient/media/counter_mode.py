"""SRTP and SRTCP with AES in counter mode and HMAC-SHA1, for the key length libsrtp's binding has no profile
for: AES-256. RFC 3711, RFC 6188."""

from __future__ import annotations

import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

SALT = 14  # bytes of the master salt
_BLOCK = 16
_HASH_KEY = 20
_WINDOW = 128  # packets behind the newest that are still told from replays (RFC 3711 §3.3.2: at least 64)
_SEEN = (1 << _WINDOW) - 1
_RTCP_TAG = 10  # of both strengths (RFC 4568 §6.2.2, RFC 6188 §4)
_RTCP_HEAD = 8
_ENCRYPTED = 1 << 31
_LAST_INDEX = 1 << 48


class Rejected(Exception):
    """A packet that does not authenticate, came before, or is no packet."""


class _Source:
    """Where one SSRC is: the highest index so far, and which of those below it were seen."""

    __slots__ = ("highest", "seen")

    def __init__(self) -> None:
        self.highest = -1
        self.seen = 0

    def guess(self, sequence: int) -> int:
        """The index of a packet, by its 16 bits of it. RFC 3711 §3.3.1."""
        if self.highest < 0:
            return sequence
        rollover, last = divmod(self.highest, 0x10000)
        if last < 0x8000:
            rollover -= sequence - last > 0x8000 and rollover > 0
        else:
            rollover += last - 0x8000 > sequence
        return rollover << 16 | sequence

    def is_new(self, index: int) -> bool:
        """Whether this index can still come for the first time. RFC 3711 §3.3.2."""
        behind = self.highest - index
        return behind < 0 or (behind < _WINDOW and not self.seen >> behind & 1)

    def took(self, index: int) -> None:
        """It came, and was genuine."""
        ahead = index - self.highest
        if ahead > 0:
            self.seen = (self.seen << min(ahead, _WINDOW) | 1) & _SEEN
            self.highest = index
        else:
            self.seen |= 1 << -ahead


class CounterMode:
    """One direction: protects what we send, or unprotects what comes. Raises Rejected for what cannot be.

    `master` is the master key and the 14 bytes of its salt; `tag` is bytes of authentication on RTP.
    """

    def __init__(self, master: bytes, tag: int) -> None:
        key, salt = master[:-SALT], master[-SALT:]
        self._tag = tag
        self._rtp = _Keys(key, salt, 0)
        self._rtcp = _Keys(key, salt, 3)
        self._sources: dict[int, _Source] = {}
        self._reports: dict[int, _Source] = {}

    def protect(self, packet: bytes) -> bytes:
        """An RTP packet to an SRTP packet. RFC 3711 §3.3."""
        start, ssrc = _payload(packet)
        source = self._sources.get(ssrc) or self._sources.setdefault(ssrc, _Source())
        index = source.guess(int.from_bytes(packet[2:4], "big"))
        if not source.is_new(index) or index >= _LAST_INDEX:
            raise Rejected("a packet of this number was sent")  # the same key stream twice gives both away
        sealed = packet[:start] + self._rtp.crypt(packet[start:], ssrc, index)
        source.took(index)
        return sealed + self._rtp.sign(sealed + (index >> 16).to_bytes(4, "big"))[: self._tag]

    def unprotect(self, packet: bytes) -> bytes:
        """An SRTP packet to an RTP packet. RFC 3711 §3.3."""
        sealed, tag = packet[: -self._tag], packet[-self._tag :]
        start, ssrc = _payload(sealed)
        source = self._sources.get(ssrc) or _Source()
        index = source.guess(int.from_bytes(sealed[2:4], "big"))
        if not source.is_new(index):
            raise Rejected("a replay")
        if not hmac.compare_digest(self._rtp.sign(sealed + (index >> 16).to_bytes(4, "big"))[: self._tag], tag):
            raise Rejected("a forgery")
        source.took(index)
        self._sources[ssrc] = source
        return sealed[:start] + self._rtp.crypt(sealed[start:], ssrc, index)

    def protect_rtcp(self, packet: bytes) -> bytes:
        """An RTCP packet to an SRTCP packet. RFC 3711 §3.4."""
        if len(packet) < _RTCP_HEAD:
            raise Rejected("too short for RTCP")
        ssrc = int.from_bytes(packet[4:8], "big")
        source = self._reports.get(ssrc) or self._reports.setdefault(ssrc, _Source())
        index = source.highest + 1
        source.took(index)
        body = self._rtcp.crypt(packet[_RTCP_HEAD:], ssrc, index)
        sealed = packet[:_RTCP_HEAD] + body + (_ENCRYPTED | index & 0x7FFFFFFF).to_bytes(4, "big")
        return sealed + self._rtcp.sign(sealed)[:_RTCP_TAG]

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """An SRTCP packet to an RTCP packet. RFC 3711 §3.4."""
        sealed, tag = packet[:-_RTCP_TAG], packet[-_RTCP_TAG:]
        if len(sealed) < _RTCP_HEAD + 4:
            raise Rejected("too short for SRTCP")
        ssrc, word = int.from_bytes(sealed[4:8], "big"), int.from_bytes(sealed[-4:], "big")
        source, index = self._reports.get(ssrc) or _Source(), word & 0x7FFFFFFF
        if not source.is_new(index):
            raise Rejected("a replay")
        if not hmac.compare_digest(self._rtcp.sign(sealed)[:_RTCP_TAG], tag):
            raise Rejected("a forgery")
        source.took(index)
        self._reports[ssrc] = source
        body = sealed[_RTCP_HEAD:-4]
        return sealed[:_RTCP_HEAD] + (self._rtcp.crypt(body, ssrc, index) if word & _ENCRYPTED else body)


class _Keys:
    """The session keys of RTP or of RTCP, derived from the master's: their labels begin at `label`."""

    __slots__ = ("_cipher", "_hash", "_salt")

    def __init__(self, key: bytes, salt: bytes, label: int) -> None:
        master = AES(key)
        self._cipher = AES(derive(master, salt, label, len(key)))
        self._hash = derive(master, salt, label + 1, _HASH_KEY)
        self._salt = int.from_bytes(derive(master, salt, label + 2, SALT), "big") << 16

    def crypt(self, data: bytes, ssrc: int, index: int) -> bytes:
        """Encrypt or decrypt. RFC 3711 §4.1.1."""
        start = self._salt ^ ssrc << 64 ^ index << 16
        return Cipher(self._cipher, CTR(start.to_bytes(_BLOCK, "big"))).encryptor().update(data)

    def sign(self, data: bytes) -> bytes:
        """The whole tag. RFC 3711 §4.2.1."""
        return hmac.digest(self._hash, data, "sha1")


def derive(master: AES, salt: bytes, label: int, length: int) -> bytes:
    """A session key of so many bytes. RFC 3711 §4.3.1, RFC 6188 §3; the key derivation rate is zero."""
    start = (int.from_bytes(salt, "big") ^ label << 48) << 16
    return Cipher(master, CTR(start.to_bytes(_BLOCK, "big"))).encryptor().update(bytes(length))


def _payload(packet: bytes) -> tuple[int, int]:
    """Where the payload of an RTP packet begins, and its SSRC."""
    if len(packet) < 12:
        raise Rejected("too short for RTP")
    start = 12 + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        if len(packet) < start + 4:
            raise Rejected("the header extension reaches beyond the packet")
        start += 4 + 4 * struct.unpack_from("!H", packet, start + 2)[0]
    if start > len(packet):
        raise Rejected("the header reaches beyond the packet")
    return start, int.from_bytes(packet[8:12], "big")
