"""Our offers, and what the answers to them mean. RFC 3264 §5, §7, §8."""

from __future__ import annotations

from sipclient.sdp.agreement import Accepted, AudioStream, Capabilities, Wants
from sipclient.sdp.bundle import carrier_of, idle_lines, told_once
from sipclient.sdp.carriage import Carriage, for_answer
from sipclient.sdp.codecs import Codec, codec_meant, events
from sipclient.sdp.compose import audio_lines, describe, refused_lines, revise, source_lines
from sipclient.sdp.description import MediaDescription, Payload, SessionDescription
from sipclient.sdp.dtls import dtls_lines
from sipclient.sdp.ice import ice_lines
from sipclient.sdp.match import codec_of, named
from sipclient.sdp.reasons import FORMAT, MEDIA_TYPE, Reason, Refusal
from sipclient.sdp.sdes import crypto_line
from sipclient.sdp.security import CryptoKey, Security, Setup
from sipclient.sdp.standin import stand_in
from sipclient.sdp.stream import build

# The numbers everybody gives them; any other would do.
_USUAL = {("telephone-event", 8000): 101, ("telephone-event", 48000): 110, ("opus", 48000): 111}
_DYNAMIC = range(96, 128)
_PROFILES = {Security.PLAIN: "RTP/AVP", Security.SDES: "RTP/SAVP", Security.DTLS: "UDP/TLS/RTP/SAVPF"}
_MID = "0"


def make_offer(capabilities: Capabilities, previous: SessionDescription | None = None) -> SessionDescription:
    """An offer of one audio stream.

    `previous` is the last description we sent in this session, offer or answer: its m-lines keep their
    places, its payload types their meaning, its audio the kind of encryption, and the version rises if
    anything changes (RFC 3264 §8). New credentials in `capabilities.ice` restart ICE.
    """
    able = capabilities if capabilities.address else stand_in(capabilities, Wants())
    if previous is None:
        lines, mid = _section(able, None)
        return describe(able, "0 0", [lines], mid)
    audio = _audio_index(previous)
    kept = previous.media[audio] if audio is not None else None
    shares = any(media.port for media in previous.media if media is not kept)
    lines, mid = _section(told_once(able) if shares else able, kept)
    sections = [lines if media is kept else _other(media, able) for media in previous.media]
    if kept is None:
        sections.append(lines)
    timing = next((line[2:] for line in previous.session.lines if line.startswith("t=")), "0 0")
    bundled = next((" ".join(bundle) for bundle in previous.bundles if mid in bundle), mid if kept is None else "")
    return revise(previous, describe(able, timing, sections, bundled))


def _section(able: Capabilities, kept: MediaDescription | None) -> tuple[list[str], str]:
    """Our audio m-line, and its mid: as `kept`, which is the one we sent before, if there is one."""
    payloads = _numbered(able, kept.payloads if kept else ())
    security = _security(kept) if kept is not None and kept.port else able.security
    proto = kept.lines[0].split()[2] if kept is not None else _PROFILES[security]
    modern = security is Security.DTLS
    mid = kept.value("mid") if kept is not None else _MID if modern else ""
    more = [f"a=mid:{mid}"] if mid else []
    more += _transport_lines(able, kept, security)
    if modern:
        more += source_lines(able)
    return audio_lines(able, proto, payloads, able.direction, able.ptime, more), mid


def _other(media: MediaDescription, able: Capabilities) -> list[str]:
    """An m-line that is not our audio: what was refused stays so, what carries the audio goes on."""
    if not media.port:
        return refused_lines(media)
    return idle_lines(media, able.port, _transport_lines(able, media, _security(media)))


def _transport_lines(able: Capabilities, kept: MediaDescription | None, security: Security) -> list[str]:
    """Where we are, and what encrypts."""
    lines = []
    modern = security is Security.DTLS
    if able.rtcp_mux and (modern or (kept is not None and kept.first("rtcp-mux") is not None)):
        lines.append("a=rtcp-mux")
    if security is Security.SDES:
        keys = enumerate(able.crypto, 1)
        lines += [crypto_line(CryptoKey(tag, key.suite, key.key)) for tag, key in keys]
    if modern and able.dtls is not None:
        lines += dtls_lines(able.dtls, Setup.ACTPASS)  # the peer chooses: RFC 8842 §5.2
    if able.ice is not None:
        lines += ice_lines(able.ice)
    return lines


def _security(sent: MediaDescription) -> Security:
    """What protects a stream that we described so."""
    if sent.first("fingerprint"):
        return Security.DTLS
    return Security.SDES if sent.first("crypto") else Security.PLAIN


def accept(our_offer: SessionDescription, answer: SessionDescription) -> Accepted | Refusal:
    """What the peer's answer to our offer means, or why it is none.

    An answer with more m-lines than the offer is taken, as long as ours is among them in its place.
    """
    index = _audio_index(our_offer)
    if index is None:
        return Refusal((Reason("our own description has no audio", 0, MEDIA_TYPE),))
    if len(answer.media) <= index:
        return Refusal((Reason("the answer has no m= line in the place of our audio", len(answer.lines), MEDIA_TYPE),))
    theirs = answer.media[index]
    agreed = _agree(our_offer.media[index], theirs, carrier_of(theirs, answer))
    return Accepted(agreed) if isinstance(agreed, AudioStream) else Refusal.of(agreed)


def _agree(ours: MediaDescription, theirs: MediaDescription, carrier: MediaDescription) -> AudioStream | list[Reason]:
    if theirs.kind != "audio":
        return [Reason("the answer has another kind of media in the place of our audio", theirs.line, MEDIA_TYPE)]
    if theirs.port == 0:
        return [Reason("the other side refuses the audio (port 0)", theirs.line)]
    carriage: Carriage | list[Reason] = for_answer(ours, carrier)
    offered = {p.number: codec_meant(p.name, p.clock, p.channels) for p in ours.payloads if p.name}
    answered = _answered(theirs, offered)
    sound = next(((number, codec) for number, codec in answered.items() if codec.is_sound), None)
    if sound is None:
        text = f"the answer chooses {named(theirs.payloads)}, which we did not offer"
        return [*(carriage if isinstance(carriage, list) else ()), Reason(text, theirs.line, FORMAT)]
    if isinstance(carriage, list):
        return carriage
    # The peer sends under the numbers of our offer (RFC 3264 §6.1).
    receives = tuple(offered.items())
    wanted = ours.direction, ours.ptime or 20
    return build(theirs, carriage, sound, [*answered.items()], receives, wanted, ours.value("mid"), carrier)


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
    codecs = _with_events(capabilities.codecs)
    numbers = {codec: payload.number for payload in agreed if (codec := codec_of(payload, codecs))}
    taken = {payload.number for payload in agreed}
    for codec in codecs:
        if codec in numbers:
            continue
        wished = (codec.static, _USUAL.get((codec.name, codec.clock)), *_DYNAMIC)
        number = next((wish for wish in wished if wish is not None and wish not in taken), None)
        if number is not None:
            numbers[codec] = number
            taken.add(number)
    return [(numbers[codec], codec) for codec in codecs if codec in numbers]


def _with_events(codecs: tuple[Codec, ...]) -> list[Codec]:
    """These codecs with key presses at the clock of each, where there are key presses at all: RFC 4733 §2.5."""
    if not any(codec.is_event for codec in codecs):
        return list(codecs)
    clocks = (codec.clock for codec in codecs if codec.is_sound)
    pressed = {codec.clock for codec in codecs if codec.is_event}
    return [*codecs, *(events(clock) for clock in dict.fromkeys(clocks) if clock not in pressed)]
