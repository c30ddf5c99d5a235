"""A PBX on the engine whose extension has a truth: what it tells may be lost, late, doubled, partial, or be no more."""

from __future__ import annotations

import random

from robustness.common import SERVER
from support.wire import Node, Wire

from sipclient.presence import State
from sipclient.protocol.account import Account
from sipclient.protocol.events import (
    AcceptSubscription,
    AddAccount,
    Event,
    Notify,
    Reject,
    RequestReceived,
    Respond,
    SubscribeReceived,
    SubscriberGone,
)

_PIDF = """<?xml version="1.0"?><presence entity="sip:1001@pbx" xmlns="urn:ietf:params:xml:ns:pidf">
<note>{}</note><tuple id="1"><status><basic>{}</basic></status></tuple></presence>"""
_DIALOGS = """<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{}" state="{}"
 entity="sip:1001@pbx">{}</dialog-info>"""
_DIALOG = '<dialog id="{0}" call-id="{0}"><state>{1}</state>{2}</dialog>'
_HELD = '<local><target uri="sip:1001@pbx"><param pname="+sip.rendering" pvalue="no"/></target></local>'
_NOTES = {
    State.READY: ("Ready", "open"),
    State.RINGING: ("Ringing", "open"),
    State.ON_THE_PHONE: ("On the phone", "open"),
    State.ON_HOLD: ("On hold", "open"),
    State.OFFLINE: ("Unavailable", "closed"),
}
REASONS = (
    "", "deactivated", "timeout", "probation", "probation;retry-after=3", "giveup", "giveup;retry-after=7", "rejected",
    "noresource", "invariant", "unheardof",
)  # fmt: skip


class TruthfulPbx:
    """One extension, 1001. `truth` is what it does; `tell` notifies, and the network does the rest."""

    def __init__(self, wire: Wire, rng: random.Random, seed: int) -> None:
        self.node: Node = wire.node(SERVER, seed=seed)
        self.node.on_event = self._event
        self._rng = rng
        self.online = True
        self.dialogs: dict[str, str] = {}  # id -> confirmed, early, or held
        self.watchers: dict[int, str] = {}  # subscription -> package
        self._versions: dict[int, int] = {}
        self.refuse: list[int] = []  # statuses for the next SUBSCRIBEs
        account = Account(
            "sip:pbx@pbx.test",
            name="pbx",
            register=False,
            keepalive=0.0,
            peers=("10.0.0.0/8",),
            handles=frozenset({"REGISTER", "SUBSCRIBE"}),
        )
        self.node.do(AddAccount(account))

    @property
    def truth(self) -> State:
        """By the field's own words: talking beats holding beats ringing; no dialog is ready, or offline."""
        kinds = set(self.dialogs.values())
        if "confirmed" in kinds:
            return State.ON_THE_PHONE
        if "held" in kinds:
            return State.ON_HOLD
        if kinds:
            return State.RINGING
        return State.READY if self.online else State.OFFLINE

    # --- what happens ---------------------------------------------------------------------------------

    def change(self, *, told: bool = True) -> None:
        """Something happens at the phone, and is told: as a partial document where dialogs are watched.

        Not told, it counts as a version all the same.
        """
        rng = self._rng
        if not self.dialogs and rng.random() < 0.2:
            self.online = not self.online
            self.tell({}, skip=not told)
            return
        name = rng.choice([*self.dialogs, "new"]) if len(self.dialogs) < 3 else rng.choice(list(self.dialogs))
        if name == "new":
            self.online, name = True, f"d{rng.getrandbits(40):x}"
            self.dialogs[name] = rng.choice(("early", "confirmed"))
        elif self.dialogs[name] == "early":
            self._end_or(name, "confirmed")
        else:
            self._end_or(name, rng.choice(("confirmed", "held")))
        self.tell({name: self.dialogs.get(name, "terminated")}, skip=not told)

    def _end_or(self, name: str, state: str) -> None:
        if self._rng.random() < 0.5:
            del self.dialogs[name]
        else:
            self.dialogs[name] = state

    def tell(self, changed: dict[str, str], *, skip: bool = False) -> None:
        """NOTIFY everybody. `skip`: the version counts, and nothing is sent (a gap)."""
        for id, package in list(self.watchers.items()):
            self._versions[id] += 1
            if not skip:
                self._notify(id, package, changed, full=self._rng.random() < 0.2)

    def gap(self) -> None:
        """A change whose NOTIFY never left, and the next one's that does."""
        self.change(told=False)
        self.change()

    def again(self) -> None:
        """The same news once more, as PBXs do on every refresh of somebody else."""
        self.tell({})

    def terminate(self, reason: str) -> None:
        for id in list(self.watchers):
            self.node.do(Notify(id, state="terminated", reason=reason))

    # --- NOTIFYs ----------------------------------------------------------------------------------------

    def _notify(self, id: int, package: str, changed: dict[str, str], *, full: bool) -> None:
        if package == "presence":
            body, kind = _PIDF.format(*_NOTES[self.truth]), "application/pidf+xml"
        else:
            named = self.dialogs if full else changed
            text = "".join(
                _DIALOG.format(name, "confirmed" if state == "held" else state, _HELD if state == "held" else "")
                for name, state in named.items()
            )
            body = _DIALOGS.format(self._versions[id], "full" if full else "partial", text)
            kind = "application/dialog-info+xml"
        self.node.do(Notify(id, body.encode(), kind))

    def _event(self, event: Event) -> None:
        node = self.node
        if isinstance(event, RequestReceived):
            node.do(Respond(event.request, 200, headers=(("Expires", str(event.message.expires or 0)),)))
        elif isinstance(event, SubscribeReceived):
            if self.refuse and event.expires:
                node.do(Reject(event.id, self.refuse.pop()))
                return
            node.do(AcceptSubscription(event.id, event.expires))
            if event.expires == 0:
                node.do(Notify(event.id, state="terminated", reason="timeout"))
                return
            self.watchers[event.id] = event.package
            self._versions[event.id] = self._versions.get(event.id, -1) + 1
            self._notify(event.id, event.package, {}, full=True)
        elif isinstance(event, SubscriberGone):
            self.watchers.pop(event.id, None)
            self._versions.pop(event.id, None)
