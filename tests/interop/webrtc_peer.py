"""An independent WebRTC endpoint: aiortc's RTCPeerConnection, playing a tone and measuring what it hears."""

from __future__ import annotations

import asyncio
import fractions
from collections.abc import Sequence

import av
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtcconfiguration import RTCIceTransportPolicy

from tests.media.tone import Humming, Listener

_RATE, _SAMPLES = 48000, 960


class _Tone(MediaStreamTrack):
    kind = "audio"

    def __init__(self, frequency: int) -> None:
        super().__init__()
        self._source = Humming(frequency)
        self._at = 0

    async def recv(self) -> av.AudioFrame:
        await asyncio.sleep(_SAMPLES / _RATE)
        frame = av.AudioFrame(format="s16", layout="mono", samples=_SAMPLES)
        frame.planes[0].update(self._source.frame(_SAMPLES, _RATE) or bytes(2 * _SAMPLES))
        frame.sample_rate, frame.pts, frame.time_base = _RATE, self._at, fractions.Fraction(1, _RATE)
        self._at += _SAMPLES
        return frame


class WebrtcPeer:
    """`says` and `hears` are frequencies in Hz. `servers` are ICE servers for it; with `relay_only` it uses nothing
    but their relay."""

    def __init__(self, says: int, hears: int, servers: Sequence[RTCIceServer] = (), relay_only: bool = False) -> None:
        self.ear = Listener(hears)
        configuration = RTCConfiguration(iceServers=list(servers))
        if relay_only:
            configuration.iceTransportPolicy = RTCIceTransportPolicy.RELAY
        self.connection = RTCPeerConnection(configuration)
        self._tone = _Tone(says)
        self._listening: asyncio.Task[None] | None = None
        self.connection.on("track", self._track)

    async def offer(self) -> bytes:
        self.connection.addTrack(self._tone)
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp.encode()

    async def answer(self, offer: bytes) -> bytes:
        await self.connection.setRemoteDescription(RTCSessionDescription(offer.decode(), "offer"))
        self.connection.addTrack(self._tone)
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return self.connection.localDescription.sdp.encode()

    async def apply(self, answer: bytes) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(answer.decode(), "answer"))

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
        await self.connection.close()

    def _track(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.create_task(self._listen(track))

    async def _listen(self, track: MediaStreamTrack) -> None:
        mono = av.AudioResampler("s16", "mono", 8000)
        try:
            while True:
                for frame in mono.resample(await track.recv()):
                    self.ear.heard(bytes(frame.planes[0])[: 2 * frame.samples], 8000, 0.0)
        except MediaStreamError:
            return
