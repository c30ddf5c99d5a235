"""An answered call of the engine's, and a peer inside it."""

from __future__ import annotations

from typing import Any

from support.peer import transaction_free

from sipclient.message import Response, parse
from sipclient.protocol.events import Answer, CallEnded, IncomingCall, Invite

SDP = b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n"
CONTACT = ("Contact", "<sip:pbx@10.0.0.1:5060>")


class Inside:
    """An answered call, from either side, and a peer that speaks in its dialog."""

    def __init__(self, bench: Any, *headers: tuple[str, str], ours: bool = True, answer: tuple = ()) -> None:
        self.bench = bench
        bench.add(register=False)
        self.answers: list[int] = []
        self.cseq = 1000
        if ours:
            bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, 200, CONTACT, *answer)])
            bench.robot.do(Invite(1, "pbx", "7000", headers=headers, body=SDP))
            bench.wire.run(0.1)
            self.id = 1
            invite = bench.pbx.requests("INVITE")[0]
            self.call_id = invite.call_id
            self.remote, self.local = "<sip:7000@pbx.test>;tag=peer", f"<sip:robot@pbx.test>;tag={invite.from_tag}"
        else:
            data = bench.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, *headers, body=SDP, cseq=999)
            self.invite = parse(data)
            self.inject(data)
            self.id = bench.robot.of(IncomingCall)[-1].id
            bench.robot.do(Answer(self.id, body=SDP))
            bench.wire.run(0.1)
            self.ok = bench.pbx.responses("INVITE")[-1]
            self.call_id = self.ok.call_id
            self.remote, self.local = self.ok.headers.get("From"), self.ok.headers.get("To")
            self.ack(999)

    def inject(self, data: bytes) -> None:
        self.bench.wire.inject(self.bench.robot, data, source=("10.0.0.1", 5060))
        self.bench.wire.run(0.1)

    def say(
        self, method: str, *headers: tuple[str, str], body: bytes = b"", content_type: str = "application/sdp"
    ) -> list[Response]:
        """A request in the dialog; the responses to it."""
        self.cseq += 1
        before = len(self.bench.pbx.inbox)
        self.inject(
            self.bench.pbx.request(
                method,
                "sip:robot@10.0.0.2",
                *headers,
                call_id=self.call_id,
                from_=self.remote,
                to=self.local,
                cseq=self.cseq,
                body=body,
                content_type=content_type,
            )
        )
        return [m for m in self.bench.pbx.inbox[before:] if isinstance(m, Response)]

    def ack(self, cseq: int) -> None:
        uri = "sip:robot@10.0.0.2"
        named = {"call_id": self.call_id, "from_": self.remote, "to": self.local, "cseq": cseq}
        self.inject(self.bench.pbx.request("ACK", uri, **named))

    def ended(self) -> CallEnded:
        (event,) = self.bench.robot.of(CallEnded)
        return event
