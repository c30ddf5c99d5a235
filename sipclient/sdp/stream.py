"""The stream that follows from two m-lines that fit."""

from __future__ import annotations

from collections.abc import Sequence

from sipclient.sdp.agreement import AudioStream
from sipclient.sdp.carriage import Carriage
from sipclient.sdp.codecs import Codec
from sipclient.sdp.description import Direction, MediaDescription
from sipclient.sdp.extensions import AUDIO_LEVEL, extension_id
from sipclient.sdp.match import our_direction, packet_time, rtcp_destination, their_direction

_MOST_PARAMETERS = 32


def build(
    theirs: MediaDescription,
    carriage: Carriage,
    chosen: tuple[int, Codec],
    sent: Sequence[tuple[int, Codec]],
    receives: tuple[tuple[int, Codec], ...],
    wanted: tuple[Direction, int],
    mid: str = "",
    at: MediaDescription | None = None,
) -> AudioStream:
    """The stream to a peer whose m-line is `theirs`.

    `chosen` is what we speak, `sent` all we may send, `receives` what may come, `wanted` the direction and the
    milliseconds a packet that we would like, `mid` the name we gave the stream where they give none. `at`
    is the m-line that says where it goes, where that is not `theirs`.
    """
    number, codec = chosen
    at = at or theirs
    connection = at.connection
    host = connection.address if connection else ""
    rtcp = (host, at.port) if carriage.rtcp_mux else rtcp_destination(at, host)
    events = tuple((other, event.clock) for other, event in sent if event.is_event)
    modern = carriage.dtls is not None
    return AudioStream(
        codec=codec,
        payload_type=number,
        event_type=next((other for other, clock in events if clock == codec.clock), None),
        receives=receives,
        direction=our_direction(their_direction(theirs, carriage.ice is not None), wanted[0]),
        ptime=packet_time(theirs, wanted[1], codec),
        host=host,
        port=at.port,
        rtcp_host=rtcp[0],
        rtcp_port=rtcp[1],
        crypto=carriage.crypto,
        dtls=carriage.dtls,
        ice=carriage.ice,
        rtcp_mux=carriage.rtcp_mux,
        rtcp_rsize=carriage.rtcp_rsize,
        events=events,
        comfort_noise=next((other for other, noise in sent if noise.name == "CN"), None),
        fmtp=_parameters(theirs, number),
        mid=theirs.value("mid") or mid,
        audio_level=extension_id(theirs, AUDIO_LEVEL) if modern else None,
    )


def _parameters(media: MediaDescription, number: int) -> tuple[tuple[str, str], ...]:
    text = next((payload.fmtp for payload in media.payloads if payload.number == number), "")
    if not text:
        return ()
    pairs = (part.strip().partition("=") for part in text.split(";")[:_MOST_PARAMETERS])
    return tuple((name.strip().lower(), value.strip()) for name, _, value in pairs if name.strip())
