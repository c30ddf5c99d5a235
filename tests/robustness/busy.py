"""A robot in the middle of everything, and messages that mean something to it: what fuzzing starts from."""

from __future__ import annotations

from robustness.common import CONTACT, SDP, Bench
from robustness.mutations import torture

from sipclient.message import Limits, Request
from sipclient.protocol.events import Answer, IncomingCall, Invite, Watch

PIDF = (
    b'<presence xmlns="urn:ietf:params:xml:ns:pidf">'
    b'<tuple id="1"><status><basic>open</basic></status></tuple></presence>'
)


class Busy(Bench):
    """A robot in the middle of everything: registered, watching, in one call it made and one it took."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed)
        self.pbx.limits = Limits(message=200_000, headers=1_000)  # an answer repeats each of 256 Vias, and adds lines
        self.obliging().add(register=True)
        self.robot.do(Watch(1, "pbx", "1001", ("presence", "dialog")))
        self.robot.do(Invite(2, "pbx", "7000", body=SDP))
        self.wire.run(0.2)
        invite = self.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, body=SDP, call_id="theirs")
        self.send(invite)
        self.robot.do(Answer(self.robot.of(IncomingCall)[0].id, body=SDP))
        self.wire.run(0.1)
        self.robot.do(Invite(3, "pbx", "7001", body=SDP))

    def seeds(self) -> list[bytes]:
        """Messages that mean something here: to each dialog, each transaction."""
        pbx = self.pbx
        seeds = torture()
        for request in pbx.requests("SUBSCRIBE"):
            headers = (CONTACT, ("Event", request.event[0]), ("Subscription-State", "active;expires=300"))
            seeds.append(self._within(request, "NOTIFY", *headers, body=PIDF, content_type="application/pidf+xml"))
        for request in pbx.requests("INVITE"):
            seeds += [self._within(request, method, CONTACT) for method in ("BYE", "UPDATE", "INFO", "REFER", "PRACK")]
            seeds.append(self._within(request, "INVITE", CONTACT, body=SDP))
            seeds += [pbx.reply(request, status, CONTACT, body=SDP) for status in (183, 200, 302, 401, 486)]
        for request in [*pbx.requests("REGISTER"), *pbx.requests("SUBSCRIBE")]:
            challenge = ("WWW-Authenticate", 'Digest realm="pbx", nonce="n", qop="auth", algorithm=SHA-256')
            seeds += [pbx.reply(request, 401, challenge), pbx.reply(request, 200, CONTACT, ("Expires", "60"))]
        (ok,) = [each for each in pbx.responses("INVITE") if each.status == 200][:1]
        to = ok.headers.get("To") or ""
        seeds += [
            pbx.request(method, "sip:robot@10.0.0.2", call_id="theirs", to=to, cseq=number)
            for number, method in enumerate(("ACK", "BYE", "CANCEL", "INVITE", "MESSAGE", "OPTIONS"), 1)
        ]
        return seeds

    def _within(self, request: Request, method: str, *headers: tuple[str, str], **more: object) -> bytes:
        target = request.headers.get("From") or ""
        from_ = "<sip:1001@pbx.test>;tag=peer"
        return self.pbx.request(
            method,
            "sip:robot@10.0.0.2",
            *headers,
            call_id=request.call_id,
            from_=from_,
            to=target,
            **more,  # type: ignore[arg-type]
        )
