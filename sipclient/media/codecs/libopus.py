"""libopus by ctypes: the few functions that PyAV does not reach (concealment, recovery by FEC, the encoder's rate).

The library is the one inside PyAV's wheel, which the extra `media` installs, or else the system's.
"""

from __future__ import annotations

import ctypes
from ctypes import CDLL, c_char_p, c_int, c_int32, c_void_p
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from sipclient.errors import MediaError

RATES = (8000, 12000, 16000, 24000, 48000)  # what libopus takes and gives, whatever is on the wire
LONGEST = 0.120  # seconds of one packet, RFC 6716 §3.2
VOIP = 2048  # OPUS_APPLICATION_VOIP

SET_BITRATE = 4002
SET_MAX_BANDWIDTH = 4004
SET_VBR = 4006
SET_COMPLEXITY = 4010
SET_INBAND_FEC = 4012
SET_PACKET_LOSS_PERC = 4014
SET_DTX = 4016
SET_SIGNAL = 4024
SIGNAL_VOICE = 3001
# The widest band worth sending to who plays at most so many samples a second: RFC 7587 §6.1, maxplaybackrate.
BANDWIDTHS = ((8000, 1101), (12000, 1102), (16000, 1103), (24000, 1104), (48000, 1105))

_NAMES = ("libopus.so.0", "libopus.so", "libopus.0.dylib", "opus.dll")
_SIGNATURES: dict[str, tuple[type, list[type]]] = {
    "opus_encoder_get_size": (c_int, [c_int]),
    "opus_encoder_init": (c_int, [c_char_p, c_int32, c_int, c_int]),
    # The rest of its arguments is variadic; what is listed here is what is not.
    "opus_encoder_ctl": (c_int, [c_char_p, c_int]),
    "opus_encode": (c_int32, [c_char_p, c_char_p, c_int, c_char_p, c_int32]),
    "opus_repacketizer_get_size": (c_int, []),
    "opus_repacketizer_init": (c_void_p, [c_char_p]),
    "opus_repacketizer_cat": (c_int, [c_char_p, c_char_p, c_int32]),
    "opus_repacketizer_out": (c_int32, [c_char_p, c_char_p, c_int32]),
    "opus_decoder_get_size": (c_int, [c_int]),
    "opus_decoder_init": (c_int, [c_char_p, c_int32, c_int]),
    "opus_decode": (c_int, [c_char_p, c_char_p, c_int32, c_char_p, c_int, c_int]),
    "opus_packet_get_nb_samples": (c_int, [c_char_p, c_int32, c_int32]),
    "opus_strerror": (c_char_p, [c_int]),
}


def _places() -> list[str]:
    """Where it may be, the best first."""
    found = find_spec("av")
    here = Path(found.origin).parent if found and found.origin else None
    folders = (here.parent / "av.libs", here / ".dylibs") if here else ()
    return [*(str(path) for folder in folders for path in sorted(folder.glob("*opus*"))), *_NAMES]


@cache
def library() -> CDLL:
    """libopus, loaded once. Raises MediaError where there is none."""
    for place in _places():
        try:
            found = ctypes.CDLL(place)
        except OSError:
            continue
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(found, name)
            function.restype, function.argtypes = result, arguments
        return found
    raise MediaError("opus needs libopus, which comes with the extra: pip install 'sipclient[media]'")


def fault(code: int) -> str:
    """libopus's words for a result below zero."""
    return str(library().opus_strerror(code).decode())
