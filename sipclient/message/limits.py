"""How much of a message we are willing to look at."""

from __future__ import annotations

from typing import Final

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """Bounds on one message, and the status its sender gets beyond each.

    The largest datagram is the default for whole messages, on streams too: a UAS need not take more than the
    64 KiB of RFC 3261 §18.1.1. Lists are bounded so that a message of nothing but commas stays cheap.
    """

    message: int = 65535  # bytes of start line, headers and body together: 413
    headers: int = 256  # header lines: 400
    uri: int = 8192  # characters of the Request-URI: 414


DEFAULT: Final = Limits()

MAX_VALUES: Final = 512  # elements of one comma-separated header line, and parameters of one value: 400
MAX_DELTA: Final = 2**32 - 1  # RFC 3261 §20.19: delta-seconds above are taken as this
