"""The plain usages: one request outside any dialog, and one subscription whose bodies go to the user unread."""

from __future__ import annotations

from sipclient.message import Request, Response
from sipclient.protocol.build import Draft, routed
from sipclient.protocol.dialog import Dialogs
from sipclient.protocol.events import Flow, Notified, Responded, SendRequest, Subscribe, SubscriptionEnded
from sipclient.protocol.exchange import Exchange, Stack
from sipclient.protocol.line import Line
from sipclient.protocol.subscription import Subscription
from sipclient.protocol.window import Window


class PlainRequest:
    """One SendRequest until Responded."""

    __slots__ = ("_cseq", "_request", "_stack")

    def __init__(self, stack: Stack, line: Line, command: SendRequest) -> None:
        ids = stack.core.ids
        self._stack = stack
        self._request = command.request
        self._cseq = 0
        to = line.target_uri(command.to)
        uri, routes = routed(to, line.service_routes)
        extra = (*command.headers, ("User-Agent", line.account.user_agent or stack.core.product))
        draft = Draft(
            command.method,
            uri,
            line.from_value(ids.token("tag")),
            f"<{to}>",
            ids.token("call-id"),
            routes=routes,
            extra=extra,
            body=command.body,
            content_type=command.content_type,
        )

        def contact(flow: Flow) -> tuple[tuple[str, str], ...]:
            return line.contact(flow)

        Exchange(stack, line, draft, self, self._next_cseq, decorate=contact).start(command.flow)

    def _next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    def on_provisional(self, exchange: Exchange, response: Response) -> None:
        """Only the final one is told."""

    def on_final(self, exchange: Exchange, response: Response) -> None:
        """Answered."""
        self._stack.core.emit(Responded(self._request, response, exchange.problem))

    def on_failed(self, exchange: Exchange, status: int, reason: str) -> None:
        """Not answered."""
        self._stack.core.emit(Responded(self._request, None, reason))


class PlainSubscription:
    """One Subscribe until Unsubscribe."""

    __slots__ = ("_stack", "command", "line", "subscriptions")

    def __init__(self, stack: Stack, dialogs: Dialogs, line: Line, window: Window, command: Subscribe) -> None:
        self._stack = stack
        self.line = line
        self.command = command
        self.subscriptions = [
            Subscription(
                stack,
                dialogs,
                line,
                self,
                target=line.target_uri(command.target),
                package=command.package,
                accept=command.accept or "*/*",
                expires=command.expires or line.account.expires,
                window=window,
            )
        ]

    def start(self) -> None:
        """Ask, or ask again after the server was away."""
        self.subscriptions[0].start_afresh()

    def on_notify(self, subscription: Subscription, request: Request) -> int:
        """Hand the body on (see Subscriber)."""
        state = request.subscription_state[0]
        content_type = request.headers.get("Content-Type") or ""
        self._stack.core.emit(Notified(self.command.id, self.command.package, state, content_type, request.body))
        return 200

    def on_lost(self, subscription: Subscription, status: int, reason: str, retry_in: float) -> None:
        """Tell it (see Subscriber)."""
        self._stack.core.emit(SubscriptionEnded(self.command.id, status, reason, retry_in))

    def on_renewed(self, subscription: Subscription) -> None:
        """Nothing is kept here (see Subscriber)."""
