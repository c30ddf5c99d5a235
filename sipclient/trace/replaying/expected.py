"""What one side of a trace sent: each message waits here for the engine to send it too."""

from __future__ import annotations

from collections.abc import Sequence

from sipclient.message import Message, Request, Response, SipUri
from sipclient.trace.replaying.sides import Seen


class Expected:
    """The messages that one of our addresses sent. Each is claimed once, by the message of ours that stands for it."""

    def __init__(self, sent: Sequence[Seen]) -> None:
        self._by_call: dict[str, list[Seen]] = {}
        self._initial: list[Seen] = []  # requests that begin something, in their order
        self._repeats: dict[int, list[Seen]] = {}  # by the id of the message they repeat
        self._bound: set[str] = set()  # Call-IDs of the trace that messages of ours have
        self._claimed: set[int] = set()
        first: dict[bytes, Seen] = {}
        for seen in sent:
            original = first.setdefault(seen.record.data, seen)
            if original is not seen and seen.at - original.at <= 64.0:
                self._repeats.setdefault(id(original), []).append(seen)
                continue
            first[seen.record.data] = seen
            self._by_call.setdefault(seen.call, []).append(seen)
            if seen.is_request and seen.message is not None and not seen.message.to_tag:
                self._initial.append(seen)

    def claimed(self, seen: Seen) -> bool:
        """Whether ours was sent for it already."""
        return id(seen) in self._claimed

    def claim(self, seen: Seen) -> Seen:
        """Ours stands for this one."""
        self._claimed.add(id(seen))
        self._bound.add(seen.call)
        return seen

    def repeat_of(self, seen: Seen) -> Seen | None:
        """The next time that the trace repeats this message."""
        for each in self._repeats.get(id(seen), ()):
            if id(each) not in self._claimed:
                return self.claim(each)
        return None

    def response(self, ours: Response, call: str, branch: str) -> Seen | None:
        """The response of the trace that ours stands for: to the same request, and of the same kind."""
        method, number = ours.cseq.method, ours.cseq.number
        waiting = [
            each
            for each in self._waiting(call)
            if each.status and each.message is not None and each.method == method
            and each.message.cseq.number == number and each.message.hop.branch == branch
        ]  # fmt: skip
        same = [each for each in waiting if each.status == ours.status]
        final = [each for each in waiting if min(each.status, ours.status) >= 200]
        found = same or final
        return self.claim(found[0]) if found else None

    def request(self, ours: Request, call: str, prompts: Sequence[Seen], branch: str) -> Seen | None:
        """The request of the trace that ours stands for; `call` and `branch` are what it calls its own,
        where that is known."""
        if call:
            found = [each for each in self._waiting(call) if each.is_request and each.method == ours.method]
            if ours.method in ("ACK", "CANCEL"):
                found = [each for each in found if _branch(each) == branch] or found
        else:
            begun = [each for each in prompts if not self.claimed(each)] + [
                each for each in self._initial if each.call not in self._bound and not self.claimed(each)
            ]
            found = [each for each in begun if each.method == ours.method and _alike(ours, each.message)]
        return self.claim(found[0]) if found else None

    def next_request(self, call: str, method: str, after: float) -> Seen | None:
        """The next request of that Call-ID that nobody claimed."""
        return next(
            (each for each in self._waiting(call) if each.is_request and each.method == method and each.at >= after),
            None,
        )

    def next_response(self, call: str, header: str) -> str:
        """The value of a header in the next response of that Call-ID that has it; empty for none."""
        values = (each.message.headers.get(header) for each in self._waiting(call) if each.status and each.message)
        return next((value for value in values if value), "")

    def _waiting(self, call: str) -> list[Seen]:
        mine = self._by_call.get(call, [])
        if len(mine) > 32 and id(mine[0]) in self._claimed:  # what is done needs no look again
            mine = self._by_call[call] = [each for each in mine if id(each) not in self._claimed]
        return [each for each in mine if id(each) not in self._claimed]


def _branch(seen: Seen) -> str:
    return seen.message.hop.branch if seen.message is not None else ""


def _alike(ours: Request, theirs: Message | None) -> bool:
    """Whether two first requests are about the same thing: to whom, from whom, of which event package."""
    if not isinstance(theirs, Request):
        return False
    return (
        _user(ours) == _user(theirs)
        and ours.event[0] == theirs.event[0]
        and (ours.method != "REGISTER" or _aor(ours) == _aor(theirs))
    )


def _user(request: Request) -> str | None:
    return request.uri.user if isinstance(request.uri, SipUri) else request.uri_text


def _aor(request: Request) -> str | None:
    return request.to.uri.user if isinstance(request.to.uri, SipUri) else str(request.to.uri)
