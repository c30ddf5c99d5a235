"""DTLS-SRTP over any other transport: a handshake between the packets, and then SRTP with its keys. RFC 5764."""

from __future__ import annotations

from collections.abc import Callable

from sipclient.media.certificate import Certificate
from sipclient.media.engine import Handle, Loop
from sipclient.media.handshake import Handshake
from sipclient.media.packets import PacketTransport, Receiver, is_record
from sipclient.media.srtp import Keyring, SrtpTransport
from sipclient.sdp import CryptoKey, Dtls, Setup

PATIENCE = 10.0  # seconds for the handshake, from when packets can flow


class Association:
    """One handshake in time: repeated while nothing comes, and given up. `keyed` gets the keys, `failed` the words
    where there will be none, each at most once."""

    def __init__(
        self,
        handshake: Handshake,
        loop: Loop,
        send: Callable[[bytes], None],
        keyed: Callable[[CryptoKey, CryptoKey], None],
        failed: Callable[[str], None],
    ) -> None:
        self._handshake = handshake
        self._loop = loop
        self._send = send
        self._keyed = keyed
        self._failed = failed
        self._repeat: Handle | None = None
        self._deadline: Handle | None = None

    @property
    def secured(self) -> bool:
        """Whether it is complete."""
        return self._handshake.keys is not None

    def open(self, active: bool) -> None:
        """Packets can flow from now on. Twice is harmless."""
        if self._handshake.over or self._deadline is not None:
            return
        self._deadline = self._loop.call_at(self._loop.time() + PATIENCE, self._gave_up)
        if active:
            self._post(self._handshake.begin())
            self._watch()

    def take(self, data: bytes) -> bool:
        """A record came; whether it was of any use."""
        was_over = self._handshake.over
        answer = self._handshake.receive(data)
        self._post(answer)
        keys = self._handshake.keys
        if keys is not None and not was_over:
            self._keyed(*keys)
        self._watch()
        return bool(answer) or keys is not None

    def say_goodbye(self) -> None:
        """The peer may forget it too."""
        self._post(self._handshake.close())

    def stop(self) -> None:
        """No timer of it rings any more."""
        for handle in (self._repeat, self._deadline):
            if handle is not None:
                handle.cancel()
        self._repeat = self._deadline = None

    def _watch(self) -> None:
        """Repeat the last flight when its time has come, or end the matter."""
        if self._repeat is not None:
            self._repeat.cancel()
            self._repeat = None
        if self._handshake.over and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
            if self._handshake.failure:
                self._failed(self._handshake.failure)
        timeout = self._handshake.timeout
        if timeout is not None:
            self._repeat = self._loop.call_at(self._loop.time() + timeout, self._again)

    def _again(self) -> None:
        self._repeat = None
        self._post(self._handshake.expired())
        self._watch()

    def _gave_up(self) -> None:
        self.stop()
        self._failed(f"no DTLS with the peer in {PATIENCE:.0f} seconds")

    def _post(self, datagrams: list[bytes]) -> None:
        for datagram in datagrams:
            self._send(datagram)


class DtlsTransport(SrtpTransport):
    """See PacketTransport. `agree` says what was negotiated, `begin` that packets can flow; then the handshake
    runs. What fails it for good (no answer in 10 s, a certificate that is not the announced one) is told once.

    Without rtcp-mux RTCP has an association of its own (RFC 5764 §4.1.2): no reports without it, but sound."""

    def __init__(self, lower: PacketTransport, loop: Loop, certificate: Certificate) -> None:
        super().__init__(lower)
        self._loop = loop
        self._certificate = certificate
        self._agreed: Dtls | None = None
        self._main: Association | None = None
        self._second: Association | None = None  # RTCP's
        self._flowing = False
        self._tell: Callable[[str], None] | None = None

    @property
    def secured(self) -> bool:
        """Whether the handshake of the present agreement is complete."""
        return self._main is not None and self._main.secured

    @property
    def role(self) -> Setup | None:
        """Our role, once it is agreed: it stays for as long as the association does (RFC 8842 §5.5)."""
        return None if self._agreed is None else self._agreed.setup

    def agree(self, dtls: Dtls, mux: bool = True, wait: bool = False) -> None:
        """The negotiated role of ours and the fingerprints of the peer. The same again changes nothing; another
        certificate or role is a new association, and the old keys serve until it is there (RFC 8842 §3.1).
        `wait`: it begins with the next `begin`, for packets do not flow to its peer yet."""
        if dtls == self._agreed:
            return
        self._forget()
        self._flowing = self._flowing and not wait
        self._agreed = dtls
        self._main = self._associated(dtls, self._post, self._keys, self._fail)
        if mux:
            self._rtcp_keys = self._keys
        else:
            self._rtcp_keys = Keyring()
            self._second = self._associated(dtls, self._post_second, self._rtcp_keys, _no_matter)
        if self._flowing:
            self._open()

    def begin(self) -> None:
        """Packets can flow, both ways. Twice is harmless."""
        if not self._flowing:
            self._flowing = True
            self._open()

    def start(self, rtp: Receiver, rtcp: Receiver, failed: Callable[[str], None]) -> None:
        """Deliver from now on; see PacketTransport."""
        self._tell = failed
        super().start(rtp, rtcp, failed)

    def abandon(self) -> None:
        """Another kind of media was agreed on: no handshake of before fails the call any more."""
        self._forget()
        self._tell = None

    def close(self) -> None:
        """Say goodbye, and no more."""
        for each in (self._main, self._second):
            if each is not None:
                each.say_goodbye()
        self._forget()
        self._tell = None
        super().close()

    def take_rtp(self, data: bytes, at: float) -> bool:
        """A packet came from below: SRTP, or a piece of the handshake."""
        if is_record(data):
            return self._take_record(data, self._main)
        return super().take_rtp(data, at)

    def take_rtcp(self, data: bytes, at: float) -> bool:
        """A packet came from below, on RTCP's own port or with a second byte as RTCP's is."""
        if is_record(data):
            return self._take_record(data, self._second or self._main)
        return super().take_rtcp(data, at)

    def _associated(
        self, dtls: Dtls, send: Callable[[bytes], None], keys: Keyring, failed: Callable[[str], None]
    ) -> Association:
        handshake = Handshake(self._certificate, dtls.setup is Setup.ACTIVE, dtls.fingerprints)
        return Association(handshake, self._loop, send, keys.rekey, failed)

    def _post(self, record: bytes) -> None:
        self._lower.send_rtp(record)  # whatever that is by now

    def _post_second(self, record: bytes) -> None:
        self._lower.send_rtcp(record)

    def _open(self) -> None:
        for each in (self._main, self._second):
            if each is not None:
                each.open(self.role is Setup.ACTIVE)

    def _take_record(self, data: bytes, association: Association | None) -> bool:
        if association is None or not self._flowing:
            self._refused += 1
            return False
        return association.take(data)

    def _fail(self, reason: str) -> None:
        if self._second is not None:
            self._second.stop()
        if self._tell is not None:
            self._tell(reason)

    def _forget(self) -> None:
        for each in (self._main, self._second):
            if each is not None:
                each.stop()
        self._main = self._second = None


def _no_matter(reason: str) -> None:
    """RTCP without keys is not sent, and the sound goes on."""
