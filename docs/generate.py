"""Write the generated parts of docs/ again: the state diagrams and the names of dial strings from their tables, the
conformance table from the tests, and the differences with the clients of the captures from their replays.

Run `make docs`; a test holds the result up to date.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sipclient.dialling.names import ALWAYS, DOES, REFUSED, STEERING  # noqa: E402
from sipclient.protocol.tables import STARTS, TABLES, S  # noqa: E402
from tests.trace.replaying.judged import page as replays  # noqa: E402

CITATION = re.compile(r"RFC (\d{3,5})((?:,? (?:and )?§+[\d.]*\d)+)?")
SECTION = re.compile(r"§+([\d.]*\d)")
TITLES = {
    "INVITE client": "INVITE client transaction (RFC 3261 §17.1.1, RFC 6026 §7.2)",
    "client": "Non-INVITE client transaction (RFC 3261 §17.1.2)",
    "INVITE server": "INVITE server transaction (RFC 3261 §17.2.1, RFC 6026 §7.1)",
    "server": "Non-INVITE server transaction (RFC 3261 §17.2.2)",
}
INITIAL = {"INVITE client": S.CALLING, "client": S.TRYING, "INVITE server": S.PROCEEDING, "server": S.TRYING}


def state_machines() -> str:
    """The four transaction machines as mermaid diagrams, drawn from the tables the engine runs on."""
    parts = [
        "# State machines",
        "",
        "Drawn from the tables in `sipclient/protocol/tables.py` by `make docs`; do not edit. An event that has no",
        "arrow in a state is absorbed there.",
    ]
    for kind, table in TABLES.items():
        parts += ["", f"## {TITLES[kind]}", "", "```mermaid", "stateDiagram-v2", f"    [*] --> {INITIAL[kind]}"]
        for (state, event), (after, actions) in table.items():
            target = "[*]" if after is S.TERMINATED else after
            doing = f" / {', '.join(actions)}" if actions else ""
            parts.append(f"    {state} --> {target}: {event}{doing}")
        for (of, state), timers in STARTS.items():
            if of == kind:
                parts.append(f"    note right of {state}: starts {', '.join(timers)}")
        parts.append("```")
    return "\n".join(parts) + "\n"


def cited(text: str) -> set[tuple[int, str]]:
    """The (RFC, section) pairs a text cites; the section is empty where the whole RFC is meant."""
    found: set[tuple[int, str]] = set()
    for rfc, sections in CITATION.findall(text):
        numbers = SECTION.findall(sections)
        found |= {(int(rfc), number) for number in numbers} or {(int(rfc), "")}
    return found


def tests_by_citation() -> dict[tuple[int, str], set[str]]:
    """Which tests prove which section: by what a test says of itself, or its file of all of them."""
    rows: dict[tuple[int, str], set[str]] = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        source = path.read_text()
        tree = ast.parse(source)
        name = path.relative_to(ROOT).as_posix()
        for pair in cited(ast.get_docstring(tree) or ""):
            rows[pair].add(name)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                text = "\n".join(source.splitlines()[first - 1 : node.end_lineno])
                for pair in cited(text):
                    rows[pair].add(f"{name}::{node.name}")
    return rows


def sources_by_citation() -> dict[tuple[int, str], set[str]]:
    """Which files say that they obey which section."""
    rows: dict[tuple[int, str], set[str]] = defaultdict(set)
    for path in sorted((ROOT / "sipclient").rglob("*.py")):
        for pair in cited(path.read_text()):
            rows[pair].add(path.relative_to(ROOT / "sipclient").as_posix())
    return rows


def conformance() -> str:
    """RFC section, the code that cites it, the tests that cite it."""
    tests, sources = tests_by_citation(), sources_by_citation()

    def order(pair: tuple[int, str]) -> tuple[int, list[int]]:
        return pair[0], [int(part) for part in pair[1].split(".") if part]

    lines = [
        "# Conformance",
        "",
        "Made by `make docs` from the citations in the code and in the tests; do not edit. A section with no test of",
        "its own is covered by the tests of the room that cites it, but none names it.",
        "",
        "| section | obeyed in | named by the tests |",
        "| --- | --- | --- |",
    ]
    for pair in sorted(set(tests) | set(sources), key=order):
        rfc, section = pair
        title = f"RFC {rfc} §{section}" if section else f"RFC {rfc}"
        where = ", ".join(f"`{each}`" for each in sorted(sources.get(pair, ())))
        proof = "<br>".join(f"`{each.removeprefix('tests/')}`" for each in sorted(tests.get(pair, ())))
        lines.append(f"| {title} | {where} | {proof} |")
    return "\n".join(lines) + "\n"


def dial_strings() -> str:
    """What each FreeSWITCH name does, from the tables that the parser reads."""

    def cell(text: str) -> str:
        return f" {text.replace('|', chr(92) + '|')} " if text else " "

    lines = [
        "# The names of dial strings",
        "",
        "Made by `make docs` from `sipclient/dialling/names.py`; do not edit. How dial strings are written is told in",
        "[dialling](dialling.md#dial-strings).",
        "",
        "## What they do here",
        "",
        "| name | what it does |",
        "| --- | --- |",
        *(f"| `{name}` |{cell(text)}|" for name, text in DOES.items()),
        "",
        "## What is always so",
        "",
        "| name | the one value it may have | because |",
        "| --- | --- | --- |",
        *(f"| `{name}` | `{each.value}` |{cell(each.why)}|" for name, each in ALWAYS.items()),
        "",
        "## What is refused",
        "",
        "A name that ends in `*` stands for all others that begin so. Any name that is neither here nor above is a",
        "variable of your own.",
        "",
        "| name | what to do |",
        "| --- | --- |",
        *(f"| `{name}` |{cell(text)}|" for name, text in REFUSED.items()),
        *(f"| `{name}*` | |" for name in sorted(STEERING)),
    ]
    return "\n".join(lines) + "\n"


GENERATED = {
    "state-machines.md": state_machines,
    "dial-strings.md": dial_strings,
    "conformance.md": conformance,
    "replays.md": replays,
}


def main() -> None:
    """Write every generated page."""
    for name, make in GENERATED.items():
        (ROOT / "docs" / name).write_text(make())


if __name__ == "__main__":
    main()
