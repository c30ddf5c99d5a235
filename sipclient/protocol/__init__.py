"""What a user agent does: the engine, its values, and the usages built on it. No I/O, no clock, no randomness."""

from sipclient.protocol.account import Account
from sipclient.protocol.agent import UserAgent
from sipclient.protocol.identifiers import Identifiers
from sipclient.protocol.limits import Limits

__all__ = ["Account", "Identifiers", "Limits", "UserAgent"]
