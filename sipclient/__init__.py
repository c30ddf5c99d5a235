"""sipclient: a lightweight SIP user agent in pure asyncio Python."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sipclient.bridging import Bridge as Bridge
    from sipclient.bridging import bridge as bridge
    from sipclient.call import Call as Call
    from sipclient.client import Client as Client
    from sipclient.errors import BridgeFailed as BridgeFailed
    from sipclient.errors import CallFailed as CallFailed
    from sipclient.errors import InvalidValue as InvalidValue
    from sipclient.errors import ListenFailed as ListenFailed
    from sipclient.errors import MediaError as MediaError
    from sipclient.errors import RegistrationFailed as RegistrationFailed
    from sipclient.errors import SipError as SipError
    from sipclient.errors import Unreachable as Unreachable
    from sipclient.errors import WatchFailed as WatchFailed
    from sipclient.face.course import CallState as CallState
    from sipclient.face.incoming import IncomingCall as IncomingCall
    from sipclient.face.progress import BridgeProgress as BridgeProgress
    from sipclient.face.watching import Memory as Memory
    from sipclient.face.watching import Watching as Watching
    from sipclient.presence import State as State
    from sipclient.protocol.account import Account as Account
    from sipclient.protocol.events import CallEnded as CallEnded
    from sipclient.protocol.events import ExtensionChanged as ExtensionChanged

__version__ = "0.1.0"

# Public names are fetched when first asked for: the layers are usable on their own, and whoever wants
# `sipclient.message` alone loads neither asyncio nor the rest.
_HOMES = MappingProxyType(
    {
        "Account": "sipclient.protocol.account",
        "Bridge": "sipclient.bridging",
        "BridgeFailed": "sipclient.errors",
        "BridgeProgress": "sipclient.face.progress",
        "Call": "sipclient.call",
        "CallEnded": "sipclient.protocol.events",
        "CallFailed": "sipclient.errors",
        "CallState": "sipclient.face.course",
        "Client": "sipclient.client",
        "ExtensionChanged": "sipclient.protocol.events",
        "IncomingCall": "sipclient.face.incoming",
        "InvalidValue": "sipclient.errors",
        "ListenFailed": "sipclient.errors",
        "MediaError": "sipclient.errors",
        "Memory": "sipclient.face.watching",
        "RegistrationFailed": "sipclient.errors",
        "SipError": "sipclient.errors",
        "State": "sipclient.presence",
        "Unreachable": "sipclient.errors",
        "WatchFailed": "sipclient.errors",
        "Watching": "sipclient.face.watching",
        "bridge": "sipclient.bridging",
    }
)

__all__ = [
    "Account",
    "Bridge",
    "BridgeFailed",
    "BridgeProgress",
    "Call",
    "CallEnded",
    "CallFailed",
    "CallState",
    "Client",
    "ExtensionChanged",
    "IncomingCall",
    "InvalidValue",
    "ListenFailed",
    "MediaError",
    "Memory",
    "RegistrationFailed",
    "SipError",
    "State",
    "Unreachable",
    "WatchFailed",
    "Watching",
    "__version__",
    "bridge",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'sipclient' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
