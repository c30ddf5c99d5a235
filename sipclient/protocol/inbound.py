"""Requests from the network: matched to what exists, or admitted, or refused (RFC 3261 §8.2, §12.2.2)."""

from __future__ import annotations

from typing import Final, TypeAlias

from sipclient.errors import MalformedBody
from sipclient.message import Request, SipUri
from sipclient.presence import MessageWaiting, parse
from sipclient.protocol.build import ACCEPT, ALLOW, SUPPORTED, response, response_flow
from sipclient.protocol.dialog import Dialog, Dialogs
from sipclient.protocol.events import Flow, Headers, MessageReceived, MessagesWaiting, RequestReceived, Respond
from sipclient.protocol.exchange import Stack
from sipclient.protocol.incoming import IncomingInvite
from sipclient.protocol.notifier import PATIENCE, Notifier
from sipclient.protocol.refuse import refuse, stateless_tag
from sipclient.protocol.session import Session
from sipclient.protocol.station import Station
from sipclient.protocol.subscription import Subscription
from sipclient.protocol.tables import E
from sipclient.protocol.timers import Timer
from sipclient.protocol.transaction import Key, ServerTransaction

Waiting: TypeAlias = tuple[ServerTransaction, Request, Timer]  # a request until its Respond

EXTENSIONS: Final = frozenset({"100rel", "replaces", "timer"})  # option tags a Require may name
ALLOW_EVENTS: Final = "presence, dialog, message-summary"
CAPABILITIES: Headers = (  # what we can do, as OPTIONS asks (RFC 3261 §11.2)
    ("Allow", ALLOW),
    ("Accept", "application/sdp"),
    ("Accept-Encoding", "identity"),
    ("Supported", SUPPORTED),
    ("Allow-Events", ALLOW_EVENTS),
)
BROWSERS_MAY: Final = frozenset({"INVITE", "OPTIONS", "MESSAGE"})  # without any account of ours between us and them
_SCHEMES: Final = ("sip:", "sips:", "tel:")
KNOWN: Final = frozenset(
    (
        "INVITE",
        "ACK",
        "CANCEL",
        "BYE",
        "OPTIONS",
        "INFO",
        "MESSAGE",
        "NOTIFY",
        "PRACK",
        "UPDATE",
        "SUBSCRIBE",
        "REFER",
    )
)


