"""Tones in FreeSWITCH's words: its tone generation language (TGML), `tone_stream://`, and `us-ring` by name. Pure.

What libteletone does is done here too, also where its documentation says otherwise: `l` repeats the next tone only.
Where it drops or misreads something in silence, here is an error that says what and where.
"""

from __future__ import annotations

import re

from sipclient.errors import MediaError
from sipclient.media.tones.countries import named_tone
from sipclient.media.tones.script import KEYS, LOUDEST, QUIETEST, VOLUME, ToneScript, ToneStep

SCHEME = "tone_stream://"
_LONGEST_TEXT = 65536
_LONGEST = 86_400_000.0  # ms: a day
_MOST_STEPS = 10_000
_MOST_FREQUENCIES = 18  # of one tone, as in libteletone
_LOWEST, _HIGHEST = 10.0, 24000.0  # Hz
_NAME = re.compile(r"\$?\$?\{?([a-z]{2,}(?:-[a-z]+)*)\}?")
_SETTING = re.compile(r"(loops|[crdvwlL><+])\s*=\s*(.*)", re.DOTALL)
_TONE = re.compile(r"\s*(%|[0-9A-Da-d*#])(?:\(([^()]*)\))?\s*")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)", re.ASCII)


def parse_tones(text: str) -> ToneScript:
    """What a script, a `tone_stream://` or a name stands for. Raises MediaError, in the script's own words.

    A name (`us-ring`, `de-busy`, also as `${us-ring}`) sounds until it is stopped, unless `;loops=N` follows.
    """
    body = text.strip().removeprefix(SCHEME)
    if len(body) > _LONGEST_TEXT:
        raise MediaError(f"a tone script of {len(body)} characters: {_LONGEST_TEXT} is the most")
    return _Reader(body).script()


class _Reader:
    """One script being read: what its settings say so far, and the steps so far."""

    def __init__(self, body: str) -> None:
        self._body = body
        self._steps: list[ToneStep] = []
        self._on, self._off = 250.0, 62.5  # ms: libteletone's 2000 and 500 samples at 8 kHz
        self._volume = VOLUME
        self._every, self._direction, self._size = 0.0, 0, 1.0
        self._repeat = 1
        self._script_loops = 1
        self._loops: int | None = 1

    def script(self) -> ToneScript:
        items = self._body.split(";")
        found = named_tone(match[1]) if (match := _NAME.fullmatch(items[0].strip())) else None
        if found is not None:
            self._steps.extend(found.steps)
            self._loops = found.loops
            items = items[1:]
        for item in items:
            if item := item.strip():
                setting = _SETTING.fullmatch(item)
                if setting:
                    self._set(setting[1], setting[2].strip())
                else:
                    self._tones(item)
        if not any(step.on + step.off for step in self._steps):
            raise self._wrong("it has no tone that lasts")
        return ToneScript(tuple(self._steps), self._loops if self._loops is None else self._loops * self._script_loops)

    def _set(self, name: str, value: str) -> None:
        number = self._number(value, name)
        if name == "d":
            self._on = self._time(number)
        elif name == "w":
            self._off = self._time(number)
        elif name == "v":
            if not QUIETEST <= number <= LOUDEST:
                raise self._wrong(f"v={value}: a volume is from {QUIETEST:g} to {LOUDEST:g} dB")
            self._volume = number
        elif name in "<>":
            self._every, self._direction = self._time(number), 1 if name == "<" else -1
        elif name == "+":
            self._size = number
        elif name == "l":
            self._repeat = self._count(number, name)
        elif name == "L":
            self._script_loops = self._count(number, name)
        elif name == "loops":
            self._loops = None if number == -1 else self._count(number, name)
        elif number not in (1, 2) if name == "c" else not 4000 <= number <= 192000:
            # Neither changes what is heard: tones are made at the rate of the call, alike in every channel.
            raise self._wrong(f"{name}={value}: that many " + ("channels" if name == "c" else "samples a second"))

    def _tones(self, item: str) -> None:
        at = 0
        while at < len(item):
            match = _TONE.match(item, at)
            if match is None:
                raise self._wrong(f"{item[at:].split()[0]!r} is neither a tone, a key nor a setting")
            if item.startswith("(", match.end()):
                raise self._wrong(f"the ( after {match[1]} is not closed")
            step = self._step(match[1], match[2])
            self._steps.extend([step] * self._repeat)
            self._repeat = 1
            if len(self._steps) > _MOST_STEPS:
                raise self._wrong(f"it has more than {_MOST_STEPS} tones")
            at = match.end()

    def _step(self, what: str, inside: str | None) -> ToneStep:
        numbers = (
            [self._number(each.strip(), f"{what}({inside})") for each in (inside or "").split(",")] if inside else []
        )
        if what == "%":
            if len(numbers) < 3:
                raise self._wrong(f"%({inside or ''}): a tone is %(ms on, ms off, Hz, Hz, ...)")
            frequencies = tuple(self._frequency(number) for number in numbers[2:] if number)
            if len(frequencies) > _MOST_FREQUENCIES:
                raise self._wrong(f"{len(frequencies)} frequencies at once: {_MOST_FREQUENCIES} is the most")
        elif inside is not None and len(numbers) != 2:
            raise self._wrong(f"{what}({inside}): a key is {what} or {what}(ms on, ms off)")
        else:
            frequencies = KEYS[what.upper()]
        on, off = (self._time(number) for number in numbers[:2]) if numbers else (self._on, self._off)
        return ToneStep(on, off, frequencies, self._volume, self._direction * self._size, self._every)

    def _number(self, text: str, where: str) -> float:
        if not _NUMBER.fullmatch(text):
            raise self._wrong(f"{where}: {text!r} is no number")
        return float(text)

    def _time(self, number: float) -> float:
        if not 0 <= number <= _LONGEST:
            raise self._wrong(f"{number:g} ms is no time: 0 to {_LONGEST:.0f} is")
        return number

    def _frequency(self, number: float) -> float:
        if not _LOWEST <= number <= _HIGHEST:
            raise self._wrong(f"{number:g} Hz cannot be heard: {_LOWEST:g} to {_HIGHEST:g} can, and 0 is silence")
        return number

    def _count(self, number: float, name: str) -> int:
        if not (number.is_integer() and 1 <= number <= 1_000_000):
            endless = "; for no end write loops=-1" if name != "loops" else ", or -1 for no end"
            raise self._wrong(f"{name}={number:g} is no number of times: 1 and more is{endless}")
        return int(number)

    def _wrong(self, what: str) -> MediaError:
        shown = self._body if len(self._body) <= 60 else self._body[:57] + "..."
        return MediaError(f"tone {shown!r}: {what}")
