"""Calls between phones: two legs joined back to back, with everything that one side says told to the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count

from sipclient.lab.legs import Bridge, Leg, caller_id_of, passed_on, refusal_of
from sipclient.lab.numbers import Kind, holds, kind_of, reflected
from sipclient.lab.queue import QueueDesk
from sipclient.lab.registrar import Registrar
from sipclient.lab.values import Dialog, Queue, Settings, User
from sipclient.message import SipUri
from sipclient.presence import State
from sipclient.protocol.events import (
    Answer,
    Answered,
    AnswerOffer,
    CallEnded,
    Command,
    Hangup,
    Headers,
    InCallRequest,
    IncomingCall,
    Invite,
    Offer,
    OfferAnswered,
    OfferReceived,
    Redirect,
    Redirected,
    Reject,
    Ring,
    Ringing,
    SendInCall,
)
from sipclient.protocol.timers import Timers

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'
RELAYED = ("INFO", "MESSAGE")

CallEvent = Ringing | Redirected | Answered | OfferReceived | OfferAnswered | InCallRequest | CallEnded


class Calls:
    """Every call of the lab. `dialog` hears what each extension's part in each call is."""

    def __init__(
        self,
        account: str,
        users: Mapping[str, User],
        queues: Mapping[str, Queue],
        settings: Settings,
        registrar: Registrar,
        timers: Timers,
        *,
        do: Callable[[Command], None],
        dialog: Callable[[str, int, Dialog | None], None],
        busy: Callable[[str], bool],
        now: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        self._account = account
        self._users = users
        self._queues = queues
        self._settings = settings
        self._registrar = registrar
        self._do = do
        self._dialog = dialog
        self._busy = busy
        self._log = log
        self._ids = count(1)
        self._requests = count(1)
        self._bridges: dict[int, Bridge] = {}  # by the id of either leg
        self._legs: dict[int, Leg] = {}
        self._desks = {number: QueueDesk(queue, self, timers, now) for number, queue in queues.items()}

    def __len__(self) -> int:
        return len({id(bridge) for bridge in self._bridges.values()})

    # --- from a phone -------------------------------------------------------------------------------

    def place(self, event: IncomingCall, caller: User) -> None:
        """An authenticated call: to wherever its number leads."""
        uri = event.request.uri
        number = uri.user_text if isinstance(uri, SipUri) else str(uri)
        kind = kind_of(number, self._users, self._queues, self._settings)
        self._log(f"{caller.extension} calls {number[:40]}")
        if kind is Kind.REFUSING:
            self._refuse(event.id, caller.extension, int(number))
        elif kind is Kind.UNKNOWN:
            self._refuse(event.id, caller.extension, 404)
        elif kind is Kind.EXTENSION and self._busy(number) and self._forwards(number, caller):
            diverted = f"<sip:{number}@{self._settings.domain}>;reason=user-busy"  # RFC 5806 §4
            self._log(f"{number} is busy: {caller.extension} goes on to {self._settings.busy_to}")
            self._begin(event, caller, number, kind, self._settings.busy_to, (("Diversion", diverted),))
        elif kind is Kind.EXTENSION and not self._registrar.registered(number):
            self._refuse(event.id, caller.extension, 480)
        elif kind is Kind.ECHO and reflected(event.request.body) is None:
            self._refuse(event.id, caller.extension, 488)
        else:
            self._begin(event, caller, number, kind)

    def _refuse(self, call: int, caller: str, status: int, headers: Headers = ()) -> None:
        self._log(f"{caller} is refused: {status}")
        self._do(Reject(call, status, headers=headers))

    def _forwards(self, number: str, caller: User) -> bool:
        to = self._settings.busy_to
        return to not in ("", number, caller.extension) and self._registrar.registered(to)

    def _begin(
        self,
        event: IncomingCall,
        caller: User,
        number: str,
        kind: Kind,
        rings: str = "",
        headers: Headers = (),
    ) -> None:
        leg = Leg(event.id, caller.extension, caller=True, other=number, state=State.ON_THE_PHONE)
        bridge = Bridge(leg, number, event.request)
        self._legs[leg.id] = leg
        self._bridges[leg.id] = bridge
        self._tell(leg)
        if kind is Kind.EXTENSION:
            for binding in self._registrar.bindings(rings or number):
                self._invite(bridge, rings or number, self._settings.ring_for, binding.contact, headers)
        elif kind is Kind.QUEUE:
            self._do(Ring(leg.id))
            self._desks[number].enter(leg.id)
        elif kind is Kind.NEVER:
            self._do(Ring(leg.id))
        else:
            bridge.answered = leg
            self._do(Answer(leg.id, body=reflected(event.request.body) or b""))

    def _invite(self, bridge: Bridge, extension: str, seconds: float, contact: str = "", headers: Headers = ()) -> None:
        for binding in self._registrar.bindings(extension):
            if contact in ("", binding.contact):
                leg = Leg(next(self._ids), extension, caller=False, other=bridge.shown_number, state=None)
                leg.other_name = bridge.shown_name
                self._legs[leg.id] = leg
                self._bridges[leg.id] = bridge
                bridge.ringing[leg.id] = leg
                request = bridge.request
                self._do(
                    Invite(
                        leg.id,
                        self._account,
                        binding.contact,
                        caller_id_of(request),
                        (*passed_on(request), *headers),
                        request.body,
                        request.content_type or "application/sdp",
                        timeout=seconds,
                        flow=binding.flow,
                    )
                )

    # --- what the engine says -----------------------------------------------------------------------

    def handle(self, event: CallEvent) -> None:
        """One event of one leg; those of calls that are not ours (any more) are passed over."""
        leg = self._legs.get(event.id)
        bridge = self._bridges.get(event.id)
        if leg is None or bridge is None:
            return
        match event:
            case Ringing():
                self._ringing(bridge, leg, event)
            case Redirected():
                bridge.contacts = event.contacts
                self._do(Hangup(leg.id))
            case Answered():
                self._answered(bridge, leg, event)
            case OfferReceived():
                self._offered(bridge, leg, event)
            case OfferAnswered():
                self._offer_answered(bridge, leg, event)
            case InCallRequest():
                self._in_call(bridge, leg, event)
            case CallEnded():
                self._ended(bridge, leg, event)

    def _ringing(self, bridge: Bridge, leg: Leg, event: Ringing) -> None:
        if leg.id not in bridge.ringing:
            return
        if event.status == 180 and leg.state is None:
            leg.state = State.RINGING
            self._tell(leg)
        if bridge.number not in self._desks:
            # Early media of one phone among several would mix with the others'.
            body = event.body if len(bridge.ringing) == 1 else b""
            self._do(Ring(bridge.a.id, event.status, event.reason, body=body))

    def _answered(self, bridge: Bridge, leg: Leg, event: Answered) -> None:
        if leg is bridge.a:
            if event.body and bridge.late is not None:
                leg.description = event.body
                self._do(AnswerOffer(bridge.late.id, event.body))
            elif bridge.late is not None:
                self._do(AnswerOffer(bridge.late.id, status=488))
            bridge.late = None
            return
        if leg.id not in bridge.ringing:
            return  # it was too late, and is hung up already
        del bridge.ringing[leg.id]
        bridge.b = bridge.answered = leg
        for other in bridge.ringing.values():
            self._do(Hangup(other.id, ELSEWHERE))
        bridge.ringing.clear()
        if bridge.number in self._desks:
            self._desks[bridge.number].leave(bridge.a.id)
        leg.state, leg.description = State.ON_THE_PHONE, event.body
        bridge.late = leg if event.offer else None
        self._log(f"{leg.extension} answers {bridge.a.extension}")
        self._tell(leg)
        self._do(Answer(bridge.a.id, body=event.body, content_type=event.content_type or "application/sdp"))

    # --- re-INVITE ----------------------------------------------------------------------------------

    def _offered(self, bridge: Bridge, leg: Leg, event: OfferReceived) -> None:
        other = bridge.other(leg)
        if other is not None and event.body:
            leg.offered = event.body
            self._do(Offer(other.id, event.body, event.content_type))
        elif other is not None:
            # An offer without one: what the other side said last is still what it wants.
            self._do(AnswerOffer(leg.id, other.description))
        else:
            self._offered_to_us(bridge, leg, event.body)

    def _offered_to_us(self, bridge: Bridge, leg: Leg, offer: bytes) -> None:
        """The echo takes what it took before; a phone that only rings has nobody to offer anything to."""
        answer = reflected(offer or leg.description) if bridge.answered is leg else None
        if answer is None:
            self._do(AnswerOffer(leg.id, status=488))
            return
        self._do(AnswerOffer(leg.id, answer))
        leg.description = offer or leg.description
        self._held(leg, leg.description)

    def _offer_answered(self, bridge: Bridge, leg: Leg, event: OfferAnswered) -> None:
        other = bridge.other(leg)
        if other is None or not other.offered:
            return
        offer, other.offered = other.offered, b""
        if event.status >= 300:
            self._do(AnswerOffer(other.id, status=event.status))
            return
        other.description, leg.description = offer, event.body
        self._do(AnswerOffer(other.id, event.body, event.content_type))
        self._held(other, offer)

    def _held(self, leg: Leg, offer: bytes) -> None:
        leg.state = State.ON_HOLD if holds(offer) else State.ON_THE_PHONE
        self._tell(leg)

    def _in_call(self, bridge: Bridge, leg: Leg, event: InCallRequest) -> None:
        other = bridge.other(leg)
        if other is not None and event.method in RELAYED:
            message = event.message
            content_type = (message.headers.get("Content-Type") or "").strip()
            request = next(self._requests)
            self._do(SendInCall(other.id, request, event.method, (), message.body, content_type))

    # --- the end ------------------------------------------------------------------------------------

    def _ended(self, bridge: Bridge, leg: Leg, event: CallEnded) -> None:
        if event.by == "remote" and (leg is bridge.a or leg is bridge.b) and not bridge.over:
            self._log(f"{leg.extension} hangs up")
        self._forget(leg)
        reason = f'Q.850;cause={event.q850};text="{event.cause}"' if event.q850 else ""
        if leg is bridge.a:
            self._caller_gone(bridge, reason if event.answered else "")
        elif leg is bridge.b and not bridge.over:
            bridge.over = True
            self._do(Hangup(bridge.a.id, reason))
        elif bridge.ringing.pop(leg.id, None) is not None:
            self._not_answered(bridge, leg, event, reason)
        self.agent_changed(leg.extension)

    def _caller_gone(self, bridge: Bridge, reason: str) -> None:
        if bridge.over:
            return
        bridge.over = True
        if bridge.number in self._desks:
            self._desks[bridge.number].leave(bridge.a.id)
        for leg in bridge.ringing.values():
            self._do(Hangup(leg.id))
        bridge.ringing.clear()
        if bridge.b is not None:
            self._do(Hangup(bridge.b.id, reason))

    def _not_answered(self, bridge: Bridge, leg: Leg, event: CallEnded, reason: str) -> None:
        if bridge.over:
            return
        if bridge.number in self._desks:
            if all(other.extension != leg.extension for other in bridge.ringing.values()):
                self._desks[bridge.number].failed(bridge.a.id, leg.extension)
        elif not bridge.ringing and bridge.contacts:
            self._do(Redirect(bridge.a.id, bridge.contacts))
        elif not bridge.ringing:
            headers = (("Reason", reason),) if reason else ()
            self._refuse(bridge.a.id, bridge.a.extension, refusal_of(event), headers)

    def _forget(self, leg: Leg) -> None:
        del self._legs[leg.id], self._bridges[leg.id]
        self._dialog(leg.extension, leg.id, None)

    # --- for the queues -----------------------------------------------------------------------------

    def free(self, agent: str) -> bool:
        """Whether an agent has a phone and nothing to do."""
        return self._registrar.registered(agent) and all(leg.extension != agent for leg in self._legs.values())

    def ring(self, call: int, agent: str, seconds: float) -> None:
        """Ring an agent for a waiting call."""
        self._log(f"queue {self._bridges[call].number} rings {agent}")
        self._invite(self._bridges[call], agent, seconds)

    def give_up(self, call: int) -> None:
        """Refuse a call that waited too long."""
        self._refuse(call, self._bridges[call].a.extension, 480)

    def agent_changed(self, extension: str) -> None:
        """An agent may have come, or be free again."""
        for desk in self._desks.values():
            if len(desk) and extension in desk.queue.agents:
                desk.serve()

    def _tell(self, leg: Leg) -> None:
        if leg.state is not None:
            id = f"{leg.extension}-{leg.id & 0xFFFFFFFF:x}"
            self._dialog(leg.extension, leg.id, Dialog(id, leg.state, leg.caller, leg.other, leg.other_name))
