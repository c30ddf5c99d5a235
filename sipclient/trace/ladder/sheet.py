"""What is to be drawn: columns, rows, and the calls they belong to. Nothing of how."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from sipclient.sdp.ice import read_candidate
from sipclient.trace.entry import Entry
from sipclient.trace.legs import Link, groups, legs
from sipclient.trace.record import MediaStream, Trace
from sipclient.trace.redact import redacted
from sipclient.trace.story import Call, Story, tell
from sipclient.trace.summary import detail, label
from sipclient.trace.vendors import vendor_of

MOST_COLUMNS = 12  # of more hosts, those that say least share the last column
_LATE = 2.0  # seconds without a message that are worth a mark
_OTHERS = "other hosts"
_LOOKED_AT = 50  # messages of a host, from which its make is told

Tone = Literal["request", "provisional", "success", "redirect", "failure", "sound"]


class Column(msgspec.Struct, frozen=True):
    """A host, and what it runs."""

    name: str
    subtitle: str = ""


class Row(msgspec.Struct, frozen=True):
    """A message, a stream of sound (`number` 0), or a pause (`source` -1): `at` in seconds from the first message, None
    where the trace has no times; `source` and `target` are places of columns; `group` that of the call."""

    number: int
    at: float | None
    source: int
    target: int
    label: str
    detail: str = ""
    tone: Tone = "request"
    copies: int = 0  # how often it was sent again
    group: int = -1


class Group(msgspec.Struct, frozen=True):
    """A call, or the legs of one: a letter, what it is, how it ended, and why its legs belong together."""

    letter: str
    title: str
    outcome: str
    call_ids: tuple[str, ...]
    links: tuple[Link, ...] = ()

    @property
    def why(self) -> list[str]:
        """Why its legs belong together, each reason once."""
        return list(dict.fromkeys(f"{each.because} ({each.confidence} confidence)" for each in self.links))


class Sheet(msgspec.Struct, frozen=True):
    """All of it."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    groups: tuple[Group, ...]
    notes: tuple[str, ...] = ()


def hidden(trace: Trace) -> Trace:
    """The trace without names, numbers and addresses, those of its streams included."""
    ends = [
        msgspec.structs.replace(trace.records[0], data=b"", other=b"", source=one.source, destination=one.destination)
        for one in trace.streams
    ] if trace.records else []  # fmt: skip
    records = redacted([*trace.records, *ends])
    count = len(trace.records)
    streams = tuple(
        msgspec.structs.replace(one, source=end.source, destination=end.destination)
        for one, end in zip(trace.streams, records[count:], strict=False)
    )
    return msgspec.structs.replace(trace, records=tuple(records[:count]), streams=streams)


def sheet(trace: Trace) -> Sheet:
    """What is to be drawn of a trace."""
    story = tell(trace)
    links = legs(story)
    columns, places = _columns(story)
    found, of_call = _groups(story, links)
    rows = tuple(_rows(story, places, of_call))
    return Sheet(trace.format, columns, rows, found, trace.notes)


def _columns(story: Story) -> tuple[tuple[Column, ...], dict[str, int]]:
    """The hosts by the order in which they speak; of too many the quiet ones in one column."""
    said: dict[str, list[Entry]] = {}
    counts: dict[str, int] = {}
    for entry in story.entries:
        said.setdefault(entry.source, []).append(entry)
        for host in (entry.source, entry.target):
            counts[host] = counts.get(host, 0) + 1
            said.setdefault(host, [])
    names = list(said)
    if len(names) > MOST_COLUMNS:
        kept = set(sorted(names, key=lambda name: -counts[name])[: MOST_COLUMNS - 1])
        names = [*(name for name in names if name in kept), _OTHERS]
    places = {name: place for place, name in enumerate(names)}
    for host in said:
        places.setdefault(host, len(names) - 1)
    columns = tuple(Column(name, _made_by(said.get(name, []))) for name in names)
    return columns, places


def _made_by(entries: list[Entry]) -> str:
    found = vendor_of(entries[0], entries[1:_LOOKED_AT]) if entries else None
    return (found.called[:40] or found.name) if found is not None else ""


