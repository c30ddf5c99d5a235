"""An offer that was refused, with all that the trace knows of the one who refused it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from sipclient.sdp import MediaDescription, SessionDescription
from sipclient.trace.damage import UNKNOWN
from sipclient.trace.entry import Entry
from sipclient.trace.explain.finding import shown
from sipclient.trace.legs import Link
from sipclient.trace.story import Call, Exchange, Story
from sipclient.trace.vendors import Vendor, vendor_of

REFUSALS = frozenset({488, 606, 415})
MOST_REFUSALS = 200
_MOST_LIKE = 2_000  # messages of the same host that are looked at
_ENOUGH = 100  # of them, to tell its make


class Refused(msgspec.Struct, frozen=True):
    """A request with an offer, and the answer that refused it."""

    answer: Entry
    request: Entry | None
    call: Call
    vendor: Vendor
    offer: SessionDescription | None = None
    audio: MediaDescription | None = None  # the first audio line of the offer
    said: str = ""  # what the refusal says in words: Warning, X-Reason, Reason beyond Q.850
    theirs: tuple[Entry, ...] = ()  # descriptions of the same host elsewhere in the trace
    elsewhere: tuple[Exchange, ...] = ()  # other offers, answered by the same host
    other_legs: tuple[Link, ...] = ()
    repaired: bool = False

    @property
    def in_dialog(self) -> bool:
        """Whether the session stood already."""
        return self.request is not None and bool(self.request.to_tag)

    def line(self, name: str) -> int:
        """The line, in the request, of the first attribute of this name in the audio or the session; or of m=."""
        if self.request is None or self.audio is None:
            return 0
        found = self.audio.inherited(name)
        return self.request.sdp_line(found.line if found else self.audio.line)


def refusals(story: Story, links: tuple[Link, ...]) -> tuple[list[Refused], int]:
    """The refusals of offers in the trace, the first MOST_REFUSALS of them; and how many more there are."""
    found = [
        (call, exchange)
        for call in story.calls
        for exchange in _first_told(each for each in call.exchanges if _is_refusal(each))
    ]
    beyond, found = max(0, len(found) - MOST_REFUSALS), found[:MOST_REFUSALS]
    known = _Known(story, links) if found else None
    return [_refused(exchange, call, known) for call, exchange in found if known is not None], beyond


class _Known:
    """What the trace knows of each host, and of each call's other legs."""

    def __init__(self, story: Story, links: tuple[Link, ...]) -> None:
        self.spoken: dict[str, list[Entry]] = {}
        self.answered: dict[str, list[Exchange]] = {}
        self.links: dict[str, list[Link]] = {}
        for entry in story.entries:
            self.spoken.setdefault(entry.source, []).append(entry)
        for exchange in story.exchanges:
            if exchange.final is not None and exchange.final.sdp_text:
                self.answered.setdefault(exchange.final.source, []).append(exchange)
        for link in links:
            for call_id in (link.first, link.second):
                self.links.setdefault(call_id, []).append(link)


def _first_told(exchanges: Iterable[Exchange]) -> Iterator[Exchange]:
    """Each refusal where it was first seen: proxies pass on the same one, under the same To tag."""
    told: set[tuple[int, str]] = set()
    for exchange in sorted(exchanges, key=lambda each: each.final.number if each.final else 0):
        final = exchange.final
        key = (final.cseq, final.to_tag) if final is not None else (0, "")
        if key not in told:
            told.add(key)
            yield exchange


def _is_refusal(exchange: Exchange) -> bool:
    final = exchange.final
    if final is None or final.method not in ("INVITE", "UPDATE", "PRACK", ""):
        return False
    if final.status in REFUSALS:
        return True
    # FreeSWITCH without 3pcc answers an INVITE without SDP so.
    return final.status == 480 and "cause=96" in final.header("Reason")


def _refused(exchange: Exchange, call: Call, known: _Known) -> Refused:
    answer, request = exchange.final, exchange.request
    if answer is None:
        raise ValueError("an exchange without a final answer is no refusal")
    same = known.spoken.get(answer.source, [])[:_MOST_LIKE] if answer.source not in ("?", "") else []
    offer = request.sdp if request is not None else None
    audio = next((media for media in offer.media if media.kind == "audio"), None) if offer is not None else None
    words = [value for name in ("Warning", "X-Reason", "Reason") for value in answer.message.headers.all(name)]
    words = [shown(value, 200) for value in words if not value.upper().startswith(("Q.850", "SIP"))]
    return Refused(
        answer,
        request,
        call,
        vendor_of(answer, same[:_ENOUGH]),
        offer,
        audio,
        "; ".join(words),
        tuple(each for each in same if each.sdp is not None),
        tuple(known.answered.get(answer.source, [])[:_MOST_LIKE]) if same else (),
        tuple(known.links.get(call.call_id, ())),
        repaired=bool(request is not None and request.record.repaired),
    )


def lost(text: str) -> bool:
    """Whether an address of a mended message is one that the damage took."""
    return text.lower() == UNKNOWN
