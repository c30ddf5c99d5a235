"""Lines of a log that say why, between the messages: what the programs themselves call the cause.

FreeSWITCH writes the first two at level DEBUG only (switch_core_media.c, seen in 1.10.12); Asterisk's is in
res_pjsip_session.c.
"""

from __future__ import annotations

import re

import msgspec

_WORDS = {
    "ice-candidates-refused": r"no suitable candidates found|NO candidate ACL defined, Defaulting to wan\.auto",
    "codec-mismatch": r"CODEC NEGOTIATION ERROR|Couldn't negotiate stream",
}
_ANY = re.compile("|".join(f"(?P<{id.replace('-', '_')}>{words})" for id, words in _WORDS.items()))
_SHOWN = 200  # characters of a line


class Remark(msgspec.Struct, frozen=True):
    """One such line: its number in the file, the finding it speaks of, and its text."""

    line: int
    finding: str
    text: str


def remark(line: int, text: str) -> Remark | None:
    """The line as a remark, None where it is none."""
    found = _ANY.search(text)
    if found is None:
        return None
    return Remark(line, (found.lastgroup or "").replace("_", "-"), text.strip()[:_SHOWN])
