"""SIP messages as a log may show them: without what proves who we are."""

from __future__ import annotations

import re

# With their folded lines. The names have no compact form (RFC 3261 §20.7, §20.28).
_CREDENTIALS = re.compile(
    r"^((?:Proxy-)?Authorization[ \t]*:)[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*", re.IGNORECASE | re.MULTILINE
)
# The key of an SDES line (RFC 4568 §9.1).
_KEY = re.compile(r"(inline:)[^ \t\r\n]+", re.IGNORECASE)


def first_line(data: bytes) -> str:
    """The start line alone."""
    return data.lstrip().split(b"\n", 1)[0].rstrip().decode("utf-8", "backslashreplace")


def whole(data: bytes) -> str:
    """The message with the values of Authorization and Proxy-Authorization, and SDES keys, replaced by `***`."""
    text = data.decode("utf-8", "backslashreplace")
    return _KEY.sub(r"\1***", _CREDENTIALS.sub(r"\1 ***", text))
