"""Tones as values: what sounds, how loud, how long, how often. Pure."""

from __future__ import annotations

import msgspec

from sipclient.errors import MediaError

VOLUME = -7.0  # dBm0, of a script that says nothing: as in FreeSWITCH
QUIETEST, LOUDEST = -63.0, 0.0
PAUSES = {"w": 500.0, "W": 1000.0}  # ms between digits, as FreeSWITCH's dial strings have them
# ITU-T Q.23: the row's frequency and the column's, in Hz.
KEYS: dict[str, tuple[float, float]] = {
    key: (row, column)
    for row, keys in zip((697.0, 770.0, 852.0, 941.0), ("123A", "456B", "789C", "*0#D"), strict=True)
    for column, key in zip((1209.0, 1336.0, 1477.0, 1633.0), keys, strict=True)
}


class ToneStep(msgspec.Struct, frozen=True):
    """`on` ms of some frequencies (Hz) at once, then `off` ms of silence. No frequency: `on` is silent too.

    `volume` is in dBm0, of the sum at its loudest; 0 dBm0 is -6.2 dBov. It rises or falls by `ramp` dB every
    `ramp_every` ms, as far as the limits.
    """

    on: float
    off: float
    frequencies: tuple[float, ...] = ()
    volume: float = VOLUME
    ramp: float = 0.0
    ramp_every: float = 0.0


class ToneScript(msgspec.Struct, frozen=True):
    """Steps, one after the other, so many times; `loops` None: without end."""

    steps: tuple[ToneStep, ...]
    loops: int | None = 1


def dtmf_tones(digits: str, on: float = 100.0, off: float = 100.0) -> ToneScript:
    """Key presses in the band of the voice (ITU-T Q.23): `0` to `9`, `*`, `#`, `A` to `D`; `w` waits half a second,
    `W` a second. `on` and `off` in ms; ITU-T Q.24 asks for 40 of each. Raises MediaError for anything else."""
    steps = []
    for digit in digits:
        if digit in PAUSES:
            steps.append(ToneStep(0.0, PAUSES[digit]))
        elif digit.upper() in KEYS:
            steps.append(ToneStep(on, off, KEYS[digit.upper()]))
        else:
            raise MediaError(f"{digit!r} is no key of a telephone: use 0 to 9, *, #, A to D, and w for a pause")
    return ToneScript(tuple(steps))
