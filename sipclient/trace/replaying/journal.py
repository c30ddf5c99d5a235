"""The journal of a run: every input of the engine and of the rules, one JSON object a line, so that a replay is exact.

The first line says who wrote it and with which robot.toml; what follows is in the order in which it happened. An
input (`receive`, `tick`, `do`) is followed by what was drawn while it was handled, and by what was sent. There is no
password in it: accounts have a stand-in, and digests, media keys and ICE passwords are masked, the same everywhere.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Final, get_args

import msgspec

from sipclient.errors import TraceError
from sipclient.protocol.events import Command, Input, Packet, Send
from sipclient.rules.values import Event, Job, Requested
from sipclient.trace.record import Address, Direction, Record
from sipclient.trace.source import Source, open_source

VERSION: Final = 1
BEGIN: Final = b'{"sipclient":'
NOT_SAID: Final = "***"
ENDING: Final = ".sipjournal"
_NUMBERED: Final = "-0001" + ENDING

_TYPES: dict[str, Any] = {
    each.__name__: each for each in (*get_args(Command), *get_args(Input), *get_args(Event), Send)
}
_SECRETS = re.compile(
    rb'(?P<digest>\bresponse\s*=\s*")[^"\r\n]*|(?P<key>\binline:)(?P<value>[A-Za-z0-9+/=]+)'
    rb"|(?P<ice>\ba=ice-pwd:)(?P<word>[^\s]+)",
    re.IGNORECASE,
)
_LONGEST = 1 << 22  # bytes of a line
_SHOWN = 120  # characters of what is wrong with a line
_SAID_NOWHERE = frozenset({"password", "turn_password", "secret"})
_LEFT_OUT = ("web", "webhooks", "store", "listen", "hep", "otel")  # no part of what the engine and the rules decide


Seconds = Annotated[float, msgspec.Meta(ge=0.0, lt=1e12)]


class Entry(msgspec.Struct, frozen=True):
    """One line. `what` is `begin`, `receive`, `tick`, `do`, `draw`, `send`, `decide`, `remember`, `observe`, `resume`,
    `camps` or `rules`; `at` is in the seconds of the engine's clock, where it has one."""

    what: str
    value: Any
    at: Seconds = 0.0


class Beginning(msgspec.Struct, frozen=True):
    """The first line: the version of the form, who wrote it, when by both clocks, and the robot.toml that held."""

    sipclient: int = 0
    product: str = "sipclient"
    wall: Seconds = 0.0  # since 1970, when the engine's clock was at `now`
    now: Seconds = 0.0
    config: str = ""


class Decision(msgspec.Struct, frozen=True):
    """A question to the rules and what they said."""

    event: Any
    wall: datetime
    said: list[str]


_KINDS: dict[str, tuple[type, ...]] = {
    "receive": get_args(Input), "do": get_args(Command), "send": (Send,), "event": get_args(Event),
}  # fmt: skip
_SHAPES: dict[str, Any] = {
    "tick": bool, "draw": tuple[str, str | float], "remember": list[str], "observe": tuple[str, str, str],
    "resume": Job, "camps": Requested, "rules": str, "decide": Decision,
}  # fmt: skip


# --- writing ----------------------------------------------------------------------------------------


def encode(what: str, value: Any, at: float | None = None) -> bytes:
    """One line, with its end."""
    whole: dict[str, Any] = {} if at is None else {"at": at}
    whole[what] = value if what == "begin" else _plain(value)
    if what == "begin":
        whole = {"sipclient": VERSION, **value}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace") + b"\n"


def masked(data: bytes) -> bytes:
    """A message without what only a password makes; media keys keep their length, so that bodies do."""

    def hide(found: re.Match[bytes]) -> bytes:
        if found["digest"]:
            return found["digest"] + b"..."
        return (found["key"] or found["ice"]) + b"A" * len(found["value"] or found["word"])

    return _SECRETS.sub(hide, data)


def masked_config(text: str) -> str:
    """A robot.toml without its secrets and without what a replay has no use for, as TOML."""
    document = tomllib.loads(text.removeprefix("\ufeff"))
    kept = {key: value for key, value in document.items() if key not in _LEFT_OUT}
    return "".join(f"{_quoted(key)} = {_toml(value)}\n" for key, value in kept.items())


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(k)} = {_toml(v)}" for k, v in value.items() if k not in _SAID_NOWHERE) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return _quoted(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _plain(value: Any) -> Any:
    """Values as JSON has them: a struct with its type, bytes as text where they are."""
    if type(value).__name__ in _TYPES:
        fields = msgspec.to_builtins(value, builtin_types=(bytes,), enc_hook=str)
        return {"type": type(value).__name__, **_without_bytes(fields)}
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return _without_bytes(msgspec.to_builtins(value, builtin_types=(bytes,), enc_hook=str))


def _without_bytes(value: Any) -> Any:
    if isinstance(value, bytes):
        shown = masked(value)
        try:
            return {"text": shown.decode()}
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(shown).decode()}
    if isinstance(value, dict):
        return {key: NOT_SAID if key in _SAID_NOWHERE and each else _without_bytes(each) for key, each in value.items()}
    return [_without_bytes(each) for each in value] if isinstance(value, (list, tuple)) else value


