"""DTLS-SRTP over any other transport: a handshake between the packets, and then SRTP with its keys. RFC 5764."""

from __future__ import annotations

from collections.abc import Callable

from sipclient.media.certificate import Certificate
from sipclient.media.engine import Handle, Loop
from sipclient.media.handshake import Handshake
from sipclient.media.packets import PacketTransport, Receiver
from sipclient.media.srtp import SrtpTransport
from sipclient.sdp import Dtls, Setup

PATIENCE = 10.0  # seconds for the handshake, from when packets can flow
_RECORDS = range(20, 64)  # the first byte of DTLS (RFC 7983 §7)


class DtlsTransport(SrtpTransport):
    """See PacketTransport. `agree` says what was negotiated, `begin` that packets can flow; then the handshake
    runs. What fails it for good (no answer in 10 s, a certificate that is not the announced one) is told once."""

    def __init__(self, lower: PacketTransport, loop: Loop, certificate: Certificate) -> None:
        super().__init__(lower)
        self._loop = loop
        self._certificate = certificate
        self._agreed: Dtls | None = None
        self._handshake: Handshake | None = None
        self._flowing = False
        self._repeat: Handle | None = None
        self._deadline: Handle | None = None
        self._tell: Callable[[str], None] | None = None

    @property
    def secured(self) -> bool:
        """Whether the handshake of the present agreement is complete."""
        return self._handshake is not None and self._handshake.keys is not None

    @property
    def role(self) -> Setup | None:
        """Our role, once it is agreed: it stays for as long as the association does (RFC 8842 §5.5)."""
        return None if self._agreed is None else self._agreed.setup

    def agree(self, dtls: Dtls, wait: bool = False) -> None:
        """The negotiated role of ours and the fingerprints of the peer. The same again changes nothing; another
        certificate or role is a new association, and the old keys serve until it is there (RFC 8842 §3.1).
        `wait`: it begins with the next `begin`, for packets do not flow to its peer yet."""
        if dtls == self._agreed:
            return
        self._forget()
        self._flowing = self._flowing and not wait
        self._agreed = dtls
        self._handshake = Handshake(self._certificate, dtls.setup is Setup.ACTIVE, dtls.fingerprints)
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

    def close(self) -> None:
        """Say goodbye, and no more."""
        if self._handshake is not None:
            self._post(self._handshake.close())
        self._forget()
        self._tell = None
        super().close()

    def take_rtp(self, data: bytes, at: float) -> bool:
        """A packet came from below: SRTP, or a piece of the handshake."""
        if data and data[0] in _RECORDS:
            return self._take_record(data)
        return super().take_rtp(data, at)

    def take_rtcp(self, data: bytes, at: float) -> bool:
        """A packet came from below whose second byte is as RTCP's is."""
        if data and data[0] in _RECORDS:
            return self._take_record(data)
        return super().take_rtcp(data, at)

    def _open(self) -> None:
        if self._handshake is None or self._handshake.over or self._deadline is not None:
            return
        self._deadline = self._loop.call_at(self._loop.time() + PATIENCE, self._gave_up)
        if self._agreed is not None and self._agreed.setup is Setup.ACTIVE:
            self._post(self._handshake.begin())
            self._watch()

    def _take_record(self, data: bytes) -> bool:
        handshake = self._handshake
        if handshake is None or not self._flowing:
            self._refused += 1
            return False
        was_over = handshake.over
        answer = handshake.receive(data)
        self._post(answer)
        if handshake.keys is not None and not was_over:
            self.rekey(*handshake.keys)
        self._watch()
        return bool(answer) or handshake.keys is not None

    def _watch(self) -> None:
        """Repeat the last flight when its time has come, or end the matter."""
        handshake = self._handshake
        if handshake is None:
            return
        if self._repeat is not None:
            self._repeat.cancel()
            self._repeat = None
        if handshake.over and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
            if handshake.failure:
                self._fail(handshake.failure)
        timeout = handshake.timeout
        if timeout is not None:
            self._repeat = self._loop.call_at(self._loop.time() + timeout, self._again)

    def _again(self) -> None:
        self._repeat = None
        if self._handshake is not None:
            self._post(self._handshake.expired())
            self._watch()

    def _gave_up(self) -> None:
        self._deadline = None
        self._fail(f"no DTLS with the peer in {PATIENCE:.0f} seconds")
        self._forget()

    def _fail(self, reason: str) -> None:
        if self._tell is not None:
            self._tell(reason)

    def _post(self, datagrams: list[bytes]) -> None:
        for datagram in datagrams:
            self._lower.send_rtp(datagram)

    def _forget(self) -> None:
        for handle in (self._repeat, self._deadline):
            if handle is not None:
                handle.cancel()
        self._repeat = self._deadline = self._handshake = None
