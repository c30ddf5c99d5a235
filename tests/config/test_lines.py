"""Where things stand in a TOML text, held against tomllib: every path it gives has its line."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipclient.config.lines import Lines, Path

TEXT = '''# a comment
top = 1
"quoted key".'x' = """
several
lines with "quotes" and \\""" three"""
[a.b]   # here
x = 'it "is # no comment'
list = [
    1,  # ] not the end
    "two",
    [3, 4], { five = 5, six = [
        6,
    ] },

]
[[arr]]
k = 1979-05-27 07:32:00
[arr.inner]
z = { p.q = "}", r = 2 }
[[arr]]
[[arr.deep]]
n = 1
[[arr.deep]]
[arr.deep.er]
m = true
[c]
a.b = 1
a.c = """x"""""
[a]
late = -1.5e3
'''

WHERE: list[tuple[Path, int]] = [
    (("top",), 2),
    (("quoted key",), 3),
    (("quoted key", "x"), 3),
    (("a",), 6),
    (("a", "b"), 6),
    (("a", "b", "x"), 7),
    (("a", "b", "list"), 8),
    (("a", "b", "list", 0), 9),
    (("a", "b", "list", 1), 10),
    (("a", "b", "list", 2, 1), 11),
    (("a", "b", "list", 3, "six"), 11),
    (("a", "b", "list", 3, "six", 0), 12),
    (("arr",), 16),
    (("arr", 0), 16),
    (("arr", 0, "k"), 17),
    (("arr", 0, "inner"), 18),
    (("arr", 0, "inner", "z", "p", "q"), 19),
    (("arr", 0, "inner", "z", "r"), 19),
    (("arr", 1), 20),
    (("arr", 1, "deep", 0), 21),
    (("arr", 1, "deep", 0, "n"), 22),
    (("arr", 1, "deep", 1), 23),
    (("arr", 1, "deep", 1, "er", "m"), 25),
    (("c", "a", "b"), 27),
    (("c", "a", "c"), 28),
    (("a", "late"), 30),
    (("arr", 1, "none", 5), 20),
    (("nowhere",), 1),
]


@pytest.mark.parametrize(("path", "line"), WHERE)
def test_lines(path: Path, line: int) -> None:
    tomllib.loads(TEXT)
    assert Lines(TEXT).of(path) == line


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*path, key)
        yield from paths(part, (*path, key))


def test_every_path_has_a_line() -> None:
    lines = Lines(TEXT)
    assert [path for path in paths(tomllib.loads(TEXT)) if path not in lines._lines] == []


KEYS = st.sampled_from(["a", "b", "c-d", '"e f"', "'g'", "a.b", '"x.y"', "1"])
SCALARS = st.sampled_from(
    ['"s"', "'l'", "1", "-0.5", "true", '"""m\n\n"""', "'''\n\"\n'''", '"\\"]"', "'#'", "1979-05-27"]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[\n" + ", # ,\n".join(items) + "\n]")
        | st.lists(st.tuples(KEYS, SCALARS), max_size=2).map(
            lambda pairs: "{" + ", ".join(f"{key} = {value}" for key, value in pairs if "\n" not in value) + "}"
        )
    ),
    max_leaves=5,
)
LINES = st.lists(
    st.tuples(KEYS, VALUES).map(lambda pair: f"{pair[0]} = {pair[1]}  # x")
    | KEYS.map(lambda key: f"[{key}]")
    | KEYS.map(lambda key: f"  [[ {key} ]] # x"),
    max_size=8,
)


@given(LINES)
def test_every_path_of_any_document_has_a_line(parts: list[str]) -> None:
    text = "\n\n".join(parts)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = Lines(text)
    for path in paths(document):
        assert path in lines._lines
        if isinstance(path[-1], str):
            assert path[-1] in text.splitlines()[lines.of(path) - 1]
