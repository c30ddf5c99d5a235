"""A small PBX on the engine itself: registers anybody, notifies, answers calls. For simulations."""

from __future__ import annotations

from support.wire import Node, Wire

from sipclient.presence import State
from sipclient.protocol.account import Account
from sipclient.protocol.events import (
    AcceptSubscription,
    AddAccount,
    Answer,
    Event,
    IncomingCall,
    Notify,
    RequestReceived,
    Respond,
    Ring,
    SubscribeReceived,
    SubscriberGone,
)

_PIDF = """<?xml version="1.0"?><presence entity="sip:{ext}@pbx" xmlns="urn:ietf:params:xml:ns:pidf">
<note>{note}</note><tuple id="{ext}"><status><basic>{basic}</basic></status></tuple></presence>"""
NOTES = {
    State.READY: ("Ready", "open"),
    State.ON_THE_PHONE: ("On the phone", "open"),
    State.RINGING: ("Ringing", "open"),
    State.OFFLINE: ("Unavailable", "closed"),
}


class MiniPbx:
    """`calls` counts the INVITEs that reached it, by Call-ID; `state(ext, ...)` notifies whoever watches."""

    def __init__(self, wire: Wire, host: str = "10.0.0.1", seed: int = 99) -> None:
        self.node: Node = wire.node(host, seed=seed)
        self.node.on_event = self._event
        self.states: dict[str, State] = {}
        self.watchers: dict[int, str] = {}
        self.calls: list[str] = []
        account = Account(
            "sip:pbx@pbx.test",
            name="pbx",
            register=False,
            keepalive=0.0,
            peers=("0.0.0.0/0",),
            handles=frozenset({"REGISTER", "SUBSCRIBE"}),
        )
        self.node.do(AddAccount(account))

    def state(self, extension: str, state: State) -> None:
        self.states[extension] = state
        for id, watched in list(self.watchers.items()):
            if watched == extension:
                self._notify(id, extension)

    def _notify(self, id: int, extension: str) -> None:
        note, basic = NOTES[self.states.get(extension, State.READY)]
        body = _PIDF.format(ext=extension, note=note, basic=basic).encode()
        self.node.do(Notify(id, body, "application/pidf+xml"))

    def _event(self, event: Event) -> None:
        node = self.node
        if isinstance(event, RequestReceived):
            expires = str(event.message.expires or 0)
            node.do(Respond(event.request, 200, headers=(("Expires", expires),)))
        elif isinstance(event, SubscribeReceived):
            node.do(AcceptSubscription(event.id, event.expires))
            if event.expires == 0:
                node.do(Notify(event.id, state="terminated", reason="timeout"))
                return
            extension = event.request.to.uri.user or ""  # type: ignore[union-attr]
            self.watchers[event.id] = extension
            self._notify(event.id, extension)
        elif isinstance(event, SubscriberGone):
            self.watchers.pop(event.id, None)
        elif isinstance(event, IncomingCall):
            self.calls.append(event.request.call_id)
            node.do(Ring(event.id))
            node.do(Answer(event.id, body=b"v=0\r\n"))
