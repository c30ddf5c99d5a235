"""What is told of a bridge, and of its calls."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec


class BridgeProgress(msgspec.Struct, frozen=True):
    """What became of one call of a bridge, or of the bridge.

    `leg` is `a` or `b`, empty for both. `state` is a state of the call, `waiting` for another attempt (`seconds` from
    now), or, of the bridge, `bridged`, `not-recorded` (`reason` says why: it goes on), `announcing` (the one who waits
    hears that the other one was not reached) and, the last of all, `failed` or `ended`: these three with the status,
    cause and reason of whose call failed, or who hung up. `id` and `variables` are those that whoever asked for the
    bridge gave it.
    """

    id: str
    leg: str
    state: str
    to: str = ""
    call_id: str = ""
    attempt: int = 0
    status: int = 0
    cause: str = ""
    reason: str = ""
    seconds: float = 0.0
    variables: Mapping[str, str] = MappingProxyType({})
