"""Sound without a clock: samples in, samples out."""

from sipclient.media.sound.outcome import Outcome
from sipclient.media.sound.player import Player, Reader, open_source
from sipclient.media.sound.recorder import Recorder, Recording, check_recording
from sipclient.media.sound.resample import Resampler

__all__ = [
    "Outcome",
    "Player",
    "Reader",
    "Recorder",
    "Recording",
    "Resampler",
    "check_recording",
    "open_source",
]