# --- finding ----------------------------------------------------------------------------------------


def files_of(path: Path) -> list[Path]:
    """The files of the run that a folder has last, or of the run that a file belongs to, in their order.

    Raises TraceError where there is none.
    """
    if path.is_dir():
        names = sorted({each.name[: -len(_NUMBERED)] for each in path.glob(f"*{ENDING}")})
        if not names:
            raise TraceError(f"{path} has no journal of a run in it: `sipclient run --trace-dir {path}` writes one")
        run, folder = names[-1], path
    else:
        run, folder = path.name[: -len(_NUMBERED)], path.parent
        if not path.name.endswith(ENDING):
            return [path]
    return [each for each in sorted(folder.glob(f"*{ENDING}")) if each.name[: -len(_NUMBERED)] == run]


def is_run(path: Path) -> bool:
    """Whether a path is a folder of journals or, by its name, a file of one."""
    return path.suffix == ENDING or path.is_dir()


def is_journal(path: Path) -> bool:
    """Whether a path leads to the journal of a run: a folder, or a file that begins as one does."""
    try:
        if is_run(path) or not path.is_file():  # a pipe gives its bytes only once
            return is_run(path)
        with path.open("rb") as file:
            return file.read(len(BEGIN)) == BEGIN
    except (OSError, ValueError):
        return False


def lines_of(source: Source) -> Iterator[bytes]:
    """The lines of a journal, without their ends. Raises TraceError for one that no run writes."""
    rest, number = b"", 0
    while piece := source.read(1 << 16):
        *whole, rest = (rest + piece).split(b"\n")
        number += len(whole)
        if len(rest) > _LONGEST:
            raise TraceError(f"{source.name}:{number + 1}: this line is too long for a journal")
        yield from whole
    if rest:
        yield rest


def lines_in(path: Path) -> Iterator[bytes]:
    """Those of a file."""
    source = open_source(path)
    try:
        yield from lines_of(source)
    finally:
        source.close()


def read_journal(path: Path) -> list[Entry]:
    """Every entry of a run. Raises TraceError."""
    return list(decode(chain.from_iterable(map(lines_in, files_of(path))), str(path)))


# --- reading ----------------------------------------------------------------------------------------


def decode(lines: Iterable[bytes], name: str) -> Iterator[Entry]:
    """The entries of a journal; a last line that was cut is left out. Raises TraceError for what is none."""
    cut = ""
    for number, line in enumerate(lines, 1):
        if cut:
            raise TraceError(f"{name}:{number - 1}: this is no line of a journal: {cut}")
        try:
            yield _entry(json.loads(line, parse_constant=_no_number))
        except (ValueError, TypeError, LookupError, RecursionError, binascii.Error) as error:
            cut = " ".join(str(error).split())[:_SHOWN] or type(error).__name__


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _entry(whole: Any) -> Entry:
    if not isinstance(whole, dict):
        raise TypeError("it is no object")
    if "sipclient" in whole:
        head = msgspec.convert(whole, Beginning)
        if head.sipclient != VERSION:
            raise ValueError(f"version {head.sipclient} of the form is not known here")
        return Entry("begin", head)
    at = msgspec.convert(whole.pop("at", 0.0), Seconds)
    ((what, value),) = whole.items()
    if what in _SHAPES:
        held = msgspec.convert(value, _SHAPES[what])
        if isinstance(held, Decision):
            held = msgspec.structs.replace(held, event=_of_kind("event", held.event))
        return Entry(what, held, at)
    return Entry(what, _of_kind(what, value), at)


def _of_kind(what: str, value: Any) -> Any:
    """The value as one of the structs that such an entry holds; of an entry that is not known here as it is."""
    if what not in _KINDS:
        return value
    held = _value(value)
    if not isinstance(held, _KINDS[what]):
        raise TypeError(f"{what!r} holds no such thing")
    return held


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        kind = value.get("type")
        if kind in _TYPES:
            return msgspec.convert({k: _value(v) for k, v in value.items() if k != "type"}, _TYPES[kind])
        if value.keys() == {"text"} and isinstance(value["text"], str):
            return value["text"].encode("utf-8", "surrogatepass")
        if value.keys() == {"base64"}:
            return base64.b64decode(value["base64"], validate=True)
        return {key: _value(each) for key, each in value.items()}
    return [_value(each) for each in value] if isinstance(value, list) else value


def records_of(entries: Iterable[Entry]) -> Iterator[Record]:
    """The messages of a journal, as those of any trace."""
    began = zero = 0.0
    now = zero
    for number, entry in enumerate(entries, 1):
        if entry.what == "begin":
            began, zero = entry.value.wall, entry.value.now
        now = entry.at or now
        value = entry.value
        if not now or not isinstance(value, Packet | Send) or not value.data.strip():  # no time yet: its input is gone
            continue
        flow, received = value.flow, isinstance(value, Packet)
        here, there = Address(flow.local_host, flow.local_port), Address(flow.remote_host, flow.remote_port)
        source, destination = (there, here) if received else (here, there)
        direction: Direction = "received" if received else "sent"
        at, transport = began + now - zero, flow.transport.upper()
        yield Record(value.data, at, "wall", direction, transport, source, destination, line=number)
