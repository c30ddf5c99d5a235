"""One request of ours until its final answer: the flow, the credentials, the next server, TCP for large ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from sipclient.message import Response, quote
from sipclient.protocol.build import Draft
from sipclient.protocol.core import Core
from sipclient.protocol.digest import Session
from sipclient.protocol.documents import Documents
from sipclient.protocol.events import Flow, Headers, Target
from sipclient.protocol.flows import Flows
from sipclient.protocol.line import Line, SessionKey
from sipclient.protocol.transaction import Acknowledge, ClientTransaction, Transactions

LARGE: Final = 1300  # RFC 3261 §18.1.1: above this a request must not go by UDP unless there is no other way


_NONE: Final[dict[SessionKey, Session]] = {}


class Stack:
    """The layers below the usages, handed around as one."""

    __slots__ = ("core", "documents", "flows", "transactions")

    def __init__(self, core: Core) -> None:
        self.core = core
        self.documents = Documents()
        self.flows = Flows(core)
        self.transactions = Transactions(core)


class ExchangeOwner(Protocol):
    """Who wants the answer."""

    def on_provisional(self, exchange: Exchange, response: Response) -> None:
        """A provisional response, 100 included."""

    def on_final(self, exchange: Exchange, response: Response) -> None:
        """The final response that is left after challenges and fail-over; for INVITE each 2xx."""

    def on_failed(self, exchange: Exchange, status: int, reason: str) -> None:
        """No final response from anybody: 408 (silence), 503 (no way there) or 502 (one that is malformed)."""


class Exchange:
    """Sends a draft and follows it through challenges (RFC 3261 §22) and fail-over (RFC 3263 §4.3)."""

    __slots__ = (
        "_abandoned", "_answered", "_decorate", "_next_cseq", "_others", "_progress", "_stale", "_transaction", "_used",
        "branch", "cancelled", "credentials", "cseq", "dialog_flow", "draft", "flow", "line", "owner", "problem",
        "provisional", "stack", "tried",
    )  # fmt: skip

    def __init__(
        self,
        stack: Stack,
        line: Line,
        draft: Draft,
        owner: ExchangeOwner,
        next_cseq: Callable[[], int],
        *,
        decorate: Callable[[Flow], Headers] | None = None,
    ) -> None:
        self.stack = stack
        self.line = line
        self.draft = draft
        self.owner = owner
        self._next_cseq: Callable[[], int] | None = next_cseq
        self.dialog_flow: Flow | None = None  # where it must go; None: to the account's server
        self._decorate = decorate  # headers that depend on the flow, such as Contact
        self.flow: Flow | None = None
        self.branch = ""
        self.cseq = 0
        self.tried = 0
        self.provisional = False  # whether one came in the transaction under way
        self.cancelled = False
        self.credentials: Headers = ()  # those of the request as it was sent last
        self.problem = ""  # why a challenge was not answered, or what is wrong with the answer, in words
        self._abandoned = False
        self._others: tuple[Target, ...] = ()  # of a request in a dialog: where else its next hop may be reached
        self._progress = False  # a provisional above 100: somebody may be ringing there
        self._transaction: ClientTransaction | None = None  # None while it waits for a flow
        self._answered: tuple[bool, ...] = ()  # whose challenges: the server's (False), a proxy's (True)
        self._stale: tuple[bool, ...] = ()
        self._used: dict[SessionKey, Session] = {}

    def start(self, flow: Flow | None = None, others: tuple[Target, ...] = ()) -> Exchange:
        """Send it on `flow` (inside a dialog; to `others` where nobody answers there), else to the account's server
        as soon as there is a flow to it."""
        if self._abandoned:
            return self  # while its way was looked for
        if flow is not None:
            self.dialog_flow = flow
            self._others = others
            self._transmit(flow)
        else:
            self._used = dict(self.line.sessions)
            self.line.with_flow(self._opened)
        return self

    def abandon(self) -> bool:
        """Send no more of it: no answer to a challenge, no other server. False where an answer is still awaited."""
        self._abandoned = True
        return self._transaction is None

    def destroy(self) -> None:
        """Await no answer any more (RFC 3261 §9.1): one that comes all the same is nobody's."""
        if self._transaction is not None:
            self._transaction.destroy()

    def _opened(self, flow: Flow | None, reason: str) -> None:
        if self._abandoned:
            return
        if flow is None:
            self.owner.on_failed(self, 503, reason)
        else:
            self._transmit(flow)

    def _transmit(self, flow: Flow, *, same_cseq: bool = False) -> None:
        self._transaction = None
        if self._next_cseq is not None and not (same_cseq and self.cseq):
            self.cseq = self._next_cseq()
        data, ack = self._encode(flow)
        if flow.transport == "udp" and len(data) > LARGE and self.line.large_over_tcp:
            target = Target("tcp", flow.remote_host, flow.remote_port)
            self.stack.flows.connect(target, self.line.account.key, lambda tcp, reason: self._over_tcp(tcp, flow))
            return
        self._put(flow, data, ack)

    def _over_tcp(self, tcp: Flow | None, udp: Flow) -> None:
        if self._abandoned:
            return
        if tcp is None:
            # RFC 3261 §18.1.1: where TCP is refused, UDP is tried after all; remembered for the account.
            self.line.large_over_tcp = False
        flow = tcp or udp
        data, ack = self._encode(flow)
        self._put(flow, data, ack)

    def _encode(self, flow: Flow) -> tuple[bytes, Acknowledge]:
        core = self.stack.core
        self.branch = "z9hG4bK" + core.ids.token("branch")
        self.flow = flow
        via = self.line.via(flow, self.branch)
        more: Headers = self._decorate(flow) if self._decorate is not None else ()
        self.credentials = self._credentials()
        data = self.draft.encode(via, self.cseq, more + self.credentials)
        return data, partial(self.draft.ack, via, self.cseq)

    def _put(self, flow: Flow, data: bytes, ack: Acknowledge) -> None:
        self.provisional = self._progress = False
        self._transaction = self.stack.transactions.send(self.branch, self.draft.method, flow, data, ack, self)

    def _credentials(self) -> Headers:
        draft, ids, secret = self.draft, self.stack.core.ids, self.line.secret
        used = self._used.values()
        return tuple([session.answer(secret, draft.method, draft.uri, draft.body, ids) for session in used])

    def cancel(self, headers: Headers = ()) -> None:
        """Send CANCEL for the INVITE under way (RFC 3261 §9.1): only once a provisional response came."""
        if self.flow is None or self.cancelled:
            return
        self.cancelled = True
        draft = self.draft
        cancel = Draft("CANCEL", draft.uri, draft.from_, draft.to, draft.call_id, routes=draft.routes, extra=headers)
        via = self.line.via(self.flow, self.branch)
        data, ack = cancel.encode(via, self.cseq), partial(cancel.ack, via, self.cseq)
        self.stack.transactions.send(self.branch, "CANCEL", self.flow, data, ack, _Ignored())

    # --- the transaction speaks ---------------------------------------------------------------------

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """A response of the current transaction."""
        status = response.status
        if status < 200:
            self.provisional = True
            self._progress = self._progress or status > 100
            self.owner.on_provisional(self, response)
            return
        if status in (401, 407) and not self.cancelled and not self._abandoned:
            if self._answer(response, transaction.flow):
                self._transmit(transaction.flow)
                return
        elif status < 300:
            self._remember(response)
        if status == 503 and self._next_server(transaction.flow, "answers 503", refused=True):
            return
        self.owner.on_final(self, response)

    def on_broken(self, transaction: ClientTransaction, response: Response, reason: str) -> None:
        """A 2xx that can be acknowledged, but not acted upon."""
        self.problem = reason
        self.owner.on_final(self, response)

    def on_failure(self, transaction: ClientTransaction, status: int, reason: str) -> None:
        """The current transaction ended without a final response."""
        # 502: a server is there, and its answer is not to be read; another one would be asked for nothing.
        if status == 502 or not self._next_server(transaction.flow, reason):
            self.owner.on_failed(self, status, reason)

    def _next_server(self, flow: Flow, reason: str, *, refused: bool = False) -> bool:
        """Try the next one (RFC 3263 §4.3), unless this one may have begun to act on it: a call is not placed twice."""
        if self.cancelled or self._abandoned or self._progress or (self.provisional and not refused):
            return False
        if self.dialog_flow is not None:
            return self._next_in_dialog(self.dialog_flow)
        self.tried += 1
        if self.tried >= len(self.line.targets):
            if not refused and flow == self.line.flow:
                self.line.drop(reason)
            return False
        if not self.line.fail_over(flow, reason):
            return False
        self._transaction = None
        self.line.with_flow(self._reopened)
        return True

    def _next_in_dialog(self, flow: Flow) -> bool:
        if not self._others:
            return False
        self._transaction = None
        self.stack.flows.first_of(self._others, self.line.account.key, flow, self._elsewhere)
        return True

    def _elsewhere(self, flow: Flow | None, others: tuple[Target, ...]) -> None:
        self._others = others
        self._reopened(flow, "the next hop of the dialog cannot be reached")

    def _reopened(self, flow: Flow | None, reason: str) -> None:
        if self._abandoned:
            return
        if flow is None:
            self.owner.on_failed(self, 503, reason)
        else:
            self._transmit(flow, same_cseq=True)

    # --- challenges ---------------------------------------------------------------------------------

    def _answer(self, response: Response, flow: Flow) -> bool:
        session = self.line.session_for(response.challenges, flow, any_realm=self.draft.method == "REGISTER")
        if isinstance(session, str):
            self.problem = session
            return False
        key, asker = (session.proxy, session.realm), session.proxy
        stale = any(
            each.params.get("stale", "").lower() == "true"
            for each in response.challenges
            if each.params.get("realm", "") == session.realm
        )
        if asker in self._answered:
            # One answered challenge, one more if the nonce was stale: then the password is wrong. Of whatever
            # realm: who names another one each time would keep us answering for ever.
            if not stale or asker in self._stale:
                self.problem = (
                    f"the password for {quote(self.line.secret.username)} is wrong (realm {quote(session.realm)})"
                )
                self.line.sessions.pop(key, None)
                return False
            self._stale += (asker,)
        self._answered += (asker,)
        for other in [each for each in self._used if each[0] is asker and each != key]:
            del self._used[other]  # the server's realm has another name now
            self.line.sessions.pop(other, None)
        self._used[key] = session
        self.line.realm = session.realm
        return True

    def _remember(self, response: Response) -> None:
        """The server took our credentials: the next request carries them at once, and its nonce counts on."""
        index = response.headers.index
        proxy = "authentication-info" not in index
        informed = not proxy or "proxy-authentication-info" in index
        nonce = response.authentication_info.get("nextnonce", "") if informed else ""
        sessions = self.line.sessions
        for key, session in self._used.items():
            if nonce and session.proxy is proxy:
                session.next_nonce(nonce)
            if session.proxy in self._answered or key not in sessions:
                sessions[key] = session  # else what we used is what is there, or another request has a newer one
        # It will not be sent again, but an INVITE is kept for half a minute more.
        self._used = _NONE
        self._next_cseq = self._decorate = None


class _Ignored:
    """The owner of a request whose answer changes nothing."""

    __slots__ = ()

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Not needed."""

    def on_broken(self, transaction: ClientTransaction, response: Response, reason: str) -> None:
        """No INVITE."""

    def on_failure(self, transaction: ClientTransaction, status: int, reason: str) -> None:
        """Not needed."""
