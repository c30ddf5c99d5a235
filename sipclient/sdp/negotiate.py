"""Their offer and our capabilities to our answer, or to the reasons why there is none. RFC 3264 §6."""

from __future__ import annotations

import re

from sipclient.sdp.agreement import Answer, AudioStream, Capabilities, Reason, Refusal
from sipclient.sdp.codecs import Codec
from sipclient.sdp.compose import audio_lines, describe, refused_lines
from sipclient.sdp.description import MediaDescription, SessionDescription
from sipclient.sdp.match import (
    codec_of,
    named,
    obstacle,
    our_direction,
    packet_time,
    rtcp_destination,
    shown,
    their_direction,
)

_TIMING = re.compile(r"t=(\d{1,20} \d{1,20})\s*", re.ASCII)


def negotiate(offer: SessionDescription, capabilities: Capabilities) -> Answer | Refusal:
    """Take the first audio stream we can, refuse the other m-lines in their places.

    The answer has as many m-lines as the offer, and only payload types the offer gave, under its numbers. One
    codec is answered, the first of the offerer's that we have, with telephone-event at its clock rate: a peer
    that is given a choice may change the codec in mid-call. For another offer in the same session, `revise`
    the answer against the description sent before.
    """
    reasons: list[Reason] = []
    stream: AudioStream | None = None
    sections: list[list[str]] = []
    for media in offer.media:
        agreed = _agree(media, capabilities) if stream is None and media.kind == "audio" else None
        if isinstance(agreed, AudioStream):
            stream = agreed
            payloads = [*agreed.receives]
            # The profile is repeated in the offerer's own spelling.
            sections.append(
                audio_lines(capabilities, media.lines[0].split()[2], payloads, agreed.direction, agreed.ptime)
            )
            continue
        if agreed is not None:
            reasons.append(agreed)
        sections.append(refused_lines(media))
    if stream is None:
        return Refusal(tuple(reasons) or (_no_audio(offer),))
    return Answer(describe(capabilities, _timing(offer), sections), stream)


def _agree(media: MediaDescription, capabilities: Capabilities) -> AudioStream | Reason:
    if media.port == 0:
        return Reason("the audio is switched off (port 0)", media.line)
    hindrance = obstacle(media, capabilities.family)
    if hindrance is not None:
        return hindrance
    sounds = [codec for codec in capabilities.codecs if not codec.is_event]
    for payload in media.payloads:
        codec = codec_of(payload, sounds)
        if codec is not None:
            return _stream(media, capabilities, codec, payload.number)
    ours = ", ".join(codec.name for codec in sounds) or "none"
    return Reason(f"no codec in common: offered {named(media.payloads)}, supported {ours}", media.line)


def _stream(media: MediaDescription, capabilities: Capabilities, codec: Codec, number: int) -> AudioStream:
    connection = media.connection
    host = connection.address if connection else ""
    rtcp_host, rtcp_port = rtcp_destination(media, host)
    event = _event(media, capabilities, codec.clock)
    return AudioStream(
        codec=codec,
        payload_type=number,
        event_type=event[0] if event else None,
        receives=((number, codec), event) if event else ((number, codec),),
        direction=our_direction(their_direction(media), capabilities.direction),
        ptime=packet_time(media, capabilities.ptime),
        host=host,
        port=media.port,
        rtcp_host=rtcp_host,
        rtcp_port=rtcp_port,
    )


def _event(media: MediaDescription, capabilities: Capabilities, clock: int) -> tuple[int, Codec] | None:
    events = [codec for codec in capabilities.codecs if codec.is_event and codec.clock == clock]
    for payload in media.payloads:
        codec = codec_of(payload, events)
        if codec is not None:
            return payload.number, codec
    return None


def _no_audio(offer: SessionDescription) -> Reason:
    kinds = ", ".join(dict.fromkeys(media.kind for media in offer.media))
    if not kinds:
        return Reason("the offer has no m= line: nothing to talk over is offered")
    return Reason(f"no audio is offered, only {shown(kinds)}", offer.media[0].line)


def _timing(offer: SessionDescription) -> str:
    """The answer's t= equals the offer's (RFC 3264 §6)."""
    found = next((found for line in offer.session.lines if (found := _TIMING.fullmatch(line))), None)
    return found[1] if found else "0 0"
