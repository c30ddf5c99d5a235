"""What may be asked for over HTTP, as values: their JSON is the body of a request.

Durations are seconds, or as robot.toml writes them (`"45s"`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, TypeAlias

import msgspec

from sipclient.config.values import Mistake, Seconds
from sipclient.errors import InvalidValue, MediaError
from sipclient.media.sound import open_source
from sipclient.media.tones.countries import named_tone

Duration: TypeAlias = float | Annotated[str, msgspec.Meta(max_length=20)]
Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=1024)]
Target: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]
Headers: TypeAlias = Annotated[dict[Annotated[str, msgspec.Meta(max_length=100)], Text], msgspec.Meta(max_length=50)]

_TONES = ("%(", "silence_stream://", "tone_stream://", "${")
_SCRIPT = "tone_stream://path="


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of all: a key that is none of these is a mistake."""


class RetryWish(Wish, frozen=True):
    """Further attempts: at most `times` after the first, on these causes or statuses, `wait` apart, each wait `backoff`
    times the one before."""

    on: Annotated[list[Annotated[str, msgspec.Meta(max_length=60)] | int], msgspec.Meta(min_length=1, max_length=50)]
    times: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 3
    wait: Duration = 10.0
    backoff: Annotated[float, msgspec.Meta(ge=0.1, le=100)] = 1.0


class CallWish(Wish, frozen=True):
    """A call: `to` is a number, a URI or a FreeSWITCH dial string. `variables` travel as `X-` headers. Once it is
    answered it is recorded (`record`: true, or a name), and `play` is played: files beside robot.toml, tones, silence.
    `hangup_after_play` ends it then."""

    to: Target
    account: Text = ""
    caller_id: Text = ""
    headers: Headers = {}
    variables: Headers = {}
    timeout: Duration = 45.0
    retry: RetryWish | None = None
    play: Text | list[Text] = ""
    hangup_after_play: bool = False
    record: bool | Text = False
    stereo: bool = True
    id: Text = ""


class BridgeWish(Wish, frozen=True):
    """Two calls, joined: `b` is dialled once `a` has answered, or `at_once`. `timeout` is until both talk,
    `leg_timeout` until each must answer.
    `a` hears `ringback` while `b` rings, and `announcement` where it is not reached."""

    a: Target
    b: Target
    id: Text = ""
    account: Text = ""
    caller_id: Text = ""
    headers: Headers = {}
    variables: Headers = {}
    ringback: Text | None = None
    announcement: Text = ""
    record: bool | Text = False
    stereo: bool | None = None
    timeout: Duration | None = None
    leg_timeout: Duration = 45.0
    progress_timeout: Duration = 0.0
    retry: RetryWish | None = None
    ignore_early_media: bool = False
    at_once: bool = False
    hangup_after_bridge: bool | None = None


class PlayWish(Wish, frozen=True):
    """Play this, `loops` times (null: without end), with so much silence before each repetition; or `stop`."""

    play: Text | list[Text] = ""
    loops: Annotated[int, msgspec.Meta(ge=1, le=10_000)] | None = 1
    pause: Duration = 0.0
    stop: bool = False


class RecordWish(Wish, frozen=True):
    """Record from now on, under a name or one that is made; or `stop`."""

    record: bool | Text = True
    stereo: bool = True
    stop: bool = False


class DtmfWish(Wish, frozen=True):
    """Press keys: `0-9 * # A-D`, and `,` to wait half a second."""

    digits: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    method: Annotated[str, msgspec.Meta(pattern="^(auto|rtp|info)$")] = "auto"


class HoldWish(Wish, frozen=True):
    """Put the far end on hold, or take it back."""

    hold: bool = True


class TransferWish(Wish, frozen=True):
    """Have the far end call somebody else; `[dial] allow` must name him."""

    to: Target
    timeout: Duration = 30.0


def seconds(what: str, value: Duration) -> float:
    """A duration in seconds. Raises InvalidValue."""
    try:
        return float(Seconds.from_toml(value))
    except Mistake as mistake:
        raise InvalidValue(f"{what}: {mistake}") from mistake


def retry_of(wish: RetryWish | None) -> Mapping[str, object] | None:
    """As `read_retry` takes it."""
    return msgspec.to_builtins(wish) if wish is not None else None


def sound_of(text: str, folder: str) -> str | Path:
    """What is to be played: a tone or silence as it is, a file beside robot.toml and below, by its relative path.

    Raises InvalidValue for any other file: who may call is not thereby allowed to hear this machine's files. Raises
    MediaError for what cannot be played.
    """
    if text.startswith(_SCRIPT) or "\0" in text:
        raise InvalidValue(f'"{text[:80]}" may not be played from here')
    if text.startswith(_TONES) or named_tone(text.partition(";")[0].strip()) is not None:
        open_source(text).stop()
        return text
    inside = PurePosixPath(text)
    if inside.is_absolute() or ".." in inside.parts or "\\" in text or "://" in text:
        raise InvalidValue(f'"{text[:80]}" may not be played from here: name a file beside robot.toml, or a tone')
    path = (Path(folder) / inside).resolve()
    if not path.is_relative_to(Path(folder).resolve()):
        raise InvalidValue(f'"{text[:80]}" may not be played from here: it leads out of the folder of robot.toml')
    try:
        open_source(path).stop()
    except MediaError as error:  # where its folder is on this machine is not theirs to know
        raise MediaError(str(error).replace(str(path), text)) from error
    return path


def sounds_of(what: str | list[str], folder: str) -> list[str | Path]:
    """The same for several, in their order."""
    texts = [what] if isinstance(what, str) else what
    return [sound_of(text, folder) for text in texts if text]