def _groups(story: Story, links: tuple[Link, ...]) -> tuple[tuple[Group, ...], dict[str, int]]:
    heads = groups(story, links)
    members: dict[str, list[Call]] = {}
    for call in story.calls:
        members.setdefault(heads[call.call_id], []).append(call)
    joined: dict[str, list[Link]] = {}
    for link in links:
        if heads[link.first] == heads[link.second]:
            joined.setdefault(heads[link.first], []).append(link)
    found = tuple(
        Group(_letter(place), _title(calls), _outcome(calls), tuple(each.call_id for each in calls),
              tuple(joined.get(head, ())))
        for place, (head, calls) in enumerate(members.items())
    )  # fmt: skip
    of_call = {each.call_id: place for place, calls in enumerate(members.values()) for each in calls}
    return found, of_call


def _letter(place: int) -> str:
    """A, B, ... Z, AA, AB ..."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _title(calls: list[Call]) -> str:
    first = calls[0].entries[0]
    who = (
        f"{first.caller or '?'} → {first.called or '?'}" if calls[0].kind == "INVITE" else first.called or first.caller
    )
    return f"{calls[0].kind or 'messages'} {who}".strip()


def _outcome(calls: list[Call]) -> str:
    kind = calls[0].kind
    finals = [each.final for each in calls[0].exchanges if each.final and each.final.method == kind]
    last = finals[-1] if finals else None
    return last.title if last is not None else "no final answer" if kind != "NOTIFY" else ""


def _rows(story: Story, places: dict[str, int], of_call: dict[str, int]) -> Iterator[Row]:
    began = next((entry.at for entry in story.entries if entry.record.clock), 0.0)
    streams = list(_streams(story, places, began))
    before: float | None = None
    for entry in story.entries:
        at = entry.at - began if entry.record.clock else None
        while streams and at is not None and (streams[0].at or 0.0) <= at:
            yield streams.pop(0)
        if before is not None and at is not None and at - before >= _LATE:
            yield Row(0, at, -1, -1, f"{at - before:.1f} s")
        before = at if at is not None else before
        yield Row(
            entry.number, at, places[entry.source], places[entry.target], label(entry), detail(entry), _tone(entry),
            entry.copies, of_call.get(entry.call_id, -1),
        )  # fmt: skip
    yield from streams


def _tone(entry: Entry) -> Tone:
    if entry.is_request:
        return "request"
    if entry.status in (401, 407):  # nothing is wrong with that
        return "provisional"
    tones: tuple[Tone, ...] = ("provisional", "success", "redirect")
    return tones[entry.status // 100 - 1] if entry.status < 400 else "failure"


def _streams(story: Story, places: dict[str, int], began: float) -> Iterator[Row]:
    """The streams whose both ends have a column: of who named the address in an SDP, or of the host itself."""
    named = _media_places(story, places) if story.streams else {}
    by_host = {name.rpartition(":")[0] or name: place for name, place in reversed(places.items())}
    for one in story.streams:
        ends = [
            named.get((each.host, each.port), places.get(each.host, by_host.get(each.host, -1)))
            for each in (one.source, one.destination)
        ]
        if -1 not in ends:
            yield Row(0, one.began - began, ends[0], ends[1], f"RTP {one.codec or one.payload_type}",
                      _quality(one), "sound")  # fmt: skip


def _media_places(story: Story, places: dict[str, int]) -> dict[tuple[str, int], int]:
    """The columns of addresses that c= and m= lines, or candidates, name."""
    found: dict[tuple[str, int], int] = {}
    for entry in story.entries:
        for media in entry.sdp.media[:8] if entry.sdp is not None else ():
            if media.connection is not None:
                found.setdefault((media.connection.address, media.port), places[entry.source])
            for attribute in media.all("candidate")[:20]:
                candidate = read_candidate(attribute.value)
                if candidate is not None:
                    found.setdefault((candidate.host, candidate.port), places[entry.source])
    return found


def _quality(one: MediaStream) -> str:
    jitter = f", jitter {one.jitter * 1000:.1f} ms" if one.jitter is not None else ""
    return f"{one.packets} packets, {one.lost} lost{jitter}, {one.ended - one.began:.1f} s"
