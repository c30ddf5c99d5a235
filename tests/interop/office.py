"""An office behind Kamailio: SIPp phones that publish and call, a SIPp queue, and what reached it."""

from __future__ import annotations

from collections.abc import Sequence

from interop.kamailio_server import PASSWORD, Kamailio
from interop.sipp_peer import Run, Sipp

from sipclient.message import Request, parse


class Queue:
    """The number 7000: answers every call, and hangs up after `talk` milliseconds; 0: leaves that to the caller."""

    def __init__(self, sipp: Sipp, port: int, talk: int) -> None:
        self._run = sipp.start("queue_hangs_up" if talk else "queue", port=port, calls=0, pause=talk)

    @property
    def answered(self) -> int:
        """How many of its calls were answered and acknowledged."""
        return len(self._run.received(b"ACK"))

    @property
    def hung_up(self) -> int:
        """How many of its calls it ended."""
        return len(self._run.sent(b"BYE"))

    @property
    def calls(self) -> Sequence[Request]:
        """The INVITE of each call that reached it; a repeated one is the same call."""
        invites: dict[str, Request] = {}
        for data in self._run.received(b"INVITE"):
            request = parse(data.rstrip(b"\n") + b"\n")
            assert isinstance(request, Request)
            invites.setdefault(request.call_id, request)
        return tuple(invites.values())


class Phone:
    """An extension whose phone publishes its presence."""

    def __init__(self, sipp: Sipp, kamailio: Kamailio, extension: str) -> None:
        self._sipp = sipp
        self._kamailio = kamailio
        self.extension = extension
        self._etag = ""

    async def says(self, note: str, basic: str = "open") -> None:
        """Publish a PIDF; returns once the server took it."""
        run = self._sipp.start(
            "publish",
            to=self._kamailio.port,
            keys={
                "extension": self.extension,
                "note": note,
                "basic": basic,
                "condition": f"SIP-If-Match: {self._etag}" if self._etag else "X-First: yes",
            },
            login=(self.extension, PASSWORD),
        )
        await run.finish()
        self._etag = run.logged.strip().removeprefix("etag=")

    def forget(self) -> None:
        """The server lost what was published."""
        self._etag = ""


class Office:
    """What the tests of the main job need, on one Kamailio."""

    def __init__(self, kamailio: Kamailio, sipp: Sipp, *, talk: int = 0) -> None:
        self.kamailio = kamailio
        self._sipp = sipp
        self.queue = Queue(sipp, kamailio.queue, talk)

    def phone(self, extension: str) -> Phone:
        """An extension that publishes."""
        return Phone(self._sipp, self.kamailio, extension)

    def start_call(self, *, answered: bool = True, pause: int = 300) -> tuple[Run, Run]:
        """1002 calls 1001 through the server, and talks, or rings, for `pause` milliseconds."""
        callee = self._sipp.start("queue" if answered else "phone_busy", port=self.kamailio.phone, pause=pause)
        caller = self._sipp.start("phone_calls", to=self.kamailio.port, login=("1002", PASSWORD), pause=pause)
        return caller, callee

    async def call(self, *, answered: bool = True, pause: int = 300) -> None:
        """The same, from beginning to end."""
        for run in self.start_call(answered=answered, pause=pause):
            await run.finish()