class Inbound:
    """The way of a request into the engine."""

    __slots__ = ("_dialogs", "_requests", "_stack", "_stations")

    def __init__(self, stack: Stack, dialogs: Dialogs, stations: dict[str, Station]) -> None:
        self._stack = stack
        self._dialogs = dialogs
        self._stations = stations
        self._requests: dict[int, Waiting] = {}

    def receive(self, request: Request, flow: Flow) -> None:
        """One request, parsed and checked."""
        method = request.method
        if method == "ACK":
            self._ack(request, flow)
            return
        transactions = self._stack.transactions
        key = transactions.server_key(request, method)
        known = transactions.server_of(key)
        if known is not None:
            known.step(E.REQUEST)
            return
        if method == "CANCEL":
            self._cancel(request, flow)
            return
        dialog = self._dialogs.find(request)
        if dialog is not None:
            self._in_dialog(dialog, request, flow, key)
            return
        station = self._station_for(request, flow)
        if station is None:
            self._refuse(request, flow, 481 if request.to_tag or method == "NOTIFY" else 403)
        elif request.to_tag and method != "NOTIFY":
            self._refuse(request, flow, 481)
        else:
            self._outside(station, request, flow)

    # --- what exists --------------------------------------------------------------------------------

    def _ack(self, request: Request, flow: Flow) -> None:
        transaction = self._stack.transactions.server_for(request, "INVITE")
        if transaction is not None:
            transaction.step(E.ACK, request)
            return
        dialog = self._dialogs.find(request)
        if dialog is not None and dialog.usage is not None and dialog.admits(flow):
            dialog.usage.on_ack(request)

    def _cancel(self, request: Request, flow: Flow) -> None:
        """RFC 3261 §9.2: 200 to the CANCEL, and 487 to an INVITE that still waits."""
        invite = self._stack.transactions.server_for(request, "INVITE")
        if invite is None:
            self._refuse(request, flow, 481)
            return
        if invite.flow.remote_host != flow.remote_host:
            self._refuse(request, flow, 403)
            return
        transaction = self._stack.transactions.receive(request, response_flow(request, flow))
        if transaction is None:
            return
        owner = invite.owner
        tag = owner.session.dialog.local_tag if isinstance(owner, IncomingInvite) else ""
        tag = tag or stateless_tag(request.call_id, request.headers.get("From") or "")
        transaction.respond(200, response(request, transaction.flow, 200, to_tag=tag))
        if not invite.answered and owner is not None:
            owner.on_cancel(invite, request)

    def _in_dialog(self, dialog: Dialog, request: Request, flow: Flow, key: Key | None = None) -> None:
        usage = dialog.usage
        if not (_from_server(dialog, flow) if isinstance(usage, Subscription) else dialog.admits(flow)):
            self._refuse(request, flow, 481)
            return
        if usage is None or not self._acceptable(request, flow):
            return
        if not dialog.in_order(request):
            # RFC 3261 §12.2.2. Without Retry-After a notifier must drop the subscription (RFC 6665 §4.2.2).
            renewed = not isinstance(usage, Subscription) or usage.out_of_order()
            headers = () if renewed else (("Retry-After", "1"),)
            self._refuse(request, flow, 500, "CSeq Out Of Order", headers)
            return
        transaction = self._transaction(request, flow, key)
        if transaction is None:
            return
        if flow.transport != "udp" and flow != dialog.flow:
            dialog.flow = flow  # the peer reconnected: what we send follows (RFC 5626 §5.3)
        usage.on_request(transaction, request, flow)
        if request.method == "INVITE" and isinstance(usage, Session) and not transaction.answered:
            transaction.owner = _Reinvite(usage)

    # --- what begins --------------------------------------------------------------------------------

    def _station_for(self, request: Request, flow: Flow) -> Station | None:
        """The account a request is for: among those that admit its source, the one whose user it names."""
        here = [each for each in self._stations.values() if not each.line.removing]
        admitting = [each for each in here if each.line.admits(flow)]
        if not admitting and request.method in BROWSERS_MAY:
            admitting = [each for each in here if each.line.welcomes(flow)]
        if len(admitting) < 2:
            return admitting[0] if admitting else None
        for uri in (request.uri, request.to.uri):
            user = uri.user if isinstance(uri, SipUri) else None
            for station in admitting:
                if user is not None and station.line.uri.user == user:
                    return station
        local = (flow.local_host, flow.local_port)
        for station in admitting:
            ours = station.line.flow
            if ours is not None and (ours.local_host, ours.local_port) == local:
                return station
        return admitting[0]

    def _outside(self, station: Station, request: Request, flow: Flow) -> None:
        """A request outside any dialog (RFC 3261 §8.2)."""
        method, line = request.method, station.line
        if method in line.account.handles and method not in ("SUBSCRIBE", "INVITE"):
            self._hand_over(station, request, flow)
        elif method not in KNOWN or (method in ("SUBSCRIBE", "REFER") and method not in line.account.handles):
            self._refuse(request, flow, 405, headers=(("Allow", ALLOW),))
        elif not request.uri_text.lower().startswith(_SCHEMES):
            self._refuse(request, flow, 416)
        elif not self._acceptable(request, flow):
            return
        elif self._loops(request) or (method != "OPTIONS" and self._stack.transactions.merged(request)):
            self._refuse(request, flow, 482)
        elif method == "OPTIONS":
            # Answering it changes nothing, so it needs no transaction (RFC 3261 §8.2.7, §11.2).
            self._refuse(request, flow, 200, headers=CAPABILITIES)
        elif method == "INVITE":
            self._invite(station, request, flow)
        elif method == "NOTIFY":
            self._notify(station, request, flow)
        elif method == "SUBSCRIBE":
            self._subscribe(station, request, flow)
        elif method == "MESSAGE":
            self._reply(request, flow, 200)
            self._stack.core.emit(MessageReceived(line.account.key, request))
        else:
            self._refuse(request, flow, 481)

    def _acceptable(self, request: Request, flow: Flow) -> bool:
        """RFC 3261 §8.2.2.3 and §8.2.3: extensions and encodings we do not know are refused by name."""
        index = request.headers.index
        if "require" in index and (unknown := [tag for tag in request.require if tag not in EXTENSIONS]):
            self._refuse(request, flow, 420, headers=(("Unsupported", ", ".join(unknown)),))
            return False
        if "content-encoding" in index and index["content-encoding"].strip().lower() not in ("", "identity"):
            self._refuse(request, flow, 415, headers=(("Accept-Encoding", "identity"),))
            return False
        return True

    def _loops(self, request: Request) -> bool:
        """Whether it left here itself: one of its Vias is of a transaction of ours (RFC 3261 §16.3)."""
        if not request.hop.below:
            return False
        return any(self._stack.transactions.is_ours(via.branch, request.method) for via in request.vias[1:])

    def _invite(self, station: Station, request: Request, flow: Flow) -> None:
        body = request.body
        if body and request.content_type != ACCEPT:
            self._refuse(request, flow, 415, headers=(("Accept", ACCEPT),))
            return
        seconds = request.session_expires[0]
        if 0 < seconds < 90 and "timer" in request.supported:
            self._refuse(request, flow, 422, headers=(("Min-SE", "90"),))
            return
        if not request.contact_uri:
            self._refuse(request, flow, 400, "Missing Contact")
            return
        if sum(len(each.calls) for each in self._stations.values()) >= self._stack.core.limits.calls:
            self._refuse(request, flow, 503, "Too Many Calls", (("Retry-After", "10"),))
            return
        replaced, refusal = self._replaced(station, request)
        if refusal:
            self._refuse(request, flow, refusal)
            return
        transaction = self._transaction(request, flow)
        if transaction is not None:
            call = IncomingInvite(
                self._stack, self._dialogs, station.line, station, transaction, request, flow, replaced
            )
            station.calls[call.id] = call

    def _replaced(self, station: Station, request: Request) -> tuple[int | None, int]:
        """The call whose place an INVITE is to take, or the status that refuses it (RFC 3891 §3)."""
        replaces = request.replaces
        if replaces is None:
            return None, 0
        dialog = self._dialogs.named(replaces.call_id, replaces.to_tag, replaces.from_tag)
        session = dialog.usage if dialog is not None else None
        if not isinstance(session, Session) or session.dialog.line is not station.line:
            return None, 481
        if session.ended:
            return None, 603
        if session.confirmed:
            return (None, 486) if replaces.early_only else (session.owner.id, 0)
        # Before the answer only a call of ours may be taken over: who calls us has heard nobody yet.
        return (session.owner.id, 0) if session.owner.id >= 0 else (None, 481)

    def _notify(self, station: Station, request: Request, flow: Flow) -> None:
        """The first NOTIFY of a subscription, or an unsolicited message-summary; 481 for all else (RFC 6665 §4.1.3)."""
        subscription = self._dialogs.awaiting(request)
        if subscription is not None:
            self._in_dialog(subscription.adopt(request, flow), request, flow)
            return
        if not request.to_tag and request.event[0] == "message-summary":
            self._summary(station, request, flow)
        else:
            self._refuse(request, flow, 481)

    def _summary(self, station: Station, request: Request, flow: Flow) -> None:
        try:
            document = parse(request.headers.get("Content-Type") or "", request.body)
        except MalformedBody as error:
            self._refuse(request, flow, 400, str(error)[:80])
            return
        self._reply(request, flow, 200)
        if isinstance(document, MessageWaiting):
            self._stack.core.emit(MessagesWaiting(station.line.account.key, document))

    def _subscribe(self, station: Station, request: Request, flow: Flow) -> None:
        limit = self._stack.core.limits.subscribers
        if not request.event[0]:
            self._refuse(request, flow, 489, headers=(("Allow-Events", ALLOW_EVENTS),))
        elif not request.contact_uri:
            self._refuse(request, flow, 400, "Missing Contact")
        elif sum(len(each.notifiers) for each in self._stations.values()) >= limit:
            self._refuse(request, flow, 503, "Too Many Subscriptions", (("Retry-After", "10"),))
        else:
            transaction = self._transaction(request, flow)
            if transaction is not None:
                notifiers = station.notifiers
                usage = Notifier(
                    self._stack,
                    self._dialogs,
                    station.line,
                    transaction,
                    request,
                    flow,
                    lambda id: _forget(notifiers, id),
                )
                notifiers[usage.id] = usage

    def _hand_over(self, station: Station, request: Request, flow: Flow) -> None:
        transaction = self._transaction(request, flow)
        if transaction is not None:
            core = self._stack.core
            id = core.next_id()
            timer = core.timers.start(core.now + PATIENCE, self._never_answered, id)
            self._requests[id] = (transaction, request, timer)
            core.emit(RequestReceived(id, station.line.account.key, request, flow))

    def _never_answered(self, id: int) -> None:
        self.respond(Respond(id, 500, "Not Answered"))

    def respond(self, command: Respond) -> None:
        """The user's answer to RequestReceived; none where it comes too late."""
        waiting = self._requests.pop(command.request, None)
        if waiting is not None:
            transaction, request, timer = waiting
            self._stack.core.timers.stop(timer)
            data = response(
                request,
                transaction.flow,
                command.status,
                command.reason,
                to_tag=self._stack.core.ids.token("tag"),
                headers=command.headers,
                body=command.body,
                content_type=command.content_type,
            )
            transaction.respond(command.status, data)

    # --- writing ------------------------------------------------------------------------------------

    def _transaction(self, request: Request, flow: Flow, key: Key | None = None) -> ServerTransaction | None:
        transaction = self._stack.transactions.receive(request, response_flow(request, flow), key)
        if transaction is None:
            self._refuse(request, flow, 503, headers=(("Retry-After", "10"),))
        return transaction

    def _reply(self, request: Request, flow: Flow, status: int) -> None:
        transaction = self._transaction(request, flow)
        if transaction is not None:
            tag = stateless_tag(request.call_id, request.headers.get("From") or "")
            transaction.respond(status, response(request, transaction.flow, status, to_tag=tag))

    def _refuse(self, request: Request, flow: Flow, status: int, reason: str = "", headers: Headers = ()) -> None:
        self._stack.core.send(*refuse(request, flow, status, reason, headers))


class _Reinvite:
    """What a re-INVITE's transaction may have to tell while it waits for the user's answer."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def on_ack(self, transaction: ServerTransaction, ack: Request) -> None:
        """An ACK of the 2xx that came with the INVITE's branch."""
        self._session.on_ack(ack)

    def on_cancel(self, transaction: ServerTransaction, cancel: Request) -> None:
        """The peer takes its offer back (RFC 3261 §9.2)."""
        self._session.offers.withdraw()

    def on_failure(self, transaction: ServerTransaction, reason: str) -> None:
        """The call outlives its stream; where it does not, the missing ACK tells."""


def _from_server(dialog: Dialog, flow: Flow) -> bool:
    return dialog.line.admits(flow) or flow.remote_host == dialog.flow.remote_host


def _forget(notifiers: dict[int, Notifier], id: int) -> None:
    notifiers.pop(id, None)
