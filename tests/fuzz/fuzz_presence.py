"""Fuzz one sentence: any bytes are a value or MalformedBody, and a table takes any sequence of values.

Run it with atheris: `python tests/fuzz/fuzz_presence.py -max_len=4096 [CORPUS]`, or without one over the
files given (`python tests/fuzz/fuzz_presence.py --replay FILE...`), which needs nothing installed.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from sipclient.presence import PACKAGES, DialogInfo, DialogTable, MalformedBody, parse

TYPES = (
    *(kind for kinds in PACKAGES.values() for kind in kinds),
    "multipart/related;boundary=b",
    "application/pidf+xml;charset=utf-16",
)


def one_input(data: bytes) -> None:
    """The first byte chooses the content type, the rest is documents, separated by 0xFF 0x00."""
    if not data:
        return
    kind = TYPES[data[0] % len(TYPES)]
    table = DialogTable()
    for body in data[1:].split(b"\xff\x00"):
        try:
            value = parse(kind, body)
            if isinstance(value, DialogInfo):
                table.apply(value)
        except MalformedBody:
            continue


def main(arguments: list[str]) -> None:
    if arguments[1:2] == ["--replay"]:
        for name in arguments[2:]:
            one_input(Path(name).read_bytes())
        return
    atheris = importlib.import_module("atheris")
    atheris.instrument_all()
    atheris.Setup(arguments, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
