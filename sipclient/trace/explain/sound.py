"""Calls that are up, and silent: addresses, directions, keys, and what RTP the capture has. RFC 3264, RFC 3550."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sipclient.sdp import MediaDescription, Refusal, accept
from sipclient.trace.entry import Entry
from sipclient.trace.explain.finding import Confidence, Finding, on
from sipclient.trace.explain.fixes import fix
from sipclient.trace.explain.places import is_private, is_public
from sipclient.trace.record import MediaStream
from sipclient.trace.story import Call, Story
from sipclient.trace.vendors import vendor_of

_TALK = 3.0  # seconds a call lasts at least, before silence means something
_LOSS, _LATE = 0.03, 0.05  # share of packets, and seconds of jitter, from which speech suffers
_SECURE = "SAVP"
_MOST_STREAMS = 50  # on one port that are looked at
_MOST_NAT = 100  # private addresses that are told of


class Agreed(msgspec.Struct, frozen=True):
    """An offer and its answer, and when the call that rests on them ended (0: the trace does not say)."""

    call: Call
    offer: Entry
    answer: Entry
    theirs: MediaDescription  # the first audio line of the offer
    ours: MediaDescription  # and what the answer made of it
    ended: float = 0.0


def agreed(story: Story) -> Iterator[Agreed]:
    """Every exchange of descriptions that was completed."""
    for call in story.calls:
        bye = call.bye(0)
        for exchange in call.of("INVITE"):
            request, final = exchange.request, exchange.final
            if request is None or final is None or not 200 <= final.status < 300:
                continue
            offer, answer = (request, final) if request.sdp_text else (final, exchange.ack)
            if answer is None or offer.sdp is None or answer.sdp is None:
                continue
            for theirs, ours in zip(offer.sdp.media, answer.sdp.media, strict=False):
                if theirs.kind == "audio" and ours.kind == "audio":
                    yield Agreed(call, offer, answer, theirs, ours, bye.at if bye is not None else 0.0)
                    break


def private_address(story: Story) -> Iterator[Finding]:
    """A private address for the audio, told to somebody on the internet. Not under ICE, which finds another."""
    told: set[tuple[str, str]] = set()
    for each in agreed(story):
        for entry, media in ((each.offer, each.theirs), (each.answer, each.ours)):
            connection = media.connection
            source, target = entry.record.source.host, entry.record.destination.host
            if connection is None or media.inherited("ice-ufrag") or not is_private(connection.address):
                continue
            if (
                not (is_public(source) and source != connection.address)
                or (source, connection.address) in told
                or len(told) >= _MOST_NAT
            ):
                continue
            told.add((source, connection.address))
            heard = [one for one in story.streams if one.source.host == source and one.destination.host == target]
            confidence: Confidence = "low" if heard else "medium"
            yield on(
                entry,
                entry.sdp_line(connection.line),
                "private-media-address",
                "The audio is to go to a private address",
                confidence,
                f"c= says {connection.address}, the message came from {source}: nothing sent there arrives, unless "
                "the other side sends where packets come from",
                fix("private-media-address", vendor_of(entry)),
                "RTP flows both ways",
            )


def held(story: Story) -> Iterator[Finding]:
    """A call that begins one way, or stays on hold though one side wants it back."""
    for each in agreed(story):
        wants, gets = each.theirs.direction, each.ours.direction
        nowhere = each.ours.connection is not None and each.ours.connection.nowhere
        ice = each.ours.inherited("ice-ufrag") is not None
        if not each.ours.port or not (wants.sends and wants.receives):
            continue
        if gets.sends and gets.receives and not (nowhere and not ice):
            continue
        again = bool(each.offer.to_tag)
        line = next(
            (found.line for name in ("sendonly", "recvonly", "inactive") if (found := each.ours.inherited(name))),
            each.ours.line,
        )
        evidence = f"the offer is sendrecv, and the answer {'goes nowhere (c=0.0.0.0)' if nowhere else gets.value}" + (
            ": the call was to be taken from hold, and is not" if again else ": one side hears nothing from the start"
        )
        yield on(
            each.answer,
            each.answer.sdp_line(line),
            "held",
            "The sound goes one way, or none",
            "medium",
            evidence,
            fix("held", vendor_of(each.answer)),
            "a later re-INVITE is answered sendrecv",
        )


def refused_stream(story: Story) -> Iterator[Finding]:
    """200 OK, and the audio has port 0; or an answer that does not fit its offer."""
    for each in agreed(story):
        answer, line = each.answer, each.answer.sdp_line(each.ours.line)
        secure = _SECURE in each.theirs.proto
        if not each.theirs.port:
            continue
        if not each.ours.port:
            evidence = "the call is answered, and its audio line has port 0: it was refused within the 200" + (
                f"; the offer was {each.theirs.proto}, so encryption is the likely cause" if secure else ""
            )
            yield on(
                answer,
                line,
                "srtp-mismatch" if secure else "media-refused",
                "The call is answered without its audio",
                "high",
                evidence,
                fix("media-refused", vendor_of(answer)),
                "another m-line of the answer carries the audio",
            )
            continue
        if secure != (_SECURE in each.ours.proto):
            yield on(answer, line, "srtp-mismatch", "One side encrypts, the other does not", "high",
                     f"the offer is {each.theirs.proto}, the answer {each.ours.proto}",
                     fix("srtp-mismatch", vendor_of(answer)), "the trace mixes two calls")  # fmt: skip
            continue
        if each.theirs.all("crypto") and each.ours.all("crypto") and each.offer.sdp and answer.sdp:
            result = accept(each.offer.sdp, answer.sdp)
            crypto = [one for one in result.reasons if "SRTP" in one.text or "crypto" in one.text] if isinstance(
                result, Refusal) else []  # fmt: skip
            if crypto:
                yield on(
                    answer,
                    answer.sdp_line(crypto[0].line),
                    "srtp-mismatch",
                    "The keys do not fit",
                    "high",
                    crypto[0].text,
                    fix("srtp-mismatch", vendor_of(answer)),
                    "sound flows both ways",
                )


def one_way(story: Story) -> Iterator[Finding]:
    """RTP that flows one way, or not at all while that of other calls does."""
    if not story.streams:
        return
    ports = _ports(story)
    for each in agreed(story):
        length = each.ended - each.answer.at
        if not each.ended or length < _TALK or not each.ours.port or not each.theirs.port:
            continue
        if not (each.theirs.direction.value == each.ours.direction.value == "sendrecv"):
            continue
        to_answerer = _towards(ports, each, each.ours, each.theirs)
        to_offerer = _towards(ports, each, each.theirs, each.ours)
        if bool(to_answerer) == bool(to_offerer):
            if not to_answerer and not each.ours.inherited("ice-ufrag"):
                words = f"no RTP goes to either side in {length:.0f} s, and the capture has that of other calls"
                line = each.answer.sdp_line(each.ours.line)
                yield on(each.answer, line, "one-way-audio", "No sound flows", "low", words, fix("one-way-audio"),
                         "the sound takes a way that was not captured")  # fmt: skip
            continue
        silent, heard = ("caller", "called") if to_answerer else ("called", "caller")
        packets = sum(one.packets for one in to_answerer or to_offerer)
        media, entry = (each.theirs, each.offer) if to_answerer else (each.ours, each.answer)
        place = media.connection.line if media.connection is not None else media.line
        yield on(
            entry,
            entry.sdp_line(place),
            "one-way-audio",
            "The sound flows one way",
            "medium",
            f"{packets} RTP packets go to the {heard} party, none to the {silent} one, in {length:.0f} s",
            fix("one-way-audio"),
            "the capture was taken where only one way passes",
        )


def _ports(story: Story) -> dict[int, list[MediaStream]]:
    """The streams by each of their two ports."""
    found: dict[int, list[MediaStream]] = {}
    for one in story.streams:
        for port in {one.source.port, one.destination.port}:
            found.setdefault(port, []).append(one)
    return found


def _towards(
    ports: dict[int, list[MediaStream]], each: Agreed, to: MediaDescription, of: MediaDescription
) -> list[MediaStream]:
    """Streams to the port that one side named, or from the one that the other named, in the time of the call."""
    near = (*ports.get(to.port, [])[:_MOST_STREAMS], *ports.get(of.port, [])[:_MOST_STREAMS])
    return [
        one for one in near
        if one.ended >= each.answer.at - 1 and one.began <= each.ended + 1
        and (one.destination.port == to.port or one.source.port == of.port)
    ]  # fmt: skip


def quality(story: Story) -> Iterator[Finding]:
    """Streams with loss or jitter that one hears."""
    for stream in story.streams:
        total = stream.packets + stream.lost
        share = stream.lost / total if total else 0.0
        if stream.packets < 50 or (share < _LOSS and (stream.jitter or 0.0) < _LATE):
            continue
        jitter = f", jitter {stream.jitter * 1000:.0f} ms" if stream.jitter is not None else ""
        yield Finding(
            "media-quality",
            "The sound suffers on its way",
            "medium",
            0,
            0,
            f"RTP from {stream.source} to {stream.destination} ({stream.codec or 'unknown codec'}): {share:.1%} of "
            f"{total} packets lost{jitter}",
            fix("media-quality"),
            "the capture itself lost packets",
        )


CHECKS = (private_address, held, refused_stream, one_way, quality)
