"""What is wrong with a robot.toml, told one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from sipclient.config.lines import Lines, Path
from sipclient.config.values import visible
from sipclient.errors import ConfigError

Severity: TypeAlias = Literal["error", "warning"]

LONGEST_MESSAGE = 500  # characters
_LONGEST_KEY = 64  # characters of a key said back
_DEEPEST = 8  # parts of a path: the file's own tables have five


class Finding(msgspec.Struct, frozen=True):
    """One thing to say about the file: an `error` keeps it from being loaded, a `warning` is probably not meant."""

    severity: Severity
    message: str
    file: str = ""
    line: int = 0
    key: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.severity}: {self.message}"


class Findings:
    """Collects findings, and knows the line of each path and what may be believed.

    A table with a mistake is still held against the others, less what the mistake is about: `sound` says whether
    a value is the file's own. Elements that could not be read are left out of their list: `moved` has, by the path
    of such a list, the places in the file of those that are left.
    """

    def __init__(self, file: str, lines: Lines) -> None:
        self._file = file
        self._lines = lines
        self._found: dict[tuple[int, str], Finding] = {}
        self._doubted: set[Path] = set()
        self._around: set[Path] = set()  # what a doubted path is within
        self.moved: dict[Path, list[int]] = {}

    def add(self, severity: Severity, path: Path, message: str) -> None:
        """Say something about what stands at `path`; the same words for the same line are said once."""
        path = self._in_file(path)
        line, key = self._lines.of(path), dotted(path)
        message = visible(message)
        if len(message) > LONGEST_MESSAGE:
            message = f"{message[: LONGEST_MESSAGE - 3]}..."
        self._found.setdefault((line, message), Finding(severity, message, self._file, line, key))

    def error(self, path: Path, message: str) -> None:
        """A mistake: nothing at `path` is believed any more."""
        self.missing(path, message)
        self.doubt(path)

    def missing(self, path: Path, message: str) -> None:
        """A mistake that says nothing against the rest of the table at `path`."""
        self.add("error", path, f"{dotted(self._in_file(path))}: {message}" if path else message)

    def doubt(self, path: Path) -> None:
        """What stands at `path` is not what the file says, or not all of it."""
        if path:
            self._doubted.add(path)
            self._around.update(path[:length] for length in range(1, len(path)))

    def sound(self, *path: str | int) -> bool:
        """Whether all that stands at `path` is what the file says, or the default where it says nothing."""
        within = any(path[:length] in self._doubted for length in range(1, len(path) + 1))
        return not within and path not in self._around

    def warning(self, path: Path, message: str) -> None:
        """Probably not meant."""
        self.add("warning", path, f"{dotted(self._in_file(path))}: {message}" if path else message)

    def _in_file(self, path: Path) -> Path:
        """The path with the places list elements have in the file."""
        if not self.moved:
            return path
        steps = (
            self.moved[path[:depth]][step] if isinstance(step, int) and path[:depth] in self.moved else step
            for depth, step in enumerate(path)
        )
        return tuple(steps)

    def listed(self) -> list[Finding]:
        """All of them, in the order of the file."""
        return sorted(self._found.values(), key=lambda finding: finding.line)


def dotted(path: Sequence[str | int]) -> str:
    """A path as the user reads it: `rules[1].call.to`, list elements counted from 1."""
    return "".join(f"[{part + 1}]" if isinstance(part, int) else f".{_cut(part)}" for part in path[:_DEEPEST]).lstrip(
        "."
    )


def _cut(key: str) -> str:
    return key if len(key) <= _LONGEST_KEY else f"{key[: _LONGEST_KEY - 3]}..."


def config_error(finding: Finding) -> ConfigError:
    """The finding as the exception `load` raises."""
    return ConfigError(finding.message, file=finding.file, line=finding.line, key=finding.key)
