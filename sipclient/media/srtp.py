"""SRTP over any other transport, with keys of whatever origin: from descriptions (SDES) or from DTLS. RFC 3711."""

from __future__ import annotations

from collections.abc import Callable

from sipclient.media.packets import PacketTransport, Receiver, nobody
from sipclient.media.suites import Context, open_context, refusals, suite_named
from sipclient.sdp import CryptoKey

MOST_SOURCES = 256  # SSRCs that may come under one key: each costs memory while the key is in use


class _Incoming:
    """What comes under one key: its context, and the sources there were."""

    __slots__ = ("context", "key", "sources")

    def __init__(self, key: CryptoKey) -> None:
        self.key = key
        self.context = open_context(suite_named(key.suite), key.key, sending=False)
        self.sources: set[bytes] = set()

    def has_room(self, source: bytes) -> bool:
        return source in self.sources or len(self.sources) < MOST_SOURCES


class Keyring:
    """The keys of one kind of packet, or of all: what we send with, and what opens what comes."""

    __slots__ = ("_incoming", "_ours", "send")

    def __init__(self) -> None:
        self.send: Context | None = None
        self._ours: CryptoKey | None = None
        self._incoming: tuple[_Incoming, ...] = ()

    def rekey(self, ours: CryptoKey, theirs: CryptoKey) -> None:
        """See SrtpTransport."""
        send = self.send
        if ours != self._ours:
            send = open_context(suite_named(ours.suite), ours.key, sending=True)
        if not self._incoming or self._incoming[0].key != theirs:
            before = next((each for each in self._incoming if each.key == theirs), None)
            self._incoming = (before or _Incoming(theirs), *self._incoming[:1])
        self._ours, self.send = ours, send

    def opened(self, data: bytes, rtcp: bool, refusals: tuple[type[Exception], ...]) -> bytes | None:
        """The packet in clear text; None for a forgery, a replay, or one source too many."""
        source = data[4:8] if rtcp else data[8:12]
        for incoming in self._incoming:
            try:
                if not incoming.has_room(source):
                    continue
                plain = incoming.context.unprotect_rtcp(data) if rtcp else incoming.context.unprotect(data)
            except refusals:
                continue
            incoming.sources.add(source)
            if incoming is self._incoming[0] and len(self._incoming) > 1:
                self._incoming = (incoming,)  # once something came under the newest key, the one before is done with
            return plain
        return None


class SrtpTransport:
    """Encrypts what goes through, decrypts and authenticates what comes; see PacketTransport.

    Replays, forgeries and what comes before there is a key are dropped and counted; nothing of that ends a
    call. After a change of keys, packets under the old one are taken until the first under the new comes.
    """

    def __init__(self, lower: PacketTransport) -> None:
        self._lower = lower
        self._refused = 0
        self._held_back = 0
        self._keys = Keyring()
        self._rtcp_keys = self._keys
        self._rtp: Receiver = nobody
        self._rtcp: Receiver = nobody
        self._failed: Callable[[str], None] | None = None
        self._refusals = refusals()

    @property
    def lower(self) -> PacketTransport:
        """What it stands on."""
        return self._lower

    @property
    def dropped(self) -> int:
        """Packets that came and were not delivered: strangers', replays, forgeries."""
        return self._refused + self._lower.dropped

    @property
    def unsent(self) -> int:
        """Packets that could not be sent."""
        return self._held_back + self._lower.unsent

    def rekey(self, ours: CryptoKey, theirs: CryptoKey) -> None:
        """Encrypt with our key and decrypt with theirs from now on. A key that did not change goes on with its
        counts: a new context would let replays in, and use the same key stream twice (RFC 3711 §9.1).

        Raises MediaError for a suite there is not, or a key of a wrong length; nothing has changed then.
        """
        self._keys.rekey(ours, theirs)

    def start(self, rtp: Receiver, rtcp: Receiver, failed: Callable[[str], None]) -> None:
        """Deliver from now on; see PacketTransport."""
        self._rtp, self._rtcp, self._failed = rtp, rtcp, failed
        self._lower.start(self.take_rtp, self.take_rtcp, failed)

    def stand_on(self, lower: PacketTransport) -> None:
        """Go on over another transport, with the same keys and counts; the one before is for whoever made it to
        close. Nothing changes where it stands there already."""
        if lower is self._lower:
            return
        self._refused += self._lower.dropped
        self._held_back += self._lower.unsent
        self._lower = lower
        if self._failed is not None:
            lower.start(self.take_rtp, self.take_rtcp, self._failed)

    def close(self) -> None:
        """No more, below either."""
        self._keys = self._rtcp_keys = Keyring()
        self._lower.close()

    def send_rtp(self, data: bytes | bytearray) -> None:
        """See PacketTransport."""
        if self._keys.send is None:
            self._held_back += 1
            return
        try:
            sealed = self._keys.send.protect(bytes(data))
        except self._refusals:
            self._held_back += 1
            return
        self._lower.send_rtp(sealed)

    def send_rtcp(self, data: bytes) -> None:
        """See PacketTransport."""
        if self._rtcp_keys.send is None:
            self._held_back += 1
            return
        try:
            sealed = self._rtcp_keys.send.protect_rtcp(data)
        except self._refusals:
            self._held_back += 1
            return
        self._lower.send_rtcp(sealed)

    def take_rtp(self, data: bytes, at: float) -> bool:
        """An SRTP packet came from below. What authenticates is the peer's, whatever is made of it above."""
        plain = self._keys.opened(data, False, self._refusals)
        if plain is None:
            self._refused += 1
            return False
        self._rtp(plain, at)
        return True

    def take_rtcp(self, data: bytes, at: float) -> bool:
        """An SRTCP packet came from below."""
        plain = self._rtcp_keys.opened(data, True, self._refusals)
        if plain is None:
            self._refused += 1
            return False
        self._rtcp(plain, at)
        return True
