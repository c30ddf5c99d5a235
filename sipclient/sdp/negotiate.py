"""Their offer and our capabilities to our answer, or to the reasons why there is none. RFC 3264 §6."""

from __future__ import annotations

import re

import msgspec

from sipclient.sdp.agreement import Answer, AudioStream, Capabilities, Wants
from sipclient.sdp.bundle import carrier_of, carriers, idle_lines, told_once
from sipclient.sdp.carriage import Carriage, answer_lines, for_offer
from sipclient.sdp.codecs import Codec, events
from sipclient.sdp.compose import audio_lines, describe, refused_lines, source_lines
from sipclient.sdp.description import MediaDescription, Payload, SessionDescription
from sipclient.sdp.extensions import AUDIO_LEVEL, extension_line
from sipclient.sdp.ice import ice_of
from sipclient.sdp.match import codec_of, named, shown
from sipclient.sdp.missing import asks_dtls, missing
from sipclient.sdp.reasons import FORMAT, MEDIA_TYPE, Reason, Refusal
from sipclient.sdp.standin import stand_in
from sipclient.sdp.stream import build

_TIMING = re.compile(r"t=(\d{1,20} \d{1,20})\s*", re.ASCII)
_QUESTION = Capabilities()
_SILENCED = ("audio", "video")  # what can be taken without anything travelling on it


def negotiate(offer: SessionDescription, capabilities: Capabilities = _QUESTION) -> Answer | Refusal:
    """Take the first audio stream we can, refuse the other m-lines in their places.

    The answer has as many m-lines as the offer, and only payload types the offer gave, under its numbers. One
    codec is answered, the first of the offerer's that we have, with telephone-event at its clock rate: a peer
    that is given a choice may change the codec in mid-call. For another offer in the same session, `revise`
    the answer against the description sent before.

    A Refusal has every reason of every audio m-line, then everything else the offer lacks. Without
    `capabilities`, or with some that have no address, the answer is hypothetical: see Capabilities.
    """
    able = capabilities if capabilities.address else stand_in(capabilities, wants(offer))
    reasons: list[Reason] = []
    for media in offer.media:
        if media.kind == "audio":
            found = _agree(media, able, offer)
            if isinstance(found, _Agreed):
                sections = [_section(each, found, able) for each in offer.media]
                return Answer(describe(able, _timing(offer), sections, _bundled(found, offer)), found.stream)
            reasons += found
    return _refusal(offer, reasons)


def wants(offer: SessionDescription) -> Wants:
    """What the audio of an offer asks of us that has to be made ready before `negotiate`."""
    audio = carriers(offer)
    if not audio:
        return Wants()
    checks = [ice for media in audio if (ice := ice_of(media))]
    families = [c.family for media in audio if (c := media.connection) and not c.nowhere]
    families += [candidate.family for ice in checks for candidate in ice.candidates if candidate.family]
    return Wants(
        ice=bool(checks),
        dtls=any(asks_dtls(media) for media in audio),
        sdes=any(media.first("crypto") or media.proto in ("RTP/SAVP", "RTP/SAVPF") for media in audio),
        rtcp_mux=any(media.first("rtcp-mux") for media in audio),
        family=families[0] if families else "",
    )


class _Agreed(msgspec.Struct, frozen=True):
    """The audio taken, and the m-line on whose transport it is: mostly its own."""

    media: MediaDescription
    carrier: MediaDescription
    stream: AudioStream
    carriage: Carriage


def _agree(media: MediaDescription, able: Capabilities, offer: SessionDescription) -> _Agreed | list[Reason]:
    carrier = carrier_of(media, offer)
    if carrier.port == 0:
        return [_switched_off(media)]
    if carrier is not media and carrier.kind not in _SILENCED:
        return [_not_taken(media, carrier)]
    carriage = for_offer(carrier, able)
    sounds = [codec for codec in able.codecs if codec.is_sound]
    chosen: tuple[int, Codec] | None = None
    for payload in media.payloads:
        codec = codec_of(payload, sounds)
        if codec is not None:
            chosen = payload.number, codec
            break
    if chosen is None:
        ours = ", ".join(codec.name for codec in sounds) or "none"
        text = f"no codec in common: offered {named(media.payloads)}, supported {ours}"
        return [*(carriage if isinstance(carriage, list) else ()), Reason(text, media.line, FORMAT)]
    if isinstance(carriage, list):
        return carriage
    payloads = (chosen, *_beside(media, able, chosen[1]))
    stream = build(media, carriage, chosen, payloads, payloads, (able.direction, able.ptime), at=carrier)
    return _Agreed(media, carrier, stream, carriage)


