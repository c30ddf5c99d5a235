"""What proves that a webhook's event is ours, as the Standard Webhooks specification has it."""

from __future__ import annotations

import base64
import hashlib
import hmac

_PREFIX = "whsec_"


def key_of(secret: str) -> bytes:
    """The key in a secret, which was checked with its file: what follows `whsec_` is base64, anything else is taken
    as it stands."""
    return base64.b64decode(secret.removeprefix(_PREFIX)) if secret.startswith(_PREFIX) else secret.encode()


def signed(secret: str, id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of one delivery. `timestamp` is in seconds since 1970; no secret, no signature.

    Whoever receives it compares the HMAC-SHA256 of `id.timestamp.body`, and refuses what is older than some minutes.
    """
    headers = {"Webhook-Id": id, "Webhook-Timestamp": str(timestamp)}
    if secret:
        content = f"{id}.{timestamp}.".encode() + body
        digest = hmac.new(key_of(secret), content, hashlib.sha256).digest()
        headers["Webhook-Signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers
