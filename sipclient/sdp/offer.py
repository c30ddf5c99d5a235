"""Our offers, and what the answers to them mean. RFC 3264 §5, §7, §8."""

from __future__ import annotations

from sipclient.sdp.agreement import Accepted, AudioStream, Capabilities, Reason, Refusal
from sipclient.sdp.codecs import Codec, codec_meant
from sipclient.sdp.compose import audio_lines, describe, refused_lines, revise
from sipclient.sdp.description import MediaDescription, Payload, SessionDescription
from sipclient.sdp.match import (
    codec_of,
    named,
    obstacle,
    our_direction,
    packet_time,
    rtcp_destination,
    their_direction,
)

_USUAL = {"telephone-event": 101}  # the number every phone gives it; any other would do
_DYNAMIC = range(96, 128)


def make_offer(capabilities: Capabilities, previous: SessionDescription | None = None) -> SessionDescription:
    """An offer of one audio stream.

    `previous` is the last description we sent in this session, offer or answer: its m-lines keep their
    places, its payload types their meaning, and the version rises if anything changes (RFC 3264 §8).
    """
    if previous is None:
        lines = audio_lines(
            capabilities, "RTP/AVP", _numbered(capabilities, ()), capabilities.direction, capabilities.ptime
        )
        return describe(capabilities, "0 0", [lines])
    audio = _audio_index(previous)
    sections = [refused_lines(media) for media in previous.media]
    kept = previous.media[audio] if audio is not None else None
    payloads = _numbered(capabilities, kept.payloads if kept else ())
    proto = kept.lines[0].split()[2] if kept else "RTP/AVP"
    lines = audio_lines(capabilities, proto, payloads, capabilities.direction, capabilities.ptime)
    if audio is None:
        sections.append(lines)
    else:
        sections[audio] = lines
    timing = next((line[2:] for line in previous.session.lines if line.startswith("t=")), "0 0")
    return revise(previous, describe(capabilities, timing, sections))


def accept(our_offer: SessionDescription, answer: SessionDescription) -> Accepted | Refusal:
    """What the peer's answer to our offer means, or why it is none.

    An answer with more m-lines than the offer is taken, as long as ours is among them in its place.
    """
    index = _audio_index(our_offer)
    if index is None:
        return Refusal((Reason("our own description has no audio"),))
    if len(answer.media) <= index:
        return Refusal((Reason("the answer has no m= line in the place of our audio"),))
    agreed = _agree(our_offer.media[index], answer.media[index])
    return Accepted(agreed) if isinstance(agreed, AudioStream) else Refusal((agreed,))


def _agree(ours: MediaDescription, theirs: MediaDescription) -> AudioStream | Reason:
    if theirs.kind != "audio":
        return Reason("the answer has another kind of media in the place of our audio", theirs.line)
    if theirs.port == 0:
        return Reason("the other side refuses the audio (port 0)", theirs.line)
    hindrance = obstacle(theirs, ours.connection.family if ours.connection else "IP4")
    if hindrance is not None:
        return hindrance
    offered = {p.number: codec_meant(p.name, p.clock, p.channels) for p in ours.payloads if p.name}
    answered = _answered(theirs, offered)
    sound = next(((number, codec) for number, codec in answered.items() if not codec.is_event), None)
    if sound is None:
        return Reason(f"the answer chooses {named(theirs.payloads)}, which we did not offer", theirs.line)
    number, codec = sound
    host = theirs.connection.address if theirs.connection else ""
    rtcp_host, rtcp_port = rtcp_destination(theirs, host)
    events = (n for n, event in answered.items() if event.is_event and event.clock == codec.clock)
    return AudioStream(
        codec=codec,
        payload_type=number,
        event_type=next(events, None),
        receives=tuple(offered.items()),  # the peer sends under the numbers of our offer (RFC 3264 §6.1)
        direction=our_direction(their_direction(theirs), ours.direction),
        ptime=packet_time(theirs, ours.ptime or 20),
        host=host,
        port=theirs.port,
        rtcp_host=rtcp_host,
        rtcp_port=rtcp_port,
    )


def _answered(media: MediaDescription, offered: dict[int, Codec]) -> dict[int, Codec]:
    """Which of the codecs we offered each payload type of the answer means, in its order.

    A number without an rtpmap means what it meant in our offer: some peers leave it out.
    """
    found = {}
    for payload in media.payloads:
        codec = codec_of(payload, offered.values()) if payload.name else offered.get(payload.number)
        if codec is not None:
            found[payload.number] = codec
    return found


def _audio_index(description: SessionDescription) -> int | None:
    """Where our audio stands in a description of ours: the audio that is on, or else the first."""
    audio = [index for index, media in enumerate(description.media) if media.kind == "audio"]
    return next((index for index in audio if description.media[index].port), audio[0] if audio else None)


def _numbered(capabilities: Capabilities, agreed: tuple[Payload, ...]) -> list[tuple[int, Codec]]:
    """Payload types for our codecs: those agreed on earlier, the static ones, then free dynamic ones."""
    numbers = {codec: payload.number for payload in agreed if (codec := codec_of(payload, capabilities.codecs))}
    taken = {payload.number for payload in agreed}
    for codec in capabilities.codecs:
        if codec in numbers:
            continue
        wished = (codec.static, _USUAL.get(codec.name), *_DYNAMIC)
        number = next((wish for wish in wished if wish is not None and wish not in taken), None)
        if number is not None:
            numbers[codec] = number
            taken.add(number)
    return [(numbers[codec], codec) for codec in capabilities.codecs if codec in numbers]
