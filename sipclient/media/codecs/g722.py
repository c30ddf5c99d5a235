"""G.722 at 64 kbit/s by PyAV: sixteen thousand samples a second, though its RTP clock says eight. RFC 3551 §4.5.2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipclient.media.codecs.conceal import Concealed
from sipclient.media.pyav import needed

if TYPE_CHECKING:
    from av import AudioCodecContext

_RATE = 16000


class G722Encoder:
    """PCM at 16 kHz to G.722, a byte for two samples. Raises MediaError without PyAV."""

    rate = _RATE

    def __init__(self) -> None:
        self._av = needed("G.722")
        self._samples = 0
        self._context: AudioCodecContext

    def encode(self, pcm: bytes) -> bytes:
        """The payload of these samples, an even number of them. All packets should be of one length: a new
        length begins the adaptation anew."""
        samples = len(pcm) // 2
        if samples != self._samples:
            self._context = self._av.CodecContext.create("g722", "w")
            self._context.format, self._context.layout, self._context.sample_rate = "s16", "mono", _RATE
            self._context.options = {"frame_size": str(samples)}
            self._samples = samples
        frame = self._av.AudioFrame(format="s16", layout="mono", samples=samples)
        frame.sample_rate = _RATE
        frame.planes[0].update(pcm)
        return b"".join(map(bytes, self._context.encode(frame)))


class G722Decoder(Concealed):
    """G.722 to PCM at 16 kHz; every byte is two samples. Raises MediaError without PyAV."""

    def __init__(self) -> None:
        super().__init__(_RATE)
        self._av = needed("G.722")
        self._context = self._av.CodecContext.create("g722", "r")
        self._context.format, self._context.layout, self._context.sample_rate = "s16", "mono", _RATE

    def decode(self, payload: bytes) -> bytes:
        """The samples of this payload."""
        if not payload:
            return b""
        frames = self._context.decode(self._av.Packet(payload))
        return self.heard(b"".join(bytes(frame.planes[0])[: 2 * frame.samples] for frame in frames))
