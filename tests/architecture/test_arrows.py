"""Imports point down only, and the pure rooms import nothing that has a clock, a socket or chance of its own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import sipclient

ROOT = Path(sipclient.__file__).parent
SHELL = frozenset(
    {"message", "sdp", "presence", "protocol", "config", "rules", "dialling", "transport", "media", "store", "trace"}
)
# `client.py` and `call.py` at the top are the public part of this room; they count as it.
FACE = "face"
ROOMS: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "message": frozenset(),
    "sdp": frozenset(),
    "presence": frozenset(),
    "protocol": frozenset({"message", "sdp", "presence"}),
    "config": frozenset({"message"}),
    "rules": frozenset({"protocol.events", "config"}),
    "dialling": frozenset({"message", "config"}),
    "transport": frozenset({"message", "protocol.events", "protocol.account"}),
    "media": frozenset({"sdp"}),
    "store": frozenset({"rules"}),
    "trace": frozenset({"message", "sdp", "presence", "protocol", "rules", "config"}),
    FACE: SHELL,
    "robot": SHELL | {FACE},
    "lab": SHELL | {FACE},
    "web": SHELL | {FACE, "robot"},
    "cli": SHELL | {FACE, "robot", "lab", "web"},
}
PURE = ("message", "sdp", "presence", "config", "protocol", "rules", "dialling", "trace")
FORBIDDEN = frozenset({"asyncio", "time", "random", "secrets", "socket", "ssl", "os", "uuid", "threading"})


def imports(path: Path) -> set[str]:
    """Every module a file imports, whole names, those inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def room_of(module: str) -> str:
    """The room of a module of ours: its folder, `errors`, or, of the files at the top, the asyncio face."""
    parts = module.split(".")
    if len(parts) == 1:
        return FACE
    return parts[1] if parts[1] == "errors" or (ROOT / parts[1]).is_dir() else FACE


FILES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    module = ".".join(("sipclient", *path.relative_to(ROOT).with_suffix("").parts))
    here = room_of(module.removesuffix(".__init__"))
    if path.relative_to(ROOT).parts[0] in ("__main__.py",):
        here = "cli"
    for imported in imports(path):
        if not imported.startswith("sipclient."):
            continue
        room = room_of(imported)
        if room in (here, "errors"):
            continue
        allowed = ROOMS[here]
        inside = imported.removeprefix("sipclient.")
        assert room in allowed or any(inside == each for each in allowed), f"{module} imports {imported}"


@pytest.mark.parametrize(
    "path",
    [path for room in PURE for path in sorted((ROOT / room).rglob("*.py"))],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_pure_rooms_import_no_io_clock_or_chance(path: Path) -> None:
    assert not {name.partition(".")[0] for name in imports(path)} & FORBIDDEN