def _switched_off(media: MediaDescription) -> Reason:
    if media.first("bundle-only") is not None:
        text = "the audio has no address of its own (a=bundle-only), and what it is bundled with is not taken"
        return Reason(text, media.line)
    return Reason("the audio is switched off (port 0)", media.line)


def _not_taken(media: MediaDescription, carrier: MediaDescription) -> Reason:
    text = f"the audio uses the address of the {shown(carrier.kind)} before it (a=group:BUNDLE), which is not taken"
    return Reason(f"{text}: let audio be offered first", media.line)


def _beside(media: MediaDescription, able: Capabilities, codec: Codec) -> list[tuple[int, Codec]]:
    """Key presses and comfort noise beside a codec, at its clock. Phones that offer opus with key presses at
    8000 only are common, and send them so."""
    found = []
    if any(own.is_event for own in able.codecs):
        for clock in dict.fromkeys((codec.clock, 8000)):
            payload = _payload(media, "telephone-event", clock)
            if payload is not None:
                found.append((payload.number, events(clock)))
                break
    if codec.clock == 8000:
        for noise in able.codecs:
            payload = _payload(media, "cn", 8000) if noise.name == "CN" else None
            if payload is not None:
                found.append((payload.number, noise))
    return found


def _payload(media: MediaDescription, name: str, clock: int) -> Payload | None:
    for payload in media.payloads:
        if payload.clock == clock and payload.channels == 1 and payload.name.lower() == name:
            return payload
    return None


def _section(media: MediaDescription, agreed: _Agreed, able: Capabilities) -> list[str]:
    if media is agreed.media:
        return _taken(agreed, able)
    if media is agreed.carrier:
        return idle_lines(media, able.port, answer_lines(media, agreed.carriage, able))
    return refused_lines(media)


def _bundled(agreed: _Agreed, offer: SessionDescription) -> str:
    """The mids that stay of the audio's BUNDLE group, that of the transport first (RFC 9143 §7.3.2)."""
    mid, carrier = agreed.stream.mid, agreed.carrier.value("mid")
    if not mid or not any(mid in bundle for bundle in offer.bundles):
        return ""
    return mid if carrier == mid else f"{carrier} {mid}"


def _taken(agreed: _Agreed, able: Capabilities) -> list[str]:
    """Our m-line: the profile and the codec's channels in the offerer's own spelling."""
    media, stream = agreed.media, agreed.stream
    payloads = stream.receives
    if stream.codec.channels > 1:
        spelt = next(payload.channels for payload in media.payloads if payload.number == stream.payload_type)
        spoken = msgspec.structs.replace(stream.codec, channels=spelt)
        payloads = ((stream.payload_type, spoken), *payloads[1:])
    more = [f"a=mid:{stream.mid}"] if stream.mid else []
    more += answer_lines(agreed.carrier, agreed.carriage, able if agreed.carrier is media else told_once(able))
    if stream.dtls is not None:
        more += [*extension_line(media, AUDIO_LEVEL), *source_lines(able)]
    return audio_lines(able, media.lines[0].split()[2], payloads, stream.direction, stream.ptime, more)


def _refusal(offer: SessionDescription, reasons: list[Reason]) -> Refusal:
    return Refusal.of([*(reasons or [_no_audio(offer)]), *missing(offer)])


def _no_audio(offer: SessionDescription) -> Reason:
    kinds = ", ".join(dict.fromkeys(media.kind for media in offer.media))
    if not kinds:
        text = "the offer has no m= line: nothing to talk over is offered"
        return Reason(text, len(offer.lines), MEDIA_TYPE)
    return Reason(f"no audio is offered, only {shown(kinds)}", offer.media[0].line, MEDIA_TYPE)


def _timing(offer: SessionDescription) -> str:
    """The answer's t= equals the offer's (RFC 3264 §6)."""
    found = next((found for line in offer.session.lines if (found := _TIMING.fullmatch(line))), None)
    return found[1] if found else "0 0"
