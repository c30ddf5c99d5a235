"""Who is shown to talk: what the far end of one call of a bridge says of itself is told to the far end of the other."""

from __future__ import annotations

from collections.abc import Iterator

from sipclient.errors import InvalidValue
from sipclient.face.asking import Line, News
from sipclient.message import Request, Response, check_header_value
from sipclient.protocol.events import Headers, InCallRequest, SendInCall

# Who it is (RFC 3325 §9.1, and what was there before it), and whether that may be shown (RFC 3323 §4.2).
_IDENTITY = ("P-Asserted-Identity", "Remote-Party-ID")
_PRIVACY = "Privacy"


class ConnectedLine:
    """One call's. `carried` is that of the call it is bridged to.

    PBXs tell of a transfer behind them, or of the queue's agent who took the call, by an UPDATE without a description
    (RFC 3311 §5.1). It is passed on where the other far end says in its answer that it takes UPDATE; to any other it
    would be a request it has to refuse.
    """

    def __init__(self, call: int, line: Line, news: News) -> None:
        self.carried: ConnectedLine | None = None
        self._call = call
        self._line = line
        self._news = news
        self._takes = False  # an UPDATE
        self._shown: Headers = ()

    def answered(self, response: Response | None) -> None:
        """Our call was answered so."""
        if response is not None:
            allowed = ",".join(response.headers.all("Allow"))
            self._takes = "UPDATE" in {method.strip() for method in allowed.split(",")}

    def heard(self, event: InCallRequest) -> None:
        """A request in the call that the engine has answered."""
        if event.method != "UPDATE" or self.carried is None:
            return
        message = event.message
        who = tuple((name, value) for name in _IDENTITY for value in _passable(message, name))
        if who:  # else it only keeps the session alive
            self.carried.show((*who, *((_PRIVACY, value) for value in _passable(message, _PRIVACY))))

    def show(self, who: Headers) -> None:
        """Tell the far end who it talks to now; twice the same is no news."""
        if not self._takes or who == self._shown:
            return
        self._shown = who
        # To whom we called, the other one is the caller (draft-ietf-sip-privacy-04 §4).
        told = tuple((name, value.replace("party=called", "party=calling")) for name, value in who)
        request = self._news.request()
        self._line.do(SendInCall(self._call, request, "UPDATE", told))
        self._line.spawn(self._answered(request))

    async def _answered(self, request: int) -> None:
        await self._news.answer(request)  # refused, or taken: the call goes on


def _passable(message: Request, name: str) -> Iterator[str]:
    """The values of a header that we may write, too."""
    for value in message.headers.all(name):
        try:
            check_header_value(value)
        except InvalidValue:
            continue
        yield value
